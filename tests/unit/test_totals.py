"""What an invoice adds up to."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.totals import CurrenciesDiffer, TaxedAmount, VatTotal, totals, totals_per_currency


def test_vat_is_rounded_once_per_key_over_the_sum_of_nets() -> None:
    # Per line it would be 3 x 0.07 = 0.21.
    found = totals([TaxedAmount(35, "NL21", 2100)] * 3)
    assert (found.net_cents, found.vat_cents, found.gross_cents) == (105, 22, 127)


def test_keys_are_kept_apart_and_the_highest_percentage_comes_first() -> None:
    found = totals(
        [
            TaxedAmount(10_000, "OUT", None),
            TaxedAmount(4_000, "NL9", 900),
            TaxedAmount(0, "NL0", 0),
            TaxedAmount(62_500, "NL21", 2100),
            TaxedAmount(-2_500, "NL21", 2100),
        ]
    )
    assert found.per_vat == (
        VatTotal("NL21", 2100, 60_000, 12_600),
        VatTotal("NL9", 900, 4_000, 360),
        VatTotal("NL0", 0, 0, 0),
        VatTotal("OUT", None, 10_000, 0),
    )
    assert (found.currency, found.net_cents, found.vat_cents, found.gross_cents) == ("EUR", 74_000, 12_960, 86_960)


def test_one_regime_with_an_old_and_a_new_percentage_is_not_added() -> None:
    assert len(totals([TaxedAmount(100, "NL9", 900), TaxedAmount(100, "NL9", 600)]).per_vat) == 2


def test_currencies_are_never_added() -> None:
    amounts = [TaxedAmount(100, "NL21", 2100), TaxedAmount(100, "NL21", 2100, "USD")]
    with pytest.raises(CurrenciesDiffer, match="EUR and USD"):
        totals(amounts)
    assert {currency: total.gross_cents for currency, total in totals_per_currency(amounts).items()} == {"EUR": 121, "USD": 121}


def test_an_invoice_without_lines_has_no_total() -> None:
    with pytest.raises(ValueError, match="without lines"):
        totals([])


amounts_of_an_invoice = st.lists(
    st.builds(TaxedAmount, st.integers(-(10**8), 10**8), st.just("key"), st.sampled_from([None, 0, 900, 2100])), min_size=1
)


@given(amounts_of_an_invoice, st.randoms(use_true_random=False))
def test_totals_add_up_in_any_order(amounts: list[TaxedAmount], shuffle: random.Random) -> None:
    found = totals(amounts)
    assert found.net_cents == sum(amount.net_cents for amount in amounts)
    assert found.gross_cents == found.net_cents + found.vat_cents
    assert found.vat_cents == sum(row.vat_cents for row in found.per_vat)
    shuffle.shuffle(amounts)
    assert totals(amounts) == found
