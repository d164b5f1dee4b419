"""The states of a transfer and the only ways between them.

Every change is one `UPDATE … WHERE id AND state AND fence`, with its event and its effect on billing links in the same
transaction; when it changes no row, somebody else was there first and this worker stops. No call is made in here.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import aliased

from invoicing import links
from invoicing.plan import payload_hash
from models import Connection, Organisation, Transfer, TransferEvent, User, canonical_json, db, rows_changed
from transfers.wire import FenceLost

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
MARKER_LENGTH = 13
WORKABLE = ("queued", "creating", "created", "finalising", "uncertain", "checking")
WRITING = ("creating", "finalising")
"""States in which a call may be out; an owner that died in one leaves an unknown outcome."""

GIVE_UP_AFTER = timedelta(hours=48)
MOST_DEATHS = 3

MOVES: Mapping[str, frozenset[str]] = {
    "queued": frozenset({"queued", "creating", "created", "rejected", "attention", "released"}),
    "creating": frozenset({"created", "rejected", "queued", "uncertain", "attention"}),
    "created": frozenset({"created", "finalising", "done", "attention"}),
    "finalising": frozenset({"done", "created", "uncertain", "attention"}),
    "uncertain": frozenset({"checking", "attention"}),
    "checking": frozenset({"checking", "queued", "creating", "created", "done", "attention"}),
    "attention": frozenset({"queued", "created", "rejected", "released", "uncertain"}),
    "rejected": frozenset({"queued"}),
    "done": frozenset({"released"}),
    "released": frozenset(),
}


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed transfer as it stood when it was claimed: plain values, so that no transaction is open while it is worked on."""

    id: int
    kind: str
    state: str
    stage: str
    connection_id: int
    customer_id: int | None
    marker: str
    payload: dict[str, Any]
    send: bool
    accepts_remote_totals: bool
    attempt: int
    resends: int
    searches: int
    backoffs: int
    fence: int
    owner: str
    remote_id: str | None
    remote_totals: tuple[int | None, int | None, int | None]
    first_write_at: datetime | None
    last_write_at: datetime | None
    created_at: datetime
    requested_by_id: int | None
    batch_id: int | None


def snapshot(transfer: Transfer) -> Job:
    assert transfer.connection_id is not None
    return Job(
        id=transfer.id,
        kind=transfer.kind,
        state=transfer.state,
        stage=transfer.stage,
        connection_id=transfer.connection_id,
        customer_id=transfer.customer_id,
        marker=transfer.marker,
        payload=transfer.payload,
        send=transfer.send,
        accepts_remote_totals=transfer.accepts_remote_totals,
        attempt=transfer.attempt,
        resends=transfer.resends,
        searches=transfer.searches,
        backoffs=transfer.backoffs,
        fence=transfer.fence,
        owner=transfer.owner,
        remote_id=transfer.remote_id,
        remote_totals=(transfer.remote_net_cents, transfer.remote_vat_cents, transfer.remote_gross_cents),
        first_write_at=transfer.first_write_at,
        last_write_at=transfer.last_write_at,
        created_at=transfer.created_at,
        requested_by_id=transfer.requested_by_id,
        batch_id=transfer.batch_id,
    )


# --- Writing the intent ---------------------------------------------------------------------------------------------------------


def new_marker() -> str:
    """Our own key inside their document: the installation's prefix and 65 random bits."""
    prefix = db.session.scalars(select(Organisation.marker_prefix).where(Organisation.id == 1)).one()
    return f"{prefix}-{''.join(secrets.choice(ALPHABET) for _ in range(MARKER_LENGTH))}"


def op_key(connection_id: int, kind: str, customer_id: int | None, sources: Iterable[tuple[str, int]]) -> str:
    """The same wish has the same key, whoever presses the button."""
    wish = canonical_json([connection_id, kind, customer_id, sorted([list(source) for source in sources])])
    return hashlib.sha256(wish.encode()).hexdigest()


def write_intent(
    *,
    kind: str,
    connection_id: int,
    customer_id: int | None,
    payload: dict[str, Any],
    key: str,
    user: User | None,
    now: datetime,
    send: bool = False,
    batch_id: int | None = None,
    waits_for_id: int | None = None,
) -> Transfer:
    """Adds a transfer in state queued, in the caller's transaction (which must also make its claims, and commit)."""
    transfer = Transfer(
        kind=kind,
        connection_id=connection_id,
        customer_id=customer_id,
        batch_id=batch_id,
        requested_by_id=user.id if user else None,
        waits_for_id=waits_for_id,
        op_key=key,
        marker=new_marker(),
        payload=payload,
        payload_hash=payload_hash(payload),
        send=send,
        net_cents=payload.get("net_cents", 0),
        vat_cents=payload.get("vat_cents", 0),
        gross_cents=payload.get("gross_cents", 0),
        currency=payload.get("currency", "EUR"),
        due_at=now,
        created_at=now,
        updated_at=now,
        reason_params={},
    )
    db.session.add(transfer)
    db.session.flush()
    add_event(transfer.id, "queued", now, user_id=transfer.requested_by_id)
    return transfer


def add_event(
    transfer_id: int, state: str, now: datetime, reason: str = "", params: Mapping[str, Any] | None = None, user_id: int | None = None
) -> None:
    db.session.add(
        TransferEvent(transfer_id=transfer_id, at=now, state=state, reason=reason, reason_params=dict(params or {}), user_id=user_id)
    )


# --- Moving ---------------------------------------------------------------------------------------------------------------------


def move(
    job: Job,
    to: str,
    now: datetime,
    *,
    reason: str = "",
    params: Mapping[str, Any] | None = None,
    commit: bool = True,
    by: int | None = None,
    **values: Any,
) -> None:
    """Brings a claimed transfer to another state. Raises FenceLost when it is no longer ours or no longer there.

    Leaving the workable states gives up the lease; `rejected` frees the work and `done` makes its links live, in this transaction.
    """
    if to not in MOVES[job.state]:
        raise ValueError(f"a transfer does not go from {job.state} to {to}")
    values |= {"state": to, "reason": reason, "reason_params": dict(params or {}), "updated_at": now}
    if to not in WRITING:
        values.setdefault("owner", "")
        values.setdefault("lease_until_at", None)
    values.setdefault("due_at", now)
    statement = update(Transfer).where(Transfer.id == job.id, Transfer.state == job.state, Transfer.fence == job.fence).values(**values)
    if rows_changed(statement) != 1:
        db.session.rollback()
        raise FenceLost(f"transfer {job.id} changed while it was worked on")
    if to in ("rejected", "released"):
        links.release(job.id, now)
    elif to == "done":
        links.make_live(job.id)
    add_event(job.id, to, now, reason, params, by)
    if commit:
        db.session.commit()


def reload(job: Job) -> Job:
    """The transfer as it stands now, on the same fence. Raises FenceLost when somebody took it."""
    transfer = db.session.get(Transfer, job.id, populate_existing=True)
    if transfer is None or transfer.fence != job.fence:
        db.session.rollback()
        raise FenceLost(f"transfer {job.id} was taken over")
    fresh = snapshot(transfer)
    db.session.rollback()
    return fresh


# --- Claiming -------------------------------------------------------------------------------------------------------------------


Candidate = tuple[int, str, int, str, datetime | None]


def connections_with_work(now: datetime) -> list[int]:
    """Connections that have a transfer due and are not stopped."""
    statement = _due(now).with_only_columns(Transfer.connection_id).distinct()
    found = [row for row in db.session.scalars(statement) if row is not None]
    db.session.rollback()
    return sorted(found)


def claim_next(connection_id: int, owner: str, lease_seconds: int, now: datetime, settle_seconds: int) -> Job | None:
    """Takes the next due transfer of a connection. What a dead owner left in the middle of a call becomes uncertain, never a new call."""
    while candidates := _candidates(connection_id, now):
        job, moved = _claim_one(candidates, owner, lease_seconds, now, settle_seconds)
        if job is not None or not moved:
            return job
    return None


def _claim_one(
    candidates: Iterable[Candidate], owner: str, lease_seconds: int, now: datetime, settle_seconds: int
) -> tuple[Job | None, bool]:
    """The first of these that can be worked on, and whether one was moved out of the way, which may be due as it is now."""
    moved = False
    for transfer_id, state, fence, former_owner, lease_until_at in candidates:
        won = rows_changed(
            update(Transfer)
            .where(Transfer.id == transfer_id, Transfer.state == state, Transfer.fence == fence)
            .values(fence=fence + 1, owner=owner, lease_until_at=now + timedelta(seconds=lease_seconds), updated_at=now)
        )
        if won != 1:
            db.session.rollback()
            continue
        db.session.commit()
        transfer = db.session.get_one(Transfer, transfer_id, populate_existing=True)
        job = snapshot(transfer)
        deaths = transfer.deaths + bool(former_owner)  # a claim that was not given back: its owner died at it
        db.session.rollback()
        moved = True
        if deaths >= MOST_DEATHS:
            move(job, "attention", now, reason="died_often", deaths=deaths)
        elif state not in WRITING:
            if former_owner:
                _count_death(job, deaths)
            return job, moved
        else:
            # A call begins and ends inside its lease, so nothing was written later than the lease lasted.
            due = max(now, (lease_until_at or now) + timedelta(seconds=settle_seconds))
            move(job, "uncertain", now, reason="owner_died", deaths=deaths, due_at=due, searches=0)
    return None, moved


def _count_death(job: Job, deaths: int) -> None:
    db.session.execute(update(Transfer).where(Transfer.id == job.id, Transfer.fence == job.fence).values(deaths=deaths))
    db.session.commit()


def _candidates(connection_id: int, now: datetime) -> list[Candidate]:
    statement = (
        _due(now)
        .with_only_columns(Transfer.id, Transfer.state, Transfer.fence, Transfer.owner, Transfer.lease_until_at)
        .where(Transfer.connection_id == connection_id)
        .order_by(Transfer.due_at, Transfer.id)
        .limit(10)
    )
    found = [(row.id, row.state, row.fence, row.owner, row.lease_until_at) for row in db.session.execute(statement)]
    db.session.rollback()
    return found


def _due(now: datetime) -> Any:
    return free(now).where(Transfer.due_at <= now)


def free(now: datetime) -> Any:
    """Transfers that a worker may take as soon as they are due: nobody has them, and nothing they wait for is in the way."""
    before = aliased(Transfer)
    return (
        select(Transfer)
        .join(Connection, Connection.id == Transfer.connection_id)
        .outerjoin(before, before.id == Transfer.waits_for_id)
        .where(
            Transfer.state.in_(WORKABLE),
            or_(Transfer.lease_until_at.is_(None), Transfer.lease_until_at <= now),
            Connection.state == "connected",
            or_(Connection.paused_until.is_(None), Connection.paused_until <= now),
            or_(Transfer.waits_for_id.is_(None), Transfer.state != "queued", before.state == "done"),
        )
    )


def free_dependants(now: datetime) -> int:
    """Transfers that wait for a customer that will not be made are refused, with their work free again. Returns how many."""
    before = aliased(Transfer)
    statement = (
        select(Transfer)
        .join(before, before.id == Transfer.waits_for_id)
        .where(Transfer.state == "queued", before.state.in_(("rejected", "released")))
    )
    waiting = [snapshot(row) for row in db.session.scalars(statement)]
    db.session.rollback()
    freed = 0
    for job in waiting:
        try:
            move(job, "rejected", now, reason="customer_not_created")
        except FenceLost:  # another worker did it, or somebody withdrew it
            continue
        freed += 1
    return freed
