"""Text that looks like a discussion of C++."""

from __future__ import annotations

from random import Random

LIBRARIES = (
    "Asio Beast Spirit Hana Geometry Graph Multiprecision Optional Variant2 Json Url Container "
    "Intrusive Filesystem Coroutine2 Fiber Lockfree Regex Serialization Test Program_options Mp11 "
    "Describe Unordered"
).split()
TOPICS = (
    "formal review of {lib} begins",
    "[{low}] undefined behaviour with -O3 on {compiler}",
    "{lib}: proposal for a constexpr interface",
    "[{low}] how to use it with coroutines?",
    "build failure of {lib} on {compiler}",
    "[release] {lib} and the next beta",
    "documentation of {lib} is out of date",
    "request for endorsement: a library beside {lib}",
    "GSoC idea: benchmarks for {lib}",
    "[{low}] позволяет ли это allocator?",
    "{lib} と C++20 モジュール",
)
COMPILERS = ("GCC 15", "Clang 21", "MSVC 19.44", "GCC 13 (MinGW)", "Apple Clang 17")
SENTENCES = (
    "I ran into this while porting our code to {lib}.",
    "The attached test case shows the difference between {compiler} and the documentation.",
    "Would it be acceptable to add an overload that takes a span?",
    "I think that the rationale in the docs answers the question, but it is hard to find.",
    "Has anyone measured what the extra indirection costs?",
    "The standard says that the value is unspecified, so we should not rely on it.",
    "My vote is to ACCEPT the library, conditional on the issues below.",
    "Please see the pull request for a proposed fix.",
    "With kind regards from the train, on a bad keyboard.",
    "Спасибо за подробное объяснение.",
    "この例は {compiler} でコンパイルできませんでした。",
    "Les tests passent avec {compiler}, mais pas avec {lib} en mode debug.",
    "std::vector<int> v{{1, 2, 3}}; // <- the brace is where it fails 🙂",
)


def filled(rng: Random, template: str) -> str:
    """Fill a template with a library and a compiler."""
    lib = rng.choice(LIBRARIES)
    return template.format(lib=lib, low=lib.lower(), compiler=rng.choice(COMPILERS))


def subject(rng: Random) -> str:
    """Return a subject that starts a thread."""
    return filled(rng, rng.choice(TOPICS))


def paragraphs(rng: Random, least: int = 1, most: int = 4) -> str:
    """Return between `least` and `most` paragraphs."""
    count = rng.randint(least, most)
    return "\n\n".join(
        "\n".join(filled(rng, s) for s in rng.sample(SENTENCES, rng.randint(1, 4))) for _ in range(count)
    )


def code(rng: Random) -> str:
    """Return a short C++ program."""
    lib = rng.choice(LIBRARIES).lower()
    return f"#include <boost/{lib}.hpp>\n\nint main()\n{{\n    return boost::{lib}::version();\n}}"


def subject_about(rng: Random, name: str) -> str:
    """Return a title for a topic about this library."""
    return rng.choice(TOPICS).format(lib=name.title(), low=name, compiler=rng.choice(COMPILERS))


def sentence(rng: Random) -> str:
    """Return one line, as people write in a chat."""
    return filled(rng, rng.choice(SENTENCES))
