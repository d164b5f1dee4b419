"""Taking a row in hand before it is changed: locked, free, this person's to change, and still what they saw. Commits nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

import audit
from blueprints import formats, rights
from blueprints.register import permits
from blueprints.register.permits import EDITABLE, Changed, Missing
from invoicing.links import claims
from models import Expense, FormToken, TimeEntry, Trip, User, db

Row = TypeVar("Row", TimeEntry, Expense, Trip)

SOURCES: dict[type[Any], tuple[str, str]] = {TimeEntry: ("time", "time_entry"), Expense: ("expense", "expense"), Trip: ("trip", "trip")}
"""What a table is called in billing links, and in the audit log."""

FACTS: dict[type[Any], tuple[str, ...]] = {
    TimeEntry: ("project_id", "activity_id", "date", "duration_minutes", "note", "billable"),
    Expense: (
        "customer_id",
        "project_id",
        "category_id",
        "date",
        "quantity_e4",
        "unit_price_e4",
        "vat_included",
        "purchase_vat_bp",
        "note",
        "billable",
        "reimbursable",
    ),
    Trip: (
        "customer_id",
        "project_id",
        "vehicle_id",
        "date",
        "origin",
        "destination",
        "distance_km10",
        "is_return",
        "kind",
        "note",
        "billable",
    ),
}
"""What the audit log keeps of a row."""


def may_act_for(person_id: int, by: User) -> None:
    """Raises Missing when this is somebody else's and `by` sees only their own."""
    if person_id != by.id and not rights.may("all_registrations", by):
        raise Missing


def lock_person(person_id: int) -> None:
    """One change of a person's registrations at a time: sums of a day and empty cells then stay what they were judged to be.

    Raises Missing when there is no such person. Others may still write rows that point at the person.
    """
    if db.session.scalar(select(User.id).where(User.id == person_id).with_for_update(key_share=True)) is None:
        raise Missing


def person_of(table: type[Row], row_id: int, by: User) -> int:
    """Whose row this is. Raises Missing when there is none, or it is not for `by`."""
    person_id = db.session.scalar(select(table.user_id).where(table.id == row_id))
    if person_id is None:
        raise Missing
    may_act_for(person_id, by)
    return person_id


def take(table: type[Row], row_id: int, version: int, by: User) -> Row:
    """The row, locked, and free to be changed by this person: no claim on it, and still the version they saw.

    Raises Missing, Refused, Changed.
    """
    row = db.session.scalar(select(table).where(table.id == row_id).with_for_update().execution_options(populate_existing=True))
    if row is None:
        raise Missing
    may_act_for(row.user_id, by)
    # A statement after the lock: on PostgreSQL the locking one still sees the links of before it waited.
    if lock := permits.lock_of(row.status, claims(SOURCES[table][0], [row_id]).get(row_id)):
        raise lock
    if row.version != version:
        raise Changed(row.version, formats.moment(row.updated_at))
    return row


def touch(row: TimeEntry | Expense | Trip, now: datetime) -> None:
    """Marks a row as changed; editing what was rejected opens it again."""
    if row.status not in EDITABLE:
        raise ValueError("a locked row cannot be changed")
    row.status, row.approved_by_id = "open", None
    row.version += 1
    row.updated_at = now


def facts(row: TimeEntry | Expense | Trip) -> dict[str, Any]:
    """What a row says, as the audit log keeps it."""
    values = {name: getattr(row, name) for name in FACTS[type(row)]}
    return values | {"date": row.date.isoformat()}


def record_added(row: TimeEntry | Expense | Trip, by: User, now: datetime) -> None:
    """Writes down that something was registered for somebody else; one's own is not an event."""
    if row.user_id != by.id:
        db.session.flush()
        name = SOURCES[type(row)][1]
        audit.record(by, f"{name}_added", name, row.id, now, person=row.user_id, **facts(row))


def record_changed(row: TimeEntry | Expense | Trip, before: dict[str, Any], by: User, now: datetime) -> None:
    """Writes down a change of somebody else's registration, from and to."""
    if row.user_id != by.id:
        after, name = facts(row), SOURCES[type(row)][1]
        changes = {field: [before[field], after[field]] for field in after if after[field] != before[field]}
        audit.record(by, f"{name}_changed", name, row.id, now, person=row.user_id, changes=changes)


def record_deleted(row: TimeEntry | Expense | Trip, by: User, now: datetime) -> None:
    name = SOURCES[type(row)][1]
    audit.record(by, f"{name}_deleted", name, row.id, now, person=row.user_id, **facts(row))


def is_first_time(by: User, once: str, now: datetime) -> bool:
    """Whether this form was not handled yet; from now on it was."""
    if not once:
        return True
    if db.session.scalar(select(FormToken.id).where(FormToken.user_id == by.id, FormToken.token == once)) is not None:
        return False
    db.session.add(FormToken(user_id=by.id, token=once, location="", created_at=now))
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        return False
    return True
