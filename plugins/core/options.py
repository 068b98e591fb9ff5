"""A collector's params, declared once for the trigger form, the schedule's `args` and the settings.

A value comes from the form (if it is not null), else from the schedule's `args`, else from the declared
setting, else it is the default.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from core.dates import iso_z, parse_strict, parse_until
from core.errors import ConfigurationError
from core.settings import Setting, Settings, as_names

O = TypeVar("O", bound="Options")  # noqa: E741 - the type variable of an options class


@dataclass(frozen=True)
class ParamKind:
    """How one kind of value looks in the form and is read from text."""

    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    is_flag: bool = False


EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Between these are all dates that a run can be asked for; sums with others overflow."""
MOST = 1_000_000_000
"""The largest number. Airflow's own processes fail at numbers beyond 64 bits, and say nothing."""


def believable(parse: Callable[[str], datetime | None]) -> Callable[[str], datetime | None]:
    """Return a parser that refuses dates which nobody can mean."""

    def parse_believable(raw: str) -> datetime | None:
        moment = parse(raw)
        if moment is not None and not EARLIEST <= moment <= LATEST:
            raise ValueError(f"must be between {EARLIEST:%Y} and {LATEST:%Y}, not {raw!r}")
        return moment

    return parse_believable


INSTANT_FROM = ParamKind({"type": ["null", "string"], "format": "date-time"}, believable(parse_strict))
INSTANT_UNTIL = ParamKind({"type": ["null", "string"], "format": "date-time"}, believable(parse_until))
FLAG = ParamKind({"type": ["null", "boolean"]}, lambda raw: True, is_flag=True)
TEXT = ParamKind({"type": ["null", "string"]}, str)
COUNT = ParamKind({"type": ["null", "integer"], "minimum": 1, "maximum": MOST}, int)
DAYS = ParamKind({"type": ["null", "integer"], "minimum": 1, "maximum": 36_500}, int)
NAMES = ParamKind({"type": ["null", "array"], "items": {"type": "string"}}, as_names)


@dataclass(frozen=True)
class DeclaredOption:
    """The declaration of one param in an options class.

    :param setting: the `Setting` to use if the run gives no value; a descriptor cannot be typed here.
    """

    kind: ParamKind
    title: str
    doc: str
    aliases: tuple[str, ...] = ()
    setting: Any = None
    common: bool = False
    examples: tuple[str, ...] = ()
    default: Any = None


def option(
    kind: ParamKind,
    default: Any,
    title: str,
    doc: str,
    *,
    aliases: tuple[str, ...] = (),
    setting: Setting[Any] | None = None,
    common: bool = False,
    examples: tuple[str, ...] = (),
) -> Any:
    """Declare one param of an options class."""
    declaration = DeclaredOption(kind, title, doc, aliases, setting, common, examples, default)
    return field(default=default, metadata={"option": declaration})


@dataclass(frozen=True)
class Options:
    """Base of all options classes."""

    def check(self) -> None:
        """Raise if the values contradict each other."""

    def as_json(self) -> dict[str, Any]:
        """Return the values that differ from their defaults."""
        shown = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != f.default}
        return {name: iso_z(v) if isinstance(v, datetime) else v for name, v in shown.items()}


@dataclass(frozen=True)
class CommonOptions(Options):
    """The params that all collectors share."""

    since: datetime | None = option(
        INSTANT_FROM,
        None,
        "Since",
        "Only items dated at or after this instant (UTC). Empty: from where the last run ended.",
        aliases=("--from-date", "--start-time", "--start-date"),
        common=True,
    )
    until: datetime | None = option(
        INSTANT_UNTIL,
        None,
        "Until",
        "Only items dated up to this instant (UTC); a date alone includes that day.",
        aliases=("--to-date", "--end-time", "--end-date"),
        common=True,
    )
    limit: int | None = option(
        COUNT, None, "Limit", "Stop after this many new items in each try. For trial runs.", common=True
    )
    dry_run: bool = option(
        FLAG,
        False,
        "Dry run",
        "Send a few cheap requests and log what a run would cost; store nothing.",
        common=True,
    )
    full_refresh: bool = option(
        FLAG, False, "Full refresh", "Walk the whole source and fetch every detail again.", common=True
    )
    reprocess: bool = option(
        FLAG,
        False,
        "Reprocess",
        "Rebuild rows from the stored raw payloads, without any request.",
        common=True,
    )

    @property
    def windowed(self) -> bool:
        """Whether the run covers only a part of the source; other runs' checkpoints stay."""
        return self.since is not None or self.until is not None or self.limit is not None

    def in_window(self, moment: datetime | None) -> bool:
        """Return whether the window contains this time; without a time, whether there is no window."""
        if self.since is None and self.until is None:
            return True
        if moment is None:
            return False
        return (self.since is None or moment >= self.since) and (self.until is None or moment <= self.until)

    def check(self) -> None:
        """Raise if the window ends before it begins."""
        if self.since and self.until and self.since > self.until:
            raise ConfigurationError(
                f"since ({iso_z(self.since)}) is after until ({iso_z(self.until)}); swap them"
            )


def declared(options_type: type[Options]) -> dict[str, DeclaredOption]:
    """Return the declaration of each field of an options class."""
    return {f.name: f.metadata["option"] for f in fields(options_type) if "option" in f.metadata}


def form_name(tracker: str, name: str, declaration: DeclaredOption) -> str:
    """Return a param's name in a group's form: common params are shared, others belong to a tracker."""
    return name if declaration.common else f"{tracker}__{name}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigurationError(message)


def parse_args(options_type: type[Options], args: Sequence[str]) -> dict[str, Any]:
    """Read options in the style of a command line, as the schedule file has them."""
    parser = _Parser(add_help=False, allow_abbrev=False)
    for name, declaration in declared(options_type).items():
        flags = (f"--{name.replace('_', '-')}", *declaration.aliases)
        if declaration.kind.is_flag:
            parser.add_argument(*flags, dest=name, action="store_true", default=argparse.SUPPRESS)
        else:
            parser.add_argument(*flags, dest=name, default=argparse.SUPPRESS)
    found = vars(parser.parse_args(list(args)))
    return {name: _read(options_type, name, value) for name, value in found.items()}


def resolve(
    options_type: type[O], tracker: str, form: Mapping[str, Any], args: Sequence[str], settings: Settings
) -> O:
    """Return the options of a run, or raise an error that names the param whose value is invalid."""
    from_args = parse_args(options_type, args)
    values: dict[str, Any] = {}
    for name, declaration in declared(options_type).items():
        given = form.get(form_name(tracker, name, declaration))
        if given is not None and given != "":
            values[name] = _read(options_type, name, given)
        elif name in from_args:
            values[name] = from_args[name]
        elif declaration.setting is not None:
            values[name] = settings.value(declaration.setting)
    options = options_type(**values)
    options.check()
    return options


TYPES: dict[str, tuple[type, ...]] = {
    "array": (list, tuple),
    "integer": (int,),
    "boolean": (bool,),
    "string": (str,),
}


def _read(options_type: type[Options], name: str, value: Any) -> Any:
    kind = declared(options_type)[name].kind
    word = kind.schema["type"][1]
    try:
        if isinstance(value, str) and word != "boolean":
            value = kind.read(value.strip())
        elif not isinstance(value, TYPES[word]) or (word == "integer" and isinstance(value, bool)):
            raise ValueError(f"must be of type {word}, not {value!r}")
        least, most = kind.schema.get("minimum"), kind.schema.get("maximum")
        if least is not None and value < least:
            raise ValueError(f"must be at least {least}")
        if most is not None and value > most:
            raise ValueError(f"must be at most {most:,}")
    except ValueError as error:
        raise ConfigurationError(f"param {name}: {error}") from None
    return tuple(str(item).strip() for item in value if str(item).strip()) if word == "array" else value
