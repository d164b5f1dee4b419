"""What the lists of Finance are narrowed down to: read from the query string, kept in it, and shown as chips that open or go away."""

from __future__ import annotations

import calendar
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, or_, select

from blueprints import formats
from blueprints.finance import wording
from models import Customer, Project, db

LISTS: dict[str, tuple[str, ...]] = {
    "transfers": ("state", "package", "there", "customer", "q"),
    "invoices": ("origin", "status", "customer", "q"),
    "unbilled": ("to", "customer", "project"),
}
"""Which filters each list knows."""

ORIGINS = ("own", "mirror")
STATUSES = ("draft", "sent", "overdue", "paid", "credited")
THERE = ("draft",)
LONGEST_SEARCH = 100
LARGEST_ID = 2**31 - 1
CHOICES = 40


@dataclass(frozen=True, slots=True)
class Filters:
    """The rows somebody asked for. `to` is the last day that counts; empty means the end of this month."""

    state: str = ""
    package: str = ""
    there: str = ""
    origin: str = ""
    status: str = ""
    customer: int | None = None
    project: int | None = None
    to: date | None = None
    q: str = ""
    problems: list[str] = field(default_factory=list, compare=False)

    def query(self, **changes: Any) -> dict[str, str]:
        """The filters as query parameters, some of them changed; None takes one away."""
        values = {name: value for name, value in asdict(self).items() if name != "problems" and value}
        return {name: str(value) for name, value in (values | changes).items() if value}

    @property
    def active(self) -> int:
        """How many filters narrow the list down."""
        return len(self.query())


def read(name: str, args: Mapping[str, str]) -> Filters:
    """The filters of a list. What is not understood is left out, and said when it was a date."""
    known = LISTS[name]
    problems: list[str] = []
    allowed: dict[str, tuple[str, ...]] = {
        "state": tuple(wording.LABELS),
        "package": tuple(formats.VENDORS),
        "there": THERE,
        "origin": ORIGINS,
        "status": STATUSES,
    }
    values: dict[str, Any] = {key: args.get(key, "") for key in allowed if key in known and args.get(key) in allowed[key]}
    values |= {key: number(args.get(key, "")) for key in ("customer", "project") if key in known}
    if "q" in known:
        values["q"] = args.get("q", "").strip()[:LONGEST_SEARCH].replace("\0", "")
    if "to" in known and args.get("to", "").strip():
        values["to"] = formats.parse_day(args["to"])
        if values["to"] is None:
            problems.append(formats.form_error("day", {"text": args["to"].strip()}))
    return Filters(**values, problems=problems)


def number(text: str) -> int | None:
    """The id that somebody sent, or nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 11 and 0 < int(text) <= LARGEST_ID else None


def month_end(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def until(filters: Filters) -> date:
    """The last day that counts for what is unbilled."""
    return filters.to or month_end(formats.today())


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


def chips(name: str, filters: Filters, names: Mapping[str, str]) -> list[Chip]:
    """The filters of this list, in the order in which they stand above it."""
    states = {key: str(formats.TRANSFER_STATES[states[0]]) for key, states in wording.LABELS.items()}
    offered: dict[str, tuple[str, Mapping[str, str]]] = {
        "state": (_("State"), states),
        "package": (_("Package"), formats.VENDORS),
    }
    shown = [_choice(name, filters, key, *offered[key]) for key in ("state", "package") if key in LISTS[name]]
    for key, label in (("customer", _("Customer")), ("project", _("Project"))):
        if key in LISTS[name]:
            shown.append(_search(name, filters, key, label, names))
    if filters.there:
        there = _("Draft, or not sent yet")
        shown.append(Chip("there", _("There"), there, remove=address(name, filters, there=None)))
    return shown


def _choice(name: str, filters: Filters, key: str, label: str, words: Mapping[str, str]) -> Chip:
    chosen = getattr(filters, key)
    if chosen:
        return Chip(key, label, words[chosen], remove=address(name, filters, **{key: None}))
    return Chip(key, label, choices=tuple((word, address(name, filters, **{key: code})) for code, word in words.items()))


def _search(name: str, filters: Filters, key: str, label: str, names: Mapping[str, str]) -> Chip:
    if getattr(filters, key):
        return Chip(key, label, names.get(key) or _("unknown"), remove=address(name, filters, **{key: None}))
    return Chip(key, label, search=url_for("finance.choices", name=name, field=key, **filters.query()))


def address(name: str, filters: Filters, **changes: Any) -> str:
    """The list's own address with these filters; sort and page begin anew."""
    return url_for(f"finance.{name}", **filters.query(**changes))


# --- What a filter can be set to ------------------------------------------------------------------------------------------------


def names(filters: Filters) -> dict[str, str]:
    """What the chosen customer and project are called, in one query; nothing is asked when neither was chosen."""
    wanted: dict[str, Any] = {}
    if filters.customer:
        wanted["customer"] = select(Customer.name).where(Customer.id == filters.customer).scalar_subquery()
    if filters.project:
        wanted["project"] = select(Project.name).where(Project.id == filters.project).scalar_subquery()
    if not wanted:
        return {}
    found = db.session.execute(select(*(value.label(name) for name, value in wanted.items()))).mappings().one()
    return {name: found[name] for name in wanted if found[name]}


def choices(key: str, filters: Filters, find: str) -> list[tuple[int, str, str]]:
    """What a filter can be set to: id, name and a second line, at most forty, those still in use first."""
    if key == "customer":
        query = select(Customer.id, Customer.name, Customer.number)
        places, model = [Customer.name, Customer.number], Customer
    else:
        query = select(Project.id, Project.name, Customer.name).join(Customer, Customer.id == Project.customer_id)
        places, model = [Project.name, Project.code, Customer.name], Project
        if filters.customer:
            query = query.where(Project.customer_id == filters.customer)
    if find:
        query = query.where(or_(*(place.icontains(find, autoescape=True) for place in places)))
    rows = db.session.execute(query.order_by(model.active.desc(), model.name, model.id).limit(CHOICES))
    return [(row[0], row[1], row[2]) for row in rows]


def mentions(text: str, *columns: Any) -> ColumnElement[bool]:
    """Whether one of these columns holds the text."""
    return or_(*(column.icontains(text, autoescape=True) for column in columns))
