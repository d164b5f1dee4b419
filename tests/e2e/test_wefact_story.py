"""The whole story in a browser: connect, link, import, tick, invoice, and see it arrive (issue of the main job, must show 2)."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

import builders
from e2e_stage import Stage
from models import Activity, Customer, ExpenseCategory, Invoice, User, db
from sandbox.wefact.server import Sandbox

# A minute and a half is for machines that do other things meanwhile; alone each takes about fifteen seconds.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]


def _work(stage: Stage, number: str) -> None:
    """Hours, an expense and a trip for an imported customer, as its people would have registered them."""
    with stage.app.app_context():
        customer = db.session.scalars(select(Customer).where(Customer.number == number)).one()
        user = db.session.scalars(select(User)).one()
        activity = db.session.scalars(select(Activity).where(Activity.name == "Ontwerp")).one()
        category = db.session.scalars(select(ExpenseCategory).where(ExpenseCategory.name == "Boeken")).one()
        project = builders.project(customer, name="Website", hourly_rate_e4=950_000)
        today = dt.datetime.now(dt.UTC).date()
        for minutes in (90, 75):
            builders.entry(project, user, activity, minutes, date=today, note="Homepage")
        builders.expense(project, user, category, 249_500, date=today)
        builders.trip(project, user, 460, date=today, rate_e4=3500)


def _make_activity(page: Page, stage: Stage) -> None:
    page.goto(stage.address + "/manage/activities")
    page.get_by_role("link", name="New activity").first.click()
    page.get_by_label("Name").fill("Ontwerp")
    page.get_by_role("button", name="Save").click()
    page.goto(stage.address + "/manage/expense-categories")
    page.get_by_role("link", name="New expense category").first.click()
    page.get_by_label("Name").fill("Boeken")
    page.get_by_role("button", name="Save").click()


def _choose(field: Locator, text: str) -> None:
    """The option with this text in it."""
    field.select_option(value=field.locator("option", has_text=text).first.get_attribute("value") or "")


def _connect(page: Page, stage: Stage, package: str, server: Sandbox, url: str = "") -> None:
    page.goto(stage.address + "/settings/integrations")
    page.get_by_role("region", name=package).get_by_role("button", name="Activate").click()
    expect(page).to_have_url(re.compile(r"/settings/wefact"))
    expect(page.get_by_role("radio", name=package, exact=True)).to_be_checked()
    if url:
        page.get_by_label("URL", exact=True).fill(url)
    page.get_by_label("API key").fill("this-is-not-the-key")
    page.get_by_role("button", name="Test and save").click()
    expect(
        page.get_by_text(re.compile("key", re.I)).filter(has_text=re.compile("refused|not accepted|does not know", re.I)).first
    ).to_be_visible()
    if url:
        page.get_by_label("URL", exact=True).fill(url)
    page.get_by_label("API key").fill(stage.key)
    page.get_by_role("button", name="Test and save").click()
    expect(page.get_by_text("Connected").first).to_be_visible()
    _choose(page.get_by_label("Default product"), "P0100")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status").filter(has_text=re.compile("saved", re.I)).first).to_be_visible()


def _link_products(page: Page, stage: Stage, package: str) -> None:
    for path, name, product in (("/manage/activities", "Ontwerp", "P0101"), ("/manage/expense-categories", "Boeken", "P0310")):
        page.goto(stage.address + path)
        page.get_by_role("link", name=name).first.click()
        _choose(page.get_by_label(f"{package} product"), product)
        page.get_by_role("button", name="Save").click()


def _import(page: Page, stage: Stage, package: str) -> None:
    page.goto(stage.address + "/settings/import")
    page.get_by_role("button", name=f"Import from {package}").click()
    page.get_by_role("button", name="Preview").click()
    page.get_by_role("button", name="Start import").click(timeout=15_000)
    expect(page.get_by_text(re.compile("created", re.I)).first).to_be_visible(timeout=15_000)


def _invoice(page: Page, stage: Stage, package: str) -> None:
    for path, ticks in (("/reports/hours", 2), ("/reports/expenses", 1), ("/reports/trips", 1)):
        page.goto(stage.address + path)
        boxes = page.get_by_role("checkbox", name=re.compile(r"^Select (?!all)"))
        expect(boxes).to_have_count(ticks)
        for place in range(ticks):
            boxes.nth(place).check()
        expect(page.get_by_role("region", name="Selection")).to_be_visible()
    page.get_by_role("button", name="Actions").click()
    page.get_by_role("button", name=f"Invoice in {package}").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Debtor found")).to_be_visible()
    dialog.get_by_role("radio", name=f"Send via {package}").check()
    with page.expect_response(re.compile(r"/finance/invoice/")):
        dialog.get_by_role("button", name="Preview").click()
    expect(dialog.get_by_text("V21").or_(dialog.get_by_text("21%")).first).to_be_visible()
    dialog.get_by_role("button", name="Create invoices").click()
    expect(page).to_have_url(re.compile(r"/finance/batches/\d+"))
    expect(page.get_by_text("Succeeded").first).to_be_visible(timeout=15_000)


def _check_books(stage: Stage, server: Sandbox, package: str) -> None:
    """One invoice there, with the right debtor, lines, products, VAT and totals, and one mail."""
    [invoice] = server.books.invoices
    assert invoice.debtor_code == "DB10012"
    lines = [(line.product_code, line.number, line.price_excl) for line in invoice.lines]
    assert lines == [("P0101", Decimal("2.75"), Decimal(95)), ("P0310", 1, Decimal("24.95")), ("P0100", 46, Decimal("0.35"))]
    assert len(server.books.mails) == 1
    with stage.app.app_context():
        mirror = db.session.scalars(select(Invoice).where(Invoice.series == package)).one()
        # 2:45 at 95.00 and 46 km at 0.35 with 21 %, a book of 24.95 with 9 %
        assert (mirror.net_cents, mirror.vat_cents) == (26_125 + 2_495 + 1_610, 5_824 + 225)
        assert (mirror.status, mirror.external_status) == ("paid", "sent")


def _see_the_mirror(page: Page, stage: Stage) -> None:
    page.goto(stage.address + "/finance/invoices")
    row = page.get_by_role("row").filter(has_text="Jansen Bouw").first
    expect(row).to_contain_text("Paid")
    expect(row).to_contain_text(re.compile(r"F\d{4}"))


def test_the_whole_wefact_story(page: Page, stage: Stage) -> None:
    _make_activity(page, stage)
    _connect(page, stage, "WeFact", stage.wefact)
    _link_products(page, stage, "WeFact")
    _import(page, stage, "WeFact")
    _work(stage, "DB10012")
    _invoice(page, stage, "WeFact")
    _check_books(stage, stage.wefact, "WeFact")
    _see_the_mirror(page, stage)
    assert page.complaints == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("suffix", ["", "/apiv2/api.php"])
def test_the_whole_hostfact_story_with_the_address_pasted_in_both_forms(page: Page, stage: Stage, suffix: str) -> None:
    _make_activity(page, stage)
    _connect(page, stage, "HostFact", stage.hostfact, stage.hostfact.base_url + suffix)
    _link_products(page, stage, "HostFact")
    _import(page, stage, "HostFact")
    _work(stage, "DB10012")
    _invoice(page, stage, "HostFact")
    _check_books(stage, stage.hostfact, "HostFact")
    _see_the_mirror(page, stage)
    assert page.complaints == []  # type: ignore[attr-defined]
