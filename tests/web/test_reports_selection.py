"""Ticking rows, keeping them over pages and tabs, and what the Actions menu does with them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, insert, select

import builders
from blueprints.reports import actions
from models import AuditEvent, BillingLink, Connection, Expense, LoginSession, TimeEntry, Trip, db
from page import Browser
from statements import counted


def _sign_in(app: Flask, role: str) -> tuple[Browser, Any]:
    person = builders.user(role, password=builders.PASSWORD, language="en")
    return Browser(app).sign_in(person, builders.PASSWORD), person


def _kept() -> dict[str, list[int]]:
    return db.session.scalars(select(LoginSession.selection).order_by(LoginSession.id.desc())).first() or {}


def _tick(browser: Browser, kind: str, shown: list[int], ticked: list[int]) -> None:
    token = browser.client.get("/reports/hours").get_data(as_text=True).split('name="csrf-token" content="')[1].split('"')[0]
    values = {"csrf_token": token, "kind": kind, "shown": ",".join(map(str, shown)), kind: [str(n) for n in ticked]}
    browser._take(browser.client.post("/reports/selection", data=values, headers={"HX-Request": "true"}))
    assert browser.status == 200


def _standing(model: Any) -> dict[int, str]:
    db.session.rollback()
    return {row[0]: row[1] for row in db.session.execute(select(model.id, model.status))}


def _flash(browser: Browser) -> str:
    return browser.page.first("div", id="flashes").text


def test_a_tick_is_kept_and_the_bar_says_what_it_is_worth(browser: Browser) -> None:
    hours = [builders.entry(minutes=90) for _number in range(3)]
    ids = [row.id for row in hours]
    browser.open("/reports/hours")
    assert browser.page.first("div", id="selection").text == ""
    _tick(browser, "time", ids, ids[:2])
    assert browser.page.text == "2 hour entries selected 3:00 h € 285,00"
    browser.open("/reports/hours")
    assert {box["value"] for box in browser.page.all("input", name="time") if "checked" in box.attributes} == {str(n) for n in ids[:2]}
    assert "data-some" in browser.page.first("input", aria_label="Select all on this page").attributes
    _tick(browser, "time", ids, ids)
    browser.open("/reports/hours")
    assert "checked" in browser.page.first("input", aria_label="Select all on this page").attributes
    assert not browser.page.all("p", id="page-ticked")


def test_the_selection_survives_other_pages_and_other_tabs(browser: Browser) -> None:
    hours = [builders.entry().id for _number in range(2)]
    expense, trip = builders.expense().id, builders.trip().id
    browser.open("/reports/hours")
    _tick(browser, "time", hours[:1], hours[:1])
    browser.open("/reports/expenses")
    _tick(browser, "expense", [expense], [expense])
    browser.open("/reports/trips")
    _tick(browser, "trip", [trip], [trip])
    assert browser.page.text.startswith("1 hour entry, 1 expense, 1 trip selected 1:00 h")
    browser.open("/reports/hours?page=2")
    _tick(browser, "time", hours[1:], hours[1:])
    assert _kept() == {"time": hours, "expense": [expense], "trip": [trip]}
    _tick(browser, "time", hours[1:], [])
    assert _kept()["time"] == hours[:1]


def test_clear_forgets_everything(browser: Browser) -> None:
    row = builders.entry().id
    browser.open("/reports/hours?status=open")
    _tick(browser, "time", [row], [row])
    browser.open("/reports/hours?status=open")
    browser.submit("Clear")
    assert browser.path == "/reports/hours?status=open"
    assert _kept() == {}
    _tick(browser, "time", [row], [row])
    browser.open("/reports/hours")
    assert browser.post("/reports/selection", {"clear": "1", "kind": "time", "time": str(row)}, htmx=True).text == ""


def test_without_script_the_ticks_travel_with_the_button(browser: Browser) -> None:
    rows = [builders.entry() for _number in range(3)]
    browser.open("/reports/hours?sort=user")
    browser.submit("Keep ticks", time=[str(rows[0].id)])
    assert browser.path == "/reports/hours?sort=user"
    assert _kept() == {"time": [rows[0].id]}
    browser.submit("Approve", time=[str(rows[0].id), str(rows[2].id)])
    assert browser.path == "/reports/hours?sort=user"
    assert _flash(browser).startswith("Approved: 2 hour entries.")
    assert _standing(TimeEntry) == {rows[0].id: "approved", rows[1].id: "open", rows[2].id: "approved"}


def test_all_matching_selects_what_the_filter_shows(browser: Browser) -> None:
    work, by, doing = builders.project(), builders.user("user"), builders.activity()
    wanted = {builders.entry(work, by, doing).id for _number in range(60)}
    builders.entry()
    browser.open(f"/reports/hours?project={work.id}")
    assert "hidden" in browser.page.first("p", id="page-ticked").attributes
    browser.submit("Select all 60 matching")
    assert browser.path == f"/reports/hours?project={work.id}"
    assert set(_kept()["time"]) == wanted
    assert "60 hour entries selected" in browser.page.first("div", id="selection").text


def test_all_matching_is_refused_when_the_number_changed(browser: Browser) -> None:
    work, by, doing = builders.project(), builders.user("user"), builders.activity()
    for _number in range(60):
        builders.entry(work, by, doing)
    browser.open("/reports/hours")
    builders.entry(work, by, doing)
    browser.submit("Select all 60 matching")
    assert "61 rows match now, it was 60" in _flash(browser)
    assert _kept() == {}


def test_a_selection_has_a_limit(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "MOST", 2)
    ids = [builders.entry().id for _number in range(3)]
    browser.open("/reports/hours")
    browser.post("/reports/selection", {"kind": "time", "shown": "", "time": [str(n) for n in ids]})
    assert "holds at most" in _flash(browser)
    browser.post("/reports/hours/all", {"expected": "3", "back": "/reports/hours"})
    assert "holds at most" in _flash(browser)
    assert _kept() == {}


def test_somebody_elses_rows_do_not_count(app: Flask) -> None:
    visitor, person = _sign_in(app, "user")
    mine, theirs = builders.entry(by=person).id, builders.entry().id
    visitor.open("/reports/hours")
    _tick(visitor, "time", [mine, theirs], [mine, theirs, 4711])
    assert visitor.page.text == "1 hour entry selected 1:00 h"
    visitor.open("/reports/hours")
    visitor.submit("Export selection")
    assert visitor.html.count("\r\n") == 2


def test_nonsense_is_not_kept(browser: Browser) -> None:
    browser.open("/reports/hours")
    browser.post("/reports/selection", {"kind": "weg", "shown": "x,,-1,99999999999", "time": ["1; DROP", "2"], "back": "//kwaad.example"})
    assert browser.path == "/reports/hours"
    assert _kept() == {"time": [2]}


def test_the_menu_offers_the_packages_that_are_connected(browser: Browser) -> None:
    for vendor, state in (("wefact", "connected"), ("hostfact", "failing"), ("afas", "connected")):
        db.session.query(Connection).filter_by(vendor=vendor).delete()
        db.session.add(Connection(vendor=vendor, state=state))
    db.session.commit()
    builders.entry()
    browser.open("/reports/hours")
    menu = browser.page.first("div", id="actions")
    assert [b.text for b in menu.all("button") if b.text.startswith("Invoice")] == ["Invoice in WeFact", "Invoice in AFAS"]
    button = menu.all("button")[0]
    assert (button["formaction"], button["hx-post"], button["hx-target"], button["hx-include"]) == (
        "/finance/invoice/wefact",
        "/finance/invoice/wefact",
        "#sheet",
        "#rows",
    )
    assert browser.page.first("button", popovertarget="actions").text == "Actions"


def test_rights_decide_what_the_menu_offers(app: Flask) -> None:
    expected = {
        "user": ["Export selection"],
        "team_manager": ["Approve", "Reopen", "Export selection"],
        "project_manager": ["Approve", "Reopen", "Mark billable", "Mark not billable", "Write off", "Undo write-off", "Export selection"],
    }
    row = builders.entry()
    for role, names in expected.items():
        person, _user = _sign_in(app, role)
        person.open("/reports/hours")
        assert [b.text for b in person.page.first("div", id="actions").all("button")] == names
        if role != "project_manager":
            person.post("/reports/change/write_off", {"time": str(row.id)})
            assert person.status == 404
    assert _standing(TimeEntry)[row.id] == "open"


def test_approving_says_what_it_left_and_why(browser: Browser) -> None:
    free = [builders.entry(status=status) for status in ("open", "submitted")]
    held, reserved = builders.entry(status="approved"), builders.entry()
    off, refused, done = (builders.entry(status=status) for status in ("written_off", "rejected", "approved"))
    expense = builders.expense()
    db.session.add_all(
        [
            BillingLink(source_type="time", source_id=held.id, state="live", created_at=builders.NOW),
            BillingLink(source_type="time", source_id=reserved.id, state="reserved", created_at=builders.NOW),
        ]
    )
    db.session.commit()
    ids = [row.id for row in (*free, held, reserved, off, refused, done)] + [4711]
    browser.open("/reports/hours")
    browser.post("/reports/change/approve", {"time": [str(n) for n in ids], "expense": str(expense.id)})
    said = _flash(browser)
    assert said.startswith("Approved: 2 hour entries, 1 expense.")
    for reason in ("Already invoiced", "Being invoiced now", "Written off", "Rejected", "It was so already", "Removed in the meantime"):
        assert f"Left as it was: 1 hour entry. {reason}" in said
    standing = _standing(TimeEntry)
    assert [standing[row.id] for row in free] == ["approved", "approved"]
    assert (standing[held.id], standing[reserved.id], standing[off.id], standing[refused.id]) == (
        "approved",
        "open",
        "written_off",
        "rejected",
    )
    assert _standing(Expense)[expense.id] == "approved"
    changed = db.session.get_one(TimeEntry, free[0].id)
    assert changed.version == 2
    assert changed.approved_by_id is not None
    assert db.session.get_one(TimeEntry, held.id).version == 1
    event_row = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "approve", AuditEvent.object_type == "time")).one()
    assert event_row.details == {"ids": sorted(row.id for row in free)}


def test_nobody_approves_their_own_work_but_the_administrator(app: Flask) -> None:
    for role, status in (("team_manager", "open"), ("project_manager", "open"), ("administrator", "approved")):
        manager, person = _sign_in(app, role)
        row = builders.entry(by=person)
        manager.open("/reports/hours")
        manager.post("/reports/change/approve", {"time": str(row.id)})
        assert _standing(TimeEntry)[row.id] == status
        assert ("Your own work" in _flash(manager)) == (status == "open")


def test_reopening_makes_approved_submitted_and_rejected_work_open(browser: Browser) -> None:
    rows = [builders.trip(status=status) for status in ("approved", "submitted", "rejected", "open", "written_off")]
    browser.open("/reports/trips")
    browser.post("/reports/change/reopen", {"trip": [str(row.id) for row in rows]})
    assert "Open again: 3 trips." in _flash(browser)
    standing = _standing(Trip)
    assert [standing[row.id] for row in rows] == ["open", "open", "open", "open", "written_off"]


def test_a_write_off_is_undone_to_what_it_was(browser: Browser) -> None:
    plain, approved, refused = builders.entry(), builders.entry(), builders.entry(status="rejected")
    browser.open("/reports/hours")
    browser.post("/reports/change/approve", {"time": str(approved.id)})
    ids = {"time": [str(row.id) for row in (plain, approved, refused)]}
    browser.post("/reports/change/write_off", ids)
    assert "Written off: 2 hour entries." in _flash(browser)
    assert _standing(TimeEntry) == {plain.id: "written_off", approved.id: "written_off", refused.id: "rejected"}
    browser.post("/reports/change/undo_write_off", ids)
    assert _standing(TimeEntry) == {plain.id: "open", approved.id: "approved", refused.id: "rejected"}


def test_billable_is_never_given_to_private_trips_nor_to_hours_without_invoicing(browser: Browser) -> None:
    quiet = builders.project(method="none")
    hour, expense, free = builders.entry(quiet, billable=False), builders.expense(quiet, billable=False), builders.entry(billable=False)
    private, business = builders.trip(kind="private", billable=False), builders.trip(billable=False)
    browser.open("/reports/hours")
    chosen = {"time": [str(hour.id), str(free.id)], "expense": str(expense.id), "trip": [str(private.id), str(business.id)]}
    browser.post("/reports/change/billable", chosen)
    said = _flash(browser)
    assert said.startswith("Marked billable: 1 hour entry, 1 expense, 1 trip.")
    assert "A private trip is never billed." in said
    assert "The project is not invoiced" in said
    db.session.rollback()
    assert set(db.session.scalars(select(TimeEntry.id).where(TimeEntry.billable))) == {free.id}
    assert set(db.session.scalars(select(Trip.id).where(Trip.billable))) == {business.id}
    browser.post("/reports/change/not_billable", chosen)
    assert not db.session.scalar(select(func.count()).select_from(Trip).where(Trip.billable))


def test_nothing_selected_and_unknown_changes_are_said(browser: Browser) -> None:
    browser.open("/reports/hours")
    browser.post("/reports/change/approve", {})
    assert "Nothing is selected" in _flash(browser)
    browser.post("/reports/export", {})
    assert "Nothing is selected" in _flash(browser)
    browser.post("/reports/change/delete", {"time": "1"})
    assert browser.status == 404


def test_five_thousand_rows_take_as_many_questions_as_one(browser: Browser) -> None:
    work, by, doing = builders.project(), builders.user("user"), builders.activity()
    values = {"customer_id": work.customer_id, "project_id": work.id, "user_id": by.id, "activity_id": doing.id, "duration_minutes": 6}
    values |= {"date": date(2026, 11, 18), "rate_e4": 950_000, "created_at": builders.NOW, "updated_at": builders.NOW}
    db.session.execute(insert(TimeEntry), [{"id": n, **values} for n in range(1, 5_001)])
    db.session.commit()
    browser.open("/reports/hours")
    costs = []
    for change, ids in (("approve", [1]), ("reopen", list(range(1, 5_001)))):
        _tick(browser, "time", [1], ids)
        browser.open("/reports/hours?status=rejected")
        with counted() as sent:
            response = browser.client.post(
                f"/reports/change/{change}", data={"csrf_token": browser.page.first("input", name="csrf_token")["value"]}
            )
        assert response.status_code == 303
        costs.append(len(sent))
    assert costs[0] == costs[1] <= 12
    browser.open("/reports/hours")
    browser.post("/reports/change/approve", {})
    assert "Approved: 5000 hour entries." in _flash(browser)


def test_the_export_is_for_spreadsheets_and_runs_nothing(browser: Browser) -> None:
    nasty = builders.project(builders.customer("K1", '=HYPERLINK("http://kwaad.example")'), name="+1+1")
    by = builders.user("user", name="@SUM(1)")
    hour = builders.entry(nasty, by, builders.activity("-2"), minutes=50, note='Één "regel"; nog\neen\t' + "x" * 200)
    expense, trip = builders.expense(nasty, by, quantity_e4=15_000), builders.trip(nasty, by, note="\t=1")
    browser.open("/reports/hours")
    browser.post("/reports/export", {"time": str(hour.id), "expense": str(expense.id), "trip": str(trip.id)})
    assert browser.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert browser.headers["Content-Disposition"] == 'attachment; filename="uurwerk-2026-11-20.csv"'
    assert browser.html.startswith("\ufeffKind;Date;Customer number;Customer;")
    first, second, third = browser.html.split("\r\n")[1:4]
    assert first.startswith('Hours;18-11-2026;K1;"\'=HYPERLINK(""http://kwaad.example"")";\'+1+1;\'-2;\'@SUM(1);')
    assert 'Één ""regel""; nog' in first
    assert "x" * 200 in first
    assert first.endswith(";0,83;50;;;;Yes;Open;95,0000;79,17;EUR")
    assert second.endswith(";1,5000;25,0000;Yes;Open;;37,50;EUR")
    assert ";'\t=1;Utrecht;Zeist;;;46,0;;;Yes;Open;0,3500;16,10;EUR" in third


def test_the_export_leaves_amounts_out_for_those_who_may_not_see_them(app: Flask) -> None:
    visitor, person = _sign_in(app, "user")
    row = builders.entry(by=person)
    visitor.open("/reports/hours")
    visitor.post("/reports/export", {"time": str(row.id)})
    assert "Amount" not in visitor.html
    assert "95,00" not in visitor.html
