"""What people do under Manage. Each takes ids, values, a user and a clock, writes an audit row and commits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete as delete_from
from sqlalchemy import insert, literal, select, union_all, update
from sqlalchemy.exc import IntegrityError

import audit
import checks
from blueprints.manage import queries
from invoicing.rates import reprice_unbilled
from models import (
    AccountingItem,
    Activity,
    Connection,
    Customer,
    CustomerMatch,
    ExpenseCategory,
    ItemLink,
    Organisation,
    Project,
    ProjectActivity,
    ProjectUser,
    User,
    VatMapping,
    VatRegime,
    Vehicle,
    db,
    rows_changed,
)

TABLES: dict[str, Any] = {
    "customer": Customer,
    "project": Project,
    "activity": Activity,
    "expense_category": ExpenseCategory,
    "vehicle": Vehicle,
}


class Missing(ValueError):
    """There is no such record, or no longer."""


class Stale(ValueError):
    """Somebody saved this record after the form was opened."""


class NumberTaken(ValueError):
    """Another customer has this number; the argument is that customer's name."""


class InUse(ValueError):
    """Something refers to the record; the argument lists what, in words."""


class ItemRefused(ValueError):
    """An item cannot be linked: reason `period` or `gone`, with the vendor it belongs to."""

    def __init__(self, reason: str, vendor: str, item: str = "") -> None:
        super().__init__(reason)
        self.reason, self.vendor, self.item = reason, vendor, item


class CodeRefused(ValueError):
    """The package of this vendor has no such VAT code."""


class RegimeNeeded(ValueError):
    """The company's own VAT regime stays active."""


@dataclass(frozen=True, slots=True)
class Saved:
    """What was saved, and how many unbilled rows got another rate through it."""

    id: int
    repriced: int = 0


@dataclass(frozen=True, slots=True)
class OwnActivity:
    """An activity of a project with the project's own rate (ten-thousandths per hour)."""

    activity_id: int
    hourly_rate_e4: int | None
    billable: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A person of a project with the project's own rate (ten-thousandths per hour)."""

    user_id: int
    hourly_rate_e4: int | None
    is_manager: bool


# --- Customers ------------------------------------------------------------------------------------------------------------------


def save_customer(customer_id: int | None, version: int | None, values: Mapping[str, Any], by: User, now: datetime) -> Saved:
    """Adds or changes a customer. Raises Missing, Stale or NumberTaken, and then nothing was changed."""
    values = dict(values) | {"number_key": checks.number_key(values["number"])}
    customer = _unchanged(Customer, customer_id, version) if customer_id is not None else Customer(created_at=now, flags=[], version=1)
    changes = _differences(customer, values)
    if not changes and customer_id is not None:
        return Saved(customer_id)
    flags = [name for name in customer.flags or [] if name not in changes and values.get(name)]
    if taken := queries.customer_with_number(values["number"], customer_id) if "number_key" in changes else None:
        raise NumberTaken(queries.label(taken))
    try:
        if customer_id is None:
            _apply(customer, values | {"updated_at": now})
            db.session.add(customer)
            db.session.flush()
        else:
            _update(Customer, customer_id, version, values | {"flags": flags, "updated_at": now})
    except IntegrityError as error:  # somebody took the number between the look and the save
        db.session.rollback()
        other = queries.customer_with_number(values["number"], customer_id)
        raise NumberTaken(queries.label(other) if other else values["number"]) from error
    repriced = 0
    if customer_id is not None and changes.keys() & {"hourly_rate_e4", "km_rate_e4"}:
        repriced = reprice_unbilled(now=now, customer_id=customer_id)
    _record(by, "customer", customer_id or customer.id, values["name"], customer_id is None, changes, now, repriced)
    saved = Saved(customer_id or customer.id, repriced)
    db.session.commit()
    return saved


# --- Projects -------------------------------------------------------------------------------------------------------------------


def save_project(
    project_id: int | None,
    version: int | None,
    values: Mapping[str, Any],
    activities: Sequence[OwnActivity],
    members: Sequence[Member],
    by: User,
    now: datetime,
) -> Saved:
    """Adds or changes a project with its activities and members, and looks up the rates of its unbilled hours again.

    Raises Missing, Stale, or InUse when the customer would change under work that is registered.
    """
    if project_id is None:
        project = Project(created_at=now, version=1)
        changes = _apply(project, values)
        db.session.add(project)
        db.session.flush()
    else:
        project = _unchanged(Project, project_id, version)
        if project.customer_id != values["customer_id"] and queries.has_work(project_id):
            raise InUse
        changes = _differences(project, values)
    rows = _row_changes(project.id, activities, members)
    changes |= {name: [len(old), len(new)] for name, (old, new) in rows.items()}
    if not changes:
        return Saved(project.id)
    repriced = 0
    if project_id is not None:
        _update(Project, project_id, version, values)
    for name, (old, new) in rows.items():
        _replace(ProjectActivity if name == "activities" else ProjectUser, project.id, old, new)
    if project_id is not None:
        repriced = reprice_unbilled(now=now, project_id=project_id)
    _record(by, "project", project.id, values["name"], project_id is None, changes, now, repriced)
    saved = Saved(project_id or project.id, repriced)
    db.session.commit()
    return saved


def _row_changes(project_id: int, activities: Sequence[OwnActivity], members: Sequence[Member]) -> dict[str, Any]:
    """Which of the two tables of a project are no longer the same: name to (old rows, new rows)."""
    theirs = select(literal("activities"), ProjectActivity.activity_id, ProjectActivity.hourly_rate_e4, ProjectActivity.billable)
    ours = select(literal("members"), ProjectUser.user_id, ProjectUser.hourly_rate_e4, ProjectUser.is_manager)
    parts = union_all(theirs.where(ProjectActivity.project_id == project_id), ours.where(ProjectUser.project_id == project_id))
    old: dict[str, set[tuple[Any, ...]]] = {"activities": set(), "members": set()}
    for name, *row in db.session.execute(parts):
        old[name].add((*row[:2], bool(row[2])))
    new: dict[str, list[dict[str, Any]]] = {"activities": [asdict(own) for own in activities], "members": [asdict(one) for one in members]}
    return {name: (old[name], new[name]) for name in old if old[name] != {tuple(row.values()) for row in new[name]}}


def _replace(table: Any, project_id: int, old: Collection[Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """All rows at once, so that a project with a hundred members costs what one with two costs."""
    if old:
        db.session.execute(delete_from(table).where(table.project_id == project_id).execution_options(synchronize_session=False))
    if rows:
        db.session.execute(insert(table.__table__), [{**row, "project_id": project_id, "active": True} for row in rows])


# --- Activities, expense categories, vehicles, VAT --------------------------------------------------------------------------------


def save_activity(activity_id: int | None, values: Mapping[str, Any], items: Mapping[int, int | None], by: User, now: datetime) -> Saved:
    """Adds or changes an activity and its item per connection. Raises Missing or ItemRefused."""
    return _save_linked("activity", activity_id, values, items, by, now)


def save_expense_category(
    category_id: int | None, values: Mapping[str, Any], items: Mapping[int, int | None], by: User, now: datetime
) -> Saved:
    """Adds or changes an expense category and its item per connection. Raises Missing or ItemRefused."""
    return _save_linked("expense_category", category_id, values, items, by, now)


def _save_linked(
    object_type: str, row_id: int | None, values: Mapping[str, Any], items: Mapping[int, int | None], by: User, now: datetime
) -> Saved:
    table = TABLES[object_type]
    row = table() if row_id is None else db.session.get(table, row_id)
    if row is None:
        raise Missing
    if row_id is None:
        db.session.add(row)
    changes = _apply(row, values)
    db.session.flush()
    changes |= _link_items(object_type, row.id, items)
    if not changes and row_id is not None:
        return Saved(row_id)
    repriced = 0
    if object_type == "activity" and row_id is not None and "hourly_rate_e4" in changes:
        repriced = reprice_unbilled(now=now, activity_id=row_id)
    _record(by, object_type, row.id, row.name, row_id is None, changes, now, repriced)
    saved = Saved(row.id, repriced)
    db.session.commit()
    return saved


def _link_items(local_type: str, local_id: int, wanted: Mapping[int, int | None]) -> dict[str, Any]:
    rows = db.session.scalars(select(ItemLink).where(ItemLink.local_type == local_type, ItemLink.local_id == local_id))
    links = {link.connection_id: link for link in rows}
    involved = {item_id for item_id in wanted.values() if item_id} | {link.item_id for link in links.values()}
    items = {item.id: item for item in db.session.scalars(select(AccountingItem).where(AccountingItem.id.in_(involved)))}
    changes: dict[str, Any] = {}
    for connection_id, item_id in wanted.items():
        link = links.get(connection_id)
        if (link.item_id if link else None) == item_id:
            continue
        vendor = db.session.get_one(Connection, connection_id).vendor
        old = items[link.item_id].code if link else ""
        new = _linkable(items.get(item_id), connection_id, vendor).code if item_id else ""
        if link and not item_id:
            db.session.delete(link)
        elif link:
            link.item_id = item_id
        else:
            db.session.add(ItemLink(connection_id=connection_id, local_type=local_type, local_id=local_id, item_id=item_id))
        changes[f"item_{vendor}"] = [old, new]
    return changes


def _linkable(item: AccountingItem | None, connection_id: int, vendor: str) -> AccountingItem:
    if item is None or item.connection_id != connection_id or not item.active:
        db.session.rollback()
        raise ItemRefused("gone", vendor)
    if item.period:
        db.session.rollback()
        raise ItemRefused("period", vendor, item.code)
    return item


def save_vehicle(vehicle_id: int | None, values: Mapping[str, Any], by: User, now: datetime) -> Saved:
    """Adds or changes a vehicle. Raises Missing."""
    return _save_linked("vehicle", vehicle_id, values, {}, by, now)


def save_regime(regime_id: int, values: Mapping[str, Any], mappings: Mapping[int, str | int | None], by: User, now: datetime) -> Saved:
    """Changes a VAT regime's name, whether it is offered, and what packages call it (a code, or a percentage in basis points).

    Raises Missing, CodeRefused, or RegimeNeeded when the company itself uses it.
    """
    regime = _locked(VatRegime, regime_id)
    company = db.session.get_one(Organisation, 1)
    if not values["active"] and company.vat_regime_id == regime_id:
        raise RegimeNeeded
    changes = _apply(regime, values) | _map_regime(regime_id, mappings)
    if changes:
        _record(by, "vat_regime", regime_id, regime.name, False, changes, now)
        db.session.commit()
    return Saved(regime_id)


def _map_regime(regime_id: int, wanted: Mapping[int, str | int | None]) -> dict[str, Any]:
    rows = queries.vat_mappings(regime_id)
    codes = queries.tax_codes(list(wanted))
    vendors = {row.id: row.vendor for row in db.session.scalars(select(Connection).where(Connection.id.in_(list(wanted))))}
    changes: dict[str, Any] = {}
    for connection_id, given in wanted.items():
        row = rows.get(connection_id)
        old = (row.code or row.percentage_bp) if row else None
        value = None if given == "" else given
        if value == old:
            continue
        if isinstance(value, str) and codes[connection_id] and value not in {code.code for code in codes[connection_id]}:
            db.session.rollback()
            raise CodeRefused(vendors[connection_id])
        _put_mapping(row, connection_id, regime_id, value)
        changes[f"vat_{vendors[connection_id]}"] = [old, value]
    return changes


def _put_mapping(row: VatMapping | None, connection_id: int, regime_id: int, value: str | int | None) -> None:
    if value is None:
        if row is not None:
            db.session.delete(row)
        return
    if row is None:
        row = VatMapping(connection_id=connection_id, vat_regime_id=regime_id)
        db.session.add(row)
    row.code = value if isinstance(value, str) else ""
    row.percentage_bp = value if isinstance(value, int) else None


# --- Archive and delete -----------------------------------------------------------------------------------------------------------


def set_active(object_type: str, object_id: int, active: bool, by: User, now: datetime) -> str:
    """Archives or restores a record and gives its name. Raises Missing."""
    row = _locked(TABLES[object_type], object_id)
    if row.active != active:
        row.active = active
        if hasattr(row, "version"):
            row.version += 1
        audit.record(by, f"{object_type}_{'restored' if active else 'archived'}", object_type, object_id, now, name=row.name)
        db.session.commit()
    return str(row.name)


def delete(object_type: str, object_id: int, by: User, now: datetime) -> str:
    """Removes a record nothing refers to and gives its name. Raises Missing or InUse."""
    row = _locked(TABLES[object_type], object_id)
    if used := queries.uses(object_type, object_id):
        raise InUse(", ".join(used))
    name = str(row.name)
    if object_type == "customer":
        db.session.execute(delete_from(CustomerMatch).where(CustomerMatch.customer_id == object_id))
    if object_type in ("activity", "expense_category"):
        db.session.execute(delete_from(ItemLink).where(ItemLink.local_type == object_type, ItemLink.local_id == object_id))
    db.session.delete(row)
    audit.record(by, f"{object_type}_deleted", object_type, object_id, now, name=name)
    try:
        db.session.commit()
    except IntegrityError as error:  # something came to refer to it between the look and the delete
        db.session.rollback()
        raise InUse(", ".join(queries.uses(object_type, object_id))) from error
    return name


# --- Shared by the above ----------------------------------------------------------------------------------------------------------


def _locked(table: Any, row_id: int) -> Any:
    row = db.session.get(table, row_id, with_for_update=True, populate_existing=True)
    if row is None:
        raise Missing
    return row


def _unchanged(table: Any, row_id: int, version: int | None) -> Any:
    """The record, when it is still the version that the form was opened with. Raises Missing or Stale."""
    row = db.session.get(table, row_id)
    if row is None:
        raise Missing
    if row.version != version:
        raise Stale
    return row


def _update(table: Any, row_id: int, version: int | None, values: Mapping[str, Any]) -> None:
    """Saves only when nobody else did in the meantime: one statement decides. Raises Stale."""
    statement = update(table).where(table.id == row_id, table.version == version).values(**values, version=table.version + 1)
    if not rows_changed(statement.execution_options(synchronize_session=False)):
        db.session.rollback()
        raise Stale


def _differences(row: Any, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What would change, as column to (old, new), in words that JSON has."""
    pairs = ((name, getattr(row, name), value) for name, value in values.items())
    return {name: [_plain(old), _plain(new)] for name, old, new in pairs if old != new}


def _apply(row: Any, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Sets what differs and tells it."""
    changes = _differences(row, values)
    for name in changes:
        setattr(row, name, values[name])
    return changes


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _record(
    by: User, object_type: str, object_id: int, name: str, is_new: bool, changes: Mapping[str, Any], now: datetime, repriced: int = 0
) -> None:
    if is_new:
        audit.record(by, f"{object_type}_created", object_type, object_id, now, name=name)
        return
    details = {"name": name, "changes": dict(changes)} | ({"repriced": repriced} if repriced else {})
    audit.record(by, f"{object_type}_changed", object_type, object_id, now, **details)
