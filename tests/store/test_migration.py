"""`make migration` writes what the migrations lack, and the result equals the models."""

from __future__ import annotations

import itertools
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from launcher.migration import __main__ as cli
from launcher.migration.__main__ import write
from launcher.migration.operations import Statement, render
from launcher.migration.propose import Proposal, Refused, propose
from launcher.migration.shape import Shape, View
from launcher.postgres import EmbeddedServer
from tests.conftest import ROOT

Propose = Callable[..., Proposal | None]
NUMBERS = itertools.count()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations, in which a test takes something back that the models say."""
    copy = tmp_path / "migrations"
    shutil.copytree(ROOT / "migrations", copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


@pytest.fixture
def empty(postgres: EmbeddedServer) -> Callable[[], str]:
    def make() -> str:
        name = f"proposal_{next(NUMBERS)}"
        postgres.ensure_database(name)
        return postgres.url(name)

    return make


@pytest.fixture
def proposed(folder: Path, empty: Callable[[], str]) -> Propose:
    return lambda name="next_step": propose(name, empty(), empty(), folder)


def edit(folder: Path, file: str, pattern: str, replacement: str = "") -> None:
    path = folder / "versions" / file
    changed, times = re.subn(pattern, replacement, path.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert times, pattern
    path.write_text(changed, encoding="utf-8")


def test_nothing_is_written_if_nothing_changed(
    folder: Path, postgres: EmbeddedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(path.name for path in (folder / "versions").glob("*.py"))
    assert write("add_topics", postgres, folder) == 0
    assert capsys.readouterr().out == "Migrations and models give the same database; nothing was written.\n"
    assert sorted(path.name for path in (folder / "versions").glob("*.py")) == before


def without_a_schema(folder: Path) -> None:
    (folder / "versions" / "0004_pinecone.py").unlink()
    for later in (folder / "versions").glob("0005_*.py"):
        later.write_text(later.read_text().replace('down_revision = "0004"', 'down_revision = "0003"'))


def without_a_column(folder: Path) -> None:
    edit(folder, "0003_mailing_list.py", r'        sa\.Column\(\n            "renamed_at",.*?\n        \),\n')
    edit(
        folder,
        "0003_mailing_list.py",
        r'    op\.create_index\(\n        op\.f\("mailing_list_profile_ren.*?\n    \)\n',
    )


def with_another_check(folder: Path) -> None:
    edit(folder, "0001_core.py", ", 'stopped'")
    edit(folder, "0001_core.py", r"octet_length\(sha256\) = 32", "octet_length(sha256) > 0")


def without_a_check(folder: Path) -> None:
    edit(folder, "0003_mailing_list.py", r"        sa\.CheckConstraint\(.*?\),\n")


def with_a_check_too_much(folder: Path) -> None:
    added = 'sa.CheckConstraint("attempts < 9", name=op.f("failed_item_attempts_check")),\n        '
    edit(folder, "0004_pinecone.py", r'(?=sa\.PrimaryKeyConstraint\("id", name=op\.f\("failed)', added)


def newest_revision(folder: Path) -> int:
    return max(int(path.name[:4]) for path in (folder / "versions").glob("[0-9]*.py"))


def without_a_view(folder: Path) -> None:
    edit(folder, "0001_core.py", r"    op\.execute\(TASK_STATUS\)\n    op\.execute\(.*?\n    \)\n")
    edit(folder, "0001_core.py", r'    op\.execute\("DROP VIEW core.task_status"\)\n')


def with_another_view(folder: Path) -> None:
    edit(folder, "0001_core.py", " AND NOT ok.options @> [^)]*")


def with_a_view_of_another_type(folder: Path) -> None:
    edit(folder, "0001_core.py", r'"tracker", sa.String\(length=64\)', '"tracker", sa.String(length=60)')


def with_another_collation(folder: Path) -> None:
    edit(folder, "0001_core.py", ', collation="C"')


def with_another_comment_and_default(folder: Path) -> None:
    edit(folder, "0001_core.py", 'server_default="-1"', 'server_default="0"')
    edit(folder, "0001_core.py", "Last sign of life", "Seen")


def with_an_index_of_another_part(folder: Path) -> None:
    edit(folder, "0002_identity.py", r'sa\.text\("is_primary"\)', 'sa.text("is_active")')


def with_more_than_the_models(folder: Path) -> None:
    newest = newest_revision(folder)
    (folder / "versions" / f"{newest + 1:04d}_more.py").write_text(
        f'revision, down_revision = "{newest + 1:04d}", "{newest:04d}"\n'
        + """
import sqlalchemy as sa
from alembic import op


def upgrade():
    op.execute("CREATE SCHEMA blog")
    op.create_table(
        "post",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.String(length=200, collation="C"), server_default="", nullable=False, comment="Title"),
        sa.CheckConstraint("title <> 'x'", name=op.f("post_title_check")),
        sa.ForeignKeyConstraint(["run_id"], ["core.run.id"], name=op.f("post_run_id_fkey"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("post_pkey")),
        schema="blog",
        comment="Posts",
    )
    op.create_index("post_title_idx", "post", ["title"], schema="blog")
    op.execute("CREATE VIEW blog.titles AS SELECT title, to_char(now(), 'HH24:MI') AS at FROM blog.post")
    op.execute("CREATE VIEW blog.lengths AS SELECT length(title) FROM blog.titles WHERE title NOT LIKE '%a%'")


def downgrade():
    op.execute("DROP SCHEMA blog CASCADE")
""",
        encoding="utf-8",
    )


@pytest.mark.parametrize(
    ("take_back", "written"),
    [
        (without_a_schema, 'op.execute("CREATE SCHEMA IF NOT EXISTS pinecone")'),
        (without_a_column, "op.add_column("),
        (with_another_check, "\"state IN ('running', 'success', 'failed', 'killed', 'stopped')\""),
        (without_a_check, "op.create_check_constraint("),
        (with_a_check_too_much, "op.drop_constraint("),
        (without_a_view, "CREATE VIEW core.task_status AS"),
        (with_another_view, 'op.execute("DROP VIEW core.task_status")'),
        (with_a_view_of_another_type, "op.alter_column("),
        (with_another_collation, 'collation="C"'),
        (with_another_comment_and_default, 'comment="Last sign of life"'),
        (with_more_than_the_models, 'op.execute("DROP SCHEMA blog")'),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_missing_is_written_and_makes_what_the_models_say(
    folder: Path, proposed: Propose, take_back: Callable[[Path], None], written: str
) -> None:
    take_back(folder)
    earlier = max(path.name for path in (folder / "versions").glob("0*.py"))[:4]
    found = proposed()
    assert found is not None
    assert found.problems == []
    number = f"{int(earlier) + 1:04d}"
    assert found.path == folder / "versions" / f"{number}_next_step.py"
    body = found.path.read_text(encoding="utf-8")
    assert body.startswith('"""Next step."""\n\nfrom __future__ import annotations\n\n')
    assert f'revision = "{number}"\ndown_revision = "{earlier}"\n' in body
    assert "###" not in body
    assert written in body
    # On two new databases the catalogs are equal: nothing is missing any more.
    assert proposed("nothing_more") is None


def test_what_cannot_be_written_is_named(folder: Path, proposed: Propose) -> None:
    with_an_index_of_another_part(folder)
    newest = newest_revision(folder)
    with pytest.raises(
        Refused, match=r"(?s)by hand:\n  indexes: .*WHERE is_primary is missing\n.*is not in the models"
    ):
        proposed()
    assert newest_revision(folder) == newest


@pytest.mark.parametrize("name", ["", "Add", "add topics", "../add", "1st", "add__x", "add_", "x" * 61])
def test_a_name_must_be_a_plain_one(name: str) -> None:
    with pytest.raises(Refused, match="cannot name a revision: use lower case letters"):
        propose(name, "", "")


def test_what_a_revision_does_not_do_is_reported(
    folder: Path,
    postgres: EmbeddedServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = folder / "versions" / "0005_next.py"
    monkeypatch.setattr(cli, "propose", lambda *_: Proposal(path, ["views: core.x is missing"]))
    assert write("next", postgres, folder) == 1
    assert capsys.readouterr().out == (
        f"{path} was written, but must be completed by hand:\n  views: core.x is missing\n"
    )


def test_views_are_made_anew_with_what_they_use() -> None:
    plain = (("id", "bigint", ""),)

    def shape(kind: str, body: str) -> Shape:
        return Shape(
            ("a",),
            {("a", "t"): (("id", kind, ""),), ("a", "other"): plain},
            {},
            {
                ("a", "first"): View(body, plain, frozenset({("a", "other")})),
                ("a", "second"): View("SELECT 2", plain, frozenset({("a", "first")})),
                ("a", "of_table"): View("SELECT 3", plain, frozenset({("a", "t")})),
                ("a", "alone"): View("SELECT 4", plain, frozenset({("a", "other")})),
            },
        )

    stored = shape("bigint", "SELECT 1")
    assert stored.changed_views(stored) == []
    assert stored.changed_views(shape("bigint", "SELECT 0")) == [("a", "first"), ("a", "second")]
    assert stored.changed_views(shape("integer", "SELECT 1")) == [("a", "of_table")]


@pytest.mark.parametrize(
    "body",
    ["SELECT ':x', '%a%'::text, 'HH24:MI', 1::int", r"SELECT E'\n', '\d'", 'SELECT \'"""\'\nFROM t'],
)
def test_a_statement_is_run_as_it_was_given(body: str) -> None:
    given: list[str] = []
    exec(render(None, Statement(body)), {"op": SimpleNamespace(execute=given.append)})  # type: ignore[arg-type]
    run = str(text(given[0]).compile(dialect=postgresql.dialect(paramstyle="format"))).replace("%%", "%")
    assert dedent(run).strip() == body
