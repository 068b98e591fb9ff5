"""Runs of the made-up service's collector for the crash tests: limits, streams, exported files."""

from __future__ import annotations

import json
import os
from contextlib import closing
from dataclasses import replace

from sandbox.limits import Limit
from sandbox.world import World
from tests.crash.forge_collector import LIMITS, ForgeHook, collect
from tests.crash.forge_service import FORGE, Repository
from tests.crash.scenario import BriefClock, Environment, Scenario, apart_from_requests
from tests.histories import requests_ended

NAMES = ("algebra", "geometry", "logic")
TOKENS = "first_of_ada second_of_ada first_of_bob"
QUOTAS = {"ada": 900, "bob": 700}


def _world() -> World:
    """Three repositories: releases on two pages, few of everything, and issues of one time on two pages."""
    world = World((FORGE,))
    world.limits.append(Limit("/forge/repositories", quotas=QUOTAS, window=3600.0, in_flight=2))
    for name in NAMES:
        repository = Repository(releases=["1.0", "1.1", "2.0", "2.1"] if name == "algebra" else ["1.0"])
        for number in range(1, 5):
            repository.put(number, f"2026-01-0{1 if name == 'logic' else number}", f"{name} {number}")
        world.state_of(FORGE)[name] = repository
    return world


def _changes(world: World) -> None:
    """New, edited and removed issues, files that move, and two that change places; one repository stays as it is."""
    algebra, geometry, _ = (world.state_of(FORGE)[name] for name in NAMES)
    algebra.put(1, "2026-02-01", "algebra 2")
    algebra.put(2, "2026-02-01", "algebra 1")
    algebra.put(3, "2026-02-02", "algebra 3", removed=True)
    algebra.put(5, "2026-02-03", "algebra 3")
    algebra.releases.append("3.0")
    geometry.put(3, "2026-02-01", "geometry, renamed")
    geometry.put(4, "2026-02-02", "geometry 4", text="Edited.")


def _run(environment: Environment) -> None:
    os.environ["AIRFLOW_CONN_FORGE_API"] = json.dumps(
        {"conn_type": "forge", "host": f"{environment.address}/forge", "password": TOKENS}
    )
    clock = BriefClock()
    with requests_ended(), closing(ForgeHook(clock=clock)) as hook:
        hook.use(environment.connect_budget)
        collect(environment.session(clock), hook, NAMES, environment.folder)


NEWS = Scenario(
    "forge, news",
    _world,
    _changes,
    _run,
    _run,
    ("core.raw_payload", 20),
    compared=apart_from_requests,
    limits=LIMITS,
    exports=True,
    share_in_ci=0.1,
)
FIRST_LOAD = replace(
    NEWS, name="forge, first load", proof=("core.raw_payload", 18), stages=("first",), share_in_ci=0
)
SCENARIOS = (NEWS, FIRST_LOAD)
