"""Hours before they are saved: made, priced, counted per day; and a week of them in hand, whose cells are judged. Commits nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func, select

from blueprints import formats
from blueprints.register import hand, permits
from blueprints.register.permits import DAY_MINUTES, Permit, Refused
from blueprints.register.sheet import CellName, Work, days_of, work_of
from invoicing import rates
from invoicing.links import claims
from models import TimeEntry, User, db


@dataclass(frozen=True, slots=True)
class Hours:
    """An entry as somebody typed it. `billable` is None when the project decides."""

    project_id: int
    activity_id: int
    date: date
    minutes: int
    note: str
    billable: bool | None


@dataclass(frozen=True, slots=True)
class CellChange:
    """What somebody typed in a cell; no minutes empties it."""

    name: CellName
    minutes: int


def new_entry(person_id: int, permit: Permit, values: Hours, now: datetime, like: TimeEntry | None = None) -> TimeEntry:
    """An entry with its price, in the session; the price of one `like` it is not looked up again.

    Raises Refused when it cannot be billable.
    """
    entry = TimeEntry(
        user_id=person_id,
        project_id=permit.project.id,
        customer_id=permit.project.customer_id,
        activity_id=values.activity_id,
        date=values.date,
        duration_minutes=values.minutes,
        note=values.note,
        billable=billable(permit, values.billable) if like is None else like.billable,
        status="open",
        created_at=now,
        updated_at=now,
    )
    if like is None:
        rates.price_time_entry(entry)
    else:
        entry.rate_e4, entry.rate_source = like.rate_e4, like.rate_source
    db.session.add(entry)
    return entry


def billable(permit: Permit, choice: bool | None) -> bool:
    """What was chosen, else what the project says. Raises Refused where nothing is invoiced and somebody chose billable."""
    if choice and permit.project.invoicing_method == "none":
        raise Refused("register_project_not_invoiced", "billable", project=permit.project.name)
    if choice is not None or permit.activity is None:
        return bool(choice)
    return rates.billable_by_default(permit.project, permit.activity)


def permit_for(person_id: int, project_id: int, activity_id: int) -> Permit:
    """What this person may do here. Raises Refused when the project or the activity does not exist."""
    permit = permits.for_hours(person_id, [(project_id, activity_id)]).get((project_id, activity_id))
    if permit is None:
        raise Refused("project_gone", "project")
    return permit


def check_day(person_id: int, day: date, minutes: int, entry: TimeEntry | None = None) -> None:
    """Refuses what would make a day longer than 24 hours; a day that is too long already may become shorter."""
    total = select(func.coalesce(func.sum(TimeEntry.duration_minutes), 0)).where(TimeEntry.user_id == person_id, TimeEntry.date == day)
    if entry is not None:
        if entry.date == day and minutes <= entry.duration_minutes:
            return
        total = total.where(TimeEntry.id != entry.id)
    _refuse_long_day(day, db.session.scalar(total) or 0, minutes)


def _refuse_long_day(day: date, others: int, minutes: int) -> None:
    if others + minutes > DAY_MINUTES:
        raise Refused("register_long_day", "duration", day=formats.day(day), others=formats.hours(others), hours=formats.hours(minutes))


class WeekInHand:
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
        works = [change.name.work for change in changes]
        self.permits = permits.for_hours(person_id, [(work.project_id, work.activity_id) for work in works if work.project_id])
        self.priced: dict[Work, TimeEntry] = {}

    def save(self, change: CellChange, by: User, now: datetime) -> None:
        """Puts what was typed in its cell. Raises Refused, before anything of this cell was changed."""
        day = self.days[change.name.day]
        entry = self._held(change.name, day)
        if entry is None:
            if change.minutes:
                self._add(change, day, by, now)
        elif lock := permits.lock_of(entry.status, self.claimed.get(entry.id)):
            raise lock
        elif not change.minutes:
            self.totals[day] -= entry.duration_minutes
            hand.record_deleted(entry, by, now)
            db.session.delete(entry)
        elif change.minutes != entry.duration_minutes:
            self._change(entry, change, day, by, now)

    def _held(self, name: CellName, day: date) -> TimeEntry | None:
        """The entry in a cell, when it is what the name says; refused when somebody changed it meanwhile."""
        there = [entry for entry in self.entries if entry.date == day and _work(entry) == name.work]
        held = [(entry.id, entry.version) for entry in there]
        if held != ([(name.base.entry_id, name.base.version)] if name.base else []):
            code = "register_cell_changed" if there else "register_cell_removed"
            raise Refused(code, hours=formats.hours(sum(entry.duration_minutes for entry in there)))
        return there[0] if there else None

    def _add(self, change: CellChange, day: date, by: User, now: datetime) -> None:
        work = change.name.work
        permit = self._permit(work)
        permit.check(day)
        self._count(day, change.minutes)
        values = Hours(permit.project.id, work.activity_id, day, change.minutes, "", None)
        entry = new_entry(self.person_id, permit, values, now, like=self.priced.get(work))
        self.priced[work] = entry
        hand.record_added(entry, by, now)

    def _change(self, entry: TimeEntry, change: CellChange, day: date, by: User, now: datetime) -> None:
        if entry.project_id:
            self._permit(change.name.work).check(day, is_new_work=False)
        if change.minutes > entry.duration_minutes:
            self._count(day, change.minutes - entry.duration_minutes)
        else:
            self.totals[day] += change.minutes - entry.duration_minutes
        before = hand.facts(entry)
        entry.duration_minutes = change.minutes
        hand.touch(entry, now)
        hand.record_changed(entry, before, by, now)

    def _count(self, day: date, minutes: int) -> None:
        _refuse_long_day(day, self.totals[day], minutes)
        self.totals[day] += minutes

    def _permit(self, work: Work) -> Permit:
        permit = self.permits.get((work.project_id or 0, work.activity_id))
        if permit is None:
            raise Refused("project_gone", "project")
        return permit


def _work(entry: TimeEntry) -> Work:
    return work_of(entry.project_id, entry.customer_id, entry.activity_id)
