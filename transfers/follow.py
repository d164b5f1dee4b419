"""Looking again at invoices that were made: a draft that was sent there gets its mirror, a mirror follows what happens to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from connectors.errors import ConnectorError, NotFound, NotProcessed
from connectors.records import RemoteInvoice
from invoicing import mirrors
from models import Connection, Transfer, db
from transfers import connections, ledger
from transfers.wire import WorkerContext

SENT_STATES = ("sent", "partly_paid", "paid", "credited")
RECHECK_AFTER = timedelta(hours=20)


def look_again_one(context: WorkerContext) -> bool:
    """Takes one finished invoice whose turn it is and reads how it stands there; False when it is nobody's turn."""
    now = context.clock()
    statement = (
        select(Transfer.id, Transfer.connection_id, Transfer.remote_id)
        .join(Connection, Connection.id == Transfer.connection_id)
        .where(Transfer.kind == "invoice", Transfer.state == "done", Transfer.check_at <= now, Connection.state == "connected")
        .order_by(Transfer.check_at)
        .limit(1)
    )
    row = db.session.execute(statement).first()
    if row is None:
        db.session.rollback()
        return False
    mine = update(Transfer).where(Transfer.id == row.id, Transfer.check_at <= now)
    taken = db.session.execute(mine.values(check_at=now + RECHECK_AFTER).returning(Transfer.id)).first()
    db.session.commit()
    if taken is None or row.remote_id is None:
        return True
    try:
        _look(context, row.id, row.connection_id, row.remote_id)
    except NotProcessed as error:
        db.session.execute(update(Transfer).where(Transfer.id == row.id).values(check_at=now + timedelta(seconds=error.retry_after or 60)))
        db.session.commit()
        return False
    except ConnectorError as error:
        db.session.rollback()
        connections.note_failure(row.connection_id, error, context.clock())
    return True


def _look(context: WorkerContext, transfer_id: int, connection_id: int, remote_id: str) -> None:
    to = connections.access(context.settings, db.session.get_one(Connection, connection_id))
    db.session.rollback()
    connector, _wire = context.open(to)
    try:
        remote = connector.show(remote_id)
    except NotFound:
        _note_removed(transfer_id, context.clock())
    else:
        note_remote(transfer_id, connector.vendor, remote, context.clock())


def note_remote(transfer_id: int, vendor: str, remote: RemoteInvoice, now: datetime) -> None:
    """Keeps how a finished invoice stands there now, unless it was unlinked while we looked. Commits."""
    transfer = _still_done(transfer_id)
    if transfer is None:
        return
    before = transfer.remote_state
    transfer.remote_state, transfer.remote_number, transfer.updated_at = remote.state, remote.number, now
    transfer.check_at = next_look(remote, now)
    try:
        if remote.state in SENT_STATES:
            _mirror(transfer, vendor, remote, now)
        if before != remote.state:
            ledger.add_event(transfer_id, "done", now, "seen_there", {"state": remote.state, "number": remote.number})
        db.session.commit()
    except IntegrityError:  # two that looked at the same moment, or a number that another mirror has: told once, looked at tomorrow
        db.session.rollback()
        if (transfer := _still_done(transfer_id)) is not None and not mirrors.has_mirror(transfer_id) and before != remote.state:
            transfer.remote_state, transfer.remote_number, transfer.updated_at = remote.state, remote.number, now
            ledger.add_event(transfer_id, "done", now, "number_taken", {"number": remote.number})
        db.session.commit()


def _mirror(transfer: Transfer, vendor: str, remote: RemoteInvoice, now: datetime) -> None:
    if mirrors.has_mirror(transfer.id):
        mirrors.refresh_mirror(transfer.id, facts_of(remote), now)
    else:
        mirrors.insert_mirror(transfer, vendor, facts_of(remote), now)
    db.session.flush()


def _still_done(transfer_id: int) -> Transfer | None:
    """The transfer, held until the transaction ends, when it is still the invoice that was looked at."""
    statement = select(Transfer).where(Transfer.id == transfer_id, Transfer.state == "done").with_for_update()
    transfer = db.session.scalar(statement.execution_options(populate_existing=True))
    if transfer is None:
        db.session.rollback()
    return transfer


def next_look(remote: RemoteInvoice, now: datetime) -> datetime | None:
    """Drafts may be sent there and sent ones paid; after that nothing is expected any more."""
    return None if remote.state in ("paid", "credited", "credit") else now + RECHECK_AFTER


def _note_removed(transfer_id: int, now: datetime) -> None:
    transfer = _still_done(transfer_id)
    if transfer is None:
        return
    if transfer.remote_state != "removed":
        transfer.remote_state, transfer.updated_at = "removed", now
        ledger.add_event(transfer_id, "done", now, "removed_there")
    transfer.check_at = None
    db.session.commit()


def facts_of(remote: RemoteInvoice) -> mirrors.RemoteFacts:
    """What a mirror is made of."""
    return mirrors.RemoteFacts(
        remote_id=remote.remote_id,
        number=remote.number,
        state=remote.state,
        date=remote.date,
        due_on=remote.due_on,
        net_cents=cents(remote.net),
        vat_cents=cents(remote.vat),
        gross_cents=cents(remote.gross),
        open_cents=None if remote.open_amount is None else cents(remote.open_amount),
        reference=remote.reference,
    )


def cents(amount: Decimal) -> int:
    """Whole cents, a half away from zero."""
    return int((amount * 100).to_integral_value(rounding="ROUND_HALF_UP"))
