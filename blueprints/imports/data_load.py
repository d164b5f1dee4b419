"""Loads a folder of CSV files: who there is, what was done, and what of it was invoiced elsewhere. All of it or nothing.

The files join through ids that mean nothing outside them. Values are checked while they are read, row by row, so that a file of
any size passes through; only customers, projects, people and activities are held in memory. Amounts in the files are whole cents.
"""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import IntegrityError

import audit
import checks
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

FILES = ("customers", "projects", "users", "activities", "entries", "expenses", "trips")
CATEGORY = "Imported"
LOADED = "data_loaded"
ROWS_AT_ONCE = 5000
MOST_CENTS = 10**11
MOST_MINUTES = checks.DAY_MINUTES
MOST_KM = 100_000

Values = dict[str, Any]
Convert = Callable[[str], Any]


class LoadRefused(Exception):
    """Nothing was loaded; the text is one sentence that says why, with the file, line and column where there is one."""


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
    except LoadRefused:
        db.session.rollback()
        raise
    _refresh_statistics()
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
        return read(self.folder / f"{name}.csv", columns)

    def among(self, name: str, known: Mapping[str, Any]) -> Convert:
        """Turns an id of another file into what it stands for here."""
        absent = "" if (self.folder / f"{name}.csv").exists() else f", because {name}.csv is not in the folder"

        def convert(text: str) -> Any:
            try:
                return known[text.strip()]
            except KeyError:
                raise _Unfit(f"there is no {_shown(text)} in {name}{absent}") from None

        return convert


def _load(folder: Path, now: datetime) -> dict[str, dict[str, int]]:
    digest = _digest(folder)
    # Held until the end, so that two loads of one folder cannot pass the next question together.
    columns = (Organisation.country, Organisation.currency, Organisation.language)
    company = db.session.execute(select(*columns).where(Organisation.id == 1).with_for_update()).one()
    _refuse_twice(folder, digest)
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
    return loading.counts


def _digest(folder: Path) -> str:
    """One hash over the files that count, under their names."""
    found: dict[str, str] = {}
    for name in FILES:
        path = folder / f"{name}.csv"
        if path.exists():
            try:
                with path.open("rb") as file:
                    found[name] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise LoadRefused(f"{path.name} cannot be read: {error.strerror}.") from error
    if not found:
        raise LoadRefused(f"The folder {folder} holds none of {', '.join(f'{name}.csv' for name in FILES)}.")
    return hashlib.sha256(canonical_json(found).encode()).hexdigest()


def _refuse_twice(folder: Path, digest: str) -> None:
    before = select(AuditEvent.at, AuditEvent.details).where(AuditEvent.object_type == "folder", AuditEvent.action == LOADED)
    for at, details in db.session.execute(before):
        if details["sha256"] == digest:
            name = details["folder"]
            raise LoadRefused(f"The files in {folder} were loaded already on {at:%d-%m-%Y at %H:%M} UTC, from a folder named {name}.")


# --- Reading a file -------------------------------------------------------------------------------------------------------------


class _Unfit(ValueError):
    """A value that its column cannot hold; the text says what it would have to be."""


def read(path: Path, columns: Mapping[str, Convert]) -> Iterator[tuple[int, list[Any]]]:
    """The line number and converted values of each row, in the order of `columns`; nothing when the file is absent or empty.

    Raises LoadRefused with file, line and column. Other columns of the file are ignored, and so are empty lines.
    """
    if not path.exists():
        return
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = next(reader, [])
            places = _places(path, header, columns) if header else []
            converters = [(index, columns[name]) for name, index in zip(columns, places, strict=bool(header))]
            for row in reader:
                line = reader.line_num
                if not row:
                    continue
                if len(row) != len(header):
                    raise LoadRefused(f"{path.name}, line {line}: there are {len(row)} values under {len(header)} columns.")
                try:
                    yield line, [convert(row[index]) for index, convert in converters]
                except _Unfit:
                    raise _located(path, line, header, row, converters) from None
    except UnicodeDecodeError as error:
        raise LoadRefused(f"{path.name} is not UTF-8 text, somewhere after line {line}.") from error
    except csv.Error as error:
        raise LoadRefused(f"{path.name}, after line {line}: the file is not proper CSV ({error}).") from error
    except OSError as error:
        raise LoadRefused(f"{path.name} cannot be read: {error.strerror}.") from error


def _places(path: Path, header: list[str], columns: Mapping[str, Convert]) -> list[int]:
    names = [name.strip().casefold() for name in header]
    for name in columns:
        if names.count(name) != 1:
            problem = "is missing" if name not in names else "stands there more than once"
            raise LoadRefused(f"{path.name}, line 1: the column {name} {problem}.")
    return [names.index(name) for name in columns]


def _located(path: Path, line: int, header: list[str], row: list[str], converters: Iterable[tuple[int, Convert]]) -> LoadRefused:
    """The refusal for the first value of this row that does not fit."""
    for index, convert in converters:
        try:
            convert(row[index])
        except _Unfit as error:
            return LoadRefused(f"{path.name}, line {line}, column {header[index].strip()}: {error}.")
    raise AssertionError("a row that did not fit now does")


_UNWANTED = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_WHOLE = re.compile("-?[0-9]{1,15}")


def _shown(text: str) -> str:
    """What was read, short enough for a sentence."""
    text = checks.one_line(text, len(text))
    return f"“{text[:40]}…”" if len(text) > 40 else f"“{text}”"


def _words(text: str) -> str:
    """Text on one line, without what no database can hold."""
    return checks.one_line(text, len(text))


def _note(text: str) -> str:
    """Text as it was written; the careful look is only for text with something odd in it."""
    return checks.plain_text(text, len(text)) if _UNWANTED.search(text) else text.strip()


def _name(most: int) -> Convert:
    def convert(text: str) -> str:
        try:
            return checks.one_line(text, most) or _refuse("it is empty")
        except checks.CheckFailed as error:
            raise _Unfit(f"{_shown(text)} is {error.params['length']} characters long; use at most {most}") from error

    return convert


def _short(most: int) -> Convert:
    """A name that may be left empty."""
    filled = _name(most)
    return lambda text: filled(text) if text.strip() else ""


def _refuse(sentence: str) -> str:
    raise _Unfit(sentence)


def _whole(least: int, most: int) -> Convert:
    @lru_cache(maxsize=4096)
    def convert(text: str) -> int:
        if not _WHOLE.fullmatch(text.strip()) or not least <= int(text) <= most:
            raise _Unfit(f"{_shown(text)} is not a whole number from {least} up to {most}")
        return int(text)

    return convert


def _term(text: str) -> int | None:
    return _whole(-(10**9), 10**9)(text) if text.strip() else None  # type: ignore[no-any-return]


def _flag(text: str) -> bool:
    if text.strip() not in ("0", "1"):
        raise _Unfit(f"{_shown(text)} is neither 0 nor 1")
    return text.strip() == "1"


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    try:
        if len(text.strip()) == len("2025-11-30"):
            return date.fromisoformat(text.strip())
    except ValueError:
        pass
    raise _Unfit(f"{_shown(text)} is not a date such as 2025-11-30")


def _email(text: str) -> str:
    try:
        return checks.email(text).casefold()
    except checks.CheckFailed as error:
        raise _Unfit(f"{_shown(text)} is not an e-mail address") from error


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
    for column, key_of in (("id", lambda row: row.file_id), (key_column, lambda row: row.key)):
        lines: dict[Any, int] = {}
        for row in told:
            first = lines.setdefault(key_of(row), row.line)
            if first != row.line and key_of(row) is not None:
                raise LoadRefused(f"{kind}.csv, line {row.line}, column {column}: the same stands on line {first} already.")
    new = [row for row in told if row.key not in known]
    ids = {row.file_id: known[row.key] for row in told if row.key in known}
    loading.counts[kind] = {"created": len(new), "reused": len(ids)}
    for part in chunked(new, ROWS_AT_ONCE):
        added = db.session.scalars(insert(model).returning(model.id, sort_by_parameter_order=True), [row.values for row in part])
        ids |= {row.file_id: id for row, id in zip(part, added, strict=True)}
    return ids


def _customers(loading: _Loading) -> None:
    texts = {"contact": "contact_last_name", "street": "address", "zip": "postal_code", "vat": "vat_number"}
    names = ["name", "contact", "street", "zip", "city", "country", "email", "phone", "vat"]
    columns = {"id": str.strip, "number": _short(import_rows.NUMBER_LIMIT)} | dict.fromkeys(names, _words)
    columns |= {"name": lambda text: _words(text) or _refuse("it is empty"), "payment_days": _term}
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
    customer = loading.among("customers", loading.customers)
    columns = {"id": str.strip, "customer_id": customer, "code": _short(40), "name": _name(200), "billable": _flag}
    columns |= {"rate_cents": _whole(0, MOST_CENTS)}
    told = []
    for line, (file_id, customer_id, code, name, billable, cents) in loading.rows("projects", columns):
        row = {"customer_id": customer_id, "code": code, "name": name, "created_at": loading.now}
        row |= {"invoicing_method": "project" if billable else "none", "hourly_rate_e4": cents * 100 if billable else None}
        told.append(_Told(line, file_id, (customer_id, code.casefold()) if code else None, row))
    known: dict[tuple[int, str], int] = {}
    for part in chunked(sorted({row.values["customer_id"] for row in told} & loading.currencies.keys())):
        here = select(Project.id, Project.customer_id, Project.code).where(Project.customer_id.in_(part), Project.code != "")
        for id, customer_id, code in db.session.execute(here.order_by(Project.active, Project.id.desc())):
            known[(customer_id, code.strip().casefold())] = id
    ids = _settle(loading, "projects", "code", Project, told, known)
    loading.projects = {row.file_id: (ids[row.file_id], row.values["customer_id"]) for row in told}


def _users(loading: _Loading) -> None:
    rows = loading.rows("users", {"id": str.strip, "name": _name(200), "email": _email})
    told = [
        _Told(line, file_id, email, {"email": email, "name": name, "role": "user", "active": True, "created_at": loading.now})
        for line, (file_id, name, email) in rows
    ]
    known: dict[str, int] = {}
    for part in chunked(row.key for row in told):
        known |= dict(db.session.execute(select(User.email, User.id).where(User.email.in_(part))).tuples().all())
    loading.users = _settle(loading, "users", "email", User, told, known)


def _activities(loading: _Loading) -> None:
    """An activity is its name: rows with the same name are one activity."""
    rows = loading.rows("activities", {"id": str.strip, "name": _name(200)})
    told = [_Told(line, file_id, name.casefold(), {"name": name}) for line, (file_id, name) in rows]
    here = db.session.execute(select(Activity.name, Activity.id).order_by(Activity.active, Activity.id.desc()))
    known = {name.strip().casefold(): id for name, id in here}
    first: dict[str, _Told] = {}
    for row in told:
        first.setdefault(row.key, row)
    again = [row for row in told if first[row.key] is not row]
    ids = _settle(loading, "activities", "name", Activity, [row for row in told if first[row.key] is row], known)
    for row in again:
        if row.file_id in ids:
            raise LoadRefused(f"activities.csv, line {row.line}, column id: {_shown(row.file_id)} stands on another line already.")
        ids[row.file_id] = ids[first[row.key].file_id]
    loading.counts["activities"]["reused"] += len(again)
    loading.activities = ids


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
        "minutes": _whole(-MOST_MINUTES, MOST_MINUTES),
        "description": _note,
        "rate_cents": _whole(0, MOST_CENTS),
    }
    for _, (*common, activity_id, minutes, note, cents) in loading.rows("entries", columns):
        values, invoiced = _common(loading, common)
        values |= {"activity_id": activity_id, "duration_minutes": minutes, "note": note, "rate_e4": cents * 100, "rate_source": OWN}
        yield _Work(values, invoiced, _half_up(minutes * cents, 60), _half_up(minutes * 10_000, 60))


def _expenses(loading: _Loading) -> Iterator[_Work]:
    columns: dict[str, Convert] = _who_where_when(loading) | {
        "description": _note,
        "amount_cents": _whole(-MOST_CENTS, MOST_CENTS),
        "vat_pct": _whole(0, 100),
    }
    category_id: int | None = None
    for _, (*common, note, cents, vat) in loading.rows("expenses", columns):
        category_id = category_id or _category()
        values, invoiced = _common(loading, common)
        values |= {"category_id": category_id, "note": note, "unit_price_e4": cents * 100, "purchase_vat_bp": vat * 100}
        yield _Work(values | {"quantity_e4": 10_000, "vat_included": False}, invoiced, cents, 10_000)


def _trips(loading: _Loading) -> Iterator[_Work]:
    columns: dict[str, Convert] = _who_where_when(loading) | {
        "origin": _short(200),
        "destination": _short(200),
        "km": _whole(0, MOST_KM),
        "rate_cents": _whole(0, MOST_CENTS),
    }
    for _, (*common, origin, destination, km, cents) in loading.rows("trips", columns):
        values, invoiced = _common(loading, common)
        values |= {"origin": origin, "destination": destination, "distance_km10": km * 10, "kind": "business", "is_return": False}
        yield _Work(values | {"rate_e4": cents * 100, "rate_source": OWN}, invoiced, km * cents, km * 10_000)


def _who_where_when(loading: _Loading) -> dict[str, Convert]:
    return {
        "user_id": loading.among("users", loading.users),
        "project_id": loading.among("projects", loading.projects),
        "date": _day,
        "billable": _flag,
        "invoiced": _flag,
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
    db.session.commit()
