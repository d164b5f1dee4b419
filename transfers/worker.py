"""The worker: takes what is due, one write in flight per connection, until nothing is due any more.

It runs as a thread of every serving process, and alone as `flask transfers work`. Any number of them may run.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import func, select

from models import Connection, CustomerMatch, ImportRun, Transfer, db
from settings import Settings
from transfers import customers, follow, import_runs, imports, invoices, leases, ledger, new_customers
from transfers.wire import FenceLost, WorkerContext, write_place

LOOK_EVERY_SECONDS = 2
TURN = 10
FLOWS: dict[str, Callable[[WorkerContext, ledger.Job], None]] = {"invoice": invoices.run, "customer": new_customers.run}

log = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_context(settings: Settings, pause: Callable[[float], None], clock: Callable[[], datetime] = utc_now) -> WorkerContext:
    return WorkerContext(settings=settings, clock=clock, owner=leases.new_owner(), pause=pause)


def work(context: WorkerContext, stopping: Callable[[], bool] = lambda: False) -> int:
    """Everything that is due now, and what becomes due by doing it. Returns how many pieces of work were done."""
    done = 0
    while not stopping():
        before = done
        if context.settings.exports_enabled:
            ledger.free_dependants(context.clock())
            for connection_id in ledger.connections_with_work(context.clock()):
                done += _drain(context, connection_id, stopping)
        for take_one in (imports.work_one, customers.look_up_one, follow.look_again_one):
            if stopping():
                break
            done += bool(take_one(context))
        if done == before:
            break
    return done


def work_once(context: WorkerContext) -> int:
    """Like work, and waiting for the shared pace counts as being due: it is waited for."""
    done = 0
    while True:
        done += work(context)
        wait = seconds_until_budget(context)
        if wait is None:
            return done
        context.pause(wait)


def seconds_until_budget(context: WorkerContext) -> float | None:
    """How long until the first piece of work that waits for nothing but the pace; None when there is none.

    Work that this worker could not take when its time comes does not count: it would be waited for without end.
    """
    now = context.clock()
    transfers = ledger.free(now).where(Transfer.reason == "budget").with_only_columns(func.min(Transfer.due_at))
    run = select(func.min(ImportRun.not_before_at)).where(
        ImportRun.reason == "budget", ImportRun.state.in_(import_runs.UNFINISHED), ImportRun.lease_until_at.is_(None)
    )
    look_up = select(func.min(CustomerMatch.lease_until_at)).where(
        CustomerMatch.reason == "budget", CustomerMatch.state == "looking", CustomerMatch.owner == ""
    )
    statements = [transfers, run, look_up] if context.settings.exports_enabled else [run, look_up]
    first = [db.session.scalar(statement) for statement in statements]
    db.session.rollback()
    moments = [moment for moment in first if moment is not None]
    return max(0.1, (min(moments) - now).total_seconds()) if moments else None


def _drain(context: WorkerContext, connection_id: int, stopping: Callable[[], bool]) -> int:
    """The next due transfers of one connection, one after the other, while nobody else writes to it.

    No more than a turn of them, so that a package that is slow or down keeps neither the others nor imports waiting for long.
    """
    vendor = db.session.scalars(select(Connection.vendor).where(Connection.id == connection_id)).one()
    db.session.rollback()
    timing = context.timing(vendor)
    name, done = write_place(connection_id), 0
    while done < TURN and not stopping():
        if not leases.take(name, context.owner, timing.lease, context.clock()):
            return done
        job = ledger.claim_next(connection_id, context.owner, timing.lease, context.clock(), timing.settle)
        if job is None:
            break
        try:
            FLOWS[job.kind](context, job)
        except FenceLost as error:
            db.session.rollback()
            log.warning("%s", error)
        except Exception:
            # One bad piece of work must not keep the rest waiting: its lease runs out, and after three deaths a person sees it.
            db.session.rollback()
            log.exception("transfer %s stumbled; the others go on", job.id)
        done += 1
    leases.drop(name, context.owner, context.clock())
    return done


class WorkerThread(threading.Thread):
    """The worker of a serving process. `wake` makes it look at once, `stop` ends it after the call it is in."""

    def __init__(self, app: Flask) -> None:
        super().__init__(name="uurwerk-worker", daemon=True)
        self._app = app
        self._wake = threading.Event()
        self._stopping = threading.Event()
        clock = app.extensions.get("clock") or utc_now
        self._context = new_context(app.extensions["settings"], self._pause, clock)

    def _pause(self, seconds: float) -> None:
        self._stopping.wait(seconds)

    def wake(self) -> None:
        self._wake.set()

    def stop(self, seconds: float) -> None:
        self._stopping.set()
        self._wake.set()
        self.join(seconds)

    def run(self) -> None:
        while not self._stopping.is_set():
            self._wake.wait(LOOK_EVERY_SECONDS)
            self._wake.clear()
            with self._app.app_context():
                try:
                    work(self._context, self._stopping.is_set)
                except Exception:
                    # One bad piece of work must not end the thread.
                    log.exception("the worker stumbled; it goes on")
                    self._stopping.wait(LOOK_EVERY_SECONDS)
                finally:
                    db.session.remove()


def wake(app: Flask) -> None:
    """Lets this process's worker look at once, when it has one."""
    thread = app.extensions.get("worker")
    if thread is not None:
        thread.wake()


GRACE = timedelta(seconds=75)
"""How long a stopping process waits for the call it is in."""
