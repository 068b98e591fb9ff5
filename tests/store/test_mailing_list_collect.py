from __future__ import annotations

import pytest

from core.clock import FixedClock
from core.database import Conn
from core.progress import Progress
from hooks.mailing_list_hook import MailingListHook
from sandbox.world import World
from tests.mail import BOOST, add_list
from trackers.mailing_list.collect import collect
from trackers.mailing_list.options import MailingListOptions

pytestmark = pytest.mark.usefixtures("hyperkitty")


def test_first(conn: Conn, world: World, clock: FixedClock) -> None:
    add_list(world, 250)
    hook = MailingListHook(clock=clock)
    progress = Progress(clock=clock)
    r = collect(hook, conn, MailingListOptions(list_names=(BOOST,)), progress, clock)
    assert r.counts["new"] == 250
    print(r.counts, world.traffic.counts)
    progress = Progress(clock=clock)
    world.traffic.clear()
    r = collect(hook, conn, MailingListOptions(list_names=(BOOST,)), progress, clock)
    print(r.counts, world.traffic.recent)
    print(conn.execute("select * from core.checkpoint").fetchall())
    print(conn.execute("select * from identity.email").fetchall()[:3])
    pass
