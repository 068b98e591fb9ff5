"""The core schema: checkpoints, raw payloads, runs, releases, validators, quotas and leases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TASK_STATUS = """
-- How did the last try of each collector task end, and when did it last succeed? Dry runs do not count.
CREATE VIEW core.task_status AS
SELECT DISTINCT ON (dag_id, task_id, map_index)
       dag_id, task_id, map_index, command, tracker, run_id, try_number, state, failure_category, message,
       counts, requests, seconds, started_at, finished_at,
       (SELECT max(ok.finished_at)
          FROM core.run AS ok
         WHERE ok.dag_id = run.dag_id AND ok.task_id = run.task_id AND ok.map_index = run.map_index
           AND ok.state = 'success' AND NOT ok.options @> '{"dry_run": true}') AS last_success_at
  FROM core.run AS run
 WHERE dag_id <> ''
 ORDER BY dag_id, task_id, map_index, started_at DESC, id DESC
"""


def upgrade() -> None:
    op.execute("CREATE SCHEMA IF NOT EXISTS core")
    op.create_table(
        "checkpoint",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False, comment="Tracker package"),
        sa.Column("scope", sa.String(length=512), nullable=False, comment="List, channel, repository …"),
        sa.Column("stream", sa.String(length=128), nullable=False, comment="What is walked in that scope"),
        sa.Column("token", sa.Text(), nullable=True, comment="Opaque resume position"),
        sa.Column("marker", sa.Text(), nullable=True, comment="The same for people"),
        sa.Column(
            "extras",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "revision",
            sa.BigInteger(),
            server_default="1",
            nullable=False,
            comment="Counts the moves; a mover must name the revision it read",
        ),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("checkpoint_pkey")),
        sa.UniqueConstraint("source", "scope", "stream", name=op.f("checkpoint_source_scope_stream_key")),
        schema="core",
        comment="Where each stream was left. Moves only in the transaction that commits the rows it covers",
    )
    op.create_table(
        "group_status",
        sa.Column("group_id", sa.String(length=250), nullable=False),
        sa.Column("dag_id", sa.String(length=250), nullable=False),
        sa.Column("run_id", sa.String(length=250), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("succeeded", sa.SmallInteger(), nullable=False),
        sa.Column("failed", sa.SmallInteger(), nullable=False),
        sa.Column("skipped", sa.SmallInteger(), nullable=False),
        sa.Column(
            "failed_tasks",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'::jsonb"),
            nullable=False,
        ),
        sa.Column(
            "run_date", sa.DateTime(timezone=True), nullable=False, comment="The date that the run was for"
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('success', 'failed')", name=op.f("group_status_state_check")),
        sa.PrimaryKeyConstraint("group_id", name=op.f("group_status_pkey")),
        schema="core",
        comment="Last outcome per schedule group in which a tracker ran; runs that only skipped write nothing",
    )
    op.create_table(
        "seen_item",
        sa.Column("source", sa.String(length=64), nullable=False, comment="Tracker package"),
        sa.Column("scope", sa.String(length=512), nullable=False, comment="List, channel, repository …"),
        sa.Column("stream", sa.String(length=128), nullable=False, comment="What is listed in that scope"),
        sa.Column(
            "key",
            sa.String(length=1024, collation="C"),
            nullable=False,
            comment="Natural key of the item in its source",
        ),
        sa.PrimaryKeyConstraint("source", "scope", "stream", "key", name=op.f("seen_item_pkey")),
        schema="core",
        comment="What a complete listing has shown so far; empty once it is known what it does not show any more",
    )
    op.create_table(
        "exported_file",
        sa.Column("source", sa.String(length=64), nullable=False, comment="Tracker package"),
        sa.Column("scope", sa.String(length=512), nullable=False, comment="List, channel, repository …"),
        sa.Column(
            "key",
            sa.String(length=1024, collation="C"),
            nullable=False,
            comment="Natural key of the item in its source",
        ),
        sa.Column(
            "path",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Where its file is, below the folder of the scope; empty if it has none",
        ),
        sa.Column(
            "sha256",
            sa.LargeBinary(),
            server_default="",
            nullable=False,
            comment="Of the file as written",
        ),
        sa.Column(
            "marks", sa.BigInteger(), server_default="1", nullable=False, comment="How often its rows changed"
        ),
        sa.Column(
            "marks_written",
            sa.BigInteger(),
            server_default="0",
            nullable=False,
            comment="How many of the changes the file shows",
        ),
        sa.PrimaryKeyConstraint("source", "scope", "key", name=op.f("exported_file_pkey")),
        schema="core",
        comment="Files made of rows, and which of them are still to be written",
    )
    op.create_index(
        "exported_file_marked_idx",
        "exported_file",
        ["source", "scope", "key"],
        schema="core",
        postgresql_where=sa.text("marks <> marks_written"),
    )
    op.create_index(
        op.f("exported_file_source_scope_path_idx"),
        "exported_file",
        ["source", "scope", "path"],
        schema="core",
    )
    op.create_table(
        "http_cache",
        sa.Column("source", sa.String(length=64), nullable=False, comment="Tracker package"),
        sa.Column("scope", sa.String(length=512), nullable=False, comment="List, channel, repository …"),
        sa.Column("stream", sa.String(length=128), nullable=False, comment="What is listed in that scope"),
        sa.Column(
            "identity",
            sa.String(length=250),
            nullable=False,
            comment="Whose validator it is; empty if anybody's",
        ),
        sa.Column(
            "page",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="Which page of the listing it validates",
        ),
        sa.Column("etag", sa.Text(), server_default="", nullable=False),
        sa.Column("last_modified", sa.String(length=64), server_default="", nullable=False),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), nullable=False, comment="When the page was stored"
        ),
        sa.PrimaryKeyConstraint("source", "scope", "stream", "identity", name=op.f("http_cache_pkey")),
        schema="core",
        comment="Validators, saved with the last page of a listing: if it is unchanged, asking costs no quota",
    )
    op.create_table(
        "rate_lease",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("identity", sa.String(length=250), nullable=False),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False, comment="Requests that its holder may send"),
        sa.Column(
            "points",
            sa.Integer(),
            nullable=False,
            comment="What they may cost of the quota, at the end what they did",
        ),
        sa.Column(
            "slots",
            sa.Integer(),
            nullable=False,
            comment="How many of them at a time, at the end those in flight",
        ),
        sa.Column(
            "used",
            sa.Integer(),
            nullable=True,
            comment="Reported at the end; null while the lease is live or if its holder died",
        ),
        sa.Column("granted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "expires_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="Nothing is sent under it after this",
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("rate_lease_pkey")),
        schema="core",
        comment="Blocks of requests that processes hold; those of dead ones expire",
    )
    op.create_index(
        op.f("rate_lease_identity_resource_expires_at_idx"),
        "rate_lease",
        ["identity", "resource", "expires_at"],
        unique=False,
        schema="core",
    )
    op.create_index(
        "rate_lease_live_idx",
        "rate_lease",
        ["identity", "resource"],
        unique=False,
        schema="core",
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "rate_quota",
        sa.Column("identity", sa.String(length=250), nullable=False, comment="Who is limited, never a token"),
        sa.Column("resource", sa.String(length=64), nullable=False),
        sa.Column(
            "remaining",
            sa.Integer(),
            nullable=True,
            comment="Not yet given out until the reset; null while the source has not reported it",
        ),
        sa.Column("quota", sa.Integer(), nullable=True, comment="Per window, as the source reported"),
        sa.Column(
            "reset_at", sa.DateTime(timezone=True), nullable=True, comment="When the source gives out anew"
        ),
        sa.Column(
            "blocked_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="The source asked everybody to wait",
        ),
        sa.Column(
            "blocked_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the source last refused a request",
        ),
        sa.Column(
            "refusals",
            sa.Integer(),
            server_default="0",
            nullable=False,
            comment="Refusals in a row; if the source does not say how long to wait, each doubles the wait",
        ),
        sa.PrimaryKeyConstraint("identity", "resource", name=op.f("rate_quota_pkey")),
        schema="core",
        comment="What is left of each identity's quota; a block is taken at a time",
    )
    op.create_table(
        "raw_payload",
        sa.Column("source", sa.String(length=64), nullable=False, comment="Tracker package"),
        sa.Column("kind", sa.String(length=64), nullable=False, comment="Kind of item, e.g. email"),
        sa.Column(
            "key",
            sa.String(length=1024, collation="C"),
            nullable=False,
            comment="Natural key of the item in its source",
        ),
        sa.Column(
            "fetched_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When these bytes were first received",
        ),
        sa.Column("content_type", sa.String(length=128), server_default="", nullable=False),
        sa.Column(
            "sha256", sa.LargeBinary(), nullable=False, comment="Over the body without its volatile fields"
        ),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="The newest bytes received, as received"),
        sa.CheckConstraint("octet_length(sha256) = 32", name=op.f("raw_payload_sha256_length_check")),
        sa.PrimaryKeyConstraint("source", "kind", "key", name=op.f("raw_payload_pkey")),
        schema="core",
        comment="Raw payloads: every tracker can rebuild its rows from them without a request",
    )
    op.create_table(
        "release_consumption",
        sa.Column("consumer", sa.String(length=250), nullable=False, comment="<group>.<task>"),
        sa.Column("version", sa.String(length=64), nullable=False, comment="Boost release, e.g. 1.90.0"),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("consumer", "version", name=op.f("release_consumption_pkey")),
        schema="core",
        comment="Which release was handled by whom; what is missing is pending",
    )
    op.create_table(
        "run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("tracker", sa.String(length=64), nullable=False),
        sa.Column("command", sa.String(length=128), nullable=False, comment="Name in the schedule"),
        sa.Column("dag_id", sa.String(length=250), server_default="", nullable=False),
        sa.Column("run_id", sa.String(length=250), server_default="", nullable=False),
        sa.Column("task_id", sa.String(length=250), server_default="", nullable=False),
        sa.Column("map_index", sa.Integer(), server_default="-1", nullable=False),
        sa.Column("try_number", sa.Integer(), server_default="1", nullable=False),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="What it ran with",
        ),
        sa.Column("state", sa.String(length=16), server_default="running", nullable=False),
        sa.Column(
            "failure_category",
            sa.String(length=16),
            nullable=True,
            comment="One of the eight categories, of failed runs",
        ),
        sa.Column(
            "message",
            sa.Text(),
            server_default="",
            nullable=False,
            comment="What failed and the remedy; no secret, body or address",
        ),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'::jsonb"),
            nullable=False,
            comment="<unit>/<name> per unit",
        ),
        sa.Column("requests", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("received_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False, comment="Last sign of life"),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seconds", sa.Numeric(precision=12, scale=3), nullable=True),
        sa.CheckConstraint("(state = 'running') = (finished_at IS NULL)", name=op.f("run_finished_check")),
        sa.CheckConstraint(
            "state IN ('running', 'success', 'failed', 'killed', 'stopped')", name=op.f("run_state_check")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("run_pkey")),
        schema="core",
        comment="One row per try of a collector task; a row left open by a killed task is closed by the next try",
    )
    op.create_index(
        op.f("run_command_started_at_idx"), "run", ["command", "started_at"], unique=False, schema="core"
    )
    op.create_index(
        op.f("run_dag_id_run_id_task_id_map_index_try_number_idx"),
        "run",
        ["dag_id", "run_id", "task_id", "map_index", "try_number"],
        unique=False,
        schema="core",
    )
    op.execute(TASK_STATUS)
    op.execute(
        "COMMENT ON VIEW core.task_status IS "
        "'How did the last try of each collector task end, and when did it last succeed? Dry runs do not count.'"
    )


def downgrade() -> None:
    op.execute("DROP VIEW core.task_status")
    tables = (
        "seen_item",
        "run",
        "release_consumption",
        "raw_payload",
        "rate_quota",
        "rate_lease",
        "http_cache",
        "group_status",
        "exported_file",
        "checkpoint",
    )
    for table in tables:
        op.drop_table(table, schema="core")
    op.execute("DROP SCHEMA core")
