"""Rounding of hours and of money, and the sharing out of a rounded amount."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

Exact = Decimal | Fraction | int
Direction = Literal["up", "nearest", "down"]
Scope = Literal["entry", "user_activity_day", "line"]
Basis = Literal["exact", "displayed"]

INTERVALS_MINUTES = (0, 1, 5, 6, 10, 15, 30, 60)
DIRECTIONS: tuple[Direction, ...] = ("up", "nearest", "down")
SCOPES: tuple[Scope, ...] = ("entry", "user_activity_day", "line")


@dataclass(frozen=True)
class RoundingRule:
    """How worked minutes become billed minutes; an interval of 0 or 1 minute changes nothing."""

    interval_minutes: int
    direction: Direction = "nearest"
    scope: Scope = "entry"

    def __post_init__(self) -> None:
        if self.interval_minutes not in INTERVALS_MINUTES:
            raise ValueError(f"Hours are rounded to one of {INTERVALS_MINUTES} minutes, not {self.interval_minutes}.")
        if self.direction not in DIRECTIONS:
            raise ValueError(f"Hours are rounded {', '.join(DIRECTIONS)}, not {self.direction!r}.")
        if self.scope not in SCOPES:
            raise ValueError(f"Hours are rounded per {', '.join(SCOPES)}, not {self.scope!r}.")

    @property
    def changes_minutes(self) -> bool:
        return self.interval_minutes > 1


NO_ROUNDING = RoundingRule(0)


def half_up(x: Exact, places: int) -> Decimal:
    """Round to a number of decimals, a half away from zero; exact for any size, whatever the decimal context is."""
    return _scaled(_rounded_units(x, places), places)


def to_cents(amount: Exact) -> int:
    """Give an amount in whole cents, a half cent away from zero."""
    return _rounded_units(amount, 2)


def to_e4(amount: Exact) -> int:
    """Give a unit price, rate or quantity in ten-thousandths, a half away from zero."""
    return _rounded_units(amount, 4)


def from_cents(cents: int) -> Decimal:
    """Give the amount of so many cents, with two decimals."""
    return _scaled(cents, 2)


def from_e4(ten_thousandths: int) -> Decimal:
    """Give the unit price, rate or quantity of so many ten-thousandths, with four decimals."""
    return _scaled(ten_thousandths, 4)


def billed_minutes(minutes: int, rule: RoundingRule) -> int:
    """Give the minutes to bill; a negative correction is rounded as its mirror image, so that it cancels its entry."""
    if not rule.changes_minutes:
        return minutes
    interval, size = rule.interval_minutes, abs(minutes)
    if rule.direction == "up":
        steps = -(-size // interval)
    elif rule.direction == "down":
        steps = size // interval
    else:
        steps = (2 * size + interval) // (2 * interval)
    return steps * interval if minutes >= 0 else -steps * interval


def displayed_hours(minutes: int) -> Decimal:
    """Give minutes as hours with two decimals, the way a customer would recompute the line."""
    return half_up(Fraction(minutes, 60), 2)


def net_of_minutes(minutes: int, unit_price: Decimal, basis: Basis = "exact") -> Decimal:
    """Give the net amount of billed minutes at a price per hour, in whole cents.

    `exact` multiplies the minutes themselves; `displayed` multiplies the hours rounded to two decimals.
    """
    hours = Fraction(minutes, 60) if basis == "exact" else Fraction(displayed_hours(minutes))
    return half_up(hours * Fraction(unit_price), 2)


def wire_quantity(quantity: Exact, unit_price: Decimal, net: Decimal, places: tuple[int, int] = (2, 4)) -> Decimal | None:
    """Give the shortest quantity that makes another package arrive at our net amount, or None when there is none.

    `places` is the least and the largest number of decimals. The quantity differs from the true one by no more than one
    unit of its last decimal and is never zero for work that is not zero. With None the caller sends quantity 1 at the
    net amount and writes the hours in the description.
    """
    true_quantity, price = Fraction(quantity), Fraction(unit_price)
    for decimals in range(places[0], places[1] + 1):
        for units in _units_near(true_quantity * 10**decimals):
            if half_up(Fraction(units, 10**decimals) * price, 2) == net:
                return _scaled(units, decimals)
    return None


def allocate(total_cents: int, weights: Sequence[int]) -> list[int]:
    """Share out a total by weight so that the parts add up: largest remainder, the earlier part first on a tie.

    The parts of a negative total are those of the positive one with the sign turned. Weights that add up to nothing
    count as equal. Raises ValueError when there is something to share and nobody to take it.
    """
    if not weights:
        if total_cents:
            raise ValueError("An amount cannot be shared out over nothing.")
        return []
    if not total_cents:
        return [0] * len(weights)
    together = sum(weights)
    if not together:
        weights, together = [1] * len(weights), len(weights)
    if together < 0:
        weights, together = [-weight for weight in weights], -together
    size = abs(total_cents)
    parts = [size * weight // together for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: -(size * weights[index] % together))
    for index in by_remainder[: size - sum(parts)]:
        parts[index] += 1
    return parts if total_cents > 0 else [-part for part in parts]


def _units_near(true_units: Fraction) -> Iterator[int]:
    """Yield the whole numbers at most one away from a quantity, nearest first and the larger one on a tie."""
    floor = true_units.numerator // true_units.denominator
    near = [units for units in (floor - 1, floor, floor + 1) if abs(units - true_units) <= 1 and (units or not true_units)]
    yield from sorted(near, key=lambda units: (abs(units - true_units), -abs(units)))


def _rounded_units(x: Exact, places: int) -> int:
    if isinstance(x, float):
        raise TypeError("Money and hours are never binary floating point.")
    scaled = Fraction(x) * Fraction(10) ** places
    size = (2 * abs(scaled.numerator) + scaled.denominator) // (2 * scaled.denominator)
    return size if scaled >= 0 else -size


def _scaled(units: int, places: int) -> Decimal:
    # Read from text, because arithmetic would round to the precision of the current decimal context.
    return Decimal(f"{units}E-{places}")
