"""`flask connections set` and `list`: the settings page for scripts."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import Result
from flask import Flask

from fakes import Clock
from models import AccountingItem, AuditEvent, RemoteCall, db
from sandbox.wefact.server import Sandbox, running
from transfers import connections, trial

KEY = "canary-9f31c6b7aa21-4f2a"
Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    monkeypatch.setattr(trial, "sleep", lambda seconds: clock.forward(seconds=seconds))


@pytest.fixture
def wefact(app: Flask) -> Iterator[Sandbox]:
    before = app.extensions["settings"]
    with running("wefact", api_key=KEY) as server:
        app.extensions["settings"] = dataclasses.replace(before, wefact_url=server.url)
        yield server
    app.extensions["settings"] = before


@pytest.fixture
def hostfact(app: Flask) -> Iterator[Sandbox]:
    before = app.extensions["settings"]
    with running("hostfact", api_key=KEY) as server:
        app.extensions["settings"] = dataclasses.replace(before, outbound_allow=("127.0.0.1",))
        yield server
    app.extensions["settings"] = before


@pytest.fixture
def run(app: Flask) -> Run:
    def set_connection(vendor: str, values: Any) -> Result:
        text = values if isinstance(values, str) else json.dumps(values)
        db.session.rollback()
        return app.test_cli_runner().invoke(args=["connections", "set", vendor, "--json-stdin"], input=text)

    return set_connection


def connection(vendor: str = "wefact") -> Any:
    db.session.expire_all()
    return connections.by_vendor(vendor)


def test_it_tests_and_saves_like_the_page(run: Run, wefact: Sandbox) -> None:
    result = run("wefact", {"api_key": KEY, "default_product": "P0100", "nightly": True})
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    row = connection()
    assert (row.state, row.secret_hint, row.nightly) == ("connected", "4f2a", True)
    assert db.session.get_one(AccountingItem, row.default_item_id).code == "P0100"
    event = db.session.query(AuditEvent).one()
    assert (event.action, event.user_id) == ("connection_tested", None)


def test_what_is_left_out_stays(run: Run, wefact: Sandbox) -> None:
    run("wefact", {"api_key": KEY, "default_product": "P0100", "nightly": True})
    result = run("wefact", {"nightly": False})
    assert result.exit_code == 0
    row = connection()
    assert (row.nightly, db.session.get_one(AccountingItem, row.default_item_id).code) == (False, "P0100")


def test_a_failed_test_saves_nothing(run: Run, wefact: Sandbox) -> None:
    result = run("wefact", {"api_key": "niet-de-sleutel-0000", "nightly": True})
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: The key was refused.")
    assert len(result.stderr.splitlines()) == 1
    row = connection()
    assert (row.state, row.secret_sealed, row.nightly) == ("off", None, False)


@pytest.mark.parametrize(("product", "sentence"), [("P9999", "There is no product P9999"), ("P0900", "P0900 is sold per period")])
def test_a_product_that_cannot_be_used_saves_nothing(run: Run, wefact: Sandbox, product: str, sentence: str) -> None:
    result = run("wefact", {"api_key": KEY, "default_product": product})
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert connection().secret_sealed is None
    assert db.session.query(AccountingItem).count() == 0


def test_products_that_cannot_be_fetched(run: Run, wefact: Sandbox) -> None:
    wefact.switches.fail("product/list", "refuse", text="Geen toegang tot producten")
    result = run("wefact", {"api_key": KEY, "default_product": "P0100"})
    assert result.exit_code == 1
    assert "Geen toegang tot producten" in result.stderr
    assert connection().secret_sealed is None
    wefact.switches.fail("product/list", "refuse", text="Geen toegang tot producten")
    assert run("wefact", {"api_key": KEY}).exit_code == 0
    assert (connection().state, connection().items_fetched_at) == ("connected", None)


@pytest.mark.parametrize(
    "values",
    [
        {"api_key": KEY, "url": "https://x.example"},
        {"api_key": KEY, "sleutel": "x"},
        {"api_key": 7},
        {"api_key": KEY, "nightly": "yes"},
        ["api_key"],
        "geen json",
        "",
    ],
)
def test_wrong_use_is_exit_2_and_calls_nobody(run: Run, wefact: Sandbox, values: Any) -> None:
    result = run("wefact", values)
    assert result.exit_code == 2
    assert KEY not in result.output
    assert db.session.query(RemoteCall).count() == 0


def test_without_a_key_it_asks_for_one(run: Run, wefact: Sandbox) -> None:
    result = run("wefact", {})
    assert (result.exit_code, result.stderr) == (1, "Error: There is no key yet: give api_key.\n")


def test_hostfact_takes_a_url_in_any_form(run: Run, hostfact: Sandbox) -> None:
    assert "Fill in the URL" in run("hostfact", {"api_key": KEY}).stderr
    assert run("hostfact", {"api_key": KEY, "url": hostfact.url}).exit_code == 0
    assert connection("hostfact").url == hostfact.base_url
    assert run("hostfact", {"default_product": "P0100"}).exit_code == 0
    moved = run("hostfact", {"url": "https://elders.example/pro"})
    assert (moved.exit_code, connection("hostfact").url) == (1, hostfact.base_url)


def test_afas_comes_later(run: Run) -> None:
    result = run("afas", {"participant": "12345", "token": "x"})
    assert result.exit_code == 1
    assert "arrives with a later version" in result.stderr


def test_the_list_shows_no_secret(app: Flask, run: Run, wefact: Sandbox) -> None:
    run("wefact", {"api_key": KEY, "default_product": "P0100"})
    result = app.test_cli_runner().invoke(args=["connections", "list"])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["connection"] for line in lines] == ["wefact", "hostfact", "afas"]
    assert (lines[0]["state"], lines[0]["default_product"], lines[0]["has_key"]) == ("connected", "P0100", True)
    assert "4f2a" not in result.stdout
