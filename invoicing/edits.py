"""Changing what was registered: one field of a row, or the standing of many, never under a claim and never over somebody else's work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import case, func, null, select, update

from invoicing import selection
from invoicing.links import CLAIMING, SOURCES, Claim, claims
from models import BillingLink, Project, TimeEntry, User, db

DAY_MINUTES = 24 * 60
EDITABLE = ("open", "rejected")

OWN_WORK = "own_work"
ALREADY_SO = "already_so"

APPROVE = "approve"
REOPEN = "reopen"
WRITE_OFF = "write_off"
UNDO_WRITE_OFF = "undo_write_off"
MAKE_BILLABLE = "billable"
MAKE_NOT_BILLABLE = "not_billable"
CHANGES = (APPROVE, REOPEN, WRITE_OFF, UNDO_WRITE_OFF, MAKE_BILLABLE, MAKE_NOT_BILLABLE)


class Held(Exception):
    """An invoice has the row, or is about to: it cannot be changed."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(f"{claim.source_type} {claim.source_id} is held by transfer {claim.transfer_id}")
        self.claim = claim


class Closed(Exception):
    """The row's status does not allow changes; `status` says which it is."""

    def __init__(self, status: str) -> None:
        super().__init__(f"not editable while {status}")
        self.status = status


class Stale(Exception):
    """Somebody changed the row since it was read; `row` is how it stands now."""

    def __init__(self, row: Any) -> None:
        super().__init__(f"version {row.version} by now")
        self.row = row


class DayTooLong(Exception):
    """With this the person's day would be longer than 24 hours; `minutes` is what stands there already."""

    def __init__(self, minutes: int) -> None:
        super().__init__(f"{minutes} minutes on that day already")
        self.minutes = minutes


# --- One row --------------------------------------------------------------------------------------------------------------------


def editable(source_type: str, row_id: int, version: int | None = None) -> Any:
    """The row, locked until the transaction ends, when it may be changed now and still has this version.

    Raises Held, Closed or Stale; gives None when the row does not exist. Costs two statements.
    """
    model = SOURCES[source_type]
    row = db.session.scalar(select(model).where(model.id == row_id).with_for_update().execution_options(populate_existing=True))
    if row is None:
        return None
    # Asked after the lock, in a statement of its own: a claim that was being made meanwhile is then seen on PostgreSQL too.
    if claim := claims(source_type, [row_id]).get(row_id):
        raise Held(claim)
    if row.status not in EDITABLE:
        raise Closed(row.status)
    if version is not None and row.version != version:
        raise Stale(row)
    return row


def changed(row: Any, now: datetime) -> None:
    """Marks a row as changed: a new version, and a rejected row is open again. The caller commits."""
    row.version += 1
    row.updated_at = now
    if row.status == "rejected":
        row.status = "open"


def check_day(user_id: int, day: date, minutes: int, *, leaving_out: int | None = None) -> None:
    """Raises DayTooLong when `minutes` more would bring this person's day above 24 hours; `leaving_out` is the entry that is replaced.

    Holds the person's row until the transaction ends, so that two entries at once cannot both pass.
    """
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update())
    there = select(func.coalesce(func.sum(TimeEntry.duration_minutes), 0)).where(TimeEntry.user_id == user_id, TimeEntry.date == day)
    if leaving_out is not None:
        there = there.where(TimeEntry.id != leaving_out)
    already = int(db.session.scalar(there) or 0)
    if minutes > 0 and already + minutes > DAY_MINUTES:
        raise DayTooLong(already)


# --- Many rows ------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Outcome:
    """Which rows were changed, and how many were left as they were, by reason code."""

    changed: list[int] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)

    def leave(self, reason: str) -> None:
        self.left[reason] = self.left.get(reason, 0) + 1


def change_many(
    change: str, source_type: str, ids: Iterable[int], *, by: User, now: datetime, own: int | None = None, may_approve_own: bool = False
) -> Outcome:
    """Approves, reopens, writes off or marks these rows, and says which were left and why. The caller commits.

    `own` leaves out everybody else's rows. Four statements however many rows there are: lock, claims, read, write. An undone write-off
    is approved again when somebody had approved it, else open.
    """
    model = SOURCES[source_type]
    wanted = sorted(set(ids))
    outcome = Outcome()
    if not wanted:
        return outcome
    db.session.execute(select(model.id).where(model.id.in_(wanted)).order_by(model.id).with_for_update()).all()
    # The claims are read in a statement after the lock; see `editable`.
    links = db.session.execute(
        select(BillingLink.source_id, BillingLink.state).where(
            BillingLink.source_type == source_type, BillingLink.source_id.in_(wanted), BillingLink.state.in_(CLAIMING)
        )
    )
    held = {link.source_id: link.state for link in links}
    rows = {row.id: row for row in db.session.execute(_standing(source_type).where(model.id.in_(wanted)))}
    for row_id in wanted:
        row = rows.get(row_id)
        if row is None or (own is not None and row.user_id != own):
            outcome.leave(selection.DELETED)
        elif state := held.get(row_id):
            outcome.leave(selection.ALREADY_INVOICED if state == "live" else selection.BEING_INVOICED)
        elif reason := _in_the_way(change, source_type, row, by, may_approve_own):
            outcome.leave(reason)
        else:
            outcome.changed.append(row_id)
    if outcome.changed:
        values = _new_values(change, model, by) | {"version": model.version + 1, "updated_at": now}
        statement = update(model).where(model.id.in_(outcome.changed)).values(values)
        db.session.execute(statement.execution_options(synchronize_session=False))
        for seen in list(db.session.identity_map.values()):
            if isinstance(seen, model):
                db.session.expire(seen)
    return outcome


def _standing(source_type: str) -> Any:
    model = SOURCES[source_type]
    method = Project.invoicing_method if source_type == "time" else null().label("invoicing_method")
    kind = model.kind if source_type == "trip" else null().label("kind")
    query = select(model.id, model.user_id, model.status, model.billable, method, kind).select_from(model)
    return query.outerjoin(Project, Project.id == model.project_id)


def _in_the_way(change: str, source_type: str, row: Any, by: User, may_approve_own: bool) -> str:
    """The reason this change does not apply to this row, or nothing."""
    if change == UNDO_WRITE_OFF:
        return "" if row.status == "written_off" else ALREADY_SO
    if row.status == "written_off":
        return ALREADY_SO if change == WRITE_OFF else selection.WRITTEN_OFF
    if change == APPROVE:
        return _in_the_way_of_approving(row, by, may_approve_own)
    if change == REOPEN:
        return ALREADY_SO if row.status == "open" else ""
    if change == WRITE_OFF:
        return selection.REJECTED if row.status == "rejected" else ""
    if row.billable == (change == MAKE_BILLABLE):
        return ALREADY_SO
    if change == MAKE_BILLABLE and row.kind == "private":
        return selection.PRIVATE_TRIP
    if change == MAKE_BILLABLE and row.invoicing_method == "none":
        return selection.NO_INVOICING
    return ""


def _in_the_way_of_approving(row: Any, by: User, may_approve_own: bool) -> str:
    if row.status == "approved":
        return ALREADY_SO
    if row.status == "rejected":
        return selection.REJECTED
    return OWN_WORK if row.user_id == by.id and not may_approve_own else ""


def _new_values(change: str, model: type[Any], by: User) -> dict[str, Any]:
    if change == APPROVE:
        return {"status": "approved", "approved_by_id": by.id}
    if change == REOPEN:
        return {"status": "open", "approved_by_id": None}
    if change == WRITE_OFF:
        return {"status": "written_off"}
    if change == UNDO_WRITE_OFF:
        return {"status": case((model.approved_by_id.is_not(None), "approved"), else_="open")}
    return {"billable": change == MAKE_BILLABLE}
