"""`flask customers import`, against the stand-in server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import Result
from flask import Flask

from fakes import Clock
from models import Customer, ImportRun, RemoteCall, db
from sandbox.wefact.seeds import seed_many
from sandbox.wefact.server import DEMO_KEY, Sandbox, running
from transfers import connections


@pytest.fixture
def server(app: Flask, clock: Clock) -> Iterator[Sandbox]:
    with running("wefact", seed="empty", clock=clock) as sandbox:
        before = app.extensions["settings"]
        app.extensions["settings"] = replace(before, wefact_url=sandbox.url)
        connection = connections.by_vendor("wefact")
        connection.state, connection.secret_sealed = "connected", connections.seal(before, DEMO_KEY)
        db.session.commit()
        yield sandbox
        app.extensions["settings"] = before


def call(app: Flask, *arguments: str) -> Result:
    db.session.rollback()
    result = app.test_cli_runner().invoke(args=["customers", "import", *arguments])
    db.session.rollback()
    return result


def test_ten_thousand_debtors_are_ten_list_calls_and_no_show(app: Flask, server: Sandbox) -> None:
    seed_many(server.books, 10_000)
    result = call(app, "wefact", "--full")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "created": 10_000,
        "updated": 0,
        "unchanged": 0,
        "conflicts": 0,
        "skipped": 0,
        "failed": 0,
        "calls": 10,
    }
    assert set(db.session.scalars(db.select(RemoteCall.operation))) == {"debtor/list"}
    again = json.loads(call(app, "wefact", "--full").stdout)
    assert (again["unchanged"], again["created"], again["updated"], again["calls"]) == (10_000, 0, 0, 10)


def test_the_second_time_only_what_changed_is_read(app: Flask, server: Sandbox, clock: Clock) -> None:
    seed_many(server.books, 20)
    call(app, "wefact")
    clock.forward(days=1)
    debtor = next(iter(server.books.debtors))
    server.books.debtors.save(replace(debtor, fields={**debtor.fields, "CompanyName": "Anders B.V."}, modified="2026-11-21 09:30:00"))
    result = json.loads(call(app, "wefact").stdout)
    assert (result["updated"], result["unchanged"], result["calls"]) == (1, 0, 1)


def test_a_dry_run_counts_and_writes_nothing(app: Flask, server: Sandbox) -> None:
    seed_many(server.books, 3)
    result = call(app, "wefact", "--dry-run", "--mode", "new")
    assert (result.exit_code, json.loads(result.stdout)["created"]) == (0, 3)
    assert db.session.query(Customer).count() == 0


def test_a_run_that_fails_says_why_and_ends_with_one(app: Flask, server: Sandbox) -> None:
    server.gate.api_key = "another"
    result = call(app, "wefact")
    assert result.exit_code == 1
    assert "key" in result.stderr.casefold()
    assert db.session.query(ImportRun).one().state == "failed"


def test_a_row_without_a_name_fails_alone_and_the_command_ends_with_one(app: Flask, server: Sandbox) -> None:
    seed_many(server.books, 2)
    debtor = next(iter(server.books.debtors))
    server.books.debtors.save(replace(debtor, fields={**debtor.fields, "CompanyName": "", "Initials": "", "SurName": ""}))
    result = call(app, "wefact")
    assert (result.exit_code, json.loads(result.stdout)["failed"], json.loads(result.stdout)["created"]) == (1, 1, 1)


@pytest.mark.parametrize("vendor", ["hostfact", "afas"])
def test_a_package_that_is_not_connected_is_one_sentence(app: Flask, vendor: str) -> None:
    result = call(app, vendor)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is not connected" in result.stderr


def test_an_unknown_package_or_option_is_wrong_use(app: Flask) -> None:
    assert call(app, "twinfield").exit_code == 2
    assert call(app, "wefact", "--sometimes").exit_code == 2
