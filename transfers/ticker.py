"""The tick: every 30 s in every serving process, and by hand as `flask tick`. A unique row per job and local date decides who acts.

A job is due once its time has passed on the organisation's clock. It is made up for once when less than a day late; older dates
are written down as missed. No call is made in here: the worker takes what a tick starts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask
from sqlalchemy import delete, func, or_, select
from sqlalchemy.exc import IntegrityError, OperationalError

from models import Connection, FormToken, ImportPage, ImportRow, ImportRun, LoginSession, Organisation, ScheduledRun, Throttle, db
from transfers import imports, worker
from transfers.import_runs import UNFINISHED

HOUSEKEEPING = "housekeeping"
FULL_EVERY = timedelta(days=6, hours=12)
"""Half a day less than a week, so that the same night of the next week counts."""

MOST_MISSED = 31
LOGIN_KEPT = timedelta(days=7)
THROTTLE_KEPT = timedelta(days=1)
FORM_TOKEN_KEPT = timedelta(days=7)
IMPORT_ROWS_KEPT = timedelta(days=90)

log = logging.getLogger(__name__)


def tick_in(app: Flask) -> None:
    """A tick of a serving process; a database that is busy or away is for the next one."""
    clock = app.extensions.get("clock") or worker.utc_now
    with app.app_context():
        try:
            for line in tick(clock()):
                log.info("%s", line)
                worker.wake(app)
            app.extensions["ticked_at"] = clock()
        except OperationalError as error:
            log.warning("the tick found no database: %s", error.orig)
        finally:
            db.session.remove()


def tick(now: datetime) -> list[str]:
    """Starts what is due, once, and says so in one line each."""
    organisation = db.session.get_one(Organisation, 1)
    zone, at = ZoneInfo(organisation.timezone), time.fromisoformat(organisation.nightly_at)
    nightly = select(Connection).where(Connection.nightly.is_(True), Connection.state == "connected").order_by(Connection.id)
    jobs: dict[str, Callable[[datetime], str]] = {
        f"import {row.vendor}": _import_of(row.id, row.vendor, row.import_mode, row.full_import_at) for row in db.session.scalars(nightly)
    }
    lines = _close_imports(now)
    slot = latest_slot(now, zone, at)
    for job, start in {**jobs, HOUSEKEEPING: _keep_house}.items():
        lines += _run_if_due(job, slot, now, start)
    db.session.rollback()
    return lines


def latest_slot(now: datetime, zone: ZoneInfo, at: time) -> date:
    """The last local date on which that time has passed; in a night when clocks change its first passing counts."""
    today = now.astimezone(zone).date()
    return today if due_at(today, zone, at) <= now else today - timedelta(days=1)


def due_at(slot: date, zone: ZoneInfo, at: time) -> datetime:
    """When a job of that date is due. A time that the clock skips comes as much later as the clock was put forward."""
    return datetime.combine(slot, at, tzinfo=zone).astimezone(UTC)


def _run_if_due(job: str, slot: date, now: datetime, start: Callable[[datetime], str]) -> list[str]:
    last = db.session.scalar(select(func.max(ScheduledRun.slot)).where(ScheduledRun.job == job))
    db.session.rollback()
    if last is not None and last >= slot:
        return []
    lines = [f"{job} of {missed} was missed" for missed in _missed(job, last, slot) if _note_missed(job, missed, now)]
    with _turn(job, slot, now) as run:
        if run is None:
            return lines
        try:
            said = start(now)
        except imports.RunUnderway:  # the next tick tries again
            return lines
        except imports.NotConnected:
            return [*lines, f"{job} was left: the package is not connected"]
    return [*lines, f"{job} of {slot}: {said}"]


@contextmanager
def _turn(job: str, slot: date, now: datetime) -> Iterator[ScheduledRun | None]:
    """The row of this date, in the transaction that the job itself commits; None when somebody else has it."""
    run = ScheduledRun(job=job, slot=slot, state="running", started_at=now, details={})
    try:
        db.session.add(run)
        db.session.flush()
    except IntegrityError:
        db.session.rollback()
        yield None
        return
    yield run


def _missed(job: str, last: date | None, slot: date) -> list[date]:
    """The dates since the last turn on which nobody ticked. One on which the housekeeping ran was no turn of this job."""
    if last is None:
        return []
    first = max(last + timedelta(days=1), slot - timedelta(days=MOST_MISSED))
    ticked = set(db.session.scalars(select(ScheduledRun.slot).where(ScheduledRun.job == HOUSEKEEPING, ScheduledRun.state == "done")))
    db.session.rollback()
    days = [first + timedelta(days=n) for n in range((slot - first).days)]
    return [day for day in days if day not in ticked]


def _note_missed(job: str, slot: date, now: datetime) -> bool:
    db.session.add(ScheduledRun(job=job, slot=slot, state="missed", started_at=now, ended_at=now, details={}))
    try:
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return False
    return True


# --- The jobs -------------------------------------------------------------------------------------------------------------------


def _import_of(connection_id: int, vendor: str, mode: str, full_import_at: datetime | None) -> Callable[[datetime], str]:
    def start(now: datetime) -> str:
        full = full_import_at is None or now - full_import_at >= FULL_EVERY
        options: dict[str, Any] = {"mode": mode, "full": full, "preview_only": False, "source": "nightly", "user_id": None}
        run = imports.request_run(connection_id, now=now, **options)
        return f"import {run.id} waits for the worker ({'the whole list' if run.full else 'what changed'})"

    return start


def _close_imports(now: datetime) -> list[str]:
    """Writes down how the imports of earlier turns ended."""
    open_turns = db.session.scalars(
        select(ScheduledRun).where(ScheduledRun.state == "running", ScheduledRun.job.startswith("import "))
    ).all()
    lines = []
    for turn in open_turns:
        vendor = turn.job.removeprefix("import ")
        run = db.session.scalars(
            select(ImportRun)
            .join(Connection)
            .where(Connection.vendor == vendor, ImportRun.source == "nightly", ImportRun.created_at == turn.started_at)
        ).first()
        if run is not None and run.state in UNFINISHED:
            continue
        turn.state = "done" if run is not None and run.state == "done" else "failed"
        turn.ended_at = (run.ended_at if run else None) or now
        turn.details = {"import_run": run.id, "reason": run.reason} if run else {}
        lines.append(f"{turn.job} of {turn.slot} is {turn.state}")
    db.session.commit()
    return lines


def _keep_house(now: datetime) -> str:
    """Removes what has had its time, and closes its own turn in the same transaction."""
    old_login = or_(LoginSession.created_at < now - LOGIN_KEPT, LoginSession.seen_at < now - LOGIN_KEPT)
    db.session.execute(delete(LoginSession).where(old_login))
    db.session.execute(delete(Throttle).where(Throttle.at < now - THROTTLE_KEPT))
    db.session.execute(delete(FormToken).where(FormToken.created_at < now - FORM_TOKEN_KEPT))
    old_runs = select(ImportRun.id).where(ImportRun.created_at < now - IMPORT_ROWS_KEPT, ImportRun.state.not_in(UNFINISHED))
    db.session.execute(delete(ImportRow).where(ImportRow.run_id.in_(old_runs)))
    db.session.execute(delete(ImportPage).where(ImportPage.run_id.in_(old_runs)))
    turn = db.session.scalars(select(ScheduledRun).where(ScheduledRun.job == HOUSEKEEPING, ScheduledRun.state == "running")).all()
    for one in turn:
        one.state, one.ended_at = "done", now
    db.session.commit()
    return "done"
