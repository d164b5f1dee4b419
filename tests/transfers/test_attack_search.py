"""Answers about something else, short answers, twins, renamed and relinked customers: what an invoice is recognised by."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

import builders
from connectors.records import InvoiceDraft, RemoteInvoice
from connectors.wefact.connector import WeFactConnector
from models import Customer, ExternalLink, Transfer, db
from transfers import intents, reconcile
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


def _answering(monkeypatch: pytest.MonkeyPatch, change: Callable[[RemoteInvoice], RemoteInvoice]) -> None:
    """The first answer to an add comes back changed."""
    real, done = WeFactConnector.create_invoice, []

    def create(self: WeFactConnector, draft: InvoiceDraft) -> RemoteInvoice:
        found = real(self, draft)
        return found if done or done.append(True) else change(found)

    monkeypatch.setattr(WeFactConnector, "create_invoice", create)


def test_an_answer_without_the_remark_or_the_lines_is_read_in_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _answering(monkeypatch, lambda found: dataclasses.replace(found, marker="", lines=()))
    transfer = _one_hour(world)
    world.work()
    assert (transfer.state, len(world.server.books.invoices)) == ("done", 1)


def test_an_answer_with_the_remark_but_without_the_lines_is_read_in_full(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _answering(monkeypatch, lambda found: dataclasses.replace(found, lines=()))
    transfer = _one_hour(world)
    world.work()
    assert transfer.state == "done"


def test_an_answer_about_another_invoice_is_not_adopted_and_ours_is_found(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _one_hour(world)
    world.work()
    second = _one_hour(world, first.customer, send=True)
    _answering(monkeypatch, lambda found: dataclasses.replace(found, remote_id=first.remote_id or "", marker=first.marker))
    world.work()
    assert (second.state, second.remote_id) == ("uncertain", None)
    _rounds(world)
    assert (second.state, len(world.server.books.invoices), len(world.server.books.mails)) == ("done", 2, 1)
    assert second.remote_id != first.remote_id


def test_a_lost_answer_while_it_is_read_in_full_is_looked_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _answering(monkeypatch, lambda found: dataclasses.replace(found, marker=""))
    world.server.switches.fail("invoice/show", "refuse", text="nu even niet")
    transfer = _one_hour(world)
    world.work()
    assert (transfer.state, world.claimed("reserved")) == ("uncertain", 1)
    _rounds(world)
    assert (transfer.state, len(world.server.books.invoices)) == ("done", 1)


def test_two_invoices_of_one_customer_with_the_same_total_do_not_confuse_the_search(world: World) -> None:
    first = _one_hour(world)
    world.work()
    second = _one_hour(world, first.customer)
    world.server.switches.fail("invoice/add", "reset_before")
    world.work()
    _rounds(world)
    assert (second.state, second.reason) == ("done", "")
    assert len(world.server.books.invoices) == 2


def test_a_look_alike_that_somebody_typed_there_is_a_question(world: World) -> None:
    first = _one_hour(world)
    world.work()
    [there] = world.server.books.invoices
    there.fields["Comment"] = ""
    first.remote_id = None
    db.session.commit()
    second = _one_hour(world, first.customer)
    world.server.switches.fail("invoice/add", "reset_before")
    world.work()
    _rounds(world)
    assert (second.state, second.reason) == ("attention", "found_similar")
    assert len(world.server.books.invoices) == 1


def test_a_document_refused_once_is_not_taken_for_gone(world: World) -> None:
    world.server.switches.fail("invoice/show", "refuse", text="Probeer het later")
    transfer = _one_hour(world, send=True)
    world.work()
    assert transfer.state == "created"
    world.work_after(seconds=GAP + 1)
    assert (transfer.state, len(world.server.books.mails)) == ("done", 1)


def test_a_document_that_stays_gone_is_a_person_s(world: World) -> None:
    transfer = _one_hour(world, send=True)
    for _look in range(2):
        world.server.switches.fail("invoice/show", "refuse", text="niet gevonden")
    world.work()
    world.work_after(seconds=GAP + 1)
    assert (transfer.state, transfer.reason, world.claimed("reserved")) == ("attention", "document_gone", 1)


def _link(transfer: Transfer) -> ExternalLink:
    return db.session.scalars(select(ExternalLink).where(ExternalLink.local_id == transfer.customer_id)).one()


def test_a_lost_invoice_is_found_at_the_customer_it_was_sent_to_after_a_relink(world: World) -> None:
    world.server.switches.fail("invoice/add", "commit_then_reset")
    transfer = _one_hour(world)
    world.work()
    other = world.server.books.debtors.by_code("DB10013") or next(d for d in world.server.books.debtors if d.code != "DB10012")
    link = _link(transfer)
    link.external_id, link.external_code = str(other.identifier), other.code
    db.session.commit()
    _rounds(world)
    assert (transfer.state, len(world.server.books.invoices)) == ("done", 1)


def test_a_relink_before_the_call_stops_it(world: World) -> None:
    """What was previewed was another customer there."""
    transfer = _one_hour(world)
    other = next(debtor for debtor in world.server.books.debtors if debtor.code != "DB10012")
    link = _link(transfer)
    link.external_id, link.external_code = str(other.identifier), other.code
    db.session.commit()
    world.work()
    assert (transfer.state, transfer.reason, len(world.server.books.invoices)) == ("rejected", "customer_not_linked", 0)


def test_a_lost_invoice_of_a_customer_that_was_unlinked_is_not_let_go(world: World) -> None:
    world.server.switches.fail("invoice/add", "key_revoked")
    transfer = _one_hour(world)
    world.work()
    assert (transfer.state, transfer.attempt) == ("queued", 1)
    world.server.switches.set("key_revoked", False)
    db.session.delete(_link(transfer))
    world.connection.state = "connected"
    db.session.commit()
    world.work_after(hours=1)
    assert (transfer.state, transfer.reason) == ("rejected", "customer_not_linked"), "looked for first, and nothing there"
    assert world.server.books.calls("invoice/list")


@pytest.mark.parametrize("kind", ["commit_then_reset", "reset_before"])
def test_a_customer_renumbered_there_after_a_lost_answer_hides_nothing(world: World, kind: str) -> None:
    world.server.switches.fail("invoice/add", kind)
    transfer = _one_hour(world)
    world.work()
    there = world.server.books.debtors.by_code("DB10012")
    assert there is not None
    there.code = "DB77777"
    world.server.books.debtors.save(there)
    for invoice in world.server.books.invoices:
        invoice.debtor_code = "DB77777"
    _rounds(world)
    assert len(world.server.books.invoices) <= 1
    if kind == "commit_then_reset":
        assert transfer.state == "done"
    else:
        assert (transfer.state, world.claimed("reserved")) == ("rejected", 0), "the old number is not known there any more"


def test_escaped_text_that_comes_back_is_still_what_was_sent(world: World) -> None:
    from models import AccountingItem

    product = world.server.books.products.by_code("P0100")
    item = db.session.scalars(select(AccountingItem).where(AccountingItem.code == "P0100")).one()
    assert product is not None
    product.code, item.code = "P&0100", "P&0100"
    world.server.books.products.save(product)
    db.session.commit()
    world.server.switches.set("escaping", "html")
    transfer = _one_hour(world)
    world.work()
    assert (transfer.state, transfer.reason) == ("done", "")


def test_a_retry_whose_first_attempt_succeeded_after_all_adopts_it(world: World) -> None:
    """The refusal came after the books were written: the same marker finds it."""
    transfer = _one_hour(world)
    world.server.switches.fail("invoice/add", "commit_then_reset")
    world.work()
    transfer.state, transfer.reason = "rejected", "rejected"
    from models import BillingLink

    db.session.query(BillingLink).update({"state": "released"})
    db.session.commit()
    intents.retry(transfer.id, world.user, world.clock())
    world.work()
    assert (transfer.state, len(world.server.books.invoices)) == ("done", 1)


def test_a_retry_with_other_hours_does_not_take_the_first_document_for_its_own(world: World) -> None:
    transfer = _one_hour(world)
    world.server.switches.fail("invoice/add", "commit_then_reset")
    world.work()
    transfer.state, transfer.reason = "rejected", "rejected"
    from models import BillingLink, TimeEntry

    db.session.query(BillingLink).update({"state": "released"})
    entry: Any = db.session.scalars(select(TimeEntry)).one()
    entry.duration_minutes, entry.version = 90, entry.version + 1
    db.session.commit()
    intents.retry(transfer.id, world.user, world.clock())
    world.work()
    assert (transfer.state, transfer.reason, len(world.server.books.invoices)) == ("attention", "content_differs", 1)


def _made_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package carries out the same add two times and tells of one (R38)."""
    real = WeFactConnector.create_invoice

    def create(self: WeFactConnector, draft: InvoiceDraft) -> RemoteInvoice:
        real(self, draft)
        return real(self, draft)

    monkeypatch.setattr(WeFactConnector, "create_invoice", create)


@pytest.mark.parametrize("send", [False, True])
def test_two_that_the_package_made_by_itself_are_seen_before_anything_is_mailed(
    world: World, monkeypatch: pytest.MonkeyPatch, send: bool
) -> None:
    _made_twice(world, monkeypatch)
    transfer = _one_hour(world, send=send)
    world.work()
    assert (transfer.state, transfer.reason, world.claimed("reserved")) == ("attention", "found_many", 1)
    assert world.server.books.mails == []
    ids = [str(there.identifier) for there in world.server.books.invoices]
    assert sorted(transfer.reason_params["ids"].split(", ")) == ids
    reconcile.this_is_the_one(transfer.id, ids[1], world.user, world.clock())
    world.work()
    assert (transfer.state, len(world.server.books.mails)) == ("done", int(send))


@pytest.mark.parametrize("kind", ["refuse", "html_502"])
def test_a_package_whose_list_does_not_answer_still_gets_its_invoices(world: World, kind: str) -> None:
    for _try in range(4):
        world.server.switches.fail("invoice/list", kind)
    transfer = _one_hour(world)
    world.work()
    assert transfer.state == "done"


def test_looking_for_a_second_one_costs_one_call_however_many_there_are(world: World) -> None:
    project = builders.project(world.linked_customer())
    refs = [("time", builders.entry(builders.project(project.customer), world.user).id) for _ in range(6)]
    transfers = world.invoice(refs, per="project")
    world.work()
    assert {transfer.state for transfer in transfers} == {"done"}
    assert (len(world.server.books.calls("invoice/list")), len(world.server.books.calls("invoice/show"))) == (6, 0)
