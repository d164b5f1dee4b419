"""Invoices into a package: writing the intent, then creating, checking, sending, and finding out after a lost answer.

The commit points are those of reliability 2.4 (WX): the intent with its claims first; `creating` before the call; the other side's
id right after it; `finalising` before the mail; number, links and mirror in one transaction at the end.
"""

from __future__ import annotations

import html
import logging
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

import audit
import checks
from connectors.base import Connector
from connectors.errors import (
    AccessRefused,
    ConnectorError,
    NotFound,
    NotProcessed,
    NotSent,
    OutcomeUnknown,
    Rejected,
    Unavailable,
    Unsupported,
)
from connectors.records import DraftLine, InvoiceDraft, RemoteInvoice, Search
from invoicing import mirrors
from models import Connection, ExternalLink, Transfer, User, db
from transfers import connections, flow
from transfers.follow import SENT_STATES, cents, facts_of, next_look
from transfers.ledger import Job, move, reload
from transfers.wire import WorkerContext

log = logging.getLogger(__name__)

MOST_RESENDS = 2
"""Automatic new attempts at creating, each after two complete searches that found nothing."""

MAILING = ("send", "sent")
"""Stages in which the document is known and only its mail is in question: `send` may have gone out, `sent` certainly did."""


def run(context: WorkerContext, job: Job) -> None:
    """Takes a claimed transfer as far as it gets now: to rest, to a state that waits, or to a person."""
    flow.run(context, job, STEPS)


# --- queued → creating → created ------------------------------------------------------------------------------------------------


def _queued(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    if job.attempt >= 1:
        return _search(context, connector, job)
    return _create(context, connector, job)


def _create(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    """Once more whatever may have changed while it waited: who asked, and which record there the customer is. Then the call."""
    now = context.clock()
    if not flow.requester_may(job):
        return flow.stop(job, "attention", now, reason="requester_disabled")
    there, seen = _customer_there(job), job.payload["customer"]["remote_id"]
    if there is None or (seen and there[0] != seen):
        return flow.stop(job, "rejected", now, reason="customer_not_linked")
    draft = _draft(job, *there)
    lease = context.timing(connector.vendor).lease
    move(
        job,
        "creating",
        now,
        attempt=job.attempt + 1,
        stage="create",
        searches=0,
        first_write_at=job.first_write_at or now,
        last_write_at=now,
        owner=context.owner,
        lease_until_at=now + timedelta(seconds=lease),
    )
    job = reload(job)
    try:
        remote = _ours(connector, job, connector.create_invoice(draft))
    except Rejected as error:
        return flow.stop(job, "rejected", context.clock(), reason=error.reason, params=flow.error_params(error), due_at=context.clock())
    except (NotSent, NotProcessed, Unsupported) as error:
        return flow.wait(context, job, connector.vendor, error, state="queued")
    except OutcomeUnknown as error:
        return flow.unknown(context, job, connector.vendor, error)
    return _created(context, connector, _adopt(context, job, remote), remote)


def _ours(connector: Connector, job: Job, answer: RemoteInvoice) -> RemoteInvoice:
    """The invoice that was answered, when it is the one that was sent. Raises OutcomeUnknown: then it is looked for.

    An answer may leave out the field that our marker is in, or be about another invoice.
    """
    if answer.marker == job.marker:
        return answer
    try:
        shown = connector.show(answer.remote_id)
    except ConnectorError as error:
        raise OutcomeUnknown(error.reason, error.detail, **error.params) from error
    if shown.marker != job.marker:
        raise OutcomeUnknown("unexpected", f"the answer is about {answer.remote_id}, which is not what was sent")
    return shown


def _draft(job: Job, remote_customer_id: str, remote_customer_number: str) -> InvoiceDraft:
    payload = job.payload
    lines = tuple(
        DraftLine(
            description=line["description"],
            quantity=Decimal(line["quantity"]),
            unit=line["unit"],
            unit_price=Decimal(line["unit_price"]),
            net=Decimal(line["net_cents"]).scaleb(-2),
            item_code=line["item_code"],
            vat_code=line["vat_code"],
            vat_percentage=None if line["vat_bp"] is None else Decimal(line["vat_bp"]).scaleb(-2),
            on=date.fromisoformat(line["on"]),
        )
        for line in payload["lines"]
    )
    return InvoiceDraft(
        marker=job.marker,
        customer_remote_id=remote_customer_id,
        customer_number=remote_customer_number,
        date=date.fromisoformat(payload["date"]),
        lines=lines,
        reference=payload["reference"],
        text=payload["text"],
        term_days=payload["term_days"],
        currency=payload["currency"],
    )


def _adopt(context: WorkerContext, job: Job, remote: RemoteInvoice) -> Job:
    """The other side's id is ours from here on; it is written down before anything else is done with it."""
    now = context.clock()
    try:
        move(
            job,
            "created",
            now,
            remote_id=remote.remote_id,
            remote_number=remote.number,
            remote_state=remote.state,
            remote_net_cents=cents(remote.net),
            remote_vat_cents=cents(remote.vat),
            remote_gross_cents=cents(remote.gross),
            backoffs=0,
            searches=0,
            resends=0,
            **flow.keep(context, job, now),
        )
    except IntegrityError:
        db.session.rollback()
        move(job, "attention", now, reason="remote_id_taken", params={"remote_id": remote.remote_id})
    return reload(job)


# --- created → done or finalising -----------------------------------------------------------------------------------------------


def _created(context: WorkerContext, connector: Connector, job: Job, remote: RemoteInvoice | None = None) -> Job | None:
    """What stands there must be what was sent, to the cent, before it counts or anybody gets mail."""
    if job.state != "created":
        return None
    assert job.remote_id is not None
    # Before mailing it is read again, however fresh the answer was; and an answer that differs may only be a short one.
    if remote is None or job.send or _content_difference(job, remote) or _totals_differ(job, remote):
        try:
            remote = connector.show(job.remote_id)
        except NotFound:
            return _gone(context, connector, job)
        except AccessRefused:
            raise
        except ConnectorError as error:
            return flow.wait(context, job, connector.vendor, error)
    now = context.clock()
    if difference := _content_difference(job, remote):
        return flow.stop(job, "attention", now, reason="content_differs", params=difference, **_remote_values(remote))
    if _totals_differ(job, remote) and not (job.accepts_remote_totals and job.remote_totals == _counted_there(remote)):
        return flow.stop(job, "attention", now, reason="totals_differ", params=_totals(job, remote), **_remote_values(remote))
    if job.stage == "create":
        try:
            twins = _twins(connector, job, now)
        except NotProcessed as error:
            return flow.wait(context, job, connector.vendor, error)
        if twins:
            ids = ", ".join([remote.remote_id, *(one.remote_id for one in twins)])
            return flow.stop(job, "attention", context.clock(), reason="found_many", params={"ids": ids}, **_remote_values(remote))
    if remote.state in SENT_STATES or not job.send:
        return finish(context, job, remote)
    if remote.state != "draft":
        return flow.stop(job, "attention", now, reason="unexpected_state", params={"state": _state_of(remote)}, **_remote_values(remote))
    if remote.blocked:
        return flow.stop(job, "attention", now, reason="draft_blocked", **_remote_values(remote))
    if not remote.email.strip():
        return flow.stop(job, "attention", now, reason="no_email_there", **_remote_values(remote))
    return _send(context, connector, job)


def _twins(connector: Connector, job: Job, now: datetime) -> tuple[RemoteInvoice, ...]:
    """What the package may have made beside the one it told of. One that cannot search keeps nobody waiting: then there is no telling."""
    ours = select(Transfer.remote_id).where(
        Transfer.connection_id == job.connection_id,
        Transfer.customer_id == job.customer_id,
        Transfer.kind == "invoice",
        Transfer.remote_id.is_not(None),
        Transfer.first_write_at >= job.created_at - timedelta(days=2),
    )
    known = {one for one in db.session.scalars(ours) if one}
    wanted = _wanted(job, now)
    try:
        return connector.twins(wanted, known)
    except (AccessRefused, NotProcessed):
        raise
    except ConnectorError as error:
        log.warning("transfer %s: whether it was made twice there could not be seen: %s", job.id, error.reason)
        return ()


def _gone(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    """Refused to show, which is no proof by itself: seen twice and apart before a person is told that it is gone."""
    now = context.clock()
    if job.searches:
        return flow.stop(job, "attention", now, reason="document_gone")
    due = now + timedelta(seconds=context.timing(connector.vendor).search_gap)
    return flow.stop(job, job.state, now, reason="not_found_yet", searches=1, due_at=due)


def _send(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    now = context.clock()
    if not flow.requester_may(job):
        return flow.stop(job, "attention", now, reason="requester_disabled")
    lease = context.timing(connector.vendor).lease
    move(
        job,
        "finalising",
        now,
        stage="send",
        searches=0,
        last_write_at=now,
        owner=context.owner,
        lease_until_at=now + timedelta(seconds=lease),
    )
    job = reload(job)
    assert job.remote_id is not None
    try:
        sent = connector.send(job.remote_id)
    except Rejected as error:
        return flow.stop(job, "attention", context.clock(), reason="send_refused", params=flow.error_params(error))
    except (NotSent, NotProcessed, Unsupported) as error:
        return flow.wait(context, job, connector.vendor, error, state="created")
    except OutcomeUnknown as error:
        return flow.unknown(context, job, connector.vendor, error)
    if sent.invoice is None or sent.invoice.state not in SENT_STATES:
        return _sent_but_not_read(context, job, connector.vendor, sent.problem)
    return finish(context, job, sent.invoice)


def _sent_but_not_read(context: WorkerContext, job: Job, vendor: str, problem: ConnectorError | None) -> Job | None:
    """It went out for certain; its number is read as soon as the package answers again."""
    now = context.clock()
    if isinstance(problem, AccessRefused):
        connections.note_failure(job.connection_id, problem, now)
    seconds = context.timing(vendor).search_gap
    reason = "sent_not_read"
    if isinstance(problem, NotProcessed) and problem.reason == "budget":
        reason, seconds = "budget", problem.retry_after or seconds
    return flow.stop(job, "uncertain", now, reason=reason, due_at=now + timedelta(seconds=seconds), stage="sent")


def finish(context: WorkerContext, job: Job, remote: RemoteInvoice) -> Job | None:
    """The end: links live, totals and number kept, the mirror when it was sent, an audit row; one transaction."""
    now = context.clock()
    is_sent = remote.state in SENT_STATES
    try:
        move(job, "done", now, commit=False, check_at=next_look(remote, now), **_remote_values(remote))
        transfer = db.session.get_one(Transfer, job.id, populate_existing=True)
        if is_sent and not mirrors.has_mirror(job.id):
            vendor = db.session.get_one(Connection, job.connection_id).vendor
            mirrors.insert_mirror(transfer, vendor, facts_of(remote), now)
        audit.record(
            db.session.get(User, job.requested_by_id or 0),
            "invoiced_elsewhere",
            "transfer",
            job.id,
            now,
            number=remote.number,
            sent=is_sent,
        )
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        move(job, "attention", now, reason="invoice_number_taken", params={"number": remote.number}, **_remote_values(remote))
    return None


# --- uncertain → checking → … ---------------------------------------------------------------------------------------------------


def _uncertain(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    """Settle time is over: whatever the other side was doing, it has done by now."""
    now = context.clock()
    move(job, "checking", now, **flow.keep(context, job, now))
    return reload(job)


def _checking(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    return _look_at_sent(context, connector, job) if job.stage in MAILING else _search(context, connector, job)


def _search(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    """Looks for our marker. One: adopted. None, twice and apart: created again. Anything else: a person."""
    now = context.clock()
    try:
        found = connector.find(_wanted(job, now))
    except Unsupported:
        return flow.stop(job, "attention", context.clock(), reason="cannot_search")
    except AccessRefused:
        raise
    except ConnectorError as error:
        return flow.wait(context, job, connector.vendor, error)
    now = context.clock()
    if len(found.matches) == 1:
        return _created(context, connector, _adopt(context, job, found.matches[0]), found.matches[0])
    if len(found.matches) > 1:
        return flow.stop(job, "attention", now, reason="found_many", params={"ids": ", ".join(one.remote_id for one in found.matches)})
    if not found.complete:
        return flow.stop(job, "attention", now, reason="search_incomplete")
    if job.state == "queued":  # the attempt before was certainly not processed: one look is enough
        return _create(context, connector, job)
    if job.searches == 0:
        gap = context.timing(connector.vendor).search_gap
        return flow.stop(job, "checking", now, reason="not_found_yet", searches=1, due_at=now + timedelta(seconds=gap))
    if strangers := _unknown_here(job, found.candidates):
        numbers = ", ".join(one.number for one in strangers)
        return flow.stop(job, "attention", now, reason="found_similar", params={"numbers": numbers})
    if job.resends >= MOST_RESENDS:
        return flow.stop(job, "attention", now, reason="resent_too_often")
    move(job, "queued", now, reason="not_there", commit=False, resends=job.resends + 1, searches=0, **flow.keep(context, job, now))
    db.session.commit()
    return _create(context, connector, reload(job))


def _unknown_here(job: Job, candidates: Sequence[RemoteInvoice]) -> list[RemoteInvoice]:
    """Those that are no other transfer's document: two invoices of one customer may well come to the same amount."""
    known = select(Transfer.remote_id).where(
        Transfer.connection_id == job.connection_id,
        Transfer.kind == "invoice",
        Transfer.id != job.id,
        Transfer.remote_id.in_([one.remote_id for one in candidates]),
    )
    ours = set(db.session.scalars(known)) if candidates else set()
    db.session.rollback()
    return [one for one in candidates if one.remote_id not in ours]


def _wanted(job: Job, now: datetime) -> Search:
    """What to look for: at the customer it was sent to, also when ours was linked to another record since."""
    linked_id, number = _customer_there(job) or ("", "")
    remote_customer_id = job.payload["customer"]["remote_id"] or linked_id
    return Search(
        marker=job.marker,
        customer_number=number if linked_id == remote_customer_id else "",
        customer_remote_id=remote_customer_id,
        since=(job.first_write_at or job.created_at).isoformat(),
        until=now.isoformat(),
        net=Decimal(job.payload["net_cents"]).scaleb(-2),
        date=date.fromisoformat(job.payload["date"]),
    )


def _look_at_sent(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    """After a lost answer to the mailing: sent is done; still a draft is sent once more, then a person decides."""
    assert job.remote_id is not None
    try:
        remote = connector.show(job.remote_id)
    except NotFound:
        return _gone(context, connector, job)
    except AccessRefused:
        raise
    except ConnectorError as error:
        return flow.wait(context, job, connector.vendor, error)
    now = context.clock()
    if remote.state in SENT_STATES:
        return finish(context, job, remote)
    if job.stage == "sent" and remote.state == "draft":  # it was mailed for certain: what we read is old, and nothing is mailed again
        return flow.wait(context, job, connector.vendor, Unavailable("sent_not_read"))
    if remote.state != "draft" or job.resends >= 1:
        return flow.stop(job, "attention", now, reason="send_unconfirmed", params={"state": _state_of(remote)}, **_remote_values(remote))
    if job.searches == 0:
        gap = context.timing(connector.vendor).search_gap
        return flow.stop(job, "checking", now, reason="not_sent_yet", searches=1, due_at=now + timedelta(seconds=gap))
    move(job, "created", now, reason="not_sent", resends=job.resends + 1, searches=0, **flow.keep(context, job, now))
    return reload(job)


STEPS: dict[str, Callable[[WorkerContext, Connector, Job], Job | None]] = {
    "queued": _queued,
    "created": _created,
    "uncertain": _uncertain,
    "checking": _checking,
}


# --- Small pieces ---------------------------------------------------------------------------------------------------------------


def _customer_there(job: Job) -> tuple[str, str] | None:
    """The id and number of the job's customer in the package, as far as they are linked."""
    link = db.session.execute(
        select(ExternalLink.external_id, ExternalLink.external_code).where(
            ExternalLink.connection_id == job.connection_id, ExternalLink.local_type == "customer", ExternalLink.local_id == job.customer_id
        )
    ).first()
    db.session.rollback()
    return (link.external_id, link.external_code) if link else None


def _remote_values(remote: RemoteInvoice) -> dict[str, Any]:
    return {
        "remote_number": remote.number,
        "remote_state": remote.state,
        "remote_net_cents": cents(remote.net),
        "remote_vat_cents": cents(remote.vat),
        "remote_gross_cents": cents(remote.gross),
    }


def _totals(job: Job, remote: RemoteInvoice) -> dict[str, Any]:
    return {
        "ours": job.payload["gross_cents"],
        "theirs": cents(remote.gross),
        "net": cents(remote.net) - job.payload["net_cents"],
        "vat": cents(remote.vat) - job.payload["vat_cents"],
    }


def _counted_there(remote: RemoteInvoice) -> tuple[int, int, int]:
    return cents(remote.net), cents(remote.vat), cents(remote.gross)


def _totals_differ(job: Job, remote: RemoteInvoice) -> bool:
    ours = (job.payload["net_cents"], job.payload["vat_cents"], job.payload["gross_cents"])
    return ours != _counted_there(remote)


def _state_of(remote: RemoteInvoice) -> str:
    """The state by our name for it, or by their code when we have none."""
    return remote.status_code if remote.state == "unknown" else remote.state


def _content_difference(job: Job, remote: RemoteInvoice) -> dict[str, Any]:
    """The first thing in which their document is not ours, or nothing."""
    linked_id, number = _customer_there(job) or ("", "")
    customer = job.payload["customer"]["remote_id"] or linked_id
    if customer and remote.customer_remote_id and remote.customer_remote_id != customer:
        return {"field": "customer", "ours": customer, "theirs": remote.customer_remote_id}
    if not remote.customer_remote_id and linked_id == customer and checks.number_key(remote.customer_number) != checks.number_key(number):
        return {"field": "customer", "ours": number, "theirs": remote.customer_number}
    if remote.marker != job.marker and job.stage == "create":  # a person named it, or it passed here before it was to be mailed
        return {"field": "marker", "ours": job.marker, "theirs": remote.marker}
    lines = job.payload["lines"]
    if len(remote.lines) != len(lines):
        return {"field": "lines", "ours": len(lines), "theirs": len(remote.lines)}
    for position, (ours, theirs) in enumerate(zip(lines, remote.lines, strict=True), start=1):
        for name, mine, yours in (
            ("item", checks.number_key(ours["item_code"]), checks.number_key(html.unescape(theirs.item_code))),
            ("quantity", Decimal(ours["quantity"]), theirs.quantity),
            ("unit_price", Decimal(ours["unit_price"]), theirs.unit_price),
        ):
            if mine != yours and (mine or yours):
                return {"field": name, "line": position, "ours": str(mine), "theirs": str(yours)}
    return {}
