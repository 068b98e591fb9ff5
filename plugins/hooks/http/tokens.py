"""The tokens of a Connection, and whom each belongs to.

Sources limit users and installations, not tokens: two tokens of one user share its quota, and a renewed
token has the quota of the old one. So limits are counted by owner; a token is what a request is sent with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from threading import RLock

import structlog

from core.errors import AuthenticationError

SEPARATORS = re.compile(r"[\s,;]+")
log = structlog.get_logger("collector")


def split_tokens(text: str | None) -> list[str]:
    """Return the tokens in a password field, in which commas or white space separate them."""
    return list(dict.fromkeys(filter(None, SEPARATORS.split(text or ""))))


class Tokens:
    """Finds the owner of each token once, and chooses a token for an owner.

    :param read: returns the tokens that the Connection holds now; somebody may renew them while a task runs.
    :param owner_of: asks the source whom a token belongs to; raises `AuthenticationError` for a bad one.
    """

    def __init__(self, read: Callable[[], list[str]], owner_of: Callable[[str], str]) -> None:
        self._read, self._owner_of = read, owner_of
        self._tokens: list[str] | None = None
        self._owners: dict[str, str] = {}
        self._bad: set[str] = set()
        self._lock = RLock()

    def owners(self) -> list[str]:
        """Return whom the tokens belong to, each once; raise the last refusal if all tokens are bad."""
        with self._lock:
            return list(dict.fromkeys(self._good().values()))

    def of(self, owner: str) -> str:
        """Return a token of this owner."""
        with self._lock:
            found = next((token for token, name in self._good().items() if name == owner), None)
            if found is None:
                raise AuthenticationError(f"no token of {owner} is accepted; check the Connection's password")
            return found

    def refused(self, token: str) -> bool:
        """Note that the source refused a token (401); return whether its owner has another one by now."""
        with self._lock:
            owner = self._owners.get(token)
            self._reject(token)
            self._tokens = None  # It may have been renewed.
            try:
                return owner in self._good().values()
            except AuthenticationError:
                return False

    def _good(self) -> dict[str, str]:
        """Return the owners of the tokens that are not known to be bad, by token."""
        refusal: AuthenticationError | None = None
        if self._tokens is None:
            self._tokens = self._read()
        for token in self._tokens:
            if token in self._owners or token in self._bad:
                continue
            try:
                self._owners[token] = self._owner_of(token)
            except AuthenticationError as error:
                self._reject(token)
                refusal = error
        good = {token: self._owners[token] for token in self._tokens if token not in self._bad}
        if not good and refusal is not None:
            raise refusal
        return good

    def _reject(self, token: str) -> None:
        if token not in self._bad:
            self._bad.add(token)
            tokens = self._tokens or []
            position = tokens.index(token) + 1 if token in tokens else 0
            log.error(f"token {position} of {len(tokens)} is not accepted; renew it in the Connection")
