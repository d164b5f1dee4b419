"""VAT regimes, the amount of VAT, and which VAT a line gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from billing.rounding import to_cents

RegimeKind = Literal["standard", "zero", "exempt", "reverse_charge", "reverse_charge_eu", "export", "outside", "small_business"]
VatSource = Literal["category", "project", "customer", "item", "default_item", "organisation", "missing"]
RegimeProblem = Literal[
    "vat_number_missing",
    "vat_number_not_domestic",
    "vat_number_not_other_eu",
    "country_not_domestic",
    "country_inside_eu",
]

ORDINARY_KINDS: frozenset[RegimeKind] = frozenset({"standard", "zero"})
NEED_REASON: frozenset[RegimeKind] = frozenset({"zero", "exempt", "export"})
# fmt: off
EU_COUNTRIES = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU",
    "IE", "IT", "LT", "LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
})
# fmt: on
# Greece writes EL before its VAT numbers; every other member uses its country code.
EU_VAT_PREFIXES = (EU_COUNTRIES - {"GR"}) | {"EL"}


@dataclass(frozen=True)
class Regime:
    """One way of charging VAT: a percentage in basis points, or None where no VAT is charged at all."""

    code: str
    percentage_bp: int | None
    kind: RegimeKind
    ubl_category: str = "S"

    @property
    def is_ordinary(self) -> bool:
        """An ordinary rate yields to the VAT of the linked item; every other regime follows from the law and stays."""
        return self.kind in ORDINARY_KINDS

    @property
    def needs_reason(self) -> bool:
        """The invoice must say why no VAT is charged."""
        return self.kind in NEED_REASON


REGIMES: Mapping[str, Regime] = {
    regime.code: regime
    for regime in (
        Regime("NL21", 2100, "standard", "S"),
        Regime("NL9", 900, "standard", "S"),
        Regime("NL0", 0, "zero", "Z"),
        Regime("NLX", None, "exempt", "E"),
        Regime("NLRC", None, "reverse_charge", "AE"),
        Regime("EUS", None, "reverse_charge_eu", "AE"),
        Regime("EXP", None, "export", "O"),
        Regime("OUT", None, "outside", "O"),
        Regime("KOR", None, "small_business", "E"),
    )
}


@dataclass(frozen=True)
class ItemVat:
    """The VAT that the accounting package has on an item: its own code and the percentage in basis points."""

    code: str
    percentage_bp: int | None


@dataclass(frozen=True)
class VatChoice:
    """The VAT of a line and where it came from: a regime of ours or the VAT of an item of theirs, never both."""

    source: VatSource
    regime: Regime | None = None
    item_vat: ItemVat | None = None

    @property
    def percentage_bp(self) -> int | None:
        if self.regime is not None:
            return self.regime.percentage_bp
        return self.item_vat.percentage_bp if self.item_vat is not None else None


def vat_cents(net_cents: int, percentage_bp: int | None) -> int:
    """Give the VAT over a sum of line nets, a half cent away from zero; None is no VAT."""
    return to_cents(Fraction(net_cents * (percentage_bp or 0), 1_000_000))


def own_line_vat(
    *,
    category: Regime | None = None,
    project: Regime | None = None,
    customer: Regime | None = None,
    organisation: Regime | None = None,
) -> VatChoice:
    """Choose the VAT of a line on an own invoice: pass-through category, project, customer, organisation.

    An organisation under the small business scheme charges VAT to nobody.
    """
    first = _category_or_scheme(category, organisation)
    return first or _first_regime(project, customer, organisation)


def external_line_vat(
    *,
    category: Regime | None = None,
    project: Regime | None = None,
    customer: Regime | None = None,
    item: ItemVat | None = None,
    default_item: ItemVat | None = None,
    organisation: Regime | None = None,
) -> VatChoice:
    """Choose the VAT of a line on an invoice in another package.

    A regime that is not an ordinary rate wins (pass-through category, project over customer, small business scheme of
    the organisation); else the VAT of the linked item, of the default item, and last the ordinary regime of project,
    customer or organisation.
    """
    first = _category_or_scheme(category, organisation)
    if first is not None:
        return first
    ours = _first_regime(project, customer, None)
    if ours.regime is not None and not ours.regime.is_ordinary:
        return ours
    if item is not None:
        return VatChoice("item", item_vat=item)
    if default_item is not None:
        return VatChoice("default_item", item_vat=default_item)
    return _first_regime(project, customer, organisation)


def regime_problems(regime: Regime, *, vat_number: str | None, country: str | None, own_country: str = "NL") -> tuple[RegimeProblem, ...]:
    """Name what a customer lacks for a regime; an empty answer means that the regime may be used."""
    prefix = (vat_number or "").strip().upper()[:2]
    own_prefix = "EL" if own_country == "GR" else own_country
    problems: list[RegimeProblem] = []
    if regime.kind in ("reverse_charge", "reverse_charge_eu") and not prefix:
        problems.append("vat_number_missing")
    if regime.kind == "reverse_charge":
        if prefix and prefix != own_prefix:
            problems.append("vat_number_not_domestic")
        if (country or own_country).upper() != own_country:
            problems.append("country_not_domestic")
    if regime.kind == "reverse_charge_eu" and prefix and (prefix == own_prefix or prefix not in EU_VAT_PREFIXES):
        problems.append("vat_number_not_other_eu")
    if regime.kind == "export" and (country or own_country).upper() in EU_COUNTRIES:
        problems.append("country_inside_eu")
    return tuple(problems)


def _category_or_scheme(category: Regime | None, organisation: Regime | None) -> VatChoice | None:
    if category is not None and not category.is_ordinary:
        return VatChoice("category", category)
    if organisation is not None and organisation.kind == "small_business":
        return VatChoice("organisation", organisation)
    return None


def _first_regime(project: Regime | None, customer: Regime | None, organisation: Regime | None) -> VatChoice:
    if project is not None:
        return VatChoice("project", project)
    if customer is not None:
        return VatChoice("customer", customer)
    if organisation is not None:
        return VatChoice("organisation", organisation)
    return VatChoice("missing")
