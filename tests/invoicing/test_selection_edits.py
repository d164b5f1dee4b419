"""Changing registered work: never under a claim, never over somebody else's change, on both databases."""

from __future__ import annotations

import contextvars
import threading
from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import text

import builders
from invoicing import edits, links, selection
from models import BillingLink, TimeEntry, Trip, User, db

NOW = builders.NOW + timedelta(hours=1)


def _link(source_id: int, state: str, source_type: str = "time") -> None:
    db.session.add(BillingLink(source_type=source_type, source_id=source_id, state=state, created_at=builders.NOW))
    db.session.commit()


def test_one_row_is_given_when_it_may_be_changed(app: Flask) -> None:
    row = builders.entry(status="rejected")
    found = edits.editable("time", row.id, 1)
    found.note = "beter"
    edits.changed(found, NOW)
    db.session.commit()
    assert (found.status, found.version, found.updated_at) == ("open", 2, NOW)
    assert edits.editable("time", 4711) is None


@pytest.mark.parametrize("state", ["reserved", "live"])
def test_a_claimed_row_is_held_and_a_released_one_is_not(app: Flask, state: str) -> None:
    row, free = builders.entry(), builders.entry()
    _link(row.id, state)
    _link(free.id, "released")
    with pytest.raises(edits.Held) as held:
        edits.editable("time", row.id, 1)
    assert held.value.claim.state == state
    assert edits.editable("time", free.id, 1).id == free.id


@pytest.mark.parametrize("status", ["submitted", "approved", "written_off"])
def test_only_open_and_rejected_rows_are_edited(app: Flask, status: str) -> None:
    row = builders.entry(status=status)
    with pytest.raises(edits.Closed) as closed:
        edits.editable("time", row.id, 1)
    assert closed.value.status == status


def test_an_older_version_is_stale(app: Flask) -> None:
    row = builders.entry(version=3)
    with pytest.raises(edits.Stale):
        edits.editable("time", row.id, 2)
    assert edits.editable("time", row.id, 3).id == row.id
    assert edits.editable("time", row.id).id == row.id


def test_a_day_has_24_hours_and_the_entry_itself_does_not_count_twice(app: Flask) -> None:
    person = builders.user("user")
    row = builders.entry(by=person, minutes=600)
    builders.entry(by=person, minutes=600)
    day = date(2026, 11, 18)
    edits.check_day(person.id, day, 240)
    edits.check_day(person.id, day, 840, leaving_out=row.id)
    edits.check_day(person.id, day + timedelta(days=1), 1440)
    edits.check_day(person.id, day, -60)
    for minutes, without in ((241, None), (841, row.id)):
        with pytest.raises(edits.DayTooLong):
            edits.check_day(person.id, day, minutes, leaving_out=without)


@pytest.mark.parametrize("change", edits.CHANGES)
def test_no_change_touches_a_claimed_row(app: Flask, change: str) -> None:
    by = builders.user("administrator")
    rows = [
        builders.entry(status=status, billable=billable) for status in ("open", "approved", "written_off") for billable in (True, False)
    ]
    for row in rows:
        _link(row.id, "reserved")
    before = [(row.status, row.billable, row.version) for row in rows]
    outcome = edits.change_many(change, "time", [row.id for row in rows], by=by, now=NOW)
    db.session.commit()
    assert outcome.changed == []
    assert outcome.left == {selection.BEING_INVOICED: 6}
    for row in rows:
        db.session.refresh(row)
    assert [(row.status, row.billable, row.version) for row in rows] == before


def test_changes_touch_only_what_they_change(app: Flask) -> None:
    by = builders.user("project_manager")
    rows = [builders.trip(status=status) for status in ("open", "submitted", "approved", "rejected", "written_off")]
    mine = builders.trip(by=by)
    outcome = edits.change_many(edits.APPROVE, "trip", [row.id for row in rows] + [mine.id, 4711], by=by, now=NOW)
    db.session.commit()
    assert outcome.changed == [rows[0].id, rows[1].id]
    assert outcome.left == {
        edits.ALREADY_SO: 1,
        selection.REJECTED: 1,
        selection.WRITTEN_OFF: 1,
        edits.OWN_WORK: 1,
        selection.DELETED: 1,
    }
    approved = db.session.get_one(Trip, rows[0].id)
    assert (approved.status, approved.approved_by_id, approved.version, approved.updated_at) == ("approved", by.id, 2, NOW)
    assert [db.session.get_one(Trip, row.id).version for row in rows[2:]] == [1, 1, 1]
    assert edits.change_many(edits.APPROVE, "trip", [mine.id], by=by, now=NOW, may_approve_own=True).changed == [mine.id]
    assert edits.change_many(edits.REOPEN, "trip", [mine.id], by=by, now=NOW, own=rows[0].user_id).left == {selection.DELETED: 1}


def _change_in_a_thread(app: Flask, row_id: int, user_id: int, begun: threading.Event, results: list[edits.Outcome]) -> threading.Thread:
    def work() -> None:
        with app.app_context():
            begun.set()
            outcome = edits.change_many(edits.WRITE_OFF, "time", [row_id], by=db.session.get_one(User, user_id), now=NOW)
            db.session.commit()
            results.append(outcome)
            db.session.remove()

    thread = threading.Thread(target=contextvars.copy_context().run, args=(work,))
    thread.start()
    return thread


def _wait_until_somebody_waits() -> None:
    """PostgreSQL tells who waits for a lock; on SQLite the other cannot even begin before we have ended."""
    if db.engine.dialect.name == "sqlite":
        return
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with db.engine.connect() as watcher:
        assert any(watcher.execute(waiting).scalar() for _look in range(100_000)), "the second change never waited for the first"


def test_a_claim_that_is_being_made_is_seen_by_whoever_waited_for_it(app: Flask) -> None:
    """The lock is taken first and the claims are read afterwards; the other way round both would go through."""
    row, by = builders.entry(), builders.user("administrator")
    row_id, user_id = row.id, by.id
    links.lock("time", [row_id])
    db.session.add(BillingLink(source_type="time", source_id=row_id, state="reserved", created_at=builders.NOW))
    db.session.flush()
    begun, results = threading.Event(), []
    thread = _change_in_a_thread(app, row_id, user_id, begun, results)
    assert begun.wait(timeout=20)
    _wait_until_somebody_waits()
    db.session.commit()
    thread.join(timeout=20)
    assert results[0].left == {selection.BEING_INVOICED: 1}
    assert db.session.get_one(TimeEntry, row_id).status == "open"
