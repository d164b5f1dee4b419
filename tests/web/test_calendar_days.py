"""The calendar day of an entry is the organisation's, whatever the server's clock is set to (domain 11, invariant 11)."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

import builders
from blueprints import formats
from fakes import Clock
from models import TimeEntry, db
from page import Browser

ZONES = ("UTC", "Pacific/Kiritimati", "America/Los_Angeles", "Europe/Amsterdam")


@pytest.fixture(params=ZONES)
def server_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def _somebody(app: Flask) -> Browser:
    builders.user("administrator", email="nacht@bureau.example", password=builders.PASSWORD, language="en")
    return Browser(app).sign_in("nacht@bureau.example", builders.PASSWORD)


def test_invariant_11_half_past_eleven_at_night_utc_is_tomorrow_in_amsterdam_everywhere(app: Flask, clock: Clock, server_zone: str) -> None:
    clock.moment = dt.datetime(2026, 11, 20, 23, 30, tzinfo=dt.UTC)
    assert formats.today() == dt.date(2026, 11, 21)
    page = _somebody(app).open("/register/day")
    assert page.first("input", name="date")["value"] == "21-11-2026"


@pytest.mark.parametrize("moment", ["2026-03-29T00:30", "2026-10-25T00:30", "2026-10-25T01:30"])
def test_invariant_11_a_day_that_was_typed_stays_that_day_through_both_clock_changes(
    app: Flask, clock: Clock, server_zone: str, moment: str
) -> None:
    clock.moment = dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC)
    day = clock.moment.date()
    entry = builders.entry(date=day)
    db.session.expire_all()
    assert db.session.scalars(select(TimeEntry.date).where(TimeEntry.id == entry.id)).one() == day
    night = _somebody(app)
    night.open(f"/reports/hours?from={day}&to={day}")
    assert len(night.page.all("input", name="time")) == 1
