"""From work to invoice lines: grouping, amounts, descriptions, and what must hold for any work."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.descriptions import DUTCH, Words
from billing.lines import GROUPED_BY, Grouping, Line, build_lines
from billing.rounding import INTERVALS_MINUTES, RoundingRule, from_cents, from_e4, half_up, wire_quantity
from billing.sources import Source, expense_net, group_for_invoices

D = Decimal
NAMES = {1: "Website", 2: "Onderhoud", 3: "Huisstijl", 4: "Wijkkaart", 5: "Webshop"}
ACTIVITIES = {1: "Ontwerp", 2: "Ontwikkeling"}
USERS = {1: "Ans de Wit", 2: "Bram Janssens"}


def hours(number: int, minutes: int, price: str = "95", day: int = 18, **more: Any) -> Source:
    values = {"project_id": 1, "activity_id": 1, "user_id": 1, "customer_id": 7, "unit": "hour", "vat_key": "NL21", **more}
    values.setdefault("project_name", NAMES.get(values["project_id"], ""))
    values.setdefault("activity_name", ACTIVITIES.get(values["activity_id"], ""))
    values.setdefault("user_name", USERS.get(values["user_id"], ""))
    return Source(kind="time", id=number, minutes=minutes, unit_price=D(price), date=date(2026, 11, day), **values)


def expense(number: int, quantity: str, price: str, day: int = 18, **more: Any) -> Source:
    values = {"project_id": 1, "project_name": "Website", "customer_id": 7, "unit": "piece", "vat_key": "NL21", **more}
    return Source(kind="expense", id=number, quantity=D(quantity), unit_price=D(price), date=date(2026, 11, day), **values)


def trip(number: int, km: str, price: str = "0.23", day: int = 18, **more: Any) -> Source:
    values = {"project_id": 1, "project_name": "Website", "customer_id": 7, "unit": "km", "vat_key": "NL21", **more}
    return Source(kind="trip", id=number, quantity=D(km), unit_price=D(price), date=date(2026, 11, day), **values)


def amounts(line: Line) -> dict[int, int]:
    return {source.id: source.amount_cents for source in line.sources}


def test_minutes_are_summed_before_they_are_multiplied() -> None:
    (line,) = build_lines([hours(1, 15, "27.50"), hours(2, 15, "27.50")])
    assert (line.minutes, line.quantity, line.net) == (30, Fraction(1, 2), D("13.75"))
    assert amounts(line) == {1: 688, 2: 687}


def test_three_entries_share_a_line_to_the_cent() -> None:
    (line,) = build_lines([hours(1, 10, "27.50"), hours(2, 20, "27.50"), hours(3, 25, "27.50")])
    assert line.net == D("25.21")
    assert amounts(line) == {1: 458, 2: 917, 3: 1146}
    assert line.quantity_decimal == D("0.9167")
    assert (line.quantity_e4, line.unit_price_e4) == (9167, 275_000)


def test_displayed_hours_let_the_customer_recompute_the_line() -> None:
    (line,) = build_lines([hours(1, 10)], basis="displayed")
    assert (line.quantity_decimal, line.net, line.minutes) == (D("0.17"), D("16.15"), 10)


ENTRIES = [
    hours(1, 60, day=2),
    hours(2, 60, day=3, activity_id=2),
    hours(3, 60, day=2, user_id=2),
    hours(4, 60, day=3, project_id=2),
]


@pytest.mark.parametrize(
    ("per", "expected"),
    [
        ("entry", [{4}, {1}, {3}, {2}]),
        ("activity", [{1, 3, 4}, {2}]),
        ("user", [{1, 2, 4}, {3}]),
        ("project", [{4}, {1, 2, 3}]),
        ("day", [{2, 4}, {1, 3}]),
        ("project_activity", [{4}, {1, 3}, {2}]),
        ("user_activity", [{1, 4}, {3}, {2}]),
        ("single", [{1, 2, 3, 4}]),
    ],
)
def test_hours_per(per: Any, expected: list[set[int]]) -> None:
    found = build_lines(ENTRIES, Grouping(hours=per))
    assert [{source.id for source in line.sources} for line in found] == expected
    assert all(line.split_by == () for line in found)


def test_a_line_names_the_project_that_all_its_sources_share() -> None:
    shared, mixed = build_lines(ENTRIES[:3], Grouping(hours="single")), build_lines(ENTRIES, Grouping(hours="single"))
    assert (shared[0].project_id, shared[0].user_id, shared[0].activity_id) == (1, None, None)
    assert mixed[0].project_id is None


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("price", "85"),
        ("vat_key", "NL9"),
        ("item_code", "P0002"),
        ("unit", "day part"),
        ("currency", "USD"),
        ("rounding", RoundingRule(15, "up", "line")),
    ],
)
def test_different_work_is_never_merged_and_the_line_says_why(name: str, other: Any) -> None:
    found = build_lines([hours(1, 60), hours(2, 60, **{name: other}), hours(3, 60)], Grouping(hours="single"))
    assert sorted(sorted(amounts(line)) for line in found) == [[1, 3], [2]]
    expected = {"price": "unit_price", "rounding": "line_rounding"}.get(name, name)
    assert {line.split_by for line in found} == {(expected,)}


def test_the_same_price_written_otherwise_is_one_line() -> None:
    assert len(build_lines([hours(1, 60, "95"), hours(2, 60, "95.0000")])) == 1


@pytest.mark.parametrize(
    ("scope", "billed"),
    [("entry", {1: 15, 2: 15, 3: 15}), ("user_activity_day", {1: 8, 2: 7, 3: 15}), ("line", {1: 5, 2: 5, 3: 5})],
)
def test_rounding_is_applied_by_scope(scope: Any, billed: dict[int, int]) -> None:
    rule = RoundingRule(15, "up", scope)
    work = [hours(1, 4, "60", rounding=rule), hours(2, 4, "60", rounding=rule), hours(3, 4, "60", day=19, rounding=rule)]
    (line,) = build_lines(work)
    assert {source.id: source.minutes for source in line.sources} == billed
    assert (line.minutes, line.worked_minutes, line.net_cents) == (sum(billed.values()), 12, 100 * sum(billed.values()))


def test_a_rounded_day_costs_the_same_on_one_line_and_on_lines_per_entry() -> None:
    rule = RoundingRule(15, "up", "user_activity_day")
    work = [hours(1, 4, "60", rounding=rule), hours(2, 4, "60", rounding=rule)]
    assert [line.net_cents for line in build_lines(work, Grouping(hours="entry"))] == [800, 700]


def test_each_project_rounds_its_own_day() -> None:
    rule = RoundingRule(15, "up", "user_activity_day")
    (line,) = build_lines([hours(1, 5, rounding=rule), hours(2, 5, project_id=2, rounding=rule)])
    assert line.minutes == 30


def test_work_rounded_down_to_nothing_stays_on_a_line_of_zero() -> None:
    (line,) = build_lines([hours(1, 14, rounding=RoundingRule(15, "down", "entry"))])
    assert (line.minutes, line.worked_minutes, line.net_cents) == (0, 14, 0)


def test_a_correction_takes_its_share_back() -> None:
    rule = RoundingRule(15, "up", "user_activity_day")
    (line,) = build_lines([hours(1, 60, "60", rounding=rule), hours(2, -55, "60", rounding=rule)])
    assert {source.id: source.minutes for source in line.sources} == {1: 65, 2: -50}
    assert (line.minutes, line.net_cents) == (15, 1500)


def test_lines_come_by_project_then_kind_then_date() -> None:
    found = build_lines(
        [trip(1, "10"), hours(1, 60, day=9), expense(1, "1", "10", day=5), expense(2, "1", "10", day=3), hours(2, 60, project_id=2)],
        Grouping(hours="entry"),
    )
    assert [(line.kind, line.first_date.day) for line in found] == [
        ("hours", 18),
        ("hours", 9),
        ("expense", 3),
        ("expense", 5),
        ("trip", 18),
    ]


@pytest.mark.parametrize(
    ("work", "grouping", "expected"),
    [
        ([hours(1, 60, note="Homepage,\n second round")], Grouping(hours="entry"), "Ontwerp, Website, 18-11-2026: Homepage, second round"),
        ([hours(1, 60)], Grouping(hours="entry"), "Ontwerp, Website, 18-11-2026"),
        ([hours(1, 60, day=1), hours(2, 60, note="x")], Grouping(), "Ontwerp, Website, 01-11-2026 t/m 18-11-2026"),
        ([hours(1, 60), hours(2, 60, project_id=2)], Grouping(), "Ontwerp, Onderhoud, Website, 18-11-2026"),
        ([hours(n, 60, project_id=n) for n in range(1, 6)], Grouping(), "Ontwerp, 5 projecten, 18-11-2026"),
        ([hours(1, 60, project_id=None, activity_id=None)], Grouping(), "Uren, 18-11-2026"),
        ([hours(1, 60)], Grouping(hours="user"), "Ans de Wit, Website, 18-11-2026"),
        ([hours(1, 60)], Grouping(hours="user_activity"), "Ans de Wit, Ontwerp, Website, 18-11-2026"),
        ([hours(1, 60)], Grouping(hours="project_activity"), "Ontwerp, Website, 18-11-2026"),
        ([hours(1, 60)], Grouping(hours="project"), "Uren, Website, 18-11-2026"),
        ([hours(1, 60)], Grouping(hours="day"), "Uren, Website, 18-11-2026"),
        ([hours(1, 60, project_name="100%(first)s")], Grouping(hours="single"), "Uren, 100%(first)s, 18-11-2026"),
        ([expense(1, "1", "10", category_name="Hosting", note="November")], Grouping(), "Hosting, Website, 18-11-2026: November"),
        ([expense(1, "1", "10")], Grouping(), "Uitgave, Website, 18-11-2026"),
        ([expense(1, "1", "10", category_name="Hosting")], Grouping(expenses="category"), "Hosting, Website, 18-11-2026"),
        ([expense(1, "1", "10", category_name="Hosting")], Grouping(expenses="single"), "Uitgaven, Website, 18-11-2026"),
        ([trip(1, "10", day=3), trip(2, "10")], Grouping(), "Ritten, Website, 03-11-2026 t/m 18-11-2026"),
        ([trip(1, "10", note="Utrecht - Zeist")], Grouping(trips="entry"), "Rit, Website, 18-11-2026: Utrecht - Zeist"),
        ([trip(1, "10", vehicle_name="Bus 12-AB-3")], Grouping(trips="vehicle"), "Ritten, Bus 12-AB-3, Website, 18-11-2026"),
    ],
)
def test_a_line_tells_the_customer_what_it_is(work: list[Source], grouping: Grouping, expected: str) -> None:
    (line,) = build_lines(work, grouping)
    assert line.description == expected


def test_trips_are_added_in_tenths_of_a_kilometre() -> None:
    (line,) = build_lines([trip(1, "12.3"), trip(2, "7.4"), trip(3, "0.3")])
    assert (line.quantity, line.quantity_decimal, line.net, line.unit) == (20, D("20.0000"), D("4.60"), "km")
    assert amounts(line) == {1: 283, 2: 170, 3: 7}
    assert line.minutes is None


def test_equal_expenses_become_one_line_and_others_stay_apart() -> None:
    work = [expense(1, "1", "8.50", category_id=1), expense(2, "2", "8.50", category_id=1), expense(3, "1", "9", category_id=1)]
    found = build_lines(work, Grouping(expenses="category"))
    assert [(line.quantity, line.net, line.split_by) for line in found] == [
        (3, D("25.50"), ("unit_price",)),
        (1, D("9.00"), ("unit_price",)),
    ]


def test_the_net_amount_of_an_expense_wins_from_its_rounded_price() -> None:
    cost = expense_net(D("1000"), D("0.10"), vat_included=True, purchase_vat_bp=2100)
    assert (cost.unit_price, cost.net) == (D("0.0826"), D("82.64"))
    (line,) = build_lines([expense(1, "1000", "0.0826", net_cents=8264)])
    assert (line.net_cents, amounts(line)) == (8264, {1: 8264})
    assert wire_quantity(line.quantity, line.unit_price, line.net) is None


def test_merged_expenses_are_multiplied_once_when_their_prices_say_it_all() -> None:
    work = [expense(number, "1", "8.2645", net_cents=826) for number in (1, 2, 3)]
    (line,) = build_lines(work, Grouping(expenses="single"))
    assert (line.net_cents, amounts(line)) == (2479, {1: 827, 2: 826, 3: 826})


@pytest.mark.parametrize(
    ("quantity", "price", "terms", "unit_price", "net"),
    [
        ("1", "100", {}, "100", "100.00"),
        ("1", "121", {"vat_included": True, "purchase_vat_bp": 2100}, "100", "100.00"),
        ("1", "121", {"vat_included": False, "purchase_vat_bp": 2100}, "121", "121.00"),
        ("3", "10", {"vat_included": True, "purchase_vat_bp": 2100}, "8.2645", "24.79"),
        ("1", "100", {"mark_up_bp": 1000}, "110", "110.00"),
        ("2", "50", {"vat_included": True, "purchase_vat_bp": 2100, "mark_up_bp": 1000}, "45.4545", "90.91"),
        ("1", "50", {"vat_included": True, "purchase_vat_bp": None}, "50", "50.00"),
        ("1", "121", {"vat_included": True, "purchase_vat_bp": 2100, "pass_through": True}, "121", "121.00"),
        ("1", "100", {"purchase_vat_bp": 2100, "mark_up_bp": 500, "pass_through": True}, "121", "121.00"),
        ("1", "-10", {"vat_included": True, "purchase_vat_bp": 900}, "-9.1743", "-9.17"),
    ],
)
def test_expense_net(quantity: str, price: str, terms: dict[str, Any], unit_price: str, net: str) -> None:
    found = expense_net(D(quantity), D(price), **terms)
    assert (found.unit_price, found.net) == (D(unit_price), D(net))


def test_invoices_per_customer_project_and_reference() -> None:
    work = [
        hours(1, 60, customer_id=8),
        hours(2, 60, reference="PO 2 "),
        hours(3, 60, project_id=2, reference="PO 2"),
        hours(4, 60, project_id=None),
        hours(5, 60, currency="USD"),
    ]
    assert [(group.customer_id, group.currency, len(group.sources)) for group in group_for_invoices(work)] == [
        (7, "EUR", 3),
        (7, "USD", 1),
        (8, "EUR", 1),
    ]
    assert [(group.customer_id, group.project_id) for group in group_for_invoices(work, "project")] == [
        (7, None),
        (7, 2),
        (7, 1),
        (7, 1),
        (8, 1),
    ]
    assert [(group.customer_id, group.reference, len(group.sources)) for group in group_for_invoices(work, "customer_reference")] == [
        (7, "", 1),
        (7, "", 1),
        (7, "PO 2", 2),
        (8, "", 1),
    ]


def test_what_cannot_stand_on_one_invoice_is_refused() -> None:
    with pytest.raises(ValueError, match="two customers"):
        build_lines([hours(1, 60), hours(2, 60, customer_id=8)])
    with pytest.raises(ValueError, match="twice"):
        build_lines([hours(1, 60), hours(1, 60)])
    with pytest.raises(ValueError, match="Lines cannot be made per 'week'"):
        Grouping(hours="week")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Invoices cannot be made per 'week'"):
        group_for_invoices([], "week")  # type: ignore[arg-type]
    assert build_lines([]) == []


@pytest.mark.parametrize(
    "wrong", [{"minutes": None}, {"quantity": D(1)}, {"net_cents": 5}, {"unit_price": D("1.00001")}], ids=lambda wrong: next(iter(wrong))
)
def test_a_source_that_contradicts_itself_is_refused(wrong: dict[str, Any]) -> None:
    right = {"kind": "time", "id": 1, "customer_id": 7, "date": date(2026, 11, 18), "unit": "hour", "unit_price": D(1), "minutes": 5}
    with pytest.raises(ValueError, match=r"minutes|four decimals"):
        Source(**{**right, **wrong})


rules = st.builds(
    RoundingRule,
    st.sampled_from(INTERVALS_MINUTES),
    st.sampled_from(["up", "nearest", "down"]),
    st.sampled_from(["entry", "user_activity_day", "line"]),
)
shared = {
    "customer_id": st.just(7),
    "date": st.integers(0, 3).map(lambda days: date(2026, 11, 1) + timedelta(days)),
    "project_id": st.sampled_from([None, 1, 2]),
    "vat_key": st.sampled_from(["NL21", "NL9"]),
    "id": st.integers(1, 10**6),
}
people = {"activity_id": st.integers(1, 2), "user_id": st.integers(1, 2)}
few_prices = st.sampled_from([0, 2_300, 275_000, 333_300, 950_000]).map(from_e4)
some_hours = st.builds(
    Source,
    kind=st.just("time"),
    unit=st.just("hour"),
    minutes=st.integers(-60, 600),
    unit_price=few_prices,
    rounding=rules,
    **people,
    **shared,
)
some_expenses = st.builds(
    Source,
    kind=st.just("expense"),
    unit=st.just("piece"),
    quantity=st.integers(-50_000, 50_000).map(from_e4),
    unit_price=few_prices,
    net_cents=st.none() | st.integers(-5_000, 5_000),
    category_id=st.integers(1, 2),
    **shared,
)
some_trips = st.builds(
    Source,
    kind=st.just("trip"),
    unit=st.just("km"),
    quantity=st.integers(0, 5_000).map(lambda tenths: D(tenths) / 10),
    unit_price=few_prices,
    vehicle_id=st.integers(1, 2),
    **shared,
)
some_work = st.lists(some_hours | some_expenses | some_trips, max_size=12, unique_by=lambda source: (source.kind, source.id))
groupings = st.builds(Grouping, *(st.sampled_from(sorted(GROUPED_BY[kind])) for kind in ("time", "expense", "trip")))
bases = st.sampled_from(["exact", "displayed"])


@given(some_work, groupings, bases, st.randoms(use_true_random=False))
def test_lines_do_not_depend_on_the_order_of_the_work(work: list[Source], grouping: Grouping, basis: Any, shuffle: random.Random) -> None:
    found = build_lines(work, grouping, basis=basis)
    shuffle.shuffle(work)
    assert build_lines(work, grouping, basis=basis) == found


@given(some_work, groupings, bases)
def test_every_piece_of_work_stands_on_one_line_and_its_parts_add_up(work: list[Source], grouping: Grouping, basis: Any) -> None:
    found = build_lines(work, grouping, basis=basis)
    placed = sorted((source.kind, source.id) for line in found for source in line.sources)
    assert placed == sorted((source.kind, source.id) for source in work)
    for line in found:
        assert sum(source.amount_cents for source in line.sources) == line.net_cents
        if line.minutes is not None:
            assert sum(source.minutes or 0 for source in line.sources) == line.minutes
            assert line.quantity == Fraction(line.minutes, 60)
        else:
            assert sum(Fraction(source.quantity or 0) for source in line.sources) == line.quantity


@given(some_work, groupings)
def test_hours_are_off_by_half_a_cent_at_most(work: list[Source], grouping: Grouping) -> None:
    for line in build_lines(work, grouping):
        if line.kind == "hours":
            exact = line.quantity * Fraction(line.unit_price)
            assert abs(exact - Fraction(from_cents(line.net_cents))) <= Fraction(1, 200)


@given(some_work, groupings, bases)
def test_what_goes_on_the_wire_multiplies_back_to_the_line(work: list[Source], grouping: Grouping, basis: Any) -> None:
    for line in build_lines(work, grouping, basis=basis):
        sent = wire_quantity(line.quantity, line.unit_price, line.net)
        quantity, price = (D(1), line.net) if sent is None else (sent, line.unit_price)
        assert half_up(quantity * price, 2) == line.net


@given(some_work)
def test_dividing_work_over_invoices_loses_nothing(work: list[Source]) -> None:
    groups = group_for_invoices(work, "project")
    assert sorted((source.kind, source.id) for group in groups for source in group.sources) == sorted(
        (source.kind, source.id) for source in work
    )
    assert all({source.project_id for source in group.sources} == {group.project_id} for group in groups)


@pytest.mark.parametrize(("unit", "label"), [("hour", "uur"), ("piece", "stuks"), ("km", "km"), ("nacht", "nacht")])
def test_units_have_labels_and_own_units_are_their_own_label(unit: str, label: str) -> None:
    assert DUTCH.unit(unit) == label


def test_the_caller_brings_the_words() -> None:
    words = Words(trips="Trips", period="%(first)s to %(last)s")
    (line,) = build_lines([trip(1, "10", day=3), trip(2, "10")], words=words)
    assert line.description == "Trips, Website, 03-11-2026 to 18-11-2026"
