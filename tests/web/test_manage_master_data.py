"""Activities, expense categories, vehicles and VAT rates, and what each is called in the accounting packages."""

from __future__ import annotations

import builders
from models import (
    AccountingItem,
    Activity,
    Connection,
    ExpenseCategory,
    ItemLink,
    Organisation,
    TaxCode,
    TimeEntry,
    VatMapping,
    VatRegime,
    Vehicle,
    db,
)
from page import Browser
from statements import counted


def connect(vendor: str, state: str = "connected") -> Connection:
    connection = db.session.query(Connection).filter_by(vendor=vendor).one()
    connection.state = state
    db.session.commit()
    return connection


def item(connection: Connection, code: str, **values: object) -> AccountingItem:
    row = AccountingItem(
        connection_id=connection.id, remote_id=code, code=code, **({"name": f"Product {code}", "vat_percentage_bp": 2100} | values)
    )
    db.session.add(row)
    db.session.commit()
    return row


def options(browser: Browser, label: str) -> dict[str, str]:
    field = next(one["for"] for one in browser.page.all("label") if one.text == label)
    return {option.text: option["value"] for option in browser.page.first("select", id=field).all("option")}


def names(browser: Browser) -> list[str]:
    return [row.first("th").text for row in browser.page.first("tbody").all("tr")]


def test_an_activity_is_added_and_linked_to_a_product(browser: Browser) -> None:
    product = item(connect("wefact"), "P0001", name="Consultancy")
    browser.open("/manage/activities")
    browser.link("New activity")
    assert "HostFact product" not in browser.page.text
    choice = options(browser, "WeFact product")["P0001 Consultancy, 21% VAT"]
    browser.submit("Save", Name="Design", Hourly_rate="95", Tick_for_new_projects="y", WeFact_product=choice)
    assert browser.path == "/manage/activities"
    assert "P0001 Consultancy" in browser.page.first("tbody").text
    saved = db.session.query(Activity).one()
    assert (saved.name, saved.hourly_rate_e4, saved.billable, saved.default_for_new_projects) == ("Design", 950_000, True, True)
    link = db.session.query(ItemLink).one()
    assert (link.local_type, link.local_id, link.item_id) == ("activity", saved.id, product.id)
    browser.link("Design")
    browser.submit("Save", WeFact_product="")
    assert db.session.query(ItemLink).count() == 0


def test_a_field_for_each_connected_package_and_no_other(browser: Browser) -> None:
    activity, category = builders.activity("Design"), builders.category("Hosting")
    connect("wefact", "incomplete")
    for vendor in ("hostfact", "afas"):
        connect(vendor)
    for path in (f"/manage/activities/{activity.id}", f"/manage/expense-categories/{category.id}"):
        labels = [label.text for label in browser.open(path).all("label")]
        assert "HostFact product" in labels and "AFAS item" in labels and "WeFact product" not in labels


def test_a_product_with_a_period_is_refused_with_the_reason(browser: Browser) -> None:
    product = item(connect("wefact"), "P0002", name="Hosting", period="m")
    activity = builders.activity("Design")
    browser.open(f"/manage/activities/{activity.id}")
    choice = next(option for option in browser.page.all("option") if option["value"] == str(product.id))
    assert "disabled" in choice.attributes and "is a subscription in WeFact" in choice.text
    browser.submit("Save", WeFact_product=str(product.id))
    assert browser.status == 422
    assert "P0002 has a period in WeFact: every invoice line with it would start a subscription there" in browser.page.text
    assert db.session.query(ItemLink).count() == 0


def test_a_linked_product_that_is_gone_stays_and_is_told(browser: Browser) -> None:
    wefact = connect("wefact")
    gone = item(wefact, "P0003", name="Oud", active=False)
    item(wefact, "P0004", name="Ook oud", active=False)
    activity = builders.activity("Design")
    db.session.add(ItemLink(connection_id=wefact.id, local_type="activity", local_id=activity.id, item_id=gone.id))
    db.session.commit()
    browser.open("/manage/activities")
    assert "P0003, no longer in WeFact" in browser.page.first("tbody").text
    browser.link("Design")
    assert list(options(browser, "WeFact product")) == ["The default of WeFact", "P0003 Oud, no longer in WeFact"]
    browser.submit("Save", Code="D")
    assert browser.status == 200
    assert db.session.query(ItemLink).one().item_id == gone.id


def test_an_item_of_another_package_is_refused(browser: Browser) -> None:
    other = item(connect("hostfact"), "H1")
    connect("wefact")
    activity = builders.activity("Design")
    browser.open(f"/manage/activities/{activity.id}")
    browser.submit("Save", WeFact_product=str(other.id))
    assert browser.status == 422
    assert db.session.query(ItemLink).count() == 0


def test_the_list_shows_what_has_no_link(browser: Browser) -> None:
    wefact = connect("wefact")
    product = item(wefact, "P1")
    linked = builders.activity("Design")
    builders.activity("Support")
    builders.activity("Oud", active=False)
    db.session.add(ItemLink(connection_id=wefact.id, local_type="activity", local_id=linked.id, item_id=product.id))
    db.session.commit()
    browser.open("/manage/activities?without=wefact")
    assert names(browser) == ["Support"]
    browser.open("/manage/activities?status=all&sort=-name")
    assert names(browser) == ["Support", "Oud", "Design"]
    browser.open("/manage/activities?q=des")
    assert names(browser) == ["Design"]
    category = builders.category("Hosting")
    db.session.add(ItemLink(connection_id=wefact.id, local_type="expense_category", local_id=category.id, item_id=product.id))
    db.session.commit()
    builders.category("Parkeren")
    browser.open("/manage/expense-categories?without=wefact")
    assert names(browser) == ["Parkeren"]


def test_another_rate_of_an_activity_counts_for_unbilled_hours(browser: Browser) -> None:
    activity = builders.activity("Design", hourly_rate_e4=800_000)
    project = builders.project(method="activity", hourly_rate_e4=None)
    entry = builders.entry(project, doing=activity, rate_e4=800_000, rate_source="activity").id
    browser.open(f"/manage/activities/{activity.id}")
    browser.submit("Save", Hourly_rate="85,25")
    assert "Design saved. 1 unbilled entry got another rate." in browser.page.text
    assert db.session.get(TimeEntry, entry).rate_e4 == 852_500


def test_an_expense_category_with_its_price_and_mark_up(browser: Browser) -> None:
    browser.open("/manage/expense-categories/new")
    browser.submit("Save", name="Hosting", unit="maand", unit_price_e4="25", purchase_vat_bp="21", markup_bp="12,5")
    saved = db.session.query(ExpenseCategory).one()
    assert (saved.name, saved.unit, saved.unit_price_e4, saved.purchase_vat_bp, saved.markup_bp) == (
        "Hosting",
        "maand",
        250_000,
        2100,
        1250,
    )
    assert (saved.sales_treatment, saved.billable) == ("recharge", True)
    browser.open(f"/manage/expense-categories/{saved.id}")
    browser.submit("Save", purchase_vat_bp="101", name="")
    assert browser.status == 422
    assert "Enter a percentage from 0 to 100." in browser.page.text
    assert "Fill in the name of the expense category." in browser.page.text


def test_what_is_used_is_archived_and_the_rest_deleted_with_its_links(browser: Browser) -> None:
    wefact = connect("wefact")
    used, free = builders.activity("Design"), builders.activity("Support")
    builders.entry(doing=used)
    db.session.add(ItemLink(connection_id=wefact.id, local_type="activity", local_id=free.id, item_id=item(wefact, "P1").id))
    db.session.commit()
    ids = used.id, free.id
    browser.open(f"/manage/activities/{ids[0]}/delete")
    assert "1 hour entry" in browser.page.text
    browser.submit("Archive")
    browser.open(f"/manage/activities/{ids[1]}/delete")
    browser.submit("Delete")
    assert [(one.name, one.active) for one in db.session.query(Activity)] == [("Design", False)]
    assert db.session.query(ItemLink).count() == 0


def test_a_vehicle(browser: Browser) -> None:
    assert "No vehicles yet" in browser.open("/manage/vehicles").text
    browser.link("New vehicle")
    browser.submit("Save", Name="Volvo V60", Number_plate="AB-123-C", Owner="private")
    row = browser.page.first("tbody").text
    assert "Volvo V60" in row and "AB-123-C" in row and "Private" in row
    vehicle = db.session.query(Vehicle).one()
    browser.open(f"/manage/vehicles/{vehicle.id}")
    browser.submit("Archive")
    assert not db.session.get(Vehicle, vehicle.id).active


def test_a_vat_rate_and_what_packages_call_it(browser: Browser) -> None:
    wefact, hostfact = connect("wefact"), connect("hostfact")
    db.session.add(TaxCode(connection_id=wefact.id, code="V21", name="Hoog", percentage_bp=2100))
    db.session.commit()
    regime = db.session.query(VatRegime).filter_by(code="NL21").one().id
    browser.open("/manage/vat")
    browser.link("Hoog 21%")
    assert list(options(browser, "VAT code in WeFact")) == ["None", "V21 Hoog 21%"]
    browser.submit("Save", Name="Hoog tarief", VAT_code_in_WeFact="V21", Percentage_in_HostFact="21")
    assert browser.path == "/manage/vat"
    rows = {row.connection_id: (row.code, row.percentage_bp) for row in db.session.query(VatMapping)}
    assert rows == {wefact.id: ("V21", None), hostfact.id: ("", 2100)}
    assert "V21" in browser.page.first("tbody").text and "Hoog tarief" in browser.page.first("tbody").text
    browser.open(f"/manage/vat/{regime}")
    browser.submit("Save", VAT_code_in_WeFact="", Percentage_in_HostFact="0")
    assert [(row.code, row.percentage_bp) for row in db.session.query(VatMapping)] == [("", 0)]


def test_a_code_the_package_does_not_have_is_refused_but_one_that_left_it_stays(browser: Browser) -> None:
    wefact = connect("wefact")
    regime = db.session.query(VatRegime).filter_by(code="NL21").one().id
    db.session.add(TaxCode(connection_id=wefact.id, code="V21", name="Hoog", percentage_bp=2100))
    db.session.add(VatMapping(connection_id=wefact.id, vat_regime_id=regime, code="OUD"))
    db.session.commit()
    browser.open(f"/manage/vat/{regime}")
    assert "OUD, no longer in WeFact" in options(browser, "VAT code in WeFact")
    browser.submit("Save", Name="Anders")
    assert db.session.query(VatMapping).one().code == "OUD"
    browser.open(f"/manage/vat/{regime}")
    browser.submit("Save", VAT_code_in_WeFact="V99")
    assert browser.status == 422
    assert db.session.query(VatMapping).one().code == "OUD"


def test_the_companys_own_vat_stays_active(browser: Browser) -> None:
    own = db.session.get(Organisation, 1).vat_regime_id
    browser.open(f"/manage/vat/{own}")
    browser.submit("Save", Active=[])
    assert browser.status == 422
    assert "This is the VAT of the company itself" in browser.page.text
    other = db.session.query(VatRegime).filter_by(code="NL9").one().id
    browser.open(f"/manage/vat/{other}")
    browser.submit("Save", Active=[])
    assert not db.session.get(VatRegime, other).active


def test_lists_and_saves_stay_within_their_number_of_queries(browser: Browser) -> None:
    wefact, hostfact = connect("wefact"), connect("hostfact")
    products = [item(wefact, f"P{n}") for n in range(5)]
    activities = [builders.activity(f"Activiteit {n}", hourly_rate_e4=800_000) for n in range(60)]
    for activity in activities[:40]:
        db.session.add(ItemLink(connection_id=wefact.id, local_type="activity", local_id=activity.id, item_id=products[0].id))
    db.session.commit()
    other = item(hostfact, "H1").id
    builders.entry(builders.project(method="activity", hourly_rate_e4=None), doing=activities[0], rate_e4=800_000, rate_source="activity")
    path = f"/manage/activities/{activities[0].id}"
    for address in ("/manage/activities", path, "/manage/vat", "/manage/expense-categories", "/manage/vehicles"):
        with counted() as queries:
            browser.open(address)
        assert browser.status == 200 and len(queries) <= 10, (address, queries)
    browser.open("/manage/activities")
    assert len(browser.html) < 60_000
    browser.open(path)
    values = browser._values(browser._form_of(browser._button("Save"))) | {"hourly_rate_e4": "95", "item_hostfact": str(other)}
    with counted() as queries:
        assert browser.client.post(path, data=values).status_code == 303
    assert len(queries) <= 12, queries
