"""Claims on work: who bills which hour, expense or trip. The unique index of `billing_link` decides, nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from models import BillingLink, Connection, Expense, TimeEntry, Transfer, Trip, User, db, rows_changed

SOURCES: dict[str, type[Any]] = {"time": TimeEntry, "expense": Expense, "trip": Trip}
CLAIMING = ("reserved", "live")
CHUNK = 500

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """Who has a source: `reserved` while it is being invoiced, `live` once it was."""

    source_type: str
    source_id: int
    state: str
    transfer_id: int | None
    transfer_state: str
    vendor: str
    remote_number: str
    since: datetime
    user_name: str


class AlreadyClaimed(Exception):
    """Somebody has some of this work; nothing was changed."""

    def __init__(self, claims: Sequence[Claim]) -> None:
        super().__init__(f"{len(claims)} sources are claimed already")
        self.claims = tuple(claims)


@dataclass(frozen=True, slots=True)
class Taken:
    """What a transfer takes of one source: the amount, the quantity in ten-thousandths of its unit, and its status before."""

    source_type: str
    source_id: int
    amount_cents: int
    quantity_e4: int
    former_status: str


def chunked(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The values in lists short enough for one IN (...)."""
    part: list[T] = []
    for value in values:
        part.append(value)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part


def claims(source_type: str, ids: Iterable[int]) -> dict[int, Claim]:
    """Who has which of these sources; those that are free are not in the answer."""
    found: dict[int, Claim] = {}
    for part in chunked(sorted(set(ids))):
        rows = db.session.execute(
            select(
                BillingLink.source_id,
                BillingLink.state,
                BillingLink.created_at,
                Transfer.id.label("transfer_id"),
                Transfer.state.label("transfer_state"),
                Transfer.remote_number,
                Connection.vendor,
                User.name,
            )
            .outerjoin(Transfer, Transfer.id == BillingLink.transfer_id)
            .outerjoin(Connection, Connection.id == Transfer.connection_id)
            .outerjoin(User, User.id == Transfer.requested_by_id)
            .where(BillingLink.source_type == source_type, BillingLink.source_id.in_(part), BillingLink.state.in_(CLAIMING))
        )
        for row in rows:
            found[row.source_id] = Claim(
                source_type=source_type,
                source_id=row.source_id,
                state=row.state,
                transfer_id=row.transfer_id,
                transfer_state=row.transfer_state or "",
                vendor=row.vendor or "",
                remote_number=row.remote_number or "",
                since=row.created_at,
                user_name=row.name or "",
            )
    return found


def lock(source_type: str, ids: Iterable[int]) -> None:
    """Keeps others from editing these rows until the transaction ends (SQLite's one writer does so by itself)."""
    model = SOURCES[source_type]
    for part in chunked(sorted(set(ids))):
        db.session.execute(select(model.id).where(model.id.in_(part)).order_by(model.id).with_for_update()).all()


class StaleSources(Exception):
    """Some of this work was changed or deleted since it was looked at; nothing was changed here."""


def lock_unchanged(versions: Iterable[Sequence[Any]]) -> None:
    """Locks the sources ([type, id, version, …] each) and makes sure that they are still at these versions. Raises StaleSources."""
    expected: dict[str, dict[int, int]] = {}
    for source_type, source_id, version, *_rest in versions:
        expected.setdefault(source_type, {})[source_id] = version
    for source_type in sorted(expected):
        model = SOURCES[source_type]
        found: dict[int, int] = {}
        for part in chunked(sorted(expected[source_type])):
            rows = db.session.execute(select(model.id, model.version).where(model.id.in_(part)).order_by(model.id).with_for_update())
            found |= {row.id: row.version for row in rows}
        if found != expected[source_type]:
            db.session.rollback()
            raise StaleSources


def reserve(transfer: Transfer, takes: Sequence[Taken], now: datetime) -> None:
    """Claims the sources for a transfer, in the caller's transaction.

    Raises AlreadyClaimed, with who has them, when one is not free; the transaction is then rolled back.
    """
    rows = [
        {
            "source_type": take.source_type,
            "source_id": take.source_id,
            "transfer_id": transfer.id,
            "state": "reserved",
            "amount_cents": take.amount_cents,
            "quantity_e4": take.quantity_e4,
            "former_status": take.former_status,
            "created_at": now,
        }
        for take in sorted(takes, key=lambda take: (take.source_type, take.source_id))
    ]
    try:
        db.session.flush()
        db.session.execute(insert(BillingLink), rows)
    except IntegrityError:
        db.session.rollback()
        raise AlreadyClaimed(who_has(takes)) from None


def who_has(takes: Sequence[Taken]) -> list[Claim]:
    """The claims on these sources, in a stable order."""
    found: list[Claim] = []
    for source_type in sorted({take.source_type for take in takes}):
        there = claims(source_type, [take.source_id for take in takes if take.source_type == source_type])
        found += [there[key] for key in sorted(there)]
    return found


def make_live(transfer_id: int) -> None:
    """The document exists: what was reserved for it is invoiced. The caller commits."""
    db.session.execute(
        update(BillingLink).where(BillingLink.transfer_id == transfer_id, BillingLink.state == "reserved").values(state="live")
    )


def release(transfer_id: int, now: datetime) -> int:
    """The work of a transfer is free again, in the status it had; returns how many sources. The caller commits."""
    return rows_changed(
        update(BillingLink)
        .where(BillingLink.transfer_id == transfer_id, BillingLink.state.in_(CLAIMING))
        .values(state="released", released_at=now)
    )


def takes_of(transfer_id: int) -> list[Taken]:
    """What a transfer took when it last claimed: once per source."""
    rows = db.session.execute(
        select(BillingLink.source_type, BillingLink.source_id, BillingLink.amount_cents, BillingLink.quantity_e4, BillingLink.former_status)
        .where(BillingLink.transfer_id == transfer_id)
        .order_by(BillingLink.id)
    )
    latest = {(row.source_type, row.source_id): Taken(*row) for row in rows}
    return [latest[key] for key in sorted(latest)]
