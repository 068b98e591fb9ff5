"""Where a running system keeps what it writes: one folder, outside home folders when root."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def state_folder() -> Path:
    """Return the state folder: `BDC_STATE_DIR`, else below the clone, else (as root) below /var/tmp.

    The embedded server, started by root, runs as a user of its own and opens every parent folder of its
    data to everyone; in a home folder that would be wrong.
    """
    chosen = os.environ.get("BDC_STATE_DIR", "").strip()
    if chosen:
        return Path(chosen).expanduser().resolve()
    if os.geteuid() == 0:
        digest = hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]
        return Path("/var/tmp") / f"boost-data-collector-{digest}"
    return ROOT / ".state"
