"""The trigger form of a group: the common params first, then one section per tracker."""

from __future__ import annotations

from collections.abc import Iterable

from airflow.sdk import Param

from core.options import declared, form_name
from operators.collector import CollectorOperator


def form_params(collectors: Iterable[type[CollectorOperator]]) -> dict[str, Param]:
    """Return the params of a DAG that runs these collectors."""
    common: dict[str, Param] = {}
    own: dict[str, Param] = {}
    for collector in collectors:
        title = collector.tracker.replace("_", " ").capitalize()
        for name, said in declared(collector.options_type).items():
            schema = dict(said.kind.schema)
            if said.examples:
                schema["examples"] = list(said.examples)
            if not said.common:
                schema["section"] = title
            target = common if said.common else own
            target[form_name(collector.tracker, name, said)] = Param(
                None, title=said.title, description_md=said.doc, **schema
            )
    return common | own
