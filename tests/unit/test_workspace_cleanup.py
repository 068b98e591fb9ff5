from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.workspace_cleanup import JsonScan, remove_orphans, scan_staging_json
from trackers.github.staging import STAGING

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def put(path: Path, content: bytes = b"", age: float = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (NOW.timestamp() - age, NOW.timestamp() - age))
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    put(tmp_path / "a.tmp", age=48 * 3600)
    put(tmp_path / "b.tmp", age=3600)
    put(tmp_path / "c.txt", age=48 * 3600)
    return tmp_path


def test_old_temporary_files_are_removed(workspace: Path) -> None:
    assert remove_orphans(workspace, now=NOW, execute=True) == 1
    assert sorted(p.name for p in workspace.iterdir()) == ["b.tmp", "c.txt"]


def test_a_dry_run_only_counts_and_the_age_limit_is_inclusive(workspace: Path) -> None:
    assert remove_orphans(workspace, now=NOW) == 1
    assert remove_orphans(workspace, now=NOW, max_age_hours=1) == 2
    assert len(list(workspace.iterdir())) == 3


def test_invalid_arguments_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="max_age_hours"):
        remove_orphans(tmp_path, now=NOW, max_age_hours=-1)
    with pytest.raises(ConfigurationError, match="WORKSPACE_DIR"):
        remove_orphans(tmp_path / "none", now=NOW)


def test_clones_and_quarantine_are_not_entered(tmp_path: Path) -> None:
    (tmp_path / "clone" / ".git").mkdir(parents=True)
    kept = [
        put(tmp_path / name, age=1e6) for name in ("clone/Cargo.lock", "clone/sub/x.tmp", "_quarantine/y.tmp")
    ]
    assert remove_orphans(tmp_path, now=NOW, execute=True) == 0
    assert all(path.exists() for path in kept)


def staged(root: Path, name: str = "x.json") -> Path:
    return root / "github_activity_tracker" / "boostorg" / "asio" / "issues" / name


@pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe\x00"])
def test_invalid_json_is_removed(tmp_path: Path, content: bytes) -> None:
    file = put(staged(tmp_path), content, age=60)
    assert scan_staging_json(tmp_path, STAGING, now=NOW, quarantine=False, dry_run=True).removed_invalid == 1
    assert file.exists()
    assert scan_staging_json(tmp_path, STAGING, now=NOW, quarantine=False) == JsonScan(
        scanned=1, removed_invalid=1
    )
    assert not file.exists()


def test_recent_invalid_json_is_kept(tmp_path: Path) -> None:
    file = put(staged(tmp_path), b"{", age=60)
    assert scan_staging_json(tmp_path, STAGING, now=NOW, grace_seconds=3600).skipped_grace_invalid == 1
    assert file.exists()


def test_quarantine_never_overwrites(tmp_path: Path) -> None:
    for content in (b"{", b"[", b"("):
        put(staged(tmp_path), content, age=60)
        assert scan_staging_json(tmp_path, STAGING, now=NOW).quarantined_invalid == 1
    kept = sorted((tmp_path / "_quarantine").rglob("*.json"))
    assert sorted(p.name for p in kept) == ["x.1.json", "x.2.json", "x.json"]
    assert scan_staging_json(tmp_path, STAGING, now=NOW) == JsonScan()


def test_stale_valid_json_causes_a_warning_and_is_kept(tmp_path: Path) -> None:
    file = put(staged(tmp_path), b"{}", age=10 * 86400)
    assert scan_staging_json(tmp_path, STAGING, now=NOW, stale_seconds=3600).stale_valid_warnings == 1
    assert scan_staging_json(tmp_path, STAGING, now=NOW).stale_valid_warnings == 0
    assert file.exists()


def test_a_file_that_disappears_is_not_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(staged(tmp_path), b"{", age=60)
    unlink = Path.unlink

    def gone(self: Path, missing_ok: bool = False) -> None:
        unlink(self)
        unlink(self)

    monkeypatch.setattr(Path, "unlink", gone)
    assert scan_staging_json(tmp_path, STAGING, now=NOW, quarantine=False) == JsonScan(scanned=1)
