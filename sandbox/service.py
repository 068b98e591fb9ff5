"""What a service of the sandbox declares: `sandbox/<service>/service.py` holds it as `SERVICE`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import APIRouter

from sandbox.community import Community

State = TypeVar("State")
Connection = dict[str, Any]
"""An Airflow Connection, in the form that `airflow connections import` reads."""


@dataclass(frozen=True, kw_only=True)
class Service(Generic[State]):
    """One service: its state, its routes, how it is steered, and how Airflow reaches it.

    Routes ask for the state at each request, since tests replace the state of a sandbox that is being served.

    :param name: the name of its state in a world (`world.<name>`) and of its controls (`/_sandbox/<name>`).
    :param prefix: path below which the service answers.
    :param empty: makes the state in which nothing has happened yet.
    :param routers: the service's routes, relative to `prefix`.
    :param connections: the Airflow Connections that lead to it, by id, for the sandbox's base address.
    :param generate: fills an empty state with what the community did here.
    :param pass_time: adds what goes with `amount` messages on the mailing lists; counts what arrived.
    :param overview: what `GET /_sandbox/` shows of it, under keys that no other service uses.
    :param control: routes below `/_sandbox/<name>`, if there is more to steer than faults, limits and time.
    """

    name: str
    prefix: str
    empty: Callable[[], State]
    routers: Callable[[Callable[[], State]], Iterable[APIRouter]]
    connections: Callable[[str], Mapping[str, Connection]]
    generate: Callable[[State, Community], None] = lambda state, community: None
    pass_time: Callable[[State, int], Mapping[str, int]] = lambda state, amount: {}
    overview: Callable[[State], Mapping[str, Any]] = lambda state: {}
    control: Callable[[Callable[[], State]], APIRouter] | None = None
