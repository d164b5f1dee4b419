"""Customers under Manage: the list, the page, numbers, checks, two people at once, archive and delete."""

from __future__ import annotations

import pytest
from flask import Flask

import builders
from blueprints.manage import actions
from fakes import Clock
from models import AuditEvent, Connection, Customer, ExternalLink, TimeEntry, Trip, db
from page import Browser, Element
from statements import counted

HOSTILE = ["<script>alert(1)</script>", "=1+1", "\u202eesreveR", 'O\'Brien & Zn "x" %s {{7*7}}']


def names(page: Element) -> list[str]:
    """The names in the list, in its order."""
    return [row.first("th").text for row in page.first("tbody").all("tr")]


def connect(vendor: str) -> Connection:
    connection = db.session.query(Connection).filter_by(vendor=vendor).one()
    connection.state = "connected"
    db.session.commit()
    return connection


def test_a_customer_is_added_and_shown_in_the_list(browser: Browser) -> None:
    browser.open("/manage/customers")
    browser.link("New customer")
    browser.submit(
        "Save", Name="Jansen  Bouw ", Customer_number=" K-1001 ", City="Utrecht", Hourly_rate="95,50", VAT_number="NL 8200.98395 B01"
    )
    assert browser.status == 200
    assert "Jansen Bouw added." in browser.page.text
    saved = db.session.query(Customer).one()
    assert (saved.name, saved.number, saved.number_key, saved.hourly_rate_e4) == ("Jansen Bouw", "K-1001", "k-1001", 955_000)
    assert saved.vat_number == "NL820098395B01"
    row = browser.open("/manage/customers").first("tbody").first("tr").text
    assert "K-1001" in row and "Jansen Bouw" in row and "Utrecht" in row and "Not linked" in row


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_text(browser: Browser, name: str) -> None:
    browser.open("/manage/customers/new")
    browser.submit("Save", Name=name, City=name)
    assert db.session.query(Customer).one().name == name
    assert browser.page.first("h1").text == name
    page = browser.open("/manage/customers")
    assert names(page) == [name]
    assert not [script for script in page.all("script") if "alert" in script.text]


def test_a_name_of_ten_thousand_characters_is_refused_and_kept_in_the_form(browser: Browser) -> None:
    browser.open("/manage/customers/new")
    browser.submit("Save", Name="x" * 10_000, City="Breda")
    assert browser.status == 422
    assert "10000 characters long; use at most 300" in browser.page.text
    assert browser.page.first("input", id="city")["value"] == "Breda"
    assert db.session.query(Customer).count() == 0


def test_a_customer_needs_a_name_of_a_company_or_a_person(browser: Browser) -> None:
    browser.open("/manage/customers/new")
    browser.submit("Save", City="Breda")
    assert browser.status == 422
    assert "Fill in a name: of the company, or of the contact." in browser.page.text
    browser.submit("Save", contact_first_name="Piet", contact_last_name="Jansen")
    assert db.session.query(Customer).one().name == "Piet Jansen"


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("VAT_number", "NL123456789B01", "“NL123456789B01” is not a valid VAT number for NL"),
        ("IBAN", "NL91 ABNA 0417 1643 01", "is not a valid IBAN"),
        ("BIC", "ABN", "is not a valid BIC"),
        ("E_mail", "ans@", "is not an e-mail address"),
        ("Invoice_e-mail", "a@b.example, niet", "is not an e-mail address"),
        ("Chamber_of_commerce_number", "1234", "is not a chamber of commerce number"),
        ("Postal_code", "9000", "is not a Dutch postal code"),
        ("Customer_number", "K|1", "A customer number cannot contain |"),
        ("Customer_number", "K[1]", "A customer number cannot contain [ ]"),
        ("Customer_number", "9" * 51, "51 characters long; use at most 50"),
        ("Payment_term_in_days", "400", "Enter a number of days from 0 to 365."),
        ("Hourly_rate", "veel", "“veel” is not an amount"),
        ("Hourly_rate", "1.234", "can be a thousand or a decimal number"),
    ],
)
def test_each_field_says_in_its_own_words_what_is_wrong(browser: Browser, field: str, typed: str, sentence: str) -> None:
    browser.open("/manage/customers/new")
    browser.submit("Save", Name="Jansen", **{field: typed})
    assert browser.status == 422
    assert sentence in browser.page.first("div", role="alert").text
    assert [one for one in browser.page.all("input", aria_invalid="true") if one["value"] == typed]
    assert db.session.query(Customer).count() == 0


def test_a_number_belongs_to_one_customer_whatever_its_case_and_spaces(browser: Browser) -> None:
    builders.customer("AB1", "De Vries")
    browser.open("/manage/customers/new")
    browser.submit("Save", Name="Jansen", Customer_number=" ab1")
    assert browser.status == 422
    assert "This number belongs to AB1 De Vries already; choose another one." in browser.page.text
    browser.submit("Save", Customer_number="")
    assert browser.status == 200
    browser.open("/manage/customers/new")
    browser.submit("Save", Name="Peeters", Customer_number="")
    assert db.session.query(Customer).count() == 3


def test_the_list_searches_filters_sorts_and_pages(browser: Browser) -> None:
    wefact = connect("wefact")
    jansen = builders.customer("10", "Jansen Bouw", city="Utrecht")
    builders.customer("9", "De Vries", city="Zeist", email="els@architect.example")
    builders.customer("8", "Peeters", city="Gent", country="BE")
    builders.customer("7", "Oud", active=False)
    db.session.add(
        ExternalLink(
            connection_id=wefact.id, local_type="customer", local_id=jansen.id, external_id="1", external_code="DB1", linked_at=builders.NOW
        )
    )
    db.session.commit()
    assert names(browser.open("/manage/customers")) == ["De Vries", "Jansen Bouw", "Peeters"]
    assert "WeFact DB1" in browser.page.first("tbody").text
    assert names(browser.open("/manage/customers?sort=-name")) == ["Peeters", "Jansen Bouw", "De Vries"]
    for q in ("utrecht", "jANSEN", "10"):
        assert names(browser.open(f"/manage/customers?q={q}")) == ["Jansen Bouw"]
    assert names(browser.open("/manage/customers?q=architect.example")) == ["De Vries"]
    assert names(browser.open("/manage/customers?status=archived")) == ["Oud"]
    assert names(browser.open("/manage/customers?status=all")) == ["De Vries", "Jansen Bouw", "Oud", "Peeters"]
    assert names(browser.open("/manage/customers?country=BE")) == ["Peeters"]
    assert names(browser.open("/manage/customers?without=wefact")) == ["De Vries", "Peeters"]
    assert "Nothing found" in browser.open("/manage/customers?q=%25").text
    fragment = browser.htmx("/manage/customers?q=peeters")
    assert names(fragment) == ["Peeters"] and not fragment.all("h1")


def test_a_page_of_fifty_stays_small_and_costs_ten_queries(browser: Browser) -> None:
    connect("wefact")
    project = builders.project()
    builders.entry(project)
    for n in range(60):
        builders.customer(
            f"9{n:03}", f"Klant met een gewone naam {n:03}", city="Utrecht", contact_last_name="van der Berg", email="info@klant.example"
        )
    with counted() as queries:
        browser.open("/manage/customers")
    assert len(queries) <= 10, queries
    assert browser.status == 200
    assert len(browser.html) < 60_000
    assert len(names(browser.page)) == 50
    assert "1 to 50 of 61" in browser.page.text
    browser.link("Next page")
    assert len(names(browser.page)) == 11


def test_the_unbilled_amount_stands_in_the_list_for_who_may_see_amounts(browser: Browser) -> None:
    project = builders.project(builders.customer("1", "Jansen"), hourly_rate_e4=950_000)
    builders.entry(project, minutes=90)
    builders.trip(project, distance_km10=100, rate_e4=3500)
    builders.expense(project, unit_price_e4=100_000)
    builders.entry(project, minutes=600, status="written_off")
    assert "€ 156,00" in browser.open("/manage/customers").first("tbody").text


def test_saving_over_somebody_else_shows_theirs_and_yours(browser: Browser, clock: Clock) -> None:
    customer = builders.customer("1", "Jansen", city="Utrecht", country="NL")
    other = builders.user("project_manager", name="Sofie Peeters")
    browser.open(f"/manage/customers/{customer.id}")
    values = {column.name: getattr(customer, column.name) for column in Customer.__table__.columns}
    kept = {name: values[name] for name in ("name", "number")} | {"city": "Zeist", "phone": "030 1234567"}
    actions.save_customer(customer.id, customer.version, kept, other, clock.forward(minutes=5))
    browser.submit("Save", City="Houten")
    assert browser.status == 409
    note = browser.page.first("section", role="alert").text
    assert "Changed by Sofie Peeters on 20-11-2026 10:05" in note
    assert "City Zeist Houten" in note
    assert db.session.get(Customer, customer.id).city == "Zeist"
    browser.submit("Keep mine")
    assert browser.status == 200
    assert db.session.get(Customer, customer.id).city == "Houten"


def test_a_new_rate_counts_for_unbilled_hours_and_trips(browser: Browser) -> None:
    customer = builders.customer("1", "Jansen", hourly_rate_e4=800_000, km_rate_e4=3000)
    project = builders.project(customer, method="customer", hourly_rate_e4=None)
    entry = builders.entry(project, rate_e4=800_000, rate_source="customer")
    trip = builders.trip(project, rate_e4=3000, rate_source="customer")
    ids = entry.id, trip.id
    browser.open(f"/manage/customers/{customer.id}")
    browser.submit("Save", Hourly_rate="90", Rate_per_kilometre="0,35")
    assert "Jansen saved. 2 unbilled entries got another rate." in browser.page.text
    assert db.session.get(TimeEntry, ids[0]).rate_e4 == 900_000
    assert db.session.get(Trip, ids[1]).rate_e4 == 3500
    assert "Hourly rate: 80,00 → 90,00" in browser.page.first("section", id="history").text


def test_what_an_import_flagged_may_stay_but_nothing_else_that_is_wrong(browser: Browser) -> None:
    customer = builders.customer("1", "Peeters", country="BE", vat_number="BE0000000001", flags=["vat_number"])
    browser.open(f"/manage/customers/{customer.id}")
    assert "Kept as the import brought it, though it does not check: VAT number" in browser.page.text
    browser.submit("Save", City="Gent")
    assert browser.status == 200
    assert db.session.get(Customer, customer.id).flags == ["vat_number"]
    browser.submit("Save", VAT_number="BE0000000002")
    assert browser.status == 422
    browser.submit("Save", VAT_number="BE0999.999.922")
    saved = db.session.get(Customer, customer.id)
    assert (saved.vat_number, saved.flags) == ("BE0999999922", [])


def test_archive_and_restore(browser: Browser) -> None:
    customer = builders.customer("1", "Jansen")
    browser.open(f"/manage/customers/{customer.id}")
    browser.submit("Archive")
    assert "Jansen is archived" in browser.page.text
    assert "Archived" in browser.page.first("h1").parent.text
    browser.submit("Restore")
    assert db.session.get(Customer, customer.id).active
    assert [row.action for row in db.session.query(AuditEvent).filter_by(object_type="customer")] == [
        "customer_archived",
        "customer_restored",
    ]


def test_a_customer_with_work_is_archived_instead_of_deleted(browser: Browser) -> None:
    project = builders.project(builders.customer("1", "Jansen"))
    builders.entry(project)
    browser.open(f"/manage/customers/{project.customer_id}/delete")
    assert "Jansen cannot be deleted, because this belongs to it: 1 project, 1 hour entry." in browser.page.text
    browser.post(f"/manage/customers/{project.customer_id}/delete", {})
    assert browser.status == 409
    browser.submit("Archive")
    assert not db.session.get(Customer, project.customer_id).active


def test_a_customer_without_anything_is_deleted(browser: Browser) -> None:
    customer = builders.customer("1", "Jansen")
    browser.open(f"/manage/customers/{customer.id}")
    browser.link("Delete")
    browser.submit("Delete")
    assert "Jansen is deleted." in browser.page.text
    assert db.session.query(Customer).count() == 0


def test_a_linked_customer_is_not_deleted(browser: Browser) -> None:
    customer = builders.customer("1", "Jansen")
    db.session.add(
        ExternalLink(
            connection_id=connect("wefact").id, local_type="customer", local_id=customer.id, external_id="1", linked_at=builders.NOW
        )
    )
    db.session.commit()
    browser.open(f"/manage/customers/{customer.id}/delete")
    assert "1 link to a package" in browser.page.text


def test_who_may_not_manage_customers_finds_nothing_there(app: Flask) -> None:
    customer = builders.customer("1", "Jansen")
    for role, status in (("user", 404), ("team_manager", 404), ("project_manager", 200)):
        builders.user(role, email=f"{role}@bureau.example", password=builders.PASSWORD, language="en")
        browser = Browser(app).sign_in(f"{role}@bureau.example", builders.PASSWORD)
        for path in (
            "/manage/customers",
            "/manage/customers/new",
            f"/manage/customers/{customer.id}",
            f"/manage/customers/{customer.id}/delete",
        ):
            browser.open(path)
            assert browser.status == status, (role, path)
    browser.open("/manage/activities")
    assert browser.status == 404


def test_a_save_writes_no_more_than_twelve_statements(browser: Browser) -> None:
    customer = builders.customer("1", "Jansen", hourly_rate_e4=800_000)
    browser.open(f"/manage/customers/{customer.id}")
    form = browser._form_of(browser._button("Save"))
    with counted() as queries:
        answer = browser.client.post(browser.path, data=browser._values(form) | {"city": "Breda", "hourly_rate_e4": "90"})
    assert answer.status_code == 303
    assert len(queries) <= 12, queries
    assert db.session.get(Customer, customer.id).city == "Breda"


def test_notes_keep_their_lines_and_have_an_end(browser: Browser) -> None:
    browser.open("/manage/customers/new")
    browser.submit("Save", Name="Jansen", Notes="eerste\r\ntweede \x00<b>")
    assert db.session.query(Customer).one().notes == "eerste\ntweede <b>"
    browser.submit("Save", Notes="x" * 20_001)
    assert browser.status == 422
    assert "use at most 20000" in browser.page.text


def test_a_number_that_no_record_has_is_not_found(browser: Browser) -> None:
    for path in ("/manage/customers/0", "/manage/customers/2147483648", f"/manage/projects/{10**30}", "/manage/nothing/1/delete"):
        browser.open(path)
        assert browser.status == 404, path
    for query in (
        "page=0",
        "page=99999999",
        "sort=nothing",
        "customer=99999999999999999999",
        "country=<b>",
        "without=nothing",
        "status=nothing",
    ):
        browser.open(f"/manage/projects?{query}")
        assert browser.status == 200, query
        browser.open(f"/manage/customers?{query}")
        assert browser.status == 200, query
