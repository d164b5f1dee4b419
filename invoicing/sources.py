"""Rows of the database as the records that the rules of money work on: a bounded number of queries for any number of rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import aliased

from billing.rounding import NO_ROUNDING, RoundingRule, from_cents, from_e4, to_cents
from billing.sources import Source, expense_net
from billing.vat import ItemVat, Regime, VatChoice, external_line_vat
from invoicing.links import chunked
from invoicing.selection import Ref
from models import (
    AccountingItem,
    Activity,
    Connection,
    Customer,
    Expense,
    ExpenseCategory,
    ItemLink,
    Organisation,
    Project,
    TimeEntry,
    Trip,
    User,
    VatRegime,
    Vehicle,
    db,
)

OUTSIDE = Regime("OUT", None, "outside", "O")


@dataclass(frozen=True, slots=True)
class Row:
    """A source with what the plan needs beside it: its version and status, and the item it is invoiced with."""

    source: Source
    version: int
    status: str
    item: AccountingItem | None
    vat: VatChoice


@dataclass(frozen=True, slots=True)
class _Links:
    """The items of a connection: per activity, per expense category, for trips, and for the rest."""

    activities: dict[int, AccountingItem]
    categories: dict[int, AccountingItem]
    trips: AccountingItem | None
    default: AccountingItem | None
    regimes: dict[int, Regime]
    own: Regime | None

    @property
    def outside(self) -> Regime:
        """The regime for what is passed on outside VAT: the company's own, under whatever code it was made, so that it can be mapped."""
        return next((regime for regime in self.regimes.values() if regime.kind == "outside"), OUTSIDE)


def load(connection: Connection, refs: Iterable[Ref]) -> list[Row]:
    """The rows behind these references; those that are gone are simply absent."""
    links = _links(connection)
    wanted: dict[str, list[int]] = {"time": [], "expense": [], "trip": []}
    for source_type, source_id in refs:
        wanted[source_type].append(source_id)
    organisation = db.session.get_one(Organisation, 1)
    rows: list[Row] = []
    for part in chunked(sorted(set(wanted["time"]))):
        rows += _entries(part, links, organisation)
    for part in chunked(sorted(set(wanted["expense"]))):
        rows += _expenses(part, links)
    for part in chunked(sorted(set(wanted["trip"]))):
        rows += _trips(part, links)
    return rows


def regime_of(row: VatRegime) -> Regime:
    return Regime(row.code, row.percentage_bp, row.kind)  # type: ignore[arg-type]


def _links(connection: Connection) -> _Links:
    linked = db.session.execute(
        select(ItemLink.local_type, ItemLink.local_id, AccountingItem)
        .join(AccountingItem, AccountingItem.id == ItemLink.item_id)
        .where(ItemLink.connection_id == connection.id)
    ).all()
    ids = [one for one in (connection.default_item_id, connection.trip_item_id) if one]
    others = {item.id: item for item in db.session.scalars(select(AccountingItem).where(AccountingItem.id.in_(ids)))} if ids else {}
    regimes = {row.id: regime_of(row) for row in db.session.scalars(select(VatRegime).order_by(VatRegime.position, VatRegime.id))}
    organisation = db.session.get_one(Organisation, 1)
    default = others.get(connection.default_item_id or 0)
    return _Links(
        activities={local_id: item for kind, local_id, item in linked if kind == "activity"},
        categories={local_id: item for kind, local_id, item in linked if kind == "expense_category"},
        trips=others.get(connection.trip_item_id or 0, default),
        default=default,
        regimes=regimes,
        own=regimes.get(organisation.vat_regime_id or 0),
    )


def _vat(links: _Links, item: AccountingItem | None, project: Project | None, customer: Customer, pass_through: bool = False) -> VatChoice:
    return external_line_vat(
        category=links.outside if pass_through else None,
        project=links.regimes.get(project.vat_regime_id or 0) if project else None,
        customer=links.regimes.get(customer.vat_regime_id or 0),
        item=_item_vat(item),
        default_item=_item_vat(links.default),
        organisation=links.own,
    )


def _item_vat(item: AccountingItem | None) -> ItemVat | None:
    """A product without any VAT of its own says nothing, so the choice goes on to the next in line."""
    if item is None or (not item.vat_code and item.vat_percentage_bp is None):
        return None
    return ItemVat(item.vat_code, item.vat_percentage_bp)


def vat_key(choice: VatChoice) -> str:
    """Text that is equal for lines whose VAT is added up together."""
    if choice.item_vat is not None:
        return f"item:{choice.item_vat.code}:{choice.item_vat.percentage_bp}"
    return f"regime:{choice.regime.code}" if choice.regime else "missing"


def _rule(organisation: Organisation, customer: Customer, project: Project | None) -> RoundingRule:
    """The project's rule, else the customer's, else the organisation's."""
    owners: Sequence[Project | Customer | Organisation] = [project, customer, organisation] if project else [customer, organisation]
    for owner in owners:
        if owner.rounding_minutes is not None:
            direction, scope = owner.rounding_direction or "nearest", owner.rounding_scope or "entry"
            return RoundingRule(owner.rounding_minutes, direction, scope)  # type: ignore[arg-type]
    return NO_ROUNDING


def _entries(ids: list[int], links: _Links, organisation: Organisation) -> list[Row]:
    statement = (
        select(TimeEntry, Customer, Project, Activity, User.name)
        .join(Customer, Customer.id == TimeEntry.customer_id)
        .outerjoin(Project, Project.id == TimeEntry.project_id)
        .join(Activity, Activity.id == TimeEntry.activity_id)
        .join(User, User.id == TimeEntry.user_id)
        .where(TimeEntry.id.in_(ids))
    )
    rows = []
    for entry, customer, project, activity, user_name in db.session.execute(statement):
        item = links.activities.get(activity.id, links.default)
        vat = _vat(links, item, project, customer)
        source = Source(
            kind="time",
            id=entry.id,
            customer_id=customer.id,
            date=entry.date,
            unit="hour",
            unit_price=from_e4(entry.rate_e4 or 0),
            minutes=entry.duration_minutes,
            project_id=project.id if project else None,
            project_name=project.name if project else "",
            project_code=project.code if project else "",
            activity_id=activity.id,
            activity_name=activity.name,
            user_id=entry.user_id,
            user_name=user_name,
            note=entry.note,
            item_code=item.remote_id if item else None,
            vat_key=vat_key(vat),
            currency=customer.currency,
            reference=(project.reference if project else "") or customer.invoice_reference,
            rounding=_rule(organisation, customer, project),
        )
        rows.append(Row(source, entry.version, entry.status, item, vat))
    return rows


def _expenses(ids: list[int], links: _Links) -> list[Row]:
    statement = (
        select(Expense, Customer, Project, ExpenseCategory, User.name)
        .join(Customer, Customer.id == Expense.customer_id)
        .outerjoin(Project, Project.id == Expense.project_id)
        .join(ExpenseCategory, ExpenseCategory.id == Expense.category_id)
        .join(User, User.id == Expense.user_id)
        .where(Expense.id.in_(ids))
    )
    rows = []
    for expense, customer, project, category, user_name in db.session.execute(statement):
        pass_through = category.sales_treatment == "pass_through"
        item = links.categories.get(category.id, links.default)
        vat = _vat(links, item, project, customer, pass_through)
        quantity = from_e4(expense.quantity_e4)
        net = expense_net(
            quantity,
            from_e4(expense.unit_price_e4),
            vat_included=expense.vat_included,
            purchase_vat_bp=expense.purchase_vat_bp,
            mark_up_bp=category.markup_bp,
            pass_through=pass_through,
        )
        source = Source(
            kind="expense",
            id=expense.id,
            customer_id=customer.id,
            date=expense.date,
            unit=category.unit or "piece",
            unit_price=net.unit_price,
            quantity=quantity,
            net_cents=to_cents(net.net),
            project_id=project.id if project else None,
            project_name=project.name if project else "",
            project_code=project.code if project else "",
            category_id=category.id,
            category_name=category.name,
            user_id=expense.user_id,
            user_name=user_name,
            note=expense.note,
            item_code=item.remote_id if item else None,
            vat_key=vat_key(vat),
            currency=customer.currency,
            reference=(project.reference if project else "") or customer.invoice_reference,
        )
        rows.append(Row(source, expense.version, expense.status, item, vat))
    return rows


def _trips(ids: list[int], links: _Links) -> list[Row]:
    vehicle = aliased(Vehicle)
    statement = (
        select(Trip, Customer, Project, User.name, vehicle.name)
        .join(Customer, Customer.id == Trip.customer_id)
        .outerjoin(Project, Project.id == Trip.project_id)
        .join(User, User.id == Trip.user_id)
        .outerjoin(vehicle, vehicle.id == Trip.vehicle_id)
        .where(Trip.id.in_(ids))
    )
    rows = []
    for trip, customer, project, user_name, vehicle_name in db.session.execute(statement):
        vat = _vat(links, links.trips, project, customer)
        source = Source(
            kind="trip",
            id=trip.id,
            customer_id=customer.id,
            date=trip.date,
            unit="km",
            unit_price=from_e4(trip.rate_e4 or 0),
            quantity=Decimal(trip.billed_km10).scaleb(-1),
            project_id=project.id if project else None,
            project_name=project.name if project else "",
            project_code=project.code if project else "",
            vehicle_id=trip.vehicle_id,
            vehicle_name=vehicle_name or "",
            user_id=trip.user_id,
            user_name=user_name,
            note=trip.note or f"{trip.origin} - {trip.destination}".strip(" -"),
            item_code=links.trips.remote_id if links.trips else None,
            vat_key=vat_key(vat),
            currency=customer.currency,
            reference=(project.reference if project else "") or customer.invoice_reference,
        )
        rows.append(Row(source, trip.version, trip.status, links.trips, vat))
    return rows


def money(cents: int) -> Decimal:
    """Cents as an amount with two decimals."""
    return from_cents(cents)
