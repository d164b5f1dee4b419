"""From hours, expenses and trips to the lines of an invoice, without losing or inventing a cent."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Day
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from billing.descriptions import DUTCH, Words, describe
from billing.rounding import (
    Basis,
    RoundingRule,
    allocate,
    billed_minutes,
    displayed_hours,
    from_cents,
    half_up,
    net_of_minutes,
    to_cents,
    to_e4,
)
from billing.sources import KIND_ORDER, Source, SourceKind, in_order, project_order

LineKind = Literal["hours", "expense", "trip"]
HoursPer = Literal["entry", "activity", "user", "project", "day", "project_activity", "user_activity", "single"]
ExpensesPer = Literal["entry", "category", "single"]
TripsPer = Literal["entry", "vehicle", "single"]

LINE_KINDS: Mapping[SourceKind, LineKind] = {"time": "hours", "expense": "expense", "trip": "trip"}
# What the sources of one line share. Entries that differ in one of NEVER_MERGED get lines of their own.
GROUPED_BY: Mapping[SourceKind, Mapping[str, tuple[str, ...]]] = {
    "time": {
        "entry": ("id",),
        "activity": ("activity_id",),
        "user": ("user_id",),
        "project": ("project_id",),
        "day": ("date",),
        "project_activity": ("project_id", "activity_id"),
        "user_activity": ("user_id", "activity_id"),
        "single": (),
    },
    "expense": {"entry": ("id",), "category": ("category_id",), "single": ()},
    "trip": {"entry": ("id",), "vehicle": ("vehicle_id",), "single": ()},
}
NEVER_MERGED = ("unit_price", "vat_key", "item_code", "unit", "currency", "line_rounding")


@dataclass(frozen=True)
class LineSource:
    """What one source takes of a line: billed minutes or quantity, and cents. The parts add up to the line."""

    kind: SourceKind
    id: int
    amount_cents: int
    minutes: int | None = None
    worked_minutes: int | None = None
    quantity: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Line:
    """One invoice line; `quantity` is exact, `quantity_decimal` is for print and UBL.

    Project, activity and user are those that all sources share, else None. `split_by` names what kept this line apart
    from others of the same group: unit_price, vat_key, item_code, unit, currency or line_rounding.
    """

    kind: LineKind
    description: str
    quantity: Fraction
    quantity_decimal: Decimal
    minutes: int | None
    unit: str
    unit_price: Decimal
    net_cents: int
    currency: str
    item_code: str | None
    vat_key: Hashable
    project_id: int | None
    activity_id: int | None
    user_id: int | None
    first_date: Day
    last_date: Day
    sources: tuple[LineSource, ...]
    split_by: tuple[str, ...] = ()

    @property
    def net(self) -> Decimal:
        return from_cents(self.net_cents)

    @property
    def worked_minutes(self) -> int:
        return sum(source.worked_minutes or 0 for source in self.sources)

    @property
    def quantity_e4(self) -> int:
        return to_e4(self.quantity_decimal)

    @property
    def unit_price_e4(self) -> int:
        return to_e4(self.unit_price)


@dataclass(frozen=True)
class Grouping:
    """What one line stands for, per kind of work."""

    hours: HoursPer = "activity"
    expenses: ExpensesPer = "entry"
    trips: TripsPer = "single"

    def __post_init__(self) -> None:
        for kind in KIND_ORDER:
            if self.per(kind) not in GROUPED_BY[kind]:
                raise ValueError(f"Lines cannot be made per {self.per(kind)!r}; choose {', '.join(GROUPED_BY[kind])}.")

    def per(self, kind: SourceKind) -> str:
        return {"time": self.hours, "expense": self.expenses, "trip": self.trips}[kind]


def build_lines(sources: Iterable[Source], grouping: Grouping | None = None, *, basis: Basis = "exact", words: Words = DUTCH) -> list[Line]:
    """Make the lines of one invoice, ordered by project, kind and date; the order of the sources does not matter.

    Minutes are summed before they are multiplied; the amount of a line is shared out over its sources to the cent.
    Raises ValueError for sources of more than one customer and for a source that comes twice.
    """
    ordered = in_order(sources)
    if len({source.customer_id for source in ordered}) > 1:
        raise ValueError("One invoice cannot carry the work of two customers.")
    if len({(source.kind, source.id) for source in ordered}) < len(ordered):
        raise ValueError("The same work cannot stand on an invoice twice.")
    grouping = grouping or Grouping()
    billed = _billed_before_grouping(ordered)
    groups: dict[tuple[Hashable, ...], dict[tuple[Hashable, ...], list[Source]]] = {}
    for source in ordered:
        shared = GROUPED_BY[source.kind][grouping.per(source.kind)]
        asked_for = groups.setdefault((source.kind, *(getattr(source, name) for name in shared)), {})
        asked_for.setdefault(tuple(getattr(source, name) for name in NEVER_MERGED), []).append(source)
    made = []
    for asked_for in groups.values():
        split_by = tuple(name for name, values in zip(NEVER_MERGED, zip(*asked_for, strict=True), strict=True) if len(set(values)) > 1)
        for members in asked_for.values():
            line = _line(members, grouping.per(members[0].kind), billed, split_by, basis, words)
            made.append((_line_order(members), line))
    made.sort(key=lambda pair: pair[0])
    return [line for _, line in made]


def _billed_before_grouping(sources: Sequence[Source]) -> dict[int, int]:
    """Round the minutes of time entries that are rounded per entry or per user, activity and day.

    A day belongs to one project, because each project may have a rule of its own; so the amount does not depend on
    how the work is spread over invoices and lines.
    """
    billed: dict[int, int] = {}
    days: dict[tuple[Hashable, ...], list[Source]] = {}
    for source in sources:
        if source.minutes is None:
            continue
        rule = source.rounding
        if rule.scope == "user_activity_day" and rule.changes_minutes:
            key = (source.user_id, source.activity_id, source.date, source.project_id, rule)
            days.setdefault(key, []).append(source)
        else:
            billed[source.id] = billed_minutes(source.minutes, rule) if rule.scope == "entry" else source.minutes
    for members in days.values():
        worked = [member.minutes or 0 for member in members]
        shares = _share_minutes(worked, members[0].rounding)
        billed.update(zip((member.id for member in members), shares, strict=True))
    return billed


def _line(
    members: Sequence[Source],
    per: str,
    billed: Mapping[int, int],
    split_by: tuple[str, ...],
    basis: Basis,
    words: Words,
) -> Line:
    first = members[0]
    if first.kind == "time":
        minutes, parts, net_cents = _hours(members, billed, basis)
        quantity = Fraction(minutes, 60)
        shown = displayed_hours(minutes) if basis == "displayed" else half_up(quantity, 4)
    else:
        minutes, (quantity, parts, net_cents) = None, _pieces(members)
        shown = half_up(quantity, 4)
    return Line(
        kind=LINE_KINDS[first.kind],
        description=describe(members, per, words),
        quantity=quantity,
        quantity_decimal=shown,
        minutes=minutes,
        unit=first.unit,
        unit_price=half_up(first.unit_price, 4),
        net_cents=net_cents,
        currency=first.currency,
        item_code=first.item_code,
        vat_key=first.vat_key,
        project_id=_common(member.project_id for member in members),
        activity_id=_common(member.activity_id for member in members),
        user_id=_common(member.user_id for member in members),
        first_date=first.date,
        last_date=members[-1].date,
        sources=tuple(parts),
        split_by=split_by,
    )


def _hours(members: Sequence[Source], billed: Mapping[int, int], basis: Basis) -> tuple[int, list[LineSource], int]:
    first = members[0]
    each = [billed[member.id] for member in members]
    if first.line_rounding is not None:
        each = _share_minutes(each, first.line_rounding)
    net_cents = to_cents(net_of_minutes(sum(each), first.unit_price, basis))
    parts = [
        LineSource("time", member.id, cents, minutes=minutes, worked_minutes=member.minutes)
        for member, minutes, cents in zip(members, each, allocate(net_cents, each), strict=True)
    ]
    return sum(each), parts, net_cents


def _share_minutes(worked: list[int], rule: RoundingRule) -> list[int]:
    # The difference is shared by size, so that a negative correction among the entries does not blow up the shares.
    difference = billed_minutes(sum(worked), rule) - sum(worked)
    shares = allocate(difference, [abs(minutes) for minutes in worked])
    return [minutes + share for minutes, share in zip(worked, shares, strict=True)]


def _pieces(members: Sequence[Source]) -> tuple[Fraction, list[LineSource], int]:
    quantities = [Fraction(member.quantity or 0) for member in members]
    price = Fraction(members[0].unit_price)
    own = [to_cents(quantity * price) for quantity in quantities]
    given = [cents if member.net_cents is None else member.net_cents for member, cents in zip(members, own, strict=True)]
    if given == own:
        net_cents = to_cents(sum(quantities) * price)
        amounts = allocate(net_cents, [to_e4(quantity) for quantity in quantities])
    else:
        net_cents, amounts = sum(given), given
    parts = [LineSource(member.kind, member.id, cents, quantity=member.quantity) for member, cents in zip(members, amounts, strict=True)]
    return sum(quantities, Fraction(0)), parts, net_cents


def _common(values: Iterable[int | None]) -> int | None:
    different = set(values)
    return different.pop() if len(different) == 1 else None


def _line_order(members: Sequence[Source]) -> tuple[tuple[str, str, int], int, Day, int]:
    first = members[0]
    project = min(project_order(member) for member in members)
    return project, KIND_ORDER[first.kind], first.date, min(member.id for member in members)
