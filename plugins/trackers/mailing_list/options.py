"""The params of the mailing list collector, with few imports because DAG files use them at every parse."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ConfigurationError
from core.options import DAYS, FLAG, NAMES, CommonOptions, option
from trackers.mailing_list.settings import DEFAULT_LISTS, MailingListSettings


@dataclass(frozen=True)
class MailingListOptions(CommonOptions):
    """The params that select lists and decide how much of their indexes a run reads."""

    list_names: tuple[str, ...] = option(
        NAMES,
        DEFAULT_LISTS,
        "Lists",
        "Which lists to collect. Empty: all of the Variable `bdc_mailing_list_names`.",
        setting=MailingListSettings.names,
        examples=DEFAULT_LISTS,
    )
    full_scan: bool = option(
        FLAG,
        False,
        "Full scan",
        "Walk the whole index: finds bulk imports and messages that a moderator removed.",
    )
    by_export: bool = option(
        FLAG,
        True,
        "By export",
        "Use bodies from the archive's monthly exports if that saves requests.",
    )
    date_slack_days: int = option(
        DAYS,
        30,
        "Date slack (days)",
        "With `since`: how many days further back to look, since the index is not ordered by senders' dates.",
    )

    def check(self) -> None:
        """Raise if the values contradict each other, or a list is not an address."""
        super().check()
        for name in self.list_names:
            if name.count("@") != 1 or "/" in name:
                raise ConfigurationError(
                    f"param list_names: {name!r} is not a list's address, such as {DEFAULT_LISTS[-1]}"
                )

    def require_known(self, allowed: tuple[str, ...]) -> None:
        """Raise if a list is not configured."""
        for name in self.list_names:
            if name not in allowed:
                raise ConfigurationError(
                    f"param list_names: {name!r} is not one of {', '.join(allowed)}; "
                    "extend the Variable bdc_mailing_list_names to collect it"
                )
