"""Pinecone, the vector index: one dense and one sparse index per instance; Pinecone embeds the texts.

Its limitations: there are no transactions across the two indexes. An upload is accepted or refused as a
whole, so one bad record makes all others in it fail. Reads lag behind writes. Ids can be listed, a hundred at
a time; texts cannot. Numbers are returned as doubles. Limits are per minute, and no answer reports how much
of them remains.

The SDK sends its own requests; `pinecone_sdk.transport` counts them and prevents the SDK's own retries, so
that `hooks.http.request_retry` alone decides how often to retry and how long to wait.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeVar
from urllib.parse import urlsplit, urlunsplit

from airflow.sdk import BaseHook

from core.clock import Clock, SystemClock
from core.errors import (
    CollectorError,
    ConfigurationError,
    NotFound,
    RequestRefused,
    SourceUnavailable,
)
from core.settings import Settings
from hooks.api import Traffic
from hooks.connections import require_connection
from hooks.http.request_retry import retrying
from hooks.pinecone_sdk.config import TEXT_FIELD, PineconeConfig, key_in_environment, resolve

T = TypeVar("T")
IndexKind = Literal["dense", "sparse"]
TRIES, FIRST_WAIT, PATIENCE = 6, 1.0, 90.0
TIMEOUT = 60.0
READY_WITHIN, READY_POLL = 300.0, 2.0
IDS_PER_PAGE = IDS_PER_FETCH = 100
"""Pinecone's limit for a page of ids. A fetch sends its ids in the address, which must stay short."""


@dataclass(frozen=True)
class Hit:
    """A record found by a search."""

    id: str
    score: float
    fields: Mapping[str, Any]


class PineconeHook(BaseHook):
    """Opens, fills, searches and lists the two indexes of an instance. Can be used from several threads.

    :param pinecone_conn_id: Connection with the API key and, in its extra, the name of the index.
    """

    conn_name_attr = "pinecone_conn_id"
    default_conn_name = "pinecone_public"
    conn_type = "boost_pinecone"
    hook_name = "Pinecone (hybrid index)"

    def __init__(
        self,
        pinecone_conn_id: str = default_conn_name,
        *,
        clock: Clock | None = None,
        settings: Settings | None = None,
    ) -> None:
        super().__init__()
        self.conn_id = pinecone_conn_id
        self._clock = clock or SystemClock()
        self._settings = settings or Settings()
        self.traffic = Traffic()
        self._sdk: Any = None
        self._config: PineconeConfig | None = None
        self._open: dict[IndexKind, Any] = {}
        self._found: dict[str, Any] | None = None

    # -- setup -----------------------------------------------------------------------------------------

    def config(self) -> PineconeConfig:
        """Return the configuration, or raise an error that names what is missing."""
        if self._config is None:
            try:
                connection = require_connection(self.conn_id, self.hook_name)
            except ConfigurationError:
                self._config = resolve(self.conn_id, "", "", {}, self._settings)
            else:
                self._config = resolve(
                    self.conn_id,
                    connection.host or "",
                    connection.password or "",
                    connection.extra_dejson,
                    self._settings,
                )
        return self._config

    def is_configured(self) -> bool:
        """Return whether this account is to be used: its Connection or a key in the environment exists."""
        try:
            require_connection(self.conn_id, self.hook_name)
        except ConfigurationError:
            return bool(key_in_environment(self.conn_id, self._settings))
        return True

    def missing(self) -> tuple[str, ...]:
        """Return the names of the indexes that `open` would have to create."""
        if self._open:
            return ()
        self._found = self._listed()
        return tuple(name for _, name, _ in self._wanted() if name not in self._found)

    def open(self, *, create: bool = True) -> tuple[str, ...]:
        """Open both indexes, and return the names of those that were created.

        :param create: create a missing index; otherwise it is an error, as for callers that only read.
        """
        if self._open:
            return ()
        found, self._found = self._listed() if self._found is None else self._found, None
        created = []
        opened: dict[IndexKind, Any] = {}
        for kind, name, model in self._wanted():
            described = found.get(name)
            if described is None:
                described = self._create(name, model) if create else self._refuse(name)
                created.append(name)
            self._require_fitting(described, model)
            opened[kind] = self._at(self._await_ready(described).host)
        self._open = opened
        return tuple(created)

    def _wanted(self) -> tuple[tuple[IndexKind, str, str], ...]:
        """Return kind, name and model of both indexes."""
        config = self.config()
        return (
            ("dense", config.index_name, config.dense_model),
            ("sparse", config.sparse_index_name, config.sparse_model),
        )

    def _listed(self) -> dict[str, Any]:
        every = self._request("list indexes", lambda: self._indexes().list().to_list())
        return {index.name: index for index in every}

    def _refuse(self, name: str) -> NoReturn:
        raise ConfigurationError(
            f"there is no index {name}; the first sync creates it, or correct index_name of Connection "
            f"{self.conn_id}"
        )

    def _client(self) -> Any:
        if self._sdk is None:
            import pinecone

            from hooks.pinecone_sdk.transport import instrument

            # The SDK logs every request at level INFO, which would fill a task's log.
            logging.getLogger("pinecone").setLevel(logging.WARNING)
            config = self.config()
            self._sdk = self._construct(
                lambda: pinecone.Pinecone(
                    api_key=config.api_key,
                    host=config.api_url or None,
                    timeout=TIMEOUT,
                    source_tag="boost_data_collector",
                )
            )
            instrument(self._sdk, self.traffic)
        return self._sdk

    def _construct(self, make: Callable[[], T]) -> T:
        from pinecone.errors.exceptions import PineconeError

        try:
            return make()
        except PineconeError as error:
            raise ConfigurationError(f"Connection {self.conn_id} cannot be used: {error.message}") from None

    def _indexes(self) -> Any:
        return self._client().indexes

    def _create(self, name: str, model: str) -> Any:
        config = self.config()
        embed = {"model": model, "field_map": {"text": TEXT_FIELD}}

        def create() -> Any:
            return self._indexes().create_for_model(
                name=name, cloud=config.cloud, region=config.region, embed=embed, timeout=-1
            )

        try:
            return self._request(f"create index {name}", create)
        except NotFound as error:
            raise ConfigurationError(
                f"Pinecone has no region {config.region} in cloud {config.cloud}, or no model {model}; "
                f"correct region, cloud or model in the extra of Connection {self.conn_id}"
            ) from error
        except RequestRefused as error:
            if error.status != 409:
                raise ConfigurationError(
                    f"index {name} cannot be created ({error}); correct Connection {self.conn_id}"
                ) from error
        # 409: another task has created it meanwhile.
        return self._request(f"describe index {name}", lambda: self._indexes().describe(name))

    def _require_fitting(self, described: Any, model: str) -> None:
        embed = getattr(described, "embed", None)
        field = ((embed.field_map if embed else None) or {}).get("text")
        if embed is None or embed.model != model or field != TEXT_FIELD:
            found = f"model {embed.model}, field {field}" if embed else "no integrated embedding"
            raise ConfigurationError(
                f"index {described.name} has {found}, but model {model} and field {TEXT_FIELD} are needed; "
                f"name another index or model in the extra of Connection {self.conn_id}"
            )

    def _await_ready(self, described: Any) -> Any:
        deadline = self._clock.monotonic() + READY_WITHIN
        while not (described.status.ready and described.host):
            if self._clock.monotonic() > deadline:
                raise SourceUnavailable(
                    f"index {described.name} is still {described.status.state} after {READY_WITHIN:.0f} s"
                )
            self._clock.sleep(READY_POLL)
            name = described.name
            described = self._request(f"describe index {name}", lambda: self._indexes().describe(name))  # noqa: B023
        return described

    def _at(self, host: str) -> Any:
        from hooks.pinecone_sdk.transport import instrument

        index = self._client().index(host=_with_scheme_of(host, self.config().api_url))
        instrument(index, self.traffic)
        return index

    # -- writing ---------------------------------------------------------------------------------------

    def upsert(self, kind: IndexKind, namespace: str, records: Sequence[Mapping[str, Any]]) -> None:
        """Store all records or, on failure, none. Each has `id`, `chunk_text` and flat metadata."""
        sent = [dict(record) for record in records]
        self._request(
            f"upsert into {kind} {namespace}",
            lambda: self._open[kind].upsert_records(records=sent, namespace=namespace),
        )

    def update(self, kind: IndexKind, namespace: str, records: Sequence[Mapping[str, Any]]) -> set[str]:
        """Replace the metadata of records and keep their vectors; return the ids of those without a vector.

        A record has none if it is not stored, or stored with another text. Pinecone's own update would set
        the metadata of one record per request, and not tell whether the record exists.
        """
        from hooks.pinecone_sdk.vectors import in_requests, with_metadata

        sent = {record["id"]: record for record in records}
        found = self._vectors(kind, namespace, list(sent))
        changed = [each for i, vector in found.items() if (each := with_metadata(vector, sent[i]))]
        for part in in_requests(changed):
            self._request(
                f"update in {kind} {namespace}",
                lambda: self._open[kind].upsert(vectors=part, namespace=namespace),  # noqa: B023
            )
        return sent.keys() - {each["id"] for each in changed}

    def delete(self, kind: IndexKind, namespace: str, ids: Sequence[str]) -> None:
        """Delete records; missing records and a missing namespace are no error."""
        from hooks.pinecone_sdk.failures import NamespaceNotFound

        try:
            self._request(
                f"deletion in {kind} {namespace}",
                lambda: self._open[kind].delete(ids=list(ids), namespace=namespace),
            )
        except NamespaceNotFound:
            return

    # -- reading ---------------------------------------------------------------------------------------

    def ids(self, kind: IndexKind, namespace: str) -> Iterator[list[str]]:
        """Yield the ids of a namespace page by page."""
        token = None
        while True:
            page = self._request(
                f"list ids of {kind} {namespace}",
                lambda: self._open[kind].list_paginated(
                    namespace=namespace,
                    limit=IDS_PER_PAGE,
                    pagination_token=token,  # noqa: B023
                ),
            )
            if found := [item.id for item in page.vectors]:
                yield found
            token = page.pagination.next if page.pagination else None
            if not token:
                return

    def fetch(self, kind: IndexKind, namespace: str, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Return the stored fields of records, the text among them; unknown ids are left out."""
        vectors = self._vectors(kind, namespace, ids)
        return {record_id: vector.metadata or {} for record_id, vector in vectors.items()}

    def _vectors(self, kind: IndexKind, namespace: str, ids: Sequence[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for start in range(0, len(ids), IDS_PER_FETCH):
            part = list(ids[start : start + IDS_PER_FETCH])
            answer = self._request(
                f"fetch from {kind} {namespace}",
                lambda: self._open[kind].fetch(ids=part, namespace=namespace),  # noqa: B023
            )
            found |= answer.vectors
        return found

    def search(self, kind: IndexKind, namespace: str, text: str, count: int) -> list[Hit]:
        """Return the records nearest to a text, nearest first."""
        answer = self._request(
            f"search {kind} {namespace}",
            lambda: self._open[kind].search(namespace=namespace, top_k=count, inputs={"text": text}),
        )
        return [Hit(hit.id, hit.score, hit.fields) for hit in answer.result.hits]

    def statistics(self, kind: IndexKind) -> dict[str, Any]:
        """Return the size of an index; zeros and the error if it cannot be requested."""
        try:
            self.open(create=False)
            stats = self._request(f"statistics of {kind}", lambda: self._open[kind].describe_index_stats())
        except CollectorError as error:
            empty = {"total_vectors": 0, "dimension": 0, "fullness": 0.0, "namespaces": {}}
            return empty | {"error": str(error)}
        counts = {name: summary.vector_count for name, summary in stats.namespaces.items()}
        return {
            "total_vectors": stats.total_vector_count,
            "dimension": stats.dimension or 0,
            "fullness": stats.index_fullness or 0.0,
            "namespaces": counts,
        }

    def test_connection(self) -> tuple[bool, str]:
        """Check both indexes and return what the Test button shows. Creates nothing."""
        try:
            found = self._listed()
            states = []
            for _, name, model in self._wanted():
                if name not in found:
                    states.append(f"{name} will be created")
                    continue
                self._require_fitting(found[name], model)
                states.append(f"{name} is {found[name].status.state} ({model})")
        except CollectorError as error:
            return False, str(error)
        finally:
            self.close()
        return True, "; ".join(states)

    # -- requests and closing --------------------------------------------------------------------------

    @property
    def requests(self) -> int:
        """How many requests were sent so far, including retries."""
        return self.traffic.requests

    @property
    def received_bytes(self) -> int:
        """How many bytes of bodies were received so far."""
        return self.traffic.received_bytes

    def close(self) -> None:
        """Close sockets."""
        for index in self._open.values():
            index.close()
        self._open.clear()
        if self._sdk is not None:
            self._sdk.close()
            self._sdk = None

    def _request(self, what: str, call: Callable[[], Any]) -> Any:
        """Send a request, retry where that can help, and raise one of the `core.errors`."""
        from pinecone.errors.exceptions import PineconeError

        from hooks.pinecone_sdk.failures import failure_of_sdk

        def once() -> Any:
            try:
                return call()
            except PineconeError as error:
                raise failure_of_sdk(error, what, self._clock.now()) from None

        attempt = retrying(self._clock, self.traffic, TRIES, first_wait=FIRST_WAIT, patience=PATIENCE)
        return attempt(once)


def _with_scheme_of(host: str, api_url: str) -> str:
    """Return an index's address, without TLS if it is local and the control plane has none either."""
    control, data = urlsplit(api_url), urlsplit(host)
    local = data.hostname in (control.hostname, "localhost", "127.0.0.1")
    if control.scheme == "http" and data.scheme == "https" and local:
        return urlunsplit(data._replace(scheme="http"))
    return host
