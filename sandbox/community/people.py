"""The people of the community, with the names and addresses under which they write mails.

Each person has a separate random stream. Their accounts are in `sandbox.community.accounts`.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from random import Random

GIVEN = (
    "Ada Bruno Chiara Dmitri Elif Farid Greta Hiroshi Ines Jonas Katarina Lars Mei Nadia Oscar Priya "
    "Quentin Rania Søren Tomasz Ulrike Viktor Wanjiru Xavier Yuki Zoë Björn Łukasz José Renée Андрей "
    "Ольга 伟 美咲 علي"
).split()
FAMILY = (
    "Adler Bergström Castillo Dvořák Eriksen Fontaine Grünwald Haddad Ivanov Jankowski Kowalczyk "
    "Lindqvist Moreau Nakamura O'Connor Petrov Quiroga Rossi Schäfer Tanaka Ueda Varga Whitfield Xu "
    "Yamada Zhang Петров 陈 佐藤 حسن van-der-Meer de-Souza"
).split()
PEOPLE = 400
"""The usual number of people; a few do most of what happens."""
DOMAINS = ("example.org", "example.com", "mail.example.net", "cpp.example", "uni.example.edu", "gmail.com")


@dataclass(frozen=True)
class Person:
    """A member of the community, with the names and addresses they use."""

    number: int
    given: str
    family: str
    mail_names: tuple[str, ...]
    addresses: tuple[str, ...]

    @property
    def name(self) -> str:
        """Given name and family name."""
        return f"{self.given} {self.family}"


def ascii_of(text: str, fallback: str) -> str:
    """Return the text as it can appear in an e-mail address."""
    folded = unicodedata.normalize("NFD", text.replace("ø", "o").replace("Ł", "L").replace("ł", "l"))
    plain = "".join(c for c in folded if c.isascii() and c.isalnum()).lower()
    return plain or fallback


@lru_cache(maxsize=100_000)
def person(seed: int, number: int) -> Person:
    """Generate the person with this number."""
    rng = Random(f"{seed}/people/{number}")
    given, family = rng.choice(GIVEN), rng.choice(FAMILY).replace("-", " ")
    names = [f"{given} {family}"]
    for variant in (f"{family}, {given}", f"{given[0]}. {family}", given, f"{given} {family} (work)"):
        if rng.random() < 0.15:
            names.append(variant)
    local = f"{ascii_of(given, 'dev')}.{ascii_of(family, 'user')}"
    addresses = [f"{local}{number}@{rng.choice(DOMAINS)}"]
    if rng.random() < 0.25:
        addresses.append(f"{local[0]}{ascii_of(family, 'user')}{number}+boost@{rng.choice(DOMAINS)}")
    return Person(number, given, family, tuple(names), tuple(addresses))


def somebody(rng: Random, seed: int, size: int) -> Person:
    """Pick a person; a few write a lot, most write little."""
    return person(seed, min(int(rng.paretovariate(0.6)) - 1, size - 1) if size > 1 else 0)
