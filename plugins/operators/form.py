"""The trigger form: the common params first, then one section per tracker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow.sdk import Param

from core.options import Declared, Options, declared, form_name
from operators.recorded import RecordedOperator


def form_params(operators: Iterable[type[RecordedOperator]]) -> dict[str, Param]:
    """Return the params of a DAG that runs these operators."""
    common: dict[str, Param] = {}
    own: dict[str, Param] = {}
    for operator in operators:
        title = operator.tracker.replace("_", " ").capitalize()
        for name, said in declared(operator.options_type).items():
            target = common if said.common else own
            section = {} if said.common else {"section": title}
            # What several tasks share is told as the first one tells it.
            target.setdefault(form_name(operator.tracker, name, said), _param(said, section))
    return common | own


def section_params(
    options_type: type[Options], section: str, choices: Mapping[str, Sequence[str]]
) -> dict[str, Param]:
    """Return params that all tasks of a DAG share, folded into a section.

    :param choices: names that a param may take; Airflow refuses others when a run is asked for.
    """
    folded: dict[str, Any] = {"section": section}
    return {
        form_name("", name, said): _param(said, folded | (_closed(choices[name]) if name in choices else {}))
        for name, said in declared(options_type).items()
    }


def _closed(names: Sequence[str]) -> dict[str, Any]:
    return {"items": {"type": "string", "enum": list(names)}, "examples": list(names)}


def option_params(options_type: type[Options], tracker: str) -> dict[str, Param]:
    """Return the params of a DAG of one purpose: all in sight, no sections."""
    own = [name for name in declared(options_type) if name in options_type.__annotations__]
    said = declared(options_type)
    # What makes this task special comes before what it inherits.
    return {
        form_name(tracker, n, said[n]): _param(said[n], {})
        for n in [*own, *(n for n in said if n not in own)]
    }


def _param(said: Declared, section: dict[str, Any]) -> Param:
    schema = dict(said.kind.schema) | section
    if said.examples:
        schema["examples"] = list(said.examples)
    # A switch has no third position: one that is on by default must look so.
    default = True if said.default is True else None
    return Param(default, title=said.title, description_md=said.doc, **schema)
