"""What the pages of the company, its people, one's own account and the audit log show. Reading only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from blueprints import formats
from blueprints.listing import Listing
from blueprints.settings import wording
from models import AuditEvent, LoginSession, User, VatRegime, db

LONGEST_DETAIL = 300
USER_SORTS = {
    "name": [func.lower(User.name), User.id],
    "email": [User.email, User.id],
    "role": [User.role, func.lower(User.name), User.id],
}


def regime_choices(current: int | None) -> list[tuple[int, str]]:
    """The VAT regimes that are offered, and the company's own."""
    rows = db.session.execute(
        select(VatRegime.id, VatRegime.name).where(VatRegime.active | (VatRegime.id == current)).order_by(VatRegime.position, VatRegime.id)
    )
    return [(row.id, row.name) for row in rows]


def users(listing: Listing, status: str) -> tuple[list[Any], int]:
    """A page of people with when they were last seen, and how many there are."""
    conditions = [] if status == "all" else [User.active.is_(status != "archived")]
    total = db.session.scalar(select(func.count()).select_from(User).where(*conditions)) or 0
    seen = select(func.max(LoginSession.seen_at)).where(LoginSession.user_id == User.id).scalar_subquery()
    rows = db.session.execute(
        select(User, seen).where(*conditions).order_by(*listing.order_by(USER_SORTS)).limit(listing.size).offset(listing.offset)
    )
    return list(rows), total


def logins(user_id: int) -> list[LoginSession]:
    """Where a person is signed in, the most recent first."""
    return list(db.session.scalars(select(LoginSession).where(LoginSession.user_id == user_id).order_by(LoginSession.seen_at.desc())))


# --- The audit log ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuditLine:
    """One event in words."""

    at: datetime
    who: str
    what: str
    about: str
    details: str


def people() -> list[tuple[int, str]]:
    return [(row.id, row.name) for row in db.session.execute(select(User.id, User.name).order_by(func.lower(User.name), User.id))]


def events(listing: Listing, action: str, object_type: str, user_id: int | None) -> tuple[list[AuditLine], int]:
    """A page of the log, newest first, and how many events match."""
    conditions: list[Any] = []
    if action:
        conditions.append(AuditEvent.action == action)
    if object_type:
        conditions.append(AuditEvent.object_type == object_type)
    if user_id is not None:
        conditions.append(AuditEvent.user_id == user_id)
    total = db.session.scalar(select(func.count()).select_from(AuditEvent).where(*conditions)) or 0
    rows = db.session.execute(
        select(AuditEvent, User.name)
        .outerjoin(User, User.id == AuditEvent.user_id)
        .where(*conditions)
        .order_by(AuditEvent.id.desc())
        .limit(listing.size)
        .offset(listing.offset)
    )
    return [_line(event, name) for event, name in rows], total


def _line(event: AuditEvent, name: str | None) -> AuditLine:
    details = event.details or {}
    kind = str(formats.OBJECTS.get(event.object_type, event.object_type))
    own = name if event.object_type == "user" and event.object_id == event.user_id else None
    called = details.get("name") or details.get("email") or own or (event.object_id if event.object_id is not None else "")
    return AuditLine(
        at=event.at,
        who=name or _("Uurwerk"),
        what=str(formats.EVENTS.get(event.action) or event.action.replace("_", " ").capitalize()),
        about=f"{kind} {called}".strip(),
        details=_details(details),
    )


def _details(details: Mapping[str, Any]) -> str:
    parts = []
    for name, value in details.items():
        if name == "changes" and isinstance(value, dict):
            parts += [_change(field, change) for field, change in value.items() if field != "number_key"]
        elif name not in ("name", "email"):
            parts.append(f"{wording.field(name)}: {wording.value(name, value)}")
    text = "; ".join(parts)
    return text if len(text) <= LONGEST_DETAIL else text[:LONGEST_DETAIL] + "…"


def _change(field: str, change: Any) -> str:
    if isinstance(change, list) and len(change) == 2:
        return f"{wording.field(field)}: {wording.value(field, change[0])} → {wording.value(field, change[1])}"
    return f"{wording.field(field)}: {wording.value(field, change)}"
