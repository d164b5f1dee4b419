"""What the invoice pages show: our own and the mirrors, whose money is followed up elsewhere and is never added to ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Row, case, func, or_, select
from sqlalchemy.orm import joinedload, selectinload

from blueprints import formats
from blueprints.finance import wording
from blueprints.finance.filters import ORIGINS, STATUSES, Filters, mentions
from blueprints.listing import Listing
from models import AuditEvent, Connection, Customer, Invoice, Transfer, TransferEvent, User, db

SORTS: dict[str, Any] = {
    "date": [Invoice.date, Invoice.id],
    "due": [Invoice.due_on, Invoice.id],
    "number": [Invoice.series, func.coalesce(Invoice.number, ""), Invoice.id],
    "customer": [Invoice.customer_name, Invoice.id],
    "total": [Invoice.gross_cents, Invoice.id],
}
HISTORY = 30
ASKED_WITHIN = timedelta(minutes=2)
"""How long a page waits for an answer that somebody asked for."""


def status_of(today: date) -> ColumnElement[str]:
    """The status as people see it: overdue is sent, unpaid and past its day; never a mirror's, which nobody here chases."""
    is_late = (Invoice.settlement == "local") & Invoice.status.in_(("final", "sent")) & (Invoice.due_on < today)
    return case((is_late, "overdue"), (Invoice.status == "final", "sent"), else_=Invoice.status)


@dataclass(frozen=True, slots=True)
class Sums:
    """Of everything that the search and the customer leave: counts per chip, and money per currency, own and mirrors apart."""

    counts: Mapping[str, int] = field(default_factory=dict)
    shown: int = 0
    own: tuple[tuple[str, int], ...] = ()
    receivable: tuple[tuple[str, int], ...] = ()
    mirrors: tuple[tuple[str, int], ...] = ()
    open_there: tuple[tuple[str, int], ...] = ()


def invoices(filters: Filters, listing: Listing, today: date) -> Sequence[Row[Any]]:
    """One page of invoices."""
    order = listing.order_by(SORTS)
    columns = [
        Invoice.id,
        Invoice.number,
        Invoice.series,
        Invoice.origin,
        Invoice.settlement,
        Invoice.customer_name,
        Invoice.reference,
        Invoice.date,
        Invoice.due_on,
        Invoice.gross_cents,
        Invoice.currency,
        Invoice.external_status,
        Invoice.external_open_cents,
        status_of(today).label("status"),
        Transfer.remote_state,
        Connection.vendor,
    ]
    query = select(*columns).outerjoin(Transfer, Transfer.id == Invoice.transfer_id)
    query = query.outerjoin(Connection, Connection.id == Transfer.connection_id).where(*_conditions(filters, today))
    return db.session.execute(query.order_by(*order).limit(listing.size).offset(listing.offset)).all()


def sums(filters: Filters, today: date) -> Sums:
    """Counts and totals in one query. Each chip counts what it would show with the other filter left as it is."""
    status = status_of(today).label("status")
    query = (
        select(
            Invoice.origin,
            status,
            Invoice.currency,
            func.count().label("number"),
            func.sum(Invoice.gross_cents).label("gross"),
            func.sum(func.coalesce(Invoice.external_open_cents, 0)).label("open"),
        )
        .where(*_narrowed(filters))
        .group_by(Invoice.origin, status, Invoice.currency)
    )
    parts = db.session.execute(query).all()
    counts = {"all": sum(part.number for part in parts)}
    for origin in ORIGINS:
        counts[origin] = sum(part.number for part in parts if part.origin == origin and filters.status in ("", part.status))
    for one in STATUSES:
        counts[one] = sum(part.number for part in parts if part.status == one and filters.origin in ("", part.origin))
    shown = [part for part in parts if filters.origin in ("", part.origin) and filters.status in ("", part.status)]
    own = [part for part in shown if part.origin == "own"]
    mirrors = [part for part in shown if part.origin == "mirror"]
    return Sums(
        counts=counts,
        shown=sum(part.number for part in shown),
        own=_per_currency(own, "gross"),
        receivable=_per_currency([part for part in own if part.status in ("sent", "overdue")], "gross"),
        mirrors=_per_currency(mirrors, "gross"),
        open_there=_per_currency(mirrors, "open"),
    )


def _per_currency(parts: Sequence[Row[Any]], name: str) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for part in parts:
        found[part.currency] = found.get(part.currency, 0) + int(getattr(part, name) or 0)
    return tuple(sorted(found.items()))


def _conditions(filters: Filters, today: date) -> list[ColumnElement[bool]]:
    found = _narrowed(filters)
    if filters.origin:
        found.append(Invoice.origin == filters.origin)
    if filters.status:
        found.append(status_of(today) == filters.status)
    return found


def _narrowed(filters: Filters) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.customer:
        found.append(Invoice.customer_id == filters.customer)
    if filters.q:
        places = mentions(filters.q, Invoice.number, Invoice.customer_name, Invoice.customer_number, Invoice.reference)
        of_customer = select(Customer.id).where(mentions(filters.q, Customer.name, Customer.number))
        found.append(or_(places, Invoice.customer_id.in_(of_customer)))
    return found


# --- Words ----------------------------------------------------------------------------------------------------------------------


def status_text(row: Any, status: str) -> str:
    """Paid (followed up in WeFact): nobody here chases a mirror, whatever is open there."""
    if row.settlement != "external":
        return str(wording.INVOICE_STATUSES[status])
    if status == "credited":
        return _("Credited in %(package)s", package=row.series)
    return _("Paid (followed up in %(package)s)", package=row.series)


def accounting_text(row: Any, remote_state: str | None) -> str:
    """In WeFact: sent, open 277,86; nothing open is not told. Nothing for an invoice that stands in no package."""
    if not row.external_status:
        return ""
    state = "removed" if remote_state == "removed" else row.external_status
    word = str(formats.REMOTE_STATES.get(state, state))
    if not row.external_open_cents or state == "removed":
        return _("In %(package)s: %(state)s", package=row.series, state=word)
    return _("In %(package)s: %(state)s, open %(amount)s", package=row.series, state=word, amount=formats.amount(row.external_open_cents))


# --- One invoice ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Event:
    """A line of an invoice's history."""

    at: datetime
    icon: str
    colour: str
    title: str
    text: str = ""
    transfer_id: int | None = None


def invoice(invoice_id: int) -> Invoice | None:
    """The invoice with its lines, customer and transfer."""
    options = (
        selectinload(Invoice.lines),
        joinedload(Invoice.customer),
        joinedload(Invoice.transfer).joinedload(Transfer.connection),
        joinedload(Invoice.transfer).joinedload(Transfer.requested_by),
    )
    return db.session.execute(select(Invoice).where(Invoice.id == invoice_id).options(*options)).scalar_one_or_none()


def status_now(found: Invoice, today: date) -> str:
    """The status of one invoice as people see it."""
    if found.settlement == "local" and found.status in ("final", "sent") and found.due_on is not None and found.due_on < today:
        return "overdue"
    return "sent" if found.status == "final" else found.status


def vat_label(found: Invoice) -> str:
    """VAT 21% when every line has the same percentage, else VAT."""
    percentages = {line.vat_percentage_bp for line in found.lines}
    only = percentages.pop() if len(percentages) == 1 else None
    return _("VAT %(percentage)s", percentage=formats.percentage(only)) if only is not None else _("VAT")


def is_being_checked(found: Invoice, now: datetime) -> bool:
    """Whether somebody asked a moment ago to look there, and the answer is still on its way."""
    transfer = found.transfer
    if transfer is None or transfer.connection is None or transfer.connection.state != "connected" or transfer.state != "done":
        return False
    return transfer.check_at is not None and now - ASKED_WITHIN < transfer.check_at <= now


def history(found: Invoice) -> list[Event]:
    """What happened to it: the steps of its transfer and what people did, newest first, the last thirty of each."""
    events: list[Event] = []
    if found.transfer_id:
        steps = (
            select(TransferEvent, User.name)
            .outerjoin(User, User.id == TransferEvent.user_id)
            .where(TransferEvent.transfer_id == found.transfer_id, TransferEvent.state.in_(("queued", "done", "released", "attention")))
            .order_by(TransferEvent.at.desc(), TransferEvent.id.desc())
            .limit(HISTORY)
        )
        events += [_of_transfer(row[0], row[1] or "", found) for row in db.session.execute(steps)]
    audited = (
        select(AuditEvent, User.name)
        .outerjoin(User, User.id == AuditEvent.user_id)
        .where(AuditEvent.object_type == "invoice", AuditEvent.object_id == found.id)
        .order_by(AuditEvent.at.desc(), AuditEvent.id.desc())
        .limit(HISTORY)
    )
    events += [_of_audit(row[0], row[1] or "") for row in db.session.execute(audited)]
    return sorted(events, key=lambda event: event.at, reverse=True)


def _of_transfer(event: TransferEvent, who: str, found: Invoice) -> Event:
    package = found.series
    number = event.transfer_id
    if event.reason == "seen_there":
        return Event(
            event.at, "ok", "ok", _("Looked at in %(package)s", package=package), wording.sentence(event.reason, event.reason_params)
        )
    if event.reason == "removed_there":
        return Event(event.at, "warn", "warn", _("Gone in %(package)s", package=package))
    if event.state == "done":
        return Event(event.at, "ok", "ok", _("Stands in %(package)s", package=package), transfer_id=number)
    if event.state == "attention":
        text = wording.sentence(event.reason, event.reason_params, found.currency)
        return Event(event.at, "warn", "warn", _("Needed attention"), text, number)
    if event.state == "released":
        return Event(event.at, "skip", "", _("Unlinked by %(who)s", who=who or _("Uurwerk")), transfer_id=number)
    if event.reason:
        return Event(event.at, "refresh", "", _("Tried again"), transfer_id=number)
    return Event(event.at, "user", "", _("Requested by %(who)s", who=who or _("the command line")), transfer_id=number)


def _of_audit(event: AuditEvent, who: str) -> Event:
    words = str(formats.EVENTS.get(event.action, event.action.replace("_", " ").capitalize()))
    return Event(event.at, "user", "", _("%(what)s by %(who)s", what=words, who=who or _("Uurwerk")))
