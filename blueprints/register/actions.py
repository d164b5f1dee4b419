"""Registering hours. Each action takes ids, values, the person who asks and a clock; it locks first and judges afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import delete, func, insert, select
from sqlalchemy.exc import IntegrityError

import audit
from blueprints import formats, rights
from blueprints.register import permits
from blueprints.register.permits import DAY_MINUTES, EDITABLE, Changed, Missing, Permit, Refused
from blueprints.register.sheet import CellName, Work, days_of, work_of
from invoicing import rates
from invoicing.links import claims
from models import Activity, FormToken, Project, TimeEntry, User, WeekRow, db

Row = TypeVar("Row", bound=Any)


@dataclass(frozen=True, slots=True)
class Hours:
    """An entry as somebody typed it. `billable` is None when the project decides."""

    project_id: int
    activity_id: int
    date: date
    minutes: int
    note: str
    billable: bool | None


# --- One entry ------------------------------------------------------------------------------------------------------------------


def add_hours(person_id: int, values: Hours, by: User, now: datetime, *, once: str = "") -> None:
    """Registers hours for a person. A form that was handled before (`once`) is not handled again. Raises Refused, Missing."""
    _may_act_for(person_id, by)
    _lock_person(person_id)
    if not _is_first_time(by, once, now):
        return
    permit = _permit(person_id, values)
    permit.check(values.date)
    _check_day(person_id, values.date, values.minutes)
    entry = _new_entry(person_id, permit.project, values, now)
    _price(entry, permit, values.billable)
    db.session.add(entry)
    if person_id != by.id:
        db.session.flush()
        audit.record(by, "time_entry_added", "time_entry", entry.id, now, **_facts(entry))
    db.session.commit()


def change_hours(entry_id: int, version: int, values: Hours, by: User, now: datetime) -> None:
    """Changes an entry that stands. Rates are looked up again when the work or the day is another.

    Raises Refused, Missing, and Changed when somebody changed it since `version`.
    """
    _lock_person(_person_of(TimeEntry, entry_id, by))
    entry = _take(TimeEntry, "time", entry_id, version, by)
    permit = _permit(entry.user_id, values)
    is_new_work = (values.project_id, values.activity_id) != (entry.project_id, entry.activity_id)
    if is_new_work or values.date != entry.date or values.minutes != entry.duration_minutes:
        permit.check(values.date, is_new_work=is_new_work)
        _check_day(entry.user_id, values.date, values.minutes, entry)
    before, was_on = _facts(entry), entry.date
    entry.project_id, entry.customer_id = permit.project.id, permit.project.customer_id
    entry.activity_id, entry.date = values.activity_id, values.date
    entry.duration_minutes, entry.note = values.minutes, values.note
    if is_new_work or was_on != values.date:
        _price(entry, permit, values.billable)
    else:
        _set_billable(entry, permit, values.billable)
    _touch(entry, now)
    _record_change(entry, "time_entry", before, by, now)
    db.session.commit()


def delete_hours(entry_id: int, version: int, by: User, now: datetime) -> None:
    """Removes an entry. Raises Refused, Missing, Changed."""
    _lock_person(_person_of(TimeEntry, entry_id, by))
    entry = _take(TimeEntry, "time", entry_id, version, by)
    _delete_entry(entry, by, now)
    db.session.commit()


def _new_entry(person_id: int, project: Project, values: Hours, now: datetime) -> TimeEntry:
    return TimeEntry(
        user_id=person_id,
        project_id=project.id,
        customer_id=project.customer_id,
        activity_id=values.activity_id,
        date=values.date,
        duration_minutes=values.minutes,
        note=values.note,
        status="open",
        created_at=now,
        updated_at=now,
    )


def _delete_entry(entry: TimeEntry, by: User, now: datetime) -> None:
    audit.record(by, "time_entry_deleted", "time_entry", entry.id, now, **_facts(entry))
    db.session.delete(entry)


def _permit(person_id: int, values: Hours) -> Permit:
    pair = (values.project_id, values.activity_id)
    permit = permits.for_hours(person_id, [pair]).get(pair)
    if permit is None:
        raise Refused("project_gone", "project")
    return permit


def _price(entry: TimeEntry, permit: Permit, billable: bool | None) -> None:
    _set_billable(entry, permit, billable)
    rates.price_time_entry(entry)


def _set_billable(entry: TimeEntry, permit: Permit, billable: bool | None) -> None:
    if billable and permit.project.invoicing_method == "none":
        raise Refused("register_project_not_invoiced", "billable", project=permit.project.name)
    entry.billable = rates.billable_by_default(permit.project, _activity(permit)) if billable is None else billable


def _activity(permit: Permit) -> Activity:
    if permit.activity is None:
        raise TypeError("hours need a permit for an activity")
    return permit.activity


def _check_day(person_id: int, day: date, minutes: int, entry: TimeEntry | None = None) -> None:
    """Refuses what would make a day longer than 24 hours; a day that is too long already may become shorter."""
    others = select(func.coalesce(func.sum(TimeEntry.duration_minutes), 0)).where(TimeEntry.user_id == person_id, TimeEntry.date == day)
    if entry is not None:
        others = others.where(TimeEntry.id != entry.id)
        if entry.date == day and minutes <= entry.duration_minutes:
            return
    refuse_long_day(day, db.session.scalar(others) or 0, minutes)


def refuse_long_day(day: date, others: int, minutes: int) -> None:
    if others + minutes > DAY_MINUTES:
        raise Refused("register_long_day", "duration", day=formats.day(day), others=formats.hours(others), hours=formats.hours(minutes))


def _facts(entry: TimeEntry) -> dict[str, Any]:
    """What the audit log keeps of an entry."""
    return {
        "person": entry.user_id,
        "project": entry.project_id,
        "activity": entry.activity_id,
        "date": entry.date.isoformat(),
        "minutes": entry.duration_minutes,
        "note": entry.note,
        "billable": entry.billable,
    }


# --- The cells of a week --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CellChange:
    """What somebody typed in a cell; no minutes empties it."""

    name: CellName
    minutes: int


def save_cells(person_id: int, monday: date, changes: Sequence[CellChange], by: User, now: datetime) -> dict[CellName, Refused]:
    """Saves cells of a person's week; gives the cells that were refused and why. The others are saved. Raises Missing.

    A cell is refused when it no longer holds what its name says.
    """
    _may_act_for(person_id, by)
    _lock_person(person_id)
    week = _WeekInHand(person_id, monday, changes)
    refused = {}
    for change in changes:
        try:
            week.save(change, by, now)
        except Refused as error:
            refused[change.name] = error
    db.session.commit()
    return refused


class _WeekInHand:
    """A locked week of one person: everything that judging its cells needs, read once."""

    def __init__(self, person_id: int, monday: date, changes: Sequence[CellChange]) -> None:
        self.person_id, self.days = person_id, days_of(monday)
        self.entries = db.session.scalars(
            select(TimeEntry)
            .where(TimeEntry.user_id == person_id, TimeEntry.date.between(self.days[0], self.days[-1]))
            .order_by(TimeEntry.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        ).all()
        self.totals = {day: sum(entry.duration_minutes for entry in self.entries if entry.date == day) for day in self.days}
        self.claimed = claims("time", [change.name.base.entry_id for change in changes if change.name.base])
        pairs = [(c.name.work.project_id, c.name.work.activity_id) for c in changes if c.name.work.project_id]
        self.permits = permits.for_hours(person_id, pairs)
        self.priced: dict[Work, TimeEntry] = {}

    def save(self, change: CellChange, by: User, now: datetime) -> None:
        day, base = self.days[change.name.day], change.name.base
        there = [entry for entry in self.entries if entry.date == day and _work(entry) == change.name.work]
        entry = there[0] if there else None
        if len(there) > 1 or (entry.id, entry.version) != (base and (base.entry_id, base.version)) if entry else base is not None:
            code = "register_cell_changed" if there else "register_cell_removed"
            raise Refused(code, hours=formats.hours(sum(one.duration_minutes for one in there)))
        if entry is None:
            if change.minutes:
                self._add(change, day, by, now)
            return
        if lock := permits.lock_of(entry.status, self.claimed.get(entry.id)):
            raise lock
        if not change.minutes:
            self.totals[day] -= entry.duration_minutes
            _delete_entry(entry, by, now)
        elif change.minutes != entry.duration_minutes:
            self._change(entry, change, day, by, now)

    def _add(self, change: CellChange, day: date, by: User, now: datetime) -> None:
        permit = self._permit(change.name.work)
        permit.check(day)
        self._count(day, change.minutes)
        values = Hours(permit.project.id, change.name.work.activity_id, day, change.minutes, "", None)
        entry = _new_entry(self.person_id, permit.project, values, now)
        if like := self.priced.get(change.name.work):
            entry.billable, entry.rate_e4, entry.rate_source = like.billable, like.rate_e4, like.rate_source
        else:
            _price(entry, permit, None)
            self.priced[change.name.work] = entry
        db.session.add(entry)
        if self.person_id != by.id:
            db.session.flush()
            audit.record(by, "time_entry_added", "time_entry", entry.id, now, **_facts(entry))

    def _change(self, entry: TimeEntry, change: CellChange, day: date, by: User, now: datetime) -> None:
        if entry.project_id:
            self._permit(change.name.work).check(day, is_new_work=False)
        if change.minutes > entry.duration_minutes:
            self._count(day, change.minutes - entry.duration_minutes)
        else:
            self.totals[day] += change.minutes - entry.duration_minutes
        before = _facts(entry)
        entry.duration_minutes = change.minutes
        _touch(entry, now)
        _record_change(entry, "time_entry", before, by, now)

    def _count(self, day: date, minutes: int) -> None:
        refuse_long_day(day, self.totals[day], minutes)
        self.totals[day] += minutes

    def _permit(self, work: Work) -> Permit:
        permit = self.permits.get((work.project_id or 0, work.activity_id))
        if permit is None:
            raise Refused("project_gone", "project")
        return permit


def _work(entry: TimeEntry) -> Work:
    return work_of(entry.project_id, entry.customer_id, entry.activity_id)


# --- The rows of a week ---------------------------------------------------------------------------------------------------------


def add_row(person_id: int, monday: date, project_id: int, activity_id: int, by: User) -> None:
    """Puts a row on the sheet of a week. Raises Refused, Missing."""
    _may_act_for(person_id, by)
    _lock_person(person_id)
    pair = (project_id, activity_id)
    permit = permits.for_hours(person_id, [pair]).get(pair)
    if permit is None:
        raise Refused("project_gone", "project")
    _check_week(permit, monday)
    there = select(WeekRow.id).filter_by(user_id=person_id, week_on=monday, project_id=project_id, activity_id=activity_id)
    if db.session.scalar(there) is None:
        db.session.add(WeekRow(user_id=person_id, week_on=monday, project_id=project_id, activity_id=activity_id))
    db.session.commit()


def remove_row(person_id: int, monday: date, work: Work, by: User) -> None:
    """Takes a row off the sheet; hours in it stay and keep showing. Raises Missing."""
    _may_act_for(person_id, by)
    values = {"user_id": person_id, "week_on": monday, "project_id": work.project_id, "activity_id": work.activity_id}
    db.session.execute(delete(WeekRow).filter_by(**values))
    db.session.commit()


def copy_rows(person_id: int, monday: date, by: User) -> int:
    """Puts the rows of the week before on this sheet, where they may still be used; gives how many are new. Raises Missing."""
    _may_act_for(person_id, by)
    _lock_person(person_id)
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


# --- What every change needs ----------------------------------------------------------------------------------------------------


def _may_act_for(person_id: int, by: User) -> None:
    if person_id != by.id and not rights.may("all_registrations", by):
        raise Missing


def _lock_person(person_id: int) -> None:
    """One change of a person's registrations at a time: sums of a day and empty cells then stay what they were judged to be."""
    if db.session.scalar(select(User.id).where(User.id == person_id).with_for_update(key_share=True)) is None:
        raise Missing


def _person_of(table: type[Row], row_id: int, by: User) -> int:
    person_id = db.session.scalar(select(table.user_id).where(table.id == row_id))
    if person_id is None:
        raise Missing
    _may_act_for(person_id, by)
    return int(person_id)


def _take(table: type[Row], source_type: str, row_id: int, version: int, by: User) -> Row:
    """The row, locked, and free to be changed by this person: no claim on it, and still the version they saw."""
    statement = select(table).where(table.id == row_id).with_for_update().execution_options(populate_existing=True)
    row: Row | None = db.session.scalar(statement)
    if row is None:
        raise Missing
    _may_act_for(row.user_id, by)
    # A statement after the lock: on PostgreSQL the locking one still sees the links of before it waited.
    if lock := permits.lock_of(row.status, claims(source_type, [row_id]).get(row_id)):
        raise lock
    if row.version != version:
        raise Changed(row.version, formats.moment(row.updated_at))
    return row


def _touch(row: Any, now: datetime) -> None:
    """Marks a row as changed; editing what was rejected opens it again."""
    if row.status not in EDITABLE:
        raise TypeError("a locked row was changed")
    row.status, row.approved_by_id = "open", None
    row.version += 1
    row.updated_at = now


def _record_change(row: Any, kind: str, before: Mapping[str, Any], by: User, now: datetime) -> None:
    """Writes down a change of somebody else's registration."""
    if row.user_id != by.id:
        after = _facts(row)
        changes = {name: [before[name], after[name]] for name in after if after[name] != before[name]}
        audit.record(by, f"{kind}_changed", kind, row.id, now, person=row.user_id, changes=changes)


def _is_first_time(by: User, once: str, now: datetime) -> bool:
    """Whether this form was not handled yet, and from now on it was."""
    if not once:
        return True
    if db.session.scalar(select(FormToken.id).where(FormToken.user_id == by.id, FormToken.token == once)) is not None:
        return False
    db.session.add(FormToken(user_id=by.id, token=once[:64], location="", created_at=now))
    try:
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        return False
    return True
