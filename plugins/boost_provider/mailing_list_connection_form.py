"""The form of a Connection to an archive of mailing lists."""

from __future__ import annotations

from typing import Any

ARCHIVE = "https://lists.boost.org/archives"
CONNECTION_TYPE: dict[str, Any] = {
    "connection-type": "hyperkitty",
    "hook-class-name": "hooks.mailing_list_hook.MailingListHook",
    "hook-name": "HyperKitty (mailing list archive)",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "login", "password", "port", "extra"],
        "relabeling": {"host": "Archive address"},
        "placeholders": {"host": ARCHIVE},
    },
}
CONNECTIONS = (("hyperkitty_boost", "The mailing list archive; host ends in /archives"),)
DEFAULT = {"conn_id": "hyperkitty_boost", "host": ARCHIVE}
"""The archive needs no account, so `make up` starts with this Connection."""
