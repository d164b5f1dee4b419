"""What a person does to a connection: activate, test and save, choose defaults, fetch the lists again, disconnect."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select

import audit
from connectors.errors import AccessRefused, ConnectorError, NotSent
from connectors.records import CheckResult, CheckStep
from connectors.wefact.persona import normalise_hostfact_url
from models import AccountingItem, Connection, Throttle, User, db
from settings import Settings
from transfers import connections, items, trial
from transfers.connections import Access

TESTS, WINDOW = 10, timedelta(minutes=1)
"""So many tests and list requests one person may start within that time."""

LONGEST_KEY, LONGEST_URL, SHORTEST_HINTED = 300, 300, 12
Clock = Callable[[], datetime]


class TooManyTests(ValueError):
    """This person tested too often within a minute."""


class NeedsKey(ValueError):
    """The key must be typed. `reason`: `missing`, `url_changed` (a key never goes to a new server by itself) or `key_unreadable`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProductRefused(ValueError):
    """The product cannot be used. `reason`: `unknown` or `period`."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(f"{reason}: {code}")
        self.reason = reason
        self.code = code


class ChangedMeanwhile(ValueError):
    """Somebody else saved this connection since the page was opened."""


@dataclass(frozen=True, slots=True)
class Typed:
    """What was filled in. An empty key means the stored one; `default_product` and `nightly` None leave them as they are."""

    api_key: str = ""
    url: str = ""
    default_product: str | None = None
    nightly: bool | None = None


@dataclass(frozen=True, slots=True)
class Tested:
    """How a test ended. Only with `result.ok` was anything saved; `lists_problem` says why the lists could not be fetched with it."""

    result: CheckResult
    notices: tuple[str, ...] = ()
    counts: items.Counts | None = None
    lists_problem: ConnectorError | None = None


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What is about to be tested. `is_stored`: it is exactly what the row holds."""

    to: Access
    is_stored: bool
    notices: tuple[str, ...]


# --- Activate and disconnect ------------------------------------------------------------------------------------------------------


def activate(vendor: str, user: User | None, now: datetime) -> None:
    """Puts the package on this installation's list of things to set up; changes nothing when it is there already."""
    connection = connections.by_vendor(vendor)
    if connection.state == "off":
        connection.state = "incomplete"
        connection.version += 1
        audit.record(user, "connection_activated", "connection", connection.id, now, vendor=vendor)
    db.session.commit()


def disconnect(vendor: str, user: User | None, now: datetime) -> None:
    """Forgets the key and stops using the package; links, products and history stay."""
    connection = connections.by_vendor(vendor)
    connection.secret_sealed, connection.secret_hint = None, ""
    connection.state, connection.checked_at, connection.check_steps = "off", None, []
    _clear_problem(connection)
    connection.version += 1
    audit.record(user, "connection_disconnected", "connection", connection.id, now, vendor=vendor)
    db.session.commit()


# --- Test and save ----------------------------------------------------------------------------------------------------------------


def test_and_save(
    settings: Settings, vendor: str, typed: Typed, user: User | None, clock: Clock, patience: trial.Patience | None = None
) -> Tested:
    """Tests what was filled in, and saves it when the test passes, together with the lists that are fetched in the same press.

    No transaction is open while the other side is asked. Raises `TooManyTests`, `NeedsKey`, `AddressNotUsable`, and `ProductRefused` or
    a `ConnectorError` when a product was asked for and cannot be found; then nothing was saved.
    """
    patience = patience or trial.Patience()
    _count_test(user, clock())
    prepared = _prepare(settings, vendor, typed)
    result = trial.check(settings, prepared.to, clock, patience)
    if not result.ok:
        if prepared.is_stored:
            _note_failed_test(prepared.to.connection_id, result, clock())
        return Tested(result, prepared.notices)
    to, notices = _corrected(prepared, result)
    catalogue, problem = _read_lists(settings, to, clock, patience, typed.default_product)
    db.session.rollback()
    counts = _save_tested(settings, to, result, catalogue, typed, user, clock())
    return Tested(result, notices, counts, problem)


def _prepare(settings: Settings, vendor: str, typed: Typed) -> _Prepared:
    connection = connections.by_vendor(vendor)
    connection_id, sealed, stored_url = connection.id, connection.secret_sealed, connection.url
    db.session.rollback()
    url, notices = settings.wefact_url, tuple[str, ...]()
    if vendor == "hostfact":
        url, notices = normalise_hostfact_url(typed.url, connections.address_rule(settings))
    key = typed.api_key.strip()
    same_place = vendor == "wefact" or url == stored_url
    if key:
        return _Prepared(Access(connection_id, vendor, url, key), False, notices)
    if not sealed:
        raise NeedsKey("missing")
    if not same_place:
        raise NeedsKey("url_changed")
    try:
        return _Prepared(Access(connection_id, vendor, url, connections.unseal(settings, sealed)), True, notices)
    except NotSent as error:
        raise NeedsKey(error.reason) from error


def _corrected(prepared: _Prepared, result: CheckResult) -> tuple[Access, tuple[str, ...]]:
    """The address where the API really answered, when that is another folder than the one that was typed."""
    url = next((str(step.params["url"]) for step in result.steps if step.key == "api_on" and step.params.get("url")), "")
    if not url:
        return prepared.to, prepared.notices
    to = prepared.to
    return Access(to.connection_id, to.vendor, url, to.secret), (*prepared.notices, "folder_found")


def _read_lists(
    settings: Settings, to: Access, clock: Clock, patience: trial.Patience, product: str | None
) -> tuple[items.Catalogue | None, ConnectorError | None]:
    try:
        catalogue = trial.read_lists(settings, to, clock, patience)
    except ConnectorError as error:
        if product:
            raise
        return None, error
    if product:
        _usable(product, [(item.code, item.period) for item in catalogue.items])
    return catalogue, None


def _usable(code: str, known: list[tuple[str, str]]) -> None:
    period = next((period for one, period in known if one == code), None)
    if period is None:
        raise ProductRefused("unknown", code)
    if period:
        raise ProductRefused("period", code)


def _save_tested(
    settings: Settings, to: Access, result: CheckResult, catalogue: items.Catalogue | None, typed: Typed, user: User | None, now: datetime
) -> items.Counts | None:
    connection = connections.by_vendor(to.vendor)
    details: dict[str, Any] = {"vendor": to.vendor}
    if typed.api_key.strip():
        connection.secret_sealed = connections.seal(settings, to.secret)
        connection.secret_hint = to.secret[-4:] if len(to.secret) >= SHORTEST_HINTED else ""
        connection.imported_until, connection.full_import_at = "", None  # another key may open another administration
        details["key_changed"] = True
    if to.vendor == "hostfact" and connection.url != to.url:
        details["url"] = [connection.url, to.url]
        connection.url = to.url
    connection.state, connection.checked_at = "connected", now
    connection.check_steps = [_stored_step(step) for step in result.steps]
    _clear_problem(connection)
    if typed.nightly is not None and typed.nightly != connection.nightly:
        details["nightly"] = [connection.nightly, typed.nightly]
        connection.nightly = typed.nightly
    connection.version += 1
    counts = items.store(connection.id, catalogue, now) if catalogue else None
    if typed.default_product is not None:
        db.session.flush()
        details["default_product"] = typed.default_product
        connection.default_item_id = _item_id(connection.id, typed.default_product)
    audit.record(user, "connection_tested", "connection", connection.id, now, **details)
    db.session.commit()
    return counts


def _note_failed_test(connection_id: int, result: CheckResult, now: datetime) -> None:
    """What is stored was tested and does not work: say so on the page, and stop using it when we are not let in."""
    connection = db.session.get_one(Connection, connection_id)
    connection.check_steps, connection.checked_at = [_stored_step(step) for step in result.steps], now
    db.session.commit()
    step = next(step for step in result.steps if step.state == "failed")
    if error := _as_refusal(step):
        connections.note_failure(connection_id, error, now)


def _as_refusal(step: CheckStep) -> ConnectorError | None:
    if step.reason in ("address_refused", "key_refused", "firewall", "access_refused"):
        return AccessRefused(step.reason, step.detail, **step.params)
    return None


def _stored_step(step: CheckStep) -> dict[str, Any]:
    params = {name: value if isinstance(value, int) else str(value) for name, value in step.params.items()}
    return {"key": step.key, "state": step.state, "reason": step.reason, "detail": step.detail[:300], "params": params}


def _clear_problem(connection: Connection) -> None:
    connection.problem, connection.problem_params, connection.problem_at, connection.paused_until = "", {}, None, None


def _count_test(user: User | None, now: datetime) -> None:
    """Counts a call that somebody started by hand. Commits. Raises TooManyTests."""
    if user is None:
        return
    key = f"connection_test:{user.id}"
    recent = select(func.count()).select_from(Throttle).where(Throttle.key == key, Throttle.at > now - WINDOW)
    if (db.session.scalar(recent) or 0) >= TESTS:
        db.session.rollback()
        raise TooManyTests
    db.session.execute(delete(Throttle).where(Throttle.key == key, Throttle.at <= now - WINDOW))
    db.session.add(Throttle(key=key, at=now))
    db.session.commit()


# --- Lists and defaults -----------------------------------------------------------------------------------------------------------


def refresh_lists(settings: Settings, vendor: str, user: User | None, clock: Clock) -> items.Counts:
    """Fetches products and VAT codes again. Raises `TooManyTests` or a `ConnectorError`, which is then noted at the connection."""
    _count_test(user, clock())
    connection = connections.by_vendor(vendor)
    connection_id = connection.id
    try:
        to = connections.access(settings, connection)
        db.session.rollback()
        catalogue = trial.read_lists(settings, to, clock, trial.Patience())
    except ConnectorError as error:
        db.session.rollback()
        connections.note_failure(connection_id, error, clock())
        raise
    counts = items.store(connection_id, catalogue, clock())
    connections.note_success(connection_id)
    db.session.commit()
    return counts


def save_defaults(
    vendor: str,
    values: Mapping[str, Any],
    products: Mapping[str, str],
    vat: dict[int, tuple[str, int | None]],
    version: int,
    user: User,
    now: datetime,
) -> None:
    """Keeps what the page's second form holds: `values` by column, `products` by column as a product code ("" for none), VAT per regime.

    Raises `ProductRefused`, or `ChangedMeanwhile` when the connection was saved since `version`.
    """
    connection = connections.by_vendor(vendor)
    if connection.version != version:
        db.session.rollback()
        raise ChangedMeanwhile
    changes: dict[str, Any] = {}
    for column, code in products.items():
        kept = db.session.get(AccountingItem, getattr(connection, column) or 0)
        chosen = kept.id if kept and kept.code == code else _item_id(connection.id, code)
        _set(connection, column, chosen, changes)
    for column, value in values.items():
        _set(connection, column, value, changes)
    if items.save_mapping(connection.id, vat):
        changes["vat"] = True
    if changes:
        connection.version += 1
        audit.record(user, "connection_changed", "connection", connection.id, now, vendor=vendor, changes=changes)
    db.session.commit()


def _set(connection: Connection, column: str, value: Any, changes: dict[str, Any]) -> None:
    if (old := getattr(connection, column)) != value:
        changes[column] = [old, value]
        setattr(connection, column, value)


def _item_id(connection_id: int, code: str) -> int | None:
    """The product with this code. Raises `ProductRefused` for one that is not there any more or that makes subscriptions."""
    if not code:
        return None
    row = db.session.execute(
        select(AccountingItem.id, AccountingItem.code, AccountingItem.period).where(
            AccountingItem.connection_id == connection_id, AccountingItem.code == code, AccountingItem.active
        )
    ).first()
    _usable(code, [(row.code, row.period)] if row else [])
    return int(row.id) if row else None
