"""Trips: kilometres, kinds, rates and locks."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask

import builders
from models import AuditEvent, BillingLink, Organisation, Trip, User, Vehicle, db
from page import Browser, Element
from statements import counted

NEW = "/register/trips/new"
ROUTE = {"From": "Utrecht", "To": "Zeist"}


@pytest.fixture
def ans(browser: Browser) -> User:
    return db.session.query(User).filter_by(email="ans@bureau.example").one()


@pytest.fixture
def trip(ans: User) -> Trip:
    return builders.trip(builders.project(builders.customer(name="Jansen Bouw")), ans)


def trips() -> list[Trip]:
    db.session.expire_all()
    return db.session.query(Trip).order_by(Trip.id).all()


def test_a_trip_is_registered_at_the_customers_rate(browser: Browser, ans: User) -> None:
    project = builders.project(builders.customer(km_rate_e4=4_100))
    car = Vehicle(name="Bus", plate="V-123-BC")
    db.session.add(car)
    db.session.commit()
    page = _add(browser, project.id, distance="23,4", is_return="y", vehicle=str(car.id))
    assert "Trip added." in page.text
    assert "46,8 km" in page.text
    made = trips()[0]
    assert (made.distance_km10, made.is_return, made.vehicle_id, made.kind, made.billable) == (234, True, car.id, "business", True)
    assert (made.rate_e4, made.rate_source, made.user_id, made.date) == (4_100, "customer", ans.id, date(2026, 11, 20))


def _add(browser: Browser, project_id: int, **fields: str) -> Element:
    browser.open(NEW)
    return browser.submit("Save", **({"project": f"p{project_id}", "distance": "10", **ROUTE} | fields))


@pytest.mark.parametrize(
    ("method", "kind", "choice", "expected"),
    [
        ("project", "business", "", True),
        ("project", "commute", "", False),
        ("project", "private", "", False),
        ("project", "commute", "yes", True),
        ("project", "business", "no", False),
        ("none", "business", "", False),
        ("none", "business", "yes", True),
    ],
)
def test_who_pays_for_a_trip(browser: Browser, ans: User, method: str, kind: str, choice: str, expected: bool) -> None:
    _add(browser, builders.project(method=method).id, kind=kind, billable=choice)
    assert browser.status == 200
    assert trips()[0].billable is expected


def test_a_private_trip_is_never_billable(browser: Browser, ans: User) -> None:
    page = _add(browser, builders.project().id, kind="private", billable="yes")
    assert browser.status == 422
    assert "A private trip is never billed." in page.first("div", id="billable-e").text
    assert trips() == []


@pytest.mark.parametrize("distance", ["0", "10000,1", "23,45", "ver", "-3", ""])
def test_a_distance_has_one_decimal_and_an_end(browser: Browser, ans: User, distance: str) -> None:
    page = _add(browser, builders.project().id, distance=distance)
    assert browser.status == 422
    assert page.first("input", id="distance")["value"] == distance
    assert page.first("div", id="distance-e").text
    assert trips() == []


def test_hostile_places_stay_text(browser: Browser, ans: User) -> None:
    page = _add(browser, builders.project().id, From="<script>alert(1)</script>", To="=1+1\u202e")
    assert "<script>alert(1)</script> to =1+1\u202e" in page.text
    assert not [script for script in page.all("script") if not script["src"]]
    _add(browser, builders.project().id, From="x" * 10_000)
    assert browser.status == 422
    assert browser.page.first("input", id="origin")["value"] == "x" * 10_000


def test_a_trip_for_another_customer_is_priced_again(browser: Browser, ans: User, trip: Trip) -> None:
    db.session.get_one(Organisation, 1).km_rate_e4 = 2_300
    other = builders.customer()
    db.session.commit()
    browser.open(f"/register/trips/{trip.id}")
    browser.submit("Save", note="Zelfde klant")
    assert (trips()[0].rate_e4, trips()[0].rate_source) == (3_500, "organisation")
    browser.open(f"/register/trips/{trip.id}")
    browser.submit("Save", project=f"c{other.id}")
    changed = trips()[0]
    assert (changed.customer_id, changed.project_id, changed.rate_e4, changed.version) == (other.id, None, 2_300, 3)


@pytest.mark.parametrize("claim", ["reserved", "live", ""])
def test_a_locked_trip_is_neither_changed_nor_deleted(browser: Browser, ans: User, trip: Trip, claim: str) -> None:
    browser.open(f"/register/trips/{trip.id}")
    if claim:
        db.session.add(BillingLink(source_type="trip", source_id=trip.id, state=claim, created_at=builders.NOW))
    else:
        trip.status = "written_off"
    db.session.commit()
    page = browser.submit("Save", distance="1")
    assert browser.status == 422
    assert {"reserved": "being invoiced", "live": "has been invoiced", "": "written off"}[claim] in page.text
    browser.open(f"/register/trips/{trip.id}/delete")
    browser.submit("Delete")
    assert browser.status == 422
    assert trips()[0].distance_km10 == 460


def test_a_late_save_and_a_late_delete_are_told(browser: Browser, ans: User, trip: Trip) -> None:
    browser.open(f"/register/trips/{trip.id}")
    trip.version = 2
    db.session.commit()
    browser.submit("Save", distance="1")
    assert browser.status == 409
    browser.submit("Save")
    assert (browser.status, trips()[0].distance_km10) == (200, 10)
    browser.open(f"/register/trips/{trip.id}/delete")
    db.session.get_one(Trip, trip.id).version = 9
    db.session.commit()
    browser.submit("Delete")
    assert (browser.status, len(trips())) == (409, 1)
    browser.submit("Delete")
    assert (browser.status, trips()) == (200, [])
    assert db.session.query(AuditEvent).filter_by(action="trip_deleted").one().details["distance_km10"] == 10


def test_others_trips_do_not_exist_for_who_sees_only_their_own(app: Flask, browser: Browser, trip: Trip) -> None:
    builders.user("user", email="bram@bureau.example", password=builders.PASSWORD, language="en")
    bram = Browser(app).sign_in("bram@bureau.example", builders.PASSWORD)
    for path in (f"/register/trips/{trip.id}", f"/register/trips/{trip.id}/delete", f"/register/trips?user={trip.user_id}"):
        bram.open(path)
        assert bram.status == 404
    assert "No trips yet" in bram.open("/register/trips").text


def test_the_number_of_queries_does_not_grow_with_the_trips(browser: Browser, ans: User, trip: Trip) -> None:
    browser.open("/register/trips")
    with counted() as few:
        browser.open("/register/trips")
    for _n in range(20):
        builders.trip(builders.project(), ans)
    with counted() as many:
        browser.open("/register/trips")
    assert len(many) == len(few) <= 10
    with counted() as form:
        browser.open(f"/register/trips/{trip.id}")
    assert len(form) <= 10
