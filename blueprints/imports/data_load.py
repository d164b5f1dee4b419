"""Loads a folder of CSV files: who there is, what was done, and what of it was invoiced elsewhere. All of it or nothing.

The files join through ids that mean nothing outside them. Values are checked while they are read, row by row, so that a file of
any size passes through; only customers, projects, people and activities are held in memory. Amounts in the files are whole cents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError

import audit
import checks
from blueprints import formats
from blueprints.imports import data_files
from blueprints.imports.data_files import Convert, LoadRefused
from invoicing.links import SOURCES, chunked
from invoicing.plan import payload_hash
from invoicing.rates import OWN
from models import (
    Activity,
    AuditEvent,
    BillingLink,
    Customer,
    Expense,
    ExpenseCategory,
    Organisation,
    Project,
    TimeEntry,
    Transfer,
    Trip,
    User,
    canonical_json,
    db,
)
from transfers import import_rows, ledger

CATEGORY = "Imported"
LOADED = "data_loaded"
ROWS_AT_ONCE = 5000
MOST_CENTS = 10**11
MOST_RATE_CENTS = 10**9
MOST_MINUTES = checks.DAY_MINUTES
MOST_KM = 100_000
ODD_DAYS = 10**9
"""A payment term that is no term at all is left out and flagged, as an import does; this only has to be a number."""

Values = dict[str, Any]


def load(folder: Path, now: datetime) -> dict[str, dict[str, int]]:
    """Loads the files of a folder in one transaction and gives the counts per kind: created, reused, linked.

    Raises LoadRefused when these very files were loaded before, or hold something that cannot be loaded.
    """
    try:
        counts = _load(folder, now)
        db.session.commit()
    except IntegrityError as error:
        db.session.rollback()
        raise LoadRefused("Somebody saved one of the same customers or people meanwhile; load the folder again.") from error
    except OperationalError as error:
        db.session.rollback()
        raise LoadRefused(f"The database did not take it ({error.orig}); load the folder again in a quiet moment.") from error
    except LoadRefused:
        db.session.rollback()
        raise
    return counts


@dataclass
class _Loading:
    """What is known halfway: the ids given to the rows of each file, what was counted, and the transfers that bill."""

    folder: Path
    now: datetime
    digest: str
    company: Any
    customers: dict[str, int] = field(default_factory=dict)
    projects: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Id in the file to the ids here of the project and of its customer."""
    users: dict[str, int] = field(default_factory=dict)
    activities: dict[str, int] = field(default_factory=dict)
    currencies: dict[int, str] = field(default_factory=dict)
    """Of the customers that were here already."""
    bills: dict[str, Transfer] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def rows(self, name: str, columns: Mapping[str, Convert]) -> Iterator[tuple[int, list[Any]]]:
        return data_files.rows(data_files.path_of(self.folder, name), columns)

    def among(self, name: str, known: Mapping[str, Any]) -> Convert:
        return data_files.among(self.folder, name, known)


def _load(folder: Path, now: datetime) -> dict[str, dict[str, int]]:
    digest = data_files.digest(folder)
    # Held until the end, so that two loads of one folder cannot pass the next question together.
    columns = (Organisation.country, Organisation.currency, Organisation.language)
    company = db.session.execute(select(*columns).where(Organisation.id == 1).with_for_update()).one()
    _refuse_twice(digest)
    loading = _Loading(folder, now, digest, company)
    _customers(loading)
    _projects(loading)
    _users(loading)
    _activities(loading)
    for kind, source_type, rows in (
        ("entries", "time", _entries(loading)),
        ("expenses", "expense", _expenses(loading)),
        ("trips", "trip", _trips(loading)),
    ):
        loading.counts[kind] = _write_sources(loading, source_type, rows)
    _settle_bills(loading)
    audit.record(None, LOADED, "folder", None, now, folder=folder.name, sha256=digest, counts=loading.counts)
    db.session.flush()
    _refresh_statistics()
    return loading.counts


def _refuse_twice(digest: str) -> None:
    before = select(AuditEvent.at, AuditEvent.details).where(AuditEvent.object_type == "folder", AuditEvent.action == LOADED)
    for at, details in db.session.execute(before):
        if details["sha256"] == digest:
            when, name = at.astimezone(formats.zone()), details["folder"]
            raise LoadRefused(f"These files were loaded already, on {when:%d-%m-%Y at %H:%M} from a folder named {name}.")


# --- Customers, projects, people, activities -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """A row that others refer to: its id in the file, what it is known by (None: by nothing), and its columns here."""

    line: int
    file_id: str
    key: Any
    values: Values


def _settle(loading: _Loading, kind: str, key_column: str, model: type[Any], told: list[_Told], known: Mapping[Any, int]) -> dict[str, int]:
    """Adds the rows that are not known here yet, and gives the id here of every row by its id in the file."""
    _only_once(kind, "id", ((row.file_id, row.line) for row in told))
    _only_once(kind, key_column, ((row.key, row.line) for row in told if row.key is not None))
    new = [row for row in told if row.key not in known]
    ids = {row.file_id: known[row.key] for row in told if row.key in known}
    loading.counts[kind] = {"created": len(new), "reused": len(ids)}
    for part in chunked(new, ROWS_AT_ONCE):
        added = db.session.scalars(insert(model).returning(model.id, sort_by_parameter_order=True), [row.values for row in part])
        ids |= {row.file_id: id for row, id in zip(part, added, strict=True)}
    return ids


def _only_once(kind: str, column: str, keys: Iterable[tuple[Any, int]]) -> None:
    lines: dict[Any, int] = {}
    for key, line in keys:
        first = lines.setdefault(key, line)
        if first != line:
            raise LoadRefused(f"{kind}.csv, line {line}, column {column}: the same stands on line {first} already.")


def _customers(loading: _Loading) -> None:
    texts = {"contact": "contact_last_name", "street": "address", "zip": "postal_code", "vat": "vat_number"}
    names = ["name", "contact", "street", "zip", "city", "country", "email", "phone", "vat"]
    columns: dict[str, Convert] = {"id": str.strip, "number": data_files.short(import_rows.NUMBER_LIMIT)} | dict.fromkeys(
        names, data_files.words
    )
    columns |= {"name": data_files.filled, "payment_days": data_files.optional(data_files.whole(-ODD_DAYS, ODD_DAYS))}
    told = []
    for line, (file_id, number, *values, term) in loading.rows("customers", columns):
        fields: Values = {texts.get(name, name): value for name, value in zip(names, values, strict=True)}
        kept, flags = import_rows.kept(fields if term is None else fields | {"payment_term_days": term})
        if number and import_rows.is_odd(number):
            flags.add("number")
        row = dict.fromkeys(import_rows.LIMITS, "") | {"country": loading.company.country, "payment_term_days": None} | kept
        row |= {"number": number, "number_key": checks.number_key(number), "flags": sorted(flags)}
        row |= {"currency": loading.company.currency, "language": loading.company.language}
        told.append(_Told(line, file_id, row["number_key"] or None, row | {"created_at": loading.now, "updated_at": loading.now}))
    known: dict[str, int] = {}
    for part in chunked(row.key for row in told if row.key):
        found = select(Customer.number_key, Customer.id, Customer.currency).where(Customer.number_key.in_(part))
        for key, id, currency in db.session.execute(found):
            known[key], loading.currencies[id] = id, currency
    loading.customers = _settle(loading, "customers", "number", Customer, told, known)


def _projects(loading: _Loading) -> None:
    columns: dict[str, Convert] = {
        "id": str.strip,
        "customer_id": loading.among("customers", loading.customers),
        "code": data_files.short(40),
        "name": data_files.name(200),
        "billable": data_files.flag,
        "rate_cents": data_files.whole(0, MOST_RATE_CENTS),
    }
    told = []
    for line, (file_id, customer_id, code, name, billable, cents) in loading.rows("projects", columns):
        row = {"customer_id": customer_id, "code": code, "name": name, "created_at": loading.now}
        row |= {"invoicing_method": "project" if billable else "none", "hourly_rate_e4": cents * 100}
        told.append(_Told(line, file_id, (customer_id, code.casefold()) if code else None, row))
    known: dict[tuple[int, str], int] = {}
    for part in chunked(sorted({row.values["customer_id"] for row in told} & loading.currencies.keys())):
        here = select(Project.id, Project.customer_id, Project.code).where(Project.customer_id.in_(part), Project.code != "")
        for id, customer_id, code in db.session.execute(here.order_by(Project.active, Project.id.desc())):
            known[(customer_id, code.strip().casefold())] = id
    ids = _settle(loading, "projects", "code", Project, told, known)
    loading.projects = {row.file_id: (ids[row.file_id], row.values["customer_id"]) for row in told}


def _users(loading: _Loading) -> None:
    rows = loading.rows("users", {"id": str.strip, "name": data_files.name(200), "email": data_files.email})
    told = [
        _Told(line, file_id, email, {"email": email, "name": name, "role": "user", "active": True, "created_at": loading.now})
        for line, (file_id, name, email) in rows
    ]
    known: dict[str, int] = {}
    for part in chunked(row.key for row in told):
        for id, email in db.session.execute(select(User.id, User.email).where(User.email.in_(part))):
            known[email] = id
    loading.users = _settle(loading, "users", "email", User, told, known)


def _activities(loading: _Loading) -> None:
    """An activity is its name: rows with the same name are one activity."""
    rows = loading.rows("activities", {"id": str.strip, "name": data_files.name(200)})
    told = [_Told(line, file_id, name.casefold(), {"name": name}) for line, (file_id, name) in rows]
    here = db.session.execute(select(Activity.name, Activity.id).order_by(Activity.active, Activity.id.desc()))
    known = {name.strip().casefold(): id for name, id in here}
    _only_once("activities", "id", ((row.file_id, row.line) for row in told))
    first: dict[str, _Told] = {}
    for row in told:
        first.setdefault(row.key, row)
    ids = _settle(loading, "activities", "name", Activity, list(first.values()), known)
    loading.activities = {row.file_id: ids[first[row.key].file_id] for row in told}
    loading.counts["activities"]["reused"] += len(told) - len(first)


# --- Hours, expenses, trips, and what billed them ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Work:
    """A row to add, and when it was invoiced what it brought in: cents, and ten-thousandths of its unit."""

    values: Values
    invoiced: bool
    amount_cents: int
    quantity_e4: int


def _entries(loading: _Loading) -> Iterator[_Work]:
    columns: dict[str, Convert] = _who_where_when(loading) | {
        "activity_id": loading.among("activities", loading.activities),
        "minutes": data_files.whole(-MOST_MINUTES, MOST_MINUTES),
        "description": data_files.note,
        "rate_cents": data_files.whole(0, MOST_RATE_CENTS),
    }
    for _, (*common, activity_id, minutes, note, cents) in loading.rows("entries", columns):
        values, invoiced = _common(loading, common)
        values |= {"activity_id": activity_id, "duration_minutes": minutes, "note": note, "rate_e4": cents * 100, "rate_source": OWN}
        yield _Work(values, invoiced, _half_up(minutes * cents, 60), _half_up(minutes * 10_000, 60))


def _expenses(loading: _Loading) -> Iterator[_Work]:
    columns: dict[str, Convert] = _who_where_when(loading) | {
        "description": data_files.note,
        "amount_cents": data_files.whole(-MOST_CENTS, MOST_CENTS),
        "vat_pct": data_files.whole(0, 100),
    }
    category_id: int | None = None
    for _, (*common, note, cents, vat) in loading.rows("expenses", columns):
        category_id = category_id or _category()
        values, invoiced = _common(loading, common)
        values |= {"category_id": category_id, "note": note, "unit_price_e4": cents * 100, "purchase_vat_bp": vat * 100}
        yield _Work(values | {"quantity_e4": 10_000, "vat_included": False}, invoiced, cents, 10_000)


def _trips(loading: _Loading) -> Iterator[_Work]:
    columns: dict[str, Convert] = _who_where_when(loading) | {
        "origin": data_files.short(200),
        "destination": data_files.short(200),
        "km": data_files.whole(0, MOST_KM),
        "rate_cents": data_files.whole(0, MOST_RATE_CENTS),
    }
    for _, (*common, origin, destination, km, cents) in loading.rows("trips", columns):
        values, invoiced = _common(loading, common)
        values |= {"origin": origin, "destination": destination, "distance_km10": km * 10, "kind": "business", "is_return": False}
        yield _Work(values | {"rate_e4": cents * 100, "rate_source": OWN}, invoiced, km * cents, km * 10_000)


def _who_where_when(loading: _Loading) -> dict[str, Convert]:
    return {
        "user_id": loading.among("users", loading.users),
        "project_id": loading.among("projects", loading.projects),
        "date": data_files.day,
        "billable": data_files.flag,
        "invoiced": data_files.flag,
    }


def _common(loading: _Loading, read: list[Any]) -> tuple[Values, bool]:
    user_id, (project_id, customer_id), day, billable, invoiced = read
    values = {"user_id": user_id, "customer_id": customer_id, "project_id": project_id, "date": day, "billable": billable}
    return values | {"status": "approved", "created_at": loading.now, "updated_at": loading.now}, invoiced


def _half_up(number: int, by: int) -> int:
    """A quotient in whole numbers, a half away from zero; there are too many rows for exact fractions."""
    size = (2 * abs(number) + by) // (2 * by)
    return size if number >= 0 else -size


def _category() -> int:
    """The category that the expenses go under, made when there is none."""
    found = db.session.scalar(select(func.min(ExpenseCategory.id)).where(ExpenseCategory.name == CATEGORY))
    if found is None:
        category = ExpenseCategory(name=CATEGORY)
        db.session.add(category)
        db.session.flush()
        found = category.id
    return found


def _write_sources(loading: _Loading, source_type: str, rows: Iterable[_Work]) -> dict[str, int]:
    """Adds the rows with the links of what was invoiced, and counts them."""
    model, counts = SOURCES[source_type], {"created": 0, "linked": 0}
    for part in chunked(rows, ROWS_AT_ONCE):
        ids = db.session.scalars(insert(model).returning(model.id, sort_by_parameter_order=True), [row.values for row in part])
        links = [_link(loading, source_type, row, id) for row, id in zip(part, ids, strict=True) if row.invoiced]
        if links:
            db.session.execute(insert(BillingLink), links)
        counts["created"] += len(part)
        counts["linked"] += len(links)
    return counts


def _link(loading: _Loading, source_type: str, row: _Work, source_id: int) -> Values:
    """What was invoiced although nothing was to be charged for it brought in nothing."""
    amount_cents = row.amount_cents if row.values["billable"] else 0
    bill = _bill(loading, loading.currencies.get(row.values["customer_id"], loading.company.currency))
    bill.net_cents += amount_cents
    return {
        "source_type": source_type,
        "source_id": source_id,
        "transfer_id": bill.id,
        "state": "live",
        "amount_cents": amount_cents,
        "quantity_e4": row.quantity_e4,
        "former_status": "approved",
        "created_at": loading.now,
    }


def _bill(loading: _Loading, currency: str) -> Transfer:
    """The transfer that stands for the invoices of elsewhere in one currency: done, and never to be sent anywhere."""
    if currency not in loading.bills:
        key = hashlib.sha256(canonical_json(["data load", loading.digest, currency]).encode()).hexdigest()
        now = loading.now
        transfer = Transfer(kind="invoice", state="done", op_key=key, marker=ledger.new_marker(), currency=currency, net_cents=0)
        transfer.due_at = transfer.created_at = transfer.updated_at = now
        transfer.remote_number = loading.folder.name[:60]
        db.session.add(transfer)
        db.session.flush()
        ledger.add_event(transfer.id, "done", now)
        loading.bills[currency] = transfer
    return loading.bills[currency]


def _settle_bills(loading: _Loading) -> None:
    """The amounts of the transfers, now that everything they stand for is there. The files do not tell VAT."""
    for currency, bill in loading.bills.items():
        bill.gross_cents = bill.net_cents
        bill.payload = {
            "typed_by_hand": True,
            "reference": loading.folder.name,
            "sha256": loading.digest,
            "currency": currency,
            "net_cents": bill.net_cents,
            "vat_cents": 0,
            "gross_cents": bill.gross_cents,
        }
        bill.payload_hash = payload_hash(bill.payload)
    db.session.flush()


def _refresh_statistics() -> None:
    """Tells the database how much there is now; until then it would plan for an empty one."""
    for model in (Customer, Project, User, Activity, TimeEntry, Expense, Trip, BillingLink):
        db.session.execute(text(f'ANALYZE "{model.__tablename__}"'))
