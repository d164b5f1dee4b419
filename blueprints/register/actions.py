"""Registering hours, expenses and trips. Each action takes ids, values, the person who asks and a clock.

It locks first and judges afterwards; what it refuses is not changed at all. Raises Refused with a sentence, Missing for what does
not exist or is not for this person, and Changed for a row that is not the version somebody saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import delete, insert, select

from blueprints.register import costs, hand, hours, permits
from blueprints.register.costs import Spent, Travelled
from blueprints.register.hours import CellChange, Hours
from blueprints.register.permits import Permit, Refused
from blueprints.register.receipts import Upload
from blueprints.register.sheet import CellName, Work
from invoicing import rates
from models import Expense, Receipt, TimeEntry, Trip, User, WeekRow, db

# --- One entry ------------------------------------------------------------------------------------------------------------------


def add_hours(person_id: int, values: Hours, by: User, now: datetime, *, once: str = "") -> None:
    """Registers hours for a person. A form that was handled before (`once`) is not handled again."""
    hand.may_act_for(person_id, by)
    hand.lock_person(person_id)
    if not hand.is_first_time(by, once, now):
        return
    permit = hours.permit_for(person_id, values.project_id, values.activity_id)
    permit.check(values.date)
    hours.check_day(person_id, values.date, values.minutes)
    entry = hours.new_entry(person_id, permit, values, now)
    hand.record_added(entry, by, now)
    db.session.commit()


def change_hours(entry_id: int, version: int, values: Hours, by: User, now: datetime) -> None:
    """Changes an entry. Its rate is looked up again when the work or the day is another."""
    hand.lock_person(hand.person_of(TimeEntry, entry_id, by))
    entry = hand.take(TimeEntry, entry_id, version, by)
    permit = hours.permit_for(entry.user_id, values.project_id, values.activity_id)
    is_new_work = (values.project_id, values.activity_id) != (entry.project_id, entry.activity_id)
    if is_new_work or values.date != entry.date or values.minutes != entry.duration_minutes:
        permit.check(values.date, is_new_work=is_new_work)
        hours.check_day(entry.user_id, values.date, values.minutes, entry)
    before, is_priced_anew = hand.facts(entry), is_new_work or values.date != entry.date
    with db.session.no_autoflush:
        entry.billable = hours.billable(permit, values.billable)
        entry.project_id, entry.customer_id = permit.project.id, permit.project.customer_id
        entry.activity_id, entry.date = values.activity_id, values.date
        entry.duration_minutes, entry.note = values.minutes, values.note
        if is_priced_anew:
            rates.price_time_entry(entry)
    hand.touch(entry, now)
    hand.record_changed(entry, before, by, now)
    db.session.commit()


def delete_hours(entry_id: int, version: int, by: User, now: datetime) -> None:
    """Removes an entry; the audit log keeps what it was."""
    entry = hand.take(TimeEntry, entry_id, version, by)
    hand.record_deleted(entry, by, now)
    db.session.delete(entry)
    db.session.commit()


# --- The cells of a week --------------------------------------------------------------------------------------------------------


def save_cells(person_id: int, monday: date, changes: Sequence[CellChange], by: User, now: datetime) -> dict[CellName, Refused]:
    """Saves cells of a person's week; gives the cells that were refused and why. The others are saved.

    A cell is refused when it no longer holds what its name says.
    """
    hand.may_act_for(person_id, by)
    hand.lock_person(person_id)
    week = hours.WeekInHand(person_id, monday, changes)
    refused = {}
    for change in changes:
        try:
            week.save(change, by, now)
        except Refused as error:
            refused[change.name] = error
    db.session.commit()
    return refused


# --- The rows of a week ---------------------------------------------------------------------------------------------------------


def add_row(person_id: int, monday: date, project_id: int, activity_id: int, by: User) -> None:
    """Puts a row on the sheet of a week."""
    hand.may_act_for(person_id, by)
    hand.lock_person(person_id)
    _check_week(hours.permit_for(person_id, project_id, activity_id), monday)
    there = select(WeekRow.id).filter_by(user_id=person_id, week_on=monday, project_id=project_id, activity_id=activity_id)
    if db.session.scalar(there) is None:
        db.session.add(WeekRow(user_id=person_id, week_on=monday, project_id=project_id, activity_id=activity_id))
    db.session.commit()


def remove_row(person_id: int, monday: date, work: Work, by: User) -> None:
    """Takes a row off the sheet; hours in it stay and keep showing."""
    hand.may_act_for(person_id, by)
    values = {"user_id": person_id, "week_on": monday, "project_id": work.project_id, "activity_id": work.activity_id}
    db.session.execute(delete(WeekRow).filter_by(**values))
    db.session.commit()


def copy_rows(person_id: int, monday: date, by: User) -> int:
    """Puts the rows of the week before on this sheet, where they may still be used; gives how many are new."""
    hand.may_act_for(person_id, by)
    hand.lock_person(person_id)
    wanted = _pairs_of(person_id, monday - timedelta(days=7)) - _pairs_of(person_id, monday)
    usable = [pair for pair, permit in permits.for_hours(person_id, wanted).items() if _is_usable(permit, monday)]
    rows = [{"user_id": person_id, "week_on": monday, "project_id": project, "activity_id": activity} for project, activity in usable]
    if rows:
        db.session.execute(insert(WeekRow), rows)
    db.session.commit()
    return len(rows)


def _pairs_of(person_id: int, monday: date) -> set[tuple[int, int]]:
    week = TimeEntry.date.between(monday, monday + timedelta(days=6))
    registered = select(TimeEntry.project_id, TimeEntry.activity_id).where(
        TimeEntry.user_id == person_id, week, TimeEntry.project_id.is_not(None)
    )
    pinned = select(WeekRow.project_id, WeekRow.activity_id).where(WeekRow.user_id == person_id, WeekRow.week_on == monday)
    return {(project, activity) for project, activity in db.session.execute(registered.union(pinned)) if project is not None}


def _check_week(permit: Permit, monday: date) -> None:
    """Refuses a row that could not be used on any day of the week."""
    first, last = monday, monday + timedelta(days=6)
    day = max(first, permit.project.starts_on or first)
    permit.check(min(day, last))


def _is_usable(permit: Permit, monday: date) -> bool:
    try:
        _check_week(permit, monday)
    except Refused:
        return False
    return True


# --- Expenses -------------------------------------------------------------------------------------------------------------------


def add_expense(person_id: int, values: Spent, files: Sequence[Upload], by: User, now: datetime, *, once: str = "") -> None:
    """Registers an expense with its receipts. A form that was handled before (`once`) is not handled again."""
    hand.may_act_for(person_id, by)
    if not hand.is_first_time(by, once, now):
        return
    costs.check_receipts(None, files, ())
    at = costs.place(person_id, values)
    expense = Expense(user_id=person_id, status="open", created_at=now, updated_at=now)
    costs.fill_expense(expense, values, at)
    db.session.add(expense)
    db.session.flush()
    costs.keep_receipts(expense, files, (), now)
    hand.record_added(expense, by, now)
    db.session.commit()


def change_expense(
    expense_id: int, version: int, values: Spent, files: Sequence[Upload], removed: Sequence[int], by: User, now: datetime
) -> None:
    """Changes an expense, adds receipts to it and removes others."""
    expense = hand.take(Expense, expense_id, version, by)
    costs.check_receipts(expense_id, files, removed)
    before = hand.facts(expense)
    with db.session.no_autoflush:
        costs.fill_expense(expense, values, costs.place(expense.user_id, values, expense))
    costs.keep_receipts(expense, files, removed, now)
    hand.touch(expense, now)
    hand.record_changed(expense, before, by, now)
    db.session.commit()


def delete_expense(expense_id: int, version: int, by: User, now: datetime) -> None:
    """Removes an expense and its receipts; the audit log keeps what it was, not the files."""
    expense = hand.take(Expense, expense_id, version, by)
    hand.record_deleted(expense, by, now)
    db.session.execute(delete(Receipt).where(Receipt.expense_id == expense_id))
    db.session.execute(delete(Expense).where(Expense.id == expense_id))
    db.session.commit()


# --- Trips ----------------------------------------------------------------------------------------------------------------------


def add_trip(person_id: int, values: Travelled, by: User, now: datetime, *, once: str = "") -> None:
    """Registers a trip at the kilometre rate of its customer. A form that was handled before (`once`) is not handled again."""
    hand.may_act_for(person_id, by)
    if not hand.is_first_time(by, once, now):
        return
    trip = Trip(user_id=person_id, status="open", created_at=now, updated_at=now)
    costs.fill_trip(trip, values, costs.place(person_id, values))
    rates.price_trip(trip)
    db.session.add(trip)
    hand.record_added(trip, by, now)
    db.session.commit()


def change_trip(trip_id: int, version: int, values: Travelled, by: User, now: datetime) -> None:
    """Changes a trip; its rate is looked up again when it is for another customer or on another day."""
    trip = hand.take(Trip, trip_id, version, by)
    before, priced_for = hand.facts(trip), (trip.customer_id, trip.date)
    with db.session.no_autoflush:
        costs.fill_trip(trip, values, costs.place(trip.user_id, values, trip))
        if priced_for != (trip.customer_id, trip.date):
            rates.price_trip(trip)
    hand.touch(trip, now)
    hand.record_changed(trip, before, by, now)
    db.session.commit()


def delete_trip(trip_id: int, version: int, by: User, now: datetime) -> None:
    """Removes a trip; the audit log keeps what it was."""
    trip = hand.take(Trip, trip_id, version, by)
    hand.record_deleted(trip, by, now)
    db.session.delete(trip)
    db.session.commit()
