"""One typed settings object; the only reader of the environment and of Airflow Variables.

A value comes from the Variable `bdc_<name>`, else from the first environment variable that is set, else
it is the default. Blank means "not set". Values are resolved when they are first asked for, so a task pays
only for what it uses; Variables are asked only inside a task, never while DAG files are parsed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from core.errors import ConfigurationError

T = TypeVar("T")
PLACES, DATABASE, INDEX = "Files and schedule", "Database", "Vector index"
MOST_RECORDS = 96
ROOT = Path(__file__).resolve().parents[2]
DEFAULT_LISTS: tuple[str, ...] = (
    "boost-announce@lists.boost.org",
    "boost-users@lists.boost.org",
    "boost@lists.boost.org",
)


def as_text(raw: str) -> str:
    """Take the text as it is."""
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
    """Accept a whole number from 1 on."""
    if (number := int(raw)) < 1:
        raise ValueError("must be at least 1")
    return number


def as_batch_size(raw: str) -> int:
    """Accept as many records as one upload may have."""
    if (number := as_positive(raw)) > MOST_RECORDS:
        raise ValueError(f"Pinecone takes at most {MOST_RECORDS} records")
    return number


def as_names(raw: str) -> tuple[str, ...]:
    """Split a comma list; blanks around the parts do not count."""
    return tuple(part.strip() for part in raw.split(",") if part.strip())


def as_path(raw: str) -> Path:
    """Read a path; a relative one starts at the repository root."""
    return ROOT / Path(raw).expanduser()


@dataclass(frozen=True)
class Resolved:
    """A setting's value and where it came from; what `config-check` prints."""

    name: str
    value: Any
    origin: str
    secret: bool
    doc: str

    def shown(self) -> str:
        """Return the value as text; of a secret only whether it is set."""
        if self.secret:
            return "set" if self.value else "not set"
        return ", ".join(self.value) if isinstance(self.value, tuple) else str(self.value)


class Setting(Generic[T]):
    """One setting: how its text is read, where it may stand, what it means."""

    def __init__(
        self,
        read: Callable[[str], T],
        default: T,
        doc: str,
        *,
        env: tuple[str, ...] = (),
        variable: bool = True,
        secret: bool = False,
        section: str = "Collecting",
    ) -> None:
        self.read, self.default, self.doc = read, default, doc
        self.env, self.variable, self.secret = env, variable, secret
        self.section = section
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Setting[T]: ...
    @overload
    def __get__(self, instance: Settings, owner: type) -> T: ...
    def __get__(self, instance: Settings | None, owner: type) -> Setting[T] | T:
        if instance is None:
            return self
        value: T = instance.resolve(self.name).value
        return value

    def resolve(self, environ: Mapping[str, str], variable: Callable[[str], str | None]) -> Resolved:
        """Find the value; a text that cannot be read is an error naming where it stands."""
        for origin, raw in self._candidates(environ, variable):
            if raw is None or not raw.strip():
                continue
            try:
                return Resolved(self.name, self.read(raw.strip()), origin, self.secret, self.doc)
            except ValueError as error:
                raise ConfigurationError(f"{origin} cannot be used: {error}") from None
        return Resolved(self.name, self.default, "default", self.secret, self.doc)

    def _candidates(
        self, environ: Mapping[str, str], variable: Callable[[str], str | None]
    ) -> Iterator[tuple[str, str | None]]:
        if self.variable:
            yield f"Variable bdc_{self.name}", variable(f"bdc_{self.name}")
        for name in self.env:
            yield f"environment variable {name}", environ.get(name)


class Settings:
    """Every setting of the collectors."""

    workspace_dir = Setting(
        as_path,
        ROOT / "workspace",
        "Folder of caches and exports; any worker can rebuild it",
        env=("WORKSPACE_DIR",),
        variable=False,
        section=PLACES,
    )
    schedule_yaml = Setting(
        as_path,
        ROOT / "include" / "schedule.yaml",
        "The schedule file",
        env=("BOOST_COLLECTOR_SCHEDULE_YAML",),
        variable=False,
        section=PLACES,
    )
    schedule_strict = Setting(
        as_flag,
        True,
        "A missing or invalid schedule file is an import error; false: no DAGs and a warning",
        env=("BOOST_COLLECTOR_SCHEDULE_STRICT",),
        variable=False,
        section=PLACES,
    )
    postgres_connection = Setting(
        as_text,
        "",
        "The Connection bdc_postgres as JSON or URI; migrations take it before DATABASE_URL",
        env=("AIRFLOW_CONN_BDC_POSTGRES",),
        variable=False,
        secret=True,
        section=DATABASE,
    )
    database_url = Setting(
        as_text,
        "",
        "PostgreSQL for use outside a task (migrations); inside tasks the Connection bdc_postgres counts",
        env=("DATABASE_URL",),
        variable=False,
        secret=True,
        section=DATABASE,
    )
    db_name = Setting(
        as_text,
        "",
        "Database, used when DATABASE_URL is empty",
        env=("DB_NAME",),
        variable=False,
        section=DATABASE,
    )
    db_user = Setting(as_text, "", "Its user", env=("DB_USER",), variable=False, section=DATABASE)
    db_password = Setting(
        as_text, "", "Their password", env=("DB_PASSWORD",), variable=False, secret=True, section=DATABASE
    )
    db_host = Setting(as_text, "localhost", "Its server", env=("DB_HOST",), variable=False, section=DATABASE)
    db_port = Setting(as_count, 5432, "The server's port", env=("DB_PORT",), variable=False, section=DATABASE)
    db_sslmode = Setting(
        as_text, "", "libpq's sslmode", env=("DB_OPTIONS_SSLMODE",), variable=False, section=DATABASE
    )
    max_body_mb = Setting(
        as_count,
        25,
        "An answer larger than this many MiB is cut off while it streams, and counted",
        env=("BDC_MAX_BODY_MB",),
    )
    requests_in_flight = Setting(
        as_count,
        4,
        "How many requests to one source overlap",
        env=("BDC_REQUESTS_IN_FLIGHT",),
    )
    mailing_list_names = Setting(
        as_names,
        DEFAULT_LISTS,
        "The lists to collect, comma separated",
        env=("BOOST_MAILING_LIST_NAMES",),
    )

    mailing_list_drop_in = Setting(
        as_text,
        "",
        "Folder or object store of JSON files to take in, `<list>/messages/**.json`; empty: in the workspace",
        env=("BOOST_MAILING_LIST_DROP_IN",),
    )
    mailing_list_pinecone_app_type = Setting(
        as_text,
        "mailing",
        "Key of the mailing lists' documents in the vector index",
        env=("BOOST_MAILING_LIST_PINECONE_APP_TYPE",),
        section=INDEX,
    )
    mailing_list_pinecone_namespace = Setting(
        as_text, "mailing", "Their namespace", env=("BOOST_MAILING_LIST_PINECONE_NAMESPACE",), section=INDEX
    )
    pinecone_api_key = Setting(
        as_text,
        "",
        "API key of the public index, where the Connection pinecone_public has none",
        env=("PINECONE_API_KEY",),
        variable=False,
        secret=True,
        section=INDEX,
    )
    pinecone_private_api_key = Setting(
        as_text,
        "",
        "API key of the private index, where the Connection pinecone_private has none",
        env=("PINECONE_PRIVATE_API_KEY",),
        variable=False,
        secret=True,
        section=INDEX,
    )
    pinecone_index_name = Setting(
        as_text,
        "",
        "Dense index, where the Connection names none; the sparse one is called the same with -sparse",
        env=("PINECONE_INDEX_NAME",),
        section=INDEX,
    )
    pinecone_region = Setting(
        as_text,
        "us-east-1",
        "Region in which a missing index is created",
        env=("PINECONE_ENVIRONMENT",),
        section=INDEX,
    )
    pinecone_cloud = Setting(
        as_text, "aws", "Cloud in which it is created", env=("PINECONE_CLOUD",), section=INDEX
    )
    pinecone_dense_model = Setting(
        as_text, "multilingual-e5-large", "Embeds for meaning", env=("PINECONE_DENSE_MODEL",), section=INDEX
    )
    pinecone_sparse_model = Setting(
        as_text,
        "pinecone-sparse-english-v0",
        "Embeds for words",
        env=("PINECONE_SPARSE_MODEL",),
        section=INDEX,
    )
    pinecone_batch_size = Setting(
        as_batch_size,
        96,
        "Records per upload; Pinecone takes at most 96",
        env=("PINECONE_BATCH_SIZE",),
        section=INDEX,
    )
    pinecone_batches_in_flight = Setting(as_positive, 8, "How many uploads overlap", section=INDEX)
    pinecone_update_max_workers = Setting(
        as_positive,
        8,
        "How many metadata updates overlap; 1 is one after another",
        env=("PINECONE_UPDATE_MAX_WORKERS",),
        section=INDEX,
    )
    pinecone_chunk_size = Setting(
        as_positive, 1000, "Characters per chunk", env=("PINECONE_CHUNK_SIZE",), section=INDEX
    )
    pinecone_chunk_overlap = Setting(
        as_count, 200, "Characters that neighbours share", env=("PINECONE_CHUNK_OVERLAP",), section=INDEX
    )
    pinecone_min_text_length = Setting(
        as_count, 50, "Shorter chunks are not searchable", env=("PINECONE_MIN_TEXT_LENGTH",), section=INDEX
    )
    pinecone_min_words = Setting(
        as_count, 5, "Chunks of fewer words are not searchable", env=("PINECONE_MIN_WORDS",), section=INDEX
    )
    pinecone_keep_short_documents = Setting(
        as_flag,
        False,
        "Upload documents that are too short as a whole, if they have two words",
        section=INDEX,
    )

    def __init__(
        self, environ: Mapping[str, str] | None = None, variable: Callable[[str], str | None] | None = None
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._variable = variable or (lambda name: None)
        self._resolved: dict[str, Resolved] = {}

    @classmethod
    def for_task(cls) -> Settings:
        """Return the settings inside an Airflow task, where Variables may be asked."""
        from airflow.sdk import Variable

        return cls(variable=lambda name: Variable.get(name, default=None))

    @classmethod
    def all(cls) -> dict[str, Setting[Any]]:
        """Return every setting by name, in the order of their definition."""
        return {name: s for name, s in vars(cls).items() if isinstance(s, Setting)}

    def resolve(self, name: str) -> Resolved:
        """Return one setting with its origin."""
        if name not in self._resolved:
            self._resolved[name] = self.all()[name].resolve(self._environ, self._variable)
        return self._resolved[name]

    def describe(self) -> list[Resolved]:
        """Resolve everything; the first value that cannot be used raises."""
        return [self.resolve(name) for name in self.all()]
