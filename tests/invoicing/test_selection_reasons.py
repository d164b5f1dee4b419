"""What may be billed and why not, on both databases."""

from __future__ import annotations

import itertools
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, insert, select

import builders
from billing.rounding import to_cents
from billing.sources import expense_net
from invoicing import selection
from models import BillingLink, Expense, ExpenseCategory, Organisation, TimeEntry, Trip, db

DAY = date(2026, 11, 18)


def _link(source_type: str, source_id: int, state: str) -> None:
    db.session.add(BillingLink(source_type=source_type, source_id=source_id, state=state, created_at=builders.NOW))
    db.session.commit()


def _require_approval() -> None:
    organisation = db.session.get_one(Organisation, 1)
    organisation.approve_hours = organisation.approve_expenses = organisation.approve_trips = True
    db.session.commit()


def _allowed(source_type: str, **options: Any) -> set[int]:
    model = selection.SOURCES[source_type]
    return set(db.session.scalars(select(model.id).where(selection.billable_clause(source_type, **options))))


MAKE = {"time": builders.entry, "expense": builders.expense, "trip": builders.trip}


@pytest.mark.parametrize("source_type", selection.SOURCE_TYPES)
def test_each_obstacle_has_its_own_code(app: Flask, source_type: str) -> None:
    make = MAKE[source_type]
    work, by = builders.project(), builders.user("user")
    free = [make(work, by, status=status) for status in ("open", "submitted", "approved")]
    expected = {
        make(work, by, status="written_off").id: selection.WRITTEN_OFF,
        make(work, by, status="rejected").id: selection.REJECTED,
        make(work, by, billable=False).id: selection.NOT_BILLABLE,
        9_999: selection.DELETED,
    }
    live, reserved, released = make(work, by), make(work, by), make(work, by)
    _link(source_type, live.id, "live")
    _link(source_type, reserved.id, "reserved")
    _link(source_type, released.id, "released")
    expected |= {live.id: selection.ALREADY_INVOICED, reserved.id: selection.BEING_INVOICED}
    ids = [*expected, *(row.id for row in free), released.id]
    assert selection.reasons_of(source_type, ids) == expected
    assert _allowed(source_type) == {row.id for row in free} | {released.id}


@pytest.mark.parametrize("source_type", selection.SOURCE_TYPES)
def test_another_kinds_link_holds_nothing(app: Flask, source_type: str) -> None:
    row = MAKE[source_type]()
    other = next(kind for kind in selection.SOURCE_TYPES if kind != source_type)
    _link(other, row.id, "live")
    assert selection.reasons_of(source_type, [row.id]) == {}
    assert _allowed(source_type) == {row.id}


@pytest.mark.parametrize("source_type", selection.SOURCE_TYPES)
def test_where_approval_is_required_only_approved_work_counts(app: Flask, source_type: str) -> None:
    make = MAKE[source_type]
    rows = {status: make(status=status) for status in ("open", "submitted", "approved")}
    ids = [row.id for row in rows.values()]
    approved = rows["approved"].id
    assert selection.reasons_of(source_type, ids) == {}
    _require_approval()
    assert selection.reasons_of(source_type, ids) == {key: selection.NOT_APPROVED for key in ids if key != approved}
    assert _allowed(source_type) == {approved}


@pytest.mark.parametrize("source_type", selection.SOURCE_TYPES)
def test_after_the_last_day_nothing_counts(app: Flask, source_type: str) -> None:
    early, late = MAKE[source_type](date=DAY), MAKE[source_type](date=date(2026, 11, 19))
    assert selection.reasons_of(source_type, [early.id, late.id], until=DAY) == {late.id: selection.AFTER_DATE}
    assert _allowed(source_type, until=DAY) == {early.id}


def test_hours_of_a_project_without_invoicing_never_count_but_its_billable_expenses_and_trips_do(app: Flask) -> None:
    project = builders.project(method="none")
    hour, expense, trip = builders.entry(project, rate_e4=950_000), builders.expense(project), builders.trip(project)
    assert selection.reasons_of("time", [hour.id]) == {hour.id: selection.NO_INVOICING}
    assert selection.reasons_of("expense", [expense.id]) == {} == selection.reasons_of("trip", [trip.id])
    assert (_allowed("time"), _allowed("expense"), _allowed("trip")) == (set(), {expense.id}, {trip.id})


def test_hours_without_a_project_count(app: Flask) -> None:
    hour = builders.entry()
    hour.project_id = None
    db.session.commit()
    assert selection.reasons_of("time", [hour.id]) == {}
    assert _allowed("time") == {hour.id}
    assert db.session.scalar(select(selection.amount_of("time"))) == 9_500


def test_a_missing_rate_holds_hours_and_trips_back_and_a_rate_of_nought_does_not(app: Flask) -> None:
    hour, trip = builders.entry(rate_e4=None), builders.trip(rate_e4=None)
    free_hour, free_trip = builders.entry(rate_e4=0), builders.trip(rate_e4=0)
    assert selection.reasons_of("time", [hour.id, free_hour.id]) == {hour.id: selection.NO_RATE}
    assert selection.reasons_of("trip", [trip.id, free_trip.id]) == {trip.id: selection.NO_RATE}
    assert (_allowed("time"), _allowed("trip")) == ({free_hour.id}, {free_trip.id})


def test_a_private_trip_is_never_billed_even_when_it_says_billable(app: Flask) -> None:
    trip = builders.trip(kind="private", billable=True)
    assert selection.reasons_of("trip", [trip.id]) == {trip.id: selection.PRIVATE_TRIP}
    assert _allowed("trip") == set()
    assert db.session.scalar(select(selection.amount_of("trip"))) is None


def test_the_clause_and_the_reasons_agree_on_every_combination(app: Flask) -> None:
    _require_approval()
    projects = [builders.project(), builders.project(method="none")]
    by, doing = builders.user("user"), builders.activity()
    statuses = ("open", "submitted", "approved", "written_off", "rejected")
    ids = []
    for project, status, billable, rate, link in itertools.product(
        projects, statuses, (True, False), (None, 950_000), (None, "released", "reserved", "live")
    ):
        entry = TimeEntry(
            customer_id=project.customer_id, project_id=project.id, user_id=by.id, activity_id=doing.id, date=DAY, duration_minutes=60,
            status=status, billable=billable, rate_e4=rate, created_at=builders.NOW, updated_at=builders.NOW,
        )  # fmt: skip
        db.session.add(entry)
        db.session.flush()
        if link:
            db.session.add(BillingLink(source_type="time", source_id=entry.id, state=link, created_at=builders.NOW))
        ids.append(entry.id)
    db.session.commit()
    reasons = selection.reasons_of("time", ids)
    assert 0 < len(reasons) < len(ids)
    assert _allowed("time") == set(ids) - set(reasons)


def test_the_status_people_see_is_the_links_as_long_as_one_holds_the_row(app: Flask) -> None:
    rows = {state: builders.entry(status="approved") for state in ("free", "released", "reserved", "live")}
    for state in ("released", "reserved", "live"):
        _link("time", rows[state].id, state)
    query = select(TimeEntry.id, selection.status_of("time")).outerjoin(selection.CLAIM, selection.holds("time"))
    assert {row[0]: row[1] for row in db.session.execute(query)} == {
        rows["free"].id: "approved",
        rows["released"].id: "approved",
        rows["reserved"].id: "reserved",
        rows["live"].id: "invoiced",
    }


def test_five_thousand_rows_take_six_queries(app: Flask) -> None:
    work, by, doing = builders.project(), builders.user("user"), builders.activity()
    values = {
        "customer_id": work.customer_id,
        "project_id": work.id,
        "user_id": by.id,
        "activity_id": doing.id,
        "date": DAY,
        "duration_minutes": 6,
    }
    values |= {"rate_e4": 950_000, "created_at": builders.NOW, "updated_at": builders.NOW}
    db.session.execute(insert(TimeEntry), [{"id": n, "billable": n % 2 == 0, **values} for n in range(1, 5_001)])
    db.session.commit()
    sent: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(db.engine, "before_cursor_execute", count)
    try:
        reasons = selection.reasons_of("time", range(1, 5_101))
    finally:
        event.remove(db.engine, "before_cursor_execute", count)
    assert sum(statement.lstrip().startswith("SELECT") for statement in sent) == 6
    assert len(reasons) == 2_600
    assert set(reasons.values()) == {selection.NOT_BILLABLE, selection.DELETED}


def test_hours_are_worth_their_minutes_at_their_rate_rounded_half_up_away_from_nought(app: Flask) -> None:
    work, by, doing = builders.project(), builders.user("user"), builders.activity()
    cases = [(15, 275_000), (1, 3_000), (-1, 3_000), (-15, 275_000), (7, 333_333), (1440, 99_999_999), (50, 1), (-50, 1), (60, 0)]
    for minutes, rate in cases:
        entry = builders.entry(work, by, doing, minutes=minutes, rate_e4=rate)
        found = db.session.scalar(select(selection.amount_of("time")).where(TimeEntry.id == entry.id))
        assert found == to_cents(Fraction(minutes * rate, 600_000)), (minutes, rate)
    for values in ({"billable": False}, {"rate_e4": None}):
        entry = builders.entry(work, by, doing, **values)
        assert db.session.scalar(select(selection.amount_of("time")).where(TimeEntry.id == entry.id)) is None


def test_trips_are_worth_their_kilometres_twice_for_a_return(app: Flask) -> None:
    for km10, rate, is_return, cents in (
        (15, 3_500, False, 53),
        (15, 3_500, True, 105),
        (1, 50, False, 0),
        (10, 50, False, 1),
        (0, 3_500, True, 0),
    ):
        trip = builders.trip(distance_km10=km10, rate_e4=rate, is_return=is_return)
        assert db.session.scalar(select(selection.amount_of("trip")).where(Trip.id == trip.id)) == cents


def test_expenses_are_worth_what_the_rules_of_money_say(app: Flask) -> None:
    work, by = builders.project(), builders.user("user")
    kinds = {
        (treatment, markup): builders.category(sales_treatment=treatment, markup_bp=markup)
        for treatment in ("recharge", "pass_through")
        for markup in (0, 1_250)
    }
    figures = [(10_000, 250_000), (15_000, 333_333), (-10_000, 50), (1, 50), (3_333, 1), (30_000, 16_667), (10_000, 99_999_999_999)]
    for (quantity, price), included, vat in itertools.product(figures, (False, True), (None, 2_100, 900)):
        for (treatment, markup), kind in kinds.items():
            row = builders.expense(work, by, kind, price, quantity_e4=quantity, vat_included=included, purchase_vat_bp=vat)
            query = select(selection.amount_of("expense")).join(ExpenseCategory, ExpenseCategory.id == Expense.category_id)
            expected = expense_net(
                Decimal(quantity) / 10_000, Decimal(price) / 10_000, vat_included=included, purchase_vat_bp=vat, mark_up_bp=markup,
                pass_through=treatment == "pass_through",
            ).net  # fmt: skip
            assert db.session.scalar(query.where(Expense.id == row.id)) == to_cents(expected), (
                quantity,
                price,
                included,
                vat,
                treatment,
                markup,
            )
