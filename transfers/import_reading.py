"""Reading a package's customer list into an import: page after page, each kept in one transaction with the lease (contract wefact 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select, update

from connectors.errors import Unavailable
from connectors.records import CustomerPage
from models import Connection, ImportPage, ImportRow, db
from transfers.connections import Access, access
from transfers.import_rows import Told, judge, look_here, told
from transfers.import_runs import Job, calls, hold, release, tally
from transfers.wire import WorkerContext

READINGS = 2
ID_LIMIT = 60


@dataclass(slots=True)
class Progress:
    """What was read so far. `seen` holds each record once, over both readings; `here` those of this reading."""

    reading: int = 1
    next_offset: int = 0
    seen: set[str] = field(default_factory=set)
    here: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)


def read(context: WorkerContext, job: Job) -> bool:
    """Reads the list to its end, twice when it changed meanwhile, and decides what comes next. Whether every row was seen."""
    to = _access(context, job)
    progress = _progress(job)
    complete = _read_list(context, job, to, progress)
    while not complete and progress.reading < READINGS:
        hold(context, job, next_offset=0)
        db.session.commit()
        progress.reading, progress.next_offset, progress.here = progress.reading + 1, 0, set()
        complete = _read_list(context, job, to, progress)
    hold(context, job, reason="" if complete else "incomplete_list", reason_params={})
    _ask_about_duplicates(job)
    counts = tally(job.id, job.mode)
    counts["unchanged"] += len(progress.seen)
    if job.preview_only:
        release(context, job, state="preview", calls=calls(job), **counts)
    else:
        hold(context, job, state="applying", tries=0, **counts)
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
    hold(context, job, **values, reason="", reason_params={})
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
