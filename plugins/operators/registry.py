"""Which operator carries out which command. A new collector is one line here."""

from __future__ import annotations

from collections.abc import Mapping

from core.options import parse_args
from core.schedule import ScheduleError
from core.schedule.loader import Parser
from operators.collector import CollectorOperator
from operators.mailing_list_collector import MailingListCollector

COLLECTORS: Mapping[str, type[CollectorOperator]] = {
    operator.command: operator
    for operator in (
        MailingListCollector,  # one line each
    )
}


def collector_for(command: str) -> type[CollectorOperator]:
    """Return the operator of a command; one that does not exist yet is an error of the schedule."""
    try:
        return COLLECTORS[command]
    except KeyError:
        known = ", ".join(sorted(COLLECTORS))
        raise ScheduleError(
            f"no operator carries out {command} yet; remove it or disable it (there is: {known})"
        ) from None


def parsers() -> dict[str, Parser]:
    """Return the option parser of each command, for checking the schedule's `args`."""

    def parser_of(operator: type[CollectorOperator]) -> Parser:
        return lambda args: operator.options_type(**parse_args(operator.options_type, args)).check()

    return {command: parser_of(operator) for command, operator in COLLECTORS.items()}
