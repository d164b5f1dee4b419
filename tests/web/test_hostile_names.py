"""Names that try something stay text on every page (must show 8, S25): scripts, formulas, right-to-left marks, ten thousand characters."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import select

import builders
from models import Batch, ExternalLink, Invoice, Transfer, VatRegime, Vehicle, db
from page import Browser
from world import World

pytestmark = pytest.mark.parametrize("vendor", ["wefact"], indirect=True)

SCRIPT = '<script>alert("x")</script>'
HOSTILE = (
    SCRIPT,
    "=HYPERLINK(1)" + SCRIPT,
    "\u202e" + SCRIPT + "gnp.exe",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}" + SCRIPT,
    "x" * 280 + SCRIPT,
)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text_on_every_page(world: World, browser: Browser, name: str) -> None:
    customer = world.linked_customer()
    customer.name, customer.city, customer.notes, customer.email = name[:300], name[:100], name * 30, "a@b.example"
    link = db.session.scalars(select(ExternalLink)).one()
    link.external_name = name[:300]
    person = builders.user("user", name=name[:200])
    project = builders.project(customer, name=name[:200], code=name[:40], description=name, reference=name[:40])
    activity, category = builders.activity(name[:200]), builders.category(name[:200])
    db.session.add(Vehicle(name=name[:100]))
    db.session.scalars(select(VatRegime)).first().name = name[:100]  # type: ignore[union-attr]
    day = dt.date(2026, 11, 18)
    entry = builders.entry(project, person, activity, note=name * 30, date=day)
    expense = builders.expense(project, person, category, note=name, date=day)
    trip = builders.trip(project, person, origin=name[:200], destination=name[:200], note=name, date=day)
    world.invoice([("time", entry.id), ("expense", expense.id), ("trip", trip.id)], send=True)
    builders.entry(project, person, activity, note=name, date=day)
    world.work()
    transfer, batch = db.session.scalars(select(Transfer)).one(), db.session.scalars(select(Batch)).one()
    assert transfer.state == "done", (transfer.reason, transfer.reason_params)
    invoice = db.session.scalars(select(Invoice)).one()
    browser.open("/reports/hours")
    browser.post("/finance/invoice/wefact", {"time": [row.id for row in db.session.scalars(select(builders.TimeEntry))]})
    shown = [browser.html]
    for path in (
        "/",
        "/reports/hours",
        "/reports/expenses",
        "/reports/trips",
        f"/reports/hours?customer={customer.id}&project={project.id}&user={person.id}&activity={activity.id}&q={SCRIPT}",
        f"/register/week?user={person.id}&week=2026-W47",
        f"/register/day?user={person.id}&date=2026-11-18",
        f"/register/expenses?user={person.id}",
        f"/register/trips?user={person.id}",
        "/finance/unbilled",
        "/finance/invoices",
        f"/finance/invoices/{invoice.id}",
        "/finance/transfers",
        f"/finance/transfers/{transfer.id}",
        f"/finance/batches/{batch.id}",
        "/manage/customers",
        f"/manage/customers/{customer.id}",
        "/manage/projects",
        f"/manage/projects/{project.id}",
        "/manage/activities",
        f"/manage/activities/{activity.id}",
        "/manage/expense-categories",
        f"/manage/expense-categories/{category.id}",
        "/manage/vehicles",
        "/manage/vat",
        "/settings/users",
        f"/settings/users/{person.id}",
        "/settings/audit",
        "/settings/wefact",
    ):
        browser.open(path)
        assert browser.status == 200, path
        shown.append(browser.html)
        assert SCRIPT not in browser.html, path
        assert "<img src=x" not in browser.html, path
    assert not any("49{{" in html or ">49<" in html for html in shown)
