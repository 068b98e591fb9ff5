"""Reads the project's SQL files, each of them once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import LiteralString

SQL_ROOT = Path(__file__).resolve().parents[2] / "include" / "sql"


@cache
def sql(name: str) -> LiteralString:
    """Return the text of `include/sql/<name>.sql`.

    The files are part of the program, so their text is a LiteralString for type checkers.
    """
    text: LiteralString = (SQL_ROOT / f"{name}.sql").read_text(encoding="utf-8")
    return text
