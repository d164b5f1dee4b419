"""What the invoice dialog changes: the selection, look-ups, answers about customers, and at last the intents."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import select

import audit
from invoicing.plan import Options
from invoicing.selection import Ref
from models import Batch, Connection, ExternalLink, LoginSession, User, db
from transfers import connections, customers, intents
from transfers.intents import Seen


class NotConnected(ValueError):
    """The package is not connected, so nothing can be sent there."""


def connection_for(vendor: str) -> Connection:
    """The connected package. Raises NotConnected."""
    connection = connections.by_vendor(vendor)
    if connection.state not in ("connected", "failing"):
        raise NotConnected(vendor)
    return connection


def keep(
    login: LoginSession, ticked: Mapping[str, list[int]], *, instead: bool = False, without: tuple[str, set[int]] = ("", set())
) -> None:
    """Adds ticked rows to this browser's selection and drops those that were cleared, or puts them in its place. Commits."""
    stored = {} if instead or not isinstance(login.selection, dict) else login.selection
    cleared = {without[0]: without[1]}
    merged = {kind: sorted((set(stored.get(kind, [])) - cleared.get(kind, set())) | set(ids)) for kind, ids in ticked.items()}
    if merged != login.selection:
        login.selection = merged
    db.session.commit()


def look_up(connection: Connection, customer_ids: list[int], now: datetime) -> None:
    """Asks the worker to look these customers up in the package. Commits."""
    if customer_ids:
        customers.request_lookups(connection.id, customer_ids, now)
        db.session.commit()


def decide(connection: Connection, customer_id: int, decision: str, remote_id: str, user: User, now: datetime) -> None:
    """A person's answer about one customer: `link` to a record there, `create` a new one, or `accept` another name. Commits."""
    if decision == "accept":
        link = db.session.scalar(
            select(ExternalLink).where(
                ExternalLink.connection_id == connection.id, ExternalLink.local_type == "customer", ExternalLink.local_id == customer_id
            )
        )
        if link is not None:
            link.name_accepted = True
            audit.record(user, "name_accepted", "customer", customer_id, now, there=link.external_name)
    elif decision in ("link", "create"):
        customers.decide(connection.id, customer_id, decision, remote_id=remote_id, user=user, now=now)
    db.session.commit()


def create(
    connection: Connection,
    refs: list[Ref],
    options: Options,
    seen: Mapping[str, Seen],
    login: LoginSession,
    user: User,
    now: datetime,
    token: str,
) -> Batch:
    """Writes the intents of what was seen, and empties the selection. Raises intents.GroundChanged and NothingToDo."""
    login_id = login.id
    batch = intents.create(connection, refs, options, seen, user, now, token=token)
    batch_id = batch.id
    kept = db.session.get(LoginSession, login_id)
    if kept is not None:
        kept.selection = {}
    db.session.commit()
    return db.session.get_one(Batch, batch_id)
