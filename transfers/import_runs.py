"""The row of a customer import while somebody works on it: claiming it, holding it with a lease and a fence, counting its rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, or_, select, update

from models import Connection, ImportRow, ImportRun, RemoteCall, db, rows_changed
from transfers.wire import FenceLost, WorkerContext

UNFINISHED = ("waiting", "reading", "applying")
"""States that a worker acts on; a preview waits for a person and is at rest."""


@dataclass(frozen=True, slots=True)
class Job:
    """A claimed run as it stood then: plain values, so that no transaction is open while it is worked on."""

    id: int
    connection_id: int
    vendor: str
    state: str
    mode: str
    full: bool
    preview_only: bool
    since: str
    next_offset: int
    tries: int
    fence: int
    reason: str
    created_at: datetime


def claim(context: WorkerContext, run_id: int | None = None) -> Job | None:
    """Takes the run with a new fence; None when nothing is due or somebody else was first. Commits."""
    now = context.clock()
    due = and_(
        ImportRun.state.in_(UNFINISHED),
        or_(ImportRun.lease_until_at.is_(None), ImportRun.lease_until_at <= now),
        or_(ImportRun.not_before_at.is_(None), ImportRun.not_before_at <= now),
    )
    if run_id is not None:
        due = and_(due, ImportRun.id == run_id)
    row = db.session.execute(select(ImportRun, Connection.vendor).join(Connection).where(due).order_by(ImportRun.id).limit(1)).first()
    if row is None:
        db.session.rollback()
        return None
    run, vendor = row
    tries = run.tries + (1 if run.owner else 0)
    job = Job(
        id=run.id,
        connection_id=run.connection_id,
        vendor=vendor,
        state=run.state,
        mode=run.mode,
        full=run.full,
        preview_only=run.preview_only,
        since=run.since,
        next_offset=run.next_offset,
        tries=tries,
        fence=run.fence + 1,
        reason=run.reason,
        created_at=run.created_at,
    )
    lease = now + timedelta(seconds=context.timing(vendor).lease)
    statement = update(ImportRun).where(ImportRun.id == job.id, ImportRun.fence == run.fence, due)
    taken = rows_changed(statement.values(fence=job.fence, owner=context.owner, lease_until_at=lease, tries=tries))
    db.session.commit()
    return job if taken == 1 else None


def hold(context: WorkerContext, job: Job, **values: Any) -> None:
    """Writes on the run and prolongs the lease, if it is still ours. Raises FenceLost. The caller commits."""
    lease = context.clock() + timedelta(seconds=context.timing(job.vendor).lease)
    ours = update(ImportRun).where(ImportRun.id == job.id, ImportRun.fence == job.fence, ImportRun.state.in_(UNFINISHED))
    if rows_changed(ours.values({"lease_until_at": lease, **values})) != 1:
        db.session.rollback()
        raise FenceLost(f"import {job.id} was taken over")


def release(context: WorkerContext, job: Job, **values: Any) -> None:
    """Writes on the run and gives it free. Commits. Raises FenceLost."""
    hold(context, job, **({"owner": "", "lease_until_at": None} | values))
    db.session.commit()


def tally(run_id: int, mode: str) -> dict[str, int]:
    """The counts of a run by its rows. `unchanged` is what is to be added to the number of records seen (zero or less)."""
    counts = dict.fromkeys(("created", "updated", "unchanged", "conflicts", "skipped", "failed"), 0)
    rows = db.session.execute(
        select(ImportRow.action, ImportRow.choice, func.count(), func.count().filter(ImportRow.remote_id.startswith("?", autoescape=True)))
        .where(ImportRow.run_id == run_id)
        .group_by(ImportRow.action, ImportRow.choice)
    )
    for action, choice, count, unreadable in rows:
        name = _counted_as(action, choice, mode)
        if name != "unchanged":
            counts[name] += count
            counts["unchanged"] -= count - unreadable
    return counts


def _counted_as(action: str, choice: str, mode: str) -> str:
    if action == "conflict":
        return {"": "conflicts", "link": "updated", "create": "created", "skip": "skipped"}[choice]
    if action == "linked":
        return "skipped" if mode == "new" else "updated"
    return {"new": "created", "changed": "updated", "skipped": "skipped", "failed": "failed", "seen": "unchanged"}[action]


def calls(job: Job) -> int:
    """Every request of the run, from the journal."""
    mine = select(func.count()).select_from(RemoteCall).where(RemoteCall.import_run_id == job.id)
    return db.session.scalar(mine) or 0
