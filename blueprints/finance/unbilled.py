"""What is worked but not billed, per customer and per project: added up by the database, whatever the number of rows.

A row counts when everything that cannot be put right is out of the way (billable, not private, not written off, nobody's claim).
Of those, only what may be billed today is in the amounts; what still lacks a rate or approval is counted as a problem beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import CTE, ColumnElement, Select, and_, case, func, literal, null, or_, select, union_all

from blueprints import formats
from blueprints.finance.filters import Filters, until
from blueprints.listing import Listing
from invoicing import selection
from models import Customer, Expense, ExpenseCategory, Project, TimeEntry, Trip, db

MODELS: dict[str, Any] = {"time": TimeEntry, "expense": Expense, "trip": Trip}
SUMS = ("minutes", "hours_cents", "expense_cents", "trip_cents", "total_cents", "ready", "no_rate", "not_approved", "oldest")
SORTS = ("customer", "hours", "total", "oldest")


@dataclass(frozen=True, slots=True)
class Part:
    """The unbilled work of a customer or of one of its projects. Minutes and cents are of what may be billed now."""

    id: int
    name: str
    currency: str
    minutes: int
    hours_cents: int
    expense_cents: int
    trip_cents: int
    total_cents: int
    ready: int
    no_rate: int
    not_approved: int
    oldest: date | None
    number: str = ""
    active: bool = True


@dataclass(frozen=True, slots=True)
class Totals:
    """Of the whole filter, one per currency, and how many customers there are."""

    customers: int
    parts: tuple[Part, ...]


# --- Which rows, and what they are worth ----------------------------------------------------------------------------------------


def _open(kind: str, filters: Filters, customers: Iterable[int] | None) -> list[ColumnElement[bool]]:
    """What is left to bill of a kind, also where a rate or an approval is missing."""
    model = MODELS[kind]
    claim = select(selection.CLAIM.id).where(selection.holds(kind)).correlate(model)
    found: list[ColumnElement[bool]] = [
        model.billable.is_(True),
        model.status.in_(("open", "submitted", "approved")),
        model.date <= until(filters),
        ~claim.exists(),
    ]
    if kind == "trip":
        found.append(Trip.kind != "private")
    if kind == "time":
        without = select(Project.id).where(Project.invoicing_method == "none")
        found.append(or_(TimeEntry.project_id.is_(None), TimeEntry.project_id.not_in(without)))
    if filters.customer:
        found.append(model.customer_id == filters.customer)
    if filters.project:
        found.append(model.project_id == filters.project)
    if customers is not None:
        found.append(model.customer_id.in_(list(customers)))
    return found


def _per_kind(kind: str, group: str, filters: Filters, customers: Iterable[int] | None) -> Select[Any]:
    """One row per customer (or project) of one kind."""
    model = MODELS[kind]
    approval = {"time": "approve_hours", "expense": "approve_expenses", "trip": "approve_trips"}[kind]
    organisation = formats.organisation()
    needs_approval = bool(organisation and getattr(organisation, approval))
    unapproved: ColumnElement[bool] = model.status != "approved" if needs_approval else literal(False)
    rateless: ColumnElement[bool] = literal(False) if kind == "expense" else model.rate_e4.is_(None)
    ready = and_(~unapproved if needs_approval else literal(True), ~rateless if kind != "expense" else literal(True))
    cents = func.sum(case((ready, selection.amount_of(kind)), else_=0))
    minutes = func.sum(case((ready, TimeEntry.duration_minutes), else_=0)) if kind == "time" else literal(0)
    query = select(
        getattr(model, f"{group}_id").label("part_id"),
        model.customer_id.label("customer_id"),
        minutes.label("minutes"),
        *((cents if kind == name else literal(0)).label(f"{name}_cents") for name in MODELS),
        func.sum(case((ready, 1), else_=0)).label("ready"),
        func.sum(case((and_(rateless, ~unapproved) if needs_approval else rateless, 1), else_=0)).label("no_rate"),
        func.sum(case((unapproved, 1), else_=0)).label("not_approved"),
        func.min(model.date).label("oldest"),
    ).where(*_open(kind, filters, customers))
    if kind == "expense":
        query = query.join(ExpenseCategory, ExpenseCategory.id == Expense.category_id)
    return query.group_by(getattr(model, f"{group}_id"), model.customer_id)


def _added(group: str, filters: Filters, customers: Iterable[int] | None = None) -> CTE:
    """The three kinds together, one row per customer or project."""
    kinds = union_all(*(_per_kind(kind, group, filters, customers) for kind in MODELS)).subquery("kinds")
    total = kinds.c.time_cents + kinds.c.expense_cents + kinds.c.trip_cents
    return (
        select(
            kinds.c.part_id,
            kinds.c.customer_id,
            func.sum(kinds.c.minutes).label("minutes"),
            func.sum(kinds.c.time_cents).label("hours_cents"),
            func.sum(kinds.c.expense_cents).label("expense_cents"),
            func.sum(kinds.c.trip_cents).label("trip_cents"),
            func.sum(total).label("total_cents"),
            func.sum(kinds.c.ready).label("ready"),
            func.sum(kinds.c.no_rate).label("no_rate"),
            func.sum(kinds.c.not_approved).label("not_approved"),
            func.min(kinds.c.oldest).label("oldest"),
        )
        .group_by(kinds.c.part_id, kinds.c.customer_id)
        .cte("added")
    )


# --- The page -------------------------------------------------------------------------------------------------------------------


def customers(filters: Filters, listing: Listing) -> tuple[list[Part], Totals]:
    """One page of customers with unbilled work, and the sums of all of them: one query for both."""
    added = _added("customer", filters)
    order = _order(added, listing)
    place = func.row_number().over(order_by=order).label("place")
    page = _named(added).add_columns(place).order_by(*order).limit(listing.size).offset(listing.offset).subquery("page")
    sums = (
        select(
            literal(1).label("is_sum"),
            func.count().label("id"),
            literal("").label("name"),
            literal("").label("number"),
            literal(1).label("active"),
            Customer.currency,
            *(func.sum(added.c[name]).label(name) for name in SUMS[:-1]),
            func.min(added.c.oldest).label("oldest"),
            literal(0).label("place"),
        )
        .select_from(added)
        .join(Customer, Customer.id == added.c.part_id)
        .group_by(Customer.currency)
    )
    rows = db.session.execute(union_all(select(page), sums)).all()
    parts = [_part(row) for row in sorted(rows, key=lambda row: row.place) if not row.is_sum]
    totals = sorted((_part(row) for row in rows if row.is_sum), key=lambda part: part.currency)
    return parts, Totals(sum(part.id for part in totals), tuple(totals))


def _named(added: CTE) -> Select[Any]:
    columns = [
        literal(0).label("is_sum"),
        Customer.id,
        Customer.name,
        Customer.number,
        case((Customer.active, 1), else_=0).label("active"),
        Customer.currency,
        *(added.c[name] for name in SUMS),
    ]
    return select(*columns).select_from(added).join(Customer, Customer.id == added.c.part_id)


def _order(added: CTE, listing: Listing) -> list[ColumnElement[Any]]:
    tail: list[Any] = [Customer.name, Customer.id]
    return listing.order_by(
        {
            "customer": tail,
            "hours": [added.c.minutes, *tail],
            "total": [added.c.total_cents, *tail],
            "oldest": [added.c.oldest, *tail],
        }
    )


def one(customer_id: int, filters: Filters) -> Part | None:
    """The line of one customer, or nothing when there is nothing unbilled."""
    added = _added("customer", filters, [customer_id])
    row = db.session.execute(_named(added)).first()
    return _part(row) if row else None


def projects(customer_id: int, filters: Filters) -> list[Part]:
    """The projects of one customer with unbilled work, the largest first."""
    added = _added("project", filters, [customer_id])
    query = (
        select(
            literal(0).label("is_sum"),
            Project.id,
            Project.name,
            Project.code.label("number"),
            case((Project.active, 1), else_=0).label("active"),
            Customer.currency,
            *(added.c[name] for name in SUMS),
        )
        .select_from(added)
        .join(Customer, Customer.id == added.c.customer_id)
        .outerjoin(Project, Project.id == added.c.part_id)
        .order_by(added.c.total_cents.desc(), Project.name, Project.id)
    )
    return [_part(row) for row in db.session.execute(query)]


def selected(customer_ids: Sequence[int], filters: Filters) -> tuple[Part, ...]:
    """The sums of some customers, one per currency."""
    if not customer_ids:
        return ()
    added = _added("customer", filters, customer_ids)
    query = (
        select(
            func.count().label("id"),
            Customer.currency,
            literal("").label("name"),
            literal("").label("number"),
            literal(1).label("active"),
            *(func.sum(added.c[name]).label(name) for name in SUMS[:-1]),
            null().label("oldest"),
        )
        .select_from(added)
        .join(Customer, Customer.id == added.c.part_id)
        .group_by(Customer.currency)
        .order_by(Customer.currency)
    )
    return tuple(_part(row) for row in db.session.execute(query))


def _part(row: Any) -> Part:
    sums: Mapping[str, int] = {name: int(getattr(row, name) or 0) for name in SUMS[:-1]}
    return Part(
        id=row.id or 0,
        name=row.name or "",
        number=row.number or "",
        active=bool(row.active),
        currency=row.currency,
        oldest=row.oldest,
        **sums,
    )
