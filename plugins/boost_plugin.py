"""Extends the web UI with the page behind "Stored rows" and the buttons on a task's page.

Every Airflow component loads this module, so heavy imports wait until a page is requested. Airflow does not
protect the applications of plugins, so the pages themselves require its login.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.api_fastapi.core_api.security import AccessView, requires_access_view
from airflow.plugins_manager import AirflowPlugin
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

TEMPLATES = Path(__file__).resolve().parent.parent / "include" / "templates"

app = FastAPI(
    docs_url=None,
    redoc_url=None,
    openapi_url=None,
    dependencies=[Depends(requires_access_view(AccessView.WEBSITE))],
)


@app.exception_handler(HTTPException)
async def to_login(request: Request, error: HTTPException) -> Response:
    """Redirect a browser without login to the login page, which redirects back after the login."""
    if error.status_code == 401 and "text/html" in request.headers.get("accept", ""):
        return RedirectResponse(f"/auth/login?next={request.url}", 307)
    return JSONResponse({"detail": error.detail}, error.status_code)


@app.get("/runs/{run_id}", response_class=HTMLResponse)
def run_page(run_id: int) -> str:
    """Show one run of a collector: its counts, and the tables that it fills."""
    from jinja2 import Environment, FileSystemLoader

    from core.database import fetch, fetch_one
    from hooks.database_hook import DatabaseHook

    with DatabaseHook().connect() as conn:
        run: Any = fetch_one(conn, "core/describe_run", {"id": run_id}, into=SimpleNamespace)
        if run is None:
            raise HTTPException(404, f"there is no run {run_id}")
        tables = fetch(conn, "core/tables_of_schema", {"schema": run.tracker}, into=SimpleNamespace)
    units = by_unit(run.counts)
    names = list(dict.fromkeys(name for counts in units.values() for name in counts))
    page = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True).get_template("run.html")
    return page.render(run=run, tables=tables, units=units, names=names)


def by_unit(counts: dict[str, int]) -> dict[str, dict[str, Any]]:
    """Split `<unit>/<name>` counts by unit; the totals come last."""
    units: dict[str, dict[str, Any]] = {}
    totals: dict[str, Any] = {}
    for key, number in counts.items():
        unit, slash, name = key.rpartition("/")
        (units.setdefault(unit, {}) if slash else totals)[name] = number
    return units | ({"all": totals} if totals else {})


def _links() -> list[Any]:
    from operators.framework.task_links import LandedLink, SourceLink

    return [SourceLink(), LandedLink()]


class BoostPlugin(AirflowPlugin):
    """Pages and links of the collectors."""

    name = "boost"
    fastapi_apps = [{"app": app, "url_prefix": "/boost", "name": "boost"}]  # noqa: RUF012 - Airflow's way
    operator_extra_links = _links()
