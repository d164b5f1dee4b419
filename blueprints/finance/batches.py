"""How a press on "Create invoices" went: a row per invoice and per thing that was left out, in the words of the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import Row, func, select
from sqlalchemy.orm import aliased, joinedload

from blueprints import formats
from blueprints.finance import wording
from models import AT_REST, Batch, BillingLink, Connection, Customer, Transfer, db

ROWS_PER_PAGE = 50
SETTLED = (*AT_REST, "attention")
"""States in which nothing more happens by itself."""

ORDER = ("attention", "failed", "checking", "working", "waiting", "succeeded", "cancelled", "skipped")


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One invoice, or one thing that was left out. `ahead_id` is the creation of its customer, where that comes first."""

    state: str
    customer: str
    sentence: str
    rows: int
    transfer_id: int | None = None
    gross_cents: int | None = None
    currency: str = "EUR"
    number: str = ""
    at: datetime | None = None
    next_check_at: datetime | None = None
    ahead_id: int | None = None
    look_id: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BatchPage:
    """One page of a batch with the sums of the whole. `moving` while something will still change by itself."""

    batch: Batch
    vendor: str
    rows: Sequence[BatchRow]
    counts: Mapping[str, int]
    shown_total: int
    settled: int
    invoices: int
    work_rows: int
    skipped_rows: int
    moving: bool
    connection_problem: str = ""
    failed_ids: tuple[int, ...] = field(default=())
    waiting_ids: tuple[int, ...] = field(default=())


def find(batch_id: int) -> Batch | None:
    """The batch with its connection and the person who pressed the button."""
    options = (joinedload(Batch.connection), joinedload(Batch.requested_by))
    return db.session.execute(select(Batch).where(Batch.id == batch_id).options(*options)).scalar_one_or_none()


def page(batch: Batch, label: str, number: int, now: datetime, exports_enabled: bool) -> BatchPage:
    """One page of the batch, in two queries however many invoices it has."""
    states = _states(batch.id)
    counts: dict[str, int] = {}
    for row in states:
        counts[wording.label_of(row.state)] = counts.get(wording.label_of(row.state), 0) + 1
    skipped = list(batch.skipped or [])
    if skipped:
        counts["skipped"] = len(skipped)
    wanted = [row.id for row in states if not label or row.state in wording.LABELS.get(label, ())]
    left_out = skipped if label in ("", "skipped") else []
    first = (number - 1) * ROWS_PER_PAGE
    shown = _transfers(wanted[first : first + ROWS_PER_PAGE], {row.id: row.rows for row in states}, batch.connection, now)
    shown += [_skipped(one) for one in left_out[max(first - len(wanted), 0) : max(first + ROWS_PER_PAGE - len(wanted), 0)]]
    moving = [row for row in states if row.state not in SETTLED and not _is_held_up(row)]
    problem = _problem(batch.connection, exports_enabled)
    return BatchPage(
        batch=batch,
        vendor=batch.connection.vendor,
        rows=shown,
        counts={name: counts[name] for name in ORDER if name in counts},
        shown_total=len(wanted) + len(left_out),
        settled=sum(1 for row in states if row.state in SETTLED),
        invoices=len(states),
        work_rows=sum(row.rows for row in states),
        skipped_rows=sum(int(one.get("rows") or 0) for one in skipped),
        moving=bool(moving) and not problem,
        connection_problem=problem,
        failed_ids=tuple(row.id for row in states if row.state == "rejected"),
        waiting_ids=tuple(row.id for row in states if row.state in ("queued", "created", "uncertain", "checking")),
    )


def _is_held_up(row: Any) -> bool:
    """An invoice whose customer could not be created waits for a person, not for the worker."""
    return bool(row.state == "queued" and row.ahead == "attention")


def _problem(connection: Connection, exports_enabled: bool) -> str:
    """Why nothing moves now, as one sentence, or nothing."""
    if not exports_enabled:
        return formats.reason("switched_off")
    if connection.state != "connected":
        return formats.reason("connection_stopped", {"package": wording.package(connection.vendor)})
    return ""


def _states(batch_id: int) -> Sequence[Row[Any]]:
    """Every invoice of the batch with its state, the state of the customer it waits for, and how many rows of work it has."""
    ahead = aliased(Transfer)
    sources = (
        select(BillingLink.transfer_id, BillingLink.source_type, BillingLink.source_id)
        .join(Transfer, Transfer.id == BillingLink.transfer_id)
        .where(Transfer.batch_id == batch_id)
        .distinct()
        .subquery("sources")
    )
    counted = select(sources.c.transfer_id, func.count().label("rows")).group_by(sources.c.transfer_id).subquery("counted")
    query = (
        select(Transfer.id, Transfer.state, ahead.state.label("ahead"), func.coalesce(counted.c.rows, 0).label("rows"))
        .outerjoin(ahead, ahead.id == Transfer.waits_for_id)
        .outerjoin(counted, counted.c.transfer_id == Transfer.id)
        .where(Transfer.batch_id == batch_id, Transfer.kind == "invoice")
        .order_by(Transfer.id)
    )
    return db.session.execute(query).all()


def _transfers(ids: Sequence[int], work: Mapping[int, int], connection: Connection, now: datetime) -> list[BatchRow]:
    ahead = aliased(Transfer)
    query = (
        select(
            Transfer.id,
            Transfer.state,
            Transfer.reason,
            Transfer.reason_params,
            Transfer.send,
            Transfer.due_at,
            Transfer.updated_at,
            Transfer.gross_cents,
            Transfer.remote_gross_cents,
            Transfer.currency,
            Transfer.remote_number,
            Transfer.remote_state,
            Customer.name.label("customer"),
            ahead.id.label("ahead_id"),
            ahead.state.label("ahead_state"),
        )
        .outerjoin(Customer, Customer.id == Transfer.customer_id)
        .outerjoin(ahead, ahead.id == Transfer.waits_for_id)
        .where(Transfer.id.in_(ids))
        .order_by(Transfer.id)
    )
    return [_row(row, work[row.id], connection.vendor, now) for row in db.session.execute(query)] if ids else []


def _row(row: Any, work: int, vendor: str, now: datetime) -> BatchRow:
    is_ahead = row.state == "queued" and row.ahead_state not in (None, "done")
    stuck = is_ahead and row.ahead_state == "attention"
    return BatchRow(
        state=row.state,
        customer=row.customer or "",
        sentence=_sentence(row, vendor, is_ahead),
        rows=work,
        transfer_id=row.id,
        gross_cents=row.gross_cents if row.remote_gross_cents is None or row.state != "done" else row.remote_gross_cents,
        currency=row.currency,
        number=row.remote_number if row.state == "done" else "",
        at=row.updated_at,
        next_check_at=row.due_at if row.state in ("queued", "created", "uncertain", "checking") and row.due_at > now else None,
        ahead_id=row.ahead_id if is_ahead else None,
        look_id=row.ahead_id if stuck else row.id if row.state == "attention" else None,
        reason=row.reason,
    )


def _sentence(row: Any, vendor: str, is_ahead: bool) -> str:
    """What happened, and what happens next."""
    package = wording.package(vendor)
    if is_ahead:
        if row.ahead_state == "attention":
            return _("The customer could not be created in %(package)s by itself; somebody has to look at that first.", package=package)
        return _("The customer is being created there first.")
    if row.state == "done":
        if row.remote_state in ("draft", ""):
            return _("Draft %(number)s in %(package)s", number=row.remote_number, package=package)
        if row.remote_state == "removed":
            return _("Gone in %(package)s: %(number)s", number=row.remote_number, package=package)
        state = str(formats.REMOTE_STATES.get(row.remote_state, row.remote_state))
        return _("%(number)s in %(package)s: %(state)s", number=row.remote_number, package=package, state=state)
    if row.reason:
        return wording.told(row.state, row.reason, row.reason_params, row.currency)
    return {
        "queued": _("Waits for its turn."),
        "creating": _("Being created in %(package)s.", package=package),
        "created": _("Created in %(package)s, and being compared.", package=package),
        "finalising": _("Being sent by %(package)s.", package=package),
        "uncertain": _("It is not certain what happened; it is looked up in %(package)s.", package=package),
        "checking": _("Being looked up in %(package)s.", package=package),
    }.get(row.state, "")


def _skipped(one: Mapping[str, Any]) -> BatchRow:
    return BatchRow(
        state="skipped",
        customer=str(one.get("name") or ""),
        sentence=wording.sentence(str(one.get("reason", "")), one.get("params") or {}),
        rows=int(one.get("rows") or 0),
        transfer_id=one.get("transfer_id") or None,
        gross_cents=one.get("gross_cents"),
        reason=str(one.get("reason", "")),
    )
