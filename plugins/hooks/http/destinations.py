"""Where requests may go: below the Connection's address, and to hosts that the source declares. Pure.

A declared host is an exact name or `*.suffix`, followed by a port if it is not the usual one. Links and
redirects to it are followed, without credentials unless it is declared as one that gets them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from core.errors import UnexpectedPayload
from hooks.http.links import rebuild

PORTS = {"http": 80, "https": 443}
LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*")


@dataclass(frozen=True)
class Destination:
    """An address that a request may be sent to.

    :param host: the foreign host; empty below the Connection's address.
    :param trusted: whether the request carries credentials.
    """

    url: str
    host: str = ""
    trusted: bool = True


@dataclass(frozen=True)
class _Host:
    """A declared host."""

    name: str
    port: int | None
    trusted: bool

    @classmethod
    def of(cls, text: str, *, trusted: bool) -> _Host:
        """Read a declaration."""
        name, _, port = text.partition(":")
        suffix = name.removeprefix("*.")
        narrow = NAME.fullmatch(suffix) and (suffix == name or "." in suffix)
        if not narrow or not (port == "" or port.isdigit()):
            raise ValueError(f"a host is declared as name, *.suffix or name:port, not as {text!r}")
        return cls(name, int(port) if port else None, trusted)

    def matches(self, name: str, port: int, usual: int) -> bool:
        """Return whether this is the host of a link."""
        if port != (usual if self.port is None else self.port) or not NAME.fullmatch(name):
            return False
        return name.endswith(self.name[1:]) if self.name.startswith("*") else name == self.name


class Destinations:
    """The addresses that a source allows.

    :param foreign: hosts that are followed without credentials.
    :param trusted: hosts that get the credentials as well.
    """

    def __init__(self, base_url: str, foreign: Iterable[str] = (), trusted: Iterable[str] = ()) -> None:
        self._base_url, self._base = base_url, urlsplit(base_url)
        self._hosts = [_Host.of(text, trusted=True) for text in trusted]
        self._hosts += [_Host.of(text, trusted=False) for text in foreign]

    def of(self, link: str) -> Destination:
        """Return where a path or a link leads; raise an error that names the host if it is not allowed."""
        found, port = _split(link)
        if not found.netloc:
            return Destination(rebuild(self._base_url, link))
        if "@" in found.netloc:
            raise _refused("contains a user name or a password", found)
        host = self._declared(found, port)
        if host is None or self._is_below_base(found, port):
            return Destination(rebuild(self._base_url, link))
        if found.scheme != "https" and self._base.scheme == "https":
            raise _refused(f"leads to {found.hostname} without encryption", found)
        name = str(found.hostname)
        netloc = name if port == PORTS[found.scheme] else f"{name}:{port}"
        return Destination(
            urlunsplit((found.scheme, netloc, found.path or "/", found.query, "")), name, host.trusted
        )

    def after(self, current: Destination, location: str) -> Destination:
        """Return where a redirect leads.

        A host without credentials cannot lead back to where they are sent: it would choose what we request
        with them.
        """
        if not current.host:
            return self.of(location)
        found = self.of(urljoin(current.url, location))
        if found.trusted and not current.trusted:
            raise _refused(
                f"redirected from {current.host}, which gets no credentials, to a host that does",
                urlsplit(found.url),
            )
        return found

    def _declared(self, found: SplitResult, port: int) -> _Host | None:
        if found.scheme not in PORTS:
            return None
        name, usual = str(found.hostname), PORTS[found.scheme]
        return next((host for host in self._hosts if host.matches(name, port, usual)), None)

    def _is_below_base(self, found: SplitResult, port: int) -> bool:
        base = self._base
        same = (found.hostname, port) == (base.hostname, base.port or PORTS.get(base.scheme))
        return same and (found.path == base.path or found.path.startswith(f"{base.path}/"))


def _split(link: str) -> tuple[SplitResult, int]:
    """Return the parts of a link and its port."""
    try:
        found = urlsplit(link)
        return found, found.port or PORTS.get(found.scheme, 0)
    except ValueError:
        raise UnexpectedPayload("not a valid address", source="GET", identifier="link") from None


def _refused(reason: str, found: SplitResult) -> UnexpectedPayload:
    return UnexpectedPayload(reason, source="GET", identifier=f"link to {found.hostname}")
