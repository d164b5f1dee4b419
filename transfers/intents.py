"""Writing the intents of one press on "Create invoices", from a page or the command line: claims first, calls later.

Each customer is a transaction of its own, so that one that cannot be claimed never blocks another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

import audit
import checks
from invoicing import links, plan
from invoicing.links import AlreadyClaimed, Claim
from invoicing.plan import Options, PlannedInvoice, Preview
from invoicing.selection import Ref
from models import Batch, Connection, Customer, FormToken, Transfer, User, db, rows_changed
from transfers import customers, ledger, new_customers


@dataclass(frozen=True, slots=True)
class Seen:
    """What a person saw of one invoice before pressing the button."""

    hash: str
    gross_cents: int
    rows: int


@dataclass(frozen=True, slots=True)
class Change:
    """An invoice that is no longer what was seen. `now_*` are None when it would not be made any more."""

    name: str
    seen: Seen
    now_gross_cents: int | None
    now_rows: int | None


class GroundChanged(Exception):
    """What was previewed is not what would be made now; nothing was written."""

    def __init__(self, changes: Sequence[Change]) -> None:
        super().__init__(f"{len(changes)} invoices changed since the preview")
        self.changes = tuple(changes)


class NothingToDo(Exception):
    """There is no invoice to make; nothing was written."""


class CannotRetry(Exception):
    """The transfer is not one that may be tried again; `reason` says why."""

    def __init__(self, reason: str, claims: Iterable[Claim] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.claims = tuple(claims)


def compare(preview: Preview, seen: Mapping[str, Seen]) -> list[Change]:
    """In what the preview of now differs from what somebody saw, for the invoices that were to be made."""
    by_key = {invoice.key: invoice for invoice in preview.invoices}
    changes = []
    for key, was in seen.items():
        invoice = by_key.get(key)
        if invoice is None:
            changes.append(Change("", was, None, None))
        elif invoice.problems or invoice.hash != was.hash:
            possible = not invoice.problems
            changes.append(
                Change(
                    invoice.customer.name, was, invoice.totals.gross_cents if possible else None, len(invoice.takes) if possible else None
                )
            )
    return changes


def create(
    connection: Connection,
    refs: Sequence[Ref],
    options: Options,
    seen: Mapping[str, Seen] | None,
    user: User | None,
    now: datetime,
    source: str = "reports",
    token: str = "",
) -> Batch:
    """Writes the batch and one transfer per invoice that was seen and is still the same (all that are ready when `seen` is None).

    Raises GroundChanged or NothingToDo with nothing written. Work that somebody else claimed at the same moment becomes a
    skipped row of the batch, with who has it. A `token` that was used before gets the batch that it made.
    """
    if (before := batch_of_token(user, token)) is not None:
        return before
    preview = plan.preview(connection, refs, options)
    if seen is not None and (changes := compare(preview, seen)):
        raise GroundChanged(changes)
    chosen = [invoice for invoice in preview.ready if seen is None or invoice.key in seen]
    if not chosen:
        raise NothingToDo
    skipped = [_skipped(invoice) for invoice in preview.invoices if invoice not in chosen and invoice.problems]
    skipped += [{"name": "", "reason": out.reason, "params": {}, "rows": len(out.refs)} for out in preview.left_out]
    connection_id, user_id = connection.id, user.id if user else None
    batch = Batch(
        connection_id=connection_id,
        requested_by_id=user_id,
        source=source,
        options={
            "per": options.per,
            "lines": options.lines,
            "date": options.on.isoformat(),
            "reference": options.reference,
            "send": options.send,
        },
        skipped=skipped,
        created_at=now,
    )
    db.session.add(batch)
    db.session.flush()
    if token and user:
        db.session.add(FormToken(user_id=user.id, token=token, location=str(batch.id), created_at=now))
    audit.record(user, "invoices_requested", "batch", batch.id, now, connection=connection.vendor, invoices=len(chosen))
    batch_id = batch.id
    try:
        db.session.commit()
    except IntegrityError:  # the same press, twice at the same moment
        db.session.rollback()
        before = batch_of_token(db.session.get(User, user_id or 0), token)
        if before is None:
            raise
        return before
    late = []
    for invoice in chosen:
        try:
            _write_one(connection_id, invoice, batch_id, user_id, options.send, now)
        except AlreadyClaimed as error:
            late.append(_skipped(invoice, "being_invoiced_by", _who(error.claims), error.claims))
        except links.StaleSources:
            late.append(_skipped(invoice, "changed_meanwhile"))
    batch = db.session.get_one(Batch, batch_id)
    if late:
        batch.skipped = [*batch.skipped, *late]
        db.session.commit()
    return batch


def batch_of_token(user: User | None, token: str) -> Batch | None:
    """The batch that this form already made: a press that comes twice gets its first result."""
    if not token or user is None:
        return None
    kept = db.session.scalar(select(FormToken.location).where(FormToken.user_id == user.id, FormToken.token == token))
    return db.session.get(Batch, int(kept)) if kept else None


def _write_one(connection_id: int, invoice: PlannedInvoice, batch_id: int, user_id: int | None, send: bool, now: datetime) -> int:
    """T1: transfer, frozen payload and claims, in one transaction.

    A key that is taken may be that of the customer, who is about to be made there for somebody else's work: then once more.
    """
    try:
        return _write_once(connection_id, invoice, batch_id, user_id, send, now)
    except AlreadyClaimed as error:
        if error.claims:
            raise
    return _write_once(connection_id, invoice, batch_id, user_id, send, now)


def _write_once(connection_id: int, invoice: PlannedInvoice, batch_id: int, user_id: int | None, send: bool, now: datetime) -> int:
    customer_id = invoice.payload["customer"]["id"]
    try:
        links.lock_unchanged(invoice.payload["sources"])
        user = db.session.get(User, user_id) if user_id else None
        before = _customer_transfer(connection_id, customer_id, batch_id, user, now) if invoice.payload["create_customer"] else None
        key = ledger.op_key(connection_id, "invoice", customer_id, [(take.source_type, take.source_id) for take in invoice.takes])
        transfer = ledger.write_intent(
            kind="invoice",
            connection_id=connection_id,
            customer_id=customer_id,
            payload=invoice.payload,
            key=key,
            user=user,
            now=now,
            send=send,
            batch_id=batch_id,
            waits_for_id=before,
        )
        links.reserve(transfer, invoice.takes, now)
        transfer_id = transfer.id
        db.session.commit()
    except IntegrityError:  # the same wish at the same moment: its key is taken, and so are its sources
        db.session.rollback()
        raise AlreadyClaimed(links.who_has(invoice.takes)) from None
    except (AlreadyClaimed, links.StaleSources):
        db.session.rollback()
        raise
    return transfer_id


def _customer_transfer(connection_id: int, customer_id: int, batch_id: int | None, user: User | None, now: datetime) -> int:
    """The intent to create this customer there: one per customer and connection, however many invoices wait for it.

    One that was done once, and whose record there was unlinked since, is of the past: it makes room for a new one.
    """
    key = ledger.op_key(connection_id, "customer", customer_id, [])
    existing = db.session.scalar(select(Transfer).where(Transfer.op_key == key, Transfer.state.not_in(("rejected", "released"))))
    if existing is not None and existing.state != "done":
        return existing.id
    if existing is not None:
        ledger.move(ledger.snapshot(existing), "released", now, reason="unlinked", commit=False, remote_id=None)
    customer = db.session.get_one(Customer, customer_id)
    if not customer.number:  # the next free one, as the preview proposed
        customer.number = customers.propose_number()
        customer.number_key = checks.number_key(customer.number)
    payload = new_customers.payload_of(customer)
    transfer = ledger.write_intent(
        kind="customer",
        connection_id=connection_id,
        customer_id=customer_id,
        payload=payload,
        key=key,
        user=user,
        now=now,
        batch_id=batch_id,
    )
    return transfer.id


def _skipped(
    invoice: PlannedInvoice, reason: str = "", params: Mapping[str, Any] | None = None, claims: Sequence[Claim] = ()
) -> dict[str, Any]:
    problem = invoice.problems[0] if invoice.problems and not reason else None
    return {
        "customer_id": invoice.customer.id,
        "name": invoice.payload["customer"]["name"],
        "number": invoice.payload["customer"]["number"],
        "reason": problem.code if problem else reason,
        "params": dict(problem.params) if problem else dict(params or {}),
        "rows": len(invoice.takes),
        "gross_cents": invoice.totals.gross_cents,
        "transfer_id": claims[0].transfer_id if claims else None,
    }


def _who(claims: Sequence[Claim]) -> dict[str, Any]:
    first = claims[0] if claims else None
    return {
        "name": first.user_name if first else "",
        "since": first.since.isoformat() if first else "",
        "transfer": first.transfer_id if first else 0,
    }


# --- Once more ------------------------------------------------------------------------------------------------------------------


def retry(transfer_id: int, user: User | None, now: datetime) -> None:
    """Tries a refused transfer again: the same marker, its sources claimed again, the payload built anew from them. Commits.

    Whoever asks answers for it from now on. Raises CannotRetry: `not_failed`, `sources_claimed` (with who has them),
    `changed_meanwhile`, or the reason why the plan cannot be made now; FenceLost when somebody else tried it at the same moment.
    """
    transfer = db.session.get(Transfer, transfer_id)
    if transfer is None or transfer.state != "rejected":
        raise CannotRetry("not_failed")
    invoice = _planned_again(transfer) if transfer.kind == "invoice" else None
    job = ledger.snapshot(transfer)
    try:
        if invoice is not None:
            links.lock_unchanged(invoice.payload["sources"])
        values = _anew(transfer, invoice, user, now)
        ledger.move(job, "queued", now, reason="retried", commit=False, by=user.id if user else None, **values)
        if invoice is not None:
            links.reserve(db.session.get_one(Transfer, transfer_id), invoice.takes, now)
        audit.record(user, "transfer_retried", "transfer", transfer_id, now)
        db.session.commit()
    except links.StaleSources:
        db.session.rollback()
        raise CannotRetry("changed_meanwhile") from None
    except AlreadyClaimed as error:
        db.session.rollback()
        raise CannotRetry("sources_claimed", error.claims) from None
    except IntegrityError:
        db.session.rollback()
        raise CannotRetry("sources_claimed") from None


def _anew(transfer: Transfer, invoice: PlannedInvoice | None, user: User | None, now: datetime) -> dict[str, Any]:
    """The values of a transfer that begins again: what it sends as things are now, and nothing left of what was decided before."""
    values: dict[str, Any] = {"backoffs": 0, "resends": 0, "searches": 0, "deaths": 0, "stage": "create", "accepts_remote_totals": False}
    values |= {"remote_id": None, "remote_number": "", "remote_state": ""}
    values |= {"remote_net_cents": None, "remote_vat_cents": None, "remote_gross_cents": None}
    if user is not None:
        values["requested_by_id"] = user.id
    if invoice is None:
        payload = new_customers.payload_of(db.session.get_one(Customer, transfer.customer_id))
        return values | {"payload": payload, "payload_hash": plan.payload_hash(payload)}
    creates = invoice.payload["create_customer"]
    ids = (transfer.connection_id or 0, transfer.customer_id or 0, transfer.batch_id)
    values["waits_for_id"] = _customer_transfer(*ids, user, now) if creates else None
    values |= {"payload": invoice.payload, "payload_hash": invoice.hash, "net_cents": invoice.totals.net_cents}
    return values | {"vat_cents": invoice.totals.vat_cents, "gross_cents": invoice.totals.gross_cents}


def _planned_again(transfer: Transfer) -> PlannedInvoice:
    payload = transfer.payload
    options = Options(
        per=payload["per"],
        lines=payload["lines_per"],
        on=date.fromisoformat(payload["date"]),
        reference=payload["reference"],
        text=payload["text"],
        send=transfer.send,
    )
    refs = [(source[0], source[1]) for source in payload["sources"]]
    connection = db.session.get_one(Connection, transfer.connection_id)
    preview = plan.preview(connection, refs, options)
    if len(preview.invoices) != 1 or preview.left_out:
        claimed = [out for out in preview.left_out if out.reason in ("already_invoiced", "being_invoiced")]
        if claimed:
            taken = [links.Taken(kind, key, 0, 0, "") for out in claimed for kind, key in out.refs]
            raise CannotRetry("sources_claimed", links.who_has(taken))
        raise CannotRetry(preview.left_out[0].reason if preview.left_out else "sources_changed")
    invoice = preview.invoices[0]
    if invoice.problems:
        raise CannotRetry(invoice.problems[0].code)
    return invoice


def cancel(transfer_id: int, user: User | None, now: datetime) -> bool:
    """Withdraws a transfer that has not been sent at all; its work is free again. False when it is too late. Commits."""
    transfer = db.session.get(Transfer, transfer_id)
    if transfer is None or transfer.state != "queued" or transfer.attempt:
        return False
    ledger.move(ledger.snapshot(transfer), "released", now, reason="cancelled", commit=False, by=user.id if user else None)
    audit.record(user, "transfer_cancelled", "transfer", transfer_id, now)
    db.session.commit()
    return True


def check_now(transfer_id: int, now: datetime) -> bool:
    """Somebody asks to look at once: a waiting transfer is due now, a finished one is read again. False when there is nothing to do.

    Looking now is not looking twice and apart: what counts as the second look is still to come.
    """
    waits = rows_changed(
        update(Transfer)
        .where(Transfer.id == transfer_id, Transfer.state.in_(("queued", "created", "checking")), Transfer.due_at > now)
        .values(due_at=now, searches=0)
    )
    again = rows_changed(
        update(Transfer).where(Transfer.id == transfer_id, Transfer.state == "done", Transfer.kind == "invoice").values(check_at=now)
    )
    db.session.commit()
    return bool(waits or again)


def unlink(transfer_id: int, user: User | None, now: datetime) -> bool:
    """The document is gone there: the work may be invoiced again; the transfer stays in the log. Commits."""
    transfer = db.session.get(Transfer, transfer_id)
    if transfer is None or transfer.state != "done" or transfer.remote_state not in ("removed", "credited"):
        return False
    ledger.move(ledger.snapshot(transfer), "released", now, reason="unlinked", commit=False, by=user.id if user else None, check_at=None)
    audit.record(user, "transfer_unlinked", "transfer", transfer_id, now, remote_state=transfer.remote_state)
    db.session.commit()
    return True
