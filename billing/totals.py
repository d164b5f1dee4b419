"""What an invoice adds up to."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from billing.vat import vat_cents


class CurrenciesDiffer(ValueError):
    """Amounts in different currencies were about to be added."""


@dataclass(frozen=True)
class TaxedAmount:
    """The net amount of one line with its VAT: a key that tells regimes apart and the percentage in basis points."""

    net_cents: int
    vat_key: Hashable
    percentage_bp: int | None
    currency: str = "EUR"


@dataclass(frozen=True)
class VatTotal:
    """The lines of one VAT key together."""

    vat_key: Hashable
    percentage_bp: int | None
    net_cents: int
    vat_cents: int


@dataclass(frozen=True)
class Totals:
    """Net, VAT and gross in cents of one currency, and the same per VAT key with the highest percentage first."""

    currency: str
    per_vat: tuple[VatTotal, ...]
    net_cents: int
    vat_cents: int
    gross_cents: int


def totals(amounts: Iterable[TaxedAmount]) -> Totals:
    """Add up the lines of one invoice: VAT per key over the sum of its nets, half-up; gross is net plus VAT.

    Raises CurrenciesDiffer for more than one currency and ValueError for no line at all.
    """
    per_currency = totals_per_currency(amounts)
    if not per_currency:
        raise ValueError("An invoice without lines has no total.")
    if len(per_currency) > 1:
        raise CurrenciesDiffer(f"Amounts in {' and '.join(sorted(per_currency))} cannot be added; make one invoice each.")
    return next(iter(per_currency.values()))


def totals_per_currency(amounts: Iterable[TaxedAmount]) -> dict[str, Totals]:
    """Add up lines for an overview: one total per currency, in the order of their codes."""
    nets: dict[str, dict[tuple[Hashable, int | None], int]] = {}
    for amount in amounts:
        of_currency = nets.setdefault(amount.currency, {})
        key = (amount.vat_key, amount.percentage_bp)
        of_currency[key] = of_currency.get(key, 0) + amount.net_cents
    return {currency: _totals(currency, nets[currency]) for currency in sorted(nets)}


def _totals(currency: str, nets: dict[tuple[Hashable, int | None], int]) -> Totals:
    rows = [VatTotal(key, bp, net, vat_cents(net, bp)) for (key, bp), net in nets.items()]
    # No VAT at all comes after 0 %; the text of the key only makes the order the same every time.
    rows.sort(key=lambda row: (-1 if row.percentage_bp is None else row.percentage_bp, repr(row.vat_key)), reverse=True)
    net = sum(row.net_cents for row in rows)
    vat = sum(row.vat_cents for row in rows)
    return Totals(currency, tuple(rows), net, vat, net + vat)
