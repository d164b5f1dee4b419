"""Attempts to make the worker hang, starve, call without end, or hold the database while it calls."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from sqlalchemy import select, update

import builders
from connectors.errors import NotProcessed, Unavailable
from connectors.http import Http
from connectors.wefact.connector import WeFactConnector
from models import CallBudget, CustomerMatch, Invoice, Lease, Transfer, db
from transfers import connections, customers, follow, intents, invoices, trial, worker
from transfers.wire import DatabaseWire
from world import World

SETTLE, GAP = 20, 2


def _one_hour(world: World, customer: Any = None, send: bool = False) -> Transfer:
    project = builders.project(customer or world.linked_customer())
    [transfer] = world.invoice([("time", builders.entry(project, world.user).id)], send=send)
    return transfer


def _pause_budget(world: World, minutes: int) -> None:
    until = world.clock.forward(seconds=0)
    db.session.execute(update(CallBudget).values(paused_until_at=until.replace(minute=until.minute + minutes)))
    db.session.commit()


@pytest.fixture
def bounded(world: World) -> list[float]:
    """A worker that waits at most twenty times, and tells how long."""
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        assert len(waits) < 20, "it waits without end"
        world.clock.forward(seconds=seconds)

    world.context = dataclasses.replace(world.context, pause=pause)
    return waits


def test_waiting_for_the_pace_ends_when_the_connection_stops_meanwhile(world: World, bounded: list[float]) -> None:
    transfer = _one_hour(world)
    transfer.reason, transfer.due_at = "budget", world.clock.forward(seconds=5)
    world.connection.state = "failing"
    db.session.commit()
    worker.work_once(world.context)
    assert bounded == []


def test_waiting_for_the_pace_ends_when_sending_is_switched_off(world: World, bounded: list[float]) -> None:
    transfer = _one_hour(world)
    transfer.reason = "budget"
    db.session.commit()
    off = dataclasses.replace(world.context, settings=dataclasses.replace(world.context.settings, exports_enabled=False))
    worker.work_once(off)
    assert (bounded, transfer.state, list(world.server.books.journal)) == ([], "queued", [])


def test_work_that_waits_for_the_pace_is_waited_for_and_done(world: World, bounded: list[float]) -> None:
    transfer = _one_hour(world)
    db.session.add(CallBudget(key="wefact"))
    db.session.flush()
    _pause_budget(world, 3)
    worker.work_once(world.context)
    db.session.expire_all()
    assert transfer.state == "done"
    assert sum(bounded) >= 179


def test_a_look_up_that_waits_for_the_pace_is_waited_for(world: World, bounded: list[float]) -> None:
    customer = builders.customer("DB10012", "Jansen Bouw")
    db.session.add(CallBudget(key="wefact"))
    db.session.flush()
    _pause_budget(world, 3)
    customers.request_lookups(world.connection.id, [customer.id], world.clock())
    worker.work_once(world.context)
    assert db.session.scalar(select(CustomerMatch.id).where(CustomerMatch.state == "looking")) is None
    assert bounded


def test_what_a_dead_owner_left_long_ago_is_settled_in_one_go(world: World) -> None:
    transfer = _one_hour(world)
    transfer.state, transfer.stage, transfer.attempt, transfer.owner = "creating", "create", 1, "somebody:1:dead"
    transfer.lease_until_at = transfer.first_write_at = transfer.last_write_at = world.clock()
    db.session.commit()
    world.clock.forward(hours=2)
    world.work()
    assert (transfer.state, transfer.reason) == ("checking", "not_found_yet")


def test_the_settle_time_begins_when_the_lease_ends_because_a_frozen_owner_may_write_until_then(world: World) -> None:
    transfer = _one_hour(world)
    transfer.state, transfer.stage, transfer.attempt, transfer.owner = "creating", "create", 1, "somebody:1:dead"
    transfer.first_write_at = transfer.last_write_at = world.clock()
    transfer.lease_until_at = world.clock.forward(seconds=125)
    db.session.commit()
    world.work_after(seconds=1)
    assert transfer.state == "uncertain"
    assert (transfer.due_at - world.clock()).total_seconds() == SETTLE - 1


def test_one_transfer_that_stumbles_leaves_the_others_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = _one_hour(world)
    project = builders.project(bad.customer)
    [good] = world.invoice([("time", builders.entry(project, world.user).id)])
    real = invoices._draft

    def draft(job: Any, *there: str) -> Any:
        if job.id == bad.id:
            raise ValueError("a payload that nobody foresaw")
        return real(job, *there)

    monkeypatch.setattr(invoices, "_draft", draft)
    world.work()
    assert (bad.state, good.state) == ("queued", "done")
    for _death in range(4):
        world.work_after(minutes=5)
    assert (bad.state, bad.reason) == ("attention", "died_often")
    assert world.claimed("reserved") == 1


def test_a_slow_package_lets_others_have_their_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    project = builders.project(world.linked_customer())
    world.invoice(
        [("time", builders.entry(builders.project(project.customer), world.user).id) for _ in range(worker.TURN + 2)], per="project"
    )
    order: list[str] = []
    monkeypatch.setitem(worker.FLOWS, "invoice", _noting(order, "invoice", worker.FLOWS["invoice"]))
    monkeypatch.setattr(customers, "look_up_one", _noting(order, "look_up", customers.look_up_one))
    world.work()
    assert order.index("look_up") == worker.TURN
    assert order.count("invoice") == worker.TURN + 2


def _noting(order: list[str], name: str, real: Any) -> Any:
    def noted(*arguments: Any) -> Any:
        order.append(name)
        return real(*arguments)

    return noted


def test_a_long_search_keeps_its_leases(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each read may take its whole deadline; another worker that looks meanwhile finds everything taken."""
    world.server.switches.fail("invoice/add", "commit_then_reset")
    transfer = _one_hour(world, send=True)
    world.work()
    world.clock.forward(seconds=SETTLE + 1)
    real, others = DatabaseWire.closed, worker.new_context(world.context.settings, world.context.pause, world.clock)
    thefts: list[int] = []

    def closed(self: DatabaseWire, call: int, answer: Any) -> None:
        real(self, call, answer)
        if self._hold is not None and self._hold.owner == world.context.owner:
            world.clock.forward(seconds=59)
            thefts.append(worker.work(others))

    monkeypatch.setattr(DatabaseWire, "closed", closed)
    world.work()
    assert (transfer.state, transfer.deaths) == ("done", 0)
    assert (len(world.server.books.invoices), len(world.server.books.mails)) == (1, 1)
    assert len(thefts) > 3
    assert sum(thefts) == 0


def test_a_worker_that_lost_its_place_at_the_connection_does_not_call(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = _one_hour(world)
    real = invoices._draft

    def draft(job: Any, *there: str) -> Any:
        until = world.clock.forward(minutes=4)
        db.session.execute(update(Lease).values(owner="another:1:worker", until_at=until.replace(minute=until.minute + 2)))
        db.session.commit()
        return real(job, *there)

    monkeypatch.setattr(invoices, "_draft", draft)
    world.work()
    monkeypatch.undo()
    assert world.server.books.calls("invoice/add") == []
    for _round in range(6):
        world.work_after(minutes=2)
    assert (transfer.state, len(world.server.books.invoices)) == ("done", 1)


@pytest.fixture
def closed_books(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Nothing may be open in the database while a call is out; tells which calls were seen."""
    calls: list[str] = []
    real = Http.send

    def send(self: Http, method: str, url: str, **more: Any) -> Any:
        assert not db.session().in_transaction(), "a transaction is open during a call"
        calls.append(url)
        return real(self, method, url, **more)

    monkeypatch.setattr(Http, "send", send)
    return calls


def test_no_transaction_is_open_during_any_call(world: World, closed_books: list[str]) -> None:
    customer = builders.customer("N-1", "Nieuwe Klant B.V.", email="info@nieuw.example")
    customers.request_lookups(world.connection.id, [customer.id], world.clock())
    world.work()
    world.server.switches.fail("debtor/add", "commit_then_reset")
    world.server.switches.fail("invoice/add", "reset_before")
    world.server.switches.fail("invoice/sendbyemail", "commit_then_reset")
    transfer = _one_hour(world, customer, send=True)
    for _round in range(5):
        world.work_after(seconds=SETTLE + 1)
        world.work_after(seconds=GAP + 1)
    assert transfer.state == "done"
    world.work_after(hours=21)
    to = connections.access(world.context.settings, world.connection)
    db.session.rollback()
    assert trial.check(world.context.settings, to, world.clock, trial.Patience()).ok
    assert len(closed_books) > 12


def test_looking_again_at_a_finished_invoice_survives_an_unreadable_key(world: World) -> None:
    transfer = _one_hour(world)
    world.work()
    world.connection.secret_sealed = "gibberish"
    db.session.commit()
    world.work_after(hours=21)
    db.session.refresh(world.connection)
    assert (transfer.state, world.connection.problem) == ("done", "key_unreadable")


def test_an_invoice_that_was_unlinked_while_it_was_looked_at_gets_no_mirror(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = _one_hour(world)
    world.work()
    world.bookkeeper("send", transfer)
    real = WeFactConnector.show

    def show(self: WeFactConnector, remote_id: str) -> Any:
        found = real(self, remote_id)
        db.session.execute(update(Transfer).values(state="released"))
        db.session.commit()
        return found

    monkeypatch.setattr(WeFactConnector, "show", show)
    world.work_after(hours=21)
    assert db.session.scalars(select(Invoice)).all() == []
    assert transfer.remote_state == "draft"


def test_a_mirror_whose_number_another_mirror_has_is_told_and_stops_nobody(world: World) -> None:
    first = _one_hour(world, send=True)
    world.work()
    second = _one_hour(world, first.customer)
    world.work()
    world.bookkeeper("send", second)
    there = world.server.books.invoices.get(int(second.remote_id or 0))
    there.code = first.remote_number
    assert intents.check_now(second.id, world.clock())
    world.work()
    assert (second.state, second.remote_state, len(db.session.scalars(select(Invoice)).all())) == ("done", "sent", 1)


def test_the_pace_and_a_lost_read_of_a_finished_invoice_only_postpone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = _one_hour(world)
    world.work()
    for error in (NotProcessed("budget", retry_after=7), Unavailable("reset")):
        monkeypatch.setattr(WeFactConnector, "show", _raising(error))
        world.work_after(hours=21)
        assert (transfer.state, transfer.remote_state) == ("done", "draft")
    assert follow.look_again_one(world.context) is False


def _raising(error: Exception) -> Any:
    def show(self: WeFactConnector, remote_id: str) -> Any:
        raise error

    return show


@pytest.mark.parametrize("problem", ["firewall", "key_refused"])
def test_a_package_that_refused_us_is_not_asked_for_customers_either(world: World, problem: str) -> None:
    world.connection.state, world.connection.problem = "failing", problem
    db.session.commit()
    ids = [builders.customer(f"K-{number}").id for number in range(3)]
    customers.request_lookups(world.connection.id, ids, world.clock())
    world.work()
    assert list(world.server.books.journal) == []
    assert {match.reason for match in db.session.scalars(select(CustomerMatch))} == {problem}


def test_a_connection_that_is_switched_off_keeps_its_transfers_waiting(world: World) -> None:
    transfer = _one_hour(world)
    world.connection.state = "off"
    db.session.commit()
    world.work_after(days=5)
    assert (transfer.state, world.claimed("reserved")) == ("queued", 1)
    world.connection.state = "connected"
    db.session.commit()
    world.work()
    assert transfer.state == "done"
