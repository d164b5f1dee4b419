"""Rates on entries and trips: found when they are saved, found again while nothing bills them."""

from __future__ import annotations

from itertools import product

import pytest
from flask import Flask
from sqlalchemy import insert

import builders
from billing.rates import CHAINS, rate_for
from invoicing import rates
from models import BillingLink, Organisation, ProjectActivity, ProjectUser, TimeEntry, Trip, db
from statements import counted

NOW = builders.NOW


def claim(source_type: str, source_id: int, state: str) -> None:
    db.session.add(BillingLink(source_type=source_type, source_id=source_id, state=state, created_at=NOW))
    db.session.commit()


def with_rates(method: str, filled: tuple[int | None, ...]) -> TimeEntry:
    """An entry whose six possible rates are these, in the order of `rates.RATES`."""
    given = dict(zip(rates.RATES, filled, strict=True))
    project = builders.project(builders.customer(hourly_rate_e4=given["customer"]), method=method, hourly_rate_e4=given["project"])
    activity = builders.activity(hourly_rate_e4=given["activity"])
    user = builders.user("user", hourly_rate_e4=given["user"])
    db.session.add_all(
        [
            ProjectActivity(project_id=project.id, activity_id=activity.id, hourly_rate_e4=given["project_activity"]),
            ProjectUser(project_id=project.id, user_id=user.id, hourly_rate_e4=given["project_user"]),
        ]
    )
    db.session.commit()
    return builders.entry(project, user, activity, rate_e4=7, rate_source="project")


# Every source empty, zero or filled, thinned out so that each method meets each pair.
COMBINATIONS = [combination for n, combination in enumerate(product((None, 0, 880_000), repeat=6)) if n % 41 == 0]


@pytest.mark.parametrize("method", CHAINS)
def test_the_database_looks_rates_up_as_the_rules_do(app: Flask, method: str) -> None:
    entries = [(with_rates(method, combination), combination) for combination in COMBINATIONS]
    expected = {entry.id: rate_for(method, **dict(zip(rates.RATES, filled, strict=True))) for entry, filled in entries}
    rates.reprice_unbilled(now=NOW)
    db.session.commit()
    found = {entry.id: (entry.rate_e4, entry.rate_source) for entry, _ in entries}
    assert found == {key: (rate.price_e4, rate.source) for key, rate in expected.items()}
    for entry, _ in entries:
        entry.rate_e4, entry.rate_source = 7, "project"
        rates.price_time_entry(entry)
    assert {entry.id: (entry.rate_e4, entry.rate_source) for entry, _ in entries} == found


def test_zero_by_choice_is_a_rate_and_nothing_is_missing(app: Flask) -> None:
    free = builders.entry(builders.project(hourly_rate_e4=0))
    unknown = builders.entry(builders.project(hourly_rate_e4=None))
    for entry in (free, unknown):
        rates.price_time_entry(entry)
    assert (free.rate_e4, free.rate_source) == (0, "project")
    assert (unknown.rate_e4, unknown.rate_source) == (None, "missing")


def test_an_entry_without_a_project_takes_the_rate_of_its_customer(app: Flask) -> None:
    entry = builders.entry(builders.project(builders.customer(hourly_rate_e4=700_000)))
    entry.project_id = None
    rates.price_time_entry(entry)
    assert (entry.rate_e4, entry.rate_source) == (700_000, "customer")
    entry.rate_e4 = 1
    assert rates.reprice_unbilled(now=NOW) == 1
    assert entry.rate_e4 == 700_000


@pytest.mark.parametrize(("state", "expected"), [("reserved", 950_000), ("live", 950_000), ("released", 1_200_000)])
def test_what_is_being_billed_keeps_its_rate(app: Flask, state: str, expected: int) -> None:
    project = builders.project()
    entry = builders.entry(project)
    claim("time", entry.id, state)
    claim("trip", entry.id + 1, "live")
    project.hourly_rate_e4 = 1_200_000
    rates.reprice_unbilled(now=NOW, project_id=project.id)
    db.session.commit()
    assert entry.rate_e4 == expected


def test_only_changed_rows_get_a_new_version(app: Flask) -> None:
    project = builders.project()
    same, other = builders.entry(project), builders.entry(project, rate_e4=100_000)
    elsewhere = builders.entry(rate_e4=100_000)
    assert rates.reprice_unbilled(now=NOW, project_id=project.id) == 1
    db.session.commit()
    assert (same.version, other.version, elsewhere.version) == (1, 2, 1)
    assert (other.rate_e4, elsewhere.rate_e4) == (950_000, 100_000)
    assert rates.reprice_unbilled(now=NOW, project_id=project.id) == 0


def test_a_rate_that_came_with_the_entry_stays(app: Flask) -> None:
    project = builders.project()
    entry = builders.entry(project, rate_e4=10, rate_source=rates.OWN)
    assert rates.reprice_unbilled(now=NOW) == 0
    assert entry.rate_e4 == 10


@pytest.mark.parametrize("name", ["project_id", "activity_id", "user_id", "customer_id"])
def test_each_id_narrows_what_is_looked_up(app: Flask, name: str) -> None:
    mine, other = builders.entry(rate_e4=1), builders.entry(rate_e4=1)
    assert rates.reprice_unbilled(now=NOW, **{name: getattr(mine, name)}) == 1
    assert (mine.rate_e4, other.rate_e4) == (950_000, 1)


def test_trips_take_the_customers_rate_then_the_organisations(app: Flask) -> None:
    customer = builders.customer(km_rate_e4=4_000)
    trip = builders.trip(builders.project(customer))
    rates.price_trip(trip)
    assert (trip.rate_e4, trip.rate_source) == (4_000, "customer")
    customer.km_rate_e4 = None
    assert rates.reprice_unbilled(now=NOW, customer_id=customer.id) == 1
    assert (trip.rate_e4, trip.rate_source) == (None, "missing")
    db.session.get_one(Organisation, 1).km_rate_e4 = 3_500
    assert rates.reprice_unbilled(now=NOW) == 1
    assert (trip.rate_e4, trip.rate_source, trip.version) == (3_500, "organisation", 3)
    rates.price_trip(trip)
    assert (trip.rate_e4, trip.rate_source) == (3_500, "organisation")


def test_a_claimed_trip_keeps_its_rate_and_a_project_leaves_trips_alone(app: Flask) -> None:
    trip = builders.trip(rate_e4=1)
    assert rates.reprice_unbilled(now=NOW, project_id=trip.project_id) == 0
    claim("trip", trip.id, "live")
    assert rates.reprice_unbilled(now=NOW, customer_id=trip.customer_id) == 0
    assert trip.rate_e4 == 1


def test_the_number_of_statements_does_not_grow_with_the_entries(app: Flask) -> None:
    first = builders.entry()
    columns = {column.key: getattr(first, column.key) for column in TimeEntry.__table__.columns if column.key != "id"}
    db.session.execute(insert(TimeEntry), [columns | {"rate_e4": 1}] * 3_000)
    trip = builders.trip()
    columns = {column.key: getattr(trip, column.key) for column in Trip.__table__.columns if column.key != "id"}
    db.session.execute(insert(Trip), [columns] * 100)
    db.session.commit()
    with counted() as seen:
        assert rates.reprice_unbilled(now=NOW) == 3_101
    assert len(seen) <= 4


def test_billable_follows_project_activity_then_activity_and_never_a_project_without_invoicing(app: Flask) -> None:
    project, free = builders.project(), builders.project(method="none")
    paid, unpaid = builders.activity(), builders.activity(billable=False)
    assert rates.billable_by_default(project, paid)
    assert not rates.billable_by_default(project, unpaid)
    assert not rates.billable_by_default(free, paid)
    assert not rates.billable_by_default(None, unpaid)
    db.session.add_all(
        [
            ProjectActivity(project_id=project.id, activity_id=paid.id, billable=False),
            ProjectActivity(project_id=project.id, activity_id=unpaid.id, billable=True),
            ProjectActivity(project_id=free.id, activity_id=paid.id, billable=True),
        ]
    )
    db.session.commit()
    assert not rates.billable_by_default(project, paid)
    assert rates.billable_by_default(project, unpaid)
    assert not rates.billable_by_default(free, paid)
