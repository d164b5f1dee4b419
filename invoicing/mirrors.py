"""Mirrors: our picture of an invoice that lives, and is followed up, in a package (domain 8).

A mirror is inserted when the package says the invoice was sent. It is "paid" here, because nobody chases it from here, with the
true state and open amount beside it; it never counts as a receivable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date as Day
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select, update

from models import Customer, Invoice, InvoiceLine, Transfer, db

VENDOR_NAMES = {"wefact": "WeFact", "hostfact": "HostFact", "afas": "AFAS"}


@dataclass(frozen=True, slots=True)
class RemoteFacts:
    """What the package says of an invoice that was sent. Amounts in cents of its currency."""

    remote_id: str
    number: str
    state: str
    date: Day | None
    due_on: Day | None
    net_cents: int
    vat_cents: int
    gross_cents: int
    open_cents: int | None
    reference: str


def insert_mirror(transfer: Transfer, vendor: str, facts: RemoteFacts, now: datetime) -> Invoice:
    """Adds the mirror of a transfer, with its lines as they were sent and the totals of the package. The caller commits."""
    payload: Mapping[str, Any] = transfer.payload
    customer = db.session.get_one(Customer, transfer.customer_id)
    invoice = Invoice(
        origin="mirror",
        kind="invoice",
        series=VENDOR_NAMES[vendor],
        number=facts.number or None,
        customer_id=customer.id,
        customer_name=customer.name,
        customer_number=customer.number,
        date=facts.date or Day.fromisoformat(payload["date"]),
        due_on=facts.due_on,
        reference=facts.reference or payload.get("reference", ""),
        currency=transfer.currency,
        status="credited" if facts.state == "credited" else "paid",
        settlement="external",
        net_cents=facts.net_cents,
        vat_cents=facts.vat_cents,
        gross_cents=facts.gross_cents,
        transfer_id=transfer.id,
        external_id=facts.remote_id,
        external_status=facts.state,
        external_open_cents=facts.open_cents,
        external_checked_at=now,
        sent_at=now,
        created_at=now,
    )
    db.session.add(invoice)
    db.session.flush()
    db.session.add_all(_line(invoice.id, position, line) for position, line in enumerate(payload["lines"], start=1))
    return invoice


def _line(invoice_id: int, position: int, line: Mapping[str, Any]) -> InvoiceLine:
    return InvoiceLine(
        invoice_id=invoice_id,
        position=position,
        kind=line["kind"],
        description=line["description"],
        quantity_e4=_e4(line["quantity"]),
        unit=line["unit"],
        unit_price_e4=_e4(line["unit_price"]),
        net_cents=line["net_cents"],
        vat_percentage_bp=line["vat_bp"],
        item_code=line["item_code"],
    )


def _e4(text: str) -> int:
    return int(Decimal(text).scaleb(4))


def refresh_mirror(transfer_id: int, facts: RemoteFacts, now: datetime) -> None:
    """The state, the open amount and the number as they stand there now. The caller commits."""
    values: dict[str, Any] = {
        "external_status": facts.state,
        "external_open_cents": facts.open_cents,
        "external_checked_at": now,
        "net_cents": facts.net_cents,
        "vat_cents": facts.vat_cents,
        "gross_cents": facts.gross_cents,
        "due_on": facts.due_on,
    }
    if facts.number:
        values["number"] = facts.number
    if facts.state == "credited":
        values["status"] = "credited"
    db.session.execute(update(Invoice).where(Invoice.transfer_id == transfer_id, Invoice.origin == "mirror").values(**values))


def has_mirror(transfer_id: int) -> bool:
    return db.session.scalar(select(Invoice.id).where(Invoice.transfer_id == transfer_id)) is not None
