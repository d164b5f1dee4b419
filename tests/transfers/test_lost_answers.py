"""Answers that never came (reliability R06-R16): one document, one mail, one debtor, whatever happened on the way."""

from __future__ import annotations

import pytest
from sqlalchemy import select

import builders
from models import Customer, CustomerMatch, Invoice, Transfer, db
from transfers import reconcile
from transfers.reconcile import CannotDecide
from world import World

pytestmark = pytest.mark.parametrize("vendor", ["wefact", "hostfact"], indirect=True)
SETTLE = 20
GAP = 2


def _one_hour(world: World, customer: Customer | None = None, send: bool = False) -> Transfer:
    project = builders.project(customer or world.linked_customer())
    [transfer] = world.invoice([("time", builders.entry(project, world.user).id)], send=send)
    return transfer


@pytest.mark.parametrize("kind", ["commit_then_reset", "cut_body", "html_502", "html_200", "wrong_echo", "bom_and_notice"])
def test_an_invoice_whose_answer_was_lost_is_found_by_its_marker_and_adopted(world: World, kind: str) -> None:
    options = {"commit": True} if kind in ("html_502", "html_200") else {}
    world.server.switches.fail("invoice/add", kind, **options)
    transfer = _one_hour(world)
    world.work()
    assert (transfer.state, world.claimed("reserved")) == ("uncertain", 1)
    world.work_after(seconds=SETTLE - 1)
    assert transfer.state == "uncertain", "nobody searches before the settle time is over"
    world.work_after(seconds=2)
    assert transfer.state == "done"
    assert len(world.server.books.invoices) == 1
    assert len(world.server.books.calls("invoice/add")) == 1
    assert (world.claimed("reserved"), world.claimed("live")) == (0, 1)


@pytest.mark.parametrize("kind", ["reset_before", "html_502"])
def test_an_invoice_that_never_arrived_is_sent_once_more_after_two_searches(world: World, kind: str) -> None:
    options = {"commit": False} if kind == "html_502" else {}
    world.server.switches.fail("invoice/add", kind, **options)
    transfer = _one_hour(world)
    world.work()
    assert transfer.state == "uncertain"
    world.work_after(seconds=SETTLE + 1)
    assert (transfer.state, transfer.reason) == ("checking", "not_found_yet")
    assert len(world.server.books.invoices) == 0
    world.work_after(seconds=GAP + 1)
    assert transfer.state == "done"
    assert len(world.server.books.invoices) == 1
    assert len(world.server.books.calls("invoice/add")) == 2


def test_after_two_automatic_attempts_a_person_decides(world: World) -> None:
    for _attempt in range(3):
        world.server.switches.fail("invoice/add", "reset_before")
    transfer = _one_hour(world)
    world.work()
    for _round in range(3):
        world.work_after(seconds=SETTLE + 1)
        world.work_after(seconds=GAP + 1)
    assert (transfer.state, transfer.reason) == ("attention", "resent_too_often")
    assert len(world.server.books.calls("invoice/add")) == 3
    assert world.claimed("reserved") == 1


@pytest.mark.parametrize("kind", ["commit_then_reset", "cut_body"])
def test_a_mail_whose_answer_was_lost_is_not_sent_again(world: World, kind: str) -> None:
    world.server.switches.fail("invoice/sendbyemail", kind)
    transfer = _one_hour(world, send=True)
    world.work()
    assert (transfer.state, transfer.stage) == ("uncertain", "send")
    assert db.session.scalars(select(Invoice)).all() == []
    world.work_after(seconds=SETTLE + 1)
    assert transfer.state == "done"
    assert len(world.server.books.mails) == 1
    assert db.session.scalars(select(Invoice)).one().number == transfer.remote_number


def test_a_mail_that_never_left_is_sent_once(world: World) -> None:
    world.server.switches.fail("invoice/sendbyemail", "reset_before")
    transfer = _one_hour(world, send=True)
    world.work()
    world.work_after(seconds=SETTLE + 1)
    world.work_after(seconds=GAP + 1)
    assert transfer.state == "done"
    assert len(world.server.books.mails) == 1


def test_a_mail_that_stays_unconfirmed_goes_to_a_person(world: World) -> None:
    for _attempt in range(2):
        world.server.switches.fail("invoice/sendbyemail", "reset_before")
    transfer = _one_hour(world, send=True)
    world.work()
    for _round in range(3):
        world.work_after(seconds=SETTLE + 1)
        world.work_after(seconds=GAP + 1)
    assert (transfer.state, transfer.reason) == ("attention", "send_unconfirmed")
    assert world.server.books.mails == []


def test_sent_for_certain_but_not_read_back_is_read_later(world: World) -> None:
    world.server.switches.fail("invoice/show", "html_502", after=1)
    for _retry in range(3):
        world.server.switches.fail("invoice/show", "html_502")
    transfer = _one_hour(world, send=True)
    world.work()
    world.work_after(seconds=SETTLE + 60)
    assert transfer.state == "done"
    assert len(world.server.books.mails) == 1


def _missing_customer(world: World) -> Customer:
    customer = builders.customer("N-1", "Nieuwe Klant B.V.", email="info@nieuw.example")
    match = CustomerMatch(connection_id=world.connection.id, customer_id=customer.id, state="missing", number_key="n-1", candidates=[])
    db.session.add(match)
    db.session.commit()
    return customer


@pytest.mark.parametrize(("kind", "adds"), [("commit_then_reset", 1), ("cut_body", 1), ("reset_before", 2)])
def test_a_customer_whose_creation_was_lost_exists_once(world: World, kind: str, adds: int) -> None:
    world.server.switches.fail("debtor/add", kind)
    transfer = _one_hour(world, _missing_customer(world))
    world.work()
    assert transfer.state == "queued", "the invoice waits for its customer"
    for _round in range(2):
        world.work_after(seconds=SETTLE + 1)
        world.work_after(seconds=GAP + 1)
    assert transfer.state == "done"
    assert len([debtor for debtor in world.server.books.debtors if debtor.code == "N-1"]) == 1
    assert len(world.server.books.calls("debtor/add")) == adds


def test_a_customer_that_is_refused_frees_the_invoices_that_wait_for_it(world: World) -> None:
    world.server.switches.fail("debtor/add", "refuse", text="Ongeldig e-mailadres")
    transfer = _one_hour(world, _missing_customer(world))
    world.work()
    assert (transfer.state, transfer.reason) == ("rejected", "customer_not_created")
    assert world.claimed("reserved") == 0


def test_a_late_commit_after_the_client_left_is_still_found(world: World) -> None:
    world.server.switches.fail("invoice/add", "slow_commit", seconds=15)
    transfer = _one_hour(world)
    world.work()
    world.work_after(seconds=SETTLE + 1)
    assert transfer.state == "done"
    assert len(world.server.books.calls("invoice/add")) == 1


def test_an_owner_that_died_during_the_call_never_leads_to_a_blind_second_one(world: World) -> None:
    transfer = _one_hour(world)
    transfer.state, transfer.stage, transfer.attempt = "creating", "create", 1
    transfer.owner, transfer.fence = "somebody:1:dead", 1
    transfer.lease_until_at = transfer.first_write_at = transfer.last_write_at = world.clock()
    db.session.commit()
    world.work()
    assert (transfer.state, transfer.reason) == ("uncertain", "owner_died")
    assert world.server.books.calls("invoice/add") == []
    world.work_after(seconds=SETTLE + 1)
    world.work_after(seconds=GAP + 1)
    assert transfer.state == "done"
    assert len(world.server.books.invoices) == 1


def test_a_document_that_somebody_changed_goes_to_a_person(world: World) -> None:
    world.server.switches.fail("invoice/add", "commit_then_reset")
    transfer = _one_hour(world)
    world.work()
    [there] = world.server.books.invoices
    transfer.remote_id = str(there.identifier)
    world.bookkeeper("edit", transfer, price_excl="1.00")
    transfer.remote_id = None
    db.session.commit()
    world.work_after(seconds=SETTLE + 1)
    assert (transfer.state, transfer.reason) == ("attention", "content_differs")


def test_nothing_exists_there_needs_the_marker_and_a_reason_and_frees_the_work(world: World) -> None:
    transfer = _one_hour(world)
    transfer.state, transfer.reason = "attention", "resent_too_often"
    db.session.commit()
    for typed, why in (("UW00-X", "gekeken"), (transfer.marker, " ")):
        with pytest.raises(CannotDecide):
            reconcile.nothing_there(transfer.id, typed, why, world.user, world.clock())
    reconcile.nothing_there(transfer.id, transfer.marker, "In WeFact gezocht, niets gevonden", world.user, world.clock())
    db.session.expire_all()
    assert (transfer.state, world.claimed("reserved")) == ("rejected", 0)
