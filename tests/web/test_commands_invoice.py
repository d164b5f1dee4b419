"""`flask invoice`: the month's end in one command."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from click.testing import Result

import builders
from models import Batch, BillingLink, Customer, CustomerMatch, Transfer, db
from transfers import worker
from world import World


@pytest.fixture
def called(world: World) -> Any:
    """Runs `flask invoice …` with the settings of the stand-in server."""
    before = world.app.extensions["settings"]
    world.app.extensions["settings"] = replace(before, wefact_url=world.server.url, outbound_allow=world.context.settings.outbound_allow)

    def call(*arguments: str) -> Result:
        db.session.rollback()
        result = world.app.test_cli_runner().invoke(args=["invoice", *arguments])
        db.session.rollback()
        return result

    yield call
    world.app.extensions["settings"] = before


def _entry(world: World, customer: Customer | None = None, minutes: int = 60, **values: Any) -> int:
    return builders.entry(builders.project(customer or world.linked_customer()), world.user, minutes=minutes, **values).id


def _lines(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_it_queues_everything_unbilled_and_sends_nothing(world: World, called: Any) -> None:
    _entry(world)
    builders.expense(builders.project(world.linked_customer("DB10031")), world.user)
    _entry(world, db.session.query(Customer).first(), date=date(2026, 11, 21))
    result = called("wefact")
    assert result.exit_code == 0, result.output
    first, second = sorted(_lines(result), key=lambda line: line["customer"])
    transfer = db.session.get_one(Transfer, first["transfer"])
    assert first == {
        "customer": "DB10012",
        "name": transfer.customer.name,
        "transfer": transfer.id,
        "outcome": "queued",
        "reason": "",
        "remote_number": "",
        "net": "95.00",
        "vat": "19.95",
        "gross": "114.95",
        "currency": "EUR",
        "rows": 1,
    }
    assert (second["customer"], second["gross"]) == ("DB10031", "30.25")
    assert len(world.server.books.invoices) == 0
    assert (transfer.requested_by_id, transfer.send) == (None, False)
    assert db.session.query(Batch).one().source == "command"
    world.work()
    assert len(world.server.books.invoices) == 2


def test_a_second_run_has_nothing_left_and_prints_nothing(world: World, called: Any) -> None:
    _entry(world)
    called("wefact")
    again = called("wefact")
    assert (again.exit_code, again.stdout) == (0, "")
    assert db.session.query(Transfer).count() == 1


def test_until_customer_hours_and_send_say_what_is_meant(world: World, called: Any) -> None:
    first, second = world.linked_customer(), world.linked_customer("DB10031")
    early, late = _entry(world, first, date=date(2026, 11, 2)), _entry(world, first, minutes=30)
    other = _entry(world, second)
    assert [line["rows"] for line in _lines(called("wefact", "--until", "05-11-2026", "--preview"))] == [1]
    assert [line["customer"] for line in _lines(called("wefact", "--customer", " db10031 ", "--preview"))] == ["DB10031"]
    [line] = _lines(called("wefact", "--hours", f"{late}, {early}", "--send"))
    assert (line["rows"], line["net"]) == (2, "142.50")
    assert db.session.query(Transfer).one().send is True
    assert sorted(db.session.scalars(db.select(BillingLink.source_id))) == sorted([early, late])
    assert other not in db.session.scalars(db.select(BillingLink.source_id)).all()


def test_preview_writes_no_transfer_and_has_none_in_its_lines(world: World, called: Any) -> None:
    _entry(world)
    result = called("wefact", "--preview")
    [line] = _lines(result)
    assert result.exit_code == 0
    assert "transfer" not in line
    assert (line["outcome"], line["gross"]) == ("queued", "114.95")
    assert db.session.query(Transfer).count() == db.session.query(Batch).count() == 0


def test_a_customer_without_a_link_is_looked_up_first(world: World, called: Any) -> None:
    known = builders.customer("DB10031", "Gemeente Houten")
    fresh = builders.customer("N-77", "Nieuwe Klant B.V.", email="info@nieuw.example")
    _entry(world, known)
    _entry(world, fresh)
    result = called("wefact")
    assert result.exit_code in (0, 1), result.output
    outcomes = {line["customer"]: line["outcome"] for line in _lines(result)}
    assert outcomes["N-77"] == "queued"
    assert not world.server.books.calls("debtor/add"), "looking is all it does itself"
    world.work()
    assert db.session.query(Transfer).filter_by(kind="customer").one().state == "done"


def test_an_unanswered_question_leaves_that_customer_out_as_attention(world: World, called: Any) -> None:
    asked = builders.customer("N-1", "Jansen")
    match = CustomerMatch(connection_id=world.connection.id, customer_id=asked.id, state="question", number_key="n-1", candidates=[])
    match.looked_at = world.clock()
    db.session.add(match)
    db.session.commit()
    _entry(world, asked)
    only = called("wefact")
    [line] = _lines(only)
    assert (only.exit_code, line["outcome"], line["reason"], line["transfer"]) == (1, "attention", "match_question", None)
    _entry(world)
    result = called("wefact")
    assert result.exit_code == 1
    assert {line["customer"]: line["outcome"] for line in _lines(result)} == {"DB10012": "queued", "N-1": "attention"}


def test_hours_that_cannot_be_billed_are_skipped_with_the_reason(world: World, called: Any) -> None:
    fine, rateless = _entry(world), _entry(world, world.linked_customer("DB10031"), rate_e4=None)
    result = called("wefact", "--hours", f"{fine},{rateless}")
    assert result.exit_code == 1
    assert [(line["customer"], line["outcome"], line["reason"], line["rows"]) for line in _lines(result)] == [
        ("DB10012", "queued", "", 1),
        ("DB10031", "skipped", "no_rate", 1),
    ]


def test_wait_follows_the_worker_until_all_is_at_rest(world: World, called: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _entry(world)
    real = worker.new_context

    def with_a_worker(settings: Any, pause: Any, clock: Any) -> Any:
        def pause_while_it_works(_seconds: float) -> None:
            worker.work(world.context)

        return real(settings, pause_while_it_works, clock)

    monkeypatch.setattr(worker, "new_context", with_a_worker)
    result = called("wefact", "--wait", "30")
    [line] = _lines(result)
    assert (result.exit_code, line["outcome"], line["remote_number"]) == (0, "done", "[concept]0001")


def test_what_is_refused_while_it_waits_asks_for_somebody(world: World, called: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _entry(world)
    world.server.switches.fail("invoice/add", "refuse", text="nee")
    real = worker.new_context
    monkeypatch.setattr(
        worker, "new_context", lambda settings, pause, clock: real(settings, lambda _seconds: worker.work(world.context) and None, clock)
    )
    result = called("wefact", "--wait", "30")
    assert (result.exit_code, _lines(result)[0]["outcome"], _lines(result)[0]["reason"]) == (1, "rejected", "rejected")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["wefact", "--customer", "BESTAAT-NIET"], 2, "There is no customer with number BESTAAT-NIET."),
        (["wefact", "--customer", ""], 2, "There is no customer with number"),
        (["wefact", "--hours", "999999"], 2, "There are no hours with id 999999."),
        (["wefact", "--hours", "1;2"], 2, "--hours wants ids"),
        (["wefact", "--hours", "1", "--customer", "DB10012"], 2, "leave --customer out"),
        (["wefact", "--until", "31-31-2026"], 2, "is not a date"),
        (["exact"], 2, "'exact' is not one of"),
        (["afas"], 1, "arrives with a later version"),
        (["hostfact"], 1, "HostFact is not connected"),
    ],
)
def test_wrong_use_and_what_cannot_be_done_say_so_and_do_nothing(
    world: World, called: Any, arguments: list[str], status: int, said: str
) -> None:
    _entry(world)
    result = called(*arguments)
    assert (result.exit_code, result.stdout) == (status, "")
    assert said in result.stderr
    assert db.session.query(Transfer).count() == 0


def test_names_stay_one_line_of_json(world: World, called: Any) -> None:
    customer = world.linked_customer()
    customer.name = "Regel\n<script>\u2028“x”"
    db.session.commit()
    _entry(world, customer)
    result = called("wefact", "--preview")
    assert len(result.stdout.splitlines()) == 1
    assert json.loads(result.stdout)["name"] == customer.name
