"""Everything behind the sandbox's services: what exists, what is still to come, what was asked."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.community.mail import LISTS, MailWriter, body_of
from sandbox.faults import Fault
from sandbox.hyperkitty.archive import Entry, MailArchive, MailList
from sandbox.limiter import Limit
from sandbox.pinecone.project import Pinecone
from sandbox.traffic import Traffic

SEED = 20_260_101


@dataclass
class World:
    """A world that may be empty (for tests that fill it by hand) or generated."""

    mail: MailArchive = field(default_factory=MailArchive)
    pinecone: Pinecone = field(default_factory=Pinecone)
    faults: list[Fault] = field(default_factory=list)
    limits: list[Limit] = field(default_factory=list)
    traffic: Traffic = field(default_factory=Traffic)

    @classmethod
    def generated(cls, seed: int = SEED, messages: int = 1200) -> World:
        """Make the community; `messages` is the number on all lists together."""
        world = cls()
        for name, (label, share) in LISTS.items():

            def body(entry: Entry) -> str:
                return body_of(seed, entry)

            found = MailList(name, label, coming=iter(MailWriter(seed, name)), body_of=body)
            found.advance(max(1, round(messages * share)))
            world.mail.add_list(found)
        return world

    def pass_time(self, messages: int) -> int:
        """Let messages arrive, spread over the lists; return how many there were."""
        return sum(
            found.advance(max(1, round(messages * LISTS.get(name, ("", 1.0))[1])))
            for name, found in self.mail.lists.items()
        )
