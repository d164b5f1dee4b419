"""What the import pages show: the packages, a run with its rows by tab, earlier runs. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask_babel import lazy_gettext as _l
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import joinedload

from models import Connection, Customer, ImportRow, ImportRun, db
from transfers.import_runs import UNFINISHED

SHOWN_CHARACTERS = 120
"""Of a name or value that came from elsewhere, so that no page grows with it."""

FIELDS = {
    "number": _l("Number"),
    "name": _l("Name"),
    "contact_first_name": _l("First name"),
    "contact_last_name": _l("Last name"),
    "email": _l("E-mail"),
    "phone": _l("Phone"),
    "address": _l("Address"),
    "postal_code": _l("Postal code"),
    "city": _l("City"),
    "country": _l("Country"),
    "vat_number": _l("VAT number"),
    "coc_number": _l("Chamber of commerce number"),
    "payment_term_days": _l("Payment term"),
    "invoice_email": _l("Invoice e-mail"),
}
MODES = {"new": _l("Only new"), "update": _l("Also update")}
STATES = {
    "waiting": _l("Waiting"),
    "reading": _l("Reading"),
    "preview": _l("Preview"),
    "applying": _l("Importing"),
    "done": _l("Finished"),
    "failed": _l("Failed"),
}
STATE_MARKS = {
    "waiting": ("wait", "wait"),
    "reading": ("wait", "wait"),
    "preview": ("open", ""),
    "applying": ("wait", "wait"),
    "done": ("ok", "ok"),
    "failed": ("bad", "bad"),
}
SOURCES = {"nightly": _l("Every night"), "command": _l("Command line"), "button": _l("Somebody")}
TABS = ("review", "create", "update", "skip", "failed")


def packages() -> list[Connection]:
    """The packages that one can import from."""
    usable = select(Connection).where(Connection.state.in_(("connected", "failing")), Connection.vendor != "afas").order_by(Connection.id)
    return list(db.session.scalars(usable))


def runs(offset: int, limit: int) -> tuple[list[ImportRun], int]:
    """Runs, latest first, and how many there are."""
    found = select(ImportRun).options(joinedload(ImportRun.connection), joinedload(ImportRun.requested_by))
    rows = db.session.scalars(found.order_by(ImportRun.id.desc()).offset(offset).limit(limit)).all()
    return list(rows), db.session.scalar(select(func.count()).select_from(ImportRun)) or 0


def run(run_id: int) -> ImportRun | None:
    """One run with its package and who asked for it."""
    wanted = select(ImportRun).where(ImportRun.id == run_id)
    return db.session.scalars(wanted.options(joinedload(ImportRun.connection), joinedload(ImportRun.requested_by))).first()


def is_latest(one: ImportRun) -> bool:
    """Whether no later run of this package exists: only then its preview may be started."""
    later = select(ImportRun.id).where(ImportRun.connection_id == one.connection_id, ImportRun.id > one.id).limit(1)
    return db.session.scalar(later) is None


# --- Rows -----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A field, what stands here and what comes."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a tab, with texts short enough for a page."""

    id: int
    number: str
    name: str
    email: str
    customer: str
    here: str
    reason: str
    params: dict[str, Any]
    choice: str
    choices: list[str]
    is_open: bool
    changes: list[Change] = field(default_factory=list)


def counts(one: ImportRun) -> dict[str, int]:
    """How many rows each tab holds."""
    found = dict.fromkeys(TABS, 0)
    grouped = select(ImportRow.action, func.count()).where(ImportRow.run_id == one.id).group_by(ImportRow.action)
    for action, count in db.session.execute(grouped):
        if tab := _tab_of(action, one.mode):
            found[tab] += count
    return found


def _tab_of(action: str, mode: str) -> str:
    if action == "linked":
        return "skip" if mode == "new" else "update"
    return {"conflict": "review", "new": "create", "changed": "update", "skipped": "skip", "failed": "failed"}.get(action, "")


def _of_tab(one: ImportRun, tab: str) -> ColumnElement[bool]:
    actions = [action for action in ("conflict", "new", "changed", "linked", "skipped", "failed") if _tab_of(action, one.mode) == tab]
    return and_(ImportRow.run_id == one.id, ImportRow.action.in_(actions))


def lines(one: ImportRun, tab: str, offset: int, limit: int) -> list[Line]:
    """The rows of a tab, by number as they came."""
    short = func.substr
    found = (
        select(
            ImportRow.id,
            short(ImportRow.number, 1, SHOWN_CHARACTERS + 1).label("number"),
            short(ImportRow.name, 1, SHOWN_CHARACTERS + 1).label("name"),
            ImportRow.values if tab == "create" else ImportRow.reason_params.label("values"),
            ImportRow.changes,
            ImportRow.reason,
            ImportRow.reason_params,
            ImportRow.choice,
            ImportRow.applied_at,
            Customer.name.label("customer"),
            Customer.number.label("customer_number"),
        )
        .outerjoin(Customer, Customer.id == ImportRow.customer_id)
        .where(_of_tab(one, tab))
        .order_by(ImportRow.id)
    )
    return [_line(row) for row in db.session.execute(found.offset(offset).limit(limit))]


def _line(row: Any) -> Line:
    here = row.customer or ""
    if row.customer and row.customer_number:
        here = f"{shown(row.customer)}, {row.customer_number}"
    return Line(
        id=row.id,
        number=shown(row.number),
        name=shown(row.name),
        email=shown(row.values.get("email", "")),
        customer=shown(row.customer),
        here=shown(here),
        reason=row.reason,
        params={name: shown(value) for name, value in row.reason_params.items() if name != "choices"},
        choice=row.choice,
        choices=list(row.reason_params.get("choices", ())),
        is_open=row.applied_at is None,
        changes=[Change(name, shown(old), shown(new)) for name, (old, new) in sorted(row.changes.items(), key=_by_field)],
    )


def _by_field(change: tuple[str, Any]) -> int:
    names = list(FIELDS)
    return names.index(change[0]) if change[0] in names else len(names)


def shown(value: Any) -> str:
    """A text as far as a page shows it."""
    text = "" if value is None else str(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS].rstrip() + "…"


def failed_rows(run_id: int) -> Iterator[ImportRow]:
    """Every row that failed, with what the package told of it."""
    unfinished = or_(ImportRow.action == "failed", and_(ImportRow.action == "conflict", ImportRow.choice == ""))
    wanted = select(ImportRow).where(ImportRow.run_id == run_id, unfinished).order_by(ImportRow.id)
    yield from db.session.scalars(wanted.execution_options(yield_per=500))


def working(found: Iterable[ImportRun]) -> dict[int, ImportRun]:
    """The run that a package is busy with, by connection."""
    return {one.connection_id: one for one in found if one.state in UNFINISHED}
