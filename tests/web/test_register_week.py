"""The week: cells that save by themselves, a grid that saves at once, rows, locks and sums."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from flask import Flask

import builders
from fakes import Clock
from models import AuditEvent, BillingLink, ProjectActivity, ProjectUser, TimeEntry, Transfer, User, WeekRow, db
from page import Browser, Element
from statements import counted

MONDAY = date(2026, 11, 16)
WEEK = "/register/week?week=2026-W47"
CELL = "/register/week/cell?week=2026-W47"


@pytest.fixture
def ans(browser: Browser) -> User:
    return db.session.query(User).filter_by(email="ans@bureau.example").one()


def own_entry(ans: User, **values: Any) -> TimeEntry:
    values = {"of": builders.project(builders.customer(name="Jansen Bouw"), name="Website"), "date": MONDAY} | values
    return builders.entry(by=ans, doing=values.pop("doing", None) or builders.activity("Design"), **values)


def cell_of(page: Element, entry: TimeEntry, day: int = 0) -> Element:
    start = f"h.p{entry.project_id}.{entry.activity_id}.{day}"
    found = [field for field in page.all("input") if field["name"] == start or field["name"].startswith(start + ".")]
    assert len(found) == 1, [field["name"] for field in page.all("input")]
    return found[0]


def entries() -> list[TimeEntry]:
    db.session.expire_all()
    return db.session.query(TimeEntry).order_by(TimeEntry.id).all()


def test_the_week_shows_rows_days_and_sums_both_ways(browser: Browser, ans: User) -> None:
    first = own_entry(ans, minutes=90)
    own_entry(ans, of=first.project, doing=first.activity, minutes=30, date=date(2026, 11, 18))
    builders.entry(minutes=600, date=MONDAY)
    page = browser.open(WEEK)
    assert "Week 47" in page.first("h2").text
    assert "16 to 22 November 2026" in page.first("h2").text
    assert cell_of(page, first)["value"] == "1:30"
    assert page.first("span", id=f"t-p{first.project_id}-{first.activity_id}").text == "2:00"
    assert [page.first("span", id=f"t-{day}").text for day in range(3)] == ["1:30", "", "0:30"]
    assert page.first("span", id="t-all").text == "2:00"
    assert cell_of(page, first, 2)["aria-label"] == "Jansen Bouw, Website, Design, Wed"


@pytest.mark.parametrize(("typed", "minutes"), [("1,5", 90), ("1:30", 90), ("1.5", 90), ("90m", 90), ("1h30m", 90), ("8", 480)])
def test_a_cell_saves_what_is_typed_and_shows_what_was_understood(browser: Browser, ans: User, typed: str, minutes: int) -> None:
    before = own_entry(ans)
    browser.open(WEEK)
    page = browser.post(CELL, {"cell": cell_of(browser.page, before, 1)["name"], "hours": typed}, htmx=True)
    assert browser.status == 200
    saved = entries()[-1]
    assert (saved.duration_minutes, saved.date, saved.user_id) == (minutes, date(2026, 11, 17), ans.id)
    assert cell_of(page, before, 1)["value"] == f"{minutes // 60}:{minutes % 60:02d}"
    assert page.first("span", id="t-1")["hx-swap-oob"] == "innerHTML"
    assert page.first("span", id="t-all").text == f"{(minutes + 60) // 60}:{minutes % 60:02d}"
    assert "Saved" in page.first("span", id="week-saved").text


def test_a_new_cell_is_priced_and_billable_as_the_project_says(browser: Browser, ans: User) -> None:
    project = builders.project(method="activity")
    paid, free = builders.activity(hourly_rate_e4=880_000), builders.activity(billable=False)
    for activity in (paid, free):
        browser.open(WEEK)
        browser.post(CELL, {"cell": f"h.p{project.id}.{activity.id}.0", "hours": "1"}, htmx=True)
    first, second = entries()
    assert (first.rate_e4, first.rate_source, first.billable, first.status) == (880_000, "activity", True, "open")
    assert (second.rate_e4, second.rate_source, second.billable) == (None, "missing", False)
    assert first.customer_id == project.customer_id


@pytest.mark.parametrize("typed", ["abc", "12:60", "25", "2h94m", "<script>alert(1)</script>", "=1+1", "x" * 10_000])
def test_a_refused_duration_keeps_what_was_typed_and_says_why(browser: Browser, ans: User, typed: str) -> None:
    before = own_entry(ans)
    browser.open(WEEK)
    page = browser.post(CELL, {"cell": cell_of(browser.page, before)["name"], "hours": typed}, htmx=True)
    assert browser.status == 422
    field = cell_of(page, before)
    assert field["value"] == typed[:200]
    assert field["aria-invalid"] == "true"
    problem = page.first("p", id=field["aria-describedby"])
    assert "Jansen Bouw, Website, Design, Mon:" in problem.text
    assert len(problem.text) < 250
    assert not page.all("script")
    assert [entry.duration_minutes for entry in entries()] == [60]


def test_an_emptied_cell_removes_the_entry_and_the_audit_log_keeps_it(browser: Browser, ans: User) -> None:
    before = own_entry(ans, note="Kleuren gekozen")
    browser.open(WEEK)
    browser.post(CELL, {"cell": cell_of(browser.page, before)["name"], "hours": " "}, htmx=True)
    assert browser.status == 200
    assert entries() == []
    event = db.session.query(AuditEvent).filter_by(action="time_entry_deleted").one()
    assert (event.details["duration_minutes"], event.details["note"]) == (60, "Kleuren gekozen")


def test_a_day_has_24_hours(browser: Browser, ans: User) -> None:
    before = own_entry(ans, minutes=23 * 60)
    other = own_entry(ans, date=date(2026, 11, 17))
    browser.open(WEEK)
    page = browser.post(CELL, {"cell": cell_of(browser.page, other, 0)["name"], "hours": "1:01"}, htmx=True)
    assert browser.status == 422
    assert "longer than 24 hours: 23:00 is registered already" in page.text
    browser.open(WEEK)
    browser.post(CELL, {"cell": cell_of(browser.page, other, 0)["name"], "hours": "1"}, htmx=True)
    assert browser.status == 200
    browser.open(WEEK)
    browser.post(CELL, {"cell": cell_of(browser.page, before, 0)["name"], "hours": "23:01"}, htmx=True)
    assert browser.status == 422


def test_somebody_elses_change_is_not_overwritten(browser: Browser, ans: User) -> None:
    entry = own_entry(ans)
    name = cell_of(browser.open(WEEK), entry)["name"]
    entry.duration_minutes, entry.version = 120, 2
    db.session.commit()
    page = browser.post(CELL, {"cell": name, "hours": "3"}, htmx=True)
    assert browser.status == 422
    assert "Somebody changed this to 2:00" in page.text
    assert entries()[0].duration_minutes == 120
    browser.open(WEEK)
    browser.post(CELL, {"cell": cell_of(page, entry)["name"], "hours": "3"}, htmx=True)
    assert (browser.status, entries()[0].duration_minutes) == (200, 180)


def test_two_posts_for_an_empty_cell_make_one_entry(browser: Browser, ans: User) -> None:
    name = cell_of((own_entry(ans), browser.open(WEEK))[1], entries()[0], 2)["name"]
    for _time in range(2):
        browser.open(WEEK)
        browser.post(CELL, {"cell": name, "hours": "2"}, htmx=True)
    assert browser.status == 422
    assert len(entries()) == 2


def _claimed(state: str) -> Callable[[TimeEntry, User], None]:
    def claim(entry: TimeEntry, ans: User) -> None:
        transfer = Transfer(
            kind="invoice", op_key="k", marker="UW7K-1", requested_by_id=ans.id, remote_number="F2026-0109", state="done",
            due_at=builders.NOW, created_at=builders.NOW, updated_at=builders.NOW,
        )  # fmt: skip
        db.session.add(transfer)
        db.session.flush()
        db.session.add(BillingLink(source_type="time", source_id=entry.id, transfer_id=transfer.id, state=state, created_at=builders.NOW))

    return claim


def _status(status: str) -> Callable[[TimeEntry, User], None]:
    def change(entry: TimeEntry, ans: User) -> None:
        entry.status = status

    return change


LOCKS = [
    (_claimed("live"), "on invoice F2026-0109"),
    (_claimed("reserved"), "being invoiced by Ans de Wit since 20-11-2026 10:00"),
    (_status("approved"), "was approved; an administrator, project manager or team manager can reopen it"),
    (_status("submitted"), "handed in for approval"),
    (_status("written_off"), "written off"),
]


@pytest.mark.parametrize(("lock", "sentence"), LOCKS)
def test_a_locked_cell_says_why_and_cannot_be_saved(
    browser: Browser, ans: User, lock: Callable[[TimeEntry, User], None], sentence: str
) -> None:
    entry = own_entry(ans)
    name = cell_of(browser.open(WEEK), entry)["name"]
    lock(entry, ans)
    db.session.commit()
    locked = browser.open(WEEK).first("a", class_="locked")
    assert sentence in locked["title"]
    assert sentence in locked.text
    assert locked.all("svg")
    for typed in ("3", ""):
        page = browser.post(CELL, {"cell": name, "hours": typed}, htmx=True)
        assert browser.status == 422
        assert sentence in page.first("div", hx_swap_oob="beforeend:#week-problems").text
        browser.open(WEEK)
    assert entries()[0].duration_minutes == 60


def test_a_cell_with_several_entries_shows_their_sum_and_leads_to_the_day(browser: Browser, ans: User) -> None:
    entry = own_entry(ans)
    own_entry(ans, of=entry.project, doing=entry.activity, minutes=15)
    link = browser.open(WEEK).first("a", class_="many")
    assert "1:15" in link.text
    assert "2 entries" in link["title"]
    assert len(browser.open(link["href"]).all("tr")) == 4
    browser.open(WEEK)
    browser.post(CELL, {"cell": f"h.p{entry.project_id}.{entry.activity_id}.0.{entry.id}.1.60", "hours": "3"}, htmx=True)
    assert browser.status == 422
    assert sorted(one.duration_minutes for one in entries()) == [15, 60]


def test_without_scripts_the_whole_grid_is_saved_at_once(browser: Browser, ans: User) -> None:
    entry = own_entry(ans, minutes=60)
    page = browser.open(WEEK)
    browser.submit("Save", **{cell_of(page, entry, 0)["name"]: "2", cell_of(page, entry, 3)["name"]: "0:45"})
    assert browser.status == 200
    assert sorted((one.date.day, one.duration_minutes) for one in entries()) == [(16, 120), (19, 45)]


def test_the_grid_saves_what_is_right_and_keeps_what_is_wrong(browser: Browser, ans: User) -> None:
    entry = own_entry(ans, minutes=60)
    page = browser.open(WEEK)
    page = browser.submit("Save", **{cell_of(page, entry, 0)["name"]: "veel", cell_of(page, entry, 3)["name"]: "0:45"})
    assert browser.status == 422
    assert cell_of(page, entry, 0)["value"] == "veel"
    assert "is not a duration" in page.first("div", id="week-problems").text
    assert sorted(one.duration_minutes for one in entries()) == [45, 60]


def test_an_unchanged_grid_writes_nothing(browser: Browser, ans: User, clock: Clock) -> None:
    own_entry(ans, minutes=60)
    browser.open(WEEK)
    clock.forward(hours=1)
    browser.submit("Save")
    assert (entries()[0].version, entries()[0].updated_at) == (1, builders.NOW)


def test_a_row_is_added_stays_and_can_be_removed(browser: Browser, ans: User) -> None:
    project, activity = builders.project(name="Webshop"), builders.activity("Review")
    browser.open(WEEK)
    browser.link("Add row")
    browser.submit("Add row", Project=f"p{project.id}", Activity=str(activity.id))
    assert browser.path.startswith("/register/week?week=2026-W47")
    assert "Webshop, Review" in browser.open(WEEK).text
    assert "Webshop, Review" not in browser.open("/register/week?week=2026-W48").text
    browser.open(WEEK)
    row = next(b for b in browser.page.all("button") if b["name"] == "row")
    browser.submit(row["aria-label"])
    assert "Webshop, Review" not in browser.page.text


def test_adding_a_row_asks_for_both_and_keeps_what_was_chosen(browser: Browser, ans: User) -> None:
    project = builders.project(name="Webshop")
    offered, elsewhere = builders.activity("Review"), builders.activity("Overleg")
    db.session.add(ProjectActivity(project_id=project.id, activity_id=offered.id))
    db.session.commit()
    browser.open("/register/week/row?week=2026-W47")
    page = browser.submit("Add row", Project=f"p{project.id}")
    assert browser.status == 422
    assert "Choose an activity." in page.text
    assert [option.text for option in page.first("select", id="activity").all("option")] == ["Choose an activity", "Review"]
    page = browser.submit("Add row", Activity=str(elsewhere.id))
    assert browser.status == 422
    assert "Overleg is not done on Webshop" in page.text
    assert db.session.query(WeekRow).count() == 0


def test_only_what_may_be_registered_can_be_chosen(browser: Browser, ans: User) -> None:
    open_one = builders.project(name="Open")
    mine, theirs = builders.project(name="Van mij"), builders.project(name="Van een ander")
    for project, member in ((mine, ans), (theirs, builders.user("user"))):
        db.session.add(ProjectUser(project_id=project.id, user_id=member.id))
    builders.project(name="Oud", active=False)
    builders.project(name="Later", starts_on=date(2026, 11, 23))
    builders.project(name="Voorbij", ends_on=date(2026, 11, 15))
    db.session.commit()
    offered = browser.open("/register/week/row?week=2026-W47").first("select", id="project").text
    assert open_one.name in offered
    assert mine.name in offered
    assert not any(name in offered for name in ("Van een ander", "Oud", "Later", "Voorbij"))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"active": False}, "is archived"),
        ({"starts_on": date(2026, 11, 18)}, "starts on 18-11-2026"),
        ({"ends_on": date(2026, 11, 15)}, "ended on 15-11-2026"),
    ],
)
def test_no_hours_on_a_project_that_is_closed_that_day(browser: Browser, ans: User, values: dict[str, Any], sentence: str) -> None:
    project, activity = builders.project(**values), builders.activity()
    browser.open(WEEK)
    page = browser.post(CELL, {"cell": f"h.p{project.id}.{activity.id}.0", "hours": "1"}, htmx=True)
    assert browser.status == 422
    assert sentence in page.text
    assert entries() == []


def test_no_hours_for_who_is_not_a_member(browser: Browser, ans: User) -> None:
    project, activity = builders.project(), builders.activity()
    db.session.add(ProjectUser(project_id=project.id, user_id=builders.user("user").id))
    db.session.commit()
    browser.open(WEEK)
    page = browser.post(CELL, {"cell": f"h.p{project.id}.{activity.id}.0", "hours": "1"}, htmx=True)
    assert "Only members of" in page.text
    assert entries() == []


def test_rows_of_last_week_are_copied_without_their_hours(browser: Browser, ans: User) -> None:
    last = own_entry(ans, date=date(2026, 11, 10))
    gone = own_entry(ans, of=builders.project(name="Oud", active=False), date=date(2026, 11, 10))
    browser.open(WEEK)
    page = browser.submit("Copy rows from last week")
    assert "1 row copied from last week." in page.text
    assert cell_of(page, last)["value"] == ""
    assert f"p{gone.project_id}." not in browser.html
    page = browser.submit("Copy rows from last week")
    assert "Last week has no rows that are not here already." in page.text
    assert db.session.query(WeekRow).count() == 1


def test_who_sees_only_their_own_cannot_open_or_change_anothers_week(app: Flask, browser: Browser, ans: User) -> None:
    entry = own_entry(ans)
    builders.user("user", email="bram@bureau.example", password=builders.PASSWORD, language="en")
    bram = Browser(app).sign_in("bram@bureau.example", builders.PASSWORD)
    page = bram.open(WEEK)
    assert not page.all("select", name="user")
    assert bram.open(f"{WEEK}&user={ans.id}") and bram.status == 404
    bram.open("/")
    bram.post(f"{CELL}&user={ans.id}", {"cell": f"h.p{entry.project_id}.{entry.activity_id}.0.{entry.id}.1.60", "hours": "3"}, htmx=True)
    assert bram.status == 404
    bram.open("/")
    bram.post(CELL, {"cell": f"h.p{entry.project_id}.{entry.activity_id}.0.{entry.id}.1.60", "hours": "3"}, htmx=True)
    assert bram.status == 422
    assert entries()[0].duration_minutes == 60


def test_changing_anothers_hours_is_written_down(browser: Browser, ans: User) -> None:
    bram = builders.user("user", name="Bram")
    entry = own_entry(bram)
    page = browser.open(f"{WEEK}&user={bram.id}")
    assert page.first("select", name="user").all("option", selected="")[0].text == "Bram"
    browser.post(f"{CELL}&user={bram.id}", {"cell": cell_of(page, entry)["name"], "hours": "2"}, htmx=True)
    event = db.session.query(AuditEvent).filter_by(action="time_entry_changed").one()
    assert (event.user_id, event.details["person"], event.details["changes"]) == (ans.id, bram.id, {"duration_minutes": [60, 120]})
    browser.open(WEEK)
    own = own_entry(ans)
    browser.open(WEEK)
    browser.post(CELL, {"cell": cell_of(browser.page, own)["name"], "hours": "2"}, htmx=True)
    assert db.session.query(AuditEvent).filter_by(action="time_entry_changed").count() == 1


def test_hostile_names_stay_text(browser: Browser, ans: User) -> None:
    project = builders.project(builders.customer(name="<script>alert(1)</script>"), name="=1+1\u202e", colour="#123456")
    own_entry(ans, of=project, doing=builders.activity("x" * 200))
    page = browser.open(WEEK)
    assert "<script>alert(1)</script>" in page.first("tbody").text
    assert all(script["src"] for script in page.all("script"))


@pytest.mark.parametrize("week", ["", "2026-W54", "0000-W01", "9999-W52", "nonsense", "2026-W0"])
def test_an_impossible_week_shows_this_one(browser: Browser, week: str) -> None:
    assert "Week 47" in browser.open(f"/register/week?week={week}").first("h2").text


def test_the_number_of_queries_does_not_grow_with_the_hours(app: Flask, browser: Browser, ans: User) -> None:
    for _n in range(3):
        own_entry(ans)
    browser.open(WEEK)
    with counted() as few:
        browser.open(WEEK)
    for n in range(12):
        own_entry(ans, date=date(2026, 11, 16 + n % 7))
    with counted() as many:
        browser.open(WEEK)
    assert len(many) == len(few) <= 10
    name = cell_of(browser.page, entries()[0], 1)["name"]
    with counted() as saving:
        browser.post(CELL, {"cell": name, "hours": "1"}, htmx=True)
    assert browser.status == 200
    assert len(saving) <= 12
    assert len(browser.html.encode()) < 60_000
