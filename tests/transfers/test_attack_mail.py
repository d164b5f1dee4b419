"""Attempts to get a customer mailed twice, or mailed by somebody who may not."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import builders
from connectors.records import RemoteInvoice
from models import AuditEvent, Connection, Transfer, db
from transfers import intents, reconcile
from world import World

SETTLE, GAP = 20, 2


def _one_hour(world: World, send: bool = True) -> Transfer:
    project = builders.project(world.linked_customer())
    [transfer] = world.invoice([("time", builders.entry(project, world.user).id)], send=send)
    return transfer


def _rounds(world: World, number: int = 4) -> None:
    for _round in range(number):
        world.work_after(seconds=SETTLE + 1)
        world.work_after(seconds=GAP + 1)


def test_a_certain_mailing_that_reads_back_as_a_draft_is_never_repeated(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.wefact.client import WeFactClient

    real = WeFactClient.invoice_show

    def show(self: WeFactClient, remote_id: str) -> RemoteInvoice:
        found = real(self, remote_id)
        return dataclasses.replace(found, state="draft", status_code="0") if stale[0] else found

    stale = [True]
    monkeypatch.setattr(WeFactClient, "invoice_show", show)
    transfer = _one_hour(world)
    world.work()
    assert (transfer.state, transfer.reason) == ("uncertain", "sent_not_read")
    _rounds(world)
    assert len(world.server.books.mails) == 1
    assert transfer.state != "attention"
    stale[0] = False
    world.work_after(hours=1)
    assert (transfer.state, len(world.server.books.mails)) == ("done", 1)


def test_a_mailing_that_never_reads_back_goes_to_a_person_who_looks_without_mailing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.wefact.client import WeFactClient

    real = WeFactClient.invoice_show
    monkeypatch.setattr(
        WeFactClient, "invoice_show", lambda self, key: dataclasses.replace(real(self, key), state="draft", status_code="0")
    )
    transfer = _one_hour(world)
    world.work()
    for _hour in range(60):
        world.work_after(hours=1)
    assert (transfer.state, transfer.reason) == ("attention", "gave_up")
    reconcile.look_again(transfer.id, world.user, world.clock())
    _rounds(world)
    assert len(world.server.books.mails) == 1


def test_a_lost_creation_does_not_use_up_the_second_chance_of_the_mail(world: World) -> None:
    world.server.switches.fail("invoice/add", "reset_before")
    world.server.switches.fail("invoice/sendbyemail", "reset_before")
    transfer = _one_hour(world)
    world.work()
    _rounds(world)
    assert transfer.state == "done"
    assert len(world.server.books.mails) == 1


def test_an_adopted_document_keeps_its_standing_when_its_mailing_has_to_wait(world: World) -> None:
    transfer = _one_hour(world)
    world.server.switches.fail("invoice/add", "commit_then_reset")
    world.work()
    [there] = world.server.books.invoices
    there.fields["Comment"] = ""
    transfer.state, transfer.reason = "attention", "found_similar"
    db.session.commit()
    reconcile.this_is_the_one(transfer.id, str(there.identifier), world.user, world.clock())
    world.server.switches.fail("invoice/sendbyemail", "key_revoked")
    world.work()
    world.server.switches.set("key_revoked", False)
    world.connection.state = "connected"
    db.session.commit()
    world.work_after(minutes=40)
    assert (transfer.state, transfer.reason) == ("done", "")
    assert len(world.server.books.mails) == 1


def test_rights_are_asked_again_before_it_is_created_a_second_time(world: World) -> None:
    world.server.switches.fail("invoice/add", "reset_before")
    transfer = _one_hour(world)
    world.work()
    world.user.active = False
    db.session.commit()
    _rounds(world)
    assert (transfer.state, transfer.reason) == ("attention", "requester_disabled")
    assert len(world.server.books.calls("invoice/add")) == 1


def test_whoever_looks_again_after_somebody_lost_the_right_answers_for_it(world: World) -> None:
    transfer = _one_hour(world)
    world.user.active = False
    db.session.commit()
    world.work()
    assert transfer.reason == "requester_disabled"
    boss = builders.user("administrator", name="Bram Janssens")
    reconcile.look_again(transfer.id, boss, world.clock())
    _rounds(world)
    assert (transfer.state, transfer.requested_by_id) == ("done", boss.id)


def test_whoever_tries_again_answers_for_it(world: World) -> None:
    world.server.switches.fail("invoice/add", "refuse", text="nee")
    transfer = _one_hour(world)
    world.work()
    world.user.active = False
    db.session.commit()
    boss = builders.user("administrator", name="Bram Janssens")
    intents.retry(transfer.id, boss, world.clock())
    world.work()
    assert (transfer.state, transfer.requested_by_id) == ("done", boss.id)


def test_accepted_totals_are_the_ones_that_were_seen(world: World) -> None:
    world.server.switches.set("vat_rounding", "line")
    project = builders.project(world.linked_customer(), hourly_rate_e4=11_200)
    refs = [("time", builders.entry(project, world.user, minutes=60).id) for _ in range(2)]
    [transfer] = world.invoice(refs, send=True)
    world.work()
    assert transfer.reason == "totals_differ"
    seen = transfer.remote_gross_cents
    reconcile.accept_their_totals(transfer.id, world.user, world.clock())
    [there] = world.server.books.invoices
    there.amount_tax += 100
    there.amount_incl += 100
    world.work()
    assert (transfer.state, transfer.reason) == ("attention", "totals_differ")
    assert transfer.remote_gross_cents == seen + 10_000
    assert world.server.books.mails == []


def test_a_disconnected_package_is_not_written_to_by_a_worker_that_was_underway(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = _one_hour(world, send=False)
    _before_writing(world, monkeypatch, lambda: _set(world, state="off"))
    world.work()
    assert world.server.books.calls("invoice/add") == []
    assert (transfer.state, world.claimed("reserved")) == ("queued", 1)
    _set(world, state="connected")
    world.work_after(minutes=40)
    assert (transfer.state, len(world.server.books.invoices)) == ("done", 1)


def _set(world: World, **values: Any) -> None:
    connection = db.session.get_one(Connection, world.connection.id)
    for name, value in values.items():
        setattr(connection, name, value)
    db.session.commit()


def _before_writing(world: World, monkeypatch: pytest.MonkeyPatch, happens: Any) -> None:
    """Something happens once while a call is being opened, before its first byte leaves."""
    from transfers.wire import DatabaseWire

    real, done = DatabaseWire.opened, []

    def opened(self: DatabaseWire, operation: str, request: str, writes: bool) -> int:
        call = real(self, operation, request, writes)
        if writes and not done:
            done.append(True)
            happens()
        return call

    monkeypatch.setattr(DatabaseWire, "opened", opened)


def test_a_frozen_owner_whose_lease_is_almost_over_does_not_start_to_write(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = _one_hour(world, send=False)
    lease = world.context.timing("wefact").lease
    _before_writing(world, monkeypatch, lambda: world.clock.forward(seconds=lease - 2))
    world.work()
    assert world.server.books.calls("invoice/add") == [], "the lease would end before the call"
    for _round in range(8):
        world.work_after(seconds=60)
    assert (transfer.state, len(world.server.books.invoices)) == ("done", 1)
    assert db.session.query(AuditEvent).count() > 0
