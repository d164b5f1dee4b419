"""What the pages of transfers show, and the work behind a transfer. A list costs the same few queries however many rows there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, and_, cast, func, literal, null, or_, select, union_all
from sqlalchemy.orm import joinedload

from blueprints.finance import wording
from blueprints.finance.filters import Filters, mentions
from blueprints.listing import Listing
from invoicing.selection import billed_km10
from models import (
    Activity,
    BillingLink,
    Connection,
    Customer,
    Expense,
    ExpenseCategory,
    Invoice,
    Project,
    RemoteCall,
    TimeEntry,
    Transfer,
    Trip,
    User,
    db,
)

WORK_PER_PAGE = 50
NOTE_LENGTH = 80
WAITS = ("queued", "uncertain", "checking", "created")
"""States that end by themselves at `due_at`."""


# --- The list -------------------------------------------------------------------------------------------------------------------

SORTS: dict[str, Any] = {
    "when": [Transfer.created_at, Transfer.id],
    "customer": [Customer.name, Transfer.id],
    "total": [Transfer.gross_cents, Transfer.id],
}


def transfers(filters: Filters, listing: Listing) -> tuple[Sequence[Row[Any]], int]:
    """One page of transfers and how many there are."""
    where = _conditions(filters)
    found = select(Transfer.id).outerjoin(Customer, Customer.id == Transfer.customer_id)
    order = listing.order_by(SORTS)
    page = found.where(*where).order_by(*order).limit(listing.size).offset(listing.offset).subquery("page")
    columns = [
        Transfer.id,
        Transfer.kind,
        Transfer.state,
        Transfer.reason,
        Transfer.marker,
        Transfer.send,
        Transfer.attempt,
        Transfer.due_at,
        Transfer.created_at,
        Transfer.remote_number,
        Transfer.remote_state,
        Transfer.net_cents,
        Transfer.gross_cents,
        Transfer.remote_gross_cents,
        Transfer.currency,
        Connection.vendor,
        Customer.name.label("customer"),
        User.name.label("requested_by"),
    ]
    query = select(*columns).join(page, page.c.id == Transfer.id).outerjoin(Connection, Connection.id == Transfer.connection_id)
    query = query.outerjoin(Customer, Customer.id == Transfer.customer_id).outerjoin(User, User.id == Transfer.requested_by_id)
    rows = db.session.execute(query.order_by(*order)).all()
    total = db.session.scalar(select(func.count()).select_from(Transfer).where(*where)) or 0
    return rows, total


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.state:
        found.append(Transfer.state.in_(wording.LABELS[filters.state]))
    if filters.package:
        found.append(Transfer.connection_id.in_(select(Connection.id).where(Connection.vendor == filters.package)))
    if filters.customer:
        found.append(Transfer.customer_id == filters.customer)
    if filters.there:
        found.append(drafts_there())
    if filters.q:
        of_customer = select(Customer.id).where(mentions(filters.q, Customer.name, Customer.number))
        found.append(or_(mentions(filters.q, Transfer.marker, Transfer.remote_number), Transfer.customer_id.in_(of_customer)))
    return found


def drafts_there() -> ColumnElement[bool]:
    """Invoices that were made in a package and wait there to be sent."""
    return and_(Transfer.kind == "invoice", Transfer.state == "done", Transfer.remote_state == "draft")


def draft_counts() -> Sequence[Row[Any]]:
    """How many drafts wait in which package."""
    query = select(Connection.vendor, func.count().label("number")).join(Transfer, Transfer.connection_id == Connection.id)
    return db.session.execute(query.where(drafts_there()).group_by(Connection.vendor).order_by(Connection.vendor)).all()


# --- One transfer ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Page:
    """A transfer with what stands around it: the mirror that came of it, and the transfer it waits for."""

    transfer: Transfer
    vendor: str | None
    invoice_id: int | None

    @property
    def is_waiting(self) -> bool:
        return self.transfer.state in WAITS


def transfer(transfer_id: int) -> Page | None:
    """One transfer with everything around it, in one query."""
    row = db.session.execute(
        select(Transfer, Invoice.id)
        .outerjoin(Invoice, Invoice.transfer_id == Transfer.id)
        .options(
            joinedload(Transfer.connection),
            joinedload(Transfer.customer),
            joinedload(Transfer.requested_by),
            joinedload(Transfer.waits_for),
            joinedload(Transfer.batch),
        )
        .where(Transfer.id == transfer_id)
    ).first()
    if row is None:
        return None
    found: Transfer = row[0]
    return Page(found, found.connection.vendor if found.connection else None, row[1])


def next_check_at(page: Transfer, now: datetime) -> datetime | None:
    """When a waiting transfer is looked at again, unless that is now."""
    return page.due_at if page.state in WAITS and page.due_at > now else None


def call(transfer_id: int, call_id: int) -> RemoteCall | None:
    """One call of a transfer, whole."""
    return db.session.scalars(select(RemoteCall).where(RemoteCall.id == call_id, RemoteCall.transfer_id == transfer_id)).first()


def calls(transfer_id: int) -> Sequence[RemoteCall]:
    """Every call of a transfer in the order in which they were made."""
    return db.session.scalars(select(RemoteCall).where(RemoteCall.transfer_id == transfer_id).order_by(RemoteCall.id)).all()


# --- The work behind it ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Work:
    """One page of the hours, expenses and trips behind a transfer, how many of each there are, and the minutes of the hours."""

    rows: Sequence[Row[Any]]
    counts: Mapping[str, int]
    minutes: int

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def work(transfer_id: int, page: int = 1) -> Work:
    """What a transfer bills, or billed before it was released. Two queries."""
    claimed = _claimed(transfer_id)
    counted = (
        select(claimed.c.source_type, func.count().label("number"), func.sum(TimeEntry.duration_minutes).label("minutes"))
        .outerjoin(TimeEntry, and_(claimed.c.source_type == "time", TimeEntry.id == claimed.c.source_id))
        .group_by(claimed.c.source_type)
    )
    counts = db.session.execute(counted).all()
    parts = [_work_of(model, name, claimed) for name, model in (("time", TimeEntry), ("expense", Expense), ("trip", Trip))]
    everything = union_all(*parts).subquery("work")
    query = select(everything).order_by(everything.c.date, everything.c.source_type, everything.c.id)
    rows = db.session.execute(query.limit(WORK_PER_PAGE).offset((page - 1) * WORK_PER_PAGE)).all() if counts else []
    return Work(rows, {row.source_type: row.number for row in counts}, sum(int(row.minutes or 0) for row in counts))


def _claimed(transfer_id: int) -> Any:
    """Each source once, however often it was claimed and released, with what it was last billed for."""
    last = (
        select(func.max(BillingLink.id).label("id"))
        .where(BillingLink.transfer_id == transfer_id)
        .group_by(BillingLink.source_type, BillingLink.source_id)
        .subquery("last")
    )
    return (
        select(BillingLink.source_type, BillingLink.source_id, BillingLink.amount_cents)
        .join(last, last.c.id == BillingLink.id)
        .subquery("claimed")
    )


def _work_of(model: Any, name: str, claimed: Any) -> Any:
    # Three selects are joined pair by pair, and PostgreSQL would take a bare null for text in the first pair.
    minutes: Any = TimeEntry.duration_minutes if model is TimeEntry else cast(null(), Integer)
    km10: Any = billed_km10() if model is Trip else cast(null(), Integer)
    what: Any = {"time": Activity.name, "expense": ExpenseCategory.name}.get(name, Trip.origin + " – " + Trip.destination)
    query = (
        select(
            model.id.label("id"),
            literal(name).label("source_type"),
            model.date.label("date"),
            what.label("what"),
            Project.name.label("project"),
            User.name.label("user"),
            func.substr(model.note, 1, NOTE_LENGTH).label("note"),
            minutes.label("minutes"),
            km10.label("km10"),
            claimed.c.amount_cents.label("amount_cents"),
        )
        .select_from(claimed)
        .join(model, and_(claimed.c.source_type == name, model.id == claimed.c.source_id))
        .join(User, User.id == model.user_id)
        .outerjoin(Project, Project.id == model.project_id)
    )
    if model is TimeEntry:
        return query.join(Activity, Activity.id == TimeEntry.activity_id)
    return query.join(ExpenseCategory, ExpenseCategory.id == Expense.category_id) if model is Expense else query
