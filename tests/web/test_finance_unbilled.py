"""Finance, Unbilled: what is worked and not billed, added up by the database and the same as what selection says."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

import builders
from invoicing import selection
from models import BillingLink, Customer, Expense, ExpenseCategory, LoginSession, Organisation, TimeEntry, Transfer, Trip, User, db
from page import Browser, Element
from statements import counted
from world import World

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def ans(browser: Browser) -> User:
    return db.session.query(User).filter_by(email="ans@bureau.example").one()


def _rows(browser: Browser) -> dict[str, list[str]]:
    """Per customer what its line says."""
    bodies = [body for body in browser.page.all("tbody") if body["id"].startswith("u")]
    return {body.first("th").text: [cell.text for cell in body.all("tr")[0].all("td")][1:] for body in bodies}


def _figures(browser: Browser, name: str) -> list[str]:
    return _rows(browser)[name]


def test_a_customer_shows_hours_expenses_trips_and_their_total(browser: Browser, ans: User) -> None:
    project = builders.project(builders.customer(name="Jansen Bouw"), hourly_rate_e4=950_000)
    builders.entry(project, ans, minutes=90)
    builders.entry(project, ans, minutes=30, date=date(2026, 11, 2))
    builders.expense(project, ans, unit_price_e4=250_000)
    builders.trip(project, ans, distance_km10=460, is_return=True)
    browser.open("/finance/unbilled")
    assert _figures(browser, "Jansen Bouw") == ["2:00", "190,00", "25,00", "32,20", "247,20", "02-11", ""]
    foot = [cell.text for cell in browser.page.first("tfoot").all("td")]
    assert foot == ["", "2:00", "190,00", "25,00", "32,20", "247,20", "", ""]


def test_what_stands_in_the_way_is_counted_beside_the_amounts(browser: Browser, ans: User) -> None:
    organisation = db.session.get_one(Organisation, 1)
    organisation.approve_hours = True
    db.session.commit()
    project = builders.project(builders.customer("", name="Peeters"))
    builders.entry(project, ans, minutes=60, status="approved")
    builders.entry(project, ans, minutes=60, status="approved", rate_e4=None)
    builders.entry(project, ans, minutes=60)
    builders.entry(project, ans, minutes=60, status="submitted")
    browser.open("/finance/unbilled")
    figures = _figures(browser, "Peeters")
    assert figures[:2] == ["1:00", "95,00"]
    assert figures[-1] == "1 row without a rate, 2 rows not approved, no customer number"


def test_rows_that_nobody_can_bill_are_not_here(browser: Browser, ans: User) -> None:
    of = builders.customer(name="Stil")
    project = builders.project(of)
    builders.entry(project, ans, billable=False)
    builders.entry(project, ans, status="written_off")
    builders.entry(project, ans, status="rejected")
    builders.entry(project, ans, date=date(2026, 12, 1))
    builders.entry(builders.project(of, method="none"), ans)
    builders.trip(project, ans, kind="private")
    browser.open("/finance/unbilled")
    assert _rows(browser) == {}
    assert "Nothing is unbilled" in browser.page.first("main").text
    browser.open("/finance/unbilled?to=31-12-2026")
    assert _figures(browser, "Stil")[0] == "1:00"


def test_until_customer_and_project_narrow_it_down(browser: Browser, ans: User) -> None:
    first, second = builders.customer(name="Eerste"), builders.customer(name="Tweede")
    one, other = builders.project(first, name="Een"), builders.project(first, name="Ander")
    builders.entry(one, ans, minutes=60)
    builders.entry(other, ans, minutes=30, date=date(2026, 11, 1))
    builders.entry(builders.project(second), ans)
    browser.open("/finance/unbilled?to=05-11-2026")
    assert list(_rows(browser)) == ["Eerste"]
    assert _figures(browser, "Eerste")[0] == "0:30"
    browser.open(f"/finance/unbilled?customer={second.id}")
    assert list(_rows(browser)) == ["Tweede"]
    browser.open(f"/finance/unbilled?project={one.id}")
    assert _figures(browser, "Eerste")[0] == "1:00"
    assert browser.page.first("form", id="rows").first("input", name="project")["value"] == str(one.id)
    browser.open("/finance/unbilled?to=31-31-2026")
    assert "is not a date" in browser.page.first("p", role="alert").text


def test_a_customer_opens_into_its_projects_with_and_without_script(browser: Browser, ans: User) -> None:
    of = builders.customer(name="Jansen Bouw")
    project = builders.project(of, name="Website")
    builders.entry(project, ans, minutes=90)
    builders.entry(project, ans).project_id = None
    db.session.commit()
    browser.open("/finance/unbilled")
    link = next(a for a in browser.page.all("a") if a.text == "Jansen Bouw")
    assert link["aria-expanded"] == "false"
    fragment = browser.htmx(link["hx-get"])
    assert not fragment.all("main")
    lines = [row.text for row in fragment.all("tr")[1:]]
    assert lines[0].startswith("Website 1:30 142,50")
    assert lines[1].startswith("without a project 1:00 95,00")
    assert fragment.first("input", name="customer")["hx-preserve"] == "true", "a tick stays when its line is drawn again"
    assert "close=1" in fragment.first("a", id=f"o{of.id}")["hx-get"]
    assert "hx-preserve" not in browser.open("/finance/unbilled").first("input", name="customer").attributes
    again = browser.htmx("/finance/unbilled?to=30-11-2026")
    assert again.first("div", id="selection")["hx-swap-oob"] == "true", "other figures need a new choice"
    closed = browser.htmx(fragment.first("a", id=f"o{of.id}")["hx-get"])
    assert len(closed.all("tr")) == 1
    page = browser.open(link["href"])
    assert len(page.first("tbody", id=f"u{of.id}").all("tr")) == 3
    browser.open(f"/finance/unbilled/{of.id}")
    assert f"open={of.id}" in browser.path


def test_ticked_customers_add_up_in_the_bar_and_travel_to_the_dialog(world: World, browser: Browser) -> None:
    first, second = world.linked_customer(), world.linked_customer("DB10031")
    builders.entry(builders.project(first), world.user, minutes=60)
    builders.entry(builders.project(second), world.user, minutes=30)
    builders.entry(builders.project(second), world.user, date=date(2026, 12, 5))
    browser.open("/finance/unbilled")
    form = browser.page.first("form", id="rows")
    assert [box["aria-label"] for box in browser.page.all("input", name="customer")] == [f"Select {first.name}", f"Select {second.name}"]
    assert browser.page.first("input", aria_label="Select all on this page")
    browser.post(form["action"], {"kind": "customer", "customer": f"{first.id},{second.id}"}, htmx=True)
    assert browser.page.text == "2 customers selected 1:30 h € 142,50"
    browser.open("/finance/unbilled")
    browser.post(form["action"], {"kind": "customer"}, htmx=True)
    assert browser.page.text == ""
    browser.open("/finance/unbilled")
    [press] = [button for button in browser.page.all("button") if button.text == "Invoice in WeFact"]
    browser.post(press["formaction"], {"customer": [second.id], "until": browser.page.first("input", name="until")["value"]})
    kept = db.session.query(LoginSession).order_by(LoginSession.id.desc()).first().selection
    assert len(kept["time"]) == 1
    assert "47,50" in browser.page.first("main").text


def test_without_a_connection_the_menu_says_what_to_do(browser: Browser, ans: User) -> None:
    builders.entry(builders.project(), ans)
    browser.open("/finance/unbilled")
    assert "No accounting package is connected yet" in browser.page.first("div", id="actions").text


def test_amounts_in_other_currencies_are_never_added(browser: Browser, ans: User) -> None:
    builders.entry(builders.project(builders.customer(name="Euro")), ans)
    builders.entry(builders.project(builders.customer(name="Dollar", currency="USD")), ans)
    browser.open("/finance/unbilled")
    assert _figures(browser, "Dollar")[1] == "$ 95,00"
    assert [row.text for row in browser.page.first("tfoot").all("tr")] == ["Total in EUR 1:00 95,00 95,00", "Total in USD 1:00 95,00 95,00"]


def _every_way(ans: User) -> list[Customer]:
    """Work in every combination of what decides whether it may be billed."""
    customers = [builders.customer(name=f"Klant {letter}") for letter in "AB"]
    doing = builders.activity()
    kinds = [builders.category(), builders.category(sales_treatment="pass_through"), builders.category(markup_bp=1_000)]
    statuses = ("open", "submitted", "approved", "written_off", "rejected")
    ways = itertools.product(statuses, (True, False), (333_333, None), ("project", "none"), customers)
    for n, (status, billable, rate, method, customer) in enumerate(ways):
        project = builders.project(customer, method=method, hourly_rate_e4=rate)
        values: dict[str, Any] = {"status": status, "billable": billable}
        builders.entry(project, ans, doing, minutes=7 + n, **values)
        builders.expense(project, ans, kinds[n % 3], unit_price_e4=123_450 + n, vat_included=bool(n % 2), purchase_vat_bp=2_100, **values)
        builders.trip(project, ans, distance_km10=11 + n, rate_e4=rate, kind="private" if n % 7 == 3 else "business", **values)
    transfer = Transfer(
        kind="invoice",
        op_key="k",
        marker="UWXX-1",
        payload={},
        due_at=builders.NOW,
        created_at=builders.NOW,
        updated_at=builders.NOW,
        reason_params={},
    )
    db.session.add(transfer)
    db.session.flush()
    for model, name in ((TimeEntry, "time"), (Expense, "expense"), (Trip, "trip")):
        for key in db.session.scalars(select(model.id).where(model.id % 5 == 0)):
            db.session.add(BillingLink(source_type=name, source_id=key, transfer_id=transfer.id, state="live", created_at=builders.NOW))
    db.session.commit()
    return customers


@pytest.mark.parametrize("approve", [False, True])
def test_the_amounts_are_those_of_what_selection_calls_billable(browser: Browser, ans: User, approve: bool) -> None:
    organisation = db.session.get_one(Organisation, 1)
    organisation.approve_hours = organisation.approve_expenses = organisation.approve_trips = approve
    customers = _every_way(ans)
    from blueprints import formats

    until = date(2026, 11, 30)
    browser.open("/finance/unbilled?sort=customer")
    assert list(_rows(browser)) == ["Klant A", "Klant B"]
    for customer in customers:
        expected = []
        for kind, model in (("time", TimeEntry), ("expense", Expense), ("trip", Trip)):
            query = select(func.sum(selection.amount_of(kind))).select_from(model)
            if kind == "expense":
                query = query.join(ExpenseCategory, ExpenseCategory.id == Expense.category_id)
            found = db.session.scalar(query.where(model.customer_id == customer.id, selection.billable_clause(kind, until=until)))
            expected.append(int(found or 0))
        shown = _figures(browser, customer.name)
        assert all(expected), "the data must say something"
        assert shown[1:5] == [formats.amount(cents) for cents in (*expected, sum(expected))]


def test_six_queries_at_any_size_and_a_light_page(browser: Browser, ans: User) -> None:
    doing, project = builders.activity(), builders.project(builders.customer(name="Een"))
    builders.entry(project, ans, doing)
    with counted() as few:
        browser.open("/finance/unbilled")
    customers = [builders.customer(name=f"{HOSTILE} een lange naam van een klant B.V. {n}") for n in range(60)]
    for customer in customers:
        builders.entry(builders.project(customer), ans, doing)
    with counted() as many:
        browser.open(f"/finance/unbilled?open={customers[0].id}")
    assert len(few) <= 6, few
    assert len(many) <= 6, many
    assert len(_rows(browser)) == 50
    assert "1 to 50 of 61" in browser.page.first("main").text
    assert len(browser.html.encode()) < 60_000
    assert "<script>alert" not in browser.html
    browser.open("/finance/unbilled?page=2")
    assert len(_rows(browser)) == 11
    foot: Element = browser.page.first("tfoot")
    assert "61:00" in foot.text, "the sum is of everything, not of the page"


def test_a_plain_user_finds_nothing_unbilled(app: Any, visitor: Browser) -> None:
    builders.user("team_manager", email="bram@bureau.example", password=builders.PASSWORD)
    visitor.sign_in("bram@bureau.example", builders.PASSWORD)
    for path in ("", "/1", "/choices/project"):
        visitor.open(f"/finance/unbilled{path}")
        assert visitor.status == 404
    visitor.open("/register/week")
    visitor.post("/finance/unbilled/selection", {"customer": "1"})
    assert visitor.status == 404
