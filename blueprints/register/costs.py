"""Expenses and trips before they are saved: what they are for, what they cost, whether they are billed. Commits nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, func, select

from blueprints.register import permits
from blueprints.register.permits import Refused
from blueprints.register.receipts import MOST_RECEIPTS, Upload
from models import Customer, Expense, ExpenseCategory, Project, Receipt, Trip, Vehicle, db

MOST_KM10 = 100_000


@dataclass(frozen=True, slots=True)
class Spent:
    """An expense as somebody typed it. An empty price is the category's; VAT is the category's when `vat_by_category`."""

    project_id: int | None
    customer_id: int | None
    category_id: int
    date: date
    quantity_e4: int
    unit_price_e4: int | None
    vat_included: bool
    purchase_vat_bp: int | None
    vat_by_category: bool
    note: str
    billable: bool | None
    reimbursable: bool


@dataclass(frozen=True, slots=True)
class Travelled:
    """A trip as somebody typed it; the distance is one way, in tenths of a kilometre."""

    project_id: int | None
    customer_id: int | None
    vehicle_id: int | None
    date: date
    origin: str
    destination: str
    distance_km10: int
    is_return: bool
    kind: str
    note: str
    billable: bool | None


@dataclass(frozen=True, slots=True)
class Place:
    """What a cost is for."""

    customer_id: int
    project: Project | None

    @property
    def is_invoiced(self) -> bool:
        return self.project is None or self.project.invoicing_method != "none"


def place(person_id: int, values: Spent | Travelled, row: Expense | Trip | None = None) -> Place:
    """Where a cost belongs. Raises Refused where this person cannot register it; what `row` has already needs no new permission."""
    is_new_work = row is None or (values.project_id, values.customer_id) != (row.project_id, None if row.project_id else row.customer_id)
    if values.project_id is None:
        customer = db.session.get(Customer, values.customer_id or 0)
        if customer is None:
            raise Refused("customer_gone", "project")
        if is_new_work and not customer.active:
            raise Refused("customer_archived", "project", customer=customer.name)
        return Place(customer.id, None)
    permit = permits.for_costs(person_id, values.project_id)
    if is_new_work or row is None or values.date != row.date:
        permit.check(values.date, is_new_work=is_new_work)
    return Place(permit.project.customer_id, permit.project)


def fill_expense(expense: Expense, values: Spent, at: Place) -> None:
    """Puts what was typed on an expense, with what the category says where nothing was. Raises Refused."""
    category = db.session.get(ExpenseCategory, values.category_id)
    if category is None or (not category.active and category.id != expense.category_id):
        raise Refused("category_gone", "category")
    price = category.unit_price_e4 if values.unit_price_e4 is None else values.unit_price_e4
    if price is None:
        raise Refused("register_no_price", "unit_price", category=category.name)
    if not values.quantity_e4:
        raise Refused("register_no_quantity", "quantity")
    expense.customer_id, expense.project_id = at.customer_id, at.project.id if at.project else None
    expense.category_id, expense.date, expense.note = category.id, values.date, values.note
    expense.quantity_e4, expense.unit_price_e4, expense.vat_included = values.quantity_e4, price, values.vat_included
    expense.purchase_vat_bp = category.purchase_vat_bp if values.vat_by_category else values.purchase_vat_bp
    expense.billable = (category.billable and at.is_invoiced) if values.billable is None else values.billable
    expense.reimbursable = values.reimbursable


def check_receipts(expense_id: int | None, added: Sequence[Upload], removed: Sequence[int]) -> None:
    """Raises Refused when an expense would have too many files."""
    staying = select(func.count()).select_from(Receipt).where(Receipt.expense_id == expense_id, Receipt.id.not_in(removed))
    there = db.session.scalar(staying) if added and expense_id else 0
    if (there or 0) + len(added) > MOST_RECEIPTS:
        raise Refused("receipt_many", "receipts", most=MOST_RECEIPTS)


def keep_receipts(expense: Expense, added: Sequence[Upload], removed: Sequence[int], now: datetime) -> None:
    """Adds files to an expense that has an id, and removes others."""
    if removed:
        db.session.execute(delete(Receipt).where(Receipt.expense_id == expense.id, Receipt.id.in_(removed)))
    for file in added:
        db.session.add(
            Receipt(
                expense_id=expense.id,
                filename=file.filename,
                content_type=file.content_type,
                size_bytes=len(file.content),
                content=file.content,
                created_at=now,
            )
        )


def fill_trip(trip: Trip, values: Travelled, at: Place) -> None:
    """Puts what was typed on a trip. Raises Refused."""
    if not 0 < values.distance_km10 <= MOST_KM10:
        raise Refused("register_no_distance", "distance")
    if values.kind == "private" and values.billable:
        raise Refused("register_private_trip", "billable")
    vehicle = db.session.get(Vehicle, values.vehicle_id) if values.vehicle_id else None
    if values.vehicle_id and (vehicle is None or (not vehicle.active and vehicle.id != trip.vehicle_id)):
        raise Refused("vehicle_gone", "vehicle")
    trip.customer_id, trip.project_id = at.customer_id, at.project.id if at.project else None
    trip.vehicle_id, trip.date, trip.note = values.vehicle_id, values.date, values.note
    trip.origin, trip.destination, trip.distance_km10 = values.origin, values.destination, values.distance_km10
    trip.is_return, trip.kind = values.is_return, values.kind
    trip.billable = (values.kind == "business" and at.is_invoiced) if values.billable is None else values.billable
