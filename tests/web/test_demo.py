"""The demo company: complete, the same every time, nobody's real data, and away again without a trace of its processes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from flask import Flask
from sqlalchemy import func, select

from app import create_app
from blueprints import rights
from models import (
    BillingLink,
    Customer,
    Expense,
    Invoice,
    Organisation,
    Project,
    Receipt,
    TimeEntry,
    Transfer,
    Trip,
    User,
    db,
)
from page import Browser
from sandbox import demo, registrations, start, studio
from sandbox.registrations import House
from sandbox.wefact.server import Sandbox, running
from settings import load

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HOSTFACT = "http://127.0.0.1:49152"
PAGES = (
    "/",
    "/register/week",
    "/register/day",
    "/register/expenses",
    "/register/trips",
    "/reports/hours",
    "/reports/expenses",
    "/reports/trips",
    "/finance/unbilled",
    "/finance/invoices",
    "/finance/transfers",
    "/manage/customers",
    "/manage/projects",
    "/manage/activities",
    "/manage/expense-categories",
    "/manage/vehicles",
    "/manage/vat",
    "/settings/company",
    "/settings/users",
    "/settings/integrations",
    "/settings/wefact",
    "/settings/import",
    "/settings/security",
    "/settings/audit",
)


def an_app(folder: Path, wefact: Sandbox) -> Flask:
    environ = {"UURWERK_DATA_DIR": str(folder), "UURWERK_WORKER": "off", "UURWERK_WEFACT_URL": wefact.url}
    app = create_app(load(environ))
    app.extensions["clock"] = lambda: NOW
    app.testing = True
    return app


@dataclass
class Filled:
    """An installation with the demo company, and the stand-in it was made against."""

    app: Flask
    wefact: Sandbox


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    with running("wefact", clock=lambda: NOW, switches={"vat_rounding": "rate"}) as wefact:
        app = an_app(tmp_path_factory.mktemp("demo"), wefact)
        assert demo.prepare(app, wefact.root_url, HOSTFACT, lambda: NOW) is True
        yield Filled(app, wefact)
        with app.app_context():
            db.engine.dispose()


@pytest.fixture
def company(filled: Filled) -> Iterator[Filled]:
    with filled.app.app_context():
        yield filled
        db.session.remove()


def rows(statement: Any) -> list[Any]:
    return [tuple(row) for row in db.session.execute(statement)]


# --- What is in it --------------------------------------------------------------------------------------------------------------


def test_it_is_filled_once(filled: Filled) -> None:
    def counted() -> list[int]:
        with filled.app.app_context():
            return [db.session.scalar(select(func.count()).select_from(model)) or 0 for model in (TimeEntry, Transfer, Customer, User)]

    before = counted()
    assert demo.prepare(filled.app, filled.wefact.root_url, HOSTFACT, lambda: NOW) is False
    assert counted() == before


def test_five_people_worked_three_months_up_to_today(company: Filled) -> None:
    months = Counter((day.month, who) for day, who in rows(select(TimeEntry.date, TimeEntry.user_id)))
    assert sorted({month for month, _ in months}) == [9, 10, 11]
    assert all(count >= 10 for count in months.values())
    assert len(months) == 15
    assert db.session.scalar(select(func.max(TimeEntry.date))) == date(2026, 11, 20)
    days = select(func.sum(TimeEntry.duration_minutes)).group_by(TimeEntry.user_id, TimeEntry.date)
    assert max(total for (total,) in rows(days)) <= 600


def test_every_method_every_status_and_every_kind_of_trip_occurs(company: Filled) -> None:
    used = select(Project.invoicing_method).join(TimeEntry, TimeEntry.project_id == Project.id).distinct()
    assert {method for (method,) in rows(used)} == {"none", "activity", "user", "project", "customer"}
    sources = {source for (source,) in rows(select(TimeEntry.rate_source).distinct())}
    assert sources == {"not_billed", "missing", "activity", "project_activity", "user", "project_user", "project", "customer"}
    statuses = {status for (status,) in rows(select(TimeEntry.status).distinct())}
    assert statuses == {"open", "submitted", "approved", "rejected", "written_off"}
    assert {kind for (kind,) in rows(select(Trip.kind).distinct())} == {"business", "commute", "private"}
    assert db.session.scalar(select(func.count()).select_from(Expense)) >= 15


def test_last_month_went_through_wefact_in_every_way(company: Filled) -> None:
    found = Counter(rows(select(Transfer.state, Transfer.remote_state).where(Transfer.connection_id.is_not(None))))
    expected = {("done", "sent"): 3, ("done", "paid"): 1, ("done", "draft"): 4, ("rejected", ""): 1, ("attention", "draft"): 1}
    assert found == expected
    assert db.session.scalars(select(Transfer.reason).where(Transfer.state == "attention")).one() == "totals_differ"
    params = db.session.scalars(select(Transfer.reason_params).where(Transfer.state == "rejected")).one()
    assert params["detail"] == studio.REFUSAL


def test_the_books_there_hold_the_same_invoices(company: Filled) -> None:
    there = {str(invoice.identifier): invoice for invoice in company.wefact.books.invoices}
    ours = list(db.session.scalars(select(Transfer).where(Transfer.remote_id.is_not(None))))
    assert sorted(there) == sorted(transfer.remote_id or "" for transfer in ours)
    for transfer in ours:
        assert transfer.marker in there[transfer.remote_id or ""].fields["Comment"]
    mirrors = rows(select(Invoice.number, Invoice.gross_cents, Transfer.gross_cents).join(Transfer, Transfer.id == Invoice.transfer_id))
    assert len(mirrors) == 4
    assert all(mirrored == sent for _, mirrored, sent in mirrors)


def test_the_month_before_is_invoiced_elsewhere_and_this_one_is_open(company: Filled) -> None:
    linked = select(BillingLink.source_id).where(BillingLink.source_type == "time", BillingLink.state == "live")
    of_month = select(TimeEntry.date, TimeEntry.billable, TimeEntry.status, TimeEntry.rate_e4, TimeEntry.id.in_(linked))
    entries = rows(of_month)
    billable = [(day.month, has) for day, may, status, rate, has in entries if may and status == "approved" and rate is not None]
    assert {has for month, has in billable if month == 9} == {True}
    assert {has for month, has in billable if month == 10} == {True, False}
    assert {has for month, has in billable if month == 11} == {False}


def test_one_customer_has_another_name_there_and_two_are_unknown_there(company: Filled) -> None:
    assert db.session.scalars(select(Customer.name).where(Customer.number == studio.DE_VRIES)).one() == "De Vries Architecten"
    known = {debtor.code for debtor in company.wefact.books.debtors}
    ours = rows(select(Customer.name, Customer.number).where(Customer.name != studio.INTERNAL))
    assert sorted(name for name, number in ours if number not in known) == ["Stichting Molenrad", studio.SAIL_MAKER]


def test_nothing_belongs_to_anybody_real(company: Filled) -> None:
    """Addresses of the reserved domain only; and pages say that it is a demo."""
    emails = [text for model in (User, Customer, Organisation) for (text,) in rows(select(model.email)) if text]
    assert len(emails) > 15
    assert [email for email in emails if not email.endswith(".example")] == []
    assert db.session.get_one(Organisation, 1).is_demo is True


def test_a_receipt_is_a_pdf(company: Filled) -> None:
    contents = [content for (content,) in rows(select(Receipt.content))]
    assert contents
    for content in contents:
        start_of_table = int(re.findall(rb"startxref\n(\d+)\n%%EOF\n$", content)[0])
        assert content.startswith(b"%PDF-")
        assert content[start_of_table:].startswith(b"xref\n0 6\n")
        places = [int(place) for place in re.findall(rb"(\d{10}) 00000 n", content)]
        assert [content[place:].split(b" ")[0] for place in places] == [b"1", b"2", b"3", b"4", b"5"]


def test_everybody_signs_in_with_the_password_that_is_printed(company: Filled) -> None:
    assert rights.password_problem(studio.PASSWORD, studio.ADMINISTRATOR) == ""
    assert studio.ADMINISTRATOR in {person.email for person in studio.PEOPLE if person.role == "administrator"}
    for person in studio.PEOPLE:
        Browser(company.app).sign_in(person.email, studio.PASSWORD)
    assert {person.role for person in studio.PEOPLE} == {"administrator", "project_manager", "team_manager", "user"}


def test_every_page_opens(company: Filled) -> None:
    browser = Browser(company.app).sign_in(studio.ADMINISTRATOR, studio.PASSWORD)
    wrong = {}
    for address in PAGES:
        browser.open(address)
        if browser.status != 200:
            wrong[address] = browser.status
    assert wrong == {}


# --- On other days, and in other databases ------------------------------------------------------------------------------------------


def a_house() -> House:
    """Rows with no more than what registrations are made from."""

    def row(**values: Any) -> Any:
        return SimpleNamespace(id=1, **values)

    return House(
        people={person.key: row() for person in studio.PEOPLE},
        customers={},
        projects={job.code: row(customer_id=1, invoicing_method=job.method) for job in studio.PROJECTS},
        activities={work.name: row() for work in studio.ACTIVITIES},
        categories={category.name: row() for category in studio.CATEGORIES},
        vehicles={name: row() for name, _plate, _owner in studio.VEHICLES},
    )


@pytest.mark.parametrize("today", [date(2027, 1, 1), date(2028, 2, 29), date(2027, 3, 31), date(2027, 5, 17), date(2026, 11, 21)])
def test_on_any_day_nothing_lies_in_the_future(today: date) -> None:
    made = registrations.everything(a_house(), today)
    assert max(row.date for row in made) <= today
    assert min(row.date for row in made) >= registrations.first_of_month(today, 2)
    minutes = [row.duration_minutes for row in made if isinstance(row, TimeEntry)]
    assert min(minutes) >= 15
    assert all(count % 15 == 0 for count in minutes)


def test_the_same_day_gives_the_same_company() -> None:
    def seen() -> list[tuple[Any, ...]]:
        return [
            (row.date, row.note, getattr(row, "duration_minutes", 0)) for row in registrations.everything(a_house(), date(2026, 11, 20))
        ]

    assert seen() == seen()


@pytest.mark.parametrize(
    ("back", "expected"), [(0, date(2027, 1, 1)), (1, date(2026, 12, 1)), (2, date(2026, 11, 1)), (13, date(2025, 12, 1))]
)
def test_months_before(back: int, expected: date) -> None:
    assert registrations.first_of_month(date(2027, 1, 31), back) == expected


def test_a_real_company_is_left_alone(filled: Filled, tmp_path: Path) -> None:
    app = an_app(tmp_path, filled.wefact)
    with app.app_context():
        from flask_migrate import upgrade

        upgrade()
        db.session.add(User(email="echt@bureau.example", name="Echt", role="administrator", created_at=NOW))
        db.session.commit()
    with pytest.raises(demo.Occupied):
        demo.prepare(app, filled.wefact.root_url, HOSTFACT, lambda: NOW)
    with app.app_context():
        assert [email for (email,) in rows(select(User.email))] == ["echt@bureau.example"]
        assert db.session.scalar(select(func.count()).select_from(TimeEntry)) == 0
        db.engine.dispose()


def test_a_start_that_was_interrupted_is_done_over(tmp_path: Path) -> None:
    with running("wefact", clock=lambda: NOW, switches={"vat_rounding": "rate"}) as wefact:
        app = an_app(tmp_path, wefact)
        with app.app_context():
            from flask_migrate import upgrade

            upgrade()
            demo._company(NOW)
            db.session.remove()
        (tmp_path / demo.UNFINISHED).touch()
        assert demo.prepare(app, wefact.root_url, HOSTFACT, lambda: NOW) is True
        with app.app_context():
            assert db.session.scalar(select(func.count()).select_from(User)) == len(studio.PEOPLE)
            assert db.session.scalar(select(func.count()).select_from(TimeEntry)) > 300
            db.engine.dispose()
    assert not (tmp_path / demo.UNFINISHED).exists()


def test_a_saved_hostfact_follows_its_stand_in_to_another_port(filled: Filled) -> None:
    def saved(url: str) -> str:
        with filled.app.app_context():
            connection = demo.by_vendor("hostfact")
            connection.url = url
            db.session.commit()
        demo.prepare(filled.app, filled.wefact.root_url, HOSTFACT, lambda: NOW)
        with filled.app.app_context():
            return demo.by_vendor("hostfact").url

    assert saved("http://127.0.0.1:1234/pro/apiv2/api.php") == f"{HOSTFACT}/pro/apiv2/api.php"
    assert saved("https://hosting.example/pro/apiv2/api.php") == "https://hosting.example/pro/apiv2/api.php"
    assert saved("") == ""


# --- Starting and stopping --------------------------------------------------------------------------------------------------------


def test_ports_are_remembered_while_they_are_free(tmp_path: Path) -> None:
    file = tmp_path / "ports.json"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = taken.getsockname()[1]
        file.write_text(json.dumps({"wefact": busy, "hostfact": "many"}))
        assert start.remembered_ports(file) == {"wefact": 0, "hostfact": 0}
    file.write_text(json.dumps({"wefact": busy}))
    assert start.remembered_ports(file) == {"wefact": busy, "hostfact": 0}
    file.write_text("not json")
    assert start.remembered_ports(file) == {"wefact": 0, "hostfact": 0}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def begin(folder: Path, port: int) -> subprocess.Popen[str]:
    """Starts the demo and reads on until it says that it runs."""
    environ = dict(os.environ, UURWERK_DATA_DIR=str(folder), PORT=str(port))
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.start"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Ctrl-C" in line:
            return process
    raise AssertionError(process.communicate()[1])


def children_of(process: subprocess.Popen[str]) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True, timeout=10)
    return [int(number) for number in found.stdout.split()]


def gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.timeout(120)
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc on this machine to look for processes")
def test_it_starts_answers_and_leaves_nothing_behind(tmp_path: Path) -> None:
    port = free_port()
    process = begin(tmp_path, port)
    try:
        children = children_of(process)
        assert len(children) == 3
        assert requests.get(f"http://127.0.0.1:{port}/login", timeout=10).status_code == 200
        ports = json.loads((tmp_path / "ports.json").read_text())
        assert requests.get(f"http://127.0.0.1:{ports['wefact']}/", timeout=10).status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
        output = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in output[1]) == (0, False)
    assert gone(children)

    process = begin(tmp_path, port)
    try:
        assert json.loads((tmp_path / "ports.json").read_text()) == ports
        children = children_of(process)
        os.kill(children[1], signal.SIGKILL)
        errors = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 1
    assert "hostfact ended by itself (signal SIGKILL)" in errors
    assert gone(children)


def test_a_later_start_trusts_a_database_that_was_left_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until the file is another one, HostFact moved, or the code brought a migration."""
    monkeypatch.chdir(ROOT)
    monkeypatch.delenv("UURWERK_DATABASE_URL", raising=False)
    filled: list[str] = []
    database = tmp_path / "uurwerk.db"

    def starts(hostfact: str = HOSTFACT, **environ: str) -> int:
        one = start.Demo(tmp_path, "127.0.0.1", 8000)
        one.addresses = {"wefact": "http://127.0.0.1:1", "hostfact": hostfact}
        one.environ |= environ
        monkeypatch.setattr(one, "_fill", lambda: (filled.append(hostfact), database.touch()))
        filled.clear()
        one.fill()
        return len(filled)

    assert [starts(), starts()] == [1, 0]
    assert [starts("http://127.0.0.1:2"), starts("http://127.0.0.1:2"), starts()] == [1, 0, 1]
    other = tmp_path / "other.db"
    other.touch()
    other.replace(database)
    assert [starts(), starts()] == [1, 0]
    database.unlink()
    assert [starts(), starts()] == [1, 0]
    elsewhere = {"UURWERK_DATABASE_URL": "postgresql://localhost/uurwerk"}
    assert [starts(**elsewhere), starts(**elsewhere)] == [1, 1]


def test_a_taken_port_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environ = dict(os.environ, UURWERK_DATA_DIR=str(tmp_path), PORT=str(port))
        answer = subprocess.run(
            [sys.executable, "-m", "sandbox.start"], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=20, check=False
        )
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"Uurwerk: port {port} is in use; choose another: PORT={port + 1} ./run\n"


def test_the_demo_never_speaks_to_a_real_package_or_mails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UURWERK_SMTP_URL", "smtp://mail.example")
    monkeypatch.setenv("UURWERK_WEFACT_URL", "https://api.mijnwefact.nl/v2/")
    one = start.Demo(tmp_path, "127.0.0.1", free_port())
    try:
        one.start_stand_ins()
        assert one.environ["UURWERK_WEFACT_URL"] == one.addresses["wefact"] + "/v2/"
        assert "UURWERK_SMTP_URL" not in one.environ
        assert one.environ["UURWERK_OUTBOUND_ALLOW"] == one.addresses["hostfact"].removeprefix("http://")
        assert one.environ["UURWERK_SETTLE_SECONDS_WEFACT"] == "60"
    finally:
        one.stop()


def test_the_demo_lives_apart_from_a_real_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UURWERK_DATA_DIR", raising=False)
    assert start.data_dir() == (Path.cwd() / "instance" / "demo")
    monkeypatch.setenv("UURWERK_DATA_DIR", "/srv/demo")
    assert start.data_dir() == Path("/srv/demo")
