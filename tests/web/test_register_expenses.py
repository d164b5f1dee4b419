"""Expenses: what a category fills in, receipts, locks, and whose they are."""

from __future__ import annotations

from datetime import date
from io import BytesIO
from typing import Any

import pytest
from flask import Flask

import builders
from blueprints.register import receipts
from blueprints.register.permits import Refused
from models import AuditEvent, BillingLink, Expense, Receipt, User, db
from page import Browser
from statements import counted

NEW = "/register/expenses/new"
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 20


@pytest.fixture
def ans(browser: Browser) -> User:
    return db.session.query(User).filter_by(email="ans@bureau.example").one()


@pytest.fixture
def expense(ans: User) -> Expense:
    return builders.expense(builders.project(builders.customer(name="Jansen Bouw")), ans, builders.category("Reiskosten"))


def expenses() -> list[Expense]:
    db.session.expire_all()
    return db.session.query(Expense).order_by(Expense.id).all()


def files(*named: tuple[str, bytes]) -> list[tuple[BytesIO, str]]:
    return [(BytesIO(content), name) for name, content in named]


def test_an_expense_takes_what_its_category_says(browser: Browser, ans: User) -> None:
    category = builders.category("Parkeren", unit_price_e4=47_500, purchase_vat_bp=2100, billable=False)
    project = builders.project()
    browser.open(NEW)
    page = browser.submit("Save", Customer_or_project=f"p{project.id}", Category=str(category.id), Quantity="2,5", Note="Centrum")
    assert "Expense added." in page.text
    made = expenses()[0]
    assert (made.quantity_e4, made.unit_price_e4, made.purchase_vat_bp, made.billable) == (25_000, 47_500, 2100, False)
    assert (made.user_id, made.customer_id, made.date, made.status) == (ans.id, project.customer_id, date(2026, 11, 20), "open")
    assert "€\xa011,88" in browser.html


def test_what_is_typed_goes_before_the_category(browser: Browser, ans: User) -> None:
    category, customer = builders.category(unit_price_e4=10_000, purchase_vat_bp=2100, billable=False), builders.customer()
    browser.open(NEW)
    typed = {
        "Category": str(category.id),
        "Price_each": "1.234,5678",
        "VAT_on_the_receipt": "none",
        "Billable": "yes",
        "Date": "2026-11-02",
    }
    browser.submit("Save", Customer_or_project=f"c{customer.id}", The_price_includes_VAT="y", reimbursable="y", **typed)
    made = expenses()[0]
    assert (made.unit_price_e4, made.purchase_vat_bp, made.billable, made.date) == (12_345_678, None, True, date(2026, 11, 2))
    assert (made.project_id, made.customer_id, made.vat_included, made.reimbursable) == (None, customer.id, True, True)


@pytest.mark.parametrize(("choice", "expected"), [("", False), ("yes", True)])
def test_a_project_without_invoicing_bills_only_what_was_marked_by_hand(browser: Browser, ans: User, choice: str, expected: bool) -> None:
    category, project = builders.category(unit_price_e4=10_000), builders.project(method="none")
    browser.open(NEW)
    browser.submit("Save", Customer_or_project=f"p{project.id}", Category=str(category.id), Billable=choice)
    assert expenses()[0].billable is expected


def test_a_chosen_category_fills_in_its_price_and_vat(browser: Browser) -> None:
    category = builders.category(unit_price_e4=47_500, purchase_vat_bp=900)
    page = browser.htmx(f"/register/expenses/amounts?category={category.id}&unit_price=8")
    assert page.first("input", id="unit_price")["value"] == "4,75"
    assert page.first("select", id="purchase_vat").all("option")[0].text == "As the category says: 9%"
    assert browser.htmx("/register/expenses/amounts?category=nonsense").first("input", id="unit_price")["value"] == ""


def test_a_form_that_does_not_check_keeps_what_was_typed(browser: Browser, ans: User) -> None:
    category = builders.category("Overig")
    browser.open(NEW)
    page = browser.submit("Save", Category=str(category.id), Quantity="veel", Note="<script>alert(1)</script>")
    assert browser.status == 422
    assert "Choose a customer or a project." in page.text
    assert page.first("input", id="quantity")["value"] == "veel"
    assert page.first("textarea", id="note").text == "<script>alert(1)</script>"
    project = builders.project()
    page = browser.submit("Save", Customer_or_project=f"p{project.id}", Quantity="1")
    assert "Overig has no price of its own" in page.text
    page = browser.submit("Save", Price_each="1", Quantity="0")
    assert "at least something above zero" in page.text
    browser.submit("Save", Quantity="1")
    assert (browser.status, len(expenses())) == (200, 1)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [({"active": False}, "is archived"), ({"starts_on": date(2026, 12, 1)}, "starts on"), ({"ends_on": date(2026, 11, 1)}, "ended on")],
)
def test_nothing_is_spent_on_a_closed_project(browser: Browser, ans: User, values: dict[str, Any], sentence: str) -> None:
    project, category = builders.project(**values), builders.category(unit_price_e4=1)
    browser.open(NEW)
    page = browser.submit("Save", Customer_or_project=f"p{project.id}", Category=str(category.id))
    assert browser.status == 422
    assert sentence in page.text


def test_receipts_are_kept_served_as_files_and_removed(browser: Browser, ans: User, expense: Expense) -> None:
    browser.open(f"/register/expenses/{expense.id}")
    page = browser.submit("Save", Receipts=files(("../../etc/bon \u202efdp.exe", PDF), ("foto.PNG", PNG), ("scan.jpeg", JPEG)))
    assert (browser.status, page.first("td", class_="num").text) == (200, "3")
    kept = db.session.query(Receipt).order_by(Receipt.id).all()
    assert [(one.filename, one.content_type, one.size_bytes) for one in kept] == [
        ("bon fdp.pdf", "application/pdf", len(PDF)),
        ("foto.png", "image/png", len(PNG)),
        ("scan.jpg", "image/jpeg", len(JPEG)),
    ]
    answer = browser.client.get(f"/register/expenses/{expense.id}/receipts/{kept[0].id}")
    assert answer.data == PDF
    assert answer.headers["Content-Disposition"] == 'attachment; filename="bon fdp.pdf"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Content-Type"] == "application/pdf"
    browser.open(f"/register/expenses/{expense.id}")
    browser.submit("Save", remove=[str(kept[0].id), str(kept[1].id)])
    assert [one.filename for one in db.session.query(Receipt)] == ["scan.jpg"]


@pytest.mark.parametrize(
    ("name", "content"),
    [("bon.pdf", b"MZ\x90\0"), ("plaatje.svg", b"<svg onload='alert(1)'/>"), ("bon.pdf", b""), ("page.html", b"<!doctype html>%PDF-")],
)
def test_a_file_that_is_something_else_is_refused_by_its_content(browser: Browser, expense: Expense, name: str, content: bytes) -> None:
    browser.open(f"/register/expenses/{expense.id}")
    page = browser.submit("Save", Note="Blijft staan", Receipts=files((name, content)))
    assert browser.status == 422
    assert "is not a PDF, PNG or JPEG file" in page.first("div", id="receipts-e").text
    assert page.first("textarea", id="note").text == "Blijft staan"
    assert db.session.query(Receipt).count() == 0


def test_a_file_of_more_than_ten_megabytes_is_refused(browser: Browser, expense: Expense) -> None:
    browser.open(f"/register/expenses/{expense.id}")
    page = browser.submit("Save", Receipts=files(("groot.pdf", PDF + b"\0" * receipts.LARGEST_BYTES)))
    assert browser.status == 422
    assert "groot is larger than 10 MB" in page.text
    with pytest.raises(Refused):
        receipts.accept("groot.pdf", PDF + b"\0" * receipts.LARGEST_BYTES)
    assert receipts.accept("net.pdf", PDF.ljust(receipts.LARGEST_BYTES, b"\0")).filename == "net.pdf"


def test_an_expense_has_a_limited_number_of_receipts(browser: Browser, expense: Expense, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blueprints.register.costs.MOST_RECEIPTS", 2)
    browser.open(f"/register/expenses/{expense.id}")
    browser.submit("Save", Receipts=files(("een.pdf", PDF), ("twee.pdf", PDF)))
    first = db.session.query(Receipt).first()
    assert first is not None
    browser.open(f"/register/expenses/{expense.id}")
    page = browser.submit("Save", Receipts=files(("drie.pdf", PDF)))
    assert browser.status == 422
    assert "at most 2 receipts" in page.text
    browser.submit("Save", remove=[str(first.id)], Receipts=files(("drie.pdf", PDF)))
    assert [one.filename for one in db.session.query(Receipt).order_by(Receipt.id)] == ["twee.pdf", "drie.pdf"]


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("C:\\Users\\ans\\bon.pdf", "bon"),
        ("../../secret.key", "secret"),
        (".htaccess", "htaccess"),
        ("a\r\nSet-Cookie: x.pdf", "aSet-Cookie x"),
        ("\u202e\u200f", "receipt"),
        ("", "receipt"),
        ("x" * 500 + ".pdf", "x" * 100),
        ("bonnetje café €5.pdf", "bonnetje café €5"),
    ],
)
def test_names_of_files_are_made_harmless(given: str, safe: str) -> None:
    assert receipts.safe_stem(given) == safe


def test_an_expense_is_changed_with_its_version(browser: Browser, ans: User, expense: Expense) -> None:
    browser.open(f"/register/expenses/{expense.id}")
    expense.version = 2
    db.session.commit()
    page = browser.submit("Save", Price_each="30")
    assert browser.status == 409
    assert page.first("input", id="unit_price")["value"] == "30"
    browser.submit("Save")
    assert (expenses()[0].unit_price_e4, expenses()[0].version) == (300_000, 3)


@pytest.mark.parametrize("claim", ["reserved", "live", ""])
def test_a_locked_expense_is_neither_changed_nor_deleted(browser: Browser, ans: User, expense: Expense, claim: str) -> None:
    browser.open(f"/register/expenses/{expense.id}")
    if claim:
        db.session.add(BillingLink(source_type="expense", source_id=expense.id, state=claim, created_at=builders.NOW))
    else:
        expense.status = "submitted"
    db.session.commit()
    page = browser.submit("Save", Price_each="30", Receipts=files(("bon.pdf", PDF)))
    assert browser.status == 422
    assert {"reserved": "being invoiced", "live": "has been invoiced", "": "handed in for approval"}[claim] in page.text
    browser.open(f"/register/expenses/{expense.id}/delete")
    browser.submit("Delete")
    assert browser.status == 422
    assert expenses()[0].unit_price_e4 == 250_000
    assert db.session.query(Receipt).count() == 0
    assert not [button for button in browser.open(f"/register/expenses/{expense.id}").all("button") if button.text == "Save"]


def test_an_expense_is_deleted_with_its_receipts(browser: Browser, ans: User, expense: Expense) -> None:
    browser.open(f"/register/expenses/{expense.id}")
    browser.submit("Save", Receipts=files(("bon.pdf", PDF)))
    browser.open("/register/expenses")
    page = browser.link("Delete Reiskosten of 18-11-2026")
    assert "Delete €\xa025,00, Reiskosten for Jansen Bouw on 18-11-2026?" in browser.html
    page = browser.submit("Delete")
    assert "Deleted:" in page.text
    assert expenses() == []
    assert db.session.query(Receipt).count() == 0
    event = db.session.query(AuditEvent).filter_by(action="expense_deleted").one()
    assert event.details["unit_price_e4"] == 250_000


def test_others_expenses_and_receipts_do_not_exist_for_who_sees_only_their_own(app: Flask, browser: Browser, expense: Expense) -> None:
    browser.open(f"/register/expenses/{expense.id}")
    browser.submit("Save", Receipts=files(("bon.pdf", PDF)))
    receipt = db.session.query(Receipt).one()
    builders.user("user", email="bram@bureau.example", password=builders.PASSWORD, language="en")
    bram = Browser(app).sign_in("bram@bureau.example", builders.PASSWORD)
    for path in ("", "/delete", f"/receipts/{receipt.id}"):
        bram.open(f"/register/expenses/{expense.id}{path}")
        assert bram.status == 404
    bram.open(f"/register/expenses?user={expense.user_id}")
    assert bram.status == 404
    assert "No expenses yet" in bram.open("/register/expenses").text
    other = builders.expense()
    assert browser.open(f"/register/expenses/{other.id}/receipts/{receipt.id}") and browser.status == 404


def test_changing_anothers_expense_is_written_down(browser: Browser, ans: User) -> None:
    expense = builders.expense()
    browser.open(f"/register/expenses/{expense.id}")
    browser.submit("Save", Price_each="30")
    event = db.session.query(AuditEvent).filter_by(action="expense_changed").one()
    assert event.details["changes"] == {"unit_price_e4": [250_000, 300_000]}


def test_the_number_of_queries_does_not_grow_with_the_expenses(browser: Browser, ans: User, expense: Expense) -> None:
    browser.open("/register/expenses")
    with counted() as few:
        browser.open("/register/expenses")
    for n in range(55):
        builders.expense(builders.project(), ans, note="x" * 300, date=date(2026, 11, 1 + n % 28))
    with counted() as many:
        page = browser.open("/register/expenses")
    assert len(many) == len(few) <= 10
    assert len(page.all("tr")) == 51
    assert len(browser.html.encode()) < 60_000
    assert "1 to 50 of 56" in page.text
    browser.open(f"/register/expenses/{expense.id}")
    with counted() as saving:
        browser.client.post(f"/register/expenses/{expense.id}", data={"csrf_token": browser.page.first("input", name="csrf_token")["value"], **{
            "project": f"p{expense.project_id}", "category": str(expense.category_id), "date": "18-11-2026", "quantity": "1", "unit_price": "5", "version": "1",
        }})  # fmt: skip
    assert expenses()[0].unit_price_e4 == 50_000
    assert len(saving) <= 12
