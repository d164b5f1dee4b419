"""Finance, Transfers: the list, the story of one, and what a person can do about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

import builders
from models import AuditEvent, BillingLink, Connection, RemoteCall, Transfer, db
from page import Browser
from statements import counted
from world import World

HOSTILE = "<script>alert(1)</script>"


def _hours(world: World, customer: Any = None, *minutes: int, **values: Any) -> list[tuple[str, int]]:
    project = builders.project(customer or world.linked_customer(), hourly_rate_e4=values.pop("hourly_rate_e4", 950_000))
    return [("time", builders.entry(project, world.user, minutes=amount).id) for amount in minutes or (60,)]


def _refused(world: World) -> Transfer:
    world.server.switches.fail("invoice/add", "refuse", text="Er is iets niet in orde")
    [transfer] = world.invoice(_hours(world))
    world.work()
    assert transfer.state == "rejected"
    return transfer


def _shown(browser: Browser) -> str:
    return browser.page.first("main").text


def _buttons(browser: Browser) -> list[str]:
    return [button["aria-label"] or button.text for button in browser.page.first("main").all("button")]


def test_the_list_shows_state_customer_number_and_who_asked(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    world.work()
    browser.open("/finance/transfers")
    [row] = browser.page.first("tbody").all("tr")
    for part in (
        "Succeeded",
        f"Invoice {transfer.id}",
        transfer.marker,
        "WeFact",
        transfer.remote_number,
        "114,95",
        "Ans de Wit",
        "20-11-2026",
    ):
        assert part in row.text, part


def test_the_list_narrows_down_by_state_package_customer_and_text(world: World, browser: Browser) -> None:
    customer = world.linked_customer()
    [done] = world.invoice(_hours(world, customer))
    world.work()
    [waiting] = world.invoice(_hours(world, world.linked_customer("DB10031")))
    for query, expected in (
        ("state=succeeded", [done.id]),
        ("state=waiting", [waiting.id]),
        ("state=failed", []),
        ("package=wefact", [waiting.id, done.id]),
        ("package=afas", []),
        (f"customer={customer.id}", [done.id]),
        (f"q={waiting.marker[5:12].lower()}", [waiting.id]),
        ("q=db10031", [waiting.id]),
        ("there=draft", [done.id]),
        ("state=nonsense", [waiting.id, done.id]),
    ):
        browser.open(f"/finance/transfers?{query}")
        bodies = browser.page.all("tbody")
        found = [row.all("a")[0].text for row in bodies[0].all("tr")] if bodies else []
        assert found == [f"Invoice {key}" for key in expected], query


def test_one_label_shows_every_state_behind_it(world: World, browser: Browser) -> None:
    [first] = world.invoice(_hours(world))
    [second] = world.invoice(_hours(world, world.linked_customer("DB10031")))
    first.state, second.state = "uncertain", "checking"
    db.session.commit()
    browser.open("/finance/transfers?state=checking")
    assert len(browser.page.first("tbody").all("tr")) == 2
    assert "Checking" in browser.page.first("tbody").all("tr")[0].text


def test_the_page_tells_the_whole_story_with_its_calls_and_no_key(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    world.work()
    browser.open(f"/finance/transfers/{transfer.id}")
    shown = _shown(browser)
    for part in ("Requested by Ans de Wit", "Being created in WeFact", "Asked to create the invoice", "Succeeded", transfer.marker, " ms"):
        assert part in shown, part
    calls = browser.page.all("details")
    assert len(calls) == db.session.query(RemoteCall).filter_by(transfer_id=transfer.id).count() > 0
    from sandbox.wefact.server import DEMO_KEY

    assert DEMO_KEY not in browser.html
    assert "api_key" not in browser.html or "***" in browser.html or "•" in browser.html
    facts = browser.page.first("section", aria_label="Facts").text
    for part in ("WeFact", "Invoice, left as draft", transfer.marker, "1:00", "95,00", "19,95", "114,95", transfer.remote_number):
        assert part in facts, part
    assert "1 entry" in shown


def test_a_call_can_be_read_whole(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    world.work()
    call = db.session.scalars(select(RemoteCall).where(RemoteCall.transfer_id == transfer.id, RemoteCall.operation == "invoice/add")).one()
    call.response = "x" * 5000 + " the end of it"
    db.session.commit()
    browser.open(f"/finance/transfers/{transfer.id}")
    assert "the end of it" not in browser.html
    browser.link("Show all of it")
    assert "the end of it" in _shown(browser)
    other = world.invoice(_hours(world, world.linked_customer("DB10031")))[0]
    browser.open(f"/finance/transfers/{other.id}/calls/{call.id}")
    assert browser.status == 404


def test_a_waiting_transfer_says_when_it_is_looked_at_again(world: World, browser: Browser) -> None:
    world.server.switches.fail("invoice/add", "commit_then_reset")
    [transfer] = world.invoice(_hours(world))
    world.work()
    assert transfer.state == "uncertain", transfer.state
    browser.open(f"/finance/transfers/{transfer.id}")
    assert "Next check at 10:00" in _shown(browser)
    assert "Checking" in browser.page.first("div", class_="page-head").text
    browser.submit("Check now")
    assert "looking now would prove nothing" in browser.page.first("div", id="flashes").text
    assert transfer.state == "uncertain"


def test_check_now_makes_a_waiting_transfer_due(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    transfer.due_at, transfer.reason = world.clock() + timedelta(minutes=9), "unavailable"
    db.session.commit()
    browser.open(f"/finance/transfers/{transfer.id}")
    browser.submit("Check now")
    db.session.expire_all()
    assert transfer.due_at == world.clock()
    assert "WeFact is asked now" in browser.page.first("div", id="flashes").text


def test_a_failed_transfer_shows_their_words_and_is_tried_again(world: World, browser: Browser) -> None:
    transfer = _refused(world)
    browser.open(f"/finance/transfers/{transfer.id}")
    assert "Er is iets niet in orde" in _shown(browser)
    assert _buttons(browser) == ["Retry failed"]
    browser.submit("Retry failed")
    assert "Ans de Wit tried it again" in _shown(browser)
    world.work()
    assert transfer.state == "done"


def test_retry_says_who_has_the_work_now(world: World, browser: Browser) -> None:
    refs = _hours(world)
    world.server.switches.fail("invoice/add", "refuse", text="nee")
    [first] = world.invoice(refs)
    world.work()
    [second] = world.invoice(refs)
    browser.open(f"/finance/transfers/{first.id}")
    browser.submit("Retry failed")
    assert f"Ans de Wit has this work since 10:00, transfer {second.id}." in browser.page.first("div", id="flashes").text
    db.session.expire_all()
    assert first.state == "rejected"


def test_retry_after_the_work_was_invoiced_names_that_invoice(world: World, browser: Browser) -> None:
    refs = _hours(world)
    world.server.switches.fail("invoice/add", "refuse", text="nee")
    [first] = world.invoice(refs)
    world.work()
    [second] = world.invoice(refs)
    world.work()
    browser.open(f"/finance/transfers/{first.id}")
    browser.submit("Retry failed")
    assert f"invoiced meanwhile: {second.remote_number} in WeFact" in browser.page.first("div", id="flashes").text


def test_the_list_retries_what_it_shows_as_failed(world: World, browser: Browser) -> None:
    transfer = _refused(world)
    browser.open("/finance/transfers?state=failed")
    browser.submit("Retry failed")
    assert "1 transfer is tried again." in browser.page.first("div", id="flashes").text
    db.session.expire_all()
    assert transfer.state == "queued"
    browser.open("/finance/transfers")
    browser.submit("Check now")
    assert "1 transfer is looked at now." in browser.page.first("div", id="flashes").text


def test_cancel_frees_what_was_not_sent_and_is_gone_afterwards(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    browser.open(f"/finance/transfers/{transfer.id}")
    browser.submit("Cancel")
    db.session.expire_all()
    assert transfer.state == "released"
    assert world.claimed("reserved") == 0
    assert "Cancelled" in browser.page.first("div", class_="page-head").text
    assert _buttons(browser) == []
    assert "1 entry" in _shown(browser), "what it was about stays readable"


def test_cancel_comes_too_late_for_what_is_on_its_way(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    browser.open(f"/finance/transfers/{transfer.id}")
    world.work()
    browser.submit("Cancel")
    assert "too late to cancel" in browser.page.first("div", id="flashes").text
    db.session.expire_all()
    assert transfer.state == "done"


def test_unlink_asks_first_and_frees_the_work_of_what_is_gone(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    world.work()
    browser.open(f"/finance/transfers/{transfer.id}")
    assert "Unlink" not in _shown(browser)
    browser.post(f"/finance/transfers/{transfer.id}/unlink", {})
    assert "still exists there" in browser.page.first("div", id="flashes").text
    transfer.remote_state = "removed"
    db.session.commit()
    browser.open(f"/finance/transfers/{transfer.id}")
    browser.link("Unlink")
    assert "1 entry can be invoiced again" in _shown(browser)
    browser.submit("Unlink")
    db.session.expire_all()
    assert transfer.state == "released"
    assert db.session.scalars(select(BillingLink.state)).all() == ["released"]


# --- Needs attention ------------------------------------------------------------------------------------------------------------


def _totals_differ(world: World, send: bool = True) -> Transfer:
    world.server.switches.set("vat_rounding", "line")
    project = builders.project(world.linked_customer(), hourly_rate_e4=11_200)
    [transfer] = world.invoice([("time", builders.entry(project, world.user, minutes=60).id) for _ in range(2)], send=send)
    world.work()
    assert transfer.reason == "totals_differ"
    return transfer


def test_totals_that_differ_are_shown_beside_each_other_and_can_be_accepted(world: World, browser: Browser) -> None:
    transfer = _totals_differ(world)
    browser.open(f"/finance/transfers/{transfer.id}")
    panel = browser.page.first("section", aria_label="Decide")
    assert "It came to € 2,72 there and to € 2,71 here" in panel.text
    assert [cell.text for cell in panel.all("td")][1:] == ["€ 2,24", "€ 2,24", "€ 0,47", "€ 0,48", "€ 2,71", "€ 2,72"]
    browser.submit("Send as WeFact counted it")
    assert "Ans de Wit accepted the totals there" in _shown(browser)
    world.work()
    assert transfer.state == "done"
    assert len(world.server.books.mails) == 1


def test_a_draft_is_kept_not_sent(world: World, browser: Browser) -> None:
    transfer = _totals_differ(world, send=False)
    browser.open(f"/finance/transfers/{transfer.id}")
    assert "Send as WeFact counted it" not in _buttons(browser)
    browser.submit("Keep as WeFact counted it")
    world.work()
    assert transfer.state == "done"
    assert world.server.books.mails == []


def test_nothing_there_needs_the_reference_and_a_reason_and_keeps_what_was_typed(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    transfer.state, transfer.reason = "attention", "search_incomplete"
    db.session.commit()
    browser.open(f"/finance/transfers/{transfer.id}")
    browser.submit("Nothing exists there", marker="UW-WRONG", why="Gezocht op naam")
    assert browser.status == 422
    assert "Type the reference exactly" in browser.page.first("div", role="alert").text
    assert browser.page.first("input", id="why")["value"] == "Gezocht op naam"
    browser.submit("Nothing exists there", marker=transfer.marker.lower(), why="")
    assert "Fill in how you know" in browser.page.first("div", role="alert").text
    browser.submit("Nothing exists there", marker=transfer.marker, why="Gezocht op naam")
    db.session.expire_all()
    assert (transfer.state, world.claimed("reserved")) == ("rejected", 0)
    assert "Ans de Wit said that nothing exists there" in _shown(browser)
    assert "Gezocht op naam" in _shown(browser)
    audited = db.session.scalars(select(AuditEvent).where(AuditEvent.action == "transfer_nothing_there")).one()
    assert audited.details["why"] == "Gezocht op naam"


def test_nothing_there_is_not_offered_while_a_document_is_known(world: World, browser: Browser) -> None:
    transfer = _totals_differ(world)
    browser.open(f"/finance/transfers/{transfer.id}")
    assert "Nothing exists there" not in _buttons(browser)
    assert "A document of this transfer is known there" in _shown(browser)
    browser.post(f"/finance/transfers/{transfer.id}/nothing-there", {"marker": transfer.marker, "why": "weg"})
    assert browser.status == 422
    db.session.expire_all()
    assert transfer.state == "attention"


def test_this_is_the_one_is_compared_before_it_counts(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    world.work()
    there = transfer.remote_id
    transfer.state, transfer.reason, transfer.remote_id = "attention", "found_similar", None
    transfer.reason_params = {"numbers": HOSTILE}
    db.session.commit()
    browser.open(f"/finance/transfers/{transfer.id}")
    assert HOSTILE in _shown(browser)
    assert "<script>alert" not in browser.html
    browser.submit("This is the one", remote_id=" ")
    assert browser.status == 422
    browser.submit("This is the one", remote_id=there)
    assert "Ans de Wit named the document" in _shown(browser)
    world.work()
    assert (transfer.state, transfer.remote_id) == ("done", there)


def test_a_decision_on_what_is_settled_meanwhile_says_so(world: World, browser: Browser) -> None:
    transfer = _totals_differ(world)
    browser.open(f"/finance/transfers/{transfer.id}")
    page = browser.page
    browser.submit("Look again")
    browser.page = page
    browser.submit("Send as WeFact counted it")
    assert browser.status == 422
    assert "does not need attention any more" in browser.page.first("div", role="alert").text


# --- Around it ------------------------------------------------------------------------------------------------------------------


def test_an_open_page_is_drawn_again_only_when_something_changed(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    browser.open(f"/finance/transfers/{transfer.id}")
    [asks] = [div for div in browser.page.all("div") if "/state?" in div["hx-get"]]
    assert asks["hx-trigger"] == "every 2s"
    browser.htmx(asks["hx-get"])
    assert (browser.status, "HX-Refresh" in browser.headers) == (204, False)
    world.work()
    browser.htmx(asks["hx-get"])
    assert browser.headers["HX-Refresh"] == "true"
    browser.open(f"/finance/transfers/{transfer.id}")
    assert "every 2s" not in browser.html


def test_work_that_was_typed_by_hand_is_only_looked_at(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    transfer.connection_id, transfer.state, transfer.batch_id = None, "done", None
    db.session.commit()
    browser.open("/finance/transfers")
    assert "Invoiced elsewhere" in browser.page.first("tbody").text
    browser.open(f"/finance/transfers/{transfer.id}")
    assert "Invoiced elsewhere" in browser.page.first("h1").parent.text
    assert _buttons(browser) == []


def test_a_failing_connection_is_told_on_the_page(world: World, browser: Browser) -> None:
    [transfer] = world.invoice(_hours(world))
    db.session.get_one(Connection, world.connection.id).state = "failing"
    db.session.commit()
    browser.open(f"/finance/transfers/{transfer.id}")
    assert "The connection with WeFact does not work" in _shown(browser)


@pytest.mark.parametrize("path", ["", "/1", "/1/state", "/1/unlink", "/choices/customer"])
def test_others_find_nothing_here(world: World, visitor: Browser, path: str) -> None:
    world.invoice(_hours(world))
    builders.user("user", email="bram@bureau.example", password=builders.PASSWORD)
    visitor.sign_in("bram@bureau.example", builders.PASSWORD)
    visitor.open(f"/finance/transfers{path}")
    assert visitor.status == 404
    for action in ("check", "retry", "cancel", "unlink", "look-again", "accept-totals", "this-one", "nothing-there"):
        visitor.open("/register/week")
        visitor.post(f"/finance/transfers/1/{action}", {})
        assert visitor.status == 404, action


def test_a_list_of_fifty_costs_what_a_list_of_one_costs(world: World, browser: Browser) -> None:
    world.invoice(_hours(world))
    with counted() as few:
        browser.open("/finance/transfers")
    customer = builders.customer(name="Ж" + HOSTILE * 5 + "\u202e=1+1")
    for n in range(60):
        transfer = Transfer(
            kind="invoice",
            connection_id=world.connection.id,
            customer_id=customer.id,
            requested_by_id=world.user.id,
            op_key=f"k{n}",
            marker=f"UWXX-{n:013d}",
            state="rejected",
            payload={"reference": HOSTILE},
            due_at=builders.NOW,
            created_at=builders.NOW,
            updated_at=builders.NOW,
            reason_params={},
        )
        db.session.add(transfer)
    db.session.commit()
    with counted() as many:
        browser.open("/finance/transfers?sort=customer")
    assert len(many) == len(few) <= 10, many
    assert len(browser.page.first("tbody").all("tr")) == 50
    assert len(browser.html.encode()) < 60_000
    assert "<script>alert" not in browser.html
    with counted() as one:
        browser.open(f"/finance/transfers/{transfer.id}")
    assert len(one) <= 10, one
    assert "<script>alert" not in browser.html


def test_filters_offer_customers_by_name(world: World, browser: Browser) -> None:
    customer = world.linked_customer()
    world.invoice(_hours(world, customer))
    browser.open("/finance/transfers/choices/customer?state=waiting&find=" + customer.number)
    [found] = [a for a in browser.page.first("main").all("a") if f"customer={customer.id}" in a["href"]]
    assert "state=waiting" in found["href"]
    browser.open(found["href"])
    assert len(browser.page.first("tbody").all("tr")) == 1
    browser.open("/finance/transfers/choices/project")
    assert browser.status == 404
