"""Products and VAT codes as cached rows: what is new, changed, gone and back, and that what is the same is not written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from connectors.errors import Unavailable
from connectors.records import ItemRecord, TaxCodeRecord
from fakes import Clock
from models import AccountingItem, Connection, TaxCode, VatMapping, VatRegime, db
from sandbox.wefact.server import running
from transfers import connections, items, trial

HOURS = ItemRecord("1", "P0100", "Uren", unit="uur", price=Decimal("95"), vat_code="V21", vat_percentage=Decimal("21"))
HOSTING = ItemRecord("2", "P0900", "Hosting", price=Decimal("19.5"), vat_percentage=Decimal("21"), period="m")
V21 = TaxCodeRecord("V21", "21% btw", Decimal("21"), True)
V0 = TaxCodeRecord("V0", "Nultarief", Decimal("0"))
REVERSED = TaxCodeRecord("VVERL", "btw verlegd", Decimal("0"))


@dataclass
class Package:
    """A connector that has lists."""

    products: list[ItemRecord] = field(default_factory=lambda: [HOURS, HOSTING])
    codes: list[TaxCodeRecord] = field(default_factory=lambda: [V21, V0])
    capabilities: frozenset[str] = frozenset({"items", "tax_codes"})
    fails: bool = False

    def items(self) -> list[ItemRecord]:
        assert not db.session().in_transaction(), "a transaction was open during a call"
        return self.products

    def tax_codes(self) -> list[TaxCodeRecord]:
        assert not db.session().in_transaction(), "a transaction was open during a call"
        if self.fails:
            raise Unavailable("incomplete_list")
        return self.codes


@pytest.fixture
def wefact_id(app: Flask) -> int:
    return connections.by_vendor("wefact").id


@pytest.fixture
def written(app: Flask) -> Iterator[list[str]]:
    """Every statement that changes rows."""
    statements: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith(("INSERT", "UPDATE", "DELETE")):
            statements.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    yield statements
    event.remove(db.engine, "before_cursor_execute", note)


def row(code: str) -> AccountingItem:
    db.session.expire_all()
    return db.session.query(AccountingItem).filter_by(code=code).one()


def test_lists_become_rows_in_our_units(wefact_id: int, clock: Clock) -> None:
    counts = items.refresh(wefact_id, Package(), clock())
    assert (counts.created, counts.active, counts.tax_codes) == (2, 2, 2)
    hours, hosting = row("P0100"), row("P0900")
    assert (hours.name, hours.unit, hours.price_e4, hours.vat_code, hours.vat_percentage_bp) == ("Uren", "uur", 950_000, "V21", 2100)
    assert (hours.period, hosting.period, hosting.vat_code) == ("", "m", "")
    assert {code.code: (code.percentage_bp, code.is_default) for code in db.session.query(TaxCode)} == {
        "V21": (2100, True),
        "V0": (0, False),
    }
    assert db.session.get_one(Connection, wefact_id).items_fetched_at == clock()


def test_what_is_the_same_is_not_written(wefact_id: int, clock: Clock, written: list[str]) -> None:
    items.refresh(wefact_id, Package(), clock())
    written.clear()
    counts = items.refresh(wefact_id, Package(), clock.forward(minutes=1))
    assert (counts.created, counts.updated, counts.unchanged, counts.gone) == (0, 0, 2, 0)
    assert len(written) == 1
    assert written[0].startswith("UPDATE connection SET items_fetched_at")


def test_what_disappeared_is_inactive_and_may_come_back(wefact_id: int, clock: Clock) -> None:
    items.refresh(wefact_id, Package(), clock())
    kept = row("P0100").id
    assert items.refresh(wefact_id, Package([HOSTING], [V21]), clock()).gone == 1
    assert not row("P0100").active
    assert [code.code for code in db.session.query(TaxCode)] == ["V21"]
    assert items.refresh(wefact_id, Package([HOSTING], [V21]), clock()).gone == 0
    changed = replace(HOURS, name="Uren senior", price=Decimal("97.125"))
    assert items.refresh(wefact_id, Package([changed, HOSTING]), clock()).updated == 1
    assert (row("P0100").id, row("P0100").active, row("P0100").price_e4) == (kept, True, 971_250)


def test_a_list_that_fails_changes_nothing(wefact_id: int, clock: Clock, written: list[str]) -> None:
    items.refresh(wefact_id, Package(), clock())
    written.clear()
    with pytest.raises(Unavailable):
        items.refresh(wefact_id, Package([], fails=True), clock())
    assert written == []
    assert row("P0100").active


def test_a_package_without_vat_codes_keeps_none(app: Flask, clock: Clock) -> None:
    hostfact = connections.by_vendor("hostfact").id
    counts = items.refresh(hostfact, Package(capabilities=frozenset({"items"})), clock())
    assert (counts.active, counts.tax_codes, db.session.query(TaxCode).count()) == (2, 0, 0)


def test_each_connection_has_its_own_rows(app: Flask, wefact_id: int, clock: Clock) -> None:
    hostfact = connections.by_vendor("hostfact").id
    items.refresh(wefact_id, Package(), clock())
    items.refresh(hostfact, Package([HOURS], capabilities=frozenset({"items"})), clock())
    items.refresh(hostfact, Package([], capabilities=frozenset({"items"})), clock())
    active = {(item.connection_id, item.code) for item in db.session.query(AccountingItem).filter_by(active=True)}
    assert active == {(wefact_id, "P0100"), (wefact_id, "P0900")}


def test_odd_rows_are_kept_as_far_as_they_fit(wefact_id: int, clock: Clock) -> None:
    odd = [
        replace(HOURS, remote_id="3", code="X" * 61),
        replace(HOURS, remote_id="4", code="NUL", name="a\x00b" + "é" * 400, unit="u" * 50),
        replace(HOURS, remote_id="5", code="NAAMLOOS", name="", text="Tekst op de factuur", price=None, vat_percentage=None),
        replace(HOURS, remote_id="6", code="DUUR", price=Decimal("1e18"), vat_percentage=Decimal("1e9")),
        replace(HOURS, remote_id="6", code="NOG EENS"),
    ]
    counts = items.refresh(wefact_id, Package(odd), clock())
    assert (counts.created, counts.left_out) == (3, 2)
    assert (len(row("NUL").name), row("NUL").name[:3], len(row("NUL").unit)) == (300, "abé", 40)
    assert (row("NAAMLOOS").name, row("NAAMLOOS").price_e4) == ("Tekst op de factuur", None)
    assert (row("DUUR").price_e4, row("DUUR").vat_percentage_bp) == (None, None)


def test_a_code_is_proposed_only_when_it_is_the_only_one(wefact_id: int, clock: Clock) -> None:
    items.refresh(wefact_id, Package(codes=[V21, V0, REVERSED]), clock())
    codes = list(db.session.query(TaxCode))
    proposed = {regime.code: items.proposed_code(regime, codes) for regime in db.session.query(VatRegime)}
    assert proposed == {"NL21": "V21", "NL9": "", "NL0": "", "NLRC": ""}


def test_a_mapping_is_kept_changed_and_taken_away(wefact_id: int) -> None:
    regime = db.session.query(VatRegime).filter_by(code="NL21").one().id

    def save(code: str) -> bool:
        changed = items.save_mapping(wefact_id, {regime: (code, None)})
        db.session.commit()
        return changed

    assert [save(code) for code in ("", "V21", "V21", "V9")] == [False, True, False, True]
    assert db.session.query(VatMapping).one().code == "V9"
    assert save("")
    assert db.session.query(VatMapping).count() == 0


def test_a_page_does_not_wait_longer_than_it_may(app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [0.0]
    waited: list[float] = []
    monkeypatch.setattr(trial, "sleep", waited.append)
    patience = trial.Patience(15, lambda: seconds[0])
    assert patience.call_seconds == 10
    with running("wefact") as server:
        to = connections.Access(connections.by_vendor("wefact").id, "wefact", server.url, server.api_key)
        wire = trial.PatientWire(to, clock, patience)
        wire.pause(1)
        wire.take()
        seconds[0] = 6.0
        with pytest.raises(Unavailable):
            wire.take()
        with pytest.raises(Unavailable):
            wire.pause(1)
        assert waited == [1]
        seconds[0] = 14.9
        result = trial.check(app.extensions["settings"], to, clock, patience)
        assert [step.reason for step in result.steps if step.state == "failed"] == ["read_timeout"]
