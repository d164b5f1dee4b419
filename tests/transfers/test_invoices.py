"""From ticked hours to one invoice in the package: drafts, mail, mirrors, refusals."""

from __future__ import annotations

import pytest
from sqlalchemy import select

import builders
from models import Customer, Invoice, ItemLink, Transfer, db
from transfers import intents, reconcile
from transfers.intents import CannotRetry
from world import World

pytestmark = pytest.mark.parametrize("vendor", ["wefact", "hostfact"], indirect=True)


def _hours(world: World, customer: Customer, *minutes: int, rate_e4: int = 275_000) -> list[tuple[str, int]]:
    project = builders.project(customer, hourly_rate_e4=rate_e4)
    activity = builders.activity("Ontwerp")
    return [("time", builders.entry(project, world.user, activity, amount).id) for amount in minutes]


def test_hours_become_one_draft_with_our_marker_and_no_mirror(world: World) -> None:
    refs = _hours(world, world.linked_customer(), 15, 15)
    [transfer] = world.invoice(refs)
    assert (transfer.state, world.claimed("reserved")) == ("queued", 2)
    world.work()
    assert transfer.state == "done"
    [invoice] = world.server.books.invoices
    assert invoice.fields["Comment"].splitlines()[0] == transfer.marker
    assert invoice.fields["ReferenceNumber"] == "Werk november"
    assert (transfer.net_cents, transfer.remote_net_cents, transfer.remote_gross_cents) == (1375, 1375, 1664)
    assert world.claimed("live") == 2
    assert db.session.scalars(select(Invoice)).all() == []
    assert world.server.books.mails == []


def test_ten_twenty_and_twenty_five_minutes_arrive_as_25_21(world: World) -> None:
    [transfer] = world.invoice(_hours(world, world.linked_customer(), 10, 20, 25))
    world.work()
    assert (transfer.state, transfer.net_cents, transfer.remote_net_cents) == ("done", 2521, 2521)


def test_send_mails_once_and_makes_a_mirror_that_is_paid(world: World) -> None:
    customer = world.linked_customer()
    [transfer] = world.invoice(_hours(world, customer, 60), send=True)
    world.work()
    assert transfer.state == "done"
    assert len(world.server.books.mails) == 1
    mirror = db.session.scalars(select(Invoice)).one()
    assert (mirror.origin, mirror.status, mirror.settlement, mirror.external_status) == ("mirror", "paid", "external", "sent")
    assert mirror.number == transfer.remote_number
    assert not mirror.number.startswith("[")
    assert (mirror.net_cents, mirror.vat_cents, mirror.gross_cents) == (2750, 578, 3328)
    assert mirror.external_open_cents == 3328
    assert [line.description for line in mirror.lines] == [line["description"] for line in transfer.payload["lines"]]


def test_a_draft_becomes_a_mirror_once_the_package_reports_it_sent(world: World) -> None:
    [transfer] = world.invoice(_hours(world, world.linked_customer(), 60))
    world.work()
    world.work_after(hours=21)
    assert db.session.scalars(select(Invoice)).all() == []
    world.bookkeeper("send", transfer)
    world.work_after(hours=21)
    assert db.session.scalars(select(Invoice)).one().number == transfer.remote_number


def test_vat_follows_the_linked_product_and_adds_up_per_rate(world: World) -> None:
    customer = world.linked_customer()
    project = builders.project(customer, hourly_rate_e4=1_000_000)
    category = builders.category("Boeken")
    from models import AccountingItem

    books = db.session.scalars(select(AccountingItem).where(AccountingItem.code == "P0310")).one()
    db.session.add(ItemLink(connection_id=world.connection.id, local_type="expense_category", local_id=category.id, item_id=books.id))
    db.session.commit()
    refs = [("time", builders.entry(project, world.user, minutes=60).id), ("expense", builders.expense(project, world.user, category).id)]
    [transfer] = world.invoice(refs)
    world.work()
    assert transfer.state == "done"
    assert (transfer.net_cents, transfer.vat_cents) == (12_500, 2100 + 225)
    assert transfer.remote_vat_cents == 2325


def test_trips_are_billed_in_kilometres(world: World) -> None:
    project = builders.project(world.linked_customer())
    [transfer] = world.invoice([("trip", builders.trip(project, world.user, 465, is_return=True).id)])
    world.work()
    assert (transfer.state, transfer.remote_net_cents) == ("done", 3255)


def test_a_customer_that_is_missing_there_is_created_first_and_only_once(world: World) -> None:
    customer = builders.customer("N-77", "Nieuwe Klant B.V.", email="info@nieuw.example")
    from models import CustomerMatch

    db.session.add(
        CustomerMatch(connection_id=world.connection.id, customer_id=customer.id, state="missing", number_key="n-77", candidates=[])
    )
    db.session.commit()
    project, other = builders.project(customer), builders.project(customer)
    refs = [("time", builders.entry(project, world.user).id), ("time", builders.entry(other, world.user).id)]
    transfers = world.invoice(refs, per="project")
    assert len(transfers) == 2
    world.work()
    assert [transfer.state for transfer in transfers] == ["done", "done"]
    assert len([d for d in world.server.books.debtors if d.code == "N-77"]) == 1
    assert len(world.server.books.calls("debtor/add")) == 1


def test_a_refusal_frees_the_work_and_retry_uses_the_same_marker(world: World) -> None:
    refs = _hours(world, world.linked_customer(), 60)
    world.server.switches.fail("invoice/add", "refuse", text="Er is iets niet in orde")
    [transfer] = world.invoice(refs)
    world.work()
    assert (transfer.state, transfer.reason) == ("rejected", "rejected")
    assert "Er is iets niet in orde" in transfer.reason_params["detail"]
    assert (world.claimed("reserved"), world.claimed("live")) == (0, 0)
    marker = transfer.marker
    intents.retry(transfer.id, world.user, world.clock())
    world.work()
    assert (transfer.state, transfer.marker) == ("done", marker)
    assert len(world.server.books.invoices) == 1


def test_retry_says_who_has_the_work_now(world: World) -> None:
    refs = _hours(world, world.linked_customer(), 60)
    world.server.switches.fail("invoice/add", "refuse", text="nee")
    [first] = world.invoice(refs)
    world.work()
    [second] = world.invoice(refs)
    with pytest.raises(CannotRetry) as refused:
        intents.retry(first.id, world.user, world.clock())
    assert refused.value.claims[0].transfer_id == second.id
    assert refused.value.claims[0].user_name == "Ans de Wit"


def test_totals_that_differ_stop_before_any_mail_until_somebody_accepts_them(world: World) -> None:
    world.server.switches.set("vat_rounding", "line")
    project = builders.project(world.linked_customer(), hourly_rate_e4=11_200)
    refs = [("time", builders.entry(project, world.user, minutes=60).id) for _ in range(2)]
    [transfer] = world.invoice(refs, send=True)
    assert transfer.vat_cents == 47, "per line it would be 48"
    world.work()
    assert (transfer.state, transfer.reason) == ("attention", "totals_differ")
    assert world.server.books.mails == []
    reconcile.accept_their_totals(transfer.id, world.user, world.clock())
    world.work()
    assert transfer.state == "done"
    assert len(world.server.books.mails) == 1
    assert db.session.scalars(select(Invoice)).one().vat_cents == transfer.remote_vat_cents


def test_a_refused_key_stops_the_connection_and_loses_nothing(world: World) -> None:
    [transfer] = world.invoice(_hours(world, world.linked_customer(), 60))
    world.server.switches.fail("invoice/add", "key_revoked")
    world.work()
    db.session.refresh(world.connection)
    assert (world.connection.state, world.connection.problem) == ("failing", "key_refused")
    assert (transfer.state, world.claimed("reserved")) == ("queued", 1)


def test_a_product_with_a_period_never_makes_a_subscription(world: World) -> None:
    world.invoice(_hours(world, world.linked_customer(), 60))
    world.work()
    assert world.server.books.subscriptions == []
    assert world.server.books.stock == []


def test_somebody_who_lost_the_right_does_not_send(world: World) -> None:
    [transfer] = world.invoice(_hours(world, world.linked_customer(), 60))
    world.user.active = False
    db.session.commit()
    world.work()
    assert (transfer.state, transfer.reason) == ("attention", "requester_disabled")
    assert len(world.server.books.invoices) == 0


def test_a_second_press_finds_the_work_claimed(world: World) -> None:
    refs = _hours(world, world.linked_customer(), 60)
    world.invoice(refs)
    with pytest.raises(intents.NothingToDo):
        world.invoice(refs)
    assert db.session.query(Transfer).count() == 1


def test_a_mirror_follows_what_happens_there_without_becoming_a_receivable(world: World) -> None:
    [transfer] = world.invoice(_hours(world, world.linked_customer(), 60), send=True)
    world.work()
    world.bookkeeper("part_pay", transfer, amount="10.00")
    world.work_after(hours=21)
    mirror = db.session.scalars(select(Invoice)).one()
    assert (mirror.status, mirror.settlement, mirror.external_status, mirror.external_open_cents) == (
        "paid",
        "external",
        "partly_paid",
        2328,
    )
    world.bookkeeper("pay", transfer)
    world.work_after(hours=21)
    db.session.refresh(mirror)
    assert (mirror.external_status, transfer.check_at) == ("paid", None)


def test_a_draft_that_was_deleted_there_can_be_unlinked_and_its_work_is_free_again(world: World) -> None:
    [transfer] = world.invoice(_hours(world, world.linked_customer(), 60))
    world.work()
    assert intents.unlink(transfer.id, world.user, world.clock()) is False
    world.bookkeeper("delete", transfer)
    assert intents.check_now(transfer.id, world.clock())
    world.work()
    assert transfer.remote_state == "removed"
    assert intents.unlink(transfer.id, world.user, world.clock())
    db.session.expire_all()
    assert (transfer.state, world.claimed("live")) == ("released", 0)
