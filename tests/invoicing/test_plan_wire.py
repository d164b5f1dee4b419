"""What would stand on the wire: quantities, VAT and texts of a plan, against what the package will make of them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from sqlalchemy import select

import builders
from invoicing import plan
from invoicing.plan import MOST_LINES, PlannedInvoice
from models import AccountingItem, Connection, Customer, ExternalLink, ItemLink, Organisation, TaxCode, VatMapping, VatRegime, db
from world import World

KINDS = {"NLX": "exempt", "EUS": "reverse_charge_eu", "EXP": "export", "BTWVRIJ": "outside"}
pytestmark = pytest.mark.parametrize("vendor", ["wefact", "hostfact"], indirect=True)


def _one(world: World, refs: list[tuple[str, int]], **options: Any) -> PlannedInvoice:
    [invoice] = world.plan(refs, **options).invoices
    return invoice


def _multiplies(invoice: PlannedInvoice) -> None:
    for line in invoice.lines:
        there = (line.quantity * line.unit_price).quantize(Decimal("0.01"), ROUND_HALF_UP)
        assert there == Decimal(line.net_cents).scaleb(-2)
    assert sum(line.net_cents for line in invoice.lines) == sum(take.amount_cents for take in invoice.takes) == invoice.totals.net_cents


def _regime(code: str) -> VatRegime:
    """One of the company's regimes, made as under Manage, VAT when a fresh installation lacks it."""
    found = db.session.scalar(select(VatRegime).where(VatRegime.code == code))
    if found is None:
        found = VatRegime(code=code, name=code, kind=KINDS[code])
        db.session.add(found)
        db.session.commit()
    return found


def test_the_item_s_21_and_our_own_21_are_rounded_together(world: World) -> None:
    """They add up per percentage: 2 × 1.12 at 21 % is 0.47, not 2 × 0.24."""
    customer = world.linked_customer()
    plainly = builders.category("Zonder eigen btw")
    bare = AccountingItem(connection_id=world.connection.id, remote_id="990", code="KAAL", name="Kaal")
    db.session.add(bare)
    db.session.flush()
    db.session.add(ItemLink(connection_id=world.connection.id, local_type="expense_category", local_id=plainly.id, item_id=bare.id))
    organisation = db.session.get_one(Organisation, 1)
    organisation.vat_regime_id = _regime("NL21").id
    db.session.commit()
    default = db.session.get_one(AccountingItem, world.connection.default_item_id)
    if world.connection.vendor == "wefact":
        db.session.add(VatMapping(connection_id=world.connection.id, vat_regime_id=_regime("NL21").id, code="V21B"))
        db.session.add(TaxCode(connection_id=world.connection.id, code="V21B", name="Hoog, anders", percentage_bp=2100))
        bare.vat_code, bare.vat_percentage_bp = "V21B", 2100
    else:
        default.vat_code, bare.vat_percentage_bp = "ander veld", 2100
    db.session.commit()
    project = builders.project(customer, hourly_rate_e4=11_200)
    refs = [("time", builders.entry(project, world.user).id), ("expense", builders.expense(project, world.user, plainly, 11_200).id)]
    invoice = _one(world, refs)
    assert (invoice.totals.net_cents, invoice.totals.vat_cents) == (224, 47)


def test_an_item_that_names_only_its_code_counts_with_that_code_s_percentage(world: World) -> None:
    item = db.session.get_one(AccountingItem, world.connection.default_item_id)
    item.vat_code, item.vat_percentage_bp = "V9", None
    db.session.commit()
    invoice = _one(world, [("time", builders.entry(builders.project(world.linked_customer()), world.user).id)])
    if world.connection.vendor == "wefact":
        assert (invoice.problems, invoice.lines[0].vat_code, invoice.lines[0].vat_bp) == ((), "V9", 900)
    else:
        assert [problem.code for problem in invoice.problems] == ["vat_unmapped"], "a percentage is never guessed to be nothing"


def test_an_item_whose_code_changed_its_percentage_follows_the_code(world: World) -> None:
    item = db.session.get_one(AccountingItem, world.connection.default_item_id)
    for code in db.session.scalars(select(TaxCode).where(TaxCode.code == "V21")):
        code.percentage_bp = 2200
    db.session.commit()
    invoice = _one(world, [("time", builders.entry(builders.project(world.linked_customer()), world.user).id)])
    assert invoice.lines[0].vat_bp == (2200 if world.connection.vendor == "wefact" else item.vat_percentage_bp)


def test_an_item_whose_code_is_gone_there_is_said_before_anything_is_sent(world: World) -> None:
    item = db.session.get_one(AccountingItem, world.connection.default_item_id)
    item.vat_code = "VERDWENEN"
    db.session.commit()
    invoice = _one(world, [("time", builders.entry(builders.project(world.linked_customer()), world.user).id)])
    assert [problem.code for problem in invoice.problems] == (["vat_unmapped"] if world.connection.vendor == "wefact" else [])


@pytest.mark.parametrize("code", ["NLRC", "EUS", "NLX", "EXP"])
def test_a_regime_of_the_law_is_never_sent_as_a_guess(world: World, code: str) -> None:
    customer = world.linked_customer()
    customer.vat_regime_id, customer.vat_number = _regime(code).id, "NL001234567B01" if code == "NLRC" else "DE123456789"
    customer.country = "NL" if code == "NLRC" else "US" if code == "EXP" else "DE"
    db.session.commit()
    invoice = _one(world, [("time", builders.entry(builders.project(customer), world.user).id)])
    assert "vat_unmapped" in [problem.code for problem in invoice.problems]
    wefact = world.connection.vendor == "wefact"
    mapped = VatMapping(connection_id=world.connection.id, vat_regime_id=_regime(code).id, code="VVERL" if wefact else "")
    mapped.percentage_bp = None if wefact else 0
    db.session.add(mapped)
    db.session.commit()
    invoice = _one(world, [("time", builders.entry(builders.project(customer), world.user).id)])
    assert invoice.problems == ()
    assert (invoice.lines[0].vat_code, invoice.lines[0].vat_bp, invoice.totals.vat_cents) == ("VVERL" if wefact else "", 0, 0)


def test_what_is_passed_on_outside_vat_follows_the_company_s_own_regime_for_it(world: World) -> None:
    wefact = world.connection.vendor == "wefact"
    category = builders.category("Leges", sales_treatment="pass_through")
    project = builders.project(world.linked_customer())
    refs = [("expense", builders.expense(project, world.user, category).id)]
    assert [problem.code for problem in _one(world, refs).problems] == ["vat_unmapped"]
    mapped = VatMapping(connection_id=world.connection.id, vat_regime_id=_regime("BTWVRIJ").id, code="V0" if wefact else "")
    mapped.percentage_bp = None if wefact else 0
    db.session.add(mapped)
    db.session.commit()
    invoice = _one(world, refs)
    assert (invoice.problems, invoice.totals.vat_cents) == ((), 0)


@pytest.mark.parametrize("minutes", [7, -7, -90, 1439])
def test_an_amount_that_no_quantity_reaches_is_one_piece_with_its_hours_in_words(
    world: World, minutes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "wire_quantity", lambda *_: None)
    entry = builders.entry(builders.project(world.linked_customer(), hourly_rate_e4=123_457), world.user, minutes=minutes)
    invoice = _one(world, [("time", entry.id)])
    [line] = invoice.lines
    shown = {7: "0:07", -7: "-0:07", -90: "-1:30", 1439: "23:59"}[minutes]
    assert line.description.endswith(f"({shown} uur)")
    assert (line.quantity, line.unit) == (1, "")
    _multiplies(invoice)


def test_the_words_survive_a_description_that_is_cut(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "wire_quantity", lambda *_: None)
    category = builders.category("Zaal", unit="")
    project = builders.project(world.linked_customer())
    expense = builders.expense(project, world.user, category, 12_345, quantity_e4=15_000, note="lang " * 900)
    [line] = _one(world, [("expense", expense.id)], lines="entry").lines
    assert len(line.description) == plan.LONGEST_DESCRIPTION
    assert line.description.endswith("… (1,50)")


@pytest.mark.parametrize("scope", ["entry", "user_activity_day", "line"])
@pytest.mark.parametrize("basis", ["exact", "displayed"])
@pytest.mark.parametrize("lines", ["activity", "entry", "single"])
def test_whatever_is_rounded_multiplies_there_to_what_stands_here(world: World, scope: str, basis: str, lines: str) -> None:
    organisation = db.session.get_one(Organisation, 1)
    organisation.rounding_minutes, organisation.rounding_direction, organisation.rounding_scope = 15, "up", scope
    customer = world.linked_customer()
    customer.quantity_basis = basis
    db.session.commit()
    project = builders.project(customer, hourly_rate_e4=873_333)
    activity = builders.activity()
    refs = [("time", builders.entry(project, world.user, activity, minutes).id) for minutes in (7, 50, 0, -20, 1)]
    category = builders.category("Hotel", markup_bp=750)
    refs += [
        ("expense", builders.expense(project, world.user, category, 333_333, quantity_e4=q, vat_included=True, purchase_vat_bp=900).id)
        for q in (30_000, 7_500)
    ]
    refs += [("trip", builders.trip(project, world.user, 333, rate_e4=2_333, is_return=True).id)]
    invoice = _one(world, refs, lines=lines)
    assert invoice.problems == ()
    _multiplies(invoice)


def test_negative_corrections_and_lines_of_nothing_stay_what_they_are(world: World) -> None:
    project = builders.project(world.linked_customer(), hourly_rate_e4=950_000)
    activity = builders.activity()
    refs = [("time", builders.entry(project, world.user, activity, minutes).id) for minutes in (60, -60, -30)]
    invoice = _one(world, refs, lines="entry")
    assert [line.net_cents for line in invoice.lines] == [9500, -9500, -4750]
    _multiplies(invoice)
    together = _one(world, refs[:2])
    assert (together.totals.net_cents, [warning.code for warning in together.warnings]) == (0, ["line_of_nothing"])


def _relink(world: World, customer: Customer) -> None:
    link = db.session.scalars(select(ExternalLink).where(ExternalLink.local_id == customer.id)).one()
    link.external_id = "424242"


def _other_item(world: World, customer: Customer) -> None:
    world.connection.default_item_id = db.session.scalars(select(AccountingItem.id).where(AccountingItem.code == "P0310")).one()


def _other_vat(world: World, customer: Customer) -> None:
    item = db.session.get_one(AccountingItem, world.connection.default_item_id)
    item.vat_code, item.vat_percentage_bp = "V9" if world.connection.vendor == "wefact" else "", 900


def _other_term(world: World, customer: Customer) -> None:
    customer.payment_term_days = 77


def _other_name(world: World, customer: Customer) -> None:
    customer.name = "Jansen Bouw"


def _other_basis(world: World, customer: Customer) -> None:
    customer.quantity_basis = "displayed"


def _other_regime(world: World, customer: Customer) -> None:
    customer.vat_regime_id = _regime("NLX").id
    code = db.session.scalar(select(TaxCode.code).where(TaxCode.code == "V0"))
    db.session.add(VatMapping(connection_id=world.connection.id, vat_regime_id=_regime("NLX").id, code=code or "", percentage_bp=0))


@pytest.mark.parametrize("change", [_relink, _other_item, _other_vat, _other_term, _other_name, _other_basis, _other_regime])
def test_everything_that_is_sent_is_in_the_hash(world: World, change: Any) -> None:
    customer = world.linked_customer()
    refs = [("time", builders.entry(builders.project(customer, hourly_rate_e4=873_333), world.user, minutes=50).id)]
    before = _one(world, refs).hash
    assert _one(world, refs).hash == before
    change(world, db.session.get_one(Customer, customer.id))
    db.session.commit()
    world.connection = db.session.get_one(Connection, world.connection.id)
    assert _one(world, refs).hash != before


@pytest.mark.parametrize("option", [{"reference": "PO 12"}, {"text": "Dank"}, {"send": True}, {"lines": "single"}, {"per": "project"}])
def test_every_choice_of_the_dialog_is_in_the_hash(world: World, option: dict[str, Any]) -> None:
    refs = [("time", builders.entry(builders.project(world.linked_customer()), world.user, minutes=50).id)]
    assert _one(world, refs).hash != _one(world, refs, **option).hash


def test_an_escaped_name_there_is_the_same_name(world: World) -> None:
    customer = world.linked_customer()
    customer.name = "Jansen & Zoon B.V."
    link = db.session.scalars(select(ExternalLink).where(ExternalLink.local_id == customer.id)).one()
    link.external_name = "Jansen &amp; Zoon"
    db.session.commit()
    assert _one(world, [("time", builders.entry(builders.project(customer), world.user).id)]).problems == ()


def test_too_many_lines_name_a_choice_that_fits(world: World) -> None:
    project = builders.project(world.linked_customer())
    activity = builders.activity()
    refs = [("time", builders.entry(project, world.user, activity, minutes=1 + n).id) for n in range(MOST_LINES + 1)]
    [problem] = _one(world, refs, lines="entry").problems
    assert (problem.code, problem.params["per"]) == ("too_many_lines", "activity")
    assert _one(world, refs, lines="activity").problems == ()
