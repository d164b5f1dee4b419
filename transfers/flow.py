"""What every flow does alike: run its steps, stop, wait for a better moment, or settle after an unknown outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from connectors.base import Connector
from connectors.errors import AccessRefused, ConnectorError, NotProcessed, NotSent
from models import INVOICING_ROLES, Connection, TransferEvent, User, db
from transfers import connections
from transfers.ledger import GIVE_UP_AFTER, Job, move, reload
from transfers.wire import WorkerContext

Step = Callable[[WorkerContext, Connector, Job], Job | None]
"""One step: the transfer to go on with, or None when it rests, waits or is a person's."""


def run(context: WorkerContext, job: Job, steps: Mapping[str, Step]) -> None:
    """Takes a claimed transfer as far as it gets now: to rest, to a state that waits, or to a person."""
    now = context.clock()
    connection = db.session.get_one(Connection, job.connection_id)
    try:
        to = connections.access(context.settings, connection)
    except NotSent as error:
        db.session.rollback()
        wait(context, job, connection.vendor, error)
        connections.note_failure(job.connection_id, error, now)
        return
    db.session.rollback()
    connector, _wire = context.open(to, transfer_id=job.id, fence=job.fence)
    step = steps.get(job.state)
    while step is not None:
        try:
            following = step(context, connector, job)
        except AccessRefused as error:
            connections.note_failure(job.connection_id, error, context.clock())
            wait(context, reload(job), to.vendor, error)
            return
        if following is None:
            return
        job = following
        step = steps.get(job.state)


def requester_may(job: Job) -> bool:
    """Rights are asked again before anything leaves: people are disabled while their work waits."""
    if job.requested_by_id is None:
        return True
    user = db.session.get(User, job.requested_by_id, populate_existing=True)
    may = user is not None and user.active and user.role in INVOICING_ROLES
    db.session.rollback()
    return may


def stop(job: Job, state: str, now: datetime, **values: Any) -> Job | None:
    """Moves and stops: the transfer rests, waits, or is somebody's."""
    move(job, state, now, **values)
    return None


def keep(context: WorkerContext, job: Job, now: datetime) -> dict[str, Any]:
    """Values that keep the claim while the work goes on in another state."""
    vendor = db.session.scalars(select(Connection.vendor).where(Connection.id == job.connection_id)).one()
    return {"owner": context.owner, "lease_until_at": now + timedelta(seconds=context.timing(vendor).lease)}


def wait(context: WorkerContext, job: Job, vendor: str, error: ConnectorError, state: str | None = None) -> Job | None:
    """Not now: tries again later, sooner when the other side said so, and after two days asks a person."""
    now = context.clock()
    target = state or ("queued" if job.state == "creating" else "created" if job.state == "finalising" else job.state)
    if error.reason != "budget" and now - _asked_at(job) > GIVE_UP_AFTER:
        return stop(job, "attention", now, reason="gave_up", params={**error_params(error), "last": error.reason})
    asked = error.retry_after if isinstance(error, NotProcessed) else None
    seconds = asked if asked else context.timing(vendor).backoff(job.backoffs)
    on_budget = error.reason == "budget"
    values: dict[str, Any] = {"backoffs": job.backoffs if on_budget else job.backoffs + 1}
    if target == "queued" and job.state == "creating" and not _left_this_machine(error):
        values["attempt"] = job.attempt - 1  # nothing was sent, so there is nothing to look for
    if target == "uncertain":
        target = "checking"
    return stop(job, target, now, reason=error.reason, params=error_params(error), due_at=now + timedelta(seconds=seconds), **values)


def _asked_at(job: Job) -> datetime:
    """When a person last asked for this transfer: to make it, to try it again, to look again."""
    asked = select(func.max(TransferEvent.at)).where(TransferEvent.transfer_id == job.id, TransferEvent.user_id.is_not(None))
    return max(db.session.scalar(asked) or job.created_at, job.created_at)


def _left_this_machine(error: ConnectorError) -> bool:
    return not isinstance(error, NotSent) and error.reason != "budget"


def unknown(context: WorkerContext, job: Job, vendor: str, error: ConnectorError) -> Job | None:
    now = context.clock()
    settle = timedelta(seconds=context.timing(vendor).settle)
    return stop(job, "uncertain", now, reason=error.reason, params=error_params(error), due_at=now + settle, searches=0)


def error_params(error: ConnectorError) -> dict[str, Any]:
    return {**{key: str(value) for key, value in error.params.items()}, "detail": error.detail[:500]}
