"""Finance, Invoices: mirrors beside our own, never added together, and one invoice with what stands behind it."""

from __future__ import annotations

from datetime import date
from typing import Any

import builders
from models import AuditEvent, Invoice, InvoiceLine, Transfer, User, db
from page import Browser
from statements import counted
from world import World

HOSTILE = "<script>alert(1)</script>"


def _sent(world: World, customer: Any = None, minutes: int = 60) -> Invoice:
    project = builders.project(customer or world.linked_customer(), hourly_rate_e4=950_000)
    world.invoice([("time", builders.entry(project, world.user, minutes=minutes).id)], send=True)
    world.work()
    return db.session.query(Invoice).order_by(Invoice.id.desc()).first()


def _own(number: str | None, status: str, gross_cents: int = 12_100, due_on: date | None = None, **values: Any) -> Invoice:
    customer = values.pop("customer", None) or builders.customer(name="Eigen Klant")
    invoice = Invoice(
        origin="own",
        series="F",
        number=number,
        customer_id=customer.id,
        customer_name=customer.name,
        customer_number=customer.number,
        date=date(2026, 10, 1),
        due_on=due_on,
        status=status,
        net_cents=gross_cents - 2100,
        vat_cents=2100,
        gross_cents=gross_cents,
        created_at=builders.NOW,
        **values,
    )
    db.session.add(invoice)
    db.session.commit()
    return invoice


def _shown(browser: Browser) -> str:
    return browser.page.first("main").text


def _numbers(browser: Browser) -> list[str]:
    bodies = browser.page.all("tbody")
    return [row.all("a")[0].text for row in bodies[0].all("tr")] if bodies else []


def test_a_mirror_is_paid_here_and_shows_what_is_open_there(world: World, browser: Browser) -> None:
    mirror = _sent(world)
    browser.open("/finance/invoices")
    [row] = browser.page.first("tbody").all("tr")
    for part in (
        mirror.number,
        mirror.customer_name,
        "Werk november",
        "€ 114,95",
        "Paid (followed up in WeFact)",
        "In WeFact: sent, open 114,95",
    ):
        assert part in row.text, part


def test_money_of_mirrors_is_never_added_to_what_is_to_collect(world: World, browser: Browser) -> None:
    _sent(world)
    _own("F1", "sent", 12_100)
    _own("F2", "paid", 50_000)
    browser.open("/finance/invoices")
    sums = browser.page.first("dl").text
    assert sums == "Own invoices € 621,00, still to collect € 121,00 Mirrors € 114,95, open in the packages € 114,95"


def test_chips_count_what_they_would_show(world: World, browser: Browser) -> None:
    mirror = _sent(world)
    _own("F1", "sent", due_on=date(2026, 11, 1))
    _own("F2", "sent", due_on=date(2026, 12, 31))
    _own(None, "draft")
    browser.open("/finance/invoices")
    chips = [a.text for a in browser.page.first("main").all("a", class_="chip")]
    assert chips == ["All 4", "Draft 1", "Sent 1", "Overdue 1", "Paid 1", "Own 3", "Mirror 1"]
    browser.link("Overdue 1")
    assert _numbers(browser) == ["F1"]
    browser.open("/finance/invoices?origin=mirror")
    assert _numbers(browser) == [mirror.number]
    browser.open("/finance/invoices?origin=own&status=paid")
    assert _numbers(browser) == []
    assert "2 filters are active" in _shown(browser)
    browser.open("/finance/invoices?q=eigen&sort=number")
    assert _numbers(browser) == ["Draft", "F1", "F2"]
    browser.open(f"/finance/invoices?customer={mirror.customer_id}")
    assert _numbers(browser) == [mirror.number]


def test_drafts_that_wait_in_the_package_are_pointed_at(world: World, browser: Browser) -> None:
    project = builders.project(world.linked_customer())
    [transfer] = world.invoice([("time", builders.entry(project, world.user).id)])
    world.work()
    browser.open("/finance/invoices")
    assert "1 draft waits in WeFact" in _shown(browser)
    browser.link("1 draft waits in WeFact")
    assert [row.all("a")[0].text for row in browser.page.first("tbody").all("tr")] == [f"Invoice {transfer.id}"]
    world.bookkeeper("send", transfer)
    world.work_after(hours=21)
    browser.open("/finance/invoices")
    assert "waits in WeFact" not in _shown(browser)


def test_one_invoice_shows_lines_totals_history_and_the_work_behind_it(world: World, browser: Browser) -> None:
    mirror = _sent(world, minutes=90)
    browser.open(f"/finance/invoices/{mirror.id}")
    shown = _shown(browser)
    for part in (
        "Paid (followed up in WeFact)",
        "lives in WeFact",
        "142,50",
        "VAT 21% 29,93",
        "Total in EUR 172,43",
        "Requested by Ans de Wit",
    ):
        assert part in shown, part
    work = browser.page.first("section", id="work").text
    assert "1 entry, 1:30" in work
    assert "142,50" in work
    there = browser.page.first("section", aria_label="In WeFact").text
    assert "Status sent" in there
    assert "Open € 172,43" in there
    browser.link(f"Transfer {mirror.transfer_id}")
    assert mirror.number in _shown(browser)


def test_check_now_asks_the_package_and_polls_until_it_answered(world: World, browser: Browser) -> None:
    mirror = _sent(world)
    transfer = db.session.get_one(Transfer, mirror.transfer_id)
    browser.open(f"/finance/invoices/{mirror.id}")
    assert not browser.page.first("div", id="there")["hx-trigger"]
    world.clock.forward(hours=1)
    world.bookkeeper("pay", transfer)
    browser.submit("Check now")
    assert "WeFact is asked now." in browser.page.first("div", id="flashes").text
    panel = browser.page.first("div", id="there")
    assert panel["hx-trigger"] == "every 2s"
    assert "being asked now" in panel.text
    world.work()
    fragment = browser.htmx(panel["hx-get"])
    assert not fragment.all("main")
    assert not fragment.first("div", id="there")["hx-trigger"]
    assert "Status paid" in fragment.text
    assert "Open € 0,00" in fragment.text


def test_hostile_names_and_long_texts_stay_text(world: World, browser: Browser) -> None:
    customer = builders.customer("X" * 50, HOSTILE + "\u202e=1+1 " + "ж" * 200)
    invoice = _own("F9", "sent", customer=customer, reference=HOSTILE)
    db.session.add(
        InvoiceLine(
            invoice_id=invoice.id,
            position=1,
            kind="time",
            description=HOSTILE + "x" * 10_000,
            quantity_e4=10_000,
            unit_price_e4=1,
            net_cents=1,
        )
    )
    person = db.session.query(User).first()
    db.session.add(AuditEvent(at=builders.NOW, user_id=person.id, action="invoice_looked_at", object_type="invoice", object_id=invoice.id))
    db.session.commit()
    browser.open("/finance/invoices")
    assert "<script>alert" not in browser.html
    browser.open(f"/finance/invoices/{invoice.id}")
    assert browser.status == 200
    assert "<script>alert" not in browser.html
    assert HOSTILE in _shown(browser)
    assert "Invoice looked at by" in _shown(browser)


def test_the_list_costs_the_same_however_long_it_is(world: World, browser: Browser) -> None:
    customer = builders.customer(name="Grote Klant met een lange naam B.V.")
    _own("F0", "sent", customer=customer)
    with counted() as few:
        browser.open("/finance/invoices")
    for n in range(1, 60):
        _own(f"F{n}", "sent", customer=customer, reference="Referentie van deze maand", external_status="sent", external_open_cents=100)
    with counted() as many:
        browser.open("/finance/invoices")
    assert len(many) == len(few) <= 10, many
    assert len(_numbers(browser)) == 50
    assert len(browser.html.encode()) < 60_000
    with counted() as one:
        browser.open("/finance/invoices/1")
    assert len(one) <= 10, one


def test_a_plain_user_finds_no_invoices(world: World, visitor: Browser) -> None:
    mirror = _sent(world)
    builders.user("user", email="bram@bureau.example", password=builders.PASSWORD)
    visitor.sign_in("bram@bureau.example", builders.PASSWORD)
    for path in ("", f"/{mirror.id}", "/choices/customer"):
        visitor.open(f"/finance/invoices{path}")
        assert visitor.status == 404, path
    visitor.open("/register/week")
    visitor.post(f"/finance/invoices/{mirror.id}/check", {})
    assert visitor.status == 404
