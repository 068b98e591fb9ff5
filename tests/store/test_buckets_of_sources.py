"""A hook whose source names its limits in each answer, against the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import ClassVar

import psycopg
import pytest

from core.budget import Limits
from core.clock import Clock, FixedClock
from core.errors import RateLimited
from hooks.api import Call
from hooks.source_hook import SourceHook
from sandbox.limits import Limit
from sandbox.server import serve
from sandbox.world import World
from tests.forge import FORGE

CHANNEL = r"/forge/channels/(?P<major>\d+)/notes"


class BotHook(SourceHook):
    """The hook of a source with buckets, and with a limit for all of a bot's requests together."""

    names_buckets = True
    limits: ClassVar[Mapping[str, Limits]] = {"core": Limits(per_window=500, window=1.0, block=50)}
    conn_name_attr = "bot_conn_id"
    default_conn_name = "bot_api"
    conn_type = "bot"
    hook_name = "Bot"
    example_host = "https://bot.example.org"

    def __init__(self, bot_conn_id: str = default_conn_name, clock: Clock | None = None) -> None:
        super().__init__(bot_conn_id, clock=clock)

    def call(self, channel: int) -> Call:
        return Call("GET", f"/channels/{channel}/notes", resource=f"notes of channel:{channel}", tag=channel)


Make = Callable[..., BotHook]


@pytest.fixture
def forge() -> World:
    return World((FORGE,))


@pytest.fixture
def make(database: str, forge: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    hooks: list[BotHook] = []

    def hook(clock: Clock | None = None) -> BotHook:
        hooks.append(BotHook(clock=clock))
        hooks[-1].use(lambda: psycopg.connect(database, autocommit=True))
        return hooks[-1]

    with serve(forge) as address:
        value = {"conn_type": "bot", "host": f"{address}/forge", "password": "one_of_bot"}
        monkeypatch.setenv("AIRFLOW_CONN_BOT_API", json.dumps(value))
        yield hook
        for each in hooks:
            each.close()


def test_no_bucket_is_ever_exceeded(forge: World, make: Make) -> None:
    forge.limits.append(
        limit := Limit(CHANNEL, quota=3, window=0.3, bucket="abcd", refusals={"quota": "user"})
    )
    hook = make()
    calls = [hook.call(channel) for _ in range(8) for channel in (1, 2, 3)]
    outcomes = [outcome for _, outcome in hook.client().in_order(calls)]
    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert (limit.violations, limit.served) == ({}, {f"bot/{channel}": 8 for channel in (1, 2, 3)})


def test_a_refusal_of_a_shared_channel_holds_back_that_channel_only(forge: World, make: Make) -> None:
    """Somebody else used up the channel's bucket, and its reset is too far away to wait for it here."""
    limit = Limit(CHANNEL, quota=1, window=600.0, bucket="abcd", refusals={"quota": "shared"})
    forge.limits.append(limit)
    limit.enter("bot/1")
    limit.leave("bot/1")
    hook = make(FixedClock(datetime.now(UTC)))
    for _ in range(3):
        with pytest.raises(RateLimited, match="limit for notes of channel is reached") as caught:
            hook.client().send(hook.call(1))
        assert 500 < (caught.value.retry_after or 0) <= 601
    assert hook.client().send(hook.call(2)).status == 200
    assert limit.violations == {"quota": 1}


def test_all_processes_hear_of_a_global_refusal(forge: World, make: Make) -> None:
    forge.limits.append(limit := Limit("/forge", per_stretch=1, stretch=600.0, refusals={"rate": "global"}))
    hooks = [make(FixedClock(datetime.now(UTC))) for _ in range(2)]
    hooks[0].client().send(hooks[0].call(1))
    for hook, channel in ((hooks[0], 2), (hooks[0], 3), (hooks[1], 4)):
        with pytest.raises(RateLimited) as caught:
            hook.client().send(hook.call(channel))
        assert 500 < (caught.value.retry_after or 0) <= 601
    assert limit.violations == {"rate": 1}
