"""Looking up customers without a link: the exact number is a link, a likeness a question, and everything else is missing there."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask

import builders
from connectors.errors import AccessRefused, NotProcessed, Rejected, Unavailable
from fakes import Clock
from import_stage import Package, Stage, record
from models import AuditEvent, Customer, CustomerMatch, ExternalLink, db
from transfers import customers


@pytest.fixture
def stage(app: Flask, clock: Clock) -> Stage:
    return Stage(app, clock, Package()).connect()


def look_up(stage: Stage, *wanted: Customer) -> int:
    asked = customers.request_lookups(stage.connection.id, [one.id for one in wanted], stage.clock())
    while customers.look_up_one(stage.context()):
        pass
    return asked


def match(customer: Customer) -> CustomerMatch:
    db.session.rollback()
    return db.session.query(CustomerMatch).filter_by(customer_id=customer.id).populate_existing().one()


def link(stage: Stage, customer: Customer, remote_id: str, name: str = "") -> ExternalLink:
    row = ExternalLink(
        connection_id=stage.connection.id,
        local_type="customer",
        local_id=customer.id,
        external_id=remote_id,
        external_code=customer.number,
        external_name=name or customer.name,
        linked_at=stage.clock(),
    )
    db.session.add(row)
    db.session.commit()
    return row


def test_the_exact_number_is_linked_at_once(stage: Stage) -> None:
    here = builders.customer("K1", "Jansen")
    stage.package.found = {"K1": record("k1", "Jansen Bouw B.V.", remote_id="81")}
    assert look_up(stage, here) == 1
    made = db.session.query(ExternalLink).one()
    assert (made.local_id, made.external_id, made.external_code, made.external_name) == (here.id, "81", "k1", "Jansen Bouw B.V.")
    assert not made.name_accepted
    assert db.session.query(CustomerMatch).count() == 0
    assert customers.request_lookups(stage.connection.id, [here.id], stage.clock()) == 0


def test_without_a_likeness_it_is_missing(stage: Stage) -> None:
    here = builders.customer("K1", "Jansen")
    look_up(stage, here)
    assert (match(here).state, match(here).candidates, match(here).looked_at) == ("missing", [], stage.clock())
    assert stage.package.looked == ["K1"]


def test_without_a_number_nothing_is_found_by_number(stage: Stage) -> None:
    here = builders.customer("", "Jansen")
    look_up(stage, here)
    assert (match(here).state, stage.package.looked) == ("missing", [])


@pytest.mark.parametrize(
    ("by", "ours", "theirs"),
    [
        ("vat_number", {"vat_number": "NL-1234.56789.B01"}, {"vat_number": "nl123456789b01"}),
        ("coc_number", {"coc_number": "69 00 00 01"}, {"coc_number": "69000001"}),
        ("email", {"email": "Info@Klant.example"}, {"email": "info@klant.example"}),
        ("name", {"name": "Jansen Bouw"}, {"name": "JANSEN-BOUW B.V."}),
    ],
)
def test_ac_a_record_that_looks_alike_is_a_question(stage: Stage, by: str, ours: dict[str, str], theirs: dict[str, str]) -> None:
    here = builders.customer("K1", **{"name": "Wij hier"} | ours)
    stage.package.found = {"alike": [record("DB7", **{"name": "Zij daar", "remote_id": "87"} | theirs), record("DB8", "Wij hierna")]}
    look_up(stage, here)
    assert match(here).state == "question"
    assert [(one["remote_id"], one["number"], one["by"], one["linked_to"]) for one in match(here).candidates] == [("87", "DB7", by, "")]


def test_ac_a_customer_of_ours_that_is_linked_and_looks_alike_is_a_question_too(stage: Stage) -> None:
    twin = builders.customer("K9", "Jansen Bouw", vat_number="NL123456789B01")
    link(stage, twin, "89", "Jansen Bouw B.V.")
    here = builders.customer("K1", "Jansen", vat_number="NL123456789B01")
    look_up(stage, here)
    assert [(one["remote_id"], one["name"], one["linked_to"]) for one in match(here).candidates] == [
        ("89", "Jansen Bouw B.V.", "Jansen Bouw")
    ]
    with pytest.raises(customers.LinkTaken):
        customers.decide(stage.connection.id, here.id, "link", None, stage.clock(), remote_id="89")
    assert match(here).state == "question"


def test_a_decision_to_link_makes_the_link_and_takes_the_number(stage: Stage) -> None:
    ans = builders.user(name="Ans")
    here = builders.customer("", "Jansen Bouw")
    stage.package.found = {"alike": [record("DB7", "Jansen Bouw B.V.", remote_id="87")]}
    look_up(stage, here)
    customers.decide(stage.connection.id, here.id, "link", ans, stage.clock(), remote_id="87")
    made = db.session.query(ExternalLink).one()
    assert (made.local_id, made.external_id, made.external_name, made.name_accepted) == (here.id, "87", "Jansen Bouw B.V.", True)
    assert db.session.query(CustomerMatch).count() == 0
    assert db.session.get_one(Customer, here.id, populate_existing=True).number == "DB7"
    assert db.session.query(AuditEvent).filter_by(action="customer_linked", object_id=here.id).count() == 1


def test_our_number_stays_empty_when_it_is_not_to_be_written_back_or_taken(stage: Stage) -> None:
    builders.customer("db7", "Een ander")
    here = builders.customer("", "Jansen Bouw")
    stage.package.found = {"alike": [record("DB7", "Jansen Bouw B.V.", remote_id="87")]}
    look_up(stage, here)
    customers.decide(stage.connection.id, here.id, "link", None, stage.clock(), remote_id="87")
    assert db.session.get_one(Customer, here.id, populate_existing=True).number == ""
    stage.connection.write_number_back = False
    other = builders.customer("", "Pieters")
    customers.link_created(other.id, stage.connection.id, record("DB8", remote_id="88"), stage.clock())
    db.session.commit()
    assert db.session.get_one(Customer, other.id, populate_existing=True).number == ""


def test_a_decision_to_create_stands_until_the_number_changes(stage: Stage) -> None:
    here = builders.customer("K1", "Jansen Bouw")
    stage.package.found = {"alike": [record("DB7", "Jansen Bouw B.V.")]}
    look_up(stage, here)
    customers.decide(stage.connection.id, here.id, "create", None, stage.clock())
    stage.clock.forward(days=2)
    assert look_up(stage, here) == 0
    assert (match(here).state, match(here).choice) == ("question", "create")
    here = db.session.get_one(Customer, here.id)
    here.number, here.number_key = "K2", "k2"
    db.session.commit()
    assert look_up(stage, here) == 1
    assert (match(here).choice, match(here).number_key) == ("", "k2")


@pytest.mark.parametrize(("choice", "remote_id"), [("link", "666"), ("delete", "87"), ("link", "")])
def test_s36_only_what_was_asked_can_be_answered(stage: Stage, choice: str, remote_id: str) -> None:
    here = builders.customer("K1", "Jansen Bouw")
    stage.package.found = {"alike": [record("DB7", "Jansen Bouw B.V.", remote_id="87")]}
    look_up(stage, here)
    with pytest.raises(customers.NotACandidate):
        customers.decide(stage.connection.id, here.id, choice, None, stage.clock(), remote_id=remote_id)
    with pytest.raises(customers.NotACandidate):
        customers.decide(stage.connection.id, builders.customer().id, "create", None, stage.clock())


def test_a_young_answer_is_left_alone_and_an_old_one_is_looked_up_again(stage: Stage) -> None:
    here = builders.customer("K1", "Jansen")
    look_up(stage, here)
    stage.clock.forward(minutes=9)
    assert look_up(stage, here) == 0
    stage.clock.forward(minutes=2)
    assert look_up(stage, here) == 1
    assert stage.package.looked == ["K1", "K1"]


def test_a_record_of_another_customer_here_is_no_link(stage: Stage) -> None:
    link(stage, builders.customer("K9", "Een ander"), "81")
    here = builders.customer("K1", "Jansen")
    stage.package.found = {"K1": record("K1", "Jansen", remote_id="81")}
    look_up(stage, here)
    assert (match(here).state, match(here).reason, match(here).reason_params["name"]) == ("failed", "linked_to_other", "Een ander")


def test_r19_the_budget_lets_it_wait(stage: Stage, clock: Clock) -> None:
    here = builders.customer("K1", "Jansen")
    stage.package.found = {"K1": NotProcessed("budget", retry_after=30)}
    look_up(stage, here)
    assert (match(here).state, match(here).lease_until_at) == ("looking", clock() + timedelta(seconds=30))
    stage.package.found = {}
    clock.forward(seconds=30)
    assert customers.look_up_one(stage.context())
    assert match(here).state == "missing"


def test_r33_a_search_that_fails_proves_nothing(stage: Stage, clock: Clock) -> None:
    here = builders.customer("K1", "Jansen")
    for found in ({"K1": Unavailable("read_timeout")}, {"alike": Unavailable("not_json")}):
        stage.package.found = found
        look_up(stage, here)
        assert (match(here).state, match(here).reason) == ("failed", next(iter(found.values())).reason)
        assert look_up(stage, here) == 0
        clock.forward(minutes=2)


def test_r24_a_package_that_cannot_search_so_leaves_our_own_customers_to_compare(stage: Stage) -> None:
    link(stage, builders.customer("K9", "Jansen Bouw"), "89")
    alike, alone = builders.customer("K1", "Jansen Bouw B.V."), builders.customer("K2", "Pieters")
    stage.package.found = {"alike": Rejected("rejected", "Ongeldig zoekveld")}
    look_up(stage, alike, alone)
    assert (match(alike).state, match(alone).state) == ("question", "missing")


def test_r22_a_refusal_stops_the_connection(stage: Stage) -> None:
    here = builders.customer("K1", "Jansen")
    stage.package.found = {"K1": AccessRefused("key_refused")}
    look_up(stage, here)
    assert (match(here).state, stage.connection.state) == ("failed", "failing")


def test_e01_killed_while_looking_somebody_else_looks_after_the_lease(stage: Stage, clock: Clock) -> None:
    class Killed(BaseException):
        pass

    here = builders.customer("K1", "Jansen")
    customers.request_lookups(stage.connection.id, [here.id], clock())
    stage.package.look_alikes = lambda wanted: (_ for _ in ()).throw(Killed)  # type: ignore[method-assign]
    with pytest.raises(Killed):
        customers.look_up_one(stage.context())
    del stage.package.look_alikes
    assert not customers.look_up_one(stage.context("worker-2"))
    clock.forward(minutes=10)
    assert customers.look_up_one(stage.context("worker-2"))
    assert match(here).state == "missing"


def test_many_at_once_are_asked_in_a_few_statements(stage: Stage) -> None:
    ids = [builders.customer().id for _ in range(30)]
    assert customers.request_lookups(stage.connection.id, [*ids, *ids, 999_999], stage.clock()) == 30
    assert customers.request_lookups(stage.connection.id, ids, stage.clock()) == 30
    assert db.session.query(CustomerMatch).count() == 30


@pytest.mark.parametrize(
    ("numbers", "proposed"),
    [
        ([], "1001"),
        (["K-0419", "K-0420"], "K-0421"),
        (["DB10001", "DB9"], "DB10002"),
        (["1001", "1002", "x"], "1003"),
        (["K9"], "K10"),
        (["K998", "K999", "k1000"], "K1001"),
        (["Jansen"], "1001"),
        (["AB1", "AB2", "C900"], "AB3"),
        (["K1", "KX7", "K2"], "K3"),
    ],
)
def test_the_next_free_number_follows_the_others(stage: Stage, numbers: list[str], proposed: str) -> None:
    for number in numbers:
        builders.customer(number)
    assert customers.propose_number() == proposed
