"""What a service of the sandbox declares as `SERVICE` in `sandbox/<service>/service.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from fastapi import APIRouter

from sandbox.community import Community
from sandbox.community.places import Place
from sandbox.limits import Limit

State = TypeVar("State")
Connection = dict[str, Any]
"""An Airflow Connection in the format that `airflow connections import` reads."""


@dataclass(frozen=True, kw_only=True)
class Service(Generic[State]):
    """One service: its part of the community, its state, routes and controls, and how Airflow connects to it.

    Routes get the state anew for each request, since tests replace it while the sandbox is running, and keep
    nothing themselves, since all worlds of a process share them.

    :param name: the name of its state in a world (`world.<name>`) and of its controls (`/_sandbox/<name>`).
    :param prefix: path below which the service answers.
    :param empty: returns a new, empty state.
    :param routers: the service's routes, relative to `prefix`.
    :param connections: returns the Airflow Connections to it, by id, for the sandbox's base address.
    :param shows: returns the places of the community that it shows.
    :param advance: adds to the state what the community does here until a time and what the state does not
        have yet, so a second call with the same time adds nothing; returns counts of what it added.
    :param limits: returns the limits that the service's documentation names, for paths below `prefix`.
    :param overview: returns what `GET /_sandbox/` shows of it, under keys that no other service uses.
    :param control: routes below `/_sandbox/<name>`, for controls beyond faults, limits and time.
    """

    name: str
    prefix: str
    empty: Callable[[], State]
    routers: Callable[[Callable[[], State]], Iterable[APIRouter]]
    connections: Callable[[str], Mapping[str, Connection]]
    shows: Callable[[Community], Iterable[Place]] = lambda community: ()
    advance: Callable[[State, Community, datetime], Mapping[str, int]] = lambda state, community, until: {}
    limits: Callable[[], Iterable[Limit]] = tuple
    overview: Callable[[State], Mapping[str, Any]] = lambda state: {}
    control: Callable[[Callable[[], State]], APIRouter] | None = None
