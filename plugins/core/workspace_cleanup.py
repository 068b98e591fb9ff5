"""Removes what crashed writers left in the workspace: orphaned temporary files, invalid staged JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from core.errors import ConfigurationError

ORPHAN_SUFFIXES = (".tmp", ".part", ".lock", ".swp")
QUARANTINE = "_quarantine"
log = structlog.get_logger("collector")


@dataclass(frozen=True)
class StagingLayout:
    """Where a component of the predecessor staged JSON: `<folder>/<owner>/<repository>/<kind>/*.json`.

    :param not_staged: names of folders that hold other files.
    """

    folder: str
    kinds: tuple[str, ...]
    not_staged: tuple[str, ...] = ()


@dataclass
class JsonScan:
    """What a scan of staged JSON found and did. In a dry run, `removed_invalid` is what would be removed."""

    scanned: int = 0
    removed_invalid: int = 0
    quarantined_invalid: int = 0
    skipped_grace_invalid: int = 0
    stale_valid_warnings: int = 0
    errors: int = 0


def remove_orphans(root: Path, *, now: datetime, max_age_hours: float = 24.0, execute: bool = False) -> int:
    """Count old temporary files below `root`, and with `execute` delete them.

    Git clones are skipped, because a repository may track files such as `Cargo.lock`.
    """
    if max_age_hours < 0:
        raise ConfigurationError(f"max_age_hours must not be negative: {max_age_hours}")
    if not root.is_dir():
        raise ConfigurationError(f"the workspace {root} does not exist; set WORKSPACE_DIR")
    oldest = now.timestamp() - max_age_hours * 3600
    found = 0
    for path in _files(root):
        if not path.name.endswith(ORPHAN_SUFFIXES):
            continue
        try:
            if path.stat().st_mtime > oldest:
                continue
            found += 1
            if execute:
                path.unlink()
        except FileNotFoundError:
            found -= 1 if execute else 0
        except OSError as error:
            log.warning(f"{path} cannot be removed: {error.strerror}")
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, below, names in os.walk(root):
        if ".git" in below or ".git" in names:
            below.clear()
            continue
        below[:] = [name for name in below if name != QUARANTINE]
        yield from (Path(folder) / name for name in names)


def scan_staging_json(
    root: Path,
    layout: StagingLayout,
    *,
    now: datetime,
    grace_seconds: float = 5.0,
    stale_seconds: float = -1.0,
    quarantine: bool = True,
    dry_run: bool = False,
) -> JsonScan:
    """Check the JSON files that a component staged.

    Empty or invalid files older than the grace time are removed or moved to the quarantine. Valid files older
    than the stale limit (if it is not negative) only cause a warning.
    """
    scan = JsonScan()
    for path in _staged(root / layout.folder, layout):
        try:
            age = now.timestamp() - path.stat().st_mtime
            valid = _is_json(path.read_bytes())
        except FileNotFoundError:
            continue
        except OSError as error:
            log.warning(f"{path} cannot be read: {error.strerror}")
            scan.errors += 1
            continue
        scan.scanned += 1
        if valid:
            if 0 <= stale_seconds < age:
                scan.stale_valid_warnings += 1
                log.warning(f"{path} has been staged for {age / 3600:.0f} h")
        elif grace_seconds and age < grace_seconds:
            scan.skipped_grace_invalid += 1
        else:
            _discard(scan, root, path, quarantine=quarantine, dry_run=dry_run)
    return scan


def _staged(folder: Path, layout: StagingLayout) -> Iterator[Path]:
    skipped = {*layout.not_staged, QUARANTINE}
    for path in sorted(folder.glob("*/*/*/*.json")):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in skipped for part in parts[:-1])
        if parts[2] in layout.kinds and not hidden:
            yield path


def _is_json(content: bytes) -> bool:
    try:
        json.loads(content.decode("utf-8"))
    except ValueError:
        return False
    return True


def _discard(scan: JsonScan, root: Path, path: Path, *, quarantine: bool, dry_run: bool) -> None:
    try:
        if dry_run:
            scan.removed_invalid += 1
        elif quarantine:
            target = _free(root / QUARANTINE / path.relative_to(root))
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)
            scan.quarantined_invalid += 1
        else:
            path.unlink()
            scan.removed_invalid += 1
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning(f"{path} cannot be removed: {error.strerror}")
        scan.errors += 1


def _free(target: Path) -> Path:
    """Return a name that no earlier file in the quarantine has."""
    number = 1
    free = target
    while free.exists():
        free = target.with_name(f"{target.stem}.{number}{target.suffix}")
        number += 1
    return free
