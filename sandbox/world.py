"""The state of the whole sandbox: community, clock, services, faults, limits and recorded requests."""

from __future__ import annotations

from threading import Lock
from typing import Any, TypeVar

from sandbox.community import Community
from sandbox.community.clock import Clock
from sandbox.faults import Fault
from sandbox.limits import Limit
from sandbox.service import Service
from sandbox.services import merged, services
from sandbox.traffic import Traffic

SEED = 20_260_101
State = TypeVar("State")


class World:
    """A world in which nothing has happened yet (tests fill it by hand), or one that time has filled.

    The state of each service is an attribute with the service's name and may be replaced as a whole. A state
    that is empty or behind gets what it lacks when time passes.

    :param within: the services to include; all if not given.
    """

    def __init__(self, within: tuple[Service[Any], ...] | None = None, seed: int = SEED) -> None:
        self.community = Community(seed)
        self.clock = Clock()
        self.seconds_ahead = 0.0
        """By how much the date of all answers is wrong."""
        self._passing = Lock()
        self.faults: list[Fault] = []
        self.traffic = Traffic()
        self.services = services() if within is None else within
        self.limits: list[Limit] = [limit for service in self.services for limit in service.limits()]
        for service in self.services:
            if hasattr(self, service.name):
                raise ValueError(f"the sandbox uses the name {service.name!r} already; rename the service")
            setattr(self, service.name, service.empty())

    def __getattr__(self, name: str) -> Any:
        """Name the missing service. For type checkers this also declares that states are attributes."""
        raise AttributeError(f"no service of the sandbox is called {name!r}")

    @classmethod
    def generated(
        cls, seed: int = SEED, messages: int = 1200, within: tuple[Service[Any], ...] | None = None
    ) -> World:
        """Return the world at the time when all mailing lists together have this many messages."""
        world = cls(within, seed)
        world.pass_time(messages=messages)
        return world

    def state_of(self, service: Service[State]) -> State:
        """Return the state of a service."""
        state: State = getattr(self, service.name)
        return state

    def take_states(self, other: World) -> None:
        """Take community, clock and all states of another world; faults, limits and traffic stay."""
        self.community, self.clock = other.community, other.clock
        for service in self.services:
            setattr(self, service.name, other.state_of(service))

    def pass_time(self, *, hours: float = 0, messages: int = 0) -> dict[str, int]:
        """Let time pass in all services: hours, or the time of so many mails; count what arrived."""
        with self._passing:
            self.clock.advance(hours=hours, messages=messages)
            return merged(
                service.advance(self.state_of(service), self.community, self.clock.now)
                for service in self.services
            )
