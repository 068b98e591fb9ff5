"""The Add-Connection forms, one entry per system. The hooks live in `hooks`, below the plugins folder."""

from __future__ import annotations

from typing import Any

CONNECTION_TYPES: list[dict[str, Any]] = [
    {
        "connection-type": "hyperkitty",
        "hook-class-name": "hooks.mailing_list_hook.MailingListHook",
        "hook-name": "HyperKitty (mailing list archive)",
        "ui-field-behaviour": {
            "hidden-fields": ["schema", "login", "password", "port", "extra"],
            "relabeling": {"host": "Archive address"},
            "placeholders": {"host": "https://lists.boost.org/archives"},
        },
    },
]
