"""What people do under Reports: keep a selection, change many rows, change one field. Only these commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

import audit
import checks
from blueprints.reports.filters import Filters
from blueprints.reports.kinds import BY_SOURCE, Kind
from blueprints.reports.queries import Viewer, matching
from invoicing import edits, selection
from models import AuditEvent, LoginSession, TimeEntry, User, db

Kept = dict[str, list[int]]

MOST = 10_000
"""Rows one selection can hold; more is a filter's work."""

LONGEST_NOTE = 10_000


class TooMany(ValueError):
    """The selection would hold more than MOST rows; it was left as it was."""


class Changed(ValueError):
    """Another number of rows matches now than was shown; `now` tells how many, MOST + 1 when there are more than MOST."""

    def __init__(self, now: int) -> None:
        super().__init__(f"{now} rows match now")
        self.now = now


# --- The selection --------------------------------------------------------------------------------------------------------------


def kept(login: LoginSession) -> Kept:
    """The selection of this browser, per kind, without anything that is not a list of ids."""
    stored = login.selection if isinstance(login.selection, dict) else {}
    return {name: [n for n in stored.get(name, []) if isinstance(n, int)] for name in BY_SOURCE if stored.get(name)}


def keep(login: LoginSession, ticked: Mapping[str, Iterable[int]], shown: Mapping[str, Iterable[int]]) -> Kept:
    """Remembers which of the shown rows are ticked; rows that were not shown stay as they were. Raises TooMany."""
    now = {name: set(ids) for name, ids in kept(login).items()}
    for name in BY_SOURCE:
        now[name] = (now.get(name, set()) - set(shown.get(name, ()))) | set(ticked.get(name, ()))
    return _store(login, now)


def keep_matching(login: LoginSession, kind: Kind, filters: Filters, viewer: Viewer, expected: int) -> Kept:
    """Selects everything that matches, when it is as many as was shown. Raises Changed or TooMany."""
    found = matching(kind, filters, viewer, MOST)
    if len(found) > MOST:
        raise TooMany
    if len(found) != expected:
        raise Changed(len(found))
    now = {name: set(ids) for name, ids in kept(login).items()}
    now[kind.source_type] = now.get(kind.source_type, set()) | set(found)
    return _store(login, now)


def forget(login: LoginSession) -> None:
    """Clears the selection."""
    _store(login, {})


def _store(login: LoginSession, chosen: Mapping[str, set[int]]) -> Kept:
    value = {name: sorted(ids) for name, ids in chosen.items() if ids}
    if sum(len(ids) for ids in value.values()) > MOST:
        raise TooMany
    if value != login.selection:
        login.selection = value
        db.session.commit()
    return value


# --- Many rows ------------------------------------------------------------------------------------------------------------------


def change_selected(change: str, chosen: Kept, user: User, viewer: Viewer, now: datetime) -> dict[str, edits.Outcome]:
    """Makes one change to the selected rows; what happened per kind."""
    outcomes: dict[str, edits.Outcome] = {}
    for source_type in BY_SOURCE:
        ids = chosen.get(source_type)
        if not ids:
            continue
        outcome = edits.change_many(
            change, source_type, ids, by=user, now=now, own=viewer.own, may_approve_own=user.role == "administrator"
        )
        outcomes[source_type] = outcome
        if outcome.changed:
            audit.record(user, change, source_type, None, now, ids=outcome.changed)
    db.session.commit()
    return outcomes


# --- One field ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Conflict:
    """Somebody was first: who (empty when unknown) and when, and how the row stands now."""

    name: str
    at: datetime
    row: Any


class NotThere(LookupError):
    """The row does not exist, or is not this person's to change."""


def change_field(kind: Kind, row_id: int, field: str, text: str, version: int, user: User, viewer: Viewer, now: datetime) -> None:
    """Changes the duration, note or billable flag of a row.

    Raises NotThere, checks.CheckFailed, and edits.Held, Closed, Stale or DayTooLong; nothing is changed then.
    """
    value = _value(field, text)
    try:
        row = edits.editable(kind.source_type, row_id, version)
        if row is None or (viewer.own is not None and row.user_id != viewer.own):
            raise NotThere
        _set(row, kind, field, value)
        edits.changed(row, now)
        audit.record(user, "changed", kind.source_type, row_id, now, field=field)
        db.session.commit()
    except (edits.Held, edits.Closed, edits.Stale, edits.DayTooLong, NotThere, Refused):
        db.session.rollback()
        raise


class Refused(ValueError):
    """This value is not possible for this row; `reason` is a reason code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _value(field: str, text: str) -> Any:
    if field == "duration":
        return checks.parse_duration(text)
    if field == "billable":
        return text == "yes"
    note = text.replace("\r\n", "\n").strip()
    if len(note) > LONGEST_NOTE:
        raise checks.CheckFailed("too_long", length=len(note), most=LONGEST_NOTE)
    return note


def _set(row: Any, kind: Kind, field: str, value: Any) -> None:
    if field == "duration":
        edits.check_day(row.user_id, row.date, value, leaving_out=row.id)
        row.duration_minutes = value
    elif field == "note":
        row.note = value
    else:
        if value and (reason := _never_billable(row, kind)):
            raise Refused(reason)
        row.billable = value


def _never_billable(row: Any, kind: Kind) -> str:
    if kind.source_type == "trip" and row.kind == "private":
        return selection.PRIVATE_TRIP
    if isinstance(row, TimeEntry) and row.project is not None and row.project.invoicing_method == "none":
        return selection.NO_INVOICING
    return ""


def conflict(source_type: str, row: Any) -> Conflict:
    """Who changed the row last, as far as the audit log knows."""
    event = db.session.execute(
        select(AuditEvent.at, User.name)
        .outerjoin(User, User.id == AuditEvent.user_id)
        .where(AuditEvent.object_type == source_type, AuditEvent.object_id == row.id, AuditEvent.at >= row.updated_at)
        .order_by(AuditEvent.id.desc())
        .limit(1)
    ).first()
    return Conflict(event.name or "" if event else "", row.updated_at, row)
