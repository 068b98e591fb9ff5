"""Cleans texts and names. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from functools import lru_cache
from importlib import import_module
from typing import Any
from urllib.parse import unquote

MOVED = {"clean_discord_text": "trackers.discord.text"}
"""Documented names whose code belongs to a tracker; they can also be imported from here."""

INVISIBLE = dict.fromkeys((0x00AD, 0x200B, 0x200C, 0x200D))
SPACES = dict.fromkeys((0x00A0, 0x2002, 0x2003, 0x202F), " ")
CONTROLS: dict[int, None] = dict.fromkeys(c for c in range(32) if c not in (9, 10))
TABLE = {**INVISIBLE, **SPACES, **CONTROLS, 0x2026: "..."}

UNSHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Breaks of lines, control characters, and those that change the direction of what follows."""
GROUP_MARKER = re.compile(r"::(?=(?:end)?group::)")
"""Airflow's web UI folds log lines by `::group::` and `::endgroup::` anywhere in a line."""
EMOJI_CODE = re.compile(r":[a-zA-Z0-9_+-]+:")
NAMED_ENTITY = re.compile(r"&\w+;")
DEVICE_NAMES = {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10))}
MAX_NAME_CHARS, MAX_NAME_BYTES, MAX_EXTENSION = 200, 240, 20
MAX_TITLE_CHARS, MAX_TITLE_BYTES = 100, 200

GREETINGS = frozenset(
    """hi|hello|hey|good morning|good afternoon|good evening|greetings|howdy|sup|what's up|yo|hii|helloo
    |thanks|thank you|thx|ty|appreciate it|cheers|nice to meet you|happy to be here|happy to have you here
    |glad to see you|glad to see you here|glad to be here|bye|goodbye|see you later|see you soon
    |see you tomorrow|see you next week|see you next month|see you next year|see you in the future""".replace(
        "\n    ", ""
    ).split("|")
)
UNESSENTIAL = frozenset(
    """ok|okay|sure|yeah|yep|yup|nope|nah|lol|haha|hahaha|hehe|lmao|rofl|👍|👎|😊|😄|😀|👍🏻|👌|got it|gotcha
    |nice|awesome|great|uhm|um|uh|erm|of course""".replace("\n    ", "").split("|")
)


def storable(text: str) -> str:
    """Return text that PostgreSQL can store: without NUL, and with `?` for each unpaired surrogate."""
    text = text.replace("\x00", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def one_line(text: str) -> str:
    """Return a text that is one line of the log and folds no other: what would break it is escaped."""
    escaped = UNSHOWN.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
    return GROUP_MARKER.sub(": :", escaped)


def clean_text(text: str | None, remove_extra_spaces: bool = True) -> str:
    """Unescape HTML, drop invisible characters, and normalise spaces and line ends."""
    if not text:
        return ""
    cleaned = html.unescape(text).replace("\r\n", "\n").replace("\r", "\n").translate(TABLE)
    if remove_extra_spaces:
        cleaned = re.sub(r" +", " ", cleaned)
        cleaned = re.sub(r"\n{3,}", "\n\n", cleaned)
        cleaned = "\n".join(line.strip() for line in cleaned.split("\n"))
    return cleaned.strip()


@lru_cache(maxsize=32)
def _phrases(words: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(words, key=lambda w: (-len(w), w))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)


def filter_sentence(
    sentence: str,
    greeting_words: frozenset[str] = GREETINGS,
    unessential_words: frozenset[str] = UNESSENTIAL,
    min_words_after: int = 3,
) -> str:
    """Lower-case and drop greetings and fillers; return "" if too few words remain."""
    words = frozenset(greeting_words) | frozenset(unessential_words)
    text = sentence.lower()
    if words:
        text = _phrases(words).sub("", text)
    text = " ".join(text.split())
    return text if len(text.split()) >= min_words_after else ""


def truncate_content(text: str, max_length: int = 100) -> str:
    """Cut to `max_length` characters, ending in an ellipsis if it fits."""
    if max_length < 0:
        raise ValueError("max_length must not be negative")
    if len(text) <= max_length:
        return text
    return text[:max_length] if max_length <= 3 else text[: max_length - 3] + "..."


def validate_content_length(text: str | None, min_length: int = 50) -> bool:
    """Return whether the stripped text is long enough."""
    return len((text or "").strip()) >= min_length if text else False


def sanitize_filename(name: str) -> str:
    """Turn any text into a file name that every file system accepts."""
    cleaned = EMOJI_CODE.sub("", unquote(name))
    cleaned = re.sub(r'[\\/:*?"<>|]', "_", cleaned)
    cleaned = NAMED_ENTITY.sub("_", cleaned)
    cleaned = re.sub(r"[^\w\s\-.()\[\]]", "_", cleaned)
    cleaned = re.sub(r"[_\s]+", "_", cleaned).strip("_ ")
    if cleaned in ("", ".", ".."):
        return "downloaded_file"
    stem, extension = _split_extension(cleaned)
    if stem.lower() in DEVICE_NAMES:
        stem += "_"
    return _fit(stem, extension)


def title_in_file_name(title: str, fallback: str) -> str:
    """Return a title as part of a file name: at most 100 characters and 200 bytes, without its ends' dots."""
    plain = re.sub(r'[\\/:*?"<>|]', "", re.sub(r"[\x00-\x1f\x7f\s]+", " ", storable(title))).strip()
    cut = plain[:MAX_TITLE_CHARS].encode()[:MAX_TITLE_BYTES].decode("utf-8", "ignore")
    return cut.strip(". ") or fallback


def _split_extension(name: str) -> tuple[str, str]:
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension) > MAX_EXTENSION:
        return name, ""
    return stem, dot + extension


def _fit(stem: str, extension: str) -> str:
    stem = stem[: MAX_NAME_CHARS - len(extension)]
    longest = MAX_NAME_BYTES - len(extension.encode())
    return stem.encode()[:longest].decode("utf-8", "ignore") + extension


def fold(text: str) -> str:
    """Case-fold and strip accents, for comparing names across spellings."""
    special = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ß": "ss"})
    folded = unicodedata.normalize("NFD", text.casefold()).translate(special)
    return unicodedata.normalize("NFC", "".join(c for c in folded if not unicodedata.combining(c)))


def __getattr__(name: str) -> Any:
    """Import the names that moved to a tracker's package."""
    if name in MOVED:
        return getattr(import_module(MOVED[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
