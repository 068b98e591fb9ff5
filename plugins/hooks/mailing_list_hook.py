"""HyperKitty, the archive of Mailman 3 lists. Its API needs no account.

Its limitations: the index lists messages by the time they were archived, newest first, but does not contain
that time, nor the bodies, and cannot be filtered by date. Offsets shift when messages arrive or are removed.
The index of a list that does not exist fails with 500; only the list's own page answers 404. An export has
bodies, but neither threads nor links.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import quote

from core.errors import CollectorError, ConfigurationError, NotFound, SourceUnavailable, UnexpectedPayload
from core.redaction import without_userinfo
from hooks.api import Call, Response
from hooks.source_hook import SourceHook

PAGE_SIZE = 100
EXPORT_DEADLINE = 600.0
"""Seconds that the export of a month may take; the server builds it while it sends it."""


@dataclass(frozen=True)
class IndexPage:
    """One page of a list's index: raw items, and the number of messages in the whole list."""

    offset: int
    count: int
    items: tuple[Mapping[str, Any], ...]


class MailingListHook(SourceHook):
    """Pages through list indexes and fetches single messages.

    :param hyperkitty_conn_id: Connection whose host is the archive's base, e.g. `https://lists.boost.org/archives`.
    """

    conn_name_attr = "hyperkitty_conn_id"
    default_conn_name = "hyperkitty_boost"
    conn_type = "hyperkitty"
    hook_name = "HyperKitty (mailing list archive)"
    example_host = "https://lists.boost.org/archives"

    def __init__(
        self, hyperkitty_conn_id: str = default_conn_name, *, page_size: int = PAGE_SIZE, **options: Any
    ) -> None:
        super().__init__(hyperkitty_conn_id, **options)
        self.page_size = page_size

    def index_page(self, list_name: str, offset: int) -> IndexPage:
        """Fetch one page of the index, newest archived first."""
        call = self._index_call(list_name, offset)
        query = dict(call.params)
        try:
            # A 500 may mean that the list does not exist, so that is checked before any retry.
            response = self.client().get(call.path, query, tries=1)
        except SourceUnavailable as error:
            if error.status == 500 and not self._has_list(list_name):
                response = self._once_more(call.path, query, list_name)
            else:
                response = self.client().get(call.path, query)
        except NotFound:
            raise self._unknown(list_name) from None
        return self._page(response, offset)

    def index_pages(self, list_name: str, offsets: Iterable[int]) -> Iterator[IndexPage]:
        """Fetch pages at the given offsets concurrently, and yield them in order."""
        for call, outcome in self.client().in_order(self._index_call(list_name, o) for o in offsets):
            if isinstance(outcome, CollectorError):
                raise outcome
            yield self._page(outcome, call.tag)

    def messages(
        self, list_name: str, hashes: Iterable[str]
    ) -> Iterator[tuple[str, Response | CollectorError]]:
        """Fetch messages by their hashes concurrently, and yield hash and answer (or error) in order."""
        calls = (
            Call("GET", f"/api/list/{quote(list_name, safe='@')}/email/{quote(h, safe='')}/", tag=h)
            for h in hashes
        )
        for call, outcome in self.client().in_order(calls):
            yield call.tag, outcome

    def export(self, list_name: str, start: date, end: date) -> bytes:
        """Download the gzipped mbox of messages dated from `start` up to, not including, `end`.

        The server rebuilds each message without threads, links and attachment counts. Exports may be disabled
        in an installation (400).
        """
        name = quote(list_name, safe="@")
        query = {"start": start.isoformat(), "end": end.isoformat()}
        path = f"/list/{name}/export/{name}.mbox.gz"
        return self.client().get(path, query, tries=2, deadline=EXPORT_DEADLINE).body

    def archive_url(self, list_name: str = "") -> str:
        """Return the address of the archive's or the list's page for readers."""
        base = without_userinfo(self.base_url())
        return f"{base}/list/{list_name}/" if list_name else f"{base}/"

    def test_connection(self) -> tuple[bool, str]:
        """Request the public lists and return what the Test button shows."""
        try:
            answer = self.client().get("/api/lists/", {"limit": PAGE_SIZE}, tries=1).json()
            names = [item["name"] for item in answer["results"]]
        except CollectorError as error:
            return False, str(error)
        except (KeyError, TypeError):
            return False, "the host answers, but not as HyperKitty does; it should end in /archives"
        finally:
            self.close()
        return True, f"{answer['count']} public lists: {', '.join(names[:5])}"

    def _index_call(self, list_name: str, offset: int) -> Call:
        query = (("limit", str(self.page_size)), ("offset", str(offset)))
        return Call("GET", f"/api/list/{quote(list_name, safe='@')}/emails/", query, tag=offset)

    def _has_list(self, list_name: str) -> bool:
        try:
            self.client().get(f"/api/list/{quote(list_name, safe='@')}/", tries=1)
        except NotFound:
            return False
        except SourceUnavailable:
            return True
        return True

    def _once_more(self, path: str, query: Mapping[str, str], list_name: str) -> Response:
        """Request the index again: if it fails twice and the list's page is missing, there is no list."""
        try:
            return self.client().get(path, query, tries=1)
        except SourceUnavailable:
            raise self._unknown(list_name) from None

    def _unknown(self, list_name: str) -> ConfigurationError:
        return ConfigurationError(
            f"the archive has no list {list_name}; correct the param list_names or the Variable "
            "bdc_mailing_list_names"
        )

    def _page(self, response: Response, offset: int) -> IndexPage:
        answer = response.json()
        if not isinstance(answer, dict) or not isinstance(answer.get("results"), list):
            raise UnexpectedPayload(
                "no `results` in the index", source="HyperKitty", identifier=response.path
            )
        items = tuple(item for item in answer["results"] if isinstance(item, dict))
        # `next` takes precedence over a count that is missing or too low.
        seen = offset + len(items) + (1 if answer.get("next") else 0)
        count = answer.get("count")
        return IndexPage(offset, max(count, seen) if isinstance(count, int) and items else seen, items)
