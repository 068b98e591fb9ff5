"""The repositories of the community: the superproject, a repository per library, tools and websites.

A few are busy, most are quiet. Each has a random stream of its own, so another repository changes no other.
"""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache
from random import Random

from sandbox.community.clock import START
from sandbox.community.ids import spread
from sandbox.community.places import Renaming, Repository

LIBRARIES = (
    "accumulators algorithm align any array asio assert assign atomic beast bimap bind bloom "
    "callable_traits charconv chrono circular_buffer cobalt compat compute concept_check config container "
    "container_hash context contract conversion convert core coroutine coroutine2 crc date_time describe "
    "detail dll dynamic_bitset endian exception fiber filesystem flyweight foreach format function "
    "function_types functional fusion geometry gil graph graph_parallel hana hash2 headers heap histogram "
    "hof icl integer interprocess intrusive io iostreams iterator json lambda lambda2 leaf lexical_cast "
    "local_function locale lockfree log logic math metaparse move mp11 mpi mpl mqtt5 msm multi_array "
    "multi_index multiprecision mysql nowide numeric_conversion odeint openmethod optional outcome "
    "parameter parser pfr phoenix poly_collection polygon pool predef preprocessor process "
    "program_options property_map property_tree proto ptr_container python qvm random range ratio "
    "rational redis regex safe_numerics scope scope_exit serialization signals2 smart_ptr sort spirit "
    "stacktrace statechart static_assert static_string stl_interfaces system test thread throw_exception "
    "timer tokenizer tti tuple type_erasure type_index type_traits typeof ublas units unordered url "
    "utility uuid variant variant2 vmd wave winapi xpressive yap"
).split()
TOOLS = (
    "auto_index bcp bjam boost_install boostbook boostdep build check_build cmake inspect quickbook".split()
)
OTHERS = ("boostorg/boost", "boostorg/website", "boostorg/wiki", "cppalliance/mrdocs", "cppalliance/buffers")
ARCHIVED = frozenset(("boostorg/bjam", "boostorg/check_build", "boostorg/compute", "boostorg/wiki"))
NAMES = (*OTHERS, *(f"boostorg/{name}" for name in (*LIBRARIES, *TOOLS)))
QUIETEST = timedelta(days=55)
BUSIEST = timedelta(hours=6)
FIRST_ID, STEP = 5_000_000, 100_003
LANGUAGES = ("CMake", "HTML", "Python", "Shell", "C", "Starlark", "XSLT")


@lru_cache(maxsize=8)
def all_repositories(seed: int) -> tuple[Repository, ...]:
    """Return all repositories."""
    return tuple(_repository(seed, number, name) for number, name in enumerate(NAMES))


def _repository(seed: int, number: int, name: str) -> Repository:
    rng = Random(f"{seed}/github/{name}")
    short = name.partition("/")[2]
    busy = rng.paretovariate(0.7)
    size = int(20_000 * busy) + rng.randrange(5_000)
    return Repository(
        name=name,
        id=spread(rng, number, STEP) + FIRST_ID,
        default_branch=_default_branch(rng, name),
        description=rng.choice((f"Boost.{short.title()}", f"Boost.org {short} module", "")),
        languages=(("C++", size), *((each, rng.randrange(1, size)) for each in rng.sample(LANGUAGES, 2))),
        created_at=START - timedelta(days=rng.randrange(30, 4000)),
        every=max(BUSIEST, QUIETEST / busy),
        replies=rng.choice((1.0, 2.0, 4.0)),
        bots=rng.choice((0.0, 0.02, 0.1)),
        closed_at=START + timedelta(days=rng.randrange(60)) if name in ARCHIVED else None,
        renaming=Renaming(f"{name}-old", START + timedelta(days=rng.randrange(1, 90)))
        if rng.random() < 0.02
        else None,
    )


def _default_branch(rng: Random, name: str) -> str:
    if name == "boostorg/boost":
        return "master"
    return rng.choices(("develop", "master", "main"), (0.9, 0.05, 0.05))[0]
