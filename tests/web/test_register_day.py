"""A day: adding, changing and removing hours one by one."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask

import builders
from models import AuditEvent, BillingLink, ProjectActivity, TimeEntry, User, db
from page import Browser
from statements import counted

DAY = "/register/day?date=18-11-2026"


@pytest.fixture
def ans(browser: Browser) -> User:
    return db.session.query(User).filter_by(email="ans@bureau.example").one()


@pytest.fixture
def entry(ans: User) -> TimeEntry:
    project = builders.project(builders.customer(name="Jansen Bouw"), name="Website")
    return builders.entry(project, ans, builders.activity("Design"), 90, note="Eerste ronde")


def entries() -> list[TimeEntry]:
    db.session.expire_all()
    return db.session.query(TimeEntry).order_by(TimeEntry.id).all()


def test_hours_are_added_with_what_the_project_says(browser: Browser, ans: User) -> None:
    project, activity = builders.project(method="activity"), builders.activity(hourly_rate_e4=900_000)
    browser.open(DAY)
    page = browser.submit("Add", Project=f"p{project.id}", Activity=str(activity.id), Duration="1,5", Note="Overleg & plan")
    assert browser.path.startswith("/register/day?date=18-11-2026")
    assert "1:30 added." in page.text
    assert "Overleg & plan" in page.text
    made = entries()[0]
    assert (made.user_id, made.date, made.duration_minutes, made.billable) == (ans.id, date(2026, 11, 18), 90, True)
    assert (made.rate_e4, made.rate_source, made.status) == (900_000, "activity", "open")


@pytest.mark.parametrize(("choice", "expected"), [("", False), ("yes", True), ("no", False)])
def test_billable_is_the_projects_word_unless_somebody_says_otherwise(browser: Browser, ans: User, choice: str, expected: bool) -> None:
    project, activity = builders.project(), builders.activity(billable=True)
    db.session.add(ProjectActivity(project_id=project.id, activity_id=activity.id, billable=False))
    db.session.commit()
    browser.open(DAY)
    browser.submit("Add", Project=f"p{project.id}", Activity=str(activity.id), Duration="1", Billable=choice)
    assert entries()[0].billable is expected


def test_hours_on_a_project_without_invoicing_are_never_billable(browser: Browser, ans: User) -> None:
    project, activity = builders.project(method="none"), builders.activity()
    browser.open(DAY)
    page = browser.submit("Add", Project=f"p{project.id}", Activity=str(activity.id), Duration="1", Billable="yes")
    assert browser.status == 422
    assert "is invoiced, so this cannot be billable" in page.text
    page = browser.submit("Add", Billable="")
    assert (browser.status, entries()[0].billable) == (200, False)


def test_a_form_that_does_not_check_keeps_everything(browser: Browser, ans: User) -> None:
    project, activity = builders.project(), builders.activity()
    browser.open(DAY)
    typed = "<script>alert(1)</script> \u202e =1+1 " + "x" * 10_000
    page = browser.submit("Add", Project=f"p{project.id}", Activity=str(activity.id), Date="31-02-2026", Duration="veel", Note=typed)
    assert browser.status == 422
    assert page.first("input", id="date")["value"] == "31-02-2026"
    assert page.first("input", id="duration")["value"] == "veel"
    assert page.first("textarea", id="note").text == " ".join(typed.split())
    assert page.first("select", id="project").all("option", selected="")[0]["value"] == f"p{project.id}"
    assert "is not a date" in page.first("div", id="date-e").text
    browser.submit("Add", Date="18-11-2026", Duration="1:15")
    assert (browser.status, entries()[0].note) == (200, typed)
    assert not [script for script in browser.page.all("script") if not script["src"]]


def test_the_same_form_twice_registers_once(browser: Browser, ans: User) -> None:
    project, activity = builders.project(), builders.activity()
    page = browser.open(DAY)
    values = {"project": f"p{project.id}", "activity": str(activity.id), "date": "18-11-2026", "duration": "1", "billable": "", "note": ""}
    values["once"] = page.first("input", name="once")["value"]
    for _time in range(2):
        browser.open("/")
        browser.post(DAY, values)
        assert browser.status == 200
    assert len(entries()) == 1


def test_a_day_has_24_hours(browser: Browser, ans: User, entry: TimeEntry) -> None:
    browser.open(DAY)
    values = {"Project": f"p{entry.project_id}", "Activity": str(entry.activity_id)}
    page = browser.submit("Add", **values, Duration="22:31")
    assert browser.status == 422
    assert "longer than 24 hours: 1:30 is registered already" in page.first("div", id="duration-e").text
    browser.submit("Add", Duration="22:30")
    assert browser.status == 200


def test_an_entry_is_changed_and_priced_again_when_the_work_is_another(browser: Browser, ans: User, entry: TimeEntry) -> None:
    other = builders.project(hourly_rate_e4=1_250_000)
    browser.open(DAY)
    browser.link("Edit 1:30 of Design")
    page = browser.submit("Save", Project=f"p{other.id}", Duration="2", Date="2026-11-19", Note="Tweede ronde")
    assert "Saved." in page.text
    assert browser.path.startswith("/register/day?date=19-11-2026")
    changed = entries()[0]
    assert (changed.project_id, changed.customer_id, changed.date) == (other.id, other.customer_id, date(2026, 11, 19))
    assert (changed.duration_minutes, changed.note, changed.version, changed.rate_e4) == (120, "Tweede ronde", 2, 1_250_000)
    assert db.session.query(AuditEvent).filter(AuditEvent.object_type == "time_entry").count() == 0


def test_another_note_leaves_the_rate_alone(browser: Browser, ans: User, entry: TimeEntry) -> None:
    entry.rate_e4 = 1
    db.session.commit()
    browser.open(f"/register/hours/{entry.id}")
    browser.submit("Save", Note="Anders")
    assert (entries()[0].note, entries()[0].rate_e4) == ("Anders", 1)


def test_a_rejected_entry_opens_again_when_it_is_changed(browser: Browser, ans: User, entry: TimeEntry) -> None:
    entry.status = "rejected"
    db.session.commit()
    browser.open(f"/register/hours/{entry.id}")
    browser.submit("Save", Duration="1")
    assert entries()[0].status == "open"


def test_a_late_save_shows_what_somebody_else_made_of_it(browser: Browser, ans: User, entry: TimeEntry) -> None:
    browser.open(f"/register/hours/{entry.id}")
    entry.note, entry.version = "Van een ander", 2
    db.session.commit()
    page = browser.submit("Save", Note="Van mij")
    assert browser.status == 409
    assert "Van een ander" in page.first("div", role="alert").text
    assert page.first("textarea", id="note").text == "Van mij"
    browser.submit("Save")
    assert (browser.status, entries()[0].note, entries()[0].version) == (200, "Van mij", 3)


def test_hours_on_an_archived_project_keep_their_duration(browser: Browser, ans: User, entry: TimeEntry) -> None:
    entry.project.active = False
    db.session.commit()
    browser.open(f"/register/hours/{entry.id}")
    page = browser.submit("Save", Duration="3")
    assert browser.status == 422
    assert "Website is archived" in page.text
    browser.submit("Save", Duration="1:30", Note="Alleen de tekst")
    assert (browser.status, entries()[0].note) == (200, "Alleen de tekst")


def test_an_entry_is_deleted_after_a_question_that_names_it(browser: Browser, ans: User, entry: TimeEntry) -> None:
    browser.open(DAY)
    page = browser.link("Delete 1:30 of Design")
    assert "Delete 1:30 of Design for Jansen Bouw on 18-11-2026?" in page.text
    page = browser.submit("Delete")
    assert "Deleted: 1:30 of Design for Jansen Bouw on 18-11-2026." in page.text
    assert entries() == []
    assert db.session.query(AuditEvent).filter_by(action="time_entry_deleted").one().details["note"] == "Eerste ronde"


def test_a_changed_entry_is_not_deleted_unseen(browser: Browser, ans: User, entry: TimeEntry) -> None:
    browser.open(f"/register/hours/{entry.id}/delete")
    entry.version = 2
    db.session.commit()
    browser.submit("Delete")
    assert browser.status == 409
    assert len(entries()) == 1


@pytest.mark.parametrize("claim", ["reserved", "live", ""])
def test_locked_hours_are_neither_changed_nor_deleted(browser: Browser, ans: User, entry: TimeEntry, claim: str) -> None:
    edit = browser.client.get(f"/register/hours/{entry.id}").get_data(as_text=True)
    assert "Save" in edit
    browser.open(f"/register/hours/{entry.id}")
    if claim:
        db.session.add(BillingLink(source_type="time", source_id=entry.id, state=claim, created_at=builders.NOW))
    else:
        entry.status = "approved"
    db.session.commit()
    page = browser.submit("Save", Duration="5")
    assert browser.status == 422
    assert {"reserved": "being invoiced since", "live": "has been invoiced", "": "was approved"}[claim] in page.text
    browser.open(f"/register/hours/{entry.id}/delete")
    browser.submit("Delete")
    assert browser.status == 422
    assert [one.duration_minutes for one in entries()] == [90]
    page = browser.open(DAY)
    assert page.first("td", class_="s").text.startswith({"reserved": "Being invoiced", "live": "Invoiced", "": "Approved"}[claim])
    assert not [button for button in browser.link("Why is 1:30 of Design locked?").all("button") if button.text == "Save"]


def test_a_released_claim_frees_the_entry(browser: Browser, ans: User, entry: TimeEntry) -> None:
    db.session.add(BillingLink(source_type="time", source_id=entry.id, state="released", created_at=builders.NOW))
    db.session.commit()
    browser.open(f"/register/hours/{entry.id}")
    browser.submit("Save", Duration="5")
    assert entries()[0].duration_minutes == 300


def test_others_entries_do_not_exist_for_who_sees_only_their_own(app: Flask, browser: Browser, entry: TimeEntry) -> None:
    builders.user("user", email="bram@bureau.example", password=builders.PASSWORD, language="en")
    bram = Browser(app).sign_in("bram@bureau.example", builders.PASSWORD)
    for path in (
        f"/register/hours/{entry.id}",
        f"/register/hours/{entry.id}/delete",
        f"{DAY}&user={entry.user_id}",
        "/register/hours/99999",
    ):
        bram.open(path)
        assert bram.status == 404
        bram.open("/")
        bram.post(path, {"version": "1"})
        assert bram.status == 404
    assert len(entries()) == 1


def test_less_than_nothing_needs_the_right_to_correct(app: Flask, browser: Browser, entry: TimeEntry) -> None:
    builders.user("user", email="bram@bureau.example", password=builders.PASSWORD, language="en")
    values: dict[str, Any] = {"Project": f"p{entry.project_id}", "Activity": str(entry.activity_id), "Duration": "-1,1"}
    bram = Browser(app).sign_in("bram@bureau.example", builders.PASSWORD)
    bram.open(DAY)
    assert "less than zero" in bram.submit("Add", **values).text
    browser.open(DAY)
    browser.submit("Add", **values)
    assert entries()[-1].duration_minutes == -66


def test_the_choice_of_projects_is_short_and_can_be_searched(browser: Browser, ans: User, entry: TimeEntry) -> None:
    customer = builders.customer(name="Veel Werk BV")
    for n in range(60):
        builders.project(customer, name=f"Klus {n:02d}", code=f"VW-{n:02d}")
    page = browser.open(DAY)
    groups = page.first("select", id="project").all("optgroup")
    assert [group["label"] for group in groups] == ["Recently used", "Projects"]
    assert groups[0].text == "Jansen Bouw / Website"
    assert len(page.first("select", id="project").all("option")) == 51
    assert page.first("input", id="search")
    page = browser.htmx("/register/choice?date=18-11-2026&search=vw-57")
    assert [option.text for option in page.all("option")][1] == "Veel Werk BV / Klus 57 (VW-57)"
    assert "%" not in browser.htmx("/register/choice?date=18-11-2026&search=%25").first("select", id="project").text


def test_the_number_of_queries_does_not_grow_with_the_hours(browser: Browser, ans: User, entry: TimeEntry) -> None:
    browser.open(DAY)
    with counted() as few:
        browser.open(DAY)
    for _n in range(20):
        builders.entry(builders.project(), ans, minutes=10)
    with counted() as many:
        browser.open(DAY)
    assert len(many) == len(few) <= 10
    values = {"Project": f"p{entry.project_id}", "Activity": str(entry.activity_id), "Duration": "1"}
    with counted() as saving:
        browser.submit("Add", **values)
    assert browser.status == 200
    assert len(saving) <= 12 + len(many)
    browser.open(f"/register/hours/{entry.id}")
    with counted() as saving:
        browser.submit("Save", Duration="1:10")
    assert len(saving) <= 12 + len(many)
