"""A week and the names of its cells: what a cell stands for, and what it held when the page was made, is in its name."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

FIRST_YEAR, LAST_YEAR = 2000, 2100

_WEEK = re.compile(r"(\d{4})-W(\d{1,2})", re.ASCII)
_CELL = re.compile(r"h\.([pc])(\d{1,9})\.(\d{1,9})\.([0-6])(?:\.(\d{1,9})\.(\d{1,9})\.(-?\d{1,4}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Work:
    """A row of the sheet: an activity of a project, or of a customer where there is no project."""

    project_id: int | None
    customer_id: int | None
    activity_id: int

    def __str__(self) -> str:
        return f"p{self.project_id}.{self.activity_id}" if self.project_id else f"c{self.customer_id}.{self.activity_id}"


def work_of(project_id: int | None, customer_id: int, activity_id: int) -> Work:
    """The row that an entry belongs to."""
    return Work(project_id, None if project_id else customer_id, activity_id)


@dataclass(frozen=True, slots=True)
class Base:
    """The entry that a cell held, which version of it, and how many minutes."""

    entry_id: int
    version: int
    minutes: int


@dataclass(frozen=True, slots=True)
class CellName:
    """A cell's row, its day (0 is Monday) and what it held; spelled as the name of its field."""

    work: Work
    day: int
    base: Base | None = None

    def __str__(self) -> str:
        tail = f".{self.base.entry_id}.{self.base.version}.{self.base.minutes}" if self.base else ""
        return f"h.{self.work}.{self.day}{tail}"

    @property
    def ident(self) -> str:
        """The cell's place, as the id of an element."""
        return f"{self.work}-{self.day}".replace(".", "-")


def read_cell(name: str) -> CellName | None:
    """The cell that a field's name stands for; None for any other name."""
    found = _CELL.fullmatch(name)
    if not found:
        return None
    kind, owner, activity, day = found[1], int(found[2]), int(found[3]), int(found[4])
    work = Work(owner, None, activity) if kind == "p" else Work(None, owner, activity)
    base = Base(int(found[5]), int(found[6]), int(found[7])) if found[5] else None
    return CellName(work, day, base)


def read_week(text: str) -> date | None:
    """The Monday of a week written as 2026-W47; None when it is no week."""
    if found := _WEEK.fullmatch(text):
        year, week = int(found[1]), int(found[2])
        if FIRST_YEAR <= year <= LAST_YEAR and 1 <= week <= date(year, 12, 28).isocalendar().week:
            return date.fromisocalendar(year, week, 1)
    return None


def monday_of(day: date) -> date:
    return day - timedelta(days=day.weekday())


def week_name(monday: date) -> str:
    """2026-W47."""
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02d}"


def days_of(monday: date) -> list[date]:
    return [monday + timedelta(days=n) for n in range(7)]
