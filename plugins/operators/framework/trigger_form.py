"""The trigger form: the common params first, then one section per tracker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow.sdk import Param

from core.options import DeclaredOption, Options, declared, form_name
from operators.framework.recorded import RecordedOperator


def form_params(operators: Iterable[type[RecordedOperator[Any, Any]]]) -> dict[str, Param]:
    """Return the params of a DAG that runs these operators."""
    common: dict[str, Param] = {}
    own: dict[str, Param] = {}
    for operator in operators:
        title = operator.tracker.replace("_", " ").capitalize()
        for name, declaration in declared(operator.options_type).items():
            target = common if declaration.common else own
            section = {} if declaration.common else {"section": title}
            # A param that several tasks share has the title and description of the first task.
            target.setdefault(form_name(operator.tracker, name, declaration), _param(declaration, section))
    return common | own


def section_params(
    options_type: type[Options], section: str, choices: Mapping[str, Sequence[str]]
) -> dict[str, Param]:
    """Return params that all tasks of a DAG share, folded into a section.

    :param choices: the values that a param allows; Airflow refuses others when a run is triggered.
    """
    folded: dict[str, Any] = {"section": section}
    return {
        form_name("", name, declaration): _param(
            declaration, folded | (_closed(choices[name]) if name in choices else {})
        )
        for name, declaration in declared(options_type).items()
    }


def _closed(names: Sequence[str]) -> dict[str, Any]:
    return {"items": {"type": "string", "enum": list(names)}, "examples": list(names)}


def option_params(options_type: type[Options], tracker: str) -> dict[str, Param]:
    """Return the params of a DAG for a single operator: all visible, no sections."""
    options = declared(options_type)
    own = [name for name in options if name in options_type.__annotations__]
    # The params of this operator come before those that it inherits.
    return {
        form_name(tracker, name, options[name]): _param(options[name], {})
        for name in [*own, *(name for name in options if name not in own)]
    }


def _param(declaration: DeclaredOption, section: dict[str, Any]) -> Param:
    schema = dict(declaration.kind.schema) | section
    if declaration.examples:
        schema["examples"] = list(declaration.examples)
    # The form shows null as off, so a switch that is on by default needs its value.
    default = True if declaration.default is True else None
    return Param(default, title=declaration.title, description_md=declaration.doc, **schema)
