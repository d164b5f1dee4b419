"""Rounding of minutes and money: exact amounts, and what must hold for any input."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rounding import (
    DIRECTIONS,
    INTERVALS_MINUTES,
    RoundingRule,
    allocate,
    billed_minutes,
    from_cents,
    from_e4,
    half_up,
    net_of_minutes,
    to_cents,
    to_e4,
    wire_quantity,
)

D = Decimal


@pytest.mark.parametrize(
    ("amount", "places", "expected"),
    [
        ("0.005", 2, "0.01"),
        ("-0.005", 2, "-0.01"),
        ("2.675", 2, "2.68"),
        ("2.665", 2, "2.67"),
        ("1.004999999999999999999999999999999", 2, "1.00"),
        ("0.5", 0, "1"),
        ("1.5", 0, "2"),
        ("2.5", 0, "3"),
        ("-2.5", 0, "-3"),
        ("0.00005", 4, "0.0001"),
        ("123456789012345678901234567890.125", 2, "123456789012345678901234567890.13"),
    ],
)
def test_a_half_goes_away_from_zero(amount: str, places: int, expected: str) -> None:
    assert str(half_up(D(amount), places)) == expected


def test_rounding_does_not_depend_on_the_decimal_context() -> None:
    with localcontext() as context:
        context.prec = 3
        assert half_up(D("1234567.895"), 2) == D("1234567.90")
        assert to_cents(D("1234567.895")) == 123456790


def test_nothing_below_half_a_cent_is_a_negative_zero() -> None:
    assert str(half_up(D("-0.001"), 2)) == "0.00"


def test_floating_point_is_refused() -> None:
    with pytest.raises(TypeError, match="floating point"):
        to_cents(0.1)  # type: ignore[arg-type]


def test_cents_and_ten_thousandths_there_and_back() -> None:
    assert to_cents(D("-13.755")) == -1376
    assert to_e4(D("27.5")) == 275_000
    assert str(from_cents(-5)) == "-0.05"
    assert str(from_e4(2_300)) == "0.2300"


@pytest.mark.parametrize(
    ("minutes", "interval", "direction", "expected"),
    [
        (1, 15, "up", 15),
        (15, 15, "up", 15),
        (16, 15, "up", 30),
        (7, 15, "nearest", 0),
        (8, 15, "nearest", 15),
        (3, 6, "nearest", 6),
        (14, 15, "down", 0),
        (59, 60, "down", 0),
        (61, 60, "up", 120),
        (7, 0, "up", 7),
        (7, 1, "up", 7),
        (-16, 15, "up", -30),
        (-3, 6, "nearest", -6),
        (-14, 15, "down", 0),
        (0, 15, "up", 0),
    ],
)
def test_billed_minutes(minutes: int, interval: int, direction: str, expected: int) -> None:
    assert billed_minutes(minutes, RoundingRule(interval, direction)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [(7, "up", "entry"), (15, "sideways", "entry"), (15, "up", "week")])
def test_a_rule_outside_the_list_is_refused(bad: tuple[int, str, str]) -> None:
    with pytest.raises(ValueError, match="rounded"):
        RoundingRule(*bad)  # type: ignore[arg-type]


@given(st.integers(-3000, 3000), st.sampled_from(INTERVALS_MINUTES), st.sampled_from(DIRECTIONS))
def test_billed_minutes_stay_within_one_interval(minutes: int, interval: int, direction: str) -> None:
    rule = RoundingRule(interval, direction)  # type: ignore[arg-type]
    billed = billed_minutes(minutes, rule)
    assert billed % max(interval, 1) == 0
    assert abs(billed - minutes) < max(interval, 1)
    assert billed_minutes(-minutes, rule) == -billed
    assert billed_minutes(billed, rule) == billed


@pytest.mark.parametrize(
    ("minutes", "price", "basis", "expected"),
    [
        (15 + 15, "27.50", "exact", "13.75"),
        (10 + 20 + 25, "27.50", "exact", "25.21"),
        (3 * 20, "33.33", "exact", "33.33"),
        (20, "33.33", "exact", "11.11"),
        (10, "95", "exact", "15.83"),
        (10, "95", "displayed", "16.15"),
        (20, "75", "displayed", "24.75"),
        (1, "0.30", "exact", "0.01"),
        (-15, "27.50", "exact", "-6.88"),
        (480, "0", "exact", "0.00"),
    ],
)
def test_net_of_minutes(minutes: int, price: str, basis: str, expected: str) -> None:
    assert str(net_of_minutes(minutes, D(price), basis)) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("minutes", "price", "places", "expected"),
    [
        (90, "95", (2, 4), "1.50"),
        (30, "27.50", (2, 4), "0.50"),
        (25, "60", (2, 4), "0.4167"),
        (55, "27.50", (2, 4), "0.9167"),
        (20, "33.33", (2, 4), "0.3333"),
        (20, "1.00", (2, 4), "0.33"),
        (500, "1000", (2, 4), None),
        (500, "1000", (2, 5), "8.33333"),
        (-55, "27.50", (2, 4), "-0.9167"),
        (0, "95", (2, 4), "0.00"),
        (25, "60", (4, 5), "0.4167"),
    ],
)
def test_wire_quantity_of_minutes(minutes: int, price: str, places: tuple[int, int], expected: str | None) -> None:
    found = wire_quantity(Fraction(minutes, 60), D(price), net_of_minutes(minutes, D(price)), places)
    assert (None if found is None else str(found)) == expected


def test_wire_quantity_gives_up_when_the_net_is_not_the_product() -> None:
    assert wire_quantity(D("1000"), D("0.0826"), D("82.64")) is None


def test_wire_quantity_of_work_that_costs_nothing_is_not_zero() -> None:
    assert wire_quantity(Fraction(1, 600), D(0), D("0.00")) == D("0.01")


prices = st.integers(0, 5_000_000).map(from_e4)


@given(st.integers(-6000, 60_000), prices, st.sampled_from([(2, 4), (2, 5)]))
def test_wire_quantity_multiplies_back_to_the_net(minutes: int, price: Decimal, places: tuple[int, int]) -> None:
    true_quantity, net = Fraction(minutes, 60), net_of_minutes(minutes, price)
    found = wire_quantity(true_quantity, price, net, places)
    if found is not None:
        decimals = -int(found.as_tuple().exponent)
        assert places[0] <= decimals <= places[1]
        assert half_up(found * price, 2) == net
        assert abs(Fraction(found) - true_quantity) <= Fraction(1, 10**decimals)
    else:
        assert half_up(half_up(true_quantity, places[1]) * price, 2) != net


@given(st.integers(-4000, 4000), st.integers(0, 10_000).map(from_cents))
def test_up_to_100_per_hour_four_decimals_always_do(minutes: int, price: Decimal) -> None:
    # The products of the quantities just below and just above are a cent apart at most, so one of them rounds to the net.
    assert wire_quantity(Fraction(minutes, 60), price, net_of_minutes(minutes, price)) is not None


@pytest.mark.parametrize(
    ("total", "weights", "expected"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (1375, [15, 15], [688, 687]),
        (2521, [10, 20, 25], [458, 917, 1146]),
        (5, [0, 1, 0], [0, 5, 0]),
        (5, [0, 0], [3, 2]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
        (300, [60, -15], [400, -100]),
        (-300, [-60, 15], [-400, 100]),
        (1, [1, 2, 3], [0, 0, 1]),
    ],
)
def test_allocate(total: int, weights: list[int], expected: list[int]) -> None:
    assert allocate(total, weights) == expected


def test_allocate_refuses_to_lose_an_amount() -> None:
    with pytest.raises(ValueError, match="shared out"):
        allocate(1, [])


@given(st.integers(-(10**9), 10**9), st.lists(st.integers(-1440, 1440), min_size=1, max_size=30))
def test_allocated_parts_add_up_and_mirror(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    assert allocate(-total, weights) == [-part for part in parts]


@given(st.integers(0, 10**9), st.lists(st.integers(0, 1440), min_size=1, max_size=30).filter(any))
def test_allocated_parts_are_less_than_a_cent_off(total: int, weights: list[int]) -> None:
    for part, weight in zip(allocate(total, weights), weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert weight or not part
