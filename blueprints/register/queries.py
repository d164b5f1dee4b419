"""What the pages of Register show. Read only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from flask import g
from flask_babel import gettext as _
from sqlalchemy import Row, Select, func, or_, select

from blueprints import rights
from blueprints.register import permits
from blueprints.register.sheet import Base, CellName, Work, days_of, work_of
from invoicing.links import Claim, claims
from models import Activity, Customer, Project, TimeEntry, User, WeekRow, db

Record = Row[*tuple[Any, ...]]
MOST_CHOICES = 50
RECENT = timedelta(days=42)


# --- People ---------------------------------------------------------------------------------------------------------------------


def person(wanted: str) -> User | None:
    """Whose registrations are asked for: the signed-in person's, or somebody else's for who may see those; else None."""
    if not wanted or wanted == str(g.user.id):
        return g.user  # type: ignore[no-any-return]
    if not rights.may("all_registrations") or not (wanted.isascii() and wanted.isdigit() and len(wanted) < 10):
        return None
    return db.session.get(User, int(wanted))


def people(shown: User) -> Sequence[tuple[int, str]]:
    """Everybody whose registrations the signed-in person may look at; nobody for who sees only their own."""
    if not rights.may("all_registrations"):
        return []
    rows = db.session.execute(select(User.id, User.name).where(or_(User.active, User.id == shown.id)).order_by(User.name))
    return [(row.id, row.name) for row in rows]


# --- The week -------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Cell:
    """One field of the sheet. It is typed in when there is at most one entry and nothing locks it."""

    name: CellName
    date: date
    minutes: int | None = None
    entries: int = 0
    has_note: bool = False
    lock: str = ""
    typed: str | None = None
    problem: str = ""

    @property
    def is_field(self) -> bool:
        return self.entries < 2 and not self.lock


@dataclass(slots=True)
class SheetRow:
    """The hours of a week on one activity of one project."""

    work: Work
    customer: str
    project: str
    activity: str
    colour: str
    cells: list[Cell]
    is_pinned: bool = False

    @property
    def ident(self) -> str:
        return str(self.work).replace(".", "-")

    @property
    def name(self) -> str:
        return ", ".join(part for part in (self.customer, self.project, self.activity) if part)

    @property
    def total(self) -> int:
        return sum(cell.minutes or 0 for cell in self.cells)

    @property
    def is_empty(self) -> bool:
        return not any(cell.entries for cell in self.cells)


@dataclass(slots=True)
class Sheet:
    """A person's week."""

    monday: date
    rows: list[SheetRow] = field(default_factory=list)

    @property
    def days(self) -> list[date]:
        return days_of(self.monday)

    @property
    def day_totals(self) -> list[int]:
        return [sum(row.cells[day].minutes or 0 for row in self.rows) for day in range(7)]

    @property
    def total(self) -> int:
        return sum(self.day_totals)

    def row(self, work: Work) -> SheetRow | None:
        return next((row for row in self.rows if row.work == work), None)


def week_sheet(person_id: int, monday: date, *, with_pinned: bool = True) -> Sheet:
    """The sheet of a week: what was registered, and the rows that were put there before."""
    records = db.session.execute(_week_entries(person_id, monday)).all()
    claimed = claims("time", [record.id for record in records])
    rows: dict[Work, SheetRow] = {}
    for record in records:
        work = work_of(record.project_id, record.customer_id, record.activity_id)
        row = rows.setdefault(work, _sheet_row(work, record, monday))
        _add(row.cells[(record.date - monday).days], record, claimed.get(record.id))
    for record in db.session.execute(_pinned_rows(person_id, monday)) if with_pinned else ():
        work = Work(record.project_id, None, record.activity_id)
        rows.setdefault(work, _sheet_row(work, record, monday)).is_pinned = True
    key = lambda row: (row.customer.casefold(), row.project.casefold(), row.activity.casefold())  # noqa: E731
    return Sheet(monday, sorted(rows.values(), key=key))


def row_name(work: Work) -> str:
    """What a row is called that stands on no sheet any more."""
    names = [
        db.session.scalar(select(column).where(table.id == row_id))
        for table, column, row_id in (
            (Customer, Customer.name, work.customer_id),
            (Project, Project.name, work.project_id),
            (Activity, Activity.name, work.activity_id),
        )
        if row_id
    ]
    return ", ".join(name for name in names if name)


def _week_entries(person_id: int, monday: date) -> Select[*tuple[Any, ...]]:
    return (
        select(
            TimeEntry.id,
            TimeEntry.date,
            TimeEntry.duration_minutes,
            TimeEntry.status,
            TimeEntry.version,
            (TimeEntry.note != "").label("has_note"),
            TimeEntry.project_id,
            TimeEntry.customer_id,
            TimeEntry.activity_id,
            Customer.name.label("customer"),
            Project.name.label("project"),
            Project.colour,
            Activity.name.label("activity"),
        )
        .join(Customer, Customer.id == TimeEntry.customer_id)
        .join(Activity, Activity.id == TimeEntry.activity_id)
        .outerjoin(Project, Project.id == TimeEntry.project_id)
        .where(TimeEntry.user_id == person_id, TimeEntry.date.between(monday, monday + timedelta(days=6)))
        .order_by(TimeEntry.id)
    )


def _pinned_rows(person_id: int, monday: date) -> Select[*tuple[Any, ...]]:
    return (
        select(
            WeekRow.project_id,
            WeekRow.activity_id,
            Customer.name.label("customer"),
            Project.name.label("project"),
            Project.colour,
            Activity.name.label("activity"),
        )
        .join(Project, Project.id == WeekRow.project_id)
        .join(Customer, Customer.id == Project.customer_id)
        .join(Activity, Activity.id == WeekRow.activity_id)
        .where(WeekRow.user_id == person_id, WeekRow.week_on == monday)
    )


def _sheet_row(work: Work, record: Record, monday: date) -> SheetRow:
    cells = [Cell(CellName(work, n), day) for n, day in enumerate(days_of(monday))]
    return SheetRow(work, record.customer, record.project or "", record.activity, record.colour or "#7f8983", cells)


def _add(cell: Cell, record: Record, claim: Claim | None) -> None:
    cell.entries += 1
    cell.minutes = (cell.minutes or 0) + record.duration_minutes
    cell.has_note = cell.has_note or record.has_note
    cell.name = CellName(cell.name.work, cell.name.day, Base(record.id, record.version, record.duration_minutes))
    if lock := permits.lock_of(record.status, claim):
        cell.lock = lock.sentence


# --- One day --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DayEntry:
    """A line of the day's list; `status` is the one people see, `lock` says why it cannot be changed."""

    id: int
    customer: str
    project: str
    activity: str
    colour: str
    minutes: int
    note: str
    billable: bool
    status: str
    lock: str


def day_entries(person_id: int, day: date) -> list[DayEntry]:
    """What one person did on one day, in the order of registering."""
    records = db.session.execute(
        select(
            TimeEntry.id,
            TimeEntry.duration_minutes,
            TimeEntry.note,
            TimeEntry.billable,
            TimeEntry.status,
            Customer.name.label("customer"),
            Project.name.label("project"),
            Project.colour,
            Activity.name.label("activity"),
        )
        .join(Customer, Customer.id == TimeEntry.customer_id)
        .join(Activity, Activity.id == TimeEntry.activity_id)
        .outerjoin(Project, Project.id == TimeEntry.project_id)
        .where(TimeEntry.user_id == person_id, TimeEntry.date == day)
        .order_by(TimeEntry.id)
    ).all()
    claimed = claims("time", [record.id for record in records])
    return [_day_entry(record, claimed.get(record.id)) for record in records]


def _day_entry(record: Record, claim: Claim | None) -> DayEntry:
    lock = permits.lock_of(record.status, claim)
    return DayEntry(
        id=record.id,
        customer=record.customer,
        project=record.project or "",
        activity=record.activity,
        colour=record.colour or "#7f8983",
        minutes=record.duration_minutes,
        note=record.note,
        billable=record.billable,
        status=shown_status(record.status, claim),
        lock=lock.sentence if lock else "",
    )


def shown_status(status: str, claim: Claim | None) -> str:
    """The status people see: a claim goes before what the row itself says."""
    if claim is None:
        return status
    return "reserved" if claim.state == "reserved" else "invoiced"


def entry(entry_id: int) -> TimeEntry:
    """An entry to look at or edit, with its project. Raises Missing when it is not there or not this person's to see."""
    found = db.session.get(TimeEntry, entry_id)
    if found is None or (found.user_id != g.user.id and not rights.may("all_registrations")):
        raise permits.Missing
    return found


def lock_sentence(source_type: str, source_id: int, status: str) -> str:
    """Why one row cannot be changed now; empty when it can."""
    lock = permits.lock_of(status, claims(source_type, [source_id]).get(source_id))
    return lock.sentence if lock else ""


# --- What can be chosen ---------------------------------------------------------------------------------------------------------

Groups = dict[str, dict[str, str]]
"""Group to value to label."""


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of a select in groups, and whether there are more than it shows."""

    groups: Groups
    are_more: bool


def project_choices(person_id: int, first: date, last: date, search: str = "", chosen: str = "") -> Choices:
    """Projects that this person may register on in a period, recently used ones first; `chosen` is always among them."""
    records = db.session.execute(_projects(person_id, first, last, search)).all()
    shown = records[:MOST_CHOICES]
    recent = {f"p{r.id}": _project_name(r) for r in shown if r.used_on}
    others = {f"p{r.id}": _project_name(r) for r in shown if not r.used_on}
    groups = {_("Recently used"): recent, _("Projects"): others}
    if chosen.startswith("p") and chosen not in recent and chosen not in others and (name := _name_of_project(chosen)):
        groups = {_("Chosen"): {chosen: name}} | groups
    return Choices({label: options for label, options in groups.items() if options}, len(records) > MOST_CHOICES)


def _projects(person_id: int, first: date, last: date, search: str) -> Select[*tuple[Any, ...]]:
    used = (
        select(TimeEntry.project_id, func.max(TimeEntry.date).label("on"))
        .where(TimeEntry.user_id == person_id, TimeEntry.date.between(last - RECENT, last))
        .group_by(TimeEntry.project_id)
        .subquery()
    )
    statement = (
        select(Project.id, Project.name, Project.code, Customer.name.label("customer"), used.c.on.label("used_on"))
        .join(Customer, Customer.id == Project.customer_id)
        .outerjoin(used, used.c.project_id == Project.id)
        .where(
            Project.active,
            or_(Project.starts_on.is_(None), Project.starts_on <= last),
            or_(Project.ends_on.is_(None), Project.ends_on >= first),
            permits.is_open_to(person_id),
        )
        .order_by(used.c.on.desc().nulls_last(), Customer.name, Project.name, Project.id)
        .limit(MOST_CHOICES + 1)
    )
    if search:
        columns = (Customer.name, Project.name, Project.code)
        statement = statement.where(or_(*(column.icontains(search, autoescape=True) for column in columns)))
    return statement


def _project_name(record: Record) -> str:
    name = f"{record.customer} / {record.name}"
    return f"{name} ({record.code})" if record.code else name


def _name_of_project(chosen: str) -> str:
    if not chosen[1:].isdigit():
        return ""
    statement = select(Project.name, Project.code, Customer.name.label("customer")).join(Customer, Customer.id == Project.customer_id)
    record = db.session.execute(statement.where(Project.id == int(chosen[1:]))).first()
    return _project_name(record) if record else ""


def customer_choices(search: str = "", chosen: str = "") -> Choices:
    """Customers that something can be registered on without a project; `chosen` is always among them."""
    columns = select(Customer.id, Customer.name)
    wanted = columns.where(Customer.active).order_by(Customer.name, Customer.id).limit(MOST_CHOICES + 1)
    if search:
        wanted = wanted.where(or_(Customer.name.icontains(search, autoescape=True), Customer.number.icontains(search, autoescape=True)))
    records = db.session.execute(wanted).all()
    options = {f"c{record.id}": record.name for record in records[:MOST_CHOICES]}
    if chosen.startswith("c") and chosen[1:].isdigit() and chosen not in options:
        options |= {f"c{record.id}": record.name for record in db.session.execute(columns.where(Customer.id == int(chosen[1:])))}
    return Choices({_("Customers"): options} if options else {}, len(records) > MOST_CHOICES)


def activity_choices(project_id: int | None, chosen: int | None = None) -> dict[str, str]:
    """The activities of a project, or all of them while none is chosen; `chosen` is always among them."""
    statement = select(Activity.id, Activity.name).order_by(Activity.name, Activity.id)
    if project_id is None:
        statement = statement.where(Activity.active)
    else:
        offered = permits.is_offered()
        statement = statement.join(Project, Project.id == project_id).where(or_(offered, Activity.id == (chosen or 0)))
    return {str(record.id): record.name for record in db.session.execute(statement)}
