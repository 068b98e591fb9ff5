"""Discovers the services: every folder of the sandbox that has a `service.py`; no list names them."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, TypeVar

import sandbox
from sandbox.service import Service

CONTROLS = frozenset({"community", "faults", "limits", "requests", "time"})
"""The sandbox's own paths below `/_sandbox`; no service may have one of these names."""
Value = TypeVar("Value")


@cache
def services() -> tuple[Service[Any], ...]:
    """Return all services of the sandbox."""
    return discover(sandbox)


def discover(package: ModuleType) -> tuple[Service[Any], ...]:
    """Return the services in the folders of a package, sorted by folder."""
    folders = sorted(found.name for found in pkgutil.iter_modules(package.__path__) if found.ispkg)
    modules = [f"{package.__name__}.{folder}.service" for folder in folders]
    found: dict[str, Service[Any]] = {}
    for module in modules:
        if find_spec(module) is not None:
            service = import_module(module).SERVICE
            _check(module, service, found)
            found[module] = service
    return tuple(found.values())


def _check(module: str, service: Service[Any], earlier: Mapping[str, Service[Any]]) -> None:
    """Refuse a service whose name or paths are in use already."""
    if not service.name.isidentifier() or service.name in CONTROLS:
        raise ValueError(
            f"{module}: the name {service.name!r} cannot be used; take a Python name other than "
            f"{', '.join(sorted(CONTROLS))}"
        )
    for other_module, other in earlier.items():
        for field in ("name", "prefix"):
            if getattr(service, field) == getattr(other, field):
                raise ValueError(
                    f"{module}: {other_module} has the {field} {getattr(other, field)!r} too; change one"
                )


def merged(parts: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    """Merge the mappings of several services; refuse a key that two of them use."""
    found: dict[str, Value] = {}
    for part in parts:
        if twice := sorted(found.keys() & part.keys()):
            raise ValueError(f"two services of the sandbox use the same keys: {', '.join(twice)}")
        found |= part
    return found
