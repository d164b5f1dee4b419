"""Customer imports: a row that somebody asks for and a worker takes, from the first page of the list to the last customer.

Every step is a transaction of its own and none is open during a call. A run that was stopped at any point goes on where it was,
and doing it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

import audit
from connectors.errors import AccessRefused, ConnectorError, NotProcessed, Rejected, Unavailable
from connectors.records import CustomerPage
from connectors.wefact.clock import server_local
from models import Connection, ExternalLink, ImportPage, ImportRow, ImportRun, RemoteCall, User, db, rows_changed
from transfers.connections import Access, access, note_failure, note_success
from transfers.import_apply import apply_rows, waiting_rows
from transfers.import_rows import Told, judge, look_here, told
from transfers.wire import FenceLost, WorkerContext

UNFINISHED = ("waiting", "reading", "applying")
"""States that a worker acts on; a preview waits for a person and is at rest."""

OVERLAP_HOURS = 2
GIVE_UP_AFTER = timedelta(hours=24)
MOST_TRIES = 5
MOST_MISSING_PERCENT = 20
LONGEST_WAIT_SECONDS = 6 * 3600
READINGS = 2
ID_LIMIT = 60


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


def work_one(context: WorkerContext) -> bool:
    """Takes one import that is due and works on it until it is finished or has to wait; False when none is due."""
    job = _claim(context)
    if job is None:
        return False
    _work(context, job)
    return True


def run_to_end(context: WorkerContext, run_id: int) -> ImportRun:
    """Works on this import until it is at rest, here or where another process took it; waits where it has to wait."""
    while True:
        job = _claim(context, run_id)
        if job is not None:
            _work(context, job)
        db.session.rollback()
        run = db.session.get_one(ImportRun, run_id, populate_existing=True)
        if run.state not in UNFINISHED:
            return run
        until = max((moment for moment in (run.not_before_at, run.lease_until_at) if moment), default=None)
        db.session.rollback()
        wait = (until - context.clock()).total_seconds() if until else 0.0
        if wait > 0:
            context.pause(min(wait, 1.0) if run.lease_until_at else min(wait, 60.0))


def _claim(context: WorkerContext, run_id: int | None = None) -> Job | None:
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
    claim = update(ImportRun).where(ImportRun.id == job.id, ImportRun.fence == run.fence, due)
    taken = rows_changed(claim.values(fence=job.fence, owner=context.owner, lease_until_at=lease, tries=tries))
    db.session.commit()
    return job if taken == 1 else None


def _work(context: WorkerContext, job: Job) -> None:
    try:
        if job.tries >= MOST_TRIES:
            _fail(context, job, "interrupted")
            return
        complete = _read(context, job) if job.state in ("waiting", "reading") else job.reason != "incomplete_list"
        if job.state in ("waiting", "reading") and job.preview_only:
            return
        _apply(context, job)
        _close(context, job, complete)
    except FenceLost:
        db.session.rollback()
    except ConnectorError as error:
        db.session.rollback()
        _after_failure(context, job, error)


def _hold(context: WorkerContext, job: Job, **values: Any) -> None:
    """Writes on the run and prolongs the lease, if it is still ours. Raises FenceLost. The caller commits."""
    lease = context.clock() + timedelta(seconds=context.timing(job.vendor).lease)
    ours = update(ImportRun).where(ImportRun.id == job.id, ImportRun.fence == job.fence, ImportRun.state.in_(UNFINISHED))
    if rows_changed(ours.values({"lease_until_at": lease, **values})) != 1:
        db.session.rollback()
        raise FenceLost(f"import {job.id} was taken over")


def _release(context: WorkerContext, job: Job, **values: Any) -> None:
    """Writes on the run and gives it free. Commits. Raises FenceLost."""
    _hold(context, job, **({"owner": "", "lease_until_at": None} | values))
    db.session.commit()


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
    _release(context, job, not_before_at=until, tries=tries, reason=error.reason, reason_params=detail)


def _fail(context: WorkerContext, job: Job, reason: str, params: Mapping[str, Any] | None = None) -> None:
    db.session.execute(delete(ImportPage).where(ImportPage.run_id == job.id))
    counts = tally(job.id, job.mode) | {"unchanged": 0}
    _release(
        context,
        job,
        state="failed",
        reason=reason[:40],
        reason_params=dict(params or {}),
        ended_at=context.clock(),
        calls=_calls(job),
        **counts,
    )


# --- Reading the list -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Progress:
    """What was read so far. `seen` holds each record once, over both readings; `here` those of this reading."""

    reading: int = 1
    next_offset: int = 0
    seen: set[str] = field(default_factory=set)
    here: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)


def _read(context: WorkerContext, job: Job) -> bool:
    """Reads the list to its end, twice when it changed meanwhile, and decides what comes next. Whether every row was seen."""
    to = _access(context, job)
    progress = _progress(job)
    complete = _read_list(context, job, to, progress)
    while not complete and progress.reading < READINGS:
        _hold(context, job, next_offset=0)
        db.session.commit()
        progress.reading, progress.next_offset, progress.here = progress.reading + 1, 0, set()
        complete = _read_list(context, job, to, progress)
    _hold(context, job, reason="" if complete else "incomplete_list", reason_params={})
    _ask_about_duplicates(job)
    counts = tally(job.id, job.mode)
    counts["unchanged"] += len(progress.seen)
    if job.preview_only:
        _release(context, job, state="preview", calls=_calls(job), **counts)
    else:
        _hold(context, job, state="applying", tries=0, **counts)
        db.session.commit()
    return complete


def _access(context: WorkerContext, job: Job) -> Access:
    try:
        return access(context.settings, db.session.get_one(Connection, job.connection_id))
    finally:
        db.session.rollback()


def _progress(job: Job) -> Progress:
    pages = db.session.execute(
        select(ImportPage.reading, ImportPage.remote_ids, ImportPage.unreadable).where(ImportPage.run_id == job.id)
    ).all()
    db.session.rollback()
    progress = Progress(reading=max((page.reading for page in pages), default=1), next_offset=job.next_offset)
    for page in pages:
        progress.seen |= set(page.remote_ids)
        progress.unreadable |= set(page.unreadable)
        if page.reading == progress.reading:
            progress.here |= {*page.remote_ids, *page.unreadable}
    if not job.next_offset and pages:  # stopped between the two readings
        progress.reading, progress.here = progress.reading + 1, set()
    return progress


def _read_list(context: WorkerContext, job: Job, to: Access, progress: Progress) -> bool:
    """One reading from where it was; True when as many different rows came as the package says there are (contract wefact 5)."""
    connector, _wire = context.open(to, import_run_id=job.id)
    try:
        for page in connector.customers(job.since or None, progress.next_offset):
            _keep_page(context, job, page, progress)
            if page.last:
                return len(progress.here) == page.total
    except Unavailable as error:
        if error.reason != "incomplete_list":
            raise
    return False


def _keep_page(context: WorkerContext, job: Job, page: CustomerPage, progress: Progress) -> None:
    """One page in one transaction: what was read, and the rows that ask for something. Unchanged rows are only counted."""
    records = {record.remote_id: record for record in page.rows if len(record.remote_id) <= ID_LIMIT}
    rows = [told(record) for remote_id, record in records.items() if remote_id not in progress.seen]
    unreadable = {name[:ID_LIMIT]: why for name, why in page.failed}
    unreadable |= {record.remote_id[:ID_LIMIT]: "id" for record in page.rows if record.remote_id not in records}
    offset = page.offset + len(page.rows) + len(page.failed)
    values: dict[str, Any] = {"state": "reading", "next_offset": offset, "total": page.total, "tries": 0, "not_before_at": None}
    if progress.reading == 1 and page.offset == 0:
        values["server_time"] = page.server_time[:40]
    _hold(context, job, **values, reason="", reason_params={})
    _stage(job, rows, {name: why for name, why in unreadable.items() if name not in progress.unreadable})
    db.session.execute(
        insert(ImportPage).values(
            run_id=job.id, reading=progress.reading, offset=page.offset, remote_ids=list(records), unreadable=list(unreadable)
        )
    )
    db.session.commit()
    progress.next_offset = offset
    progress.seen |= records.keys()
    progress.unreadable |= unreadable.keys()
    progress.here |= {*records, *unreadable}


def _stage(job: Job, rows: Sequence[Told], unreadable: Mapping[str, str]) -> None:
    here = look_here(job.connection_id, list(rows))
    staged = []
    for row in rows:
        verdict = judge(row, here, job.mode)
        if verdict.action == "unchanged":
            continue
        staged.append(
            {
                "remote_id": row.remote_id,
                "number": row.number[:100],
                "name": row.values["name"],
                "action": verdict.action,
                "customer_id": verdict.customer_id,
                "values": row.values,
                "changes": verdict.changes,
                "reason": verdict.reason,
                "reason_params": verdict.params,
            }
        )
    for name, why in unreadable.items():
        empty = {"customer_id": None, "values": {}, "changes": {}, "reason": "unreadable_row", "reason_params": {"detail": why[:300]}}
        staged.append({"remote_id": f"?{name}"[:ID_LIMIT], "number": name, "name": "", "action": "failed", **empty})
    if staged:
        db.session.execute(insert(ImportRow), [{"run_id": job.id, "choice": "", **row} for row in staged])


def _ask_about_duplicates(job: Job) -> None:
    """A number that two rows of the list have: neither can claim the customer by itself. The caller commits."""
    rows = db.session.execute(
        select(ImportRow.id, ImportRow.values, ImportRow.action, ImportRow.customer_id, ImportRow.reason_params, ImportRow.remote_id)
        .where(ImportRow.run_id == job.id, ImportRow.action.in_(("new", "changed", "linked")))
        .order_by(ImportRow.id)
    ).all()
    alike: dict[str, list[Any]] = {}
    for row in rows:
        key = Told(row.remote_id, row.values, "").number_key
        if key and row.reason_params.get("by") != "link":
            alike.setdefault(key, []).append(row)
    asked = []
    for group in alike.values():
        for row in group if len(group) > 1 else ():
            choices = ["link", "create", "skip"] if row.customer_id else ["create", "skip"]
            others = [other.values["name"] for other in group if other.id != row.id]
            asked.append(
                {"id": row.id, "action": "conflict", "reason": "duplicate_number", "reason_params": {"choices": choices, "name": others[0]}}
            )
    if asked:
        db.session.execute(update(ImportRow), asked)


# --- Applying and closing -------------------------------------------------------------------------------------------------------


def _apply(context: WorkerContext, job: Job) -> None:
    """Batch after batch; each is one transaction with the lease, so that a worker that lost it writes nothing."""
    while True:
        rows = waiting_rows(job.id)
        if not rows:
            db.session.rollback()
            return
        _hold(context, job, tries=0, not_before_at=None)
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
    _release(context, job, state="done", reason=reason, reason_params=params, ended_at=now, calls=_calls(job), **counts)


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


def _calls(job: Job) -> int:
    """Every request of the run, from the journal."""
    mine = select(func.count()).select_from(RemoteCall).where(RemoteCall.import_run_id == job.id, RemoteCall.opened_at >= job.created_at)
    return db.session.scalar(mine) or 0
