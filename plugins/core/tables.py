"""The `core` schema, and the metadata that all trackers' tables share."""

from __future__ import annotations

from itertools import takewhile

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from core.sql import sql

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)
SCHEMA = "core"
SUMMARY = "summary"
"""Key of a table's `info` for figures worth showing: names, and the SQL aggregates that give them."""
OURS = "ours"
"""Key of the `info` of a column or table whose values depend on when and how often we did something.

They may differ between two histories of the same source, so tests that compare databases leave them out; of a
column that may be null they compare whether it is set.
"""


def moment(
    name: str, *, nullable: bool = False, comment: str | None = None, ours: bool = False
) -> Column[object]:
    """Return a column that holds an instant.

    :param ours: it is the time of something that we did, not a time that the source gives.
    """
    info = {OURS: True} if ours else {}
    return Column(name, DateTime(timezone=True), nullable=nullable, comment=comment, info=info)


def words(name: str, *, length: int | None = None, comment: str | None = None) -> Column[str]:
    """Return a text column that is never null: missing is empty."""
    kind = Text() if length is None else String(length)
    return Column(name, kind, nullable=False, server_default="", comment=comment)


def natural_key(
    name: str, *, length: int | None = None, primary_key: bool = False, comment: str | None = None
) -> Column[str]:
    """Return a column for the key that a source gives its items.

    It is compared byte by byte, on every server alike: a query that pages through a table in the order of the
    key, or wants the keys with a prefix, reads a range of an index.
    """
    kind = Text(collation="C") if length is None else String(length, collation="C")
    return Column(name, kind, nullable=False, primary_key=primary_key, comment=comment)


def surrogate() -> Column[int]:
    """Return the `id` column of a table."""
    return Column("id", BigInteger, Identity(), primary_key=True)


def add_view(name: str, after: Table) -> None:
    """Create the view of `include/sql/<schema>/view_<name>.sql` when the schema is created.

    The comment at the head of the file becomes the view's.
    """
    body = sql(f"{after.schema}/view_{name}")
    view = f"{after.schema}.{name}"
    for event_name, statement in (
        ("after_create", body),
        ("after_create", f"COMMENT ON VIEW {view} IS '{head_comment(body)}'"),
        ("before_drop", f"DROP VIEW IF EXISTS {view}"),
    ):
        event.listen(after, event_name, DDL(statement.replace("%", "%%")))  # type: ignore[no-untyped-call]


def head_comment(body: str) -> str:
    """Return the comment that a file begins with, as an SQL literal without its quotes."""
    lines = takewhile(lambda line: line.startswith("--"), body.splitlines())
    return " ".join(line.removeprefix("--").strip() for line in lines).replace("'", "''")


checkpoint = Table(
    "checkpoint",
    metadata,
    surrogate(),
    Column("source", String(64), nullable=False, comment="Tracker package"),
    Column("scope", String(512), nullable=False, comment="List, channel, repository …"),
    Column("stream", String(128), nullable=False, comment="What is walked in that scope"),
    Column("token", Text, comment="Opaque resume position"),
    Column("marker", Text, comment="The same for people"),
    Column("extras", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Column(
        "revision",
        BigInteger,
        nullable=False,
        server_default="1",
        comment="Counts the moves; a mover must name the revision it read",
        info={OURS: True},
    ),
    moment("updated_at", ours=True),
    UniqueConstraint("source", "scope", "stream"),
    schema=SCHEMA,
    comment="Where each stream was left. Moves only in the transaction that commits the rows it covers",
)

raw_payload = Table(
    "raw_payload",
    metadata,
    Column("source", String(64), primary_key=True, comment="Tracker package"),
    Column("kind", String(64), primary_key=True, comment="Kind of item, e.g. email"),
    natural_key("key", length=1024, primary_key=True, comment="Natural key of the item in its source"),
    moment("fetched_at", comment="When these bytes were first received", ours=True),
    words("content_type", length=128),
    Column("sha256", LargeBinary, nullable=False, comment="Over the body without its volatile fields"),
    Column("body", LargeBinary, nullable=False, comment="The newest bytes received, as received"),
    CheckConstraint("octet_length(sha256) = 32", name="sha256_length"),
    schema=SCHEMA,
    comment="Raw payloads: every tracker can rebuild its rows from them without a request",
    info={SUMMARY: {"raw payloads": "count(*)"}},
)

RUN_STATES = ("running", "success", "failed", "killed", "stopped")

run = Table(
    "run",
    metadata,
    surrogate(),
    Column("tracker", String(64), nullable=False),
    Column("command", String(128), nullable=False, comment="Name in the schedule"),
    words("dag_id", length=250),
    words("run_id", length=250),
    words("task_id", length=250),
    Column("map_index", Integer, nullable=False, server_default="-1"),
    Column("try_number", Integer, nullable=False, server_default="1"),
    Column("options", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="What it ran with"),
    Column("state", String(16), nullable=False, server_default="running"),
    Column("failure_category", String(16), comment="One of the eight categories, of failed runs"),
    words("message", comment="What failed and the remedy; no secret, body or address"),
    Column(
        "counts", JSONB, nullable=False, server_default=text("'{}'::jsonb"), comment="<unit>/<name> per unit"
    ),
    Column("requests", BigInteger, nullable=False, server_default="0"),
    Column("received_bytes", BigInteger, nullable=False, server_default="0"),
    moment("started_at"),
    moment("seen_at", comment="Last sign of life"),
    moment("finished_at", nullable=True),
    Column("seconds", Numeric(12, 3)),
    CheckConstraint(f"state IN {RUN_STATES!r}", name="state"),
    CheckConstraint("(state = 'running') = (finished_at IS NULL)", name="finished"),
    Index(None, "dag_id", "run_id", "task_id", "map_index", "try_number"),
    Index(None, "command", "started_at"),
    schema=SCHEMA,
    comment="One row per try of a collector task; a row left open by a killed task is closed by the next try",
    info={OURS: True},
)
add_view("task_status", run)

group_status = Table(
    "group_status",
    metadata,
    Column("group_id", String(250), primary_key=True),
    Column("dag_id", String(250), nullable=False),
    Column("run_id", String(250), nullable=False),
    Column("state", String(16), nullable=False),
    Column("succeeded", SmallInteger, nullable=False),
    Column("failed", SmallInteger, nullable=False),
    Column("skipped", SmallInteger, nullable=False),
    Column("failed_tasks", JSONB, nullable=False, server_default=text("'[]'::jsonb")),
    moment("run_date", comment="The date that the run was for"),
    moment("finished_at", ours=True),
    CheckConstraint("state IN ('success', 'failed')", name="state"),
    schema=SCHEMA,
    comment="Last outcome per schedule group in which a tracker ran; runs that only skipped write nothing",
)

release_consumption = Table(
    "release_consumption",
    metadata,
    Column("consumer", String(250), primary_key=True, comment="<group>.<task>"),
    Column("version", String(64), primary_key=True, comment="Boost release, e.g. 1.90.0"),
    moment("consumed_at", ours=True),
    schema=SCHEMA,
    comment="Which release was handled by whom; what is missing is pending",
)

http_cache = Table(
    "http_cache",
    metadata,
    Column("source", String(64), primary_key=True, comment="Tracker package"),
    Column("scope", String(512), primary_key=True, comment="List, channel, repository …"),
    Column("stream", String(128), primary_key=True, comment="What is listed in that scope"),
    Column("identity", String(250), primary_key=True, comment="Whose validator it is; empty if anybody's"),
    words("page", comment="Which page of the listing it validates"),
    words("etag"),
    words("last_modified", length=64),
    moment("updated_at", comment="When the page was stored", ours=True),
    schema=SCHEMA,
    comment="Validators, saved with the last page of a listing: if it is unchanged, asking costs no quota",
)

seen_item = Table(
    "seen_item",
    metadata,
    Column("source", String(64), primary_key=True, comment="Tracker package"),
    Column("scope", String(512), primary_key=True, comment="List, channel, repository …"),
    Column("stream", String(128), primary_key=True, comment="What is listed in that scope"),
    natural_key("key", length=1024, primary_key=True, comment="Natural key of the item in its source"),
    schema=SCHEMA,
    comment="What a complete listing has shown so far; empty once it is known what it does not show any more",
)

exported_file = Table(
    "exported_file",
    metadata,
    Column("source", String(64), primary_key=True, comment="Tracker package"),
    Column("scope", String(512), primary_key=True, comment="List, channel, repository …"),
    natural_key("key", length=1024, primary_key=True, comment="Natural key of the item in its source"),
    words("path", comment="Where its file is, below the folder of the scope; empty if it has none"),
    Column("sha256", LargeBinary, nullable=False, server_default="", comment="Of the file as written"),
    Column(
        "marks",
        BigInteger,
        nullable=False,
        server_default="1",
        comment="How often its rows changed",
        info={OURS: True},
    ),
    Column(
        "marks_written",
        BigInteger,
        nullable=False,
        server_default="0",
        comment="How many of the changes the file shows",
        info={OURS: True},
    ),
    Index(
        "exported_file_marked_idx", "source", "scope", "key", postgresql_where=text("marks <> marks_written")
    ),
    Index(None, "source", "scope", "path"),
    schema=SCHEMA,
    comment="Files made of rows, and which of them are still to be written",
)

rate_quota = Table(
    "rate_quota",
    metadata,
    Column("identity", String(250), primary_key=True, comment="Who is limited, never a token"),
    Column("resource", String(64), primary_key=True),
    Column(
        "remaining",
        Integer,
        comment="Not yet given out until the reset; null while the source has not reported it",
    ),
    Column("quota", Integer, comment="Per window, as the source reported"),
    moment("reset_at", nullable=True, comment="When the source gives out anew"),
    moment("blocked_until", nullable=True, comment="The source asked everybody to wait"),
    moment("blocked_at", nullable=True, comment="When the source last refused a request"),
    Column(
        "refusals",
        Integer,
        nullable=False,
        server_default="0",
        comment="Refusals in a row; if the source does not say how long to wait, each doubles the wait",
    ),
    schema=SCHEMA,
    comment="What is left of each identity's quota; a block is taken at a time",
    info={OURS: True},
)

rate_lease = Table(
    "rate_lease",
    metadata,
    surrogate(),
    Column("identity", String(250), nullable=False),
    Column("resource", String(64), nullable=False),
    Column("granted", Integer, nullable=False, comment="Requests that its holder may send"),
    Column(
        "points", Integer, nullable=False, comment="What they may cost of the quota, at the end what they did"
    ),
    Column(
        "slots", Integer, nullable=False, comment="How many of them at a time, at the end those in flight"
    ),
    Column(
        "used", Integer, comment="Reported at the end; null while the lease is live or if its holder died"
    ),
    moment("granted_at"),
    moment("expires_at", comment="Nothing is sent under it after this"),
    moment("ended_at", nullable=True),
    Index(None, "identity", "resource", "expires_at"),
    Index("rate_lease_live_idx", "identity", "resource", postgresql_where=text("ended_at IS NULL")),
    schema=SCHEMA,
    comment="Blocks of requests that processes hold; those of dead ones expire",
    info={OURS: True},
)
