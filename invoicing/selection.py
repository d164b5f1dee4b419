"""What may be billed, why the rest may not, and what each row is worth: asked of the database, for many rows at once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import cache, lru_cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, and_, case, exists, func, literal_column, null, or_, select
from sqlalchemy.orm import aliased

from invoicing.links import SOURCES, chunked
from models import BillingLink, Expense, ExpenseCategory, Organisation, Project, TimeEntry, Trip, db

Ref = tuple[str, int]
"""A row that can be billed: its source type (time, expense or trip) and its id."""

SOURCE_TYPES = tuple(SOURCES)
CHUNK = 900

ALREADY_INVOICED = "already_invoiced"
BEING_INVOICED = "being_invoiced"
WRITTEN_OFF = "written_off"
REJECTED = "work_rejected"
AFTER_DATE = "after_date"
PRIVATE_TRIP = "private_trip"
NO_INVOICING = "no_invoicing"
NOT_BILLABLE = "not_billable"
NOT_APPROVED = "not_approved"
NO_RATE = "no_rate"
DELETED = "deleted"

CLAIM = aliased(BillingLink, name="claim")
"""The link that holds a row. Join it with `holds`, outside, before using `status_of`."""

# Written out, not as parameters: only then can the partial index of the claims answer.
_CLAIMING: tuple[ColumnElement[str], ...] = (literal_column("'reserved'"), literal_column("'live'"))
_APPROVAL = {"time": Organisation.approve_hours, "expense": Organisation.approve_expenses, "trip": Organisation.approve_trips}


def reasons_of(source_type: str, ids: Iterable[int], *, until: date | None = None) -> dict[int, str]:
    """The reason code of each of these rows that may not be billed now, one query per 900 of them.

    With `until`, the last day that counts, later rows are left out as well. Rows that may be billed are not in the answer.
    """
    model = SOURCES[source_type]
    found: dict[int, str] = {}
    for part in chunked(sorted(set(ids)), CHUNK):
        rows = db.session.execute(
            select(model.id, _reason(source_type, until))
            .outerjoin(CLAIM, holds(source_type))
            .outerjoin(Project, Project.id == model.project_id)
            .where(model.id.in_(part))
        ).all()
        reasons = {row[0]: row[1] for row in rows}
        found |= {key: reasons.get(key, DELETED) for key in part if reasons.get(key, DELETED) is not None}
    return found


def _reason(source_type: str, until: date | None) -> ColumnElement[str | None]:
    """The first thing in the way: what cannot be changed comes before what somebody may still put right."""
    model = SOURCES[source_type]
    whens: list[tuple[ColumnElement[bool], str]] = [
        (CLAIM.state == "live", ALREADY_INVOICED),
        (CLAIM.state == "reserved", BEING_INVOICED),
        (model.status == "written_off", WRITTEN_OFF),
        (model.status == "rejected", REJECTED),
    ]
    if until is not None:
        whens.append((model.date > until, AFTER_DATE))
    if source_type == "trip":
        whens.append((Trip.kind == "private", PRIVATE_TRIP))
    if source_type == "time":
        whens.append((Project.invoicing_method == "none", NO_INVOICING))
    whens.append((model.billable.is_(False), NOT_BILLABLE))
    whens.append((and_(_needs_approval(source_type), model.status != "approved"), NOT_APPROVED))
    if source_type != "expense":
        whens.append((model.rate_e4.is_(None), NO_RATE))
    return case(*whens, else_=null())


@lru_cache(maxsize=16)
def billable_clause(source_type: str, *, until: date | None = None) -> ColumnElement[bool]:
    """The condition "may be billed now" on a query over the row's own table; it brings its own subqueries, no joins needed.

    It says the same as `reasons_of` being silent.
    """
    model = SOURCES[source_type]
    parts: list[ColumnElement[bool]] = [
        model.billable.is_(True),
        or_(model.status == "approved", and_(model.status.in_(("open", "submitted")), ~_needs_approval(source_type))),
        ~exists().where(BillingLink.source_type == source_type, BillingLink.source_id == model.id, BillingLink.state.in_(_CLAIMING)),
    ]
    if until is not None:
        parts.append(model.date <= until)
    if source_type == "time":
        parts.append(~_on_project_without_invoicing())
    if source_type == "trip":
        parts.append(Trip.kind != "private")
    if source_type != "expense":
        parts.append(model.rate_e4.is_not(None))
    return and_(*parts)


@cache
def holds(source_type: str) -> ColumnElement[bool]:
    """The condition that joins CLAIM to a row: the one link that reserves or bills it."""
    return and_(CLAIM.source_type == source_type, CLAIM.source_id == SOURCES[source_type].id, CLAIM.state.in_(_CLAIMING))


@cache
def status_of(source_type: str) -> ColumnElement[str]:
    """The status as people see it: invoiced or reserved when a link holds the row, else the row's own."""
    return case((CLAIM.state == "live", "invoiced"), (CLAIM.state == "reserved", "reserved"), else_=SOURCES[source_type].status)


@cache
def amount_of(source_type: str) -> ColumnElement[int | None]:
    """The value of one row in cents of the customer's currency, before sales VAT; empty where nothing is charged or no rate is known.

    Each row is rounded by itself, a half cent away from zero, so a sum over rows is the sum of what a list shows; an invoice
    line, which rounds once over its entries, can differ from it by cents. Expenses need ExpenseCategory joined.
    """
    if source_type == "time":
        cents = _divided(TimeEntry.duration_minutes * TimeEntry.rate_e4, 6_000)
        return case((and_(TimeEntry.billable, ~_on_project_without_invoicing()), cents), else_=null())
    if source_type == "trip":
        return case((and_(Trip.billable, Trip.kind != "private"), _divided(billed_km10() * Trip.rate_e4, 1_000)), else_=null())
    return case((Expense.billable, _expense_cents()), else_=null())


def billed_km10() -> ColumnElement[int]:
    """Tenths of a kilometre that count: twice the distance for a return trip."""
    return Trip.distance_km10 * case((Trip.is_return, 2), else_=1)


def _needs_approval(source_type: str) -> Any:
    return select(_APPROVAL[source_type]).where(Organisation.id == 1).scalar_subquery()


def _on_project_without_invoicing() -> ColumnElement[bool]:
    without = select(Project.id).where(Project.invoicing_method == "none").scalar_subquery()
    return func.coalesce(TimeEntry.project_id.in_(without), False)


def _divided(number: ColumnElement[int], by: int) -> ColumnElement[int]:
    """Whole numbers only. Both databases cut a quotient off towards zero, which after adding half is half up away from zero."""
    return (number + case((number < 0, -(by // 2)), else_=by // 2)) // by


def _expense_cents() -> ColumnElement[int]:
    """Quantity times price, times a fraction for purchase VAT and mark-up, rounded once: billing.expense_net in whole numbers.

    The product is in millionths of a cent. It is taken apart into cents and the rest before it meets the fraction, so that
    nothing outgrows 64 bits; the rest only matters up to its half, which is kept by counting in halves.
    """
    outside_vat = ExpenseCategory.sales_treatment == "pass_through"
    with_vat = 10_000 + func.coalesce(Expense.purchase_vat_bp, 0)
    times: ColumnElement[int] = case(
        (and_(outside_vat, Expense.vat_included), 10_000),
        (outside_vat, with_vat),
        else_=10_000 + ExpenseCategory.markup_bp,
    )
    by: ColumnElement[int] = case((and_(~outside_vat, Expense.vat_included), with_vat), else_=10_000)
    product = Expense.quantity_e4 * Expense.unit_price_e4
    size = func.abs(product, type_=BigInteger)
    halves = 2 * (size // 1_000_000) * times + (2 * (size % 1_000_000) * times) // 1_000_000
    return case((product < 0, -1), else_=1) * ((halves + by) // (2 * by))
