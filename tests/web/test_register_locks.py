"""Somebody invoices an hour while somebody else changes it: one of them waits, and the one who comes second is told."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

import builders
from blueprints.register import actions, sheet
from blueprints.register.hours import CellChange, Hours
from blueprints.register.permits import Refused
from models import BillingLink, TimeEntry, User, db

pytestmark = pytest.mark.postgresql
PATIENCE_SECONDS = 20


def _change(entry: TimeEntry, by: User) -> None:
    values = Hours(entry.project_id or 0, entry.activity_id, entry.date, 300, "", None)
    actions.change_hours(entry.id, 1, values, by, builders.NOW)


def _delete(entry: TimeEntry, by: User) -> None:
    actions.delete_hours(entry.id, 1, by, builders.NOW)


def _save_cell(entry: TimeEntry, by: User) -> None:
    work = sheet.Work(entry.project_id, None, entry.activity_id)
    name = sheet.CellName(work, entry.date.weekday(), sheet.Base(entry.id, 1, entry.duration_minutes))
    for refused in actions.save_cells(by.id, sheet.monday_of(entry.date), [CellChange(name, 300)], by, builders.NOW).values():
        raise refused


@pytest.mark.parametrize("attempt", [_change, _delete, _save_cell])
def test_a_claim_that_is_being_made_goes_before_a_change(app: Flask, attempt: Callable[[TimeEntry, User], None]) -> None:
    ans = builders.user()
    entry = builders.entry(by=ans)
    entry_id, person_id = entry.id, ans.id
    waits, refused = threading.Event(), []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        locks = statement.startswith("BEGIN IMMEDIATE") or ("FOR UPDATE" in statement and "time_entry" in statement)
        if threading.current_thread() is changing and locks:
            waits.set()

    def change() -> None:
        with app.app_context():
            try:
                attempt(db.session.get_one(TimeEntry, entry_id), db.session.get_one(User, person_id))
            except Refused as error:
                refused.append(error.code)

    changing = threading.Thread(target=contextvars.Context().run, args=(change,))
    engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    db.session.execute(select(TimeEntry.id).where(TimeEntry.id == entry_id).with_for_update())
    db.session.add(BillingLink(source_type="time", source_id=entry_id, state="reserved", created_at=builders.NOW))
    db.session.flush()
    changing.start()
    assert waits.wait(PATIENCE_SECONDS)
    db.session.commit()
    changing.join(PATIENCE_SECONDS)
    event.remove(engine, "before_cursor_execute", note)
    assert refused == ["register_reserved"]
    assert db.session.get_one(TimeEntry, entry_id).duration_minutes == 60
