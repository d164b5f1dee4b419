"""The three lists under Reports: hours, expenses and trips, and in what they differ."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from invoicing import selection
from models import Activity, Customer, Expense, ExpenseCategory, Project, TimeEntry, Trip, User


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """One list. `work` is what the activity filter means in it; `figure` what is added up: minutes, or tenths of a kilometre."""

    name: str
    source_type: str
    model: type[Any]
    work: InstrumentedAttribute[int] | None
    work_model: type[Any] | None
    figure: ColumnElement[int] | InstrumentedAttribute[int] | None
    register: str
    title: Any
    add: Any

    @property
    def endpoint(self) -> str:
        return f"reports.{self.name}"

    def counted(self, number: int) -> str:
        """So many of these, with their word."""
        return counted(self.source_type, number)

    @property
    def sorts(self) -> dict[str, list[Any]]:
        """Sort key to columns; the id last, so that pages never overlap."""
        return _sorts(self)

    @property
    def edits(self) -> tuple[str, ...]:
        """What can be changed in a row without leaving the list."""
        return ("duration", "note", "billable") if self.source_type == "time" else ("note", "billable")


@cache
def _sorts(kind: Kind) -> dict[str, list[Any]]:
    model = kind.model
    tail = [model.date, model.id]
    keys: dict[str, list[Any]] = {"date": tail, "customer": [Customer.name, *tail], "project": [Project.name, *tail]}
    keys |= {"user": [User.name, *tail], "amount": [selection.amount_of(kind.source_type), *tail]}
    if kind.figure is not None:
        keys["hours" if kind.source_type == "time" else "distance"] = [kind.figure, *tail]
    return keys


KINDS = {
    "hours": Kind(
        "hours",
        "time",
        TimeEntry,
        TimeEntry.activity_id,
        Activity,
        TimeEntry.duration_minutes,
        "register.week",
        _l("Hours"),
        _l("Add hours"),
    ),
    "expenses": Kind(
        "expenses", "expense", Expense, Expense.category_id, ExpenseCategory, None, "register.expenses", _l("Expenses"), _l("Add expense")
    ),
    "trips": Kind("trips", "trip", Trip, None, None, selection.billed_km10(), "register.trips", _l("Trips"), _l("Add trip")),
}
BY_SOURCE = {kind.source_type: kind for kind in KINDS.values()}


def counted(source_type: str, number: int) -> str:
    """So many rows, with their word: 12 hour entries, 1 trip."""
    if source_type == "time":
        return ngettext("%(num)s hour entry", "%(num)s hour entries", number)
    if source_type == "expense":
        return ngettext("%(num)s expense", "%(num)s expenses", number)
    return ngettext("%(num)s trip", "%(num)s trips", number)


def listed(counts: dict[str, int]) -> str:
    """What there is of each kind: 12 hour entries, 3 expenses, 1 trip."""
    return ", ".join(counted(source_type, counts[source_type]) for source_type in BY_SOURCE if counts.get(source_type))
