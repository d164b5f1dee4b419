"""Imports with real threads on a real database: one request wins, one worker works, one slot is taken."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from flask import Flask

import builders
from fakes import Clock
from import_stage import Package, Stage, counts, record
from models import Connection, Customer, CustomerMatch, ImportRun, ScheduledRun, db
from transfers import customers, imports, ticker


@pytest.fixture
def stage(app: Flask, clock: Clock) -> Stage:
    return Stage(app, clock, Package([record(f"DB{n}") for n in range(1, 8)])).connect()


def together(app: Flask, *pieces: Callable[[], Any]) -> list[Any]:
    """All at once, each in a context of its own; what each returned or raised."""
    db.session.rollback()
    barrier, results = threading.Barrier(len(pieces)), [None] * len(pieces)

    def run(place: int, piece: Callable[[], Any]) -> None:
        with app.app_context():
            barrier.wait(10)
            try:
                results[place] = piece()
            except (imports.RunUnderway, RuntimeError) as error:
                results[place] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(place, piece)) for place, piece in enumerate(pieces)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


def test_k09_of_many_requests_at_once_one_wins(app: Flask, stage: Stage) -> None:
    results = together(app, *[stage.ask] * 4)
    assert sorted(type(result).__name__ for result in results) == ["RunUnderway"] * 3 + ["int"]
    assert db.session.query(ImportRun).count() == 1


def test_k09_of_many_workers_one_takes_the_run(app: Flask, stage: Stage) -> None:
    run_id = stage.ask()
    results = together(app, *[lambda place=place: imports.work_one(stage.context(f"worker-{place}")) for place in range(4)])
    assert sorted(results) == [False, False, False, True]
    assert counts(stage.look(run_id)) == {"created": 7}
    assert (db.session.query(Customer).count(), len(stage.package.asked)) == (7, 3)


def test_k09_of_many_starts_of_a_preview_one_works(app: Flask, stage: Stage) -> None:
    run = stage.run(preview_only=True)
    run_id = run.id

    def start() -> str:
        try:
            imports.apply_preview(run_id, {}, stage.clock())
        except imports.PreviewStale:
            return "stale"
        return "started"

    assert sorted(str(result) for result in together(app, start, start, start)) == ["stale", "stale", "started"]
    assert imports.work_one(stage.context())
    assert not imports.work_one(stage.context())
    assert counts(stage.look(run_id)) == {"created": 7}


def test_k14_of_many_ticks_one_starts_the_night(app: Flask, stage: Stage) -> None:
    db.session.get_one(Connection, stage.connection.id).nightly = True
    db.session.commit()
    now = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
    results = together(app, *[lambda: ticker.tick(now)] * 4)
    assert sum(len(result) for result in results) == 2, results
    assert db.session.query(ImportRun).count() == 1
    assert sorted(row.job for row in db.session.query(ScheduledRun)) == ["housekeeping", "import wefact"]


def test_k09_of_many_look_ups_of_one_customer_each_is_asked_once(app: Flask, stage: Stage) -> None:
    ids = [builders.customer().id for _ in range(3)]
    connection_id = stage.connection.id
    results = together(app, *[lambda: customers.request_lookups(connection_id, ids, stage.clock())] * 3)
    assert results == [3, 3, 3]
    assert db.session.query(CustomerMatch).count() == 3
    together(app, *[lambda place=place: customers.look_up_one(stage.context(f"worker-{place}")) for place in range(3)])
    while customers.look_up_one(stage.context()):
        pass
    assert len(stage.package.looked) == len(set(stage.package.looked)) == 3
