"""What the pages for expenses and trips show. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, TypeVar

from flask import g
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, func, or_, select

from blueprints import formats, rights
from blueprints.listing import Listing
from blueprints.register import permits
from blueprints.register.queries import Record, shown_status
from invoicing.links import Claim, claims
from models import Customer, Expense, ExpenseCategory, Project, Receipt, Trip, VatRegime, Vehicle, db

Cost = TypeVar("Cost", Expense, Trip)
SORTS = ("date", "customer", "status")


@dataclass(frozen=True, slots=True)
class CostLine:
    """A line of a list of expenses or trips; `lock` says why it cannot be changed."""

    id: int
    date: date
    customer: str
    project: str
    what: str
    note: str
    figure: str
    billable: bool
    status: str
    lock: str
    receipts: int = 0
    reimbursable: bool = False


@dataclass(frozen=True, slots=True)
class CostList:
    lines: list[CostLine]
    total: int


def expense_list(person_id: int, listing: Listing) -> CostList:
    """A page of a person's expenses."""
    receipts = select(func.count()).where(Receipt.expense_id == Expense.id).correlate(Expense).scalar_subquery()
    statement = (
        select(
            Expense.id,
            Expense.date,
            Expense.quantity_e4,
            Expense.unit_price_e4,
            Expense.note,
            Expense.billable,
            Expense.reimbursable,
            Expense.status,
            Customer.name.label("customer"),
            Project.name.label("project"),
            ExpenseCategory.name.label("category"),
            receipts.label("receipts"),
        )
        .join(Customer, Customer.id == Expense.customer_id)
        .join(ExpenseCategory, ExpenseCategory.id == Expense.category_id)
        .outerjoin(Project, Project.id == Expense.project_id)
        .where(Expense.user_id == person_id)
        .order_by(*_order(listing, Expense))
        .limit(listing.size)
        .offset(listing.offset)
    )
    records = db.session.execute(statement).all()
    claimed = claims("expense", [record.id for record in records])
    lines = [_expense_line(record, claimed.get(record.id)) for record in records]
    return CostList(lines, _count(Expense, person_id))


def _expense_line(record: Record, claim: Claim | None) -> CostLine:
    lock = permits.lock_of(record.status, claim)
    return CostLine(
        id=record.id,
        date=record.date,
        customer=record.customer,
        project=record.project or "",
        what=record.category,
        note=record.note,
        figure=formats.money(cents_of(record.quantity_e4, record.unit_price_e4)),
        billable=record.billable,
        status=shown_status(record.status, claim),
        lock=lock.sentence if lock else "",
        receipts=record.receipts,
        reimbursable=record.reimbursable,
    )


def cents_of(quantity_e4: int, unit_price_e4: int) -> int:
    """What was paid, in cents."""
    return int((Decimal(quantity_e4) * unit_price_e4 / 1_000_000).quantize(Decimal(1), ROUND_HALF_UP))


def trip_list(person_id: int, listing: Listing) -> CostList:
    """A page of a person's trips."""
    statement = (
        select(
            Trip.id,
            Trip.date,
            Trip.origin,
            Trip.destination,
            Trip.distance_km10,
            Trip.is_return,
            Trip.kind,
            Trip.note,
            Trip.billable,
            Trip.status,
            Customer.name.label("customer"),
            Project.name.label("project"),
        )
        .join(Customer, Customer.id == Trip.customer_id)
        .outerjoin(Project, Project.id == Trip.project_id)
        .where(Trip.user_id == person_id)
        .order_by(*_order(listing, Trip))
        .limit(listing.size)
        .offset(listing.offset)
    )
    records = db.session.execute(statement).all()
    claimed = claims("trip", [record.id for record in records])
    return CostList([_trip_line(record, claimed.get(record.id)) for record in records], _count(Trip, person_id))


def _trip_line(record: Record, claim: Claim | None) -> CostLine:
    lock = permits.lock_of(record.status, claim)
    route = _("%(origin)s to %(destination)s", origin=record.origin, destination=record.destination)
    if record.is_return:
        route = _("%(origin)s to %(destination)s and back", origin=record.origin, destination=record.destination)
    return CostLine(
        id=record.id,
        date=record.date,
        customer=record.customer,
        project=record.project or "",
        what=route,
        note=record.note,
        figure=_("%(distance)s km", distance=formats.kilometres(record.distance_km10 * (2 if record.is_return else 1))),
        billable=record.billable,
        status=shown_status(record.status, claim),
        lock=lock.sentence if lock else "",
    )


def _order(listing: Listing, table: type[Expense] | type[Trip]) -> list[ColumnElement[Any]]:
    columns: dict[str, list[Any]] = {"date": [table.date], "customer": [Customer.name, table.date], "status": [table.status, table.date]}
    return [*listing.order_by(columns), table.id.desc()]


def _count(table: type[Expense] | type[Trip], person_id: int) -> int:
    return db.session.scalar(select(func.count()).select_from(table).where(table.user_id == person_id)) or 0


# --- One expense, one trip --------------------------------------------------------------------------------------------------------


def expense(expense_id: int) -> Expense:
    """An expense to look at or edit. Raises Missing when it is not there or not this person's to see."""
    return _visible(db.session.get(Expense, expense_id))


def trip(trip_id: int) -> Trip:
    """A trip to look at or edit. Raises Missing when it is not there or not this person's to see."""
    return _visible(db.session.get(Trip, trip_id))


def _visible(row: Cost | None) -> Cost:
    if row is None or (row.user_id != g.user.id and not rights.may("all_registrations")):
        raise permits.Missing
    return row


def receipts(expense_id: int) -> list[Record]:
    """The files beside an expense, without their bytes."""
    columns = select(Receipt.id, Receipt.filename, Receipt.size_bytes)
    return list(db.session.execute(columns.where(Receipt.expense_id == expense_id).order_by(Receipt.id)))


def receipt(expense_id: int, receipt_id: int) -> Record:
    """A file with its bytes. Raises Missing."""
    expense(expense_id)
    columns = select(Receipt.filename, Receipt.content_type, Receipt.content)
    found = db.session.execute(columns.where(Receipt.id == receipt_id, Receipt.expense_id == expense_id)).first()
    if found is None:
        raise permits.Missing
    return found


# --- What can be chosen -----------------------------------------------------------------------------------------------------------


def category_choices(chosen: int | None) -> dict[str, str]:
    """Active categories, and the one an expense has already."""
    columns = select(ExpenseCategory.id, ExpenseCategory.name).order_by(ExpenseCategory.name)
    rows = db.session.execute(columns.where(or_(ExpenseCategory.active, ExpenseCategory.id == (chosen or 0))))
    return {str(row.id): row.name for row in rows}


def category(category_id: int | None) -> ExpenseCategory | None:
    return db.session.get(ExpenseCategory, category_id) if category_id else None


def purchase_vat_choices(current_bp: int | None) -> dict[str, str]:
    """The VAT percentages that a receipt can show, as basis points."""
    rows = db.session.scalars(select(VatRegime.percentage_bp).where(VatRegime.percentage_bp > 0, VatRegime.active).distinct())
    percentages = {row for row in rows if row is not None} | ({current_bp} if current_bp else set())
    return {"none": _("No VAT")} | {str(bp): formats.percentage(bp) for bp in sorted(percentages, reverse=True)}


def vehicle_choices(chosen: int | None) -> dict[str, str]:
    """Active vehicles, and the one a trip has already."""
    rows = db.session.execute(
        select(Vehicle.id, Vehicle.name, Vehicle.plate)
        .where(or_(Vehicle.active, Vehicle.id == (chosen or 0)))
        .order_by(Vehicle.name, Vehicle.id)
    )
    return {str(row.id): f"{row.name} ({row.plate})" if row.plate else row.name for row in rows}
