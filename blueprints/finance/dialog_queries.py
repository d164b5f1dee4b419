"""What the invoice dialog shows: the selection as invoices, and what stands in the way of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from invoicing import links, selection
from invoicing.links import Claim
from invoicing.plan import Options, PlannedInvoice, Preview, preview
from invoicing.selection import Ref
from models import Connection, Customer, Expense, LoginSession, TimeEntry, Trip, User, db
from transfers.intents import Seen

KINDS = selection.SOURCE_TYPES
SHOWN_LEFT_OUT = 20
CLAIMED = (selection.ALREADY_INVOICED, selection.BEING_INVOICED)
MODELS: dict[str, Any] = {"time": TimeEntry, "expense": Expense, "trip": Trip}


@dataclass(frozen=True, slots=True)
class LeftOutRow:
    """One row that stays behind, named so that a person recognises it."""

    kind: str
    id: int
    date: date
    customer: str
    user: str
    minutes: int | None
    claim: Claim | None = None
    """Who has it, when it is somebody's already."""


@dataclass(frozen=True, slots=True)
class LeftOutGroup:
    """Rows that stay behind for one reason: how many, and the first of them by name."""

    reason: str
    count: int
    rows: tuple[LeftOutRow, ...]


def kept(login: LoginSession) -> list[Ref]:
    """The rows that this browser has ticked under Reports."""
    stored: Mapping[str, Any] = login.selection if isinstance(login.selection, dict) else {}
    return [(kind, int(one)) for kind in KINDS for one in stored.get(kind, []) if isinstance(one, int)]


def posted(form: MultiDict[str, str]) -> dict[str, list[int]]:
    """The ticked ids that came with a form; anything that is no id is ignored."""
    return {kind: ids_of(form, kind) for kind in KINDS}


def ids_of(form: MultiDict[str, str], name: str) -> list[int]:
    """The ids among the values of one field."""
    return [int(text) for text in form.getlist(name) if text.isascii() and text.isdigit() and len(text) < 12]


def unticked(form: MultiDict[str, str]) -> tuple[str, set[int]]:
    """Without JavaScript a page says which rows it showed, so that a box that was cleared leaves the selection: (kind, ids)."""
    kind = form.get("kind", "")
    if kind not in KINDS:
        return "", set()
    shown = {int(text) for text in form.get("shown", "").split(",") if text.isascii() and text.isdigit() and len(text) < 12}
    return kind, shown - set(posted(form)[kind])


def unbilled_of(customer_ids: list[int], until: date, project_id: int | None = None) -> dict[str, list[int]]:
    """Everything of these customers (of one project only, when it is named) that may be billed up to and including a day."""
    found: dict[str, list[int]] = {}
    for kind in KINDS:
        model = MODELS[kind]
        wanted = select(model.id).where(model.customer_id.in_(customer_ids), selection.billable_clause(kind, until=until))
        if project_id is not None:
            wanted = wanted.where(model.project_id == project_id)
        found[kind] = list(db.session.scalars(wanted.order_by(model.id)))
    return found


def look(connection: Connection, refs: list[Ref], options: Options) -> Preview:
    """What would be made of these rows now. Reads only."""
    return preview(connection, refs, options)


def left_out(found: Preview) -> list[LeftOutGroup]:
    """The rows that stay behind, by reason, the first of each by name."""
    groups = []
    for part in found.left_out:
        rows: list[LeftOutRow] = []
        for kind in KINDS:
            ids = [source_id for source_type, source_id in part.refs if source_type == kind][:SHOWN_LEFT_OUT]
            rows += _named(kind, ids, links.claims(kind, ids) if part.reason in CLAIMED else {}) if ids else []
        groups.append(LeftOutGroup(part.reason, len(part.refs), tuple(sorted(rows, key=lambda row: row.date))[:SHOWN_LEFT_OUT]))
    return groups


def _named(kind: str, ids: list[int], claims: Mapping[int, Claim]) -> list[LeftOutRow]:
    model = MODELS[kind]
    minutes = TimeEntry.duration_minutes if kind == "time" else None
    columns = [model.id, model.date, Customer.name.label("customer"), User.name.label("user")]
    statement = select(*columns, *([minutes.label("minutes")] if minutes is not None else []))
    statement = statement.join(Customer, Customer.id == model.customer_id).join(User, User.id == model.user_id).where(model.id.in_(ids))
    return [
        LeftOutRow(kind, row.id, row.date, row.customer, row.user, getattr(row, "minutes", None), claims.get(row.id))
        for row in db.session.execute(statement)
    ]


def seen_of(form: MultiDict[str, str]) -> dict[str, Seen]:
    """What the person saw of the invoices that are to be made: the ticked ones, each with its hash, amount and number of rows."""
    chosen = set(form.getlist("make"))
    found = {}
    for key in chosen:
        parts = form.get(f"seen-{key}", "").split(":")
        if len(parts) == 3 and parts[1].lstrip("-").isdigit() and parts[2].isdigit():
            found[key] = Seen(hash=parts[0], gross_cents=int(parts[1]), rows=int(parts[2]))
    return found


def is_looking(found: Preview) -> bool:
    """Whether some customer is still being looked up, so that the dialog asks again in a moment."""
    return any(invoice.match == "looking" for invoice in found.invoices)


def unknown_customers(found: Preview) -> list[int]:
    """Customers that nobody has looked up in the package yet."""
    return sorted({invoice.customer.id for invoice in found.invoices if invoice.match == "looking"})


def sum_of(invoices: list[PlannedInvoice]) -> dict[str, int]:
    """Gross cents per currency; amounts in different currencies are never added."""
    found: dict[str, int] = {}
    for invoice in invoices:
        found[invoice.totals.currency] = found.get(invoice.totals.currency, 0) + invoice.totals.gross_cents
    return found
