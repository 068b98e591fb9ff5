"""Makes the pictures in docs/images with Debian's Chromium, against a demo that is up (`make demo`)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import Page, sync_playwright

from launcher.airflow_secrets import USER, password
from launcher.folders import state_folder
from launcher.rest import Rest
from launcher.state import State

IMAGES = Path(__file__).resolve().parent / "images"
DAG, TASK = "collect_mailing_list", "run_boost_mailing_list_tracker"
CHROMIUM = "/usr/bin/chromium"
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
WAIT = 30_000


def main() -> None:
    """Run what the pictures show, then take them."""
    state = State(state_folder())
    if not state.is_held():
        sys.exit("nothing is up; start `make demo` in another terminal first")
    web = str(state.read()["web"])
    rest = Rest(web, USER, password(state.folder))
    rest.login()
    run_id = rest.trigger(DAG)
    rest.await_run(DAG, run_id)
    failed = rest.trigger(DAG, {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"})
    rest.await_run(DAG, failed)
    IMAGES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1360, "height": 860})
        _login(page, web, rest.password)
        task = f"{web}/dags/{DAG}/runs/{run_id}/tasks/{TASK}"
        _take(page, "dags", f"{web}/dags", lambda: page.get_by_text("Collect mailing list").first.wait_for())
        _take(page, "grid", f"{web}/dags/{DAG}", lambda: page.get_by_text("finalise").first.wait_for())
        _take(page, "trigger-form", f"{web}/dags/{DAG}", lambda: _open_form(page))
        _take(page, "task-log", task, lambda: _await_log(page))
        red = f"{web}/dags/{DAG}/runs/{failed}/tasks/{TASK}"
        _take(page, "failed-log", red, lambda: _fold_traceback(page))
        links = rest.call("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances/{TASK}/links")["extra_links"]
        _take(
            page,
            "stored-rows",
            f"{web}{links['Stored rows']}",
            lambda: page.get_by_text("Where it landed").wait_for(),
        )
        _take(page, "connection-form", f"{web}/connections", lambda: _open_connection(page))
        browser.close()


def _login(page: Page, web: str, secret: str) -> None:
    page.goto(f"{web}/auth/login")
    page.locator("input[name=username]").fill(USER)
    page.locator("input[name=password]").fill(secret)
    page.locator("button[type=submit]").click()
    page.get_by_text("Dags").first.wait_for(timeout=WAIT)


def _open_form(page: Page) -> None:
    page.get_by_role("button", name="Trigger").first.click()
    page.get_by_text("Run Parameters").wait_for(timeout=WAIT)
    page.get_by_text("Mailing list", exact=True).last.click()
    page.wait_for_timeout(800)


def _await_log(page: Page) -> None:
    page.get_by_text("the usual run").wait_for(timeout=WAIT)


def _fold_traceback(page: Page) -> None:
    """Its paths are those of one machine."""
    page.get_by_text("ConfigurationError: since").first.click()
    # The click has scrolled to the right.
    page.evaluate("document.querySelectorAll('*').forEach(element => element.scrollLeft = 0)")


def _open_connection(page: Page) -> None:
    page.get_by_text("hyperkitty_boost").wait_for(timeout=WAIT)
    row = page.get_by_role("row", name="hyperkitty_boost")
    row.get_by_role("button", name="Edit Connection").click()
    page.get_by_text("Archive address").wait_for(timeout=WAIT)
    page.wait_for_timeout(500)


def _take(page: Page, name: str, address: str, until: Callable[[], None]) -> None:
    page.goto(address)
    until()
    page.wait_for_timeout(1200)
    file = IMAGES / f"{name}.png"
    page.screenshot(path=str(file))
    print(f"  {file.relative_to(IMAGES.parent.parent)}")


if __name__ == "__main__":
    main()
