"""What `flask invoice` does: everything that may be billed, queued as the dialog would with the defaults of the connection.

It reads the package only to find out which customers it knows; making and sending invoices is the worker's.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import func, select

import checks
from invoicing import plan, selection
from invoicing.links import chunked
from invoicing.plan import Options, PlannedInvoice
from invoicing.selection import Ref
from models import AT_REST, Batch, Connection, Customer, CustomerMatch, Expense, TimeEntry, Transfer, Trip, db, read_only
from transfers import customers, intents
from transfers.wire import WorkerContext

MODELS: dict[str, Any] = {"time": TimeEntry, "expense": Expense, "trip": Trip}
QUESTIONS = ("match_question", "name_differs", "looking", "look_up_failed")
"""What a person has to answer in the preview before this customer can be invoiced."""

LOOK_UP_SECONDS = 30
POLL_SECONDS = 0.5
GOOD = ("queued", "done")


class Unknown(ValueError):
    """Somebody named a customer or hours that do not exist; the text is the sentence."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: rows to bill, and those that were named but may not be billed, per customer and reason."""

    refs: tuple[Ref, ...]
    left: tuple[tuple[int, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """One line: an invoice, or something that was left out. Amounts in cents."""

    customer: str
    name: str
    outcome: str
    reason: str
    rows: int
    transfer: int | None = None
    remote_number: str = ""
    net_cents: int = 0
    vat_cents: int = 0
    gross_cents: int = 0
    currency: str = "EUR"

    def as_json(self, with_transfer: bool) -> dict[str, Any]:
        found: dict[str, Any] = {"customer": self.customer, "name": self.name}
        found |= {"transfer": self.transfer} if with_transfer else {}
        found |= {"outcome": self.outcome, "reason": self.reason, "remote_number": self.remote_number}
        found |= {"net": money(self.net_cents), "vat": money(self.vat_cents), "gross": money(self.gross_cents)}
        return found | {"currency": self.currency, "rows": self.rows}


def money(cents: int) -> str:
    """A decimal number with two places."""
    return f"{Decimal(cents).scaleb(-2):.2f}"


@contextmanager
def only_looking() -> Iterator[None]:
    """Reading without taking the write lock, so that the worker can go on meanwhile."""
    token = read_only.set(True)
    try:
        yield
    finally:
        db.session.rollback()
        read_only.reset(token)


# --- What to bill ---------------------------------------------------------------------------------------------------------------


def customers_numbered(numbers: Iterable[str]) -> list[int]:
    """The customers with these numbers. Raises Unknown."""
    wanted = {checks.number_key(number): number for number in numbers}
    found = dict(
        db.session.execute(select(Customer.number_key, Customer.id).where(Customer.number_key.in_([key for key in wanted if key]))).all()
    )
    if missing := [number for key, number in wanted.items() if key not in found]:
        raise Unknown(f"There is no customer with number {', '.join(missing)}. Look under Manage, Customers; nothing was done.")
    return sorted(found.values())


def everything(until: date, customer_ids: Sequence[int] | None) -> Wanted:
    """All that may be billed up to and including a day, of these customers or of all."""
    refs: list[Ref] = []
    for kind, model in MODELS.items():
        for part in chunked(customer_ids) if customer_ids is not None else [None]:
            query = select(model.id).where(selection.billable_clause(kind, until=until))
            query = query.where(model.customer_id.in_(part)) if part is not None else query
            refs += [(kind, key) for key in db.session.scalars(query.order_by(model.id))]
    return Wanted(tuple(refs))


def hours(ids: Sequence[int], until: date | None) -> Wanted:
    """These hours, and why some of them may not be billed. Raises Unknown."""
    owner: dict[int, int] = {}
    for part in chunked(sorted(set(ids))):
        owner |= dict(db.session.execute(select(TimeEntry.id, TimeEntry.customer_id).where(TimeEntry.id.in_(part))).all())
    if missing := [str(one) for one in sorted(set(ids)) if one not in owner]:
        raise Unknown(f"There are no hours with id {', '.join(missing[:10])}. Nothing was done.")
    reasons = selection.reasons_of("time", owner, until=until)
    counted: dict[tuple[int, str], int] = {}
    for key, reason in reasons.items():
        counted[(owner[key], reason)] = counted.get((owner[key], reason), 0) + 1
    left = tuple((customer_id, reason, number) for (customer_id, reason), number in sorted(counted.items()))
    return Wanted(tuple(("time", key) for key in sorted(owner) if key not in reasons), left)


# --- Which customers the package knows ------------------------------------------------------------------------------------------


def look_up(connection: Connection, refs: Sequence[Ref], context: WorkerContext, seconds: float) -> None:
    """Finds out in the package who the customers without a link are, as far as that goes in this time; a running worker helps."""
    ids = sorted(_customers_of(refs))
    connection_id = connection.id
    if not customers.request_lookups(connection_id, ids, context.clock()):
        return
    deadline = time.monotonic() + seconds
    while _still_looking(connection_id, ids) and time.monotonic() < deadline:
        if not customers.look_up_one(context):
            context.pause(POLL_SECONDS)
    db.session.expire_all()


def _customers_of(refs: Sequence[Ref]) -> set[int]:
    found: set[int] = set()
    for kind, model in MODELS.items():
        for part in chunked([key for name, key in refs if name == kind]):
            found |= set(db.session.scalars(select(model.customer_id).where(model.id.in_(part)).distinct()))
    return found


def _still_looking(connection_id: int, ids: Sequence[int]) -> bool:
    with only_looking():
        of_connection = (CustomerMatch.connection_id == connection_id) & (CustomerMatch.state == "looking")
        return any(
            db.session.scalar(select(func.count()).select_from(CustomerMatch).where(of_connection, CustomerMatch.customer_id.in_(part)))
            for part in chunked(ids)
        )


# --- Queueing and following -----------------------------------------------------------------------------------------------------


def options_of(connection: Connection, send: bool, today: date) -> Options:
    """What the dialog would propose."""
    return Options(
        per=connection.invoice_per,
        lines=connection.lines_per,
        on=today,
        reference=connection.reference_template[: plan.LONGEST_REFERENCE],
        send=send,
    )


def preview(connection: Connection, wanted: Wanted, options: Options) -> list[Result]:
    """What would be queued, and what would be left out."""
    with only_looking():
        found = plan.preview(connection, wanted.refs, options)
        planned = [_planned(invoice) for invoice in found.invoices]
        return planned + _left_out(wanted.left)


def create(connection: Connection, wanted: Wanted, options: Options, now: datetime) -> tuple[int | None, list[Result]]:
    """Queues what is ready, one transaction per invoice; the id of the batch (None without one) and a line for everything."""
    try:
        batch = intents.create(connection, wanted.refs, options, None, None, now, source="command")
    except intents.NothingToDo:
        db.session.rollback()
        return None, preview(connection, wanted, options)
    batch_id = batch.id
    db.session.rollback()
    return batch_id, _queued(batch_id) + _left_out(wanted.left)


def follow(batch_id: int, seconds: float, context: WorkerContext) -> None:
    """Waits until every invoice of the batch is at rest or a person's, or the time is over."""
    deadline = time.monotonic() + seconds
    settled = (*AT_REST, "attention")
    while time.monotonic() < deadline:
        with only_looking():
            unsettled = select(func.count()).select_from(Transfer).where(Transfer.batch_id == batch_id, Transfer.kind == "invoice")
            if not db.session.scalar(unsettled.where(Transfer.state.not_in(settled))):
                return
        context.pause(POLL_SECONDS)


def stands(batch_id: int, wanted: Wanted) -> list[Result]:
    """How the invoices of a batch stand now, and what was left out."""
    return _queued(batch_id, as_it_stands=True) + _left_out(wanted.left)


def _queued(batch_id: int, as_it_stands: bool = False) -> list[Result]:
    """The invoices of a batch as they were queued, or as they stand; then what it left out."""
    with only_looking():
        rows = db.session.execute(
            select(Transfer, Customer)
            .join(Customer, Customer.id == Transfer.customer_id)
            .where(Transfer.batch_id == batch_id, Transfer.kind == "invoice")
            .order_by(Transfer.id)
        ).all()
        skipped = db.session.get_one(Batch, batch_id).skipped
        found = [_transferred(row[0], row[1], as_it_stands) for row in rows]
        return found + [_skipped(one) for one in skipped]


def _transferred(transfer: Transfer, customer: Customer, as_it_stands: bool) -> Result:
    return Result(
        customer=customer.number,
        name=customer.name,
        transfer=transfer.id,
        outcome=transfer.state if as_it_stands else "queued",
        reason=transfer.reason if as_it_stands else "",
        remote_number=transfer.remote_number if as_it_stands else "",
        net_cents=transfer.net_cents,
        vat_cents=transfer.vat_cents,
        gross_cents=transfer.gross_cents,
        currency=transfer.currency,
        rows=len(transfer.payload.get("sources", ())),
    )


def _skipped(one: dict[str, Any]) -> Result:
    reason = str(one["reason"])
    return Result(
        customer=str(one.get("number") or ""),
        name=str(one.get("name") or ""),
        outcome="attention" if reason in QUESTIONS else "skipped",
        reason=reason,
        rows=int(one.get("rows") or 0),
        gross_cents=int(one.get("gross_cents") or 0),
    )


def _planned(invoice: PlannedInvoice) -> Result:
    problem = invoice.problems[0].code if invoice.problems else ""
    return Result(
        customer=invoice.customer.number,
        name=invoice.customer.name,
        outcome="queued" if not problem else "attention" if problem in QUESTIONS else "skipped",
        reason=problem,
        net_cents=invoice.totals.net_cents,
        vat_cents=invoice.totals.vat_cents,
        gross_cents=invoice.totals.gross_cents,
        currency=invoice.totals.currency,
        rows=len(invoice.takes),
    )


def _left_out(left: Sequence[tuple[int, str, int]]) -> list[Result]:
    ids = sorted({customer_id for customer_id, _reason, _number in left})
    known: dict[int, Customer] = {}
    for part in chunked(ids):
        known |= {row.id: row for row in db.session.scalars(select(Customer).where(Customer.id.in_(part)))}
    return [Result(known[key].number, known[key].name, "skipped", reason, number) for key, reason, number in left]
