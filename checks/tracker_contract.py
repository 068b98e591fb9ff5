"""An import contract for trackers: they form layers and use each other through `api.py` only.

The layers of import-linter itself have no wildcard, so every new tracker would have to be added to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from importlinter import Contract, ContractCheck, fields, output

OTHERS = "*"
ROOT = "trackers"
MAY_USE_ALL = ("operators",)
"""Operators combine trackers, so they may import any module of them."""


class TrackerContract(Contract):
    """A tracker imports only `api` modules, and only of trackers in lower layers.

    :param layers: from top to bottom; `|` separates the trackers of one layer; `*` stands for every tracker
        that is not named.
    """

    layers = fields.ListField(subfield=fields.StringField())

    def check(self, graph: Any, verbose: bool) -> ContractCheck:
        """Check every import of a tracker's module."""
        found = sorted(self._problems(graph))
        return ContractCheck(kept=not found, metadata={"problems": found})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print the imports that break the contract."""
        for problem in check.metadata["problems"]:
            output.print_error(problem)

    def _problems(self, graph: Any) -> Iterator[str]:
        trackers = {name.split(".")[1] for name in graph.modules if name.count(".") > 1 and _is_tracker(name)}
        for importer in graph.modules:
            for imported in graph.find_modules_directly_imported_by(importer):
                used = _tracker_of(imported, trackers)
                user = _tracker_of(importer, trackers)
                if not used or used == user or importer.split(".")[0] in MAY_USE_ALL:
                    continue
                if importer != f"{ROOT}.schema" and imported != f"{ROOT}.{used}.api":
                    yield f"{importer} imports {imported}; other packages may import only {ROOT}.{used}.api"
                if user and self._layer(user) >= self._layer(used):
                    yield f"{importer} imports {imported}, which is not in a lower layer"

    def _layer(self, tracker: str) -> int:
        layers = [[name.strip() for name in str(layer).split("|")] for layer in self.layers]  # type: ignore[attr-defined]
        named = [number for number, names in enumerate(layers) if tracker in names]
        others = [number for number, names in enumerate(layers) if OTHERS in names]
        if not named and not others:
            raise ValueError(f"tracker {tracker} has no layer: name it in the contract, or add {OTHERS!r}")
        return (named or others)[0]


def _is_tracker(module: str) -> bool:
    return module.startswith(f"{ROOT}.")


def _tracker_of(module: str, trackers: set[str]) -> str:
    """Return the tracker that a module belongs to; empty for other modules."""
    name = module.split(".")[1] if _is_tracker(module) else ""
    return name if name in trackers else ""
