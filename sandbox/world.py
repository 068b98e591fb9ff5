"""The state of the whole sandbox: its services, faults, limits and recorded requests."""

from __future__ import annotations

from typing import Any, TypeVar

from sandbox.community import Community
from sandbox.faults import Fault
from sandbox.limits import Limit
from sandbox.service import Service
from sandbox.services import merged, services
from sandbox.traffic import Traffic

SEED = 20_260_101
State = TypeVar("State")


class World:
    """A world that may be empty (for tests that fill it by hand) or generated.

    The state of each service is an attribute with the service's name and may be replaced as a whole.

    :param within: the services to include; all if not given.
    """

    def __init__(self, within: tuple[Service[Any], ...] | None = None) -> None:
        self.faults: list[Fault] = []
        self.limits: list[Limit] = []
        self.traffic = Traffic()
        self.services = services() if within is None else within
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
        """Generate a community with this many messages on all mailing lists together."""
        world, community = cls(within), Community(seed, messages)
        for service in world.services:
            service.generate(world.state_of(service), community)
        return world

    def state_of(self, service: Service[State]) -> State:
        """Return the state of a service."""
        state: State = getattr(self, service.name)
        return state

    def take_states(self, other: World) -> None:
        """Replace the state of every service with that of another world; faults, limits and traffic stay."""
        for service in self.services:
            setattr(self, service.name, other.state_of(service))

    def pass_time(self, amount: int) -> dict[str, int]:
        """Add the activity that goes with `amount` mailing list messages; return counts of what arrived."""
        return merged(service.pass_time(self.state_of(service), amount) for service in self.services)
