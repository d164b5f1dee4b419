"""A customer import from the first page to the last customer: counts, kills, two workers, lists that change, failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import event

import builders
from connectors.errors import AccessRefused, ConnectorError, NotProcessed, Rejected, Unavailable
from fakes import Clock
from import_stage import Package, Stage, counts, record
from models import AuditEvent, Connection, Customer, ExternalLink, ImportPage, ImportRow, ImportRun, db
from transfers import import_apply, imports


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def stage(app: Flask, clock: Clock) -> Stage:
    return Stage(app, clock, Package([record(f"DB{n}") for n in range(1, 8)])).connect()


def everything() -> list[tuple[object, ...]]:
    """All that an import may write, by value."""
    db.session.rollback()
    customers = db.session.query(Customer).order_by(Customer.id)
    links = db.session.query(ExternalLink).order_by(ExternalLink.external_id)
    return [(c.id, c.number, c.name, c.email, c.flags, c.version, c.updated_at) for c in customers] + [
        (link.local_id, link.external_id, link.external_code, link.seen_hash, link.missing_since_at) for link in links
    ]


def test_a_first_import_makes_customers_and_links(stage: Stage) -> None:
    run = stage.run()
    assert (run.state, run.reason, counts(run)) == ("done", "", {"created": 7})
    customer = db.session.query(Customer).filter_by(number="DB3").one()
    assert (customer.name, customer.contact_first_name, customer.email) == ("Klant DB3 B.V.", "Noor", "db3@klant.example")
    link = db.session.query(ExternalLink).filter_by(local_id=customer.id).one()
    assert (link.external_code, link.external_name) == ("DB3", "Klant DB3 B.V.")
    assert stage.package.asked == [(None, 0), (None, 3), (None, 6)]
    assert db.session.query(ImportPage).count() == 0
    event_row = db.session.query(AuditEvent).filter_by(action="customers_imported").one()
    assert event_row.details == {"created": 7, "updated": 0}


def test_importing_twice_changes_nothing(stage: Stage, clock: Clock) -> None:
    stage.run()
    before = everything()
    clock.forward(days=1)
    run = stage.run()
    assert counts(run) == {"unchanged": 7}
    assert everything() == before
    assert db.session.query(ImportRow).filter_by(run_id=run.id).count() == 0


def test_an_unchanged_import_writes_no_customer_and_no_link(stage: Stage) -> None:
    stage.run()
    written: list[str] = []

    def note(connection, cursor, statement, parameters, context, executemany) -> None:  # type: ignore[no-untyped-def]
        words = statement.split()
        if words[0] in ("INSERT", "UPDATE", "DELETE"):
            written.append(next(word.strip('"') for word in words[1:] if word not in ("INTO", "FROM")))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        stage.run()
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    assert set(written) <= {"import_run", "import_page", "connection"}


def test_a_changed_row_updates_only_what_it_tells(stage: Stage) -> None:
    stage.run()
    customer = db.session.query(Customer).filter_by(number="DB2").one()
    customer.phone, customer.city, customer.notes = "030 123", "Utrecht", "belt graag"
    db.session.commit()
    stage.package.rows[1] = replace(stage.package.rows[1], name="Nieuwe Naam B.V.", email="")
    run = stage.run()
    assert counts(run) == {"updated": 1, "unchanged": 6}
    row = db.session.query(ImportRow).filter_by(run_id=run.id).one()
    assert row.changes == {"name": ["Klant DB2 B.V.", "Nieuwe Naam B.V."], "email": ["db2@klant.example", ""]}
    customer = db.session.query(Customer).filter_by(number="DB2").one()
    assert (customer.name, customer.email, customer.phone, customer.city) == ("Nieuwe Naam B.V.", "", "030 123", "Utrecht")
    assert (customer.notes, customer.version) == ("belt graag", 2)


def test_mode_new_leaves_existing_customers_alone_and_a_later_update_still_meets_them(stage: Stage) -> None:
    stage.run()
    builders.customer("X9", "Van ons")
    stage.package.rows[1] = replace(stage.package.rows[1], name="Nieuwe Naam B.V.")
    stage.package.rows += [record("X9", "Van hen"), record("X10")]
    run = stage.run(mode="new")
    assert counts(run) == {"created": 1, "skipped": 2, "unchanged": 6}
    assert {c.name for c in db.session.query(Customer)} >= {"Klant DB2 B.V.", "Van ons"}
    run = stage.run(mode="update")
    assert counts(run) == {"updated": 2, "unchanged": 7}
    assert {c.name for c in db.session.query(Customer)} >= {"Nieuwe Naam B.V.", "Van hen"}
    assert counts(stage.run()) == {"unchanged": 9}


def test_a_preview_writes_no_customer_and_starting_it_reads_nothing_again(stage: Stage, clock: Clock) -> None:
    run = stage.run(preview_only=True)
    assert (run.state, counts(run)) == ("preview", {"created": 7})
    assert everything() == []
    calls = len(stage.package.asked)
    clock.forward(minutes=5)
    imports.apply_preview(run.id, {}, clock())
    assert imports.work_one(stage.context())
    run = stage.look(run.id)
    assert (run.state, counts(run), len(stage.package.asked)) == ("done", {"created": 7}, calls)
    with pytest.raises(imports.PreviewStale):
        imports.apply_preview(run.id, {}, clock())


def test_a_preview_is_stale_once_a_later_import_ran(stage: Stage, clock: Clock) -> None:
    preview = stage.run(preview_only=True)
    stage.run()
    with pytest.raises(imports.PreviewStale):
        imports.apply_preview(preview.id, {}, clock())


def test_rows_are_judged_again_when_a_preview_is_applied(stage: Stage, clock: Clock) -> None:
    run = stage.run(preview_only=True)
    builders.customer("db3", "Intussen zelf gemaakt")
    imports.apply_preview(run.id, {}, clock())
    imports.work_one(stage.context())
    assert counts(stage.look(run.id)) == {"created": 6, "updated": 1}
    assert db.session.query(Customer).filter_by(number_key="db3").one().name == "Klant DB3 B.V."


def test_a_second_request_is_told_who_started_the_first_and_when(stage: Stage, clock: Clock) -> None:
    ans = builders.user(name="Ans de Wit")
    first = stage.ask(user_id=ans.id)
    started = clock()
    clock.forward(minutes=3)
    with pytest.raises(imports.RunUnderway) as refused:
        stage.ask()
    assert (refused.value.run_id, refused.value.started_by, refused.value.started_at) == (first, "Ans de Wit", started)


def test_a_package_that_is_off_has_nothing_to_import(stage: Stage) -> None:
    stage.connection.state = "off"
    db.session.commit()
    with pytest.raises(imports.NotConnected):
        stage.ask()


# --- Kills and workers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [0, 3, 6])
def test_e01_killed_while_waiting_for_a_page_it_goes_on_after_the_last_one_kept(stage: Stage, clock: Clock, page: int) -> None:
    run_id = stage.ask()

    def die(offset: int) -> None:
        if offset == page:
            stage.package.on_page = lambda offset: None
            raise Killed

    stage.package.on_page = die
    with pytest.raises(Killed):
        imports.work_one(stage.context())
    assert not imports.work_one(stage.context("worker-2")), "the lease still runs"
    clock.forward(minutes=10)
    assert imports.work_one(stage.context("worker-2"))
    assert [offset for _, offset in stage.package.asked] == sorted([0, 3, 6, page])
    assert counts(stage.look(run_id)) == {"created": 7}


@pytest.mark.parametrize("step", range(1, 17))
def test_e01_killed_at_any_commit_the_end_is_the_same(stage: Stage, clock: Clock, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(import_apply, "BATCH", 3)
    stage.run()
    stage.package.rows = [replace(row, email="nieuw@klant.example") for row in stage.package.rows[:4]] + [record(f"N{n}") for n in range(6)]
    wanted = {"created": 6, "updated": 4}
    run_id = stage.ask()
    left = [step]
    real = db.session.commit

    def commit() -> None:
        left[0] -= 1
        if left[0] == 0:
            db.session.rollback()
            raise Killed
        real()

    monkeypatch.setattr(db.session, "commit", commit)
    try:
        while imports.work_one(stage.context()):
            pass
    except Killed:
        monkeypatch.setattr(db.session, "commit", real)
        clock.forward(minutes=10)
        while imports.work_one(stage.context("worker-2")):
            pass
    monkeypatch.setattr(db.session, "commit", real)
    run = stage.look(run_id)
    assert (run.state, counts(run)) == ("done", wanted)
    assert db.session.query(Customer).count() == 13
    assert db.session.query(ExternalLink).count() == 13
    before = everything()
    assert counts(stage.run()) == {"unchanged": 10}
    assert everything() == before


def test_k10_two_workers_one_run(stage: Stage) -> None:
    run_id = stage.ask()
    taken: list[bool] = []
    stage.package.on_page = lambda offset: taken.append(imports.work_one(stage.context("worker-2")))
    assert imports.work_one(stage.context())
    assert taken == [False, False, False]
    assert counts(stage.look(run_id)) == {"created": 7}


def test_k15_a_worker_that_wakes_up_after_its_lease_writes_nothing_more(stage: Stage, clock: Clock) -> None:
    run_id = stage.ask()

    def freeze(offset: int) -> None:
        if offset == 3:
            stage.package.on_page = lambda offset: None
            clock.forward(hours=1)
            assert imports.work_one(stage.context("worker-2"))

    stage.package.on_page = freeze
    assert imports.work_one(stage.context())
    run = stage.look(run_id)
    assert (run.state, counts(run)) == ("done", {"created": 7})
    assert db.session.query(Customer).count() == 7


def test_a_run_whose_workers_keep_dying_is_given_up(stage: Stage, clock: Clock) -> None:
    run_id = stage.ask()

    def die(offset: int) -> None:
        raise Killed

    stage.package.on_page = die
    for _ in range(imports.MOST_TRIES):
        with pytest.raises(Killed):
            imports.work_one(stage.context())
        clock.forward(minutes=10)
    assert imports.work_one(stage.context())
    assert (stage.look(run_id).state, stage.look(run_id).reason) == ("failed", "interrupted")


# --- Lists that change, repeat or drop ------------------------------------------------------------------------------------------


def test_r35_a_list_that_changed_while_it_was_read_is_read_twice(stage: Stage) -> None:
    def shift(offset: int) -> None:
        if offset == 3:
            stage.package.on_page = lambda offset: None
            stage.package.rows.insert(0, record("AA1"))

    stage.package.on_page = shift
    run = stage.run()
    assert counts(run) == {"created": 8}
    assert (run.reason, [offset for _, offset in stage.package.asked]) == ("", [0, 3, 6, 0, 3, 6])


def test_r35_a_list_that_never_adds_up_is_applied_and_told_and_flags_nobody(stage: Stage) -> None:
    stage.run()
    del stage.package.rows[0]
    stage.package.total = 9
    run = stage.run()
    assert (run.state, run.reason, counts(run)) == ("done", "incomplete_list", {"unchanged": 6})
    assert db.session.query(ExternalLink).filter(ExternalLink.missing_since_at.isnot(None)).count() == 0
    assert len(stage.package.asked) == 3 + 2 * 2


def test_r36_a_row_that_comes_twice_counts_once(stage: Stage) -> None:
    stage.package.rows.append(stage.package.rows[0])
    stage.package.total = 7
    assert counts(stage.run()) == {"created": 7}


def test_a_customer_that_is_gone_there_is_flagged_and_unflagged_when_it_is_back(stage: Stage, clock: Clock) -> None:
    stage.run()
    gone = stage.package.rows.pop(2)
    run = stage.run()
    assert (run.reason, counts(run)) == ("", {"unchanged": 6})
    link = db.session.query(ExternalLink).filter_by(external_id=gone.remote_id).one()
    assert link.missing_since_at == clock()
    assert db.session.query(Customer).count() == 7
    stage.package.rows.insert(2, gone)
    stage.run()
    assert db.session.query(ExternalLink).filter_by(external_id=gone.remote_id).one().missing_since_at is None


def test_more_than_a_fifth_gone_flags_nobody_and_says_so(stage: Stage) -> None:
    stage.run()
    del stage.package.rows[:2]
    run = stage.run()
    assert (run.state, run.reason, run.reason_params) == ("done", "too_many_missing", {"missing": 2, "linked": 7})
    assert db.session.query(ExternalLink).filter(ExternalLink.missing_since_at.isnot(None)).count() == 0


def test_a_row_that_cannot_be_read_fails_alone_and_its_customer_is_not_missing(stage: Stage) -> None:
    stage.run()
    broken = stage.package.rows.pop()
    stage.package.unreadable = ((broken.number, "Identifier: None (NoneType)"),)
    run = stage.run()
    assert (run.reason, counts(run)) == ("", {"unchanged": 6, "failed": 1})
    row = db.session.query(ImportRow).filter_by(run_id=run.id).one()
    assert (row.action, row.number, row.reason) == ("failed", "DB7", "unreadable_row")
    assert db.session.query(ExternalLink).filter(ExternalLink.missing_since_at.isnot(None)).count() == 0


# --- Since when -----------------------------------------------------------------------------------------------------------------


def test_an_incremental_import_asks_for_what_changed_since_two_hours_before_the_last_one(stage: Stage) -> None:
    stage.run(full=False)
    assert stage.package.asked[0] == (None, 0), "the first one is whole"
    assert stage.connection.imported_until == "2026-11-20T10:00:00+01:00"
    stage.package.rows = [replace(stage.package.rows[1], name="Nieuwe Naam B.V.")]
    stage.package.asked.clear()
    run = stage.run(full=False)
    assert stage.package.asked == [("2026-11-20 08:00:00", 0)]
    assert counts(run) == {"updated": 1}
    assert db.session.query(ExternalLink).filter(ExternalLink.missing_since_at.isnot(None)).count() == 0


def test_a_preview_and_an_incomplete_list_do_not_move_the_mark(stage: Stage) -> None:
    stage.run(preview_only=True)
    assert (stage.connection.imported_until, stage.connection.full_import_at) == ("", None)
    stage.package.total = 99
    stage.run()
    assert (stage.connection.imported_until, stage.connection.full_import_at) == ("", None)


# --- Failures -------------------------------------------------------------------------------------------------------------------


def fails(stage: Stage, offset: int, error: ConnectorError, times: int = 1) -> Callable[[int], None]:
    left = [times]

    def on_page(at: int) -> None:
        if at == offset and left[0]:
            left[0] -= 1
            raise error

    stage.package.on_page = on_page
    return on_page


def test_r19_not_processed_waits_as_long_as_asked_and_goes_on_at_the_same_page(stage: Stage, clock: Clock) -> None:
    run_id = stage.ask()
    fails(stage, 3, NotProcessed("budget", retry_after=40))
    assert imports.work_one(stage.context())
    run = stage.look(run_id)
    assert (run.state, run.reason, run.owner) == ("reading", "budget", "")
    clock.forward(seconds=39)
    assert not imports.work_one(stage.context())
    clock.forward(seconds=1)
    assert imports.work_one(stage.context())
    assert counts(stage.look(run_id)) == {"created": 7}
    assert [offset for _, offset in stage.package.asked] == [0, 3, 3, 6]


def test_r40_down_for_a_day_the_run_is_given_up(stage: Stage, clock: Clock) -> None:
    run_id = stage.ask()
    fails(stage, 0, NotProcessed("unavailable", retry_after=10**9), times=99)
    while stage.look(run_id).state != "failed":
        imports.work_one(stage.context())
        clock.forward(hours=7)
    assert stage.look(run_id).reason == "unavailable"
    assert len(stage.package.asked) == 5


def test_r22_a_refused_key_stops_the_run_and_the_connection(stage: Stage, clock: Clock) -> None:
    fails(stage, 0, AccessRefused("address_refused", "Geen toegang", address="203.0.113.7"))
    run = stage.run()
    assert (run.state, run.reason, run.reason_params["address"]) == ("failed", "address_refused", "203.0.113.7")
    assert (stage.connection.state, stage.connection.problem) == ("failing", "address_refused")
    run = stage.run()
    assert (run.state, stage.connection.state) == ("done", "connected")


def test_r09_other_failures_are_tried_a_few_times(stage: Stage, clock: Clock) -> None:
    run_id = stage.ask()
    fails(stage, 3, Unavailable("read_timeout"), times=2)
    for _ in range(3):
        assert imports.work_one(stage.context())
        clock.forward(minutes=5)
    assert counts(stage.look(run_id)) == {"created": 7}


def test_r09_and_then_it_is_given_up_with_the_reason(stage: Stage, clock: Clock) -> None:
    run_id = stage.ask()
    fails(stage, 3, Unavailable("server_error", "boem"), times=99)
    while imports.work_one(stage.context()):
        clock.forward(hours=1)
    run = stage.look(run_id)
    assert (run.state, run.reason, run.reason_params, run.ended_at is not None) == ("failed", "server_error", {"detail": "boem"}, True)
    assert len(stage.package.asked) == 1 + imports.MOST_TRIES
    assert db.session.query(ImportPage).count() == 0


def test_r24_a_refusal_is_not_repeated(stage: Stage) -> None:
    fails(stage, 0, Rejected("rejected", "Ongeldige actie"), times=99)
    run = stage.run()
    assert (run.state, run.reason, len(stage.package.asked)) == ("failed", "rejected", 1)


def test_e11_an_unreadable_key_fails_the_run_without_a_call(stage: Stage) -> None:
    stage.connection.secret_sealed = "gAAAA-niet-van-hier"
    db.session.commit()
    run = stage.run()
    assert (run.state, run.reason, stage.package.asked) == ("failed", "key_unreadable", [])
    assert db.session.query(Connection).filter_by(vendor="wefact").one().problem == "key_unreadable"


def test_run_to_end_waits_where_it_has_to(stage: Stage, clock: Clock) -> None:
    begin = clock()
    run_id = stage.ask()
    fails(stage, 3, NotProcessed("budget", retry_after=90))
    run = imports.run_to_end(stage.context(), run_id)
    assert (run.state, counts(run)) == ("done", {"created": 7})
    assert (clock() - begin).total_seconds() == 90


def test_housekeeping_rows_stay_out_of_other_runs(stage: Stage) -> None:
    stage.run(preview_only=True)
    assert db.session.query(ImportPage).count() == 3
    run_id = stage.ask()
    assert db.session.query(ImportPage).count() == 0
    assert db.session.query(ImportRun).filter_by(id=run_id).one().state == "waiting"


def test_run_to_end_watches_when_another_process_took_the_run(stage: Stage, clock: Clock) -> None:
    run_id = stage.ask()
    other = stage.context("worker-2")
    waits: list[float] = []

    def wait(seconds: float) -> None:
        assert not db.session().in_transaction(), "a transaction was open while waiting"
        waits.append(seconds)
        clock.forward(minutes=10)
        imports.work_one(other)

    stage.wait = wait  # type: ignore[method-assign]

    def die(offset: int) -> None:
        stage.package.on_page = lambda offset: None
        raise Killed

    stage.package.on_page = die
    with pytest.raises(Killed):
        imports.work_one(other)
    assert counts(imports.run_to_end(stage.context(), run_id)) == {"created": 7}
    assert waits == [1.0]
