"""What a list is narrowed down to: read from the query string, kept in it, and shown as chips that open or go away."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for
from flask_babel import format_date
from flask_babel import gettext as _

from blueprints import formats
from blueprints.reports.kinds import Kind

STATUSES = ("open", "submitted", "approved", "invoiced", "reserved", "written_off", "rejected")
LONGEST_SEARCH = 100
LARGEST_ID = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Filters:
    """The rows somebody asked for. Without dates in the address it is the current month; empty dates mean all of them."""

    from_on: date | None
    to_on: date | None
    is_default_period: bool = False
    customer: int | None = None
    project: int | None = None
    user: int | None = None
    activity: int | None = None
    status: str = ""
    q: str = ""
    problems: list[str] = field(default_factory=list, compare=False)

    def query(self, **changes: Any) -> dict[str, str]:
        """The filters as query parameters, some of them changed; None takes one away."""
        values: dict[str, Any] = {}
        if not self.is_default_period:
            values = {"from": self.from_on.isoformat() if self.from_on else "", "to": self.to_on.isoformat() if self.to_on else ""}
        values |= {name: getattr(self, name) or None for name in ("customer", "project", "user", "activity", "status", "q")}
        return {name: str(value) for name, value in (values | changes).items() if value is not None}

    @property
    def active(self) -> int:
        """How many filters narrow the list down; the current month is one of them."""
        narrowed = (self.customer, self.project, self.user, self.activity, self.status, self.q, self.from_on or self.to_on)
        return sum(1 for value in narrowed if value)


def read(args: Mapping[str, str], kind: Kind, today: date) -> Filters:
    """The filters of a query string. What is not understood is left out, and said when it was a date."""
    problems: list[str] = []
    if "from" in args or "to" in args:
        from_on, to_on = _day(args.get("from", ""), problems), _day(args.get("to", ""), problems)
        is_default = False
    else:
        from_on, to_on = month_of(today)
        is_default = True
    status = args.get("status", "")
    return Filters(
        from_on=from_on,
        to_on=to_on,
        is_default_period=is_default,
        customer=_id(args.get("customer", "")),
        project=_id(args.get("project", "")),
        user=_id(args.get("user", "")),
        activity=_id(args.get("activity", "")) if kind.work is not None else None,
        status=status if status in (*STATUSES, "unbilled") else "",
        q=args.get("q", "").strip()[:LONGEST_SEARCH].replace("\0", ""),
        problems=problems,
    )


def _id(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 and 0 < int(text) <= LARGEST_ID else None


def _day(text: str, problems: list[str]) -> date | None:
    if not text.strip():
        return None
    found = formats.parse_day(text)
    if found is None:
        problems.append(formats.form_error("day", {"text": text.strip()}))
    return found


def everything() -> Filters:
    """The same list without any filter."""
    return Filters(from_on=None, to_on=None)


# --- Periods --------------------------------------------------------------------------------------------------------------------


def month_of(day: date) -> tuple[date, date]:
    return day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1])


def period_name(filters: Filters) -> str:
    """November 2026, 2026, 01-11-2026 to 15-11-2026, or all dates."""
    start, end = filters.from_on, filters.to_on
    if start is None and end is None:
        return _("All dates")
    if start is None:
        return _("Up to %(day)s", day=formats.day(end))
    if end is None:
        return _("From %(day)s", day=formats.day(start))
    if (start, end) == month_of(start):
        return str(format_date(start, "LLLL y")).capitalize()
    if (start, end) == (date(start.year, 1, 1), date(start.year, 12, 31)):
        return str(start.year)
    return _("%(first)s to %(last)s", first=formats.day(start), last=formats.day(end))


def periods(kind: Kind, filters: Filters, today: date) -> list[tuple[str, str]]:
    """What the period menu offers, with the address of each."""
    last_month = month_of(today.replace(day=1) - timedelta(days=1))
    offered = [
        (_("This month"), month_of(today)),
        (_("Last month"), last_month),
        (_("This year"), (date(today.year, 1, 1), date(today.year, 12, 31))),
        (_("Last year"), (date(today.year - 1, 1, 1), date(today.year - 1, 12, 31))),
        (_("All dates"), (None, None)),
    ]
    chosen = [(name, replace(filters, from_on=start, to_on=end, is_default_period=False)) for name, (start, end) in offered]
    return [(name, address(kind, filters)) for name, filters in chosen]


# --- Chips ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter. With a value it is set, and `remove` is the address without it; without, its menu offers `choices` or a search."""

    field: str
    name: str
    value: str = ""
    remove: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    search: str = ""


def chips(kind: Kind, filters: Filters, names: Mapping[str, str], sees_everybody: bool) -> list[Chip]:
    """The filters of this list, in the order in which they stand above it."""
    fields = [("customer", _("Customer")), ("project", _("Project"))]
    if kind.work is not None:
        fields.append(("activity", _("Activity") if kind.source_type == "time" else _("Category")))
    if sees_everybody:
        fields.append(("user", _("User")))
    shown = [_chosen_or_search(kind, filters, name, label, names) for name, label in fields]
    return [*shown, _status_chip(kind, filters)]


def _chosen_or_search(kind: Kind, filters: Filters, name: str, label: str, names: Mapping[str, str]) -> Chip:
    if getattr(filters, name):
        return Chip(name, label, names.get(name) or _("unknown"), remove=address(kind, filters, **{name: None}))
    return Chip(name, label, search=search_address(kind, filters, name))


def search_address(kind: Kind, filters: Filters, name: str) -> str:
    """Where the values of a filter are looked for, with the other filters in it."""
    return url_for("reports.choices", name=kind.name, field=name, **filters.query())


def _status_chip(kind: Kind, filters: Filters) -> Chip:
    words = {code: str(formats.STATUSES[code]) for code in STATUSES} | {"unbilled": _("Unbilled")}
    if filters.status:
        return Chip("status", _("Status"), words[filters.status], remove=address(kind, filters, status=None))
    order = ("unbilled", *STATUSES)
    return Chip("status", _("Status"), choices=tuple((words[code], address(kind, filters, status=code)) for code in order))


def address(kind: Kind, filters: Filters, **changes: Any) -> str:
    """The list's own address with these filters; sort and page begin anew.

    Put together by hand: a page has two dozen of these, and building them from the routes is what it would spend its time on.
    """
    query = urlencode(filters.query(**changes))
    return f"{request.script_root}/reports/{kind.name}" + (f"?{query}" if query else "")
