from __future__ import annotations

import pytest

from core.errors import ConfigurationError, SourceUnavailable
from hooks.database_hook import DatabaseHook


def test_a_connection_is_psycopg_3_in_autocommit(database: str) -> None:
    with DatabaseHook().connect() as conn:
        assert conn.autocommit
        assert conn.execute("SELECT current_setting('application_name')").fetchone() == (
            "boost-data-collector",
        )


def test_a_server_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_BDC_POSTGRES", "postgresql://u:hush@127.0.0.1:9/d")
    with pytest.raises(SourceUnavailable, match="bdc_postgres cannot be reached") as error:
        DatabaseHook().connect()
    assert "hush" not in str(error.value)


def test_a_database_that_does_not_exist(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import json
    import os

    fields = json.loads(os.environ["AIRFLOW_CONN_BDC_POSTGRES"]) | {"schema": "nowhere"}
    monkeypatch.setenv("AIRFLOW_CONN_BDC_POSTGRES", json.dumps(fields))
    with pytest.raises(ConfigurationError, match="bdc_postgres is refused by the server"):
        DatabaseHook().connect()


def test_a_missing_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_BDC_POSTGRES", raising=False)
    with pytest.raises(ConfigurationError, match="Connection bdc_postgres does not exist"):
        DatabaseHook().connect()
