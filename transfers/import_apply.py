"""Rows of an import put into effect, a few hundred in one transaction: customers made or changed, links made or moved."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, or_, select, update
from sqlalchemy.exc import DataError, IntegrityError

from models import Customer, ExternalLink, ImportRow, Organisation, db
from transfers.import_rows import LIMITS, Here, Told, Values, Verdict, differences, flags_after, from_values, is_odd, judge, kept, look_here

BATCH = 500


@dataclass(frozen=True, slots=True)
class Staged:
    """A row that waits to be applied. `choice` is what a person said of a conflict: link or create."""

    id: int
    told: Told
    action: str
    customer_id: int | None
    choice: str
    reason: str


@dataclass(slots=True)
class _Plan:
    """What one batch writes, gathered first so that each table is written in a few statements."""

    here: Here
    mode: str
    now: datetime
    new: list[tuple[Told, Values]] = field(default_factory=list)
    changed: list[Values] = field(default_factory=list)
    links: list[tuple[Told, int, str]] = field(default_factory=list)
    """(row, customer, what to remember of the row)"""
    applied: list[int] = field(default_factory=list)
    anew: list[Values] = field(default_factory=list)
    """Rows that became something else since they were staged."""


def waiting_rows(run_id: int) -> list[Staged]:
    """The next rows of a run that something is to be done with."""
    rows = db.session.execute(
        select(
            ImportRow.id,
            ImportRow.remote_id,
            ImportRow.values,
            ImportRow.action,
            ImportRow.customer_id,
            ImportRow.choice,
            ImportRow.reason,
        )
        .where(ImportRow.run_id == run_id, ImportRow.applied_at.is_(None))
        .where(or_(ImportRow.action.in_(("new", "changed", "linked", "seen")), ImportRow.choice.in_(("link", "create"))))
        .order_by(ImportRow.id)
        .limit(BATCH)
    )
    return [Staged(row.id, from_values(row.remote_id, row.values), row.action, row.customer_id, row.choice, row.reason) for row in rows]


def apply_rows(run_id: int, connection_id: int, mode: str, rows: list[Staged], now: datetime) -> None:
    """Applies the rows and marks them; each ends applied, or as a question or failure with its reason. The caller commits.

    Rows are judged again, because days may lie between a preview and its import. Where one row makes the database refuse, the
    others are applied all the same.
    """
    savepoint = db.session.begin_nested()
    try:
        _apply(connection_id, mode, rows, now)
        savepoint.commit()
    except (IntegrityError, DataError):
        savepoint.rollback()
        if len(rows) == 1:
            refused = Verdict("failed", rows[0].customer_id, reason="not_saved")
            db.session.execute(update(ImportRow), [_as_columns(rows[0].id, refused)])
            return
        for row in rows:
            apply_rows(run_id, connection_id, mode, [row], now)


def _apply(connection_id: int, mode: str, rows: list[Staged], now: datetime) -> None:
    chosen = {row.customer_id for row in rows if row.choice == "link" and row.customer_id}
    plan = _Plan(look_here(connection_id, [row.told for row in rows], chosen), mode, now)
    for row in rows:
        if row.choice == "create" and not _is_linked(row.told, plan.here):
            _plan_creation(plan, row)
        elif row.choice == "link" and (row.reason == "number_taken" or not _is_linked(row.told, plan.here)):
            _plan_chosen_link(plan, row)
        else:
            _plan_row(plan, row)
    _write_customers(plan)
    _write_links(plan, connection_id)
    if plan.applied:
        db.session.execute(update(ImportRow).where(ImportRow.id.in_(plan.applied)).values(applied_at=now))
    if plan.anew:
        db.session.execute(update(ImportRow), plan.anew)


def _is_linked(told: Told, here: Here) -> bool:
    link = here.links.get(told.remote_id)
    return link is not None and link.customer_id is not None


# --- What each row asks for -----------------------------------------------------------------------------------------------------


def _plan_row(plan: _Plan, row: Staged) -> None:
    verdict = judge(row.told, plan.here, plan.mode)
    if verdict.action != row.action:
        plan.anew.append(_as_columns(row.id, verdict))
    if verdict.action in ("conflict", "failed", "skipped"):
        return
    plan.applied.append(row.id)
    if verdict.action == "new":
        plan.new.append((row.told, _new_customer(row.told, plan.now)))
    elif verdict.customer_id is not None:
        _plan_customer(plan, row.told, verdict.customer_id, verdict.changes)


def _plan_customer(plan: _Plan, told: Told, customer_id: int, changes: dict[str, list[Any]]) -> None:
    """The link, and in mode update the changes. A row whose changes are left out is not seen yet: a later update must meet it."""
    updates = bool(changes) and plan.mode == "update"
    if updates:
        plan.changed.append(_change(told, plan.here.by_id[customer_id].flags, customer_id, changes, plan.now))
    plan.links.append((told, customer_id, told.digest if updates or not changes else ""))


def _plan_creation(plan: _Plan, row: Staged) -> None:
    """A customer that a person asked for; without its number when that is taken or no customer can have it."""
    told = row.told
    without = bool(told.number_key) and (told.number_key in plan.here.by_number or is_odd(told.number))
    plan.new.append((told, _new_customer(told, plan.now, without_number=without)))
    plan.applied.append(row.id)


def _plan_chosen_link(plan: _Plan, row: Staged) -> None:
    """The customer that a person chose; when it is gone or was linked meanwhile the row is a question again."""
    told, here = row.told, plan.here
    customer = here.by_id.get(row.customer_id or 0)
    if customer is None or (customer.id in here.linked and row.reason not in ("number_linked", "number_taken")):
        gone = Verdict("conflict", reason="choice_gone", params={"choices": ["create", "skip"]})
        plan.anew.append(_as_columns(row.id, gone))
        return
    changes = differences(customer, told, clears=False)
    if told.number_key in here.by_number:
        changes.pop("number", None)
    _plan_customer(plan, told, customer.id, changes)
    plan.applied.append(row.id)


def _as_columns(row_id: int, verdict: Verdict) -> Values:
    columns = {"action": "seen" if verdict.action == "unchanged" else verdict.action, "customer_id": verdict.customer_id, "choice": ""}
    return columns | {"id": row_id, "changes": verdict.changes, "reason": verdict.reason, "reason_params": verdict.params}


def _new_customer(told: Told, now: datetime, *, without_number: bool = False) -> Values:
    columns, flags = kept(told.values)
    number = "" if without_number else told.number
    if without_number:
        flags.add("number")
    return (
        dict.fromkeys(LIMITS, "")
        | columns
        | {
            "country": columns.get("country", ""),
            "payment_term_days": columns.get("payment_term_days"),
            "number": number,
            "number_key": told.number_key if number else "",
            "flags": sorted(flags),
            "created_at": now,
            "updated_at": now,
        }
    )


def _change(told: Told, flags: list[str], customer_id: int, changes: dict[str, list[Any]], now: datetime) -> Values:
    values = {name: new for name, (_, new) in changes.items()}
    if "number" in values:
        values["number_key"] = told.number_key
    return values | {"of": customer_id, "flags": flags_after(flags, told), "updated_at": now}


# --- What a batch writes --------------------------------------------------------------------------------------------------------


def _write_customers(plan: _Plan) -> None:
    if plan.new:
        company = db.session.execute(select(Organisation.country, Organisation.currency, Organisation.language)).one()
        rows = [
            columns | {"country": columns["country"] or company.country, "currency": company.currency, "language": company.language}
            for _, columns in plan.new
        ]
        ids = db.session.scalars(insert(Customer).returning(Customer.id, sort_by_parameter_order=True), rows).all()
        plan.links += [(told, customer_id, told.digest) for (told, _), customer_id in zip(plan.new, ids, strict=True)]
    alike: dict[frozenset[str], list[Values]] = {}
    for values in plan.changed:
        alike.setdefault(frozenset(values), []).append(values)
    table = Customer.__table__
    for names, group in alike.items():
        columns: Values = {name: bindparam(name) for name in names - {"of"}}
        statement = update(Customer).where(table.c.id == bindparam("of")).values(**columns, version=table.c.version + 1)
        db.session.connection().execute(statement, group)


def _write_links(plan: _Plan, connection_id: int) -> None:
    """A customer has one link on a connection and so has a record there: what stands in the way is moved or removed."""
    new: list[Values] = []
    moved: list[Values] = []
    removed: list[int] = []
    for told, customer_id, digest in plan.links:
        of_record, of_customer = plan.here.links.get(told.remote_id), plan.here.linked.get(customer_id)
        values = {
            "local_id": customer_id,
            "external_id": told.remote_id,
            "external_code": told.number[:60],
            "external_name": str(told.values["name"])[:300],
            "seen_hash": digest,
            "missing_since_at": None,
        }
        if of_record is not None and of_customer not in (None, of_record.id):
            removed.append(of_record.id)
        if of_customer is not None or of_record is not None:
            moved.append(values | {"id": of_customer or (of_record.id if of_record else 0)})
        else:
            new.append(values | {"connection_id": connection_id, "local_type": "customer", "linked_at": plan.now})
    if removed:
        db.session.execute(delete(ExternalLink).where(ExternalLink.id.in_(removed)))
    if moved:
        db.session.execute(update(ExternalLink), moved)
    if new:
        db.session.execute(insert(ExternalLink), new)
