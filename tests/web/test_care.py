"""`flask prepare`, `doctor`, `backup` and `restore`: what keeps an installation in good health."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import flask_migrate
import pytest
from click.testing import Result
from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import select, text, update

from app import create_app
from blueprints.home import doctor
from models import Connection, Customer, Transfer, User, db
from settings import load
from transfers import backups, connections

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Flask]:
    """An installation of its own, before its first start."""
    app = create_app(load({"UURWERK_DATA_DIR": str(tmp_path / "data"), "UURWERK_WORKER": "off"}))
    app.extensions["clock"] = lambda: NOW
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def house(empty: Flask) -> Flask:
    """The same, with its tables and somebody who may sign in."""
    upgrade()
    db.session.add(User(email="ans@bureau.example", name="Ans", role="administrator", created_at=NOW))
    add_customer("Eerste")
    return empty


def add_customer(name: str) -> None:
    db.session.add(Customer(name=name, flags=[], created_at=NOW, updated_at=NOW))
    db.session.commit()


def names() -> list[str]:
    found = list(db.session.scalars(select(Customer.name).order_by(Customer.id)))
    db.session.remove()
    return found


def flask(app: Flask, *arguments: str) -> Result:
    """A command, in a context of its own as on the command line."""
    db.session.remove()
    return app.test_cli_runner().invoke(args=list(arguments))


def data_dir(app: Flask) -> Path:
    folder: Path = app.extensions["settings"].data_dir
    return folder


# --- prepare --------------------------------------------------------------------------------------------------------------------


def test_the_first_start_makes_the_tables_and_invites_an_administrator(empty: Flask) -> None:
    answer = flask(empty, "prepare")
    assert answer.exit_code == 0
    assert "the database is prepared" in answer.output
    assert "http://127.0.0.1:8000/setup?token=" in answer.output
    assert not (data_dir(empty) / backups.FOLDER).exists()
    again = flask(empty, "prepare")
    assert "prepared" not in again.output
    assert "/setup?token=" in again.output


def test_nobody_is_invited_once_there_is_somebody(house: Flask) -> None:
    answer = flask(house, "prepare")
    assert answer.output == "Uurwerk: serving at http://127.0.0.1:8000\n"


def test_a_new_version_keeps_a_copy_of_the_database_before_it(house: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "script", lambda: SimpleNamespace(get_current_head=lambda: "9999"))
    monkeypatch.setattr(doctor, "known_revisions", lambda: {"0001", "9999"})
    copies: list[list[Path]] = []
    monkeypatch.setattr(
        flask_migrate, "upgrade", lambda: copies.append(list((data_dir(house) / backups.FOLDER).glob("before-upgrade-*.db")))
    )
    answer = flask(house, "prepare")
    assert answer.exit_code == 0, answer.output
    assert [len(found) for found in copies] == [1]
    assert "the database is up to date" in answer.output


def test_a_database_of_a_newer_version_is_left_alone(house: Flask) -> None:
    db.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    db.session.commit()
    answer = flask(house, "prepare")
    assert answer.exit_code == 1
    assert "newer version wrote it" in answer.output
    assert doctor.current_revision() == "9999"


# --- doctor ---------------------------------------------------------------------------------------------------------------------


def findings(app: Flask) -> dict[str, tuple[str, str]]:
    db.session.remove()
    return {found.about: (found.level, found.sentence) for found in doctor.examine(app.extensions["settings"], NOW)}


def with_settings(app: Flask, **variables: str) -> None:
    environ = {"UURWERK_DATA_DIR": str(data_dir(app)), **{f"UURWERK_{name}": value for name, value in variables.items()}}
    app.extensions["settings"] = load(environ)


def test_all_is_well(house: Flask) -> None:
    flask(house, "backup")
    db.session.execute(update(Customer).values(name="x"))
    db.session.commit()
    answer = flask(house, "doctor")
    assert answer.exit_code == 0
    assert "WRONG" not in answer.output
    assert "ok     Database: " in answer.output
    assert "ok     People: 1 may sign in" in answer.output


def test_an_empty_database_is_wrong(empty: Flask) -> None:
    answer = flask(empty, "doctor")
    assert answer.exit_code == 1
    assert "WRONG  Database" in answer.output


@pytest.mark.parametrize(("revision", "sentence"), [("9999", "does not know"), ("0000", "does not know")])
def test_a_foreign_schema_is_wrong(house: Flask, revision: str, sentence: str) -> None:
    db.session.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    db.session.commit()
    level, told = findings(house)["Database"]
    assert (level, sentence in told) == ("wrong", True)


def test_what_is_set_too_short_is_told(house: Flask) -> None:
    assert "Pace" not in findings(house)
    with_settings(house, SETTLE_SECONDS_WEFACT="60")
    level, told = findings(house)["Pace"]
    assert level == "warning"
    assert told.startswith("UURWERK_SETTLE_SECONDS_WEFACT is 60, below 600")
    with_settings(house, CALL_SECONDS_AFAS="5")
    assert findings(house)["Pace"][1].startswith("UURWERK_CALL_SECONDS_AFAS is 5, below 120")


def test_what_lies_open_is_told(house: Flask) -> None:
    data_dir(house).chmod(0o755)
    with_settings(house, BASE_URL="http://uren.example", EXPORTS_ENABLED="0")
    found = findings(house)
    assert [found[about][0] for about in ("Address", "Data directory", "Sending")] == ["warning", "warning", "warning"]
    assert found["Data directory"][1].endswith(f"chmod 700 {data_dir(house)}")
    with_settings(house, BASE_URL="https://uren.example")
    assert findings(house)["Proxy"][0] == "warning"


def test_a_connection_is_told_as_it_was_left(house: Flask) -> None:
    settings = house.extensions["settings"]
    assert findings(house)["WeFact"] == ("ok", "off")
    row = connections.by_vendor("wefact")
    row.state, row.secret_sealed, row.checked_at = "connected", connections.seal(settings, "a-key-of-theirs"), NOW
    db.session.commit()
    found = findings(house)
    assert found["WeFact"] == ("ok", "connected; tested 2026-11-20 09:00 UTC")
    assert found["Outgoing address"][0] == "warning"
    db.session.execute(update(Connection).where(Connection.vendor == "wefact").values(state="failing", problem="key_refused"))
    db.session.commit()
    level, told = findings(house)["WeFact"]
    assert (level, told.startswith("failing: ")) == ("wrong", True)
    assert "key_refused" not in told


def test_a_key_file_of_another_installation_is_found(house: Flask) -> None:
    row = connections.by_vendor("wefact")
    row.state, row.secret_sealed = "connected", connections.seal(house.extensions["settings"], "a-key-of-theirs")
    db.session.commit()
    (data_dir(house) / "secret.key").unlink()
    with_settings(house)
    assert findings(house)["WeFact"][0] == "wrong"


def test_no_secret_is_shown(house: Flask) -> None:
    settings = house.extensions["settings"]
    row = connections.by_vendor("wefact")
    sealed = connections.seal(settings, "a-key-of-theirs")
    row.state, row.secret_sealed = "connected", sealed
    db.session.commit()
    output = flask(house, "doctor").output
    assert "a-key-of-theirs" not in output
    assert settings.secret_key not in output
    assert sealed not in output


def test_what_waits_for_a_person_is_counted(house: Flask) -> None:
    db.session.add(Transfer(kind="invoice", op_key="k", marker="UWTT-1", state="attention", due_at=NOW, created_at=NOW, updated_at=NOW))
    db.session.commit()
    assert findings(house)["Transfers"] == ("warning", "1 need attention: Finance, Transfers")


def test_an_old_backup_is_told(house: Flask) -> None:
    assert findings(house)["Backups"][0] == "warning"
    path = Path(flask(house, "backup").output.splitlines()[0])
    for age, level in ((timedelta(hours=1), "ok"), (timedelta(days=3), "warning")):
        moment = (NOW - age).timestamp()
        os.utime(path, (moment, moment))
        assert findings(house)["Backups"][0] == level


# --- backup and restore -----------------------------------------------------------------------------------------------------------


def test_a_copy_is_made_while_somebody_writes(house: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    with db.engine.connect() as writer:
        writer.execute(text("INSERT INTO throttle (key, at) VALUES ('half done', '2026-11-20 09:00:00')"))
        backups.backup(db.engine, data_dir(house), NOW, file)
        writer.rollback()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with create_engine_for(file).connect() as copy:
        assert copy.scalar(text("SELECT count(*) FROM customer")) == 1
        assert copy.scalar(text("SELECT count(*) FROM throttle")) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.db", "data"]


def create_engine_for(file: Path):  # type: ignore[no-untyped-def]
    from sqlalchemy import create_engine

    return create_engine(f"sqlite:///{file}")


def test_a_file_that_exists_is_not_written_over(house: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    file.write_text("mine")
    answer = flask(house, "backup", str(file))
    assert answer.exit_code == 1
    assert "exists already" in answer.output
    assert file.read_text() == "mine"


def test_the_newest_fourteen_stay(house: Flask) -> None:
    for day in range(16):
        backups.backup(db.engine, data_dir(house), NOW + timedelta(days=day))
    kept = sorted(path.name for path in (data_dir(house) / backups.FOLDER).iterdir())
    assert len(kept) == backups.KEEP
    assert kept[0] == "uurwerk-20261122-090000.db"


def test_what_was_backed_up_comes_back(house: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    flask(house, "backup", str(file))
    add_customer("Tweede")
    answer = flask(house, "restore", str(file), "--yes")
    assert answer.exit_code == 0, answer.output
    assert names() == ["Eerste"]
    assert "UURWERK_EXPORTS_ENABLED=0" in answer.output
    before = next((data_dir(house) / backups.FOLDER).glob("before-restore-*.db"))
    assert flask(house, "restore", str(before), "--yes").exit_code == 0
    assert names() == ["Eerste", "Tweede"]


def test_an_installation_that_runs_is_not_replaced(house: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    flask(house, "backup", str(file))
    add_customer("Tweede")
    other = create_app(load({"UURWERK_DATA_DIR": str(data_dir(house)), "UURWERK_WORKER": "off"}))
    with other.app_context():
        assert len(names()) == 2  # and its connection stays open, as a server's does
    answer = flask(house, "restore", str(file), "--yes")
    assert answer.exit_code == 1
    assert "stop the server first" in answer.output
    with other.app_context():
        db.engine.dispose()
    assert names() == ["Eerste", "Tweede"]


def test_it_is_asked_before_anything_is_replaced(house: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    flask(house, "backup", str(file))
    add_customer("Tweede")
    answer = flask(house, "restore", str(file))
    assert answer.exit_code == 2
    assert "--yes" in answer.output
    assert names() == ["Eerste", "Tweede"]


@pytest.mark.parametrize("content", [b"not a database at all", b"", b"SQLite format 3\x00" + b"\x00" * 4000])
def test_what_is_no_backup_is_refused(house: Flask, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "copy.db"
    file.write_bytes(content)
    answer = flask(house, "restore", str(file), "--yes")
    assert answer.exit_code == 1
    assert answer.output.startswith("Error: ")
    assert names() == ["Eerste"]


def test_a_damaged_backup_is_refused(house: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    flask(house, "backup", str(file))
    content = bytearray(file.read_bytes())
    content[8192:65536] = b"\xff" * (65536 - 8192)
    file.write_bytes(content)
    answer = flask(house, "restore", str(file), "--yes")
    assert answer.exit_code == 1
    assert names() == ["Eerste"]


def test_a_backup_of_a_newer_version_is_refused(house: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    db.session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    db.session.commit()
    backups.backup(db.engine, data_dir(house), NOW, file)
    answer = flask(house, "restore", str(file), "--yes")
    assert answer.exit_code == 1
    assert "another version of Uurwerk" in answer.output


def test_on_a_new_machine_there_is_nothing_to_keep(house: Flask, tmp_path: Path) -> None:
    file = tmp_path / "copy.db"
    flask(house, "backup", str(file))
    new = create_app(load({"UURWERK_DATA_DIR": str(tmp_path / "new"), "UURWERK_WORKER": "off"}))
    with new.app_context():
        answer = flask(new, "restore", str(file), "--yes")
        assert answer.exit_code == 0, answer.output
        assert "The database that was there" not in answer.output
        assert names() == ["Eerste"]
        db.engine.dispose()
