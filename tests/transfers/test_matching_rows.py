"""What a row of the list is taken for: new, changed, a question or a failure; and what a person's answer does."""

from __future__ import annotations

import pytest
from flask import Flask

import builders
from fakes import Clock
from import_stage import Package, Stage, counts, record
from models import Customer, ExternalLink, ImportRow, ImportRun, db
from transfers import imports


@pytest.fixture
def stage(app: Flask, clock: Clock) -> Stage:
    return Stage(app, clock, Package()).connect()


def rows(run: ImportRun) -> dict[str, ImportRow]:
    return {row.remote_id: row for row in db.session.query(ImportRow).filter_by(run_id=run.id)}


def customer(number: str) -> Customer:
    db.session.rollback()
    return db.session.query(Customer).filter_by(number=number).one()


def link_of(remote_id: str) -> ExternalLink | None:
    db.session.rollback()
    return db.session.query(ExternalLink).filter_by(external_id=remote_id).one_or_none()


def answer(stage: Stage, run: ImportRun, choices: dict[str, str]) -> ImportRun:
    found = rows(run)
    imports.apply_preview(run.id, {found[remote_id].id: choice for remote_id, choice in choices.items()}, stage.clock())
    while imports.work_one(stage.context()):
        pass
    return stage.look(run.id)


@pytest.mark.parametrize("ours", ["db1", " DB1 ", "Db1"])
def test_d14_the_same_number_is_trimmed_and_without_case(stage: Stage, ours: str) -> None:
    here = builders.customer(ours, "Klant DB1 B.V.")
    stage.package.rows = [record("DB1", remote_id="81")]
    assert counts(stage.run()) == {"updated": 1}
    assert link_of("81").local_id == here.id
    assert db.session.get_one(Customer, here.id).number == ours, "our own spelling stays"
    assert counts(stage.run()) == {"unchanged": 1}


def test_a_first_link_fills_but_never_empties(stage: Stage) -> None:
    here = builders.customer("DB1", "Oud", email="oud@klant.example", phone="030 1")
    stage.package.rows = [record("DB1", "Nieuw", email="", contact_first_name=None)]
    stage.run()
    here = db.session.get_one(Customer, here.id)
    assert (here.name, here.email, here.phone, here.contact_first_name) == ("Nieuw", "oud@klant.example", "030 1", "")


def test_a_customer_is_known_by_its_record_when_its_number_changed(stage: Stage) -> None:
    stage.package.rows = [record("DB1", remote_id="81")]
    stage.run()
    stage.package.rows = [record("DB2", "Klant DB1 B.V.", remote_id="81", email="db1@klant.example")]
    run = stage.run()
    assert rows(run)["81"].changes == {"number": ["DB1", "DB2"]}
    assert customer("DB2").number_key == "db2"
    assert db.session.query(Customer).count() == 1


def test_an_empty_number_here_is_filled_by_the_linked_record(stage: Stage) -> None:
    here = builders.customer("", "Klant DB1 B.V.")
    db.session.add(
        ExternalLink(connection_id=stage.connection.id, local_type="customer", local_id=here.id, external_id="81", linked_at=stage.clock())
    )
    db.session.commit()
    stage.package.rows = [record("DB1", remote_id="81")]
    stage.run()
    assert customer("DB1").id == here.id


def test_the_same_number_twice_in_the_list_is_a_question_for_both(stage: Stage) -> None:
    stage.package.rows = [record("DB1", "Een", remote_id="81"), record("DB2", remote_id="82"), record(" db1", "Twee", remote_id="83")]
    run = stage.run(preview_only=True)
    assert counts(run) == {"created": 1, "conflicts": 2}
    assert {(row.reason, row.reason_params["name"]) for row in rows(run).values() if row.reason} == {
        ("duplicate_number", "Een"),
        ("duplicate_number", "Twee"),
    }
    run = answer(stage, run, {"81": "create", "83": "create"})
    assert counts(run) == {"created": 3}
    db.session.rollback()
    assert sorted((c.name, c.number) for c in db.session.query(Customer)) == [("Een", "DB1"), ("Klant DB2 B.V.", "DB2"), ("Twee", "")]
    assert db.session.query(Customer).filter_by(name="Twee").one().flags == ["number"]
    assert counts(stage.run()) == {"unchanged": 3}


def test_a_duplicate_can_be_linked_with_the_customer_that_has_the_number_but_only_one(stage: Stage) -> None:
    here = builders.customer("DB1", "Wij")
    stage.package.rows = [record("DB1", "Een", remote_id="81"), record("db1", "Twee", remote_id="83")]
    run = stage.run(preview_only=True)
    run = answer(stage, run, {"81": "link", "83": "link"})
    assert counts(run) == {"updated": 1, "conflicts": 1}
    assert sorted(row.reason for row in rows(run).values()) == ["choice_gone", "duplicate_number"]
    assert [link.local_id for link in db.session.query(ExternalLink)] == [here.id]


def test_a_number_that_belongs_to_another_customer_here(stage: Stage) -> None:
    stage.package.rows = [record("DB1", remote_id="81"), record("DB2", remote_id="82")]
    stage.run()
    stage.package.rows = [record("DB2", "Anders", remote_id="81"), record("DB1", remote_id="82")]
    run = stage.run()
    assert counts(run) == {"conflicts": 2}
    assert {row.reason for row in rows(run).values()} == {"number_taken"}
    assert customer("DB1").name == "Klant DB1 B.V."
    run = stage.run(preview_only=True)
    run = answer(stage, run, {"81": "link", "82": "skip"})
    assert counts(run) == {"updated": 1, "skipped": 1}
    assert (customer("DB1").name, link_of("81").local_id) == ("Anders", customer("DB1").id)


def test_the_customer_with_this_number_is_linked_with_another_record(stage: Stage) -> None:
    stage.package.rows = [record("DB1", remote_id="81")]
    stage.run()
    stage.package.rows = [record("DB1", "Opnieuw gemaakt", remote_id="99")]
    run = stage.run(full=False, preview_only=True)
    assert rows(run)["99"].reason == "number_linked"
    run = answer(stage, run, {"99": "link"})
    assert counts(run) == {"updated": 1}
    assert (link_of("81"), link_of("99").local_id, customer("DB1").name) == (None, customer("DB1").id, "Opnieuw gemaakt")


@pytest.mark.parametrize(
    ("reason", "ours"),
    [
        ("alike_name", {"name": "klant db1"}),
        ("alike_email", {"name": "Anders", "email": "DB1@klant.example"}),
        ("alike_vat_number", {"name": "Anders", "vat_number": "NL 0000.00000 B01"}),
        ("alike_coc_number", {"name": "Anders", "coc_number": "6900 0001"}),
    ],
)
def test_a_customer_without_a_number_that_looks_alike_is_a_question(stage: Stage, reason: str, ours: dict[str, str]) -> None:
    here = builders.customer("", **ours)
    stage.package.rows = [record("DB1", remote_id="81", vat_number="NL000000000B01", coc_number="69000001")]
    run = stage.run(preview_only=True)
    row = rows(run)["81"]
    assert (row.action, row.reason, row.customer_id, row.reason_params["choices"]) == (
        "conflict",
        reason,
        here.id,
        ["link", "create", "skip"],
    )
    run = answer(stage, run, {"81": "link"})
    assert customer("DB1").id == here.id
    assert counts(stage.run()) == {"unchanged": 1}


def test_a_customer_with_another_number_that_looks_alike_is_no_question(stage: Stage) -> None:
    builders.customer("K9", "Klant DB1 B.V.")
    stage.package.rows = [record("DB1")]
    assert counts(stage.run()) == {"created": 1}


def test_a_record_without_a_number_is_compared_with_everybody_who_has_no_link(stage: Stage) -> None:
    builders.customer("K9", "Naamloos B.V.", email="ander@klant.example")
    stage.package.rows = [record("", "Naamloos", remote_id="81"), record("", "Heel iemand anders", remote_id="82", email="")]
    run = stage.run(preview_only=True)
    assert counts(run) == {"created": 1, "conflicts": 1}
    answer(stage, run, {"81": "link"})
    assert (customer("K9").id, customer("K9").name) == (link_of("81").local_id, "Naamloos")
    assert db.session.query(Customer).filter_by(name="Heel iemand anders").one().number == ""


@pytest.mark.parametrize("number", ["X" * 51, "A|B", "K[1]", "ß" * 50])
def test_d07_an_odd_number_is_a_question(stage: Stage, number: str) -> None:
    stage.package.rows = [record(number, "Vreemd", remote_id="81", email="")]
    run = stage.run(preview_only=True)
    assert rows(run)["81"].reason == "odd_number"
    answer(stage, run, {"81": "create"})
    db.session.rollback()
    made = db.session.query(Customer).one()
    assert (made.name, made.number, made.number_key, made.flags) == ("Vreemd", "", "", ["number"])
    assert counts(stage.run()) == {"unchanged": 1}


def test_d08_what_does_not_check_is_kept_and_flagged(stage: Stage) -> None:
    stage.package.rows = [
        record(
            "DB1",
            "n" * 10_000,
            email="geen adres",
            vat_number="NL123",
            postal_code="12",
            country="Nederland",
            phone="0" * 99,
            payment_term_days=10**9,
        )
    ]
    stage.run()
    made = customer("DB1")
    assert (made.email, made.vat_number, made.postal_code, made.country, made.payment_term_days) == (
        "geen adres",
        "NL123",
        "12",
        "NL",
        None,
    )
    assert (len(made.name), len(made.phone)) == (300, 40)
    assert made.flags == ["country", "email", "name", "payment_term_days", "phone", "postal_code", "vat_number"]
    assert counts(stage.run()) == {"unchanged": 1}


def test_a_value_that_is_right_again_loses_its_flag(stage: Stage) -> None:
    stage.package.rows = [record("DB1", remote_id="81", email="geen adres")]
    stage.run()
    customer("DB1").flags = ["email", "vat_number"]
    db.session.commit()
    stage.package.rows = [record("DB1", remote_id="81", email="wel@klant.example")]
    stage.run()
    assert customer("DB1").flags == ["vat_number"]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "=1+1", "a\x00b\x07c", "\u202eomgekeerd", "regel\r\neinde", "\ud800half"])
def test_d08_hostile_names_stay_text(stage: Stage, name: str) -> None:
    stage.package.rows = [record("DB1", name)]
    stage.run()
    wanted = {"a\x00b\x07c": "abc", "regel\r\neinde": "regel einde", "\ud800half": "half"}.get(name, name)
    assert customer("DB1").name == wanted
    assert counts(stage.run()) == {"unchanged": 1}


def test_a_row_without_a_name_fails_and_keeps_what_it_told(stage: Stage) -> None:
    stage.package.rows = [record("DB1", " ", remote_id="81"), record("DB2")]
    run = stage.run()
    assert counts(run) == {"created": 1, "failed": 1}
    row = rows(run)["81"]
    assert (row.reason, row.values["number"], row.values["email"]) == ("no_name", "DB1", "db1@klant.example")


def test_a_choice_whose_customer_is_gone_is_a_question_again(stage: Stage) -> None:
    here = builders.customer("", "Klant DB1")
    stage.package.rows = [record("DB1", remote_id="81")]
    run = stage.run(preview_only=True)
    db.session.delete(db.session.get_one(Customer, here.id))
    db.session.commit()
    run = answer(stage, run, {"81": "link"})
    assert counts(run) == {"conflicts": 1}
    assert rows(run)["81"].reason == "choice_gone"


def test_a_link_whose_customer_was_deleted_leads_to_a_new_one(stage: Stage) -> None:
    stage.package.rows = [record("DB1", remote_id="81")]
    stage.run()
    db.session.delete(customer("DB1"))
    db.session.commit()
    assert counts(stage.run()) == {"created": 1}
    assert link_of("81").local_id == customer("DB1").id


def test_one_row_that_the_database_refuses_does_not_stop_the_others(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from transfers import import_apply

    real = import_apply._new_customer

    def spoiled(told, now, **options):  # type: ignore[no-untyped-def]
        columns = real(told, now, **options)
        return columns | {"number_key": "db1"} if told.number == "DB3" else columns

    monkeypatch.setattr(import_apply, "_new_customer", spoiled)
    stage.package.rows = [record(f"DB{n}", remote_id=f"8{n}") for n in range(1, 6)]
    run = stage.run()
    assert counts(run) == {"created": 4, "failed": 1}
    assert (rows(run)["83"].action, rows(run)["83"].reason) == ("failed", "not_saved")
