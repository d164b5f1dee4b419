"""The result of a press on "Create invoices": a row per customer, polled while something still moves."""

from __future__ import annotations

from typing import Any

import pytest

import builders
from models import Batch, Connection, CustomerMatch, Transfer, db
from page import Browser, Element
from statements import counted
from transfers import intents
from world import World

HOSTILE = "<script>alert(1)</script>"


def _hours(world: World, customer: Any, *minutes: int) -> list[tuple[str, int]]:
    project = builders.project(customer)
    return [("time", builders.entry(project, world.user, minutes=amount).id) for amount in minutes or (60,)]


def _batch(world: World, refs: list[tuple[str, int]]) -> int:
    [transfer, *_others] = world.invoice(refs)
    assert transfer.batch_id is not None
    return transfer.batch_id


def _rows(browser: Browser) -> list[Element]:
    return browser.page.first("tbody").all("tr")


def _polls(browser: Browser) -> bool:
    return browser.page.first("div", id="batch")["hx-trigger"] == "every 2s"


def test_it_polls_while_something_moves_and_stops_by_itself(world: World, browser: Browser) -> None:
    refs = _hours(world, world.linked_customer()) + _hours(world, world.linked_customer("DB10031"), 30, 30)
    batch_id = _batch(world, refs)
    browser.open(f"/finance/batches/{batch_id}")
    assert _polls(browser)
    assert "0 of 2 done" in browser.page.first("section").text
    assert "3 rows selected: 3 in 2 invoices, 0 skipped." in browser.page.first("section").text
    assert [row.all("td")[0].text for row in _rows(browser)] == ["Waiting", "Waiting"]
    assert browser.link("Reload").first("div", id="batch"), "without JavaScript there is a link"
    world.work()
    fragment = browser.htmx(browser.page.first("div", id="batch")["hx-get"])
    assert not fragment.all("main"), "a poll gets the panel only"
    assert not _polls(browser)
    assert "2 of 2 done" in fragment.text
    assert [row.all("td")[0].text for row in _rows(browser)] == ["Succeeded", "Succeeded"]
    assert "Draft [concept]0001 in WeFact" in fragment.text
    assert (fragment.first("progress")["value"], fragment.first("progress")["max"]) == ("2", "2")
    assert fragment.first("span", role="status").text == "2 of 2 done"


def test_every_row_ends_in_a_state_with_a_sentence_and_a_next_step(world: World, browser: Browser) -> None:
    customers = [world.linked_customer(number) for number in ("DB10012", "DB10031")]
    world.server.switches.fail("invoice/add", "refuse", text="Er is iets niet in orde")
    batch_id = _batch(world, _hours(world, customers[0]) + _hours(world, customers[1]))
    world.work()
    transfers = list(db.session.query(Transfer).order_by(Transfer.id))
    assert sorted(one.state for one in transfers) == ["done", "rejected"]
    browser.open(f"/finance/batches/{batch_id}")
    failed = next(row for row in _rows(browser) if "Failed" in row.text)
    assert "Er is iets niet in orde" in failed.text
    assert "Retry" in failed.text
    browser.submit(f"Retry {next(one for one in transfers if one.state == 'rejected').customer.name}")
    assert browser.path == f"/finance/batches/{batch_id}", "it comes back to the result"
    world.work()
    browser.open(f"/finance/batches/{batch_id}")
    assert [row.all("td")[0].text for row in _rows(browser)] == ["Succeeded", "Succeeded"]


def test_retry_failed_takes_all_failed_of_the_batch(world: World, browser: Browser) -> None:
    for _ in range(2):
        world.server.switches.fail("invoice/add", "refuse", text="nee")
    batch_id = _batch(world, _hours(world, world.linked_customer()) + _hours(world, world.linked_customer("DB10031")))
    world.work()
    browser.open(f"/finance/batches/{batch_id}")
    assert "Failed 2" not in browser.page.text, "one state needs no chips"
    browser.submit("Retry failed")
    assert "2 transfers are tried again." in browser.page.first("div", id="flashes").text
    assert _polls(browser)
    browser.submit("Check now")
    assert "2 transfers are looked at now." in browser.page.first("div", id="flashes").text
    world.work()
    assert {one.state for one in db.session.query(Transfer)} == {"done"}


def test_skipped_rows_say_why_and_the_sum_is_the_selection(world: World, browser: Browser) -> None:
    refs = _hours(world, world.linked_customer(), 60, 30)
    without_rate = builders.entry(builders.project(world.linked_customer("DB10031")), world.user, rate_e4=None)
    unknown = builders.customer("N-1", HOSTILE)
    db.session.add(
        CustomerMatch(
            connection_id=world.connection.id, customer_id=unknown.id, state="question", number_key="n-1", candidates=[{"remote_id": "1"}]
        )
    )
    db.session.commit()
    batch_id = _batch(world, [*refs, ("time", without_rate.id), *_hours(world, unknown, 60, 60, 60)])
    browser.open(f"/finance/batches/{batch_id}")
    assert "6 rows selected: 2 in 1 invoice, 4 skipped." in browser.page.first("section").text
    states = [row.all("td")[0].text for row in _rows(browser)]
    assert sorted(states) == ["Skipped", "Skipped", "Waiting"]
    asked = next(row for row in _rows(browser) if HOSTILE in row.text)
    assert "Choose the one it is, or create a new one" in asked.text
    assert "Look at the customer" in asked.text
    assert "No rate known" in next(row for row in _rows(browser) if "Several customers" in row.text).text
    assert "<script>alert" not in browser.html
    browser.link("Skipped 2")
    assert [row.all("td")[0].text for row in _rows(browser)] == ["Skipped", "Skipped"]


def test_work_that_somebody_else_took_names_who_has_it(world: World, browser: Browser) -> None:
    batch_id = _batch(world, _hours(world, world.linked_customer()))
    batch = db.session.get_one(Batch, batch_id)
    params = {"name": "Bram Bos", "since": world.clock().isoformat(), "transfer": 412}
    batch.skipped = [{"name": "Jansen", "reason": "being_invoiced_by", "params": params, "rows": 2, "transfer_id": 412}]
    db.session.commit()
    browser.open(f"/finance/batches/{batch_id}")
    row = next(row for row in _rows(browser) if "Skipped" in row.text)
    assert "Bram Bos has this work since 10:00, transfer 412." in row.text
    assert [a["href"] for a in row.all("a")] == ["/finance/transfers/412"]


def test_somebody_without_the_right_is_told_of_a_colleague(app: Any) -> None:
    from blueprints.finance import wording

    params = {"name": "Bram Bos", "since": "2026-11-20T09:12:00+00:00", "transfer": 412}
    assert wording.sentence("being_invoiced_by", params, knows_who=False) == "A colleague has this work since 10:12."


def test_a_customer_that_is_created_first_is_part_of_its_row(world: World, browser: Browser) -> None:
    customer = builders.customer("N-77", "Nieuwe Klant B.V.", email="info@nieuw.example")
    db.session.add(
        CustomerMatch(connection_id=world.connection.id, customer_id=customer.id, state="missing", number_key="n-77", candidates=[])
    )
    db.session.commit()
    batch_id = _batch(world, _hours(world, customer))
    browser.open(f"/finance/batches/{batch_id}")
    [row] = _rows(browser)
    assert "The customer is being created there first." in row.text
    first = db.session.query(Transfer).filter_by(kind="customer").one()
    assert f"/finance/transfers/{first.id}" in [a["href"] for a in row.all("a")]
    first.state, first.reason = "attention", "cannot_search"
    db.session.commit()
    browser.open(f"/finance/batches/{batch_id}")
    assert not _polls(browser), "a person has to look; nothing moves by itself"
    assert "somebody has to look at that first" in _rows(browser)[0].text
    browser.link(f"Look at it: {customer.name}")
    assert browser.path == f"/finance/transfers/{first.id}"


def test_a_stopped_connection_is_told_and_not_polled(world: World, browser: Browser) -> None:
    batch_id = _batch(world, _hours(world, world.linked_customer()))
    db.session.get_one(Connection, world.connection.id).state = "failing"
    db.session.commit()
    browser.open(f"/finance/batches/{batch_id}")
    assert "The connection with WeFact does not work" in browser.page.first("main").text
    assert not _polls(browser)


@pytest.mark.parametrize("customers", [1, 60])
def test_a_poll_costs_the_same_for_one_invoice_and_for_sixty(world: World, browser: Browser, customers: int) -> None:
    first = _batch(world, _hours(world, world.linked_customer()))
    for n in range(1, customers):
        transfer = Transfer(
            kind="invoice",
            connection_id=world.connection.id,
            batch_id=first,
            op_key=f"k{n}",
            marker=f"UWXX-{n:013d}",
            state="uncertain",
            reason="read_timeout",
            payload={},
            due_at=builders.NOW,
            created_at=builders.NOW,
            updated_at=builders.NOW,
            reason_params={},
        )
        db.session.add(transfer)
    db.session.commit()
    browser.open(f"/finance/batches/{first}")
    assert len(browser.html.encode()) < 60_000
    with counted() as asked:
        browser.htmx(f"/finance/batches/{first}")
    assert len(asked) <= 6, asked
    assert len(_rows(browser)) == min(customers, 50)
    if customers > 50:
        browser.open(f"/finance/batches/{first}?page=2")
        assert len(_rows(browser)) == 10


def test_others_find_no_batch(world: World, visitor: Browser) -> None:
    batch_id = _batch(world, _hours(world, world.linked_customer()))
    builders.user("team_manager", email="bram@bureau.example", password=builders.PASSWORD)
    visitor.sign_in("bram@bureau.example", builders.PASSWORD)
    visitor.open(f"/finance/batches/{batch_id}")
    assert visitor.status == 404
    visitor.open("/register/week")
    visitor.post(f"/finance/batches/{batch_id}/retry", {})
    assert visitor.status == 404


def test_cancelled_work_is_free_and_shown_as_cancelled(world: World, browser: Browser) -> None:
    batch_id = _batch(world, _hours(world, world.linked_customer()))
    [transfer] = db.session.query(Transfer)
    intents.cancel(transfer.id, world.user, world.clock())
    browser.open(f"/finance/batches/{batch_id}")
    [row] = _rows(browser)
    assert row.all("td")[0].text == "Cancelled"
    assert "1 row selected: 1 in 1 invoice" in browser.page.first("section").text
    assert not _polls(browser)
