"""One line per figure: what was measured, what it must be, whether it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    name: str
    value: float
    target: float | None
    """None where the figure is for information."""
    unit: str = "x"
    at_least: bool = True
    note: str = ""

    @property
    def reached(self) -> bool:
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    def line(self) -> str:
        sign = ">=" if self.at_least else "<="
        mark = "ok    " if self.reached else "MISSED"
        wanted = "no target" if self.target is None else f"{sign} {self.target:g} {self.unit}"
        return f"  {mark} {self.name:<58} {self.value:>9.2f} {self.unit:<3} {wanted:<12} {self.note}"
