"""What people did: the mailing lists' view."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ACTIVITY = """
-- Who wrote what to which list, when: one row per post that the archive has, without addresses.
CREATE VIEW mailing_list.activity AS
SELECT 'mailing_list' AS source_system,
       m.list_name || '/' || m.message_hash AS external_id,
       m.sent_at AS occurred_at,
       'mailing_list.message' AS activity_type,
       md5(p.sender_key) AS actor_external_id,
       nullif(m.url, '') AS source_url,
       left(regexp_replace(regexp_replace(m.subject, '\\s+', ' ', 'g'), '[\\w.+-]+@[\\w-]+\\.[\\w.-]+', '***', 'g'), 200)
           AS summary,
       m.mailing_list_profile_id AS profile_id,
       m.list_name AS place
  FROM mailing_list.message AS m
  JOIN identity.mailing_list_profile AS p ON p.profile_id = m.mailing_list_profile_id
 WHERE m.deleted_at IS NULL
"""
COMMENT = (
    "COMMENT ON VIEW mailing_list.activity IS "
    "'Who wrote what to which list, when: one row per post that the archive has, without addresses.'"
)


def upgrade() -> None:
    op.execute(ACTIVITY)
    op.execute(COMMENT)
    op.execute(
        "COMMENT ON VIEW core.task_status IS "
        "'Last try of each collector task, and when it last succeeded (dry runs do not count).'"
    )


def downgrade() -> None:
    op.execute("COMMENT ON VIEW core.task_status IS NULL")
    op.execute("DROP VIEW mailing_list.activity")
