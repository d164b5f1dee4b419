"""Trying again, looking again, deciding: attempts to get two documents, two debtors or a dead end out of a second press."""

from __future__ import annotations

import threading
from datetime import date

import pytest
from sqlalchemy import func, select

import builders
from invoicing.plan import Options
from models import BillingLink, Connection, Customer, CustomerMatch, ExternalLink, TimeEntry, Transfer, User, db
from transfers import intents, ledger, reconcile
from transfers.intents import CannotRetry
from transfers.reconcile import CannotDecide
from world import World

SETTLE, GAP = 20, 2


def _one_hour(world: World, customer: Customer | None = None, send: bool = False) -> Transfer:
    project = builders.project(customer or world.linked_customer())
    [transfer] = world.invoice([("time", builders.entry(project, world.user).id)], send=send)
    return transfer


def _rounds(world: World, number: int = 4) -> None:
    for _round in range(number):
        world.work_after(seconds=SETTLE + 1)
        world.work_after(seconds=GAP + 1)


def _missing_customer(world: World, number: str = "N-1", **values: str) -> Customer:
    customer = builders.customer(number, "Nieuwe Klant B.V.", **values)
    _not_there(world, customer)
    return customer


def _not_there(world: World, customer: Customer) -> None:
    db.session.add(
        CustomerMatch(
            connection_id=world.connection.id, customer_id=customer.id, state="missing", number_key=customer.number_key, candidates=[]
        )
    )
    db.session.commit()


def _link(world: World, customer: Customer, remote_id: str, number: str) -> None:
    db.session.add(
        ExternalLink(
            connection_id=world.connection.id, local_type="customer", local_id=customer.id, external_id=remote_id, external_code=number,
            external_name=customer.name, linked_at=world.clock(),
        )
    )  # fmt: skip
    db.session.commit()


def _debtors(world: World, number: str) -> int:
    return len([debtor for debtor in world.server.books.debtors if debtor.code == number])


def test_an_invoice_does_not_wait_for_a_refused_customer_that_was_linked_by_hand_since(world: World) -> None:
    world.server.switches.fail("debtor/add", "refuse", text="nee")
    customer = _missing_customer(world)
    transfer = _one_hour(world, customer)
    world.work()
    assert transfer.reason == "customer_not_created"
    there = world.server.books.debtors.by_code("DB10012")
    assert there is not None
    _link(world, customer, str(there.identifier), "DB10012")
    intents.retry(transfer.id, world.user, world.clock())
    world.work()
    assert (transfer.state, len(world.server.books.invoices)) == ("done", 1)


def test_a_refused_customer_is_tried_again_with_what_was_corrected(world: World) -> None:
    world.server.switches.fail("debtor/add", "refuse", text="Ongeldig e-mailadres")
    customer = _missing_customer(world, email="fout@")
    _one_hour(world, customer)
    world.work()
    customer.email = "goed@nieuw.example"
    db.session.commit()
    of_customer = db.session.scalars(select(Transfer).where(Transfer.kind == "customer")).one()
    intents.retry(of_customer.id, world.user, world.clock())
    world.work()
    made = world.server.books.debtors.by_code("N-1")
    assert made is not None
    assert made.fields["EmailAddress"] == "goed@nieuw.example"


def test_a_customer_linked_while_its_creation_waited_is_not_made_a_second_time(world: World) -> None:
    customer = _missing_customer(world)
    transfer = _one_hour(world, customer)
    there = world.server.books.debtors.by_code("DB10012")
    assert there is not None
    _link(world, customer, str(there.identifier), "DB10012")
    world.work()
    assert transfer.state == "done"
    assert (_debtors(world, "N-1"), len(world.server.books.calls("debtor/add"))) == (0, 0)


def test_a_number_that_somebody_else_got_there_meanwhile_is_not_invoiced_to(world: World) -> None:
    """Between the look-up and the call the package gave our number to another company; its mailbox must not get our invoice."""
    customer = builders.customer("DB10012", "Heel Iemand Anders B.V.")
    _not_there(world, customer)
    transfer = _one_hour(world, customer, send=True)
    world.work()
    assert world.server.books.mails == []
    assert len(world.server.books.invoices) == 0
    assert (transfer.state, transfer.reason, world.claimed("reserved")) == ("rejected", "customer_not_created", 0)
    of_customer = db.session.scalars(select(Transfer).where(Transfer.kind == "customer")).one()
    assert (of_customer.state, of_customer.reason) == ("rejected", "name_differs")


def test_a_customer_that_was_unlinked_after_its_creation_can_be_made_again(world: World) -> None:
    customer = _missing_customer(world)
    first = _one_hour(world, customer)
    world.work()
    assert first.state == "done"
    link = db.session.scalars(select(ExternalLink).where(ExternalLink.local_id == customer.id)).one()
    db.session.delete(link)
    customer.number, customer.number_key = "N-2", "n-2"
    _not_there(world, customer)
    second = _one_hour(world, customer)
    world.work()
    assert second.state == "done"
    assert _debtors(world, "N-2") == 1


def test_retry_forgets_totals_that_somebody_accepted_before(world: World) -> None:
    transfer = _one_hour(world)
    transfer.state, transfer.reason, transfer.accepts_remote_totals, transfer.deaths = "rejected", "nothing_there", True, 2
    for link in db.session.scalars(select(BillingLink)):
        link.state = "released"
    db.session.commit()
    intents.retry(transfer.id, world.user, world.clock())
    db.session.expire_all()
    assert (transfer.accepts_remote_totals, transfer.deaths) == (False, 0)


def test_retry_notices_work_that_changes_while_it_is_claimed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.server.switches.fail("invoice/add", "refuse", text="nee")
    transfer = _one_hour(world)
    world.work()
    real = intents._planned_again

    def planned(of: Transfer) -> object:
        invoice = real(of)
        entry = db.session.scalars(select(TimeEntry)).one()
        entry.duration_minutes, entry.version = 30, entry.version + 1
        db.session.flush()
        return invoice

    monkeypatch.setattr(intents, "_planned_again", planned)
    with pytest.raises(CannotRetry) as refused:
        intents.retry(transfer.id, world.user, world.clock())
    assert refused.value.reason == "changed_meanwhile"
    assert world.claimed("reserved") == 0


def test_a_refused_transfer_that_waits_two_days_still_has_patience_when_tried_again(world: World) -> None:
    world.server.switches.fail("invoice/add", "refuse", text="nee")
    transfer = _one_hour(world)
    world.work()
    world.clock.forward(days=3)
    intents.retry(transfer.id, world.user, world.clock())
    for _try in range(4):
        world.server.switches.fail("invoice/list", "html_502")
    world.work()
    assert transfer.state == "queued"
    world.work_after(hours=1)
    assert transfer.state == "done"


def test_check_now_between_two_looks_does_not_make_them_one(world: World) -> None:
    world.server.switches.fail("invoice/add", "reset_before")
    transfer = _one_hour(world)
    world.work()
    world.work_after(seconds=SETTLE + 1)
    assert (transfer.state, transfer.searches) == ("checking", 1)
    intents.check_now(transfer.id, world.clock())
    world.work()
    assert (transfer.state, transfer.searches) == ("checking", 1), "looked again, and still once more to go"
    assert len(world.server.books.calls("invoice/add")) == 1
    world.work_after(seconds=GAP + 1)
    assert transfer.state == "done"


def test_the_document_of_another_transfer_cannot_be_named(world: World) -> None:
    first = _one_hour(world)
    world.work()
    other = _one_hour(world, db.session.get_one(Customer, first.customer_id))
    other.state, other.reason, other.attempt = "attention", "found_similar", 1
    db.session.commit()
    with pytest.raises(CannotDecide) as refused:
        reconcile.this_is_the_one(other.id, first.remote_id or "", world.user, world.clock())
    assert refused.value.reason == "remote_id_taken"
    db.session.expire_all()
    assert other.state == "attention"


def test_a_document_of_another_customer_is_not_adopted_for_one_that_was_created_first(world: World) -> None:
    customer = _missing_customer(world)
    transfer = _one_hour(world, customer, send=True)
    world.server.switches.fail("invoice/add", "commit_then_reset")
    world.work()
    [there] = world.server.books.invoices
    other = world.server.books.debtors.by_code("DB10012")
    assert other is not None
    there.debtor, there.debtor_code = other.identifier, other.code
    transfer.state, transfer.reason = "attention", "search_incomplete"
    db.session.commit()
    reconcile.this_is_the_one(transfer.id, str(there.identifier), world.user, world.clock())
    world.work()
    assert (transfer.state, transfer.reason, transfer.reason_params["field"]) == ("attention", "content_differs", "customer")
    assert world.server.books.mails == []


def test_two_people_whose_invoices_wait_for_the_same_new_customer_both_get_theirs(world: World) -> None:
    customer = _missing_customer(world)
    project = builders.project(customer)
    ids = [builders.entry(project, world.user).id for _ in range(2)]
    users = [world.user.id, builders.user("project_manager").id]
    options = Options(per="customer", lines="activity", on=date(2026, 11, 20))
    connection_id, gate, errors = world.connection.id, threading.Barrier(2), []
    db.session.rollback()

    def press(entry_id: int, user_id: int) -> None:
        with world.app.app_context():
            gate.wait(5)
            try:
                connection, user = db.session.get_one(Connection, connection_id), db.session.get_one(User, user_id)
                batch = intents.create(connection, [("time", entry_id)], options, None, user, world.clock())
                errors.extend(batch.skipped)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=press, args=pair) for pair in zip(ids, users, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert errors == []
    assert db.session.scalar(select(func.count()).select_from(Transfer).where(Transfer.kind == "invoice")) == 2
    assert db.session.scalar(select(func.count()).select_from(Transfer).where(Transfer.kind == "customer")) == 1
    world.work()
    assert _debtors(world, "N-1") == 1


def test_freeing_dependants_twice_at_the_same_moment_is_no_error(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.server.switches.fail("debtor/add", "refuse", text="nee")
    transfer = _one_hour(world, _missing_customer(world))
    of_customer = db.session.scalars(select(Transfer).where(Transfer.kind == "customer")).one()
    of_customer.state = "rejected"
    db.session.commit()
    real = ledger.move

    def late(job: ledger.Job, *arguments: object, **values: object) -> None:
        monkeypatch.setattr(ledger, "move", real)
        intents.cancel(job.id, world.user, world.clock())
        real(job, *arguments, **values)  # type: ignore[arg-type]

    monkeypatch.setattr(ledger, "move", late)
    assert ledger.free_dependants(world.clock()) == 0
    db.session.expire_all()
    assert transfer.state == "released"
