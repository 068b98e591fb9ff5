"""Cleans Discord's markup in texts. Pure."""

from __future__ import annotations

import re

from core.text import filter_sentence

MENTION = re.compile(r"<(?:@[!&]?|#)\d+>")
CUSTOM_EMOJI = re.compile(r"<a?:(\w+):\d+>")


def clean_discord_text(text: str, min_words_after: int = 0) -> str:
    """Remove mentions, keep custom emoji as their names, then filter the sentence."""
    plain = CUSTOM_EMOJI.sub(r":\1:", MENTION.sub("", text))
    return filter_sentence(" ".join(plain.split()), min_words_after=min_words_after)
