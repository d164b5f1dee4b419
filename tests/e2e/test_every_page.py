"""Every page of the demo company, by day on a desk and by night on a phone: axe, no complaint of the browser, one heading, no sideways scroll."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page
from sqlalchemy import func, select

from app import create_app
from models import Batch, Customer, Expense, ImportRun, Invoice, RemoteCall, TimeEntry, Transfer, Trip, User, VatRegime, Vehicle, db
from sandbox.start import LOOPBACK, Demo
from sandbox.studio import ADMINISTRATOR, PASSWORD
from settings import load

# A minute is for machines that do other things meanwhile; alone it takes about twenty seconds.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(60)]

AXE = Path(__file__).resolve().parents[1] / "data" / "axe.min.js"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
MOST_BYTES = 60_000

LISTEN = """
window.complaints = [];
document.addEventListener("securitypolicyviolation", event => complaints.push(`policy: ${event.violatedDirective} ${event.blockedURI}`));
"""
# What depends on the size and the colours; the other rules say the same of a page whatever it looks like.
LOOKS = ["color-contrast", "target-size", "scrollable-region-focusable", "link-in-text-block", "button-name", "link-name", "label"]
LOOK = """async rules => {
    const found = await axe.run(document, {preload: false, resultTypes: ["violations"], ...(rules && {runOnly: rules})});
    return {
        axe: found.violations.map(one => `${one.id}: ${one.nodes.map(node => node.target).slice(0, 3).join(" ")}`),
        complaints: window.complaints,
        headings: document.querySelectorAll("h1").length,
        title: document.title,
        sideways: document.documentElement.scrollWidth - innerWidth,
    };
}"""

NOT_A_PAGE = {
    "finance.choices": "a list inside a menu, looked at through reports.choices",
    "finance.transfer_state": "empty, or where to go",
    "home.health": "for machines",
    "home.ready": "for machines",
    "imports.failed": "a file",
    "manage.customer_options": "options of a field",
    "register.choice": "two fields of a form",
    "register.expense_amounts": "two fields of a form",
    "register.receipt": "a file",
    "reports.edit": "one cell",
    "reports.show_row": "one row",
    "static": "files",
    "auth.set_up": "only before there is a user; looked at by hand",
}


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port = int(probe.getsockname()[1])
    made = Demo(tmp_path, LOOPBACK, port)
    try:
        made.start_stand_ins()
        made.fill()
        made.serve(reload=False)
        made.wait_for_first_page()
        yield made
    finally:
        made.stop()


def _ids() -> dict[str, Any]:
    """One record for each kind of page, such as stands in the demo company."""
    entry = select(func.max(TimeEntry.id)).where(TimeEntry.user_id == 1, TimeEntry.status == "open")
    call = select(RemoteCall).where(RemoteCall.transfer_id.is_not(None)).order_by(RemoteCall.id).limit(1)
    asked = db.session.scalars(call).one()
    first = {
        "transfer_id": select(Transfer.id).where(Transfer.state == "attention").limit(1),
        "customer_id": select(func.min(Customer.id)),
        "entry_id": entry,
        "expense_id": select(func.max(Expense.id)),
        "trip_id": select(func.max(Trip.id)),
        "batch_id": select(func.min(Batch.id)),
        "invoice_id": select(func.min(Invoice.id)),
        "run_id": select(func.min(ImportRun.id)),
        "user_id": select(func.max(User.id)),
        "regime_id": select(func.min(VatRegime.id)),
        "vehicle_id": select(func.min(Vehicle.id)),
    }
    ids = {name: db.session.scalar(statement) for name, statement in first.items()}
    assert all(ids.values()), f"the demo company has no example of {[name for name, one in ids.items() if not one]}"
    return ids | {"call": asked, "activity_id": 1, "category_id": 1, "project_id": 1, "object_id": 1, "kind": "customers"}


def _addresses(app: Flask) -> list[str]:
    """What every GET rule leads to, so that a new page takes part by itself; and what one page shows in more than one way."""
    with app.app_context():
        ids = _ids()
    known = ids | {"name": "hours", "field": "customer", "vendor": "wefact"}
    found = [
        "/reports/hours?q=nothing-is-called-this",
        "/finance/invoices?q=nothing-is-called-this",
        "/settings/wefact?subscription=hostfact",
    ]
    with app.test_request_context():
        for rule in app.url_map.iter_rules():
            if "GET" not in (rule.methods or ()) or rule.endpoint in NOT_A_PAGE or rule.endpoint.startswith("home.alias"):
                continue
            values = {name: known[name] for name in rule.arguments - {"call_id", *(rule.defaults or {})}}
            if rule.endpoint == "finance.transfer_call":
                values = {"transfer_id": ids["call"].transfer_id, "call_id": ids["call"].id}
            found.append(app.url_for(rule.endpoint, **values))
    return sorted(found)


class Looker:
    """Looks at pages and keeps what is wrong with them."""

    def __init__(self, context: BrowserContext, address: str) -> None:
        context.add_init_script(LISTEN)
        context.add_init_script(path=AXE)
        self.page: Page = context.new_page()
        self.ways: list[tuple[str, dict[str, int], list[str] | None]] = [("dark", PHONE, LOOKS), ("light", DESK, None)]
        self.address, self.wrong, self.seen = address, list[str](), list[str]()
        self.page.on("pageerror", lambda error: self.wrong.append(f"{self.page.url}: {error}"))
        self.page.on("console", lambda said: self.wrong.append(f"{self.page.url}: {said.text}") if said.type == "error" else None)

    def open(self, path: str, status: int = 200) -> None:
        answer = self.page.goto(self.address + path)
        assert answer is not None
        if answer.status != status:
            self.wrong.append(f"{path}: answers {answer.status}")
        if (size := len(answer.body())) > MOST_BYTES:
            self.wrong.append(f"{path}: {size} bytes")
        self.seen.append(path)
        self.look(path)

    def look(self, name: str) -> None:
        """As it stands now: by day on a desk and by night on a phone, beginning with how the last page ended."""
        self.ways.reverse()
        for scheme, size, rules in self.ways:
            self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            self.page.set_viewport_size(size)  # type: ignore[arg-type]
            found = self.page.evaluate(LOOK, rules)
            where = f"{name}, {scheme}, {size['width']} px"
            self.wrong += [f"{where}: {one}" for one in found["axe"] + found["complaints"]]
            if found["headings"] != 1:
                self.wrong.append(f"{where}: {found['headings']} headings of the first rank")
            if found["sideways"] > 0:
                self.wrong.append(f"{where}: {found['sideways']} px too wide")
            if not found["title"].removesuffix(" · Uurwerk").strip():
                self.wrong.append(f"{where}: no title")


def test_every_page_can_be_read_by_everybody(chromium: Browser, demo: Demo) -> None:
    app = create_app(load(demo.environ))
    context = chromium.new_context(locale="en-GB", viewport=DESK, reduced_motion="reduce")  # type: ignore[arg-type]
    looker = Looker(context, f"http://{LOOPBACK}:{demo.port}")
    page = looker.page
    looker.open("/login")
    page.get_by_label("E-mail").fill(ADMINISTRATOR)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(looker.address + "/")
    for path in _addresses(app):
        looker.open(path)
    assert len(looker.seen) > 50
    _open_what_floats(looker)
    context.close()
    assert looker.wrong == [], "\n".join(looker.wrong)


def _open_what_floats(looker: Looker) -> None:
    """Menus and the invoice dialog: axe sees only what is open."""
    page = looker.page
    page.goto(looker.address + "/reports/hours?status=approved")
    page.locator("[data-tick]").nth(0).check()
    page.get_by_role("button", name="Actions").click()
    looker.look("Actions")
    page.get_by_role("button", name="Invoice in WeFact").click()
    page.get_by_role("dialog").wait_for()
    looker.look("the invoice dialog")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="account menu").click()
    looker.look("the account menu")
