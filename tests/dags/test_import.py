from __future__ import annotations

from airflow.dag_processing.dagbag import DagBag

from tests.conftest import ROOT


def test_all_dags_import() -> None:
    bag = DagBag(str(ROOT / "dags"))
    assert bag.import_errors == {}
    assert sorted(bag.dags) == ["collect_mailing_list"]
