"""What the lists under Reports show. Every list costs the same few queries however many rows there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, null, or_, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from blueprints.listing import Listing
from blueprints.reports.filters import Filters
from blueprints.reports.kinds import BY_SOURCE, Kind
from invoicing import selection
from models import Activity, Customer, Expense, ExpenseCategory, Project, TimeEntry, Trip, User, Vehicle, db

NOTE_LENGTH = 80
"""A list shows the beginning of a note; the rest is read where it is edited."""

CHOICES = 40


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: `own` is the only person whose rows count, or None for everybody's; amounts only when `rates`."""

    own: int | None
    rates: bool


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a whole filter: rows, minutes or tenths of a kilometre, and the value in cents per currency, never added together."""

    rows: int = 0
    figure: int = 0
    amounts: tuple[tuple[str, int], ...] = ()


# --- The list -------------------------------------------------------------------------------------------------------------------


def rows(kind: Kind, filters: Filters, listing: Listing, viewer: Viewer) -> Sequence[Row[Any]]:
    """One page. The ids are found first, so that names are looked up for these rows only."""
    order = listing.order_by(kind.sorts)
    found = _joined_for_sort(select(kind.model.id), kind, listing.sort).where(*conditions(kind, filters, viewer))
    page = found.order_by(*order).limit(listing.size).offset(listing.offset).subquery("page")
    return db.session.execute(_columns(kind, viewer.rates).join(page, page.c.id == kind.model.id).order_by(*order)).all()


def row(kind: Kind, row_id: int, viewer: Viewer) -> Row[Any] | None:
    """One row as the list shows it, or nothing when it is not there for this person."""
    return db.session.execute(_columns(kind, viewer.rates).where(kind.model.id == row_id, *_visible(kind, viewer))).first()


def rows_of(kind: Kind, ids: Iterable[int], viewer: Viewer) -> Sequence[Row[Any]]:
    """These rows as the list shows them, oldest first."""
    wanted = _columns(kind, viewer.rates).where(kind.model.id.in_(list(ids)), *_visible(kind, viewer))
    return db.session.execute(wanted.order_by(kind.model.date, kind.model.id)).all()


def notes(kind: Kind, ids: Iterable[int]) -> dict[int, str]:
    """The whole notes of these rows; a list shows only their beginning."""
    rows = db.session.execute(select(kind.model.id, kind.model.note).where(kind.model.id.in_(list(ids)), kind.model.note != ""))
    return {row[0]: row[1] for row in rows}


def totals(kind: Kind, filters: Filters, viewer: Viewer) -> Totals:
    """The sums of the whole filter, in one query. Each row is rounded to cents before it is added, as the list shows it."""
    model = kind.model
    figure = func.sum(kind.figure) if kind.figure is not None else null()
    if not viewer.rates:
        counted = db.session.execute(select(func.count(), figure).select_from(model).where(*conditions(kind, filters, viewer))).one()
        return Totals(counted[0], int(counted[1] or 0))
    query = select(Customer.currency, func.count(), figure, func.sum(selection.amount_of(kind.source_type))).select_from(model)
    query = _with_category(query.join(Customer, Customer.id == model.customer_id), kind)
    return _added(db.session.execute(query.where(*conditions(kind, filters, viewer)).group_by(Customer.currency)).all())


def _added(parts: Sequence[Row[Any]]) -> Totals:
    amounts = sorted((part[0], int(part[3] or 0)) for part in parts if part[3])
    return Totals(sum(part[1] for part in parts), sum(int(part[2] or 0) for part in parts), tuple(amounts))


def count(kind: Kind, filters: Filters, viewer: Viewer) -> int:
    return db.session.scalar(select(func.count()).select_from(kind.model).where(*conditions(kind, filters, viewer))) or 0


def matching(kind: Kind, filters: Filters, viewer: Viewer, most: int) -> list[int]:
    """The ids of everything that matches, one more than `most` when there are more."""
    return list(db.session.scalars(select(kind.model.id).where(*conditions(kind, filters, viewer)).limit(most + 1)))


def conditions(kind: Kind, filters: Filters, viewer: Viewer) -> list[ColumnElement[bool]]:
    """What the filters ask of the row's own table; other tables come in through subqueries, so nothing need be joined."""
    model = kind.model
    found = _visible(kind, viewer)
    if filters.from_on:
        found.append(model.date >= filters.from_on)
    if filters.to_on:
        found.append(model.date <= filters.to_on)
    for column, value in ((model.customer_id, filters.customer), (model.project_id, filters.project), (model.user_id, filters.user)):
        if value:
            found.append(column == value)
    if filters.activity and kind.work is not None:
        found.append(kind.work == filters.activity)
    if filters.status:
        found.append(_has_status(kind, filters.status))
    if filters.q:
        found.append(_mentions(kind, filters.q))
    return found


def _visible(kind: Kind, viewer: Viewer) -> list[ColumnElement[bool]]:
    return [] if viewer.own is None else [kind.model.user_id == viewer.own]


def _has_status(kind: Kind, status: str) -> ColumnElement[bool]:
    if status == "unbilled":
        return selection.billable_clause(kind.source_type)
    held = select(selection.CLAIM.id).where(selection.holds(kind.source_type)).correlate(kind.model)
    if status in ("invoiced", "reserved"):
        return held.where(selection.CLAIM.state == {"invoiced": "live", "reserved": "reserved"}[status]).exists()
    return and_(kind.model.status == status, ~held.exists())


def _mentions(kind: Kind, text: str) -> ColumnElement[bool]:
    def has(column: InstrumentedAttribute[str]) -> ColumnElement[bool]:
        return column.icontains(text, autoescape=True)

    model = kind.model
    places = [
        has(model.note),
        model.customer_id.in_(select(Customer.id).where(or_(has(Customer.name), has(Customer.number)))),
        model.project_id.in_(select(Project.id).where(or_(has(Project.name), has(Project.code)))),
    ]
    if kind.source_type == "trip":
        places += [has(Trip.origin), has(Trip.destination)]
    return or_(*places)


def _joined_for_sort(query: Select[Any], kind: Kind, sort: str) -> Select[Any]:
    model = kind.model
    if sort == "customer":
        return query.join(Customer, Customer.id == model.customer_id)
    if sort == "project":
        return query.outerjoin(Project, Project.id == model.project_id)
    if sort == "user":
        return query.join(User, User.id == model.user_id)
    return _with_category(query, kind) if sort == "amount" else query


def _with_category(query: Select[Any], kind: Kind) -> Select[Any]:
    return query.join(ExpenseCategory, ExpenseCategory.id == Expense.category_id) if kind.source_type == "expense" else query


@cache
def _columns(kind: Kind, rates: bool) -> Select[Any]:
    # The same for every page, and not free to put together: kept.
    model = kind.model
    amount = selection.amount_of(kind.source_type) if rates else null()
    columns = [
        model.id,
        model.date,
        model.user_id,
        func.substr(model.note, 1, NOTE_LENGTH).label("note"),
        model.billable,
        model.version,
        selection.status_of(kind.source_type).label("status"),
        amount.label("amount_cents"),
        Customer.name.label("customer"),
        Customer.number.label("customer_number"),
        Customer.currency,
        Project.name.label("project"),
        User.name.label("user"),
    ]
    query = select(*columns, *_own_columns(kind, rates)).select_from(model)
    query = query.join(Customer, Customer.id == model.customer_id).join(User, User.id == model.user_id)
    query = query.outerjoin(Project, Project.id == model.project_id).outerjoin(selection.CLAIM, selection.holds(kind.source_type))
    if kind.source_type == "time":
        return query.join(Activity, Activity.id == TimeEntry.activity_id)
    if kind.source_type == "trip":
        return query.outerjoin(Vehicle, Vehicle.id == Trip.vehicle_id)
    return _with_category(query, kind)


def _own_columns(kind: Kind, rates: bool) -> list[Any]:
    rate = [kind.model.rate_e4 if rates else null().label("rate_e4")] if kind.source_type != "expense" else []
    if kind.source_type == "time":
        return [*rate, TimeEntry.duration_minutes.label("minutes"), Activity.name.label("work")]
    if kind.source_type == "trip":
        km10 = selection.billed_km10().label("km10")
        return [*rate, km10, Trip.origin, Trip.destination, Trip.is_return, Trip.kind, Vehicle.name.label("vehicle")]
    return [Expense.quantity_e4, Expense.unit_price_e4, Expense.vat_included, ExpenseCategory.name.label("work"), ExpenseCategory.unit]


# --- What is selected -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Selected:
    """What the bar says: how many of each kind, the minutes of the hours, and the value in cents per currency."""

    counts: dict[str, int] = field(default_factory=dict)
    minutes: int = 0
    amounts: tuple[tuple[str, int], ...] = ()

    @property
    def rows(self) -> int:
        return sum(self.counts.values())


def selected(kept: Mapping[str, Sequence[int]], viewer: Viewer) -> Selected:
    """The sums of the selection in one query; rows that were removed, or are not this person's to see, do not count."""
    parts = [_selected_part(BY_SOURCE[source_type], ids, viewer) for source_type, ids in kept.items() if ids]
    if not parts:
        return Selected()
    counts: dict[str, int] = {}
    amounts: dict[str, int] = {}
    minutes = 0
    for part in db.session.execute(union_all(*parts)):
        counts[part.source_type] = counts.get(part.source_type, 0) + part.rows
        minutes += int(part.minutes or 0)
        if part.cents:
            amounts[part.currency] = amounts.get(part.currency, 0) + int(part.cents)
    return Selected(counts, minutes, tuple(sorted(amounts.items())))


def _selected_part(kind: Kind, ids: Sequence[int], viewer: Viewer) -> Select[Any]:
    model = kind.model
    minutes = func.sum(TimeEntry.duration_minutes) if kind.source_type == "time" else literal(0)
    cents = func.sum(selection.amount_of(kind.source_type)) if viewer.rates else literal(0)
    query = select(
        literal(kind.source_type).label("source_type"),
        Customer.currency.label("currency"),
        func.count().label("rows"),
        minutes.label("minutes"),
        cents.label("cents"),
    ).select_from(model)
    query = _with_category(query.join(Customer, Customer.id == model.customer_id), kind)
    return query.where(model.id.in_(list(ids)), *_visible(kind, viewer)).group_by(Customer.currency)


# --- What a filter can be set to ---------------------------------------------------------------------------------------


def names(kind: Kind, filters: Filters) -> dict[str, str]:
    """What the chosen filters are called, in one query; nothing is asked when nothing was chosen."""
    wanted: dict[str, Any] = {}
    for name, model, value in (
        ("customer", Customer, filters.customer),
        ("project", Project, filters.project),
        ("user", User, filters.user),
    ):
        if value:
            wanted[name] = select(model.name).where(model.id == value).scalar_subquery()
    if filters.activity and kind.work_model is not None:
        wanted["activity"] = select(kind.work_model.name).where(kind.work_model.id == filters.activity).scalar_subquery()
    if not wanted:
        return {}
    found = db.session.execute(select(*(value.label(name) for name, value in wanted.items()))).mappings().one()
    return {name: found[name] for name in wanted if found[name]}


def choices(kind: Kind, name: str, filters: Filters, find: str) -> list[tuple[int, str, str]]:
    """What a filter can be set to: id, name and a second line, at most forty, those still in use first."""
    if name == "customer":
        return _choices(Customer, Customer.number, [Customer.name, Customer.number], find)
    if name == "project":
        within = [Project.customer_id == filters.customer] if filters.customer else []
        return _choices(Project, Customer.name, [Project.name, Project.code, Customer.name], find, within, customer=True)
    if name == "user":
        return _choices(User, literal(""), [User.name, User.email], find)
    model = kind.work_model
    return _choices(model, model.code, [model.name, model.code], find) if model is not None else []


def _choices(
    model: Any, second: Any, places: list[Any], find: str, within: Sequence[ColumnElement[bool]] = (), customer: bool = False
) -> list[tuple[int, str, str]]:
    query = select(model.id, model.name, second).select_from(model)
    if customer:
        query = query.join(Customer, Customer.id == Project.customer_id)
    if find:
        query = query.where(or_(*(place.icontains(find, autoescape=True) for place in places)))
    rows = db.session.execute(query.where(*within).order_by(model.active.desc(), model.name, model.id).limit(CHOICES))
    return [(row[0], row[1], row[2]) for row in rows]
