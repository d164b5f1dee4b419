"""Settings → Integrations and Settings → WeFact against a stand-in package: what is tested, what is said, what is kept."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import builders
from fakes import Clock
from models import AccountingItem, AuditEvent, Base, Connection, ItemLink, RemoteCall, TaxCode, VatMapping, VatRegime, db
from page import Browser
from sandbox.wefact.server import Sandbox, running
from transfers import connections, trial

KEY = "canary-9f31c6b7aa21-4f2a"


@pytest.fixture
def configure(app: Flask) -> Iterator[Callable[..., None]]:
    """Changes deploy settings for one test."""
    before = app.extensions["settings"]

    def change(**values: Any) -> None:
        app.extensions["settings"] = dataclasses.replace(app.extensions["settings"], **values)

    yield change
    app.extensions["settings"] = before


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """Where a page would wait a second for the pace, the clock moves instead."""
    monkeypatch.setattr(trial, "sleep", lambda seconds: clock.forward(seconds=seconds))


@pytest.fixture
def wefact(configure: Callable[..., None]) -> Iterator[Sandbox]:
    with running("wefact", api_key=KEY) as server:
        configure(wefact_url=server.url)
        yield server


@pytest.fixture
def hostfact(configure: Callable[..., None]) -> Iterator[Sandbox]:
    with running("hostfact", api_key=KEY) as server:
        configure(outbound_allow=(f"127.0.0.1:{server.port}",))
        yield server


def connection(vendor: str = "wefact") -> Connection:
    db.session.expire_all()
    return connections.by_vendor(vendor)


def connect(browser: Browser, key: str = KEY, **fields: Any) -> None:
    browser.open("/settings/wefact")
    browser.submit("Test and save", API_key=key, **fields)


def alert(browser: Browser) -> str:
    return browser.page.first("div", role="alert").text


# --- Tiles ------------------------------------------------------------------------------------------------------------------------


def test_activate_leads_to_the_page_of_that_package(browser: Browser) -> None:
    browser.open("/settings/integrations")
    tile = browser.page.first("section", aria_labelledby="tile-hostfact")
    browser._take(
        browser.client.post(tile.first("form")["action"], data={"csrf_token": tile.first("input")["value"]}, follow_redirects=True)
    )
    assert browser.path == "/settings/wefact?subscription=hostfact"
    assert "checked" in browser.page.first("input", value="hostfact", type="radio").attributes
    assert connection("hostfact").state == "incomplete"
    assert connection("wefact").state == "off"
    assert "Settings" in browser.open("/settings/integrations").first("section", aria_labelledby="tile-hostfact").text


def test_afas_says_plainly_that_it_comes_later(browser: Browser) -> None:
    page = browser.open("/settings/integrations")
    assert not page.first("section", aria_labelledby="tile-afas").all("button")
    assert "arrives in a later version" in browser.open("/settings/afas").text
    assert browser.status == 200


def test_nobody_but_an_administrator_sees_the_connections(app: Flask) -> None:
    for role in ("project_manager", "team_manager", "user"):
        person = builders.user(role, password=builders.PASSWORD)
        visitor = Browser(app).sign_in(person, builders.PASSWORD)
        for path in ("/settings/integrations", "/settings/wefact", "/settings/afas", "/settings/wefact/disconnect"):
            visitor.open(path)
            assert visitor.status == 404
        for path in ("/settings/integrations/wefact/activate", "/settings/wefact", "/settings/wefact/lists", "/settings/wefact/disconnect"):
            visitor.open("/")
            visitor.post(path, {})
            assert visitor.status == 404


# --- Test and save ----------------------------------------------------------------------------------------------------------------


def test_the_right_key_connects_and_fetches_products_and_vat_codes(browser: Browser, wefact: Sandbox, clock: Clock) -> None:
    connect(browser)
    assert browser.path == "/settings/wefact"
    assert "WeFact is connected: 11 products fetched." in browser.page.text
    row = connection()
    assert (row.state, row.secret_hint, row.checked_at, row.problem) == ("connected", "4f2a", clock(), "")
    assert [step["state"] for step in row.check_steps] == ["ok"] * 6
    assert db.session.query(AccountingItem).count() == 11
    assert {code.code for code in db.session.query(TaxCode)} == {"V21", "V9", "V0", "VVERL"}
    assert "Saved, ends in 4f2a" in browser.page.text
    event = db.session.query(AuditEvent).filter_by(action="connection_tested").one()
    assert event.object_id == row.id


def test_a_wrong_key_is_not_kept_and_the_page_says_what_to_do(browser: Browser, wefact: Sandbox) -> None:
    connect(browser, key="niet-de-sleutel-0000")
    assert browser.status == 422
    assert "The key was refused. Copy it again in the package" in alert(browser)
    assert "Nothing was saved: paste the key again" in alert(browser)
    steps = [line["class"] for line in browser.page.first("ol", class_="timeline").all("li")]
    assert steps == ["is-ok", "is-warn", "is-ok", "is-bad", "", ""]  # the stand-in speaks plain http
    assert (connection().state, connection().secret_sealed) == ("off", None)
    assert "niet-de-sleutel" not in browser.html


def test_a_wrong_new_key_leaves_the_old_one_working(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    sealed = connection().secret_sealed
    connect(browser, key="niet-de-sleutel-0000")
    assert "the key that was saved before stays in use" in alert(browser)
    assert (connection().state, connection().secret_sealed) == ("connected", sealed)


def test_an_empty_key_tests_the_saved_one(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    wefact.switches.key_revoked = True
    connect(browser, key="")
    assert "The key was refused" in alert(browser)
    assert (connection().state, connection().problem) == ("failing", "key_refused")
    wefact.switches.key_revoked = False
    connect(browser, key="")
    assert (connection().state, connection().problem) == ("connected", "")


def test_a_refused_address_is_named_to_be_copied(browser: Browser, wefact: Sandbox, configure: Callable[..., None]) -> None:
    configure(outgoing_ips=())
    assert "does not know its own address" in browser.open("/settings/wefact").text
    wefact.switches.ip_removed, wefact.switches.client_ip = True, "198.51.100.23"
    connect(browser)
    assert "address 198.51.100.23 is not on the list of allowed addresses" in alert(browser)
    assert browser.page.first("input", id="outgoing")["value"] == "198.51.100.23"
    assert browser.page.first("button", aria_label="Copy the addresses")["data-copy"] == "198.51.100.23"


def test_our_own_addresses_are_shown_to_be_allowed(browser: Browser) -> None:
    page = browser.open("/settings/wefact")
    assert page.first("input", id="outgoing")["value"] == "203.0.113.7"
    assert "Add these addresses to the allowed ones: 203.0.113.7" in page.text


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("html_200", "A web page or something else came back"),
        ("html_502", "reports a fault of its own"),
        ("redirect", "sends us on to another address"),
        ("wrong_echo", "belongs to another question"),
        ("firewall", "firewall shut out this server's address 127.0.0.1"),
        ("cut_body", "Only a part of the answer arrived"),
        ("reset_before", "broke off before an answer came"),
    ],
)
def test_each_failure_says_what_to_do(browser: Browser, wefact: Sandbox, fault: str, sentence: str) -> None:
    wefact.switches.fail("settings/list", fault)
    connect(browser)
    assert browser.status == 422
    assert sentence in alert(browser)
    assert connection().secret_sealed is None


def test_a_dead_server_is_told_as_such(browser: Browser, configure: Callable[..., None]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        configure(wefact_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v2/")
        connect(browser)
    assert "Nothing answers at 127.0.0.1" in alert(browser)
    assert "Address not reached" in browser.page.text


def test_a_key_must_be_pasted_the_first_time(browser: Browser, wefact: Sandbox) -> None:
    connect(browser, key="  ")
    assert browser.status == 422
    assert browser.page.first("div", id="api_key-e").text == "Paste the API key."
    assert db.session.query(RemoteCall).count() == 0


def test_no_transaction_is_open_while_the_package_is_asked(browser: Browser, wefact: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors.http import Http

    seen: list[bool] = []
    send = Http.send

    def watched(*arguments: Any, **keywords: Any) -> Any:
        seen.append(db.session.registry().in_transaction())
        return send(*arguments, **keywords)

    monkeypatch.setattr(Http, "send", watched)
    connect(browser)
    browser.submit("Refresh list")
    assert len(seen) >= 5
    assert not any(seen)


def test_the_test_is_refused_after_ten_in_a_minute(browser: Browser, wefact: Sandbox, clock: Clock) -> None:
    for _time in range(10):
        connect(browser)
    calls = db.session.query(RemoteCall).count()
    connect(browser)
    assert browser.status == 429
    assert "Wait a minute" in alert(browser)
    assert db.session.query(RemoteCall).count() == calls
    clock.forward(seconds=61)
    connect(browser)
    assert browser.status == 200


def test_htmx_gets_the_panel_and_on_success_the_whole_page(browser: Browser, wefact: Sandbox) -> None:
    browser.open("/settings/wefact")
    browser.post("/settings/wefact", {"subscription": "wefact", "api_key": "niet-de-sleutel-0000"}, htmx=True)
    assert browser.status == 422
    assert "<html" not in browser.html
    assert browser.page.first("div", id="wefact")
    browser.open("/settings/wefact")
    browser.post("/settings/wefact", {"subscription": "wefact", "api_key": KEY}, htmx=True)
    assert (browser.status, browser.headers["HX-Redirect"]) == (204, "/settings/wefact")


def test_the_key_is_nowhere_to_be_read(browser: Browser, wefact: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    pages = []
    for key in (KEY, "canary-wrong-77d1-c0de"):
        connect(browser, key=key)
        pages.append(browser.html)
    pages += [browser.open(path) and browser.html for path in ("/settings/wefact", "/settings/integrations", "/settings/wefact/disconnect")]
    rows = [str(row) for table in Base.metadata.sorted_tables for row in db.session.execute(select(table)).all()]
    for text in (*pages, *rows, caplog.text):
        assert "canary" not in text
    assert connection().secret_sealed


def test_a_key_that_cannot_be_read_any_more_is_told(browser: Browser, wefact: Sandbox, configure: Callable[..., None]) -> None:
    connect(browser)
    configure(secret_key="another secret key that is long enough 12345")
    connect(browser, key="")
    assert "The stored key cannot be read" in browser.page.first("div", id="api_key-e").text
    connect(browser)
    assert browser.status == 200


def test_a_hostile_key_or_url_stays_text(browser: Browser, wefact: Sandbox) -> None:
    for url in ("<script>alert(1)</script>", "javascript:alert(1)", "\u202ehttps://x.example", "x" * 10_000):
        connect(browser, subscription="hostfact", URL=url)
        assert browser.status == 422
        assert "<script>alert" not in browser.html
    connect(browser, key="x" * 10_000)
    assert browser.status == 422
    assert db.session.query(RemoteCall).count() == 0


def test_a_sandbox_and_short_waits_are_said(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    assert "Sandbox: this address is a stand-in" in browser.page.text
    assert "UURWERK_SETTLE_SECONDS_WEFACT=20 (600)" in browser.page.text
    assert "Sandbox" in browser.open("/settings/integrations").first("section", aria_labelledby="tile-wefact").text


# --- HostFact ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "/", "/apiv2/api.php", "/apiv2"])
def test_hostfact_with_its_url_in_any_form(browser: Browser, hostfact: Sandbox, suffix: str) -> None:
    connect(browser, subscription="hostfact", URL=hostfact.base_url + suffix)
    assert browser.path == "/settings/wefact?subscription=hostfact"
    assert ("/apiv2/api.php was left out of the URL" in browser.page.text) == ("apiv2" in suffix)
    row = connection("hostfact")
    assert (row.state, row.url) == ("connected", hostfact.base_url)
    assert connection("wefact").state == "off"
    assert browser.page.first("input", id="url")["value"] == hostfact.base_url


def test_a_typed_url_stays_when_the_test_fails(browser: Browser, hostfact: Sandbox) -> None:
    typed = hostfact.base_url + "/apiv2/api.php"
    connect(browser, key="niet-de-sleutel-0000", subscription="hostfact", URL=typed)
    assert browser.status == 422
    assert browser.page.first("input", id="url")["value"] == typed
    assert "checked" in browser.page.first("input", value="hostfact", type="radio").attributes
    assert connection("hostfact").url == ""


def test_a_new_url_needs_the_key_again(browser: Browser, hostfact: Sandbox) -> None:
    connect(browser, subscription="hostfact", URL=hostfact.base_url)
    calls = db.session.query(RemoteCall).count()
    connect(browser, key="", subscription="hostfact", URL="https://elders.example/pro")
    assert "never sent to a new address by itself" in browser.page.first("div", id="api_key-e").text
    assert db.session.query(RemoteCall).count() == calls
    assert connection("hostfact").url == hostfact.base_url


def test_a_private_address_needs_the_deployers_word(browser: Browser, wefact: Sandbox) -> None:
    connect(browser, subscription="hostfact", URL=f"https://127.0.0.1:{wefact.port}/pro")
    assert "have UURWERK_OUTBOUND_ALLOW=127.0.0.1 set" in alert(browser)
    connect(browser, subscription="hostfact", URL=f"http://127.0.0.1:{wefact.port}/pro")
    assert "must start with https://" in browser.page.first("div", id="url-e").text


def test_tls_that_is_none_is_told(browser: Browser, hostfact: Sandbox) -> None:
    connect(browser, subscription="hostfact", URL=hostfact.base_url.replace("http://", "https://"))
    assert "No encrypted connection could be made" in alert(browser)


# --- Products, defaults, VAT ------------------------------------------------------------------------------------------------------


def test_without_products_the_page_says_so(browser: Browser, configure: Callable[..., None]) -> None:
    with running("wefact", api_key=KEY, seed="empty") as server:
        configure(wefact_url=server.url)
        connect(browser)
    assert "There are no products in WeFact yet" in browser.page.text
    assert [option["value"] for option in browser.page.first("select", name="default_item").all("option")] == [""]


def test_defaults_are_kept(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    browser.submit(
        "Save",
        Default_product="P0100",
        Item_for_trips="P0200",
        nightly="y",
        Import_mode="new",
        One_invoice_per="project",
        Lines_per="entry",
        Reference="PO 4500",
        sending="send",
    )
    row = connection()
    assert db.session.get_one(AccountingItem, row.default_item_id).code == "P0100"
    assert db.session.get_one(AccountingItem, row.trip_item_id).code == "P0200"
    assert (row.nightly, row.import_mode, row.invoice_per, row.lines_per) == (True, "new", "project", "entry")
    assert (row.reference_template, row.send_by_default, row.write_number_back) == ("PO 4500", True, True)
    chosen = [option.text for option in browser.page.first("select", name="default_item").all("option") if "selected" in option.attributes]
    assert chosen == ["P0100 Uren, 21%"]
    assert db.session.query(AuditEvent).filter_by(action="connection_changed").count() == 1


def test_a_product_sold_per_period_is_refused(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    option = next(one for one in browser.page.first("select", name="default_item").all("option") if one["value"] == "P0900")
    assert "disabled" in option.attributes
    assert "every month" in option.text
    browser.submit("Save", Default_product="P0900", Reference="blijft staan")
    assert browser.status == 422
    assert "P0900 is sold per period" in browser.page.first("div", id="default_item-e").text
    assert browser.page.first("input", name="reference_template")["value"] == "blijft staan"
    browser.submit("Save", Default_product="P-bestaat-niet")
    assert "There is no product P-bestaat-niet" in browser.page.text
    assert connection().default_item_id is None


def test_vat_is_proposed_only_where_one_code_fits(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    regimes = {row.code: row.id for row in db.session.query(VatRegime)}
    chosen = {
        code: [o["value"] for o in browser.page.first("select", name=f"vat_{regime}").all("option") if "selected" in o.attributes]
        for code, regime in regimes.items()
    }
    assert (chosen["NL21"], chosen["NL9"]) == (["V21"], ["V9"])
    assert chosen["NL0"] in ([], [""])
    browser.submit("Save", **{f"vat_{regimes['NLRC']}": "VVERL"})
    kept = dict(db.session.execute(select(VatMapping.vat_regime_id, VatMapping.code)).all())
    assert kept == {regimes["NL21"]: "V21", regimes["NL9"]: "V9", regimes["NLRC"]: "VVERL"}
    browser.submit("Save", **{f"vat_{regimes['NLRC']}": "V99"})
    assert browser.status == 422


def test_hostfact_takes_percentages(browser: Browser, hostfact: Sandbox) -> None:
    connect(browser, subscription="hostfact", URL=hostfact.base_url)
    regimes = {row.code: row.id for row in db.session.query(VatRegime)}
    assert browser.page.first("input", name=f"vat_{regimes['NL21']}")["value"] == "21,00"
    browser.submit("Save", **{f"vat_{regimes['NLRC']}": "0"})
    kept = dict(db.session.execute(select(VatMapping.vat_regime_id, VatMapping.percentage_bp)).all())
    assert kept == {regimes["NL21"]: 2100, regimes["NL9"]: 900, regimes["NL0"]: 0, regimes["NLRC"]: 0}
    browser.submit("Save", **{f"vat_{regimes['NL21']}": "121"})
    assert browser.status == 422


def test_refresh_marks_what_is_gone_and_keeps_what_was_chosen(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    browser.submit("Save", Default_product="P0100")
    removed = next(product for product in wefact.books.products if product.code == "P0100")
    wefact.books.products.remove(removed)
    browser.submit("Refresh list")
    assert "10 products fetched, 1 no longer there." in browser.page.text
    assert "P0100 Uren, 21% (no longer in WeFact)" in browser.page.text
    browser.submit("Save", Lines_per="entry")
    assert browser.status == 200
    assert db.session.get_one(AccountingItem, connection().default_item_id).code == "P0100"


def test_refresh_over_htmx_keeps_unsaved_choices(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    values = browser._values(browser.page.first("form", id="defaults")) | {"reference_template": "nog niet bewaard", "lines_per": "user"}
    browser.post("/settings/wefact/lists", values, htmx=True)
    assert browser.status == 200
    assert browser.page.first("input", name="reference_template")["value"] == "nog niet bewaard"
    assert "11 products fetched." in browser.headers["HX-Trigger"]
    assert connection().reference_template == ""


def test_a_refresh_that_fails_says_why(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    wefact.switches.key_revoked = True
    browser.submit("Refresh list")
    assert "The products could not be fetched: The key was refused." in alert(browser)
    assert connection().state == "failing"
    assert db.session.query(AccountingItem).filter_by(active=True).count() == 11


def test_two_people_do_not_overwrite_each_other(app: Flask, browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    other = Browser(app).sign_in(builders.user(password=builders.PASSWORD, language="en"), builders.PASSWORD)
    other.open("/settings/wefact")
    other.submit("Save", Lines_per="day")
    browser.submit("Save", Lines_per="user")
    assert browser.status == 409
    assert "somebody else changed this connection meanwhile" in alert(browser)
    assert connection().lines_per == "day"
    browser.submit("Save")
    assert connection().lines_per == "user"


# --- Disconnect -------------------------------------------------------------------------------------------------------------------


def test_disconnect_asks_first_and_keeps_links(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    item = db.session.query(AccountingItem).filter_by(code="P0100").one()
    db.session.add(ItemLink(connection_id=item.connection_id, local_type="activity", local_id=builders.activity().id, item_id=item.id))
    db.session.commit()
    browser.submit("Disconnect")
    assert browser.path.startswith("/settings/wefact/disconnect")
    assert connection().state == "connected"
    browser.submit("Disconnect")
    row = connection()
    assert (row.state, row.secret_sealed, row.secret_hint) == ("off", None, "")
    assert db.session.query(ItemLink).count() == 1
    assert db.session.query(AccountingItem).count() == 11
    assert db.session.query(AuditEvent).filter_by(action="connection_disconnected").count() == 1
    assert "Activate" in browser.page.first("section", aria_labelledby="tile-wefact").text


def test_the_pages_cost_few_queries(app: Flask, browser: Browser, wefact: Sandbox) -> None:
    from sqlalchemy import event

    connect(browser)
    for path in ("/settings/integrations", "/settings/wefact"):
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any, found: list[str] = statements) -> None:
            found.append(statement)

        event.listen(db.engine, "before_cursor_execute", note)
        browser.open(path)
        event.remove(db.engine, "before_cursor_execute", note)
        assert len([one for one in statements if one.startswith("SELECT")]) <= 10, path
        assert len(browser.html) < 60_000


def test_hostile_names_from_the_package_stay_text(browser: Browser, wefact: Sandbox) -> None:
    connect(browser)
    row = connection()
    names = ("<script>alert(1)</script>", "=1+1", "\u202eomgekeerd", "x" * 300)
    for place, name in enumerate(names):
        db.session.add(AccountingItem(connection_id=row.id, remote_id=f"9{place}", code=f"H{place}", name=name))
    db.session.add(TaxCode(connection_id=row.id, code='"><b>', name="<img src=x>", percentage_bp=600))
    row.problem, row.problem_params, row.problem_at = "rejected", {"detail": "<script>alert(2)</script>"}, builders.NOW
    db.session.commit()
    browser.open("/settings/wefact")
    assert browser.status == 200
    assert "<script>alert" not in browser.html
    assert "<img src" not in browser.html
    assert "H0 <script>alert(1)</script>" in [option.text for option in browser.page.first("select", name="default_item").all("option")]


def test_the_doctor_warns_when_searching_does_not_work(app: Flask) -> None:
    from blueprints.settings import connection_queries
    from connectors.records import CheckStep

    with app.test_request_context():
        found = connection_queries.doctor((CheckStep("read", "ok", params={"tax_codes": 4, "search": "failed"}),), "api.example")
        moved = connection_queries.doctor((CheckStep("api_on", "ok", params={"url": "https://my.example/Pro"}),), "my.example")
        inside = CheckStep("address_allowed", "failed", "access_refused", "secret words of a page inside", {"http_status": 403})
        said = CheckStep("address_allowed", "failed", "access_refused", "API staat uit")
        assert (found[-1].colour, "a person will have to look" in found[-1].text) == ("warn", True)
        assert moved[4].text == "Found at https://my.example/Pro, and saved as the URL."
        assert "secret words" not in connection_queries.failed_sentence(inside)
        assert connection_queries.failed_sentence(said).endswith("It said: “API staat uit”.")
