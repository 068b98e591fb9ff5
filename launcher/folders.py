"""The state folder, to which a running system writes everything; for root it is outside home folders."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def state_folder() -> Path:
    """Return the state folder: `BDC_STATE_DIR`, else below the clone, else (as root) below /var/tmp.

    When root starts it, the embedded server runs as a separate user and makes every parent folder of its data
    accessible to everyone, which must not happen to a home folder.
    """
    chosen = os.environ.get("BDC_STATE_DIR", "").strip()
    if chosen:
        return Path(chosen).expanduser().resolve()
    if os.geteuid() == 0:
        digest = hashlib.sha256(str(ROOT).encode()).hexdigest()[:10]
        return Path("/var/tmp") / f"boost-data-collector-{digest}"
    return ROOT / ".state"
