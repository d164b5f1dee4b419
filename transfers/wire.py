"""What stands around every call: the pace, the journal and the fence, all in the database so that processes share them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from connectors.base import Answer, Connector
from connectors.errors import NotProcessed, NotSent
from models import CallBudget, Connection, Lease, RemoteCall, Transfer, db, rows_changed
from settings import Settings
from transfers.connections import Access, Timing, open_connector, timing

BODY_LIMIT = 64 * 1024
LOW_MINUTE, LOW_HOUR = 5, 50
LIMITS: dict[str, tuple[tuple[int, int], ...]] = {"wefact": ((60, 180), (3600, 3300)), "hostfact": ((1, 3),)}
"""Per package: (seconds, calls) that may not be passed (contract wefact 4)."""


SHORT_WAIT_SECONDS, SHORT_WAITS = 1, 5
"""A pace counted per second is waited for on the spot."""


class FenceLost(Exception):
    """Somebody else has this transfer now, or it changed: this worker must not write any more."""


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """What every piece of background work is given: settings, a clock, a name of its own, and a way to wait between repeated reads."""

    settings: Settings
    clock: Callable[[], datetime]
    owner: str
    pause: Callable[[float], None]

    def open(
        self, to: Access, *, transfer_id: int | None = None, fence: int = 0, import_run_id: int | None = None
    ) -> tuple[Connector, DatabaseWire]:
        """A connector on its wire. Close every transaction before calling it: nothing may be open during a call."""
        hold = None if transfer_id is None else Hold(transfer_id, fence, self.owner, self.timing(to.vendor))
        wire = DatabaseWire(to, self.clock, self.pause, hold, import_run_id)
        return open_connector(self.settings, to, wire, self.pause, self.clock), wire

    def timing(self, vendor: str) -> Timing:
        return timing(self.settings, vendor)


@dataclass(frozen=True, slots=True)
class Hold:
    """What a worker has while it works on a transfer: the transfer by its fence, and the only place that writes to the connection."""

    transfer_id: int
    fence: int
    owner: str
    timing: Timing


def write_place(connection_id: int) -> str:
    """The name of the lease that lets one worker at a time write to a connection."""
    return f"write:{connection_id}"


class DatabaseWire:
    """A `connectors.base.Wire` for one transfer, import or page. Each step is a transaction of its own, none is open during a call."""

    def __init__(
        self,
        to: Access,
        clock: Callable[[], datetime],
        pause: Callable[[float], None],
        hold: Hold | None = None,
        import_run_id: int | None = None,
    ) -> None:
        self._to = to
        self._clock = clock
        self._pause = pause
        self._hold = hold
        self._import_run_id = import_run_id
        self._slot: int | None = None
        self.calls = 0

    def take(self) -> None:
        for _try in range(SHORT_WAITS):
            now = self._clock()
            wait = _seconds_to_wait(_locked_budget(self._to.budget_key), now, LIMITS.get(self._to.vendor, ()))
            if not wait:
                break
            db.session.rollback()
            if wait > SHORT_WAIT_SECONDS:
                raise NotProcessed("budget", retry_after=wait)
            self._pause(wait)
        else:
            raise NotProcessed("budget", retry_after=SHORT_WAIT_SECONDS)
        self._prolong(now)
        call = RemoteCall(
            connection_id=self._to.connection_id,
            transfer_id=self._hold.transfer_id if self._hold else None,
            import_run_id=self._import_run_id,
            budget_key=self._to.budget_key,
            operation="",
            fence=self._hold.fence if self._hold else 0,
            opened_at=now,
        )
        db.session.add(call)
        db.session.flush()
        self._slot = call.id
        db.session.commit()
        self.calls += 1

    def pace(self, remaining_minute: int | None, remaining_hour: int | None, reset_minute: int | None, reset_hour: int | None) -> None:
        now = self._clock()
        until = [
            datetime.fromtimestamp(reset, UTC)
            for left, low, reset in ((remaining_minute, LOW_MINUTE, reset_minute), (remaining_hour, LOW_HOUR, reset_hour))
            if left is not None and left < low and reset is not None and 0 < reset < 32_503_680_000
        ]
        longest = now + timedelta(hours=1)
        if not until or max(until) <= now:
            return
        budget = _locked_budget(self._to.budget_key)
        budget.paused_until_at = max(min(max(until), longest), budget.paused_until_at or now)
        db.session.commit()

    def opened(self, operation: str, request: str, writes: bool) -> int:
        if self._slot is None:
            raise RuntimeError("a call is opened only after a place in the budget was taken")
        call_id, self._slot = self._slot, None
        db.session.execute(
            update(RemoteCall)
            .where(RemoteCall.id == call_id)
            .values(operation=operation[:40], request=_clean(request), writes=writes, opened_at=self._clock())
        )
        db.session.commit()
        return call_id

    def _prolong(self, now: datetime) -> None:
        """Every call, also the tenth of a search, begins with leases that outlast it. In the caller's transaction."""
        if self._hold is None:
            return
        until = now + timedelta(seconds=self._hold.timing.lease)
        ours = (Transfer.id == self._hold.transfer_id) & (Transfer.fence == self._hold.fence) & (Transfer.owner == self._hold.owner)
        place = (Lease.name == write_place(self._to.connection_id)) & ((Lease.owner == self._hold.owner) | (Lease.until_at <= now))
        if (
            rows_changed(update(Transfer).where(ours).values(lease_until_at=until)) != 1
            or rows_changed(update(Lease).where(place).values(owner=self._hold.owner, until_at=until)) != 1
        ):
            db.session.rollback()
            raise FenceLost(f"transfer {self._hold.transfer_id} or its connection was taken over")

    def before_write(self) -> None:
        if self._hold is None:
            return
        key, fence, now = self._hold.transfer_id, self._hold.fence, self._clock()
        row = db.session.execute(
            select(Transfer.fence, Transfer.state, Transfer.lease_until_at, Connection.state.label("connection"))
            .join(Connection, Connection.id == Transfer.connection_id)
            .where(Transfer.id == key)
        ).first()
        db.session.rollback()
        if row is None or row.fence != fence or row.state not in ("creating", "finalising"):
            raise FenceLost(f"transfer {key} was taken over")
        if row.lease_until_at is None or row.lease_until_at <= now + timedelta(seconds=self._hold.timing.call):
            raise FenceLost(f"the lease on transfer {key} would end before the call")
        if row.connection != "connected":  # somebody disconnected it while this call was being opened
            raise NotSent("not_configured")

    def closed(self, call: int, answer: Answer) -> None:
        db.session.execute(
            update(RemoteCall)
            .where(RemoteCall.id == call)
            .values(
                outcome=answer.outcome[:40],
                http_status=answer.http_status,
                response=_clean(answer.body),
                milliseconds=answer.milliseconds,
                closed_at=self._clock(),
            )
        )
        db.session.commit()


def _clean(text: str) -> str:
    """PostgreSQL keeps no NUL in text."""
    return text.replace("\x00", "�")[:BODY_LIMIT]


def _locked_budget(key: str) -> CallBudget:
    """The row that makes counting and taking one step, also between processes."""
    statement = select(CallBudget).where(CallBudget.key == key).with_for_update()
    budget = db.session.execute(statement).scalar_one_or_none()
    if budget is not None:
        return budget
    try:
        db.session.add(CallBudget(key=key))
        db.session.commit()
    except IntegrityError:  # somebody made it at the same moment
        db.session.rollback()
    return db.session.execute(statement).scalar_one()


def _seconds_to_wait(budget: CallBudget, now: datetime, limits: tuple[tuple[int, int], ...]) -> int:
    if budget.paused_until_at and budget.paused_until_at > now:
        return _up(budget.paused_until_at - now)
    for seconds, calls in limits:
        start = now - timedelta(seconds=seconds)
        within = (RemoteCall.budget_key == budget.key) & (RemoteCall.opened_at > start)
        used = db.session.scalar(select(func.count()).select_from(RemoteCall).where(within)) or 0
        if used >= calls:
            oldest = db.session.scalar(
                select(RemoteCall.opened_at).where(within).order_by(RemoteCall.opened_at).offset(used - calls).limit(1)
            )
            return _up((oldest or now) + timedelta(seconds=seconds) - now)
    return 0


def _up(wait: timedelta) -> int:
    """Whole seconds, at least one."""
    return max(1, -(-int(wait.total_seconds() * 1000) // 1000))
