"""Customer imports: a row that somebody asks for and a worker takes, from the first page of the list to the last customer.

Every step is a transaction of its own and none is open during a call. A run that was stopped at any point goes on where it was,
and doing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError

import audit
from connectors.errors import AccessRefused, ConnectorError, NotProcessed, Rejected
from connectors.wefact.clock import server_local
from models import Connection, ExternalLink, ImportPage, ImportRow, ImportRun, User, db, rows_changed
from transfers.connections import note_failure, note_success
from transfers.import_apply import apply_rows, waiting_rows
from transfers.import_reading import read
from transfers.import_runs import UNFINISHED, Job, calls, claim, hold, release, tally
from transfers.wire import FenceLost, WorkerContext

OVERLAP_HOURS = 2
GIVE_UP_AFTER = timedelta(hours=24)
MOST_TRIES = 5
MOST_MISSING_PERCENT = 20
LONGEST_WAIT_SECONDS = 6 * 3600


class RunUnderway(Exception):
    """This connection has an unfinished import already."""

    def __init__(self, run_id: int, started_by: str, started_at: datetime) -> None:
        super().__init__(f"import {run_id} has not finished yet")
        self.run_id, self.started_by, self.started_at = run_id, started_by, started_at


class NotConnected(Exception):
    """The package is not connected, so there is nothing to import from."""


class PreviewStale(Exception):
    """The preview was used already, or a later import made it old: a new one is needed."""


# --- Asking ---------------------------------------------------------------------------------------------------------------------


def request_run(
    connection_id: int,
    *,
    mode: str,
    full: bool,
    preview_only: bool,
    source: str,
    user_id: int | None,
    now: datetime,
) -> ImportRun:
    """An import for the worker to take; not full means what changed since the last one, where that is known. Commits.

    Raises RunUnderway with who started the other one and when, NotConnected when the package is off or half set up.
    """
    connection = db.session.get(Connection, connection_id)
    if connection is None or connection.state not in ("connected", "failing"):
        db.session.rollback()
        raise NotConnected
    since = "" if full else _since(connection)
    run = ImportRun(
        connection_id=connection_id,
        mode=mode,
        full=not since,
        since=since,
        preview_only=preview_only,
        source=source,
        requested_by_id=user_id,
        created_at=now,
    )
    try:
        _forget_previews(connection_id)
        db.session.add(run)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise _underway(connection_id) from None
    return run


def _since(connection: Connection) -> str:
    """Two hours before the last import, on the package's own clock; empty asks for the whole list."""
    try:
        return server_local(connection.imported_until, OVERLAP_HOURS) if connection.imported_until else ""
    except ValueError:
        return ""


def _forget_previews(connection_id: int) -> None:
    """A preview that nobody started is old now; what it read is not needed any more."""
    old = select(ImportRun.id).where(ImportRun.connection_id == connection_id, ImportRun.state == "preview")
    db.session.execute(delete(ImportPage).where(ImportPage.run_id.in_(old)))


def _underway(connection_id: int) -> RunUnderway:
    row = db.session.execute(
        select(ImportRun.id, ImportRun.created_at, User.name)
        .outerjoin(User, User.id == ImportRun.requested_by_id)
        .where(ImportRun.connection_id == connection_id, ImportRun.state.in_(UNFINISHED))
    ).first()
    db.session.rollback()
    if row is None:
        raise RuntimeError("an import was refused although none is underway")
    return RunUnderway(row.id, row.name or "", row.created_at)


def choose(run_id: int, choices: Mapping[int, str]) -> None:
    """Keeps what somebody says of conflicts (row to link, create, skip or nothing yet); what does not fit is left out. Commits."""
    rows = db.session.execute(
        select(ImportRow.id, ImportRow.reason_params)
        .join(ImportRun, ImportRun.id == ImportRow.run_id)
        .where(ImportRow.run_id == run_id, ImportRow.id.in_(list(choices)), ImportRow.action == "conflict", ImportRun.state == "preview")
    ).all()
    fitting = [{"id": row.id, "choice": choices[row.id]} for row in rows if choices[row.id] in ("", *row.reason_params.get("choices", ()))]
    if fitting:
        db.session.execute(update(ImportRow), fitting)
    db.session.commit()


def apply_preview(run_id: int, choices: Mapping[int, str], now: datetime) -> None:
    """Puts a finished preview into effect without reading again; a worker does the rest. Commits.

    Raises PreviewStale when it was started already or a later import of this connection exists, RunUnderway, NotConnected.
    """
    run = db.session.get(ImportRun, run_id)
    if run is None or run.state != "preview" or _has_later(run):
        db.session.rollback()
        raise PreviewStale
    connection_id = run.connection_id
    if run.connection.state not in ("connected", "failing"):
        db.session.rollback()
        raise NotConnected
    db.session.commit()
    choose(run_id, choices)
    start = update(ImportRun).where(ImportRun.id == run_id, ImportRun.state == "preview")
    try:
        started = rows_changed(
            start.values(state="applying", preview_only=False, tries=0, not_before_at=None, lease_until_at=None, owner="")
        )
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise _underway(connection_id) from None
    if started != 1:
        raise PreviewStale


def _has_later(run: ImportRun) -> bool:
    later = select(ImportRun.id).where(ImportRun.connection_id == run.connection_id, ImportRun.id > run.id).limit(1)
    return db.session.scalar(later) is not None


# --- Working --------------------------------------------------------------------------------------------------------------------


def work_one(context: WorkerContext) -> bool:
    """Takes one import that is due and works on it until it is finished or has to wait; False when none is due."""
    job = claim(context)
    if job is None:
        return False
    _work(context, job)
    return True


def run_to_end(context: WorkerContext, run_id: int) -> ImportRun:
    """Works on this import until it is at rest, here or where another process took it; waits where it has to wait."""
    while True:
        job = claim(context, run_id)
        if job is not None:
            _work(context, job)
        db.session.rollback()
        run = db.session.get_one(ImportRun, run_id, populate_existing=True)
        if run.state not in UNFINISHED:
            return run
        wait = _seconds_to_wait(run, context.clock())
        db.session.rollback()
        if wait > 0:
            context.pause(wait)


def _seconds_to_wait(run: ImportRun, now: datetime) -> float:
    """Until it may be taken; somebody else's work is looked at every second, because it may end any moment."""
    if run.lease_until_at is not None and run.lease_until_at > now:
        return 1.0
    return max(0.0, (run.not_before_at - now).total_seconds()) if run.not_before_at is not None else 0.0


def _work(context: WorkerContext, job: Job) -> None:
    try:
        if job.tries >= MOST_TRIES:
            _fail(context, job, "interrupted")
            return
        complete = read(context, job) if job.state in ("waiting", "reading") else job.reason != "incomplete_list"
        if job.state in ("waiting", "reading") and job.preview_only:
            return
        _apply(context, job)
        _close(context, job, complete)
    except FenceLost:
        db.session.rollback()
    except ConnectorError as error:
        db.session.rollback()
        _after_failure(context, job, error)


def _after_failure(context: WorkerContext, job: Job, error: ConnectorError) -> None:
    now = context.clock()
    detail = {**{name: str(value)[:200] for name, value in error.params.items()}, "detail": error.detail[:300]}
    try:
        if isinstance(error, AccessRefused) or error.reason in ("key_unreadable", "not_configured"):
            note_failure(job.connection_id, error, now)
            _fail(context, job, error.reason, detail)
        elif isinstance(error, Rejected) or now - job.created_at > GIVE_UP_AFTER:
            _fail(context, job, error.reason, detail)
        elif isinstance(error, NotProcessed):
            wait = error.retry_after if error.retry_after is not None else context.timing(job.vendor).first_backoff
            _wait(context, job, error, detail, min(max(wait, 1), LONGEST_WAIT_SECONDS), tries=0)
        else:
            tries = _tries(job.id) + 1
            if tries >= MOST_TRIES:
                _fail(context, job, error.reason, detail)
            else:
                _wait(context, job, error, detail, context.timing(job.vendor).backoff(tries), tries)
    except FenceLost:
        db.session.rollback()


def _tries(run_id: int) -> int:
    tries = db.session.scalar(select(ImportRun.tries).where(ImportRun.id == run_id)) or 0
    db.session.rollback()
    return tries


def _wait(context: WorkerContext, job: Job, error: ConnectorError, detail: dict[str, str], seconds: int, tries: int) -> None:
    until = context.clock() + timedelta(seconds=seconds)
    release(context, job, not_before_at=until, tries=tries, reason=error.reason, reason_params=detail)


def _fail(context: WorkerContext, job: Job, reason: str, params: Mapping[str, Any] | None = None) -> None:
    db.session.execute(delete(ImportPage).where(ImportPage.run_id == job.id))
    counts = tally(job.id, job.mode) | {"unchanged": 0}
    release(
        context,
        job,
        state="failed",
        reason=reason[:40],
        reason_params=dict(params or {}),
        ended_at=context.clock(),
        calls=calls(job),
        **counts,
    )


# --- Applying and closing -------------------------------------------------------------------------------------------------------


def _apply(context: WorkerContext, job: Job) -> None:
    """Batch after batch; each is one transaction with the lease, so that a worker that lost it writes nothing."""
    while True:
        rows = waiting_rows(job.id)
        if not rows:
            db.session.rollback()
            return
        hold(context, job, tries=0, not_before_at=None)
        apply_rows(job.id, job.connection_id, job.mode, rows, context.clock())
        db.session.commit()


def _close(context: WorkerContext, job: Job, complete: bool) -> None:
    """The end of an import: customers that the list no longer holds, the counts, and where the next one begins. Commits."""
    now = context.clock()
    seen, unreadable = _everything_read(job.id)
    reason, params = ("", {}) if complete else ("incomplete_list", {})
    _no_longer_missing(job.connection_id, seen)
    if job.full and complete and (missing := _flag_missing(job.connection_id, seen, unreadable, now)):
        reason, params = "too_many_missing", missing
    counts = tally(job.id, job.mode)
    counts["unchanged"] += len(seen)
    run = db.session.get_one(ImportRun, job.id, populate_existing=True)
    left_out = job.mode == "new" and counts["skipped"]  # changes that a later import with updates has to meet
    if complete and not left_out and run.server_time:
        values: dict[str, Any] = {"imported_until": run.server_time} | ({"full_import_at": now} if job.full else {})
        db.session.execute(update(Connection).where(Connection.id == job.connection_id).values(values))
    note_success(job.connection_id)
    if counts["created"] or counts["updated"]:
        audit.record(
            run.requested_by, "customers_imported", "import_run", job.id, now, created=counts["created"], updated=counts["updated"]
        )
    db.session.execute(delete(ImportPage).where(ImportPage.run_id == job.id))
    release(context, job, state="done", reason=reason, reason_params=params, ended_at=now, calls=calls(job), **counts)


def _everything_read(run_id: int) -> tuple[set[str], set[str]]:
    seen: set[str] = set()
    unreadable: set[str] = set()
    for page in db.session.execute(select(ImportPage.remote_ids, ImportPage.unreadable).where(ImportPage.run_id == run_id)):
        seen |= set(page.remote_ids)
        unreadable |= set(page.unreadable)
    return seen, unreadable


def _links(connection_id: int) -> Any:
    return (ExternalLink.connection_id == connection_id) & (ExternalLink.local_type == "customer")


def _no_longer_missing(connection_id: int, seen: set[str]) -> None:
    missing = select(ExternalLink.id, ExternalLink.external_id).where(_links(connection_id), ExternalLink.missing_since_at.isnot(None))
    back = [row.id for row in db.session.execute(missing) if row.external_id in seen]
    if back:
        db.session.execute(update(ExternalLink).where(ExternalLink.id.in_(back)).values(missing_since_at=None))


def _flag_missing(connection_id: int, seen: set[str], unreadable: set[str], now: datetime) -> dict[str, Any]:
    """Flags customers that the whole list does not hold; when that is more than a fifth nothing is flagged and the counts come back.

    A customer whose row could not be read is not missing.
    """
    statement = select(ExternalLink.id, ExternalLink.external_id, ExternalLink.external_code)
    links = db.session.execute(statement.where(_links(connection_id), ExternalLink.missing_since_at.is_(None))).all()
    gone = [link.id for link in links if link.external_id not in seen and not {link.external_id, link.external_code} & unreadable]
    if 100 * len(gone) > MOST_MISSING_PERCENT * len(links):
        return {"missing": len(gone), "linked": len(links)}
    for start in range(0, len(gone), 1000):
        some = ExternalLink.id.in_(gone[start : start + 1000])
        db.session.execute(update(ExternalLink).where(some).values(missing_since_at=now))
    return {}
