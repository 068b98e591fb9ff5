from __future__ import annotations

import json

import pytest

from core.database.url import database_url
from core.errors import ConfigurationError
from core.settings import Settings


def url(**environ: str) -> str:
    return database_url(Settings(environ)).render_as_string(hide_password=False)


def test_all_forms_of_the_url() -> None:
    assert (
        url(DATABASE_URL="postgres://u:p@h/d?sslmode=require")
        == "postgresql+psycopg://u:p@h/d?sslmode=require"
    )
    assert url(DATABASE_URL="postgresql:///d?host=/run/pg") == "postgresql+psycopg:///d?host=%2Frun%2Fpg"
    assert url(DB_NAME="d", DB_USER="u", DB_PASSWORD="p", DB_OPTIONS_SSLMODE="require") == (
        "postgresql+psycopg://u:p@localhost:5432/d?sslmode=require"
    )
    fields = {
        "conn_type": "postgres",
        "host": "h",
        "login": "u",
        "password": "p",
        "schema": "d",
        "port": 5433,
    }
    connection = json.dumps(fields | {"extra": {"sslmode": "require", "cursor": "x"}})
    assert url(AIRFLOW_CONN_BDC_POSTGRES=connection, DATABASE_URL="postgresql://other/x") == (
        "postgresql+psycopg://u:p@h:5433/d?sslmode=require"
    )


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        ({}, "set DATABASE_URL"),
        ({"DATABASE_URL": "mysql://h/d"}, "only PostgreSQL"),
        ({"DATABASE_URL": "no address"}, "is not a valid address"),
        ({"AIRFLOW_CONN_BDC_POSTGRES": "{half"}, "not valid JSON"),
        ({"DB_NAME": "d", "DB_PORT": "many"}, "DB_PORT"),
    ],
)
def test_an_unusable_url_names_the_problem(environ: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        url(**environ)
