"""The state of a list in its checkpoint, and the object with which a run changes it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from core import checkpoints
from core.database import Conn
from core.session import UnitSession
from trackers.mailing_list.store import SOURCE

STREAM = "index"


class Mode(StrEnum):
    """How far a run walks."""

    INCREMENTAL = "incremental"
    FULL_SCAN = "full_scan"
    FULL_REFRESH = "full_refresh"
    WINDOW = "window"

    @property
    def complete(self) -> bool:
        """Whether the walk sees the whole index, so that a missing message must have been removed."""
        return self in (Mode.FULL_SCAN, Mode.FULL_REFRESH)


@dataclass(frozen=True)
class UnfinishedWalk:
    """A walk that has not reached its end.

    :param frontier: hashes of the first page when it began, which become the frontier once it is complete.
    :param from_end: how many items were still to come, counted from the end of the index.
    :param tail: the last hashes that were stored, by which the next run finds the position again.
    """

    mode: Mode
    frontier: tuple[str, ...]
    from_end: int
    tail: tuple[str, ...]


@dataclass(frozen=True)
class ListState:
    """The state that a list's checkpoint stores.

    :param frontier: hashes of the first page of the last complete walk.
    :param pending: messages that could not be read, with the reason; the next run requests them again.
    :param bodies_checked: false if bodies may be stored that an export changed; the next full scan fetches
        them again.
    """

    frontier: tuple[str, ...] = ()
    unfinished: UnfinishedWalk | None = None
    pending: Mapping[str, str] = field(default_factory=dict)
    bodies_checked: bool = False

    @classmethod
    def from_extras(cls, extras: Mapping[str, Any]) -> ListState:
        """Return the state that `as_extras` wrote."""
        raw = extras.get("walk")
        unfinished = None
        if raw:
            unfinished = UnfinishedWalk(
                Mode(raw["mode"]), tuple(raw["frontier"]), int(raw["from_end"]), tuple(raw["tail"])
            )
        pending, checked = dict(extras.get("pending", {})), bool(extras.get("bodies_checked"))
        return cls(tuple(extras.get("frontier", ())), unfinished, pending, checked)

    def as_extras(self) -> dict[str, Any]:
        """Return the state as the checkpoint's extras."""
        walk = self.unfinished and {
            "mode": str(self.unfinished.mode),
            "frontier": list(self.unfinished.frontier),
            "from_end": self.unfinished.from_end,
            "tail": list(self.unfinished.tail),
        }
        shown = {"frontier": list(self.frontier), "walk": walk, "pending": dict(self.pending)}
        return shown | {"bodies_checked": self.bodies_checked}


def read_state(conn: Conn, list_name: str) -> ListState:
    """Return the stored state of a list."""
    return ListState.from_extras(checkpoints.read(conn, SOURCE, list_name, STREAM).extras)


class ListPosition:
    """The position of a run in one list.

    :param moves: whether the checkpoint moves with it; a run over a window leaves the checkpoint unchanged.
    """

    def __init__(self, session: UnitSession, *, moves: bool) -> None:
        self._session = session
        self._checkpoint = checkpoints.read(session.conn, SOURCE, session.name, STREAM)
        self.moves = moves
        self.state = ListState.from_extras(self._checkpoint.extras)
        self.pending = dict(self.state.pending)

    def advance(self, unfinished: UnfinishedWalk | None, failed: Mapping[str, str]) -> None:
        """Store how far the walk has come, in the transaction of the rows that it covers.

        :param failed: messages of this page that could not be read, besides those that are already pending.
        """
        pending = self.pending | dict(failed)
        self._store(replace(self.state, unfinished=unfinished, pending=pending))

    def resolve(self, hashes: Iterable[str]) -> None:
        """Take messages off the pending ones: they are answered; `advance` stores that."""
        for message_hash in hashes:
            self.pending.pop(message_hash, None)

    def add_pending(self, failed: Mapping[str, str]) -> None:
        """Remember messages that could not be read, once their page is committed."""
        self.pending |= failed

    def finish(self, frontier: tuple[str, ...], *, everything: bool) -> None:
        """Store that the walk is complete, so that the next one ends at `frontier`.

        :param everything: whether it has seen the whole index, and so each body that may be wrong.
        """
        checked = self.state.bodies_checked or everything
        self._store(ListState(frontier, None, dict(self.pending), checked))

    def _store(self, state: ListState) -> None:
        if not self.moves or (self._checkpoint.revision and state.as_extras() == self.state.as_extras()):
            return
        unfinished = state.unfinished
        self._checkpoint = checkpoints.advance(
            self._session.conn,
            self._checkpoint,
            token=state.frontier[0] if state.frontier else None,
            marker=f"walking, {unfinished.from_end:,} to go" if unfinished else "complete",
            extras=state.as_extras(),
            clock=self._session.clock,
        )
        self.state = state
