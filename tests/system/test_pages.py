"""The web UI in Chromium: a user triggers a run with params and reads its log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from launcher.rest import Rest
from tests.system.conftest import Demo

CHROMIUM = Path("/usr/bin/chromium")
DAG, TASK = "collect_mailing_list", "run_boost_mailing_list_tracker"
QUIET = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
pytestmark = [
    pytest.mark.system,
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("system"),
    pytest.mark.skipif(
        not CHROMIUM.exists() and not os.environ.get("CI"),
        reason="needs Debian's chromium: apt-get install chromium",
    ),
]


@pytest.fixture
def page(demo: Demo, rest: Rest) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=QUIET)
        shown = browser.new_page(viewport={"width": 1360, "height": 900})
        shown.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        shown.goto(f"{demo.web}/auth/login")
        shown.locator("input[name=username]").fill(rest.user)
        shown.locator("input[name=password]").fill(rest.password)
        shown.locator("button[type=submit]").click()
        shown.get_by_text("Dags").first.wait_for()
        yield shown
        browser.close()


def test_a_run_is_triggered_with_the_form_and_its_log_is_shown(page: Page, demo: Demo, rest: Rest) -> None:
    before = {run["dag_run_id"] for run in rest.runs(DAG)}
    page.goto(f"{demo.web}/dags/{DAG}")
    page.get_by_text("finalise").first.wait_for()
    page.get_by_role("button", name="Trigger").first.click()
    expect(page.get_by_text("Run Parameters")).to_be_visible()
    for title in ("Since", "Until", "Limit", "Dry run", "Full refresh", "Reprocess"):
        expect(page.get_by_text(title, exact=True).first).to_be_visible()
    page.locator("label", has_text="Dry run").first.scroll_into_view_if_needed()
    switches = page.get_by_role("checkbox")
    row = page.get_by_text("Send a few cheap requests").locator(
        "xpath=ancestor::*[.//input[@type='checkbox']][1]"
    )
    row.locator("label").last.click()
    assert switches.count() >= 3
    page.get_by_role("button", name="Trigger").last.click()
    page.wait_for_url("**/runs/**")
    (run_id,) = {run["dag_run_id"] for run in rest.runs(DAG)} - before
    assert rest.await_run(DAG, run_id) == "success"
    assert rest.run(DAG, run_id)["conf"]["dry_run"] is True
    page.goto(f"{demo.web}/dags/{DAG}/runs/{run_id}/tasks/{TASK}")
    expect(page.get_by_text("dry_run=True").first).to_be_visible()
    expect(page.get_by_text("would fetch about 0 messages").first).to_be_visible()


def test_the_connection_form_has_the_labels_of_the_archive(page: Page, demo: Demo) -> None:
    page.goto(f"{demo.web}/connections")
    row = page.get_by_role("row", name="hyperkitty_boost")
    row.get_by_role("button", name="Edit Connection").click()
    expect(page.get_by_text("Archive address")).to_be_visible()
    expect(page.get_by_text("Password", exact=True)).to_have_count(0)
