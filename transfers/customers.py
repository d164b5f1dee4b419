"""Which record in a package a customer of ours is: looked up in the background, asked where it is not certain, and linked.

The same number, trimmed and without case, is the same customer. Anything else that is equal is only ever a question.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

import audit
import checks
from connectors.base import Connector
from connectors.errors import ConnectorError, NotProcessed, NotSent, Rejected
from connectors.records import CustomerRecord, NewCustomer
from models import Connection, Customer, CustomerMatch, ExternalLink, User, db, rows_changed
from transfers.connections import Access, access, note_failure
from transfers.import_rows import NUMBER_KEY_LIMIT, is_odd, likeness
from transfers.wire import WorkerContext

FRESH = timedelta(minutes=10)
FRESH_FAILURE = timedelta(minutes=1)
MOST_CANDIDATES = 10
NUMBER_SAMPLE = 100
FIRST_NUMBER = "1001"


class LinkTaken(Exception):
    """The record there belongs to another customer here, or this customer has another record there."""


class NotACandidate(Exception):
    """Nobody asked about this record: the question changed meanwhile."""


# --- Asking for look-ups --------------------------------------------------------------------------------------------------------


def request_lookups(connection_id: int, customer_ids: Iterable[int], now: datetime) -> int:
    """Has these customers looked up unless they are linked or were looked up just now; returns how many are on their way. Commits."""
    ids = sorted(set(customer_ids))
    for _ in range(3):
        try:
            return sum(_request(connection_id, ids[start : start + 500], now) for start in range(0, len(ids), 500))
        except IntegrityError:  # somebody asked for the same customer at the same moment
            db.session.rollback()
    raise RuntimeError("look-ups could not be written down in three attempts")


def _request(connection_id: int, ids: list[int], now: datetime) -> int:
    linked = select(ExternalLink.local_id).where(_link_of(connection_id), ExternalLink.local_id.in_(ids))
    customers = db.session.execute(select(Customer.id, Customer.number_key).where(Customer.id.in_(ids), Customer.id.not_in(linked))).all()
    known = {
        match.customer_id: match
        for match in db.session.scalars(
            select(CustomerMatch).where(CustomerMatch.connection_id == connection_id, CustomerMatch.customer_id.in_(ids))
        )
    }
    looking = 0
    fresh: list[dict[str, Any]] = []
    for customer_id, number_key in customers:
        match = known.get(customer_id)
        looking += 1
        if match is None:
            fresh.append({"connection_id": connection_id, "customer_id": customer_id, "number_key": number_key, "state": "looking"})
        elif _still_fits(match, number_key, now):
            looking -= match.state != "looking"
        else:
            match.state, match.number_key, match.choice, match.reason, match.candidates = "looking", number_key, "", "", []
            match.reason_params, match.owner, match.lease_until_at = {}, "", None
    if fresh:
        db.session.execute(insert(CustomerMatch), fresh)
    db.session.commit()
    return looking


def _still_fits(match: CustomerMatch, number_key: str, now: datetime) -> bool:
    """A young answer for the same number, or one that is on its way; what a person decided stands as long as the number does."""
    if match.number_key != number_key:
        return False
    if match.state == "looking" or match.choice == "create":
        return True
    return match.looked_at is not None and now - match.looked_at < (FRESH_FAILURE if match.state == "failed" else FRESH)


def _link_of(connection_id: int) -> Any:
    return and_(ExternalLink.connection_id == connection_id, ExternalLink.local_type == "customer")


# --- Looking --------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Job:
    match_id: int
    customer_id: int
    connection_id: int
    wanted: NewCustomer


def look_up_one(context: WorkerContext) -> bool:
    """Takes one customer that waits to be looked up; False when none does. Nothing is open during a call."""
    job = _claim(context)
    if job is None:
        return False
    try:
        connector, _wire = context.open(_access(context, job.connection_id))
        _look(context, connector, job)
    except ConnectorError as error:
        db.session.rollback()
        _after_failure(context, job, error)
    return True


def _access(context: WorkerContext, connection_id: int) -> Access:
    """Raises NotSent, also for a package that refused us or was disconnected: every further call would make that worse."""
    try:
        connection = db.session.get_one(Connection, connection_id)
        if connection.state != "connected":
            raise NotSent(connection.problem or "not_configured")
        return access(context.settings, connection)
    finally:
        db.session.rollback()


def _claim(context: WorkerContext) -> _Job | None:
    now = context.clock()
    free = or_(CustomerMatch.lease_until_at.is_(None), CustomerMatch.lease_until_at <= now)
    due = and_(CustomerMatch.state == "looking", free)
    row = db.session.execute(
        select(CustomerMatch, Customer, Connection)
        .join(Customer, Customer.id == CustomerMatch.customer_id)
        .join(Connection, Connection.id == CustomerMatch.connection_id)
        .where(due)
        .order_by(CustomerMatch.id)
        .limit(1)
    ).first()
    if row is None:
        db.session.rollback()
        return None
    match, customer, connection = row
    job = _Job(match.id, customer.id, connection.id, new_customer_of(customer))
    # A look-up with its repeats may take longer than one call's lease; a second look does no harm.
    lease = now + timedelta(seconds=context.timing(connection.vendor).lease)
    claim = update(CustomerMatch).where(CustomerMatch.id == match.id, due)
    if rows_changed(claim.values(owner=context.owner, lease_until_at=lease, number_key=customer.number_key)) != 1:
        db.session.rollback()
        return None
    db.session.commit()
    return job


def _look(context: WorkerContext, connector: Connector, job: _Job) -> None:
    record = connector.find_customer(job.wanted.number) if job.wanted.number else None
    if record is not None:
        _found(context, job, record)
        return
    try:
        there = connector.look_alikes(job.wanted)
    except Rejected:  # a package that cannot search so is no reason never to invoice; our own customers are compared all the same
        there = []
    candidates = _candidates(job, there)
    _answer(context, job, "question" if candidates else "missing", candidates=candidates)


def _found(context: WorkerContext, job: _Job, record: CustomerRecord) -> None:
    """Linked, unless the record is another customer's here: then nothing can be invoiced until somebody unlinks one of them."""
    try:
        link_created(job.customer_id, job.connection_id, record, context.clock())
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        name = db.session.scalar(
            select(Customer.name)
            .join(ExternalLink, ExternalLink.local_id == Customer.id)
            .where(_link_of(job.connection_id), ExternalLink.external_id == record.remote_id)
        )
        _answer(context, job, "failed", reason="linked_to_other", reason_params={"name": name or "", "number": record.number})


def _answer(context: WorkerContext, job: _Job, state: str, **values: Any) -> None:
    """Writes the answer if the look-up is still ours. Commits."""
    mine = update(CustomerMatch).where(
        CustomerMatch.id == job.match_id, CustomerMatch.owner == context.owner, CustomerMatch.state == "looking"
    )
    db.session.execute(mine.values(state=state, looked_at=context.clock(), owner="", lease_until_at=None, **values))
    db.session.commit()


def _after_failure(context: WorkerContext, job: _Job, error: ConnectorError) -> None:
    if isinstance(error, NotProcessed):
        until = context.clock() + timedelta(seconds=min(max(error.retry_after or 1, 1), 3600))
        mine = update(CustomerMatch).where(CustomerMatch.id == job.match_id, CustomerMatch.owner == context.owner)
        db.session.execute(mine.values(owner="", lease_until_at=until, reason=error.reason))
        db.session.commit()
        return
    note_failure(job.connection_id, error, context.clock())
    params = {**{name: str(value)[:200] for name, value in error.params.items()}, "detail": error.detail[:300]}
    _answer(context, job, "failed", reason=error.reason, reason_params=params)


def _candidates(job: _Job, there: list[CustomerRecord]) -> list[dict[str, Any]]:
    """Records there that look like this customer: those of our own linked customers, and what the package itself found."""
    ours = _likeness_of(job.wanted)
    found: dict[str, dict[str, Any]] = {}
    linked = select(
        ExternalLink.external_id, ExternalLink.external_code, ExternalLink.external_name, Customer.name, Customer.vat_number,
        Customer.coc_number, Customer.email,
    ).join(Customer, Customer.id == ExternalLink.local_id)  # fmt: skip
    owners: dict[str, str] = {}
    for row in db.session.execute(linked.where(_link_of(job.connection_id), ExternalLink.local_id != job.customer_id)):
        owners[row.external_id] = row.name
        if by := _equal(ours, row._asdict()):
            name = row.external_name or row.name
            found[row.external_id] = {"remote_id": row.external_id, "number": row.external_code, "name": name, "by": by}
    for record in there:
        values = {"name": record.name, "email": record.email, "vat_number": record.vat_number, "coc_number": record.coc_number}
        if by := _equal(ours, values):
            found[record.remote_id] = {"remote_id": record.remote_id, "number": record.number, "name": record.name[:300], "by": by}
    db.session.rollback()
    candidates = [{**one, "linked_to": owners.get(one["remote_id"], "")} for one in found.values()]
    # Records that can be linked come first.
    return sorted(candidates, key=lambda one: (one["linked_to"] != "", one["number"]))[:MOST_CANDIDATES]


def _likeness_of(wanted: NewCustomer) -> dict[str, str]:
    return dict(
        likeness({"name": wanted.company_name, "email": wanted.email, "vat_number": wanted.vat_number, "coc_number": wanted.coc_number})
    )


def _equal(ours: dict[str, str], values: dict[str, Any]) -> str:
    """By what these are equal, or nothing."""
    return next((by for by, key in likeness(values) if ours.get(by) == key), "")


# --- Deciding and linking -------------------------------------------------------------------------------------------------------


def decide(connection_id: int, customer_id: int, choice: str, user: User | None, now: datetime, remote_id: str = "") -> None:
    """What a person said of a question: `create`, or `link` with one of the candidates. Commits.

    Raises NotACandidate when the question is not there any more, LinkTaken when the record is another customer's.
    """
    match = db.session.scalar(
        select(CustomerMatch).where(CustomerMatch.connection_id == connection_id, CustomerMatch.customer_id == customer_id)
    )
    candidate = next((one for one in match.candidates if one["remote_id"] == remote_id), None) if match is not None else None
    if match is None or match.state != "question" or choice not in ("create", "link") or (choice == "link" and candidate is None):
        db.session.rollback()
        raise NotACandidate
    if candidate is None or choice == "create":
        match.choice = "create"
        audit.record(user, "customer_match_create", "customer", customer_id, now, connection_id=connection_id)
        db.session.commit()
        return
    record = CustomerRecord(remote_id, candidate["number"], candidate["name"])
    try:
        link_created(customer_id, connection_id, record, now).name_accepted = True
        audit.record(user, "customer_linked", "customer", customer_id, now, connection_id=connection_id, remote_id=remote_id)
        db.session.commit()
    except IntegrityError:
        db.session.rollback()
        raise LinkTaken from None


def link_created(customer_id: int, connection_id: int, record: CustomerRecord, now: datetime) -> ExternalLink:
    """Ties the customer to its record there and forgets the question; its number there becomes ours when we have none. Flushes.

    Raises IntegrityError when the record is another customer's. A link of this customer to the same record is kept.
    """
    customer = db.session.get_one(Customer, customer_id)
    of_customer = _link_of(connection_id) & (ExternalLink.local_id == customer_id)
    link = db.session.scalar(select(ExternalLink).where(of_customer))
    if link is None or link.external_id != record.remote_id:
        link = ExternalLink(
            connection_id=connection_id, local_type="customer", local_id=customer_id, external_id=record.remote_id, linked_at=now
        )
        db.session.add(link)
    link.external_code, link.external_name = record.number[:60], (record.name or customer.name)[:300]
    link.missing_since_at = None
    _take_number(customer, connection_id, record.number, now)
    db.session.execute(delete(CustomerMatch).where(CustomerMatch.connection_id == connection_id, CustomerMatch.customer_id == customer_id))
    db.session.flush()
    return link


def _take_number(customer: Customer, connection_id: int, number: str, now: datetime) -> None:
    key = checks.number_key(number)
    if customer.number or not key or is_odd(number) or not db.session.get_one(Connection, connection_id).write_number_back:
        return
    if db.session.scalar(select(Customer.id).where(Customer.number_key == key)) is None:
        customer.number, customer.number_key, customer.updated_at = number.strip(), key, now
        customer.version += 1


def new_customer_of(customer: Customer) -> NewCustomer:
    """What is told of a customer to find or make it there."""
    return NewCustomer(
        number=customer.number,
        company_name=customer.name,
        contact_first_name=customer.contact_first_name,
        contact_last_name=customer.contact_last_name,
        email=customer.email,
        phone=customer.phone,
        address=customer.invoice_address or customer.address,
        postal_code=customer.invoice_postal_code or customer.postal_code,
        city=customer.invoice_city or customer.city,
        country=customer.invoice_country or customer.country,
        vat_number=customer.vat_number,
        coc_number=customer.coc_number,
        payment_term_days=customer.payment_term_days,
    )


# --- Numbers --------------------------------------------------------------------------------------------------------------------


def propose_number() -> str:
    """The next free customer number, in the way that the latest ones are written: after K-0419 comes K-0420."""
    latest = db.session.scalars(select(Customer.number).where(Customer.number != "").order_by(Customer.id.desc()).limit(NUMBER_SAMPLE))
    written = [found for number in latest if (found := re.fullmatch(r"(.*?)([0-9]{1,12})", number))]
    if not written:
        return _free("", FIRST_NUMBER)
    prefix = Counter(found[1] for found in written).most_common(1)[0][0]
    return _free(prefix, _highest(prefix, [found[2] for found in written if found[1] == prefix]))


def _highest(prefix: str, sample: list[str]) -> str:
    """The digits after the highest number with this prefix; the longest one counts as the highest."""
    key = checks.number_key(prefix)
    starts = Customer.number_key.startswith(key, autoescape=True)
    order = (func.length(Customer.number_key).desc(), Customer.number_key.desc())
    best = max(sample, key=int)
    for number in db.session.scalars(select(Customer.number_key).where(starts).order_by(*order).limit(NUMBER_SAMPLE)):
        digits = number.removeprefix(key)
        if re.fullmatch(r"[0-9]{1,12}", digits) and int(digits) > int(best):
            best = digits
    return str(int(best) + 1).zfill(len(best))


def _free(prefix: str, digits: str) -> str:
    while True:
        number = f"{prefix}{digits}"
        if db.session.scalar(select(Customer.id).where(Customer.number_key == checks.number_key(number)[:NUMBER_KEY_LIMIT])) is None:
            return number
        digits = str(int(digits) + 1).zfill(len(digits))
