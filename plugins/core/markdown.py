"""Converts small HTML documents, such as Slack's huddle summaries, to Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from markdownify import MarkdownConverter

from core.workspace import write_text

EMOJI_ONLY = re.compile(r"\s*:[a-zA-Z0-9_+-]+:\s*")


class _Converter(MarkdownConverter):
    def convert_a(self, element: Any, text: str, parent_tags: Any) -> str:
        """Show the address of a link without text; leave only the text of one without address."""
        href = element.get("href")
        if not href:
            return text
        return f"[{text.strip()}]({href})" if text.strip() else f"<{href}>"

    def convert_img(self, element: Any, text: str, parent_tags: Any) -> str:
        """Drop an image without source."""
        source = element.get("src")
        return f"![{element.get('alt', '')}]({source})" if source else ""

    def convert_br(self, element: Any, text: str, parent_tags: Any) -> str:
        """Break the line without trailing spaces."""
        return "\n"


def html_to_markdown(html: str) -> str:
    """Return Markdown with ATX headings, `-` lists, fenced code, GFM tables, and canvas controls as text."""
    soup = BeautifulSoup(html, "html.parser")
    _reduce(soup)
    converter = _Converter(
        heading_style="ATX",
        bullets="-",
        escape_misc=False,
        escape_underscores=False,
        escape_asterisks=False,
    )
    text = str(converter.convert_soup(soup))
    lines = (line.rstrip() for line in text.replace("\xa0", " ").split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _reduce(soup: BeautifulSoup) -> None:
    """Drop what is not text, and turn canvas controls into plain text."""
    for element in soup.select("script, style, p.embedded-file"):
        element.decompose()
    for control in soup.find_all("control"):
        for link in control.find_all("a"):
            link.replace_with(link.get_text() or str(link.get("href") or ""))
        pieces = [str(piece) for piece in control.find_all(string=True)]
        control.replace_with("".join(piece for piece in pieces if not EMOJI_ONLY.fullmatch(piece)))
    for piece in soup.find_all(string=True):
        if EMOJI_ONLY.fullmatch(piece) and piece.find_parent(["code", "pre"]) is None:
            piece.extract()


def convert_file(source: Path) -> Path:
    """Convert `x.html` into `x.md` in the same folder; other names get `.md` appended."""
    name = source.with_suffix(".md") if source.suffix.lower() == ".html" else Path(f"{source}.md")
    return write_text(name, html_to_markdown(source.read_text(encoding="utf-8")) + "\n")
