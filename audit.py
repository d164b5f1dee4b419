"""Who did what: one row per event, in the same transaction as the thing itself."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from models import AuditEvent, User, db

NEVER = frozenset({"password", "api_key", "token", "secret", "client_secret"})


def record(user: User | None, action: str, object_type: str, object_id: int | None, now: datetime, **details: Any) -> None:
    """Adds an audit row; the caller commits. Details never hold a secret: a name that looks like one is an error here."""
    if found := NEVER & details.keys():
        raise ValueError(f"a secret does not go into the audit log: {', '.join(sorted(found))}")
    db.session.add(
        AuditEvent(at=now, user_id=user.id if user else None, action=action, object_type=object_type, object_id=object_id, details=details)
    )
