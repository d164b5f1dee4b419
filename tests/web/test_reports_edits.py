"""One field of a row, edited where it stands."""

from __future__ import annotations

from datetime import date
from typing import Any

from flask import Flask

import builders
from models import AuditEvent, BillingLink, Connection, TimeEntry, Transfer, db
from page import Browser
from statements import counted


def _sign_in(app: Flask, role: str, **values: Any) -> tuple[Browser, Any]:
    person = builders.user(role, password=builders.PASSWORD, language="en", **values)
    return Browser(app).sign_in(person, builders.PASSWORD), person


def _open_field(browser: Browser, row: Any, field: str, kind: str = "hours", query: str = "") -> dict[str, str]:
    """The field as htmx fetches it; gives what its form would send."""
    page = browser.htmx(f"/reports/{kind}/{row.id}/edit?field={field}{query}")
    assert browser.status == 200
    return {control["name"]: control["value"] for control in page.first("form").all("input")} | {"action": page.first("form")["hx-post"]}


def _save(browser: Browser, form: dict[str, str], value: str) -> None:
    data = {name: text for name, text in form.items() if name != "action"} | {"value": value}
    token = browser.client.get("/reports/hours").get_data(as_text=True).split('name="csrf-token" content="')[1].split('"')[0]
    browser._take(browser.client.post(form["action"], data=data | {"csrf_token": token}, headers={"HX-Request": "true"}))


def _now(row: Any) -> Any:
    db.session.rollback()
    db.session.refresh(row)
    return row


def test_the_cell_leads_to_the_day_and_to_a_field(browser: Browser) -> None:
    row = builders.entry(date=date(2026, 11, 18))
    browser.open("/reports/hours")
    cells = {a["data-edit"]: a for a in browser.page.all("a") if a["data-edit"]}
    assert set(cells) == {"note", "billable", "duration"}
    assert cells["duration"]["href"] == f"/register/hours/{row.id}"
    assert cells["note"]["aria-label"] == "Add a note"


def test_a_saved_duration_gives_the_row_the_totals_and_the_selection_back(browser: Browser) -> None:
    row, other = builders.entry(minutes=60), builders.entry(minutes=30)
    browser.open("/reports/hours")
    browser.post("/reports/selection", {"kind": "time", "shown": str(row.id), "time": str(row.id)}, htmx=True)
    form = _open_field(browser, row, "duration", query=f"&customer={row.customer_id}")
    assert form["value"] == "1:00"
    with counted() as sent:
        _save(browser, form, "2,5")
    assert browser.status == 200
    assert browser.page.first("tr", id=f"r{row.id}").first("td", class_="r").text == "2:30"
    assert "data-focus" in browser.page.first("a", data_edit="duration").attributes
    assert "checked" in browser.page.first("input", name="time").attributes
    assert browser.page.first("tfoot", id="totals").text == "Total of 1 row 2:30 € 237,50"
    assert browser.page.first("div", id="selection").text == "1 hour entry selected 2:30 h € 237,50"
    assert (_now(row).duration_minutes, row.version) == (150, 2)
    assert _now(other).duration_minutes == 30
    posts = [number for number, statement in enumerate(sent) if statement.startswith("UPDATE time_entry")]
    assert len(posts) == 1


def test_saving_costs_at_most_twelve_questions(browser: Browser) -> None:
    row = builders.entry()
    browser.open("/reports/hours")
    browser.post("/reports/selection", {"kind": "time", "shown": str(row.id), "time": str(row.id)}, htmx=True)
    form = _open_field(browser, row, "duration")
    token = browser.open("/reports/hours").first("meta", name="csrf-token")["content"]
    data = {name: text for name, text in form.items() if name != "action"} | {"value": "3", "csrf_token": token}
    with counted() as sent:
        response = browser.client.post(form["action"], data=data, headers={"HX-Request": "true"})
    assert response.status_code == 200
    assert len(sent) <= 12, sent


def test_what_is_no_duration_stays_in_the_field(browser: Browser) -> None:
    row = builders.entry()
    for typed, sentence in (("straks", "is not a duration"), ("25:00", "more than 24 hours"), ("-1", "less than zero")):
        _save(browser, _open_field(browser, row, "duration"), typed)
        assert browser.status == 422
        assert browser.headers["HX-Retarget"] == "closest td"
        assert browser.page.first("input", name="value")["value"] == typed
        assert browser.page.first("input", name="value")["aria-invalid"] == "true"
        assert sentence in browser.page.first("div", role="alert").text
    assert (_now(row).duration_minutes, row.version) == (60, 1)


def test_a_day_never_becomes_longer_than_24_hours(browser: Browser) -> None:
    person = builders.user("user")
    row = builders.entry(by=person, minutes=60)
    builders.entry(by=person, minutes=20 * 60)
    builders.entry(by=person, minutes=20 * 60, date=date(2026, 11, 17))
    _save(browser, _open_field(browser, row, "duration"), "4:01")
    assert browser.status == 422
    assert "That day already has 20:00" in browser.page.text
    _save(browser, _open_field(browser, row, "duration"), "4:00")
    assert browser.status == 200
    assert _now(row).duration_minutes == 240


def test_notes_and_billable_are_edited_in_all_three_lists(browser: Browser) -> None:
    for kind, make in (("hours", builders.entry), ("expenses", builders.expense), ("trips", builders.trip)):
        row = make(note="Eerst\n" + "x" * 300)
        page = browser.htmx(f"/reports/{kind}/{row.id}/edit?field=note")
        assert page.first("textarea").text.endswith("x" * 300)
        form = _open_field(browser, row, "note", kind)
        _save(browser, form, "<b>Dan</b>\r\nnog een regel ")
        assert _now(row).note == "<b>Dan</b>\nnog een regel"
        assert "<b>Dan" not in browser.html
        _save(browser, _open_field(browser, row, "billable", kind), "no")
        assert (_now(row).billable, row.version) == (False, 3)
        browser.htmx(f"/reports/{kind}/{row.id}/edit?field={'rate' if kind == 'hours' else 'duration'}")
        assert browser.status == 404
    _save(browser, {"action": f"/reports/trips/{row.id}/edit", "field": "note", "version": "3"}, "x" * 10_001)
    assert browser.status == 422


def test_a_private_trip_does_not_become_billable(browser: Browser) -> None:
    row = builders.trip(kind="private", billable=False)
    _save(browser, _open_field(browser, row, "billable", "trips"), "yes")
    assert browser.status == 422
    assert "A private trip is never billed." in browser.page.text
    hour = builders.entry(builders.project(method="none"), billable=False)
    _save(browser, _open_field(browser, hour, "billable"), "yes")
    assert "The project is not invoiced" in browser.page.text
    assert not _now(row).billable
    assert not _now(hour).billable


def test_somebody_who_was_first_is_shown_with_both_values(app: Flask, browser: Browser) -> None:
    row = builders.entry(minutes=60)
    mine = _open_field(browser, row, "duration")
    other, _person = _sign_in(app, "administrator", name="Bram")
    _save(other, _open_field(other, row, "duration"), "2:00")
    assert other.status == 200
    _save(browser, mine, "3:00")
    assert browser.status == 409
    assert browser.headers["HX-Retarget"] == "closest td"
    assert "Changed by Bram at 10:00. Theirs: 2:00. Yours: 3:00." in browser.page.text
    assert _now(row).duration_minutes == 120
    form = browser.page.first("form")
    again = {control["name"]: control["value"] for control in form.all("input")}
    assert browser.page.first("button", type="button")["hx-get"] == f"/reports/hours/{row.id}/row?field=duration"
    _save(browser, again | {"action": form["hx-post"]}, again["value"])
    assert browser.status == 200
    assert (_now(row).duration_minutes, row.version) == (180, 3)
    assert browser.htmx(f"/reports/hours/{row.id}/row?field=note").first("tr", id=f"r{row.id}")


def test_editing_a_rejected_row_opens_it_again(browser: Browser) -> None:
    row = builders.entry(status="rejected")
    _save(browser, _open_field(browser, row, "note"), "Verbeterd")
    assert _now(row).status == "open"
    assert db.session.query(AuditEvent).filter_by(action="changed", object_type="time", object_id=row.id).count() == 1


def test_a_row_that_is_not_open_says_who_can_open_it(browser: Browser) -> None:
    for status, sentence in (("approved", "can reopen it"), ("submitted", "can reopen it"), ("written_off", "Undo write-off")):
        row = builders.entry(status=status)
        page = browser.htmx(f"/reports/hours/{row.id}/edit?field=note")
        assert sentence in page.first("span", role="status").text
        _save(browser, {"action": f"/reports/hours/{row.id}/edit", "field": "note", "version": "1"}, "toch")
        assert browser.status == 409
        assert _now(row).note == ""


def _hold(row: Any, state: str, by: Any) -> Transfer:
    db.session.query(Connection).filter_by(vendor="wefact").delete()
    connection = Connection(vendor="wefact", state="connected")
    db.session.add(connection)
    db.session.flush()
    transfer = Transfer(
        kind="invoice", connection_id=connection.id, requested_by_id=by.id, op_key=f"k{row.id}", marker=f"UW7K-{row.id:013}",
        remote_number="F2026-0112", due_at=builders.NOW, created_at=builders.NOW, updated_at=builders.NOW,
    )  # fmt: skip
    db.session.add(transfer)
    db.session.flush()
    db.session.add(BillingLink(source_type="time", source_id=row.id, transfer_id=transfer.id, state=state, created_at=builders.NOW))
    db.session.commit()
    return transfer


def test_a_claimed_row_says_who_has_it_to_those_who_may_know(app: Flask, browser: Browser) -> None:
    colleague = builders.user("project_manager", name="Sofie Peeters")
    visitor, person = _sign_in(app, "user")
    row = builders.entry(by=person)
    transfer = _hold(row, "reserved", colleague)
    page = browser.htmx(f"/reports/hours/{row.id}/edit?field=duration")
    assert f"Being invoiced by Sofie Peeters since 20-11-2026 10:00, transfer {transfer.id}." in page.text
    page = visitor.htmx(f"/reports/hours/{row.id}/edit?field=duration")
    assert "Being invoiced by a colleague since 20-11-2026 10:00. Wait for its result." in page.text
    db.session.query(BillingLink).update({"state": "live"})
    db.session.commit()
    page = browser.htmx(f"/reports/hours/{row.id}/edit?field=duration")
    assert "Invoiced by Sofie Peeters on 20-11-2026 10:00: F2026-0112 in WeFact." in page.text
    page = visitor.htmx(f"/reports/hours/{row.id}/edit?field=duration")
    assert "Sofie" not in page.text
    assert "F2026" not in page.text
    _save(browser, {"action": f"/reports/hours/{row.id}/edit", "field": "duration", "version": "1"}, "2")
    assert browser.status == 409
    assert _now(row).duration_minutes == 60


def test_somebody_elses_row_is_not_there(app: Flask) -> None:
    visitor, _person = _sign_in(app, "user")
    row = builders.entry()
    for path in (
        f"/reports/hours/{row.id}/edit?field=note",
        f"/reports/hours/{row.id}/row",
        "/reports/hours/4711/row",
        "/reports/weg/1/row",
    ):
        visitor.htmx(path)
        assert visitor.status == 404, path
    _save(visitor, {"action": f"/reports/hours/{row.id}/edit", "field": "note", "version": "1"}, "van mij")
    assert visitor.status == 404
    assert db.session.get_one(TimeEntry, row.id).note == ""
