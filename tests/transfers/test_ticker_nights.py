"""The nightly turn: each local date once, on nights when clocks change too; late ones made up for once, older ones written down."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask

import builders
from fakes import Clock
from import_stage import Package, Stage, record
from models import Connection, FormToken, ImportRow, ImportRun, LoginSession, Organisation, ScheduledRun, Throttle, db
from transfers import imports, ticker

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


@pytest.fixture
def stage(app: Flask, clock: Clock) -> Stage:
    stage = Stage(app, clock, Package([record("DB1"), record("DB2")])).connect()
    stage.connection.nightly = True
    db.session.get_one(Organisation, 1).nightly_at = "03:30"
    db.session.commit()
    clock.moment = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)
    ticker.tick(clock())  # the turn of the 19th, made up for
    while imports.work_one(stage.context()):
        pass
    return stage


def runs() -> list[ImportRun]:
    db.session.rollback()
    return db.session.query(ImportRun).order_by(ImportRun.id).all()


def turns(job: str = "import wefact") -> list[tuple[str, str]]:
    db.session.rollback()
    return [(str(row.slot), row.state) for row in db.session.query(ScheduledRun).filter_by(job=job).order_by(ScheduledRun.slot)]


def test_the_import_waits_for_its_time_and_then_runs_once(stage: Stage, clock: Clock) -> None:
    clock.moment = datetime(2026, 11, 20, 2, 29, 59, tzinfo=UTC)  # 03:29:59 there
    assert ticker.tick(clock()) == ["import wefact of 2026-11-19 is done"]
    clock.forward(seconds=1)
    assert [line.partition(":")[0] for line in ticker.tick(clock())] == ["import wefact of 2026-11-20", "housekeeping of 2026-11-20"]
    for _ in range(3):
        clock.forward(seconds=30)
        assert ticker.tick(clock()) == []
    run = runs()[-1]
    assert (len(runs()), run.source, run.mode, run.preview_only, run.full, run.state) == (2, "nightly", "update", False, False, "waiting")
    imports.work_one(stage.context())
    ticker.tick(clock())
    assert turns() == [("2026-11-19", "done"), ("2026-11-20", "done")]


def test_once_a_week_the_whole_list_is_read(stage: Stage, clock: Clock) -> None:
    clock.moment = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
    for _ in range(14):
        ticker.tick(clock())
        while imports.work_one(stage.context()):
            pass
        clock.forward(days=1)
    assert [run.full for run in runs()[1:]] == [*[False] * 7, True, *[False] * 6]


@pytest.mark.parametrize("nightly_at", ["02:30", "03:00", "23:59"])
@pytest.mark.parametrize("begin", [datetime(2026, 3, 28, 0, 5, tzinfo=UTC), datetime(2026, 10, 24, 0, 5, tzinfo=UTC)])
def test_k14_each_date_once_while_clocks_change(stage: Stage, clock: Clock, begin: datetime, nightly_at: str) -> None:
    db.session.query(ScheduledRun).delete()
    db.session.get_one(Organisation, 1).nightly_at = nightly_at
    db.session.commit()
    clock.moment = begin
    while clock() < begin + timedelta(days=3):
        ticker.tick(clock())
        while imports.work_one(stage.context()):
            pass
        clock.forward(minutes=30)
    slots = [date.fromisoformat(slot) for slot, _ in turns()]
    assert slots == [slots[0] + timedelta(days=n) for n in range(len(slots))]
    assert len(slots) in (3, 4)
    assert {state for _, state in turns()} == {"done"}
    at = time.fromisoformat(nightly_at)
    for slot, run in zip(slots[1:], runs()[2:], strict=True):
        late = run.created_at - ticker.due_at(slot, AMSTERDAM, at)
        assert timedelta() <= late < timedelta(minutes=30)


def test_a_clock_that_jumps_back_repeats_nothing(stage: Stage, clock: Clock) -> None:
    clock.moment = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    ticker.tick(clock())
    count = len(runs())
    for hours in (-1, -26, 25):
        clock.forward(hours=hours)
        ticker.tick(clock())
    assert len(runs()) == count


def test_less_than_a_day_late_is_made_up_for_and_older_dates_are_missed(stage: Stage, clock: Clock) -> None:
    clock.moment = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)  # 02:00 there: the turn of the 23rd is 22 hours late
    lines = ticker.tick(clock())
    assert "import wefact of 2026-11-20 was missed" in lines
    assert turns() == [
        ("2026-11-19", "done"),
        ("2026-11-20", "missed"),
        ("2026-11-21", "missed"),
        ("2026-11-22", "missed"),
        ("2026-11-23", "running"),
    ]
    assert len(runs()) == 2


def test_nights_on_which_the_switch_was_off_are_not_missed(stage: Stage, clock: Clock) -> None:
    stage.connection.nightly = False
    db.session.commit()
    clock.moment = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
    for _ in range(3):
        ticker.tick(clock())
        clock.forward(days=1)
    stage.connection.nightly = True
    db.session.commit()
    ticker.tick(clock())
    assert turns() == [("2026-11-19", "done"), ("2026-11-23", "running")]


def test_k12_a_manual_import_goes_first_and_the_night_follows_at_a_later_tick(stage: Stage, clock: Clock) -> None:
    stage.ask()
    clock.moment = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
    ticker.tick(clock())
    assert turns() == [("2026-11-19", "done")]
    imports.work_one(stage.context())
    clock.forward(seconds=30)
    ticker.tick(clock())
    assert turns() == [("2026-11-19", "done"), ("2026-11-20", "running")]


def test_one_package_that_cannot_does_not_stop_the_others(stage: Stage, clock: Clock) -> None:
    other = db.session.query(Connection).filter_by(vendor="hostfact").one()
    other.nightly, other.state, other.url, other.secret_sealed = True, "connected", "https://hostfact.example.com", "unreadable"
    db.session.commit()
    clock.moment = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
    ticker.tick(clock())
    while imports.work_one(stage.context()):
        pass
    ticker.tick(clock())
    assert [(run.connection.vendor, run.state) for run in runs()[-2:]] == [("wefact", "done"), ("hostfact", "failed")]
    assert turns()[-1] == ("2026-11-20", "done")
    assert turns("import hostfact")[-1] == ("2026-11-20", "failed")


def test_a_package_that_fails_or_is_off_gets_no_nightly_import(stage: Stage, clock: Clock) -> None:
    stage.connection.state = "failing"
    db.session.commit()
    clock.moment = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
    ticker.tick(clock())
    assert len(runs()) == 1


def test_k14_the_slot_of_another_process_is_respected(stage: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.moment = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
    ticker.tick(clock())
    count = len(runs())
    # As if the other process wrote its row between our look and our own insert.
    real = db.session.scalar
    monkeypatch.setattr(db.session, "scalar", lambda statement: date(2026, 11, 19) if "max(" in str(statement) else real(statement))
    assert ticker.tick(clock()) == []
    assert len(runs()) == count


def test_the_zone_is_the_organisations(stage: Stage, clock: Clock) -> None:
    db.session.get_one(Organisation, 1).timezone = "America/New_York"
    db.session.commit()
    clock.moment = datetime(2026, 11, 20, 8, 29, tzinfo=UTC)
    ticker.tick(clock())
    assert len(runs()) == 1
    clock.forward(minutes=1)
    ticker.tick(clock())
    assert len(runs()) == 2


def test_housekeeping_removes_what_has_had_its_time(stage: Stage, clock: Clock) -> None:
    user = builders.user()
    now = clock()
    for days in (1, 8):
        at = now - timedelta(days=days)
        db.session.add(LoginSession(token_hash=str(days), user_id=user.id, created_at=at, seen_at=at, selection={}))
        db.session.add(Throttle(key=str(days), at=at + timedelta(hours=1)))
        db.session.add(FormToken(user_id=user.id, token=str(days), location="/", created_at=at))
    db.session.commit()
    clock.moment = datetime(2026, 11, 20, 2, 30, tzinfo=UTC)
    ticker.tick(clock())
    assert [row.token_hash for row in db.session.query(LoginSession)] == ["1"]
    assert [row.token for row in db.session.query(FormToken)] == ["1"]
    assert db.session.query(Throttle).filter_by(key="8").count() == 0
    assert turns("housekeeping")[-1] == ("2026-11-20", "done")
    assert db.session.query(ImportRow).count() == 2
    clock.forward(days=91)
    ticker.tick(clock())
    assert db.session.query(ImportRow).count() == 0


def test_a_tick_of_a_serving_process_says_when_it_was(app: Flask, stage: Stage, clock: Clock) -> None:
    db.session.rollback()
    ticker.tick_in(app)
    assert app.extensions["ticked_at"] == clock()
