"""Settings: how they are declared and read. Nothing else reads the environment or Airflow Variables.

A value comes from the Variable `bdc_<name>`, else from the first environment variable that is set, else
it is the default. Blank means "not set". Values are resolved when they are first used, so a task looks up
only what it needs; Variables are read only inside a task, never while DAG files are parsed.

Each source declares its settings in its `settings.py`; the shared ones are here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, overload

from core.errors import ConfigurationError

T = TypeVar("T")
G = TypeVar("G", bound="SettingsGroup")
ROOT = Path(__file__).resolve().parents[2]
PLUGINS = Path(__file__).resolve().parents[1]


def as_text(raw: str) -> str:
    """Return the text unchanged."""
    return raw


def as_flag(raw: str) -> bool:
    """Accept true/false/1/0/yes/no/on/off in any case."""
    word = raw.lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off"):
        return False
    raise ValueError("must be true or false")


def as_count(raw: str) -> int:
    """Accept a whole number that is not negative."""
    number = int(raw)
    if number < 0:
        raise ValueError("must not be negative")
    return number


def as_positive(raw: str) -> int:
    """Accept a whole number of at least 1."""
    if (number := int(raw)) < 1:
        raise ValueError("must be at least 1")
    return number


def as_names(raw: str) -> tuple[str, ...]:
    """Split at commas and strip each part; empty parts are dropped."""
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def as_path(raw: str) -> Path:
    """Read a path; a relative path is below the repository's root."""
    return ROOT / Path(raw).expanduser()


@dataclass(frozen=True)
class Resolved:
    """A setting's value and its origin, as `config-check` prints them."""

    name: str
    value: Any
    origin: str
    secret: bool
    doc: str

    def shown(self) -> str:
        """Return the value as text, but only whether it is set if it is secret."""
        if self.secret:
            return "set" if self.value else "not set"
        return ", ".join(self.value) if isinstance(self.value, tuple) else str(self.value)


class Setting(Generic[T]):
    """One setting: how its text is read, where it can be set, what it means.

    :param name: by default the group's prefix and the attribute's name.
    :param section: by default the group's.
    """

    def __init__(
        self,
        read: Callable[[str], T],
        default: T,
        doc: str,
        *,
        env: tuple[str, ...] = (),
        variable: bool = True,
        secret: bool = False,
        name: str = "",
        section: str = "",
    ) -> None:
        self.read, self.default, self.doc = read, default, doc
        self.env, self.variable, self.secret = env, variable, secret
        self.name, self.section = name, section

    def __set_name__(self, owner: type[SettingsGroup], name: str) -> None:
        self.name = self.name or "_".join(filter(None, (owner.prefix, name)))
        self.section = self.section or owner.section

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: SettingsGroup, owner: type) -> T: ...
    def __get__(self, instance: SettingsGroup | None, owner: type) -> Setting[T] | T:
        if instance is None:
            return self
        value: T = instance.settings.resolve(self).value
        return value

    def resolve(self, environ: Mapping[str, str], variable: Callable[[str], str | None]) -> Resolved:
        """Return the value with its origin, or raise an error that names where the invalid value is set."""
        for origin, raw in self._candidates(environ, variable):
            if raw is None or not raw.strip():
                continue
            try:
                return Resolved(self.name, self.read(raw.strip()), origin, self.secret, self.doc)
            except ValueError as error:
                raise ConfigurationError(f"{origin} has an invalid value: {error}") from None
        return Resolved(self.name, self.default, "default", self.secret, self.doc)

    def _candidates(
        self, environ: Mapping[str, str], variable: Callable[[str], str | None]
    ) -> Iterator[tuple[str, str | None]]:
        if self.variable:
            yield f"Variable bdc_{self.name}", variable(f"bdc_{self.name}")
        for name in self.env:
            yield f"environment variable {name}", environ.get(name)


class SettingsGroup:
    """Related settings as typed attributes: `settings.of(ExampleSettings).names`."""

    prefix: ClassVar[str] = ""
    section: ClassVar[str] = "Collecting"

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @classmethod
    def declared(cls) -> dict[str, Setting[Any]]:
        """Return the group's settings by name, in the order of their definition."""
        return {found.name: found for found in vars(cls).values() if isinstance(found, Setting)}


class Settings(SettingsGroup):
    """The settings that all collectors share, and access to those of a source."""

    workspace_dir = Setting(
        as_path,
        ROOT / "workspace",
        "Folder for caches and exports, which any worker can rebuild",
        env=("WORKSPACE_DIR",),
        variable=False,
        section="Files and schedule",
    )
    schedule_yaml = Setting(
        as_path,
        ROOT / "include" / "schedule.yaml",
        "The schedule file",
        env=("BOOST_COLLECTOR_SCHEDULE_YAML",),
        variable=False,
        section="Files and schedule",
    )
    schedule_strict = Setting(
        as_flag,
        True,
        "A missing or invalid schedule file is an import error; false: no DAGs and a warning",
        env=("BOOST_COLLECTOR_SCHEDULE_STRICT",),
        variable=False,
        section="Files and schedule",
    )
    postgres_connection = Setting(
        as_text,
        "",
        "The Connection bdc_postgres as JSON or URI; migrations prefer it to DATABASE_URL",
        env=("AIRFLOW_CONN_BDC_POSTGRES",),
        variable=False,
        secret=True,
        section="Database",
    )
    database_url = Setting(
        as_text,
        "",
        "PostgreSQL outside tasks (migrations); tasks use the Connection bdc_postgres",
        env=("DATABASE_URL",),
        variable=False,
        secret=True,
        section="Database",
    )
    db_name = Setting(
        as_text,
        "",
        "Name of the database, used when DATABASE_URL is empty",
        env=("DB_NAME",),
        variable=False,
        section="Database",
    )
    db_user = Setting(
        as_text, "", "User of the database", env=("DB_USER",), variable=False, section="Database"
    )
    db_password = Setting(
        as_text,
        "",
        "Password of the database user",
        env=("DB_PASSWORD",),
        variable=False,
        secret=True,
        section="Database",
    )
    db_host = Setting(
        as_text, "localhost", "Host of the database", env=("DB_HOST",), variable=False, section="Database"
    )
    db_port = Setting(
        as_count, 5432, "Port of the database", env=("DB_PORT",), variable=False, section="Database"
    )
    db_sslmode = Setting(
        as_text, "", "libpq's sslmode", env=("DB_OPTIONS_SSLMODE",), variable=False, section="Database"
    )
    max_body_mb = Setting(
        as_positive,
        25,
        "Answers larger than this many MiB are cut off and counted as too large",
        env=("BDC_MAX_BODY_MB",),
    )
    requests_in_flight = Setting(
        as_positive,
        4,
        "Concurrent requests to one source, and units (lists, repositories) collected at a time",
        env=("BDC_REQUESTS_IN_FLIGHT",),
    )

    def __init__(
        self, environ: Mapping[str, str] | None = None, variable: Callable[[str], str | None] | None = None
    ) -> None:
        super().__init__(self)
        self._environ = os.environ if environ is None else environ
        self._variable = variable or (lambda name: None)
        self._resolved: dict[str, Resolved] = {}

    @classmethod
    def for_task(cls) -> Settings:
        """Return settings for use inside an Airflow task, where Variables can be read."""
        from airflow.sdk import Variable

        return cls(variable=lambda name: Variable.get(name, default=None))

    def of(self, group: type[G]) -> G:
        """Return the settings of a source."""
        return group(self)

    def value(self, setting: Setting[T]) -> T:
        """Return the value of a setting of any group."""
        found: T = self.resolve(setting).value
        return found

    def resolve(self, setting: Setting[Any]) -> Resolved:
        """Return the value of a setting with its origin."""
        if setting.name not in self._resolved:
            self._resolved[setting.name] = setting.resolve(self._environ, self._variable)
        return self._resolved[setting.name]

    def describe(self) -> list[Resolved]:
        """Resolve all declared settings; the first invalid value raises."""
        return [self.resolve(setting) for setting in declared_settings().values()]


def declared_settings() -> dict[str, Setting[Any]]:
    """Return every setting by name: the shared ones, then those in each source's `settings.py`."""
    found = dict(Settings.declared())
    for path in sorted(PLUGINS.glob("*/*/settings.py")):
        module = import_module(".".join(path.relative_to(PLUGINS).with_suffix("").parts))
        for value in vars(module).values():
            if (
                isinstance(value, type)
                and issubclass(value, SettingsGroup)
                and value.__module__ == module.__name__
            ):
                if taken := found.keys() & value.declared().keys():
                    raise TypeError(f"{module.__name__} declares {', '.join(sorted(taken))} a second time")
                found |= value.declared()
    return found
