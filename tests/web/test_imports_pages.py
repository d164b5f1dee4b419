"""Settings, Import: preview, questions, start, result, file of failed rows, earlier runs; hostile names stay text."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import event

import builders
from connectors.errors import AccessRefused
from fakes import Clock
from import_stage import Package, Stage, counts, record
from models import AuditEvent, Customer, ImportRow, ImportRun, db
from page import Browser
from transfers import imports

HOSTILE = ("<script>alert(1)</script>", "=1+1", "@SUM(A1)", "\u202eesrever", "x" * 10_000)


@pytest.fixture
def stage(app: Flask, clock: Clock) -> Stage:
    return Stage(app, clock, Package([record(f"DB{n}") for n in range(1, 6)])).connect()


def work(stage: Stage) -> ImportRun:
    db.session.rollback()
    while imports.work_one(stage.context()):
        pass
    db.session.rollback()
    return db.session.query(ImportRun).order_by(ImportRun.id.desc()).first()


def tabs(browser: Browser) -> dict[str, str]:
    parts = browser.page.first("nav", aria_label="Rows")
    return {words[0]: words[1] for words in (element.text.rsplit(" ", 1) for element in parts.children if not isinstance(element, str))}


def test_preview_start_result(stage: Stage, browser: Browser) -> None:
    browser.open("/settings/import")
    browser.submit("Import from WeFact")
    browser.submit("Preview", Mode="update")
    assert "Waiting for its turn" in browser.page.first(role="status").text
    assert browser.page.first("progress")["aria-label"]
    run = work(stage)
    browser.open(browser.path)
    assert tabs(browser) == {"Create": "5", "Update": "0", "Unchanged": "0"}
    assert "Klant DB3 B.V." in browser.page.text
    assert db.session.query(Customer).count() == 0
    browser.submit("Start import")
    assert "Saving the customers" in browser.page.text
    work(stage)
    browser.open(browser.path)
    assert "Created 5, updated 0, unchanged 0, skipped 0, to review 0, failed 0." in browser.page.text
    browser.open("/settings/import")
    row = browser.page.first("tbody").first("tr")
    assert ("Ans de Wit" in row.text, "Finished" in row.text, "5" in row.text) == (True, True, True)
    assert {e.action for e in db.session.query(AuditEvent)} >= {"import_requested", "import_started", "customers_imported"}
    assert run.full


def test_the_panel_polls_while_there_is_something_to_wait_for(stage: Stage, browser: Browser) -> None:
    run_id = stage.ask(preview_only=True)
    waiting = browser.htmx(f"/settings/import/{run_id}")
    assert not waiting.all("html")
    assert waiting.first(id="run")["hx-trigger"] == "every 2s"
    work(stage)
    assert browser.htmx(f"/settings/import/{run_id}").first(id="run")["hx-trigger"] == ""


def test_old_and_new_values_and_what_is_only_linked(stage: Stage, browser: Browser) -> None:
    builders.customer("db1", "Oude naam", email="oud@klant.example")
    builders.customer("DB2", "Klant DB2 B.V.", contact_first_name="Noor", contact_last_name="Visser", email="db2@klant.example")
    run_id = stage.ask(preview_only=True)
    work(stage)
    browser.open(f"/settings/import/{run_id}?show=update")
    lines = [row.text for row in browser.page.first("tbody").all("tr")]
    assert "DB1 Oude naam Name Oude naam Klant DB1 B.V." in lines
    assert "DB1 Oude naam E-mail oud@klant.example db1@klant.example" in lines
    assert "DB2 Klant DB2 B.V. Link none Linked by its number" in lines


def test_questions_are_answered_kept_and_applied(stage: Stage, browser: Browser) -> None:
    nameless = builders.customer("", "Klant DB1")
    builders.customer("", "Ander", email="db2@klant.example")
    builders.customer("", "KLANT DB3 B.V.")
    run_id = stage.ask(preview_only=True)
    work(stage)
    browser.open(f"/settings/import/{run_id}")
    assert tabs(browser)["To review"] == "3"
    assert "Same e-mail address as Ander here" in browser.page.text
    rows = {row.number: row.id for row in db.session.query(ImportRow).filter_by(action="conflict")}
    browser.submit("Save choices", **{f"choice-{rows['DB1']}": "link", f"choice-{rows['DB2']}": "create"})
    assert "Your choices are kept" in browser.page.text
    chosen = [option.text for option in browser.page.all("option") if "selected" in option.attributes]
    assert chosen == ["Link", "Create new"]
    browser.submit("Start import", **{f"choice-{rows['DB3']}": "skip"})
    run = work(stage)
    assert counts(run) == {"created": 3, "updated": 1, "skipped": 1}
    assert db.session.get_one(Customer, nameless.id).number == "DB1"
    browser.open(f"/settings/import/{run_id}?show=review")
    assert [row.text.split()[-1] for row in browser.page.first("tbody").all("tr")] == ["Linked", "Created", "Skipped"]


def test_a_choice_that_was_not_offered_and_another_runs_row_change_nothing(stage: Stage, browser: Browser) -> None:
    builders.customer("", "Klant DB1")
    run_id = stage.ask(preview_only=True)
    work(stage)
    row = db.session.query(ImportRow).filter_by(action="conflict").one()
    new = db.session.query(ImportRow).filter_by(action="new").first()
    browser.open(f"/settings/import/{run_id}")
    for key, choice in ((f"choice-{row.id}", "delete"), (f"choice-{new.id}", "skip"), ("choice-x", "link"), (f"choice-{'9' * 30}", "link")):
        browser.post(f"/settings/import/{run_id}/choices", {key: choice})
        assert browser.status == 200
    db.session.rollback()
    assert {row.choice for row in db.session.query(ImportRow)} == {""}
    browser.post(f"/settings/import/{run_id}/choices", {f"choice-{row.id}": "link"}, htmx=True)
    assert (browser.status, db.session.get_one(ImportRow, row.id, populate_existing=True).choice) == (204, "link")


def test_an_old_preview_cannot_be_started(stage: Stage, browser: Browser) -> None:
    old = stage.ask(preview_only=True)
    work(stage)
    browser.open(f"/settings/import/{old}")
    stage.ask(preview_only=True)
    work(stage)
    browser.submit("Start import")
    assert "not the latest any more" in browser.page.text
    assert not [b for b in browser.page.all("button") if b.text == "Start import"]
    assert db.session.query(Customer).count() == 0


def test_the_loser_of_two_is_led_to_the_one_that_runs(stage: Stage, browser: Browser) -> None:
    browser.open("/settings/import")
    run_id = stage.ask(user_id=builders.user(name="Bo Smit").id)
    browser.submit("Preview")
    assert browser.path == f"/settings/import/{run_id}"
    assert "Bo Smit started an import from WeFact on 20-11-2026 10:00" in browser.page.text
    browser.open("/settings/import")
    assert browser.page.first("a", href=f"/settings/import/{run_id}")
    assert not [b for b in browser.page.all("button") if b.text == "Preview"]


def test_a_failed_run_says_what_to_do(stage: Stage, browser: Browser) -> None:
    def refuse(offset: int) -> None:
        raise AccessRefused("address_refused", "Geen toegang", address="203.0.113.7")

    stage.package.on_page = refuse
    run_id = stage.ask(preview_only=True)
    work(stage)
    browser.open(f"/settings/import/{run_id}")
    assert "203.0.113.7" in browser.page.first(role="alert").text
    browser.open("/settings/import")
    assert "203.0.113.7" in browser.page.text


def test_failed_rows_as_a_file_without_formulas(stage: Stage, browser: Browser) -> None:
    stage.package.rows = [record("=1+1", name=" ", email="+31 6"), record("@X", "Wel goed")]
    stage.package.unreadable = (("-2+3", "Identifier: None (NoneType)"),)
    run_id = stage.ask()
    work(stage)
    browser.open(f"/settings/import/{run_id}")
    browser.link("Download failed rows")
    assert "attachment" in browser.headers["Content-Disposition"]
    lines = list(csv.reader(io.StringIO(browser.html.removeprefix("\ufeff")), delimiter=";"))
    assert [line[0] for line in lines] == ["Number", "'=1+1", "'-2+3"]
    assert (lines[0][1], lines[1][1].startswith("There is no name on it"), lines[1][5]) == ("Reason", True, "'+31 6")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text_on_every_page(stage: Stage, browser: Browser, name: str) -> None:
    builders.customer("", name[:300])
    builders.customer("H2", name[:300])
    stage.package.rows = [
        record("H1", name),
        record("H2", name + " twee"),
        record("H3", name + " drie"),
        record("H4", name[:20] + "\x00vier"),
    ]
    run_id = stage.ask(preview_only=True)
    work(stage)
    for show in ("review", "create", "update"):
        browser.open(f"/settings/import/{run_id}?show={show}")
        assert browser.status == 200
        assert not [s for s in browser.page.all("script") if "alert" in s.text]
        assert name[:20] in browser.page.text
        assert len(browser.html) < 60_000
    browser.submit("Start import")
    work(stage)
    browser.open(f"/settings/import/{run_id}")
    assert (browser.status, "Finished" in browser.page.text) == (200, True)


def test_ten_thousand_rows_are_fifty_at_a_time(app: Flask, stage: Stage, browser: Browser) -> None:
    stage.package.rows = [record(f"DB{n:05}", remote_id=str(n + 1)) for n in range(2_000)]
    stage.package.page_size = 1000
    run_id = stage.ask(preview_only=True)
    work(stage)
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *parts: statements.append(parts[2]))
    browser.open(f"/settings/import/{run_id}?show=create&page=3")
    assert len(statements) <= 10, statements
    assert len(browser.html) < 60_000
    assert "101 to 150 of 2.000" in browser.page.text
    assert len(browser.page.first("tbody").all("tr")) == 50
    browser.link("Next page")
    assert "DB00150" in browser.page.text


def test_the_overview_costs_the_same_with_more_runs(stage: Stage, browser: Browser) -> None:
    for _ in range(25):
        stage.run()
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *parts: statements.append(parts[2]))
    browser.open("/settings/import")
    assert len(statements) <= 10, statements
    assert len(browser.page.first("tbody").all("tr")) == 20
    browser.link("Next page")
    assert len(browser.page.first("tbody").all("tr")) == 5


def test_without_a_package_it_says_where_to_begin(app: Flask, browser: Browser) -> None:
    page = browser.open("/settings/import")
    assert "Nothing to import from yet" in page.text
    browser.post("/settings/import", {"source": "wefact", "mode": "new"})
    assert "Choose a connected package" in browser.page.text
    assert db.session.query(ImportRun).count() == 0


def test_an_unknown_mode_is_refused_and_an_unknown_run_is_not_there(stage: Stage, browser: Browser) -> None:
    browser.open("/settings/import")
    browser.post("/settings/import", {"source": "wefact", "mode": "everything"})
    assert browser.status == 422
    assert db.session.query(ImportRun).count() == 0
    for path in ("/settings/import/999", "/settings/import/999/failed.csv"):
        browser.open(path)
        assert browser.status == 404


@pytest.mark.parametrize("role", ["project_manager", "team_manager", "user"])
def test_without_the_right_there_is_nothing_here(stage: Stage, visitor: Browser, role: str) -> None:
    run_id = stage.ask(preview_only=True)
    visitor.sign_in(builders.user(role, password=builders.PASSWORD), builders.PASSWORD)
    for path in ("/settings/import", f"/settings/import/{run_id}", f"/settings/import/{run_id}/failed.csv"):
        visitor.open(path)
        assert visitor.status == 404
    visitor.open("/")
    for path in ("/settings/import", f"/settings/import/{run_id}/choices", f"/settings/import/{run_id}/start"):
        visitor.post(path, {"source": "wefact", "mode": "new"})
        assert visitor.status == 404
    assert db.session.query(ImportRun).count() == 1


def test_the_page_speaks_dutch_without_breaking(stage: Stage, visitor: Browser) -> None:
    stage.package.rows[0] = replace(stage.package.rows[0], name="Café ’t Hoekje")
    run_id = stage.ask(preview_only=True)
    work(stage)
    visitor.sign_in(builders.user(password=builders.PASSWORD, language="nl"), builders.PASSWORD)
    visitor.open(f"/settings/import/{run_id}")
    assert (visitor.status, "Café ’t Hoekje" in visitor.page.text) == (200, True)
