"""The amount of VAT, which VAT a line gets, and what a regime asks of a customer."""

from __future__ import annotations

import pytest

from billing.vat import REGIMES, ItemVat, Regime, VatChoice, external_line_vat, own_line_vat, regime_problems, vat_cents

HIGH, LOW, ZERO = REGIMES["NL21"], REGIMES["NL9"], REGIMES["NL0"]
EXEMPT, SHIFTED, EU, EXPORT, OUTSIDE, SMALL = (REGIMES[code] for code in ("NLX", "NLRC", "EUS", "EXP", "OUT", "KOR"))
ITEM, DEFAULT_ITEM = ItemVat("V9", 900), ItemVat("V21", 2100)


@pytest.mark.parametrize(
    ("net", "percentage", "expected"),
    [(10_000, 2100, 2100), (1375, 2100, 289), (50, 2100, 11), (-50, 2100, -11), (1234, None, 0), (1234, 0, 0), (150, 900, 14)],
)
def test_vat_cents(net: int, percentage: int | None, expected: int) -> None:
    assert vat_cents(net, percentage) == expected


def test_only_percentages_are_ordinary() -> None:
    assert {code for code, regime in REGIMES.items() if regime.is_ordinary} == {"NL21", "NL9", "NL0"}
    assert {code for code, regime in REGIMES.items() if regime.needs_reason} == {"NL0", "NLX", "EXP"}


@pytest.mark.parametrize("regime", [EXEMPT, SHIFTED, EU, EXPORT, OUTSIDE, SMALL], ids=lambda regime: regime.code)
def test_a_regime_that_follows_from_the_law_beats_the_item(regime: Regime) -> None:
    given = {"item": ITEM, "default_item": DEFAULT_ITEM, "organisation": HIGH}
    assert external_line_vat(project=regime, customer=HIGH, **given) == VatChoice("project", regime)
    assert external_line_vat(customer=regime, **given) == VatChoice("customer", regime)


@pytest.mark.parametrize("regime", [HIGH, LOW, ZERO], ids=lambda regime: regime.code)
def test_an_ordinary_rate_yields_to_the_item(regime: Regime) -> None:
    given = {"project": regime, "customer": regime, "organisation": regime}
    assert external_line_vat(item=ITEM, default_item=DEFAULT_ITEM, **given) == VatChoice("item", item_vat=ITEM)
    assert external_line_vat(default_item=DEFAULT_ITEM, **given) == VatChoice("default_item", item_vat=DEFAULT_ITEM)
    assert external_line_vat(**given) == VatChoice("project", regime)


def test_without_items_the_customer_and_then_the_organisation_decide() -> None:
    assert external_line_vat(customer=LOW, organisation=HIGH) == VatChoice("customer", LOW)
    assert external_line_vat(organisation=HIGH) == VatChoice("organisation", HIGH)
    assert external_line_vat() == VatChoice("missing")


def test_a_project_overrides_its_customer() -> None:
    choice = external_line_vat(project=HIGH, customer=SHIFTED, item=ITEM)
    assert choice == VatChoice("item", item_vat=ITEM)
    assert choice.percentage_bp == 900


def test_a_small_business_charges_vat_to_nobody() -> None:
    assert external_line_vat(customer=HIGH, item=ITEM, organisation=SMALL) == VatChoice("organisation", SMALL)
    assert own_line_vat(customer=HIGH, organisation=SMALL) == VatChoice("organisation", SMALL)


def test_a_pass_through_stays_outside_vat() -> None:
    assert external_line_vat(category=OUTSIDE, customer=SHIFTED, item=ITEM) == VatChoice("category", OUTSIDE)
    assert own_line_vat(category=OUTSIDE, customer=HIGH).percentage_bp is None
    assert external_line_vat(category=LOW, item=ITEM) == VatChoice("item", item_vat=ITEM)


@pytest.mark.parametrize(
    ("given", "source", "percentage"),
    [
        ({"project": LOW, "customer": HIGH, "organisation": HIGH}, "project", 900),
        ({"customer": SHIFTED, "organisation": HIGH}, "customer", None),
        ({"organisation": HIGH}, "organisation", 2100),
        ({}, "missing", None),
    ],
)
def test_own_line(given: dict[str, Regime], source: str, percentage: int | None) -> None:
    choice = own_line_vat(**given)
    assert (choice.source, choice.percentage_bp) == (source, percentage)


@pytest.mark.parametrize(
    ("regime", "vat_number", "country", "expected"),
    [
        (SHIFTED, "NL123456782B90", "NL", ()),
        (SHIFTED, "", "NL", ("vat_number_missing",)),
        (SHIFTED, None, "BE", ("vat_number_missing", "country_not_domestic")),
        (SHIFTED, "BE0999999922", "BE", ("vat_number_not_domestic", "country_not_domestic")),
        (EU, "BE0999999922", "BE", ()),
        (EU, "EL094259216", "GR", ()),
        (EU, " be0999999922", "BE", ()),
        (EU, None, "BE", ("vat_number_missing",)),
        (EU, "NL123456782B90", "NL", ("vat_number_not_other_eu",)),
        (EU, "GB980780684", "GB", ("vat_number_not_other_eu",)),
        (EXPORT, None, "US", ()),
        (EXPORT, None, "DE", ("country_inside_eu",)),
        (HIGH, None, "US", ()),
    ],
)
def test_what_a_regime_asks_of_a_customer(regime: Regime, vat_number: str | None, country: str, expected: tuple[str, ...]) -> None:
    assert regime_problems(regime, vat_number=vat_number, country=country) == expected
