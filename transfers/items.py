"""The items and VAT codes of a package, kept as cached rows: what disappeared there becomes inactive here, what is the same is not written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import select

from connectors.base import Connector
from connectors.records import ItemRecord, TaxCodeRecord
from models import AccountingItem, Connection, TaxCode, VatMapping, VatRegime, db

LONGEST_CODE, LONGEST_TAX_CODE = 60, 20
MOST_E4, MOST_BP = 10**17, 10**8


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What was read from a package. `tax_codes` is None for one that has none."""

    items: tuple[ItemRecord, ...]
    tax_codes: tuple[TaxCodeRecord, ...] | None


@dataclass(slots=True)
class Counts:
    """What became of the items. `gone` are now inactive, `left_out` have a code that we cannot keep whole."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    gone: int = 0
    left_out: int = 0
    tax_codes: int = 0

    @property
    def active(self) -> int:
        return self.created + self.updated + self.unchanged


def refresh(connection_id: int, connector: Connector, now: datetime) -> Counts:
    """Reads the lists outside any transaction and stores them in one. Commits. Raises a `ConnectorError`; then nothing changed."""
    db.session.rollback()
    catalogue = read(connector)
    counts = store(connection_id, catalogue, now)
    db.session.commit()
    return counts


def read(connector: Connector) -> Catalogue:
    """The lists as they are there now. Raises a `ConnectorError`."""
    found = tuple(connector.items()) if "items" in connector.capabilities else ()
    codes = tuple(connector.tax_codes()) if "tax_codes" in connector.capabilities else None
    return Catalogue(found, codes)


def store(connection_id: int, catalogue: Catalogue, now: datetime) -> Counts:
    """Brings our rows in line with what was read. The caller commits."""
    connection = db.session.execute(select(Connection).where(Connection.id == connection_id).with_for_update()).scalar_one()
    counts = Counts()
    _store_items(connection_id, catalogue.items, counts)
    if catalogue.tax_codes is not None:
        counts.tax_codes = _store_tax_codes(connection_id, catalogue.tax_codes)
    connection.items_fetched_at = now
    return counts


def _store_items(connection_id: int, records: Iterable[ItemRecord], counts: Counts) -> None:
    rows = {row.remote_id: row for row in db.session.scalars(select(AccountingItem).where(AccountingItem.connection_id == connection_id))}
    seen: set[str] = set()
    for record in records:
        if len(record.code) > LONGEST_CODE or record.remote_id in seen:
            counts.left_out += 1
            continue
        seen.add(record.remote_id)
        row = rows.get(record.remote_id)
        if row is None:
            db.session.add(AccountingItem(connection_id=connection_id, remote_id=record.remote_id, **_item_values(record)))
            counts.created += 1
        elif _change(row, _item_values(record)):
            counts.updated += 1
        else:
            counts.unchanged += 1
    for remote_id, row in rows.items():
        if remote_id not in seen and row.active:
            row.active = False
            counts.gone += 1


def _store_tax_codes(connection_id: int, records: Iterable[TaxCodeRecord]) -> int:
    rows = {row.code: row for row in db.session.scalars(select(TaxCode).where(TaxCode.connection_id == connection_id))}
    seen: set[str] = set()
    for record in records:
        percentage_bp = _scaled(record.percentage, 2, MOST_BP)
        if percentage_bp is None or len(record.code) > LONGEST_TAX_CODE or record.code in seen:
            continue
        seen.add(record.code)
        values = {"name": _fitting(record.name, 100), "percentage_bp": percentage_bp, "is_default": record.is_default}
        row = rows.get(record.code)
        if row is None:
            db.session.add(TaxCode(connection_id=connection_id, code=record.code, **values))
        else:
            _change(row, values)
    for code, row in rows.items():
        if code not in seen:
            db.session.delete(row)
    return len(seen)


def _item_values(record: ItemRecord) -> dict[str, Any]:
    return {
        "code": _fitting(record.code, LONGEST_CODE),
        "name": _fitting(record.name or record.text, 300),
        "unit": _fitting(record.unit, 40),
        "price_e4": _scaled(record.price, 4, MOST_E4),
        "vat_code": _fitting(record.vat_code, LONGEST_TAX_CODE),
        "vat_percentage_bp": _scaled(record.vat_percentage, 2, MOST_BP),
        "period": _fitting(record.period, 10),
        "active": True,
    }


def _change(row: Any, values: dict[str, Any]) -> bool:
    """Sets only what differs, so that an equal row is not written."""
    different = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in different.items():
        setattr(row, name, value)
    return bool(different)


def _fitting(text: str, most: int) -> str:
    """Text as a database keeps it; PostgreSQL has no NUL."""
    return text.replace("\x00", "")[:most]


def _scaled(value: Decimal | None, places: int, most: int) -> int | None:
    """The number in units of 10^-places, half-up away from zero; None for one beyond all measure."""
    if value is None or not value.is_finite() or abs(value) >= most // 10**places:
        return None
    return int(value.scaleb(places).to_integral_value(ROUND_HALF_UP))


# --- VAT: what our regimes are called there -----------------------------------------------------------------------------------------


def proposed_code(regime: VatRegime, codes: Iterable[TaxCode]) -> str:
    """The one VAT code with the regime's percentage; nothing when none or several have it, because then a person must choose."""
    same = [code.code for code in codes if regime.percentage_bp is not None and code.percentage_bp == regime.percentage_bp]
    return same[0] if len(same) == 1 else ""


def save_mapping(connection_id: int, chosen: dict[int, tuple[str, int | None]]) -> bool:
    """Keeps (code, percentage in basis points) per regime id; tells whether anything changed. The caller commits."""
    rows = {row.vat_regime_id: row for row in db.session.scalars(select(VatMapping).where(VatMapping.connection_id == connection_id))}
    changed = False
    for regime_id, (code, percentage_bp) in chosen.items():
        row = rows.get(regime_id)
        empty = not code and percentage_bp is None
        if row is None and not empty:
            db.session.add(VatMapping(connection_id=connection_id, vat_regime_id=regime_id, code=code, percentage_bp=percentage_bp))
            changed = True
        elif row is not None and empty:
            db.session.delete(row)
            changed = True
        elif row is not None:
            changed = _change(row, {"code": code, "percentage_bp": percentage_bp}) or changed
    return changed
