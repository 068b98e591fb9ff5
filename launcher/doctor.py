"""Checks this machine and the configuration: what is missing, and how to fix it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from launcher.folders import ROOT, state_folder
from launcher.ports import Ports, PortTaken
from launcher.state import State

Finding = tuple[bool, str]
GIB = 1024**3


def findings() -> Iterator[Finding]:
    """Yield the result of each check, with a description."""
    yield sys.version_info >= (3, 11), f"Python {sys.version.split()[0]} (3.11 to 3.13)"
    memory = psutil.virtual_memory().total / GIB
    yield memory > 3.5, f"{memory:.1f} GiB of memory (4 GiB are enough)"
    state = State(state_folder())
    free = shutil.disk_usage(_existing(state.folder)).free / GIB
    yield free > 2, f"{free:.1f} GiB free for {state.folder} (2 GiB are needed; move it with BDC_STATE_DIR)"
    yield bool(shutil.which("git")), "git is installed (trackers that clone repositories need it)"
    yield (
        Path("/usr/bin/chromium").exists(),
        "Chromium is installed (only tests and `make screenshots` need it)",
    )
    if state.is_held():
        yield True, f"a system is running: {state.read().get('web', '')}"
    else:
        yield _ports()
    yield from _configuration()


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _ports() -> Finding:
    try:
        Ports.from_environment().require_free(sandbox=True)
    except PortTaken as error:
        return False, str(error)
    return True, "the ports of the Airflow UI and the sandbox are free"


def _configuration() -> Iterator[Finding]:
    sys.path.insert(0, str(ROOT / "plugins"))
    os.environ.setdefault("AIRFLOW_HOME", str(state_folder() / "airflow"))
    from core.errors import ConfigurationError
    from core.schedule import load_schedule
    from core.settings import Settings
    from operators.framework.registry import parsers

    try:
        settings = Settings()
        settings.describe()
        yield True, "every setting can be read"
        schedule = load_schedule(settings.schedule_yaml, parsers())
        yield True, f"{settings.schedule_yaml}: {len(schedule.groups)} group(s)"
        for warning in schedule.warnings:
            yield False, warning
    except ConfigurationError as error:
        yield False, str(error)


def report() -> int:
    """Print the results; return the exit status."""
    passed = True
    for good, text in findings():
        print(f"  {'ok ' if good else 'NO '} {text}")
        passed = passed and (good or "Chromium" in text)
    print("all checks passed" if passed else "some checks failed; see the lines marked NO")
    return 0 if passed else 1


def config_check() -> int:
    """Print every setting with its origin, then the schedule; return the exit status."""
    sys.path.insert(0, str(ROOT / "plugins"))
    os.environ.setdefault("AIRFLOW_HOME", str(state_folder() / "airflow"))
    from core.errors import ConfigurationError
    from core.schedule import load_schedule
    from core.settings import Settings
    from operators.framework.registry import collector_for, parsers

    try:
        for found in Settings().describe():
            print(f"  {found.name:<22} {found.shown():<60} {found.origin}")
        schedule = load_schedule(Settings().schedule_yaml, parsers())
        for group in schedule.groups:
            print(f"\n  {group.id}, daily at {group.hour:02d}:{group.minute:02d} UTC")
            for task in group.tasks:
                if task.enabled:
                    collector_for(task.command)
                state = "" if task.enabled else " (disabled)"
                print(f"    {task.id:<34} {task.when()} {' '.join(task.args)}{state}")
        for warning in schedule.warnings:
            print(f"  warning: {warning}")
    except ConfigurationError as error:
        print(f"  error: {error}")
        return 1
    return 0
