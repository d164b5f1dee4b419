"""The story without JavaScript: plain forms from the ticked rows to the mirror (must show 3), and what the dialog refuses."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

import builders
from models import AccountingItem, CustomerMatch, Invoice, Organisation, TimeEntry, Transfer, db
from page import Browser
from world import World

pytestmark = pytest.mark.parametrize("vendor", ["wefact"], indirect=True)


def _tick(browser: Browser, path: str, *ids: tuple[str, int]) -> None:
    """Posts the ticked boxes as the Actions button of a page without JavaScript does."""
    browser.open(path)
    data: dict[str, list[int]] = {}
    for kind, key in ids:
        data.setdefault(kind, []).append(key)
    browser.post("/finance/invoice/wefact", data)


def _shown(browser: Browser) -> str:
    return browser.page.first("main").text


def test_from_ticked_rows_to_the_mirror_with_plain_forms(world: World, browser: Browser) -> None:
    project = builders.project(world.linked_customer(), hourly_rate_e4=275_000)
    activity = builders.activity("Ontwerp")
    refs = [("time", builders.entry(project, world.user, activity, minutes).id) for minutes in (10, 20, 25)]
    _tick(browser, "/reports/hours", *refs)
    assert browser.path.startswith("/finance/invoice/wefact")
    assert "Debtor found" in _shown(browser)
    assert "25,21" in _shown(browser)
    browser.submit("Preview", send="send", reference="Werk november")
    assert "Debtor found" in _shown(browser)
    browser.submit("Create invoices")
    assert browser.path.startswith("/finance/batches/")
    world.work()
    browser.open(browser.path)
    assert "Succeeded" in _shown(browser)
    mirror = db.session.scalars(select(Invoice)).one()
    browser.open("/finance/invoices")
    assert mirror.number is not None
    assert mirror.number in _shown(browser)
    assert "Paid" in _shown(browser)
    [invoice] = world.server.books.invoices
    assert invoice.fields["ReferenceNumber"] == "Werk november"
    assert len(world.server.books.mails) == 1


def test_the_same_form_sent_twice_gets_the_first_result(world: World, browser: Browser) -> None:
    entry = builders.entry(builders.project(world.linked_customer()), world.user)
    _tick(browser, "/reports/hours", ("time", entry.id))
    page, path = browser.page, browser.path
    browser.submit("Create invoices")
    first = browser.path
    browser.page, browser.path = page, path
    browser.submit("Create invoices")
    assert browser.path == first
    assert db.session.query(Transfer).count() == 1


def test_a_preview_writes_nothing_invariant_7(world: World, browser: Browser) -> None:
    entry = builders.entry(builders.project(world.linked_customer()), world.user)
    _tick(browser, "/reports/hours", ("time", entry.id))
    browser.submit("Preview", send="send")
    assert (db.session.query(Transfer).count(), world.claimed("reserved"), world.claimed("live")) == (0, 0, 0)
    assert world.server.books.journal == []
    assert db.session.get_one(TimeEntry, entry.id).version == 1


def test_what_changed_between_preview_and_confirm_is_told_and_nothing_is_made(world: World, browser: Browser) -> None:
    entry = builders.entry(builders.project(world.linked_customer()), world.user)
    _tick(browser, "/reports/hours", ("time", entry.id))
    db.session.get_one(TimeEntry, entry.id).duration_minutes = 30
    db.session.get_one(TimeEntry, entry.id).version = 2
    db.session.commit()
    browser.submit("Create invoices")
    assert browser.status == 409
    assert "This is not what you saw any more" in _shown(browser)
    assert db.session.query(Transfer).count() == 0
    browser.submit("Create invoices")
    assert browser.path.startswith("/finance/batches/")


def test_an_entry_deleted_between_preview_and_confirm_is_named_as_gone(world: World, browser: Browser) -> None:
    project = builders.project(world.linked_customer())
    keep, gone = builders.entry(project, world.user), builders.entry(project, world.user)
    _tick(browser, "/reports/hours", ("time", keep.id), ("time", gone.id))
    db.session.delete(db.session.get_one(TimeEntry, gone.id))
    db.session.commit()
    browser.submit("Create invoices")
    assert browser.status == 409
    assert "is now" in _shown(browser)


@pytest.mark.parametrize(
    ("typed", "sentence"), [("21-11-2026", "later than today"), ("01-01-2020", ""), ("31-02-2026", ""), ("", "Fill in the invoice date")]
)
def test_an_odd_invoice_date_is_refused_with_what_was_typed_kept(world: World, browser: Browser, typed: str, sentence: str) -> None:
    entry = builders.entry(builders.project(world.linked_customer()), world.user)
    if typed == "01-01-2020":
        [sent] = world.invoice([("time", builders.entry(builders.project(world.linked_customer("DB10018")), world.user).id)], send=True)
        world.work()
        assert sent.state == "done"
        sentence = "20-11-2026"
    _tick(browser, "/reports/hours", ("time", entry.id))
    browser.submit("Create invoices", date=typed, reference="blijft staan")
    assert browser.status == 422
    assert sentence in _shown(browser)
    assert browser.page.first("input", name="date")["value"] == typed
    assert browser.page.first("input", name="reference")["value"] == "blijft staan"


def test_more_than_eighty_lines_are_refused_with_the_grouping_that_fits(world: World, browser: Browser) -> None:
    project = builders.project(world.linked_customer())
    activity = builders.activity("Ontwerp")
    refs = [("time", builders.entry(project, world.user, activity, 15).id) for _ in range(81)]
    _tick(browser, "/reports/hours", *refs)
    browser.submit("Preview", lines="entry")
    assert "81" in _shown(browser)
    assert "80" in _shown(browser)
    assert "activity" in _shown(browser)
    browser.submit("Create invoices", lines="entry")
    assert browser.status == 422
    assert db.session.query(Transfer).count() == 0


def test_rows_that_may_not_be_billed_are_left_out_by_name(world: World, browser: Browser) -> None:
    db.session.get_one(Organisation, 1).approve_hours = True
    db.session.commit()
    project = builders.project(world.linked_customer())
    good = builders.entry(project, world.user, status="approved")
    rows = {
        "not approved": builders.entry(project, world.user),
        "written off": builders.entry(project, world.user, status="written_off"),
        "no rate": builders.entry(project, world.user, status="approved", rate_e4=None, rate_source="missing"),
    }
    private = builders.trip(project, world.user, kind="private", billable=False)
    _tick(browser, "/reports/hours", ("time", good.id), *[("time", row.id) for row in rows.values()], ("trip", private.id))
    text = _shown(browser).lower()
    for words in (*rows, "private"):
        assert words in text, words
    browser.submit("Create invoices")
    world.work()
    assert [len(transfer.payload["sources"]) for transfer in db.session.scalars(select(Transfer))] == [1]


def test_a_customer_with_another_name_there_waits_for_an_answer(world: World, browser: Browser) -> None:
    from models import ExternalLink

    customer = world.linked_customer()
    link = db.session.scalars(select(ExternalLink).where(ExternalLink.local_id == customer.id)).one()
    link.external_name = "Heel Iemand Anders"
    db.session.commit()
    entry = builders.entry(builders.project(customer), world.user)
    _tick(browser, "/reports/hours", ("time", entry.id))
    assert "Name differs" in _shown(browser)
    browser.submit("Create invoices")
    assert browser.status == 422
    browser.submit("It is the same customer")
    assert "Debtor found" in _shown(browser)


def test_a_look_alike_is_a_question_and_create_is_an_answer(world: World, browser: Browser) -> None:
    customer = builders.customer("N-9", "Jansen Bouw")
    candidate = {"remote_id": "77", "number": "DB10012", "name": "Jansen Bouw B.V.", "email": "", "why": ["name"]}
    match = CustomerMatch(
        connection_id=world.connection.id,
        customer_id=customer.id,
        state="question",
        number_key="n-9",
        candidates=[candidate],
        looked_at=world.clock(),
    )
    db.session.add(match)
    db.session.commit()
    entry = builders.entry(builders.project(customer), world.user)
    _tick(browser, "/reports/hours", ("time", entry.id))
    assert "Link or create?" in _shown(browser)
    browser.submit("Create a new one")
    assert "Will be created" in _shown(browser)


def test_a_product_that_got_a_period_blocks_the_invoice(world: World, browser: Browser) -> None:
    item = db.session.scalars(select(AccountingItem).where(AccountingItem.code == "P0100")).one()
    item.period = "m"
    db.session.commit()
    entry = builders.entry(builders.project(world.linked_customer()), world.user)
    _tick(browser, "/reports/hours", ("time", entry.id))
    assert "P0100" in _shown(browser)
    browser.submit("Create invoices")
    assert browser.status == 422


def test_hostile_names_stay_text_in_the_dialog(world: World, browser: Browser) -> None:
    customer = world.linked_customer()
    customer.name = "<script>alert(1)</script>\u202e" + "x" * 200
    db.session.commit()
    entry = builders.entry(
        builders.project(customer, name="=1+1<b>"), world.user, note="<img src=x onerror=alert(1)>", date=dt.date(2026, 11, 19)
    )
    _tick(browser, "/reports/hours", ("time", entry.id))
    assert "<script>alert" not in browser.html
    assert "<img src=x" not in browser.html


def test_the_sum_counts_only_the_ticked_invoices(world: World, browser: Browser) -> None:
    one = builders.entry(builders.project(world.linked_customer(), hourly_rate_e4=1_000_000), world.user)
    two = builders.entry(builders.project(world.linked_customer("DB10018"), hourly_rate_e4=2_000_000), world.user)
    _tick(browser, "/reports/hours", ("time", one.id), ("time", two.id))
    assert "2 invoices € 363,00" in browser.page.first("span", id="invoice-sum").text.replace("\u00a0", " ")
    keys = [box["value"] for box in browser.page.all("input", name="make")]
    browser.submit("Preview", make=keys[:1])
    assert "1 invoice " in browser.page.first("span", id="invoice-sum").text
    browser.submit("Create invoices")
    assert db.session.query(Transfer).count() == 1


def test_a_customer_who_is_looked_up_meanwhile_takes_part_without_another_tick(world: World, browser: Browser) -> None:
    known = builders.entry(builders.project(world.linked_customer(), hourly_rate_e4=1_000_000), world.user)
    new = builders.entry(builders.project(builders.customer("N-9", "Nieuwe klant"), hourly_rate_e4=2_000_000), world.user)
    _tick(browser, "/reports/hours", ("time", known.id), ("time", new.id))
    assert "Being looked up" in _shown(browser)
    world.work()
    ticked = [box["value"] for box in browser.page.all("input", name="make") if "checked" in box.attributes]
    browser.submit("Preview", make=ticked)
    assert "Will be created" in _shown(browser)
    assert "2 invoices € 363,00" in browser.page.first("span", id="invoice-sum").text.replace("\u00a0", " ")


def test_unbilled_hands_over_the_customers_that_were_ticked_and_only_the_project_that_was_filtered(world: World, browser: Browser) -> None:
    customer = world.linked_customer()
    website, support = builders.project(customer, name="Website"), builders.project(customer, name="Support")
    for project in (website, support):
        builders.entry(project, world.user)
    browser.open("/finance/unbilled")
    browser.post("/finance/invoice/wefact", {"customer": customer.id, "until": "2026-11-30"})
    assert "2 hour entries" in _shown(browser)
    browser.open("/finance/unbilled")
    browser.post("/finance/invoice/wefact", {"customer": customer.id, "until": "2026-11-30", "project": website.id})
    assert "1 hour entry" in _shown(browser)


def test_the_second_person_is_told_who_has_the_hours_since_when_and_in_which_transfer(world: World, browser: Browser) -> None:
    bram = builders.user("project_manager", email="bram@bureau.example", password=builders.PASSWORD, name="Bram Janssens", language="en")
    project = builders.project(world.linked_customer())
    ids = [builders.entry(project, world.user).id for _ in range(3)]
    second = Browser(world.app).sign_in(bram, builders.PASSWORD)
    _tick(browser, "/reports/hours", *[("time", key) for key in ids[:2]])
    _tick(second, "/reports/hours", *[("time", key) for key in ids[1:]])
    browser.submit("Create invoices")
    assert browser.path.startswith("/finance/batches/")
    transfer = db.session.scalars(select(Transfer)).one()
    second.submit("Create invoices")
    assert second.status == 409
    assert f"Ans de Wit has it since 20-11-2026 10:00, transfer {transfer.id}" in _shown(second)
    second.submit("Create invoices")
    assert second.path.startswith("/finance/batches/")
    world.work()
    sources = sorted(source[1] for row in db.session.scalars(select(Transfer)) for source in row.payload["sources"])
    assert sources == sorted(ids), "every hour on one invoice"
