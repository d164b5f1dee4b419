"""What the pages of Manage show. Reading only; a list costs the same number of queries however many rows it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import ColumnElement, Select, and_, func, or_, select, union_all

import checks
from blueprints.listing import Listing
from invoicing.selection import amount_of, billable_clause
from models import (
    AccountingItem,
    Activity,
    AuditEvent,
    Connection,
    Customer,
    Expense,
    ExpenseCategory,
    ExternalLink,
    Invoice,
    ItemLink,
    Project,
    ProjectActivity,
    ProjectUser,
    TaxCode,
    TimeEntry,
    Transfer,
    Trip,
    User,
    VatMapping,
    VatRegime,
    Vehicle,
    db,
)

LONGEST_SEARCH = 100
OPTIONS_SHOWN = 20
HISTORY_SHOWN = 30


def search_text(text: str) -> str:
    """What somebody looks for, without what no text holds."""
    return checks.one_line(text[:LONGEST_SEARCH], LONGEST_SEARCH)


def _active(column: Any, status: str) -> list[ColumnElement[bool]]:
    return [] if status == "all" else [column.is_(status != "archived")]


def connections() -> list[Connection]:
    """The packages that are switched on."""
    return list(db.session.scalars(select(Connection).where(Connection.state != "off").order_by(Connection.id)))


def regime_choices(nothing: str, current: int | None = None) -> list[tuple[str, str]]:
    """The VAT regimes one may choose, and the chosen one though it is no longer active."""
    rows = db.session.execute(
        select(VatRegime.id, VatRegime.name)
        .where(or_(VatRegime.active, VatRegime.id == current))
        .order_by(VatRegime.position, VatRegime.id)
    )
    return [("", nothing), *((str(row.id), row.name) for row in rows)]


# --- Customers ------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class CustomerRow:
    """A customer in the list. `links` are pairs of vendor and code there."""

    customer: Any
    projects: int = 0
    unbilled_cents: int = 0
    links: list[tuple[str, str]] = field(default_factory=list)


CUSTOMER_SORTS = {
    "name": [func.lower(Customer.name), Customer.id],
    "number": [Customer.number_key, Customer.id],
    "city": [func.lower(Customer.city), func.lower(Customer.name), Customer.id],
}


def customers(
    listing: Listing, q: str, status: str, country: str, without: int | None, with_amounts: bool
) -> tuple[list[CustomerRow], int]:
    """A page of customers and how many there are in all. `without` is a connection they have no link with."""
    conditions = _active(Customer.active, status) + _customer_search(q)
    if country:
        conditions.append(Customer.country == country)
    if without is not None:
        linked = select(ExternalLink.id).where(
            ExternalLink.connection_id == without, ExternalLink.local_type == "customer", ExternalLink.local_id == Customer.id
        )
        conditions.append(~linked.exists())
    total = db.session.scalar(select(func.count()).select_from(Customer).where(*conditions)) or 0
    found = db.session.scalars(
        select(Customer).where(*conditions).order_by(*listing.order_by(CUSTOMER_SORTS)).limit(listing.size).offset(listing.offset)
    )
    rows = {customer.id: CustomerRow(customer) for customer in found}
    for customer_id, count in _project_counts(rows):
        rows[customer_id].projects = count
    for customer_id, vendor, code in _links(rows):
        rows[customer_id].links.append((vendor, code))
    if with_amounts:
        for customer_id, cents in unbilled_cents(rows).items():
            rows[customer_id].unbilled_cents = cents
    return list(rows.values()), total


def _customer_search(q: str) -> list[ColumnElement[bool]]:
    if not q:
        return []
    columns = (Customer.number, Customer.name, Customer.city, Customer.email, Customer.contact_last_name)
    return [or_(*(column.icontains(q, autoescape=True) for column in columns))]


def _project_counts(ids: Iterable[int]) -> Iterable[Any]:
    wanted = select(Project.customer_id, func.count()).where(Project.customer_id.in_(list(ids)), Project.active)
    return db.session.execute(wanted.group_by(Project.customer_id))


def _links(ids: Iterable[int]) -> Iterable[Any]:
    return db.session.execute(
        select(ExternalLink.local_id, Connection.vendor, ExternalLink.external_code)
        .join(Connection, Connection.id == ExternalLink.connection_id)
        .where(ExternalLink.local_type == "customer", ExternalLink.local_id.in_(list(ids)))
        .order_by(Connection.id)
    )


def customer_countries() -> list[str]:
    return list(db.session.scalars(select(Customer.country).distinct().order_by(Customer.country)))


def unbilled_cents(customer_ids: Iterable[int]) -> dict[int, int]:
    """Net cents of work that may be billed now and is not, per customer: the sum of what the lists show per row."""
    ids = list(customer_ids)
    parts = [
        select(TimeEntry.customer_id, amount_of("time").label("cents")).where(TimeEntry.customer_id.in_(ids), billable_clause("time")),
        select(Trip.customer_id, amount_of("trip").label("cents")).where(Trip.customer_id.in_(ids), billable_clause("trip")),
        select(Expense.customer_id, amount_of("expense").label("cents"))
        .join(ExpenseCategory, ExpenseCategory.id == Expense.category_id)
        .where(Expense.customer_id.in_(ids), billable_clause("expense")),
    ]
    rows = union_all(*parts).subquery()
    sums = db.session.execute(select(rows.c.customer_id, func.sum(rows.c.cents)).group_by(rows.c.customer_id))
    return {customer_id: int(cents or 0) for customer_id, cents in sums}


def customer_links(customer_id: int) -> list[Any]:
    """Where a customer is known: rows of vendor, code, name there, since when, and missing since."""
    return list(
        db.session.execute(
            select(
                Connection.vendor,
                ExternalLink.external_code,
                ExternalLink.external_name,
                ExternalLink.linked_at,
                ExternalLink.missing_since_at,
            )
            .join(Connection, Connection.id == ExternalLink.connection_id)
            .where(ExternalLink.local_type == "customer", ExternalLink.local_id == customer_id)
            .order_by(Connection.id)
        )
    )


def customer_projects(customer_id: int) -> list[Project]:
    return list(
        db.session.scalars(
            select(Project).where(Project.customer_id == customer_id).order_by(Project.active.desc(), func.lower(Project.name)).limit(50)
        )
    )


def customer_with_number(number: str, but: int | None = None) -> Customer | None:
    """Who has this number, compared as numbers are."""
    key = checks.number_key(number)
    return db.session.scalar(select(Customer).where(Customer.number_key == key, Customer.number_key != "", Customer.id != (but or 0)))


def label(customer: Customer) -> str:
    """How a customer is written where it is chosen: number and name."""
    return f"{customer.number} {customer.name}" if customer.number else customer.name


def customer_options(q: str) -> list[str]:
    """The first customers that somebody may mean."""
    rows = db.session.scalars(
        select(Customer).where(Customer.active, *_customer_search(q)).order_by(func.lower(Customer.name), Customer.id).limit(OPTIONS_SHOWN)
    )
    return [label(customer) for customer in rows]


def customer_named(text: str) -> Customer | None:
    """The one customer that is written so: number and name, number, or name."""
    text = " ".join(text.split())
    whole = (Customer.number + " " + Customer.name) == text
    key = checks.number_key(text)
    rows = list(
        db.session.scalars(
            select(Customer).where(or_(whole, Customer.number_key == key, func.lower(Customer.name) == text.lower())).limit(20)
        )
    )
    for matches in (lambda row: label(row) == text, lambda row: row.number_key == key, lambda row: row.active, lambda row: True):
        found = [row for row in rows if matches(row)]
        if found:
            return found[0] if len(found) == 1 else None
    return None


# --- Projects -------------------------------------------------------------------------------------------------------------------

PROJECT_SORTS = {
    "name": [func.lower(Project.name), Project.id],
    "code": [func.lower(Project.code), Project.id],
    "customer": [func.lower(Customer.name), func.lower(Project.name), Project.id],
}


def projects(listing: Listing, q: str, status: str, customer_id: int | None) -> tuple[list[Any], int]:
    """A page of rows (project, customer number, customer name) and how many there are."""
    conditions = _active(Project.active, status)
    if customer_id is not None:
        conditions.append(Project.customer_id == customer_id)
    if q:
        columns = (Project.name, Project.code, Customer.name, Customer.number)
        conditions.append(or_(*(column.icontains(q, autoescape=True) for column in columns)))
    base = select(Project, Customer.number, Customer.name).join(Customer, Customer.id == Project.customer_id).where(*conditions)
    return _page(base, listing, PROJECT_SORTS)


def _page(base: Select[Any], listing: Listing, sorts: Mapping[str, Any]) -> tuple[list[Any], int]:
    total = db.session.scalar(select(func.count()).select_from(base.order_by(None).subquery())) or 0
    rows = db.session.execute(base.order_by(*listing.order_by(sorts)).limit(listing.size).offset(listing.offset))
    return list(rows), total


@dataclass(frozen=True, slots=True)
class Choice:
    """An activity or person that a project may have, with what the project says of it (None when it does not)."""

    id: int
    name: str
    active: bool
    usual_rate_e4: int | None
    own: Any | None
    billable: bool = False
    usual: bool = False


def project_activities(project_id: int | None) -> list[Choice]:
    """Every active activity, and what the project has beside."""
    own = and_(ProjectActivity.activity_id == Activity.id, ProjectActivity.project_id == (project_id or 0))
    rows = db.session.execute(
        select(Activity, ProjectActivity)
        .outerjoin(ProjectActivity, own)
        .where(or_(Activity.active, ProjectActivity.id.is_not(None)))
        .order_by(func.lower(Activity.name), Activity.id)
    )
    return [
        Choice(row.id, row.name, row.active, row.hourly_rate_e4, mine, row.billable, row.default_for_new_projects) for row, mine in rows
    ]


def project_members(project_id: int | None) -> list[Choice]:
    """Every active person, and whom the project has beside."""
    own = and_(ProjectUser.user_id == User.id, ProjectUser.project_id == (project_id or 0))
    rows = db.session.execute(
        select(User, ProjectUser)
        .outerjoin(ProjectUser, own)
        .where(or_(User.active, ProjectUser.id.is_not(None)))
        .order_by(func.lower(User.name), User.id)
    )
    return [Choice(row.id, row.name, row.active, row.hourly_rate_e4, mine) for row, mine in rows]


def has_work(project_id: int) -> bool:
    """Whether anything was registered on a project; its customer is then fixed."""
    found = [select(table.id).where(table.project_id == project_id).exists() for table in (TimeEntry, Expense, Trip)]
    return bool(db.session.scalar(select(or_(*found))))


# --- Activities, expense categories, vehicles, VAT --------------------------------------------------------------------------------


@dataclass(slots=True)
class LinkedRow:
    """An activity or expense category with its item per connection id."""

    row: Any
    items: dict[int, AccountingItem] = field(default_factory=dict)


def linked_rows(table: Any, local_type: str, listing: Listing, q: str, status: str, without: int | None) -> tuple[list[LinkedRow], int]:
    """A page of activities or expense categories with the items they are invoiced with."""
    conditions = _active(table.active, status)
    if q:
        conditions.append(or_(table.name.icontains(q, autoescape=True), table.code.icontains(q, autoescape=True)))
    if without is not None:
        linked = select(ItemLink.id).where(
            ItemLink.connection_id == without, ItemLink.local_type == local_type, ItemLink.local_id == table.id
        )
        conditions.append(~linked.exists())
    sorts = {"name": [func.lower(table.name), table.id], "code": [func.lower(table.code), table.id]}
    found, total = _page(select(table).where(*conditions), listing, sorts)
    rows = {row.id: LinkedRow(row) for (row,) in found}
    links = db.session.execute(
        select(ItemLink.local_id, AccountingItem)
        .join(AccountingItem, AccountingItem.id == ItemLink.item_id)
        .where(ItemLink.local_type == local_type, ItemLink.local_id.in_(list(rows)))
    )
    for local_id, item in links:
        rows[local_id].items[item.connection_id] = item
    return list(rows.values()), total


def items(connection_ids: Sequence[int], local_type: str, local_id: int | None) -> tuple[dict[int, list[AccountingItem]], dict[int, int]]:
    """Per connection what may be chosen, and what is chosen: active items, and a linked one that is gone there."""
    links = select(ItemLink).where(ItemLink.local_type == local_type, ItemLink.local_id == (local_id or 0))
    chosen = {link.connection_id: link.item_id for link in db.session.scalars(links)}
    found: dict[int, list[AccountingItem]] = {connection_id: [] for connection_id in connection_ids}
    wanted = select(AccountingItem).where(
        AccountingItem.connection_id.in_(connection_ids), or_(AccountingItem.active, AccountingItem.id.in_(list(chosen.values())))
    )
    for item in db.session.scalars(wanted.order_by(func.lower(AccountingItem.code), AccountingItem.id)):
        found[item.connection_id].append(item)
    return found, chosen


def vehicles(listing: Listing, status: str) -> tuple[list[Any], int]:
    return _page(select(Vehicle).where(*_active(Vehicle.active, status)), listing, {"name": [func.lower(Vehicle.name), Vehicle.id]})


def regimes() -> list[tuple[VatRegime, dict[int, VatMapping]]]:
    """Every VAT regime with what it is called per connection id."""
    found = [(regime, {}) for regime in db.session.scalars(select(VatRegime).order_by(VatRegime.position, VatRegime.id))]
    by_id: dict[int, dict[int, VatMapping]] = {regime.id: mappings for regime, mappings in found}
    for mapping in db.session.scalars(select(VatMapping)):
        by_id[mapping.vat_regime_id][mapping.connection_id] = mapping
    return found


def vat_mappings(regime_id: int) -> dict[int, VatMapping]:
    return {row.connection_id: row for row in db.session.scalars(select(VatMapping).where(VatMapping.vat_regime_id == regime_id))}


def tax_codes(connection_ids: Sequence[int]) -> dict[int, list[TaxCode]]:
    found: dict[int, list[TaxCode]] = {connection_id: [] for connection_id in connection_ids}
    for row in db.session.scalars(
        select(TaxCode).where(TaxCode.connection_id.in_(connection_ids)).order_by(TaxCode.percentage_bp.desc(), TaxCode.code)
    ):
        found[row.connection_id].append(row)
    return found


# --- What refers to what, and what happened ---------------------------------------------------------------------------------------


def uses(object_type: str, object_id: int) -> list[str]:
    """What refers to a record, counted in words; nothing when it may be deleted."""
    referring = _REFERRING[object_type]
    counts = [select(func.count()).select_from(column.class_).where(column == object_id) for column, _words in referring]
    if object_type == "customer":
        linked = select(func.count()).select_from(ExternalLink)
        counts.append(linked.where(ExternalLink.local_type == "customer", ExternalLink.local_id == object_id))
        referring = [*referring, (ExternalLink.local_id, _count_links)]
    numbers = db.session.execute(select(*(count.scalar_subquery() for count in counts))).one()
    return [words(number) for number, (_column, words) in zip(numbers, referring, strict=True) if number]


def _count_hours(n: int) -> str:
    return ngettext("%(num)s hour entry", "%(num)s hour entries", n)


def _count_expenses(n: int) -> str:
    return ngettext("%(num)s expense", "%(num)s expenses", n)


def _count_trips(n: int) -> str:
    return ngettext("%(num)s trip", "%(num)s trips", n)


def _count_projects(n: int) -> str:
    return ngettext("%(num)s project", "%(num)s projects", n)


def _count_invoices(n: int) -> str:
    return ngettext("%(num)s invoice", "%(num)s invoices", n)


def _count_transfers(n: int) -> str:
    return ngettext("%(num)s transfer", "%(num)s transfers", n)


def _count_links(n: int) -> str:
    return ngettext("%(num)s link to a package", "%(num)s links to packages", n)


_REFERRING: dict[str, list[tuple[Any, Any]]] = {
    "customer": [
        (Project.customer_id, _count_projects),
        (TimeEntry.customer_id, _count_hours),
        (Expense.customer_id, _count_expenses),
        (Trip.customer_id, _count_trips),
        (Invoice.customer_id, _count_invoices),
        (Transfer.customer_id, _count_transfers),
    ],
    "project": [(TimeEntry.project_id, _count_hours), (Expense.project_id, _count_expenses), (Trip.project_id, _count_trips)],
    "activity": [(TimeEntry.activity_id, _count_hours), (ProjectActivity.activity_id, _count_projects)],
    "expense_category": [(Expense.category_id, _count_expenses)],
    "vehicle": [(Trip.vehicle_id, _count_trips)],
}


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a record: what changed, as (column, old, new)."""

    at: datetime
    by: str
    action: str
    changes: list[tuple[str, Any, Any]]


def history(object_type: str, object_id: int) -> list[Event]:
    """The last things that happened to a record, newest first."""
    rows = db.session.execute(
        select(AuditEvent.at, AuditEvent.action, AuditEvent.details, User.name)
        .outerjoin(User, User.id == AuditEvent.user_id)
        .where(AuditEvent.object_type == object_type, AuditEvent.object_id == object_id)
        .order_by(AuditEvent.id.desc())
        .limit(HISTORY_SHOWN)
    )
    return [
        Event(
            row.at, row.name or _("Uurwerk"), row.action, [(name, *pair) for name, pair in (row.details or {}).get("changes", {}).items()]
        )
        for row in rows
    ]
