"""Creating a customer in a package that lacks it: an intent of its own, unique per customer and connection (reliability 2.4, AC).

The customer number is the key: it is looked for before the call, and again after any doubt (contract wefact 8.3, 13).
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

import audit
import checks
from connectors.base import Connector
from connectors.errors import AccessRefused, ConnectorError, NotProcessed, NotSent, OutcomeUnknown, Rejected, Unsupported
from connectors.records import CustomerRecord, NewCustomer
from models import Customer, ExternalLink, User, db
from transfers import customers, flow
from transfers.ledger import Job, move, reload
from transfers.wire import WorkerContext

MOST_RESENDS = 2


def payload_of(customer: Customer) -> dict[str, Any]:
    """What will be created there: frozen when the intent is written."""
    return {
        "customer": {"id": customer.id, "number": customer.number, "name": customer.name},
        **asdict(customers.new_customer_of(customer)),
    }


def run(context: WorkerContext, job: Job) -> None:
    """Takes a claimed customer transfer as far as it gets now."""
    flow.run(context, job, STEPS)


def _queued(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    try:
        there = _linked(job) or _find(connector, job)
    except AccessRefused:
        raise
    except ConnectorError as error:
        return flow.wait(context, job, connector.vendor, error)
    if there is not None:
        return _finish(context, job, there)
    return _create(context, connector, job)


def _linked(job: Job) -> CustomerRecord | None:
    """The record there that the customer was linked to while this waited, by an import or a person: then nothing is to be made."""
    link = db.session.execute(
        select(ExternalLink.external_id, ExternalLink.external_code, ExternalLink.external_name).where(
            ExternalLink.connection_id == job.connection_id, ExternalLink.local_type == "customer", ExternalLink.local_id == job.customer_id
        )
    ).first()
    db.session.rollback()
    return CustomerRecord(*link) if link else None


def _find(connector: Connector, job: Job) -> CustomerRecord | None:
    number = job.payload["number"]
    return connector.find_customer(number) if number else None


def _create(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    now = context.clock()
    if not flow.requester_may(job):
        return flow.stop(job, "attention", now, reason="requester_disabled")
    new = NewCustomer(**{key: value for key, value in job.payload.items() if key != "customer"})
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
        lease_until_at=now + timedelta(seconds=context.timing(connector.vendor).lease),
    )
    job = reload(job)
    try:
        record = connector.create_customer(new)
    except Rejected as error:
        return _refused(context, connector, job, error)
    except (NotSent, NotProcessed, Unsupported) as error:
        return flow.wait(context, job, connector.vendor, error, state="queued")
    except OutcomeUnknown as error:
        return flow.unknown(context, job, connector.vendor, error)
    return _finish(context, job, record)


def _refused(context: WorkerContext, connector: Connector, job: Job, error: Rejected) -> Job | None:
    """A refusal may mean that it exists by now: somebody made it a moment ago. Looked up before anybody is told."""
    try:
        there = _find(connector, job)
    except AccessRefused:
        raise
    except ConnectorError:
        there = None
    if there is not None and _same_name(there.name, job.payload["company_name"]):
        return _finish(context, job, there)
    return flow.stop(job, "rejected", context.clock(), reason=error.reason, params=flow.error_params(error))


def _uncertain(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    now = context.clock()
    move(job, "checking", now, **flow.keep(context, job, now))
    return reload(job)


def _checking(context: WorkerContext, connector: Connector, job: Job) -> Job | None:
    """Found by its number: done. Certainly absent, twice and apart: created again. Without a number there is no telling."""
    linked = _linked(job)
    if linked is None and not job.payload["number"]:
        return flow.stop(job, "attention", context.clock(), reason="cannot_search")
    try:
        there = linked or _find(connector, job)
    except AccessRefused:
        raise
    except ConnectorError as error:
        return flow.wait(context, job, connector.vendor, error)
    now = context.clock()
    if there is not None:
        return _finish(context, job, there)
    if job.searches == 0:
        gap = context.timing(connector.vendor).search_gap
        return flow.stop(job, "checking", now, reason="not_found_yet", searches=1, due_at=now + timedelta(seconds=gap))
    if job.resends >= MOST_RESENDS:
        return flow.stop(job, "attention", now, reason="resent_too_often")
    move(job, "queued", now, reason="not_there", resends=job.resends + 1, searches=0, **flow.keep(context, job, now))
    return _create(context, connector, reload(job))


def _finish(context: WorkerContext, job: Job, record: CustomerRecord) -> Job | None:
    """The link, and our number when ours was empty; the transfer is done in the same transaction.

    A record that has our number and another name is somebody else's: it is not ours to invoice to, and we did not make it.
    """
    now = context.clock()
    if _linked(job) is None and not _same_name(record.name, job.payload["company_name"]):
        state = "attention" if job.attempt else "rejected"
        return flow.stop(job, state, now, reason="name_differs", params=_names(job, record))
    try:
        if job.state in ("creating", "checking", "queued"):
            move(job, "created", now, commit=False, remote_id=record.remote_id, remote_number=record.number, **flow.keep(context, job, now))
        job = replace(job, state="created")
        move(job, "done", now, commit=False, remote_state="customer")
        customers.link_created(job.customer_id or 0, job.connection_id, record, now)
        audit.record(db.session.get(User, job.requested_by_id or 0), "customer_created_elsewhere", "customer", job.customer_id, now)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        job = reload(job)
        return flow.stop(job, "attention", now, reason="customer_linked_elsewhere", params={"remote_id": record.remote_id})
    return None


def _same_name(there: str, here: str) -> bool:
    return checks.similar_name_key(html.unescape(there)) == checks.similar_name_key(here)


def _names(job: Job, record: CustomerRecord) -> dict[str, Any]:
    return {"number": record.number, "there": record.name[:300], "name": job.payload["company_name"]}


STEPS: dict[str, Callable[[WorkerContext, Connector, Job], Job | None]] = {
    "queued": _queued,
    "uncertain": _uncertain,
    "checking": _checking,
}
