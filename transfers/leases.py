"""Something only one process may do at a time: a row with an owner and an end."""

from __future__ import annotations

import os
import secrets
import socket
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError

from models import Lease, db, rows_changed


def new_owner() -> str:
    """A name that no other worker has, readable enough to find its process."""
    return f"{socket.gethostname()[:40]}:{os.getpid()}:{secrets.token_hex(4)}"


def take(name: str, owner: str, seconds: int, now: datetime) -> bool:
    """Takes or prolongs the lease; False when somebody else has it. Commits."""
    until = now + timedelta(seconds=seconds)
    statement = (
        update(Lease).where(Lease.name == name, or_(Lease.owner == owner, Lease.until_at <= now)).values(owner=owner, until_at=until)
    )
    if rows_changed(statement) == 1:
        db.session.commit()
        return True
    db.session.rollback()
    try:
        db.session.add(Lease(name=name, owner=owner, until_at=until))
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        return False
    return True


def drop(name: str, owner: str, now: datetime) -> None:
    """Gives the lease back at once. Commits."""
    db.session.execute(update(Lease).where(Lease.name == name, Lease.owner == owner).values(until_at=now))
    db.session.commit()
