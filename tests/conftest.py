"""One application per worker and database; each test begins with the rows of a fresh installation."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

import builders
from app import create_app
from fakes import Clock
from models import Base, db
from parts import REQUIRE_ALL, pytest_make_collect_report, pytest_runtest_makereport, pytest_terminal_summary
from sandbox.wefact.server import DEMO_KEY, running
from settings import load
from transfers import connections, worker
from world import World, fetch_items

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport", "pytest_terminal_summary"]
BOTH = ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Transfers and invoicing run on both databases always, pages when everything is switched on."""
    if "database" not in metafunc.fixturenames:
        return
    folder = metafunc.definition.path.parent.name
    names = BOTH if folder in ("transfers", "invoicing") or (folder == "web" and REQUIRE_ALL) else ("sqlite",)
    if metafunc.definition.get_closest_marker("postgresql"):
        names = BOTH
    if metafunc.definition.get_closest_marker("sqlite"):
        names = ("sqlite",)
    metafunc.parametrize("database", names, indirect=True, scope="session")


@pytest.fixture(scope="session")
def worker_name(request: pytest.FixtureRequest) -> str:
    return getattr(request.config, "workerinput", {}).get("workerid", "main")


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> str | None:
    """A server's address, or None where there is none: the variable's, this machine's, or one of our own."""
    if given := os.environ.get("UURWERK_TEST_DATABASE_URL"):
        return given.replace("postgresql://", "postgresql+psycopg://", 1)
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(("127.0.0.1", 5432)) == 0:
            return "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"
    try:
        import pgserver
    except ImportError:
        return None
    server = pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
    return str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: str | None, worker_name: str) -> Iterator[str | None]:
    if postgresql_server is None:
        yield None
        return
    admin = create_engine(postgresql_server, isolation_level="AUTOCOMMIT")
    name = f"uurwerk_test_{worker_name}_{os.getpid()}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgresql_server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture(scope="session")
def database(request: pytest.FixtureRequest) -> str:
    return getattr(request, "param", "sqlite")


@pytest.fixture(scope="session")
def installed(database: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, dict]]:
    """A migrated application and the rows it began with."""
    environ = {"UURWERK_DATA_DIR": str(tmp_path_factory.mktemp(f"data-{database}")), "UURWERK_WORKER": "off"}
    environ |= {"UURWERK_SETTLE_SECONDS_WEFACT": "20", "UURWERK_OUTGOING_IPS": "203.0.113.7"}
    if database == "postgresql":
        url = request.getfixturevalue("postgresql_url")
        if url is None:
            message = "no PostgreSQL: set UURWERK_TEST_DATABASE_URL, start one on 127.0.0.1:5432, or install pgserver"
            pytest.fail(message) if REQUIRE_ALL else pytest.skip(message)
        environ["UURWERK_DATABASE_URL"] = url
    app = create_app(load(environ))
    app.testing = True
    with app.app_context():
        from flask_migrate import upgrade

        upgrade()
        first = {table: [dict(row) for row in db.session.execute(table.select()).mappings()] for table in Base.metadata.sorted_tables}
        db.session.remove()
    yield app, {table: rows for table, rows in first.items() if rows}
    with app.app_context():
        db.engine.dispose()


def _reset(app: Flask, first: dict) -> None:
    with app.app_context():
        db.session.remove()
        tables = Base.metadata.sorted_tables
        with db.engine.connect() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                for table in tables:
                    connection.execute(table.delete())
            else:
                connection.execute(text("TRUNCATE " + ", ".join(f'"{t.name}"' for t in tables) + " RESTART IDENTITY CASCADE"))
                connection.execute(text("SET CONSTRAINTS ALL DEFERRED"))
            for table in sorted(first, key=lambda t: t.name == "organisation"):
                connection.execute(table.insert(), first[table])
            if connection.dialect.name == "postgresql":
                for table in first:
                    if "id" in table.c and table.name != "organisation":
                        connection.execute(
                            text(f"SELECT setval(pg_get_serial_sequence('\"{table.name}\"', 'id'), (SELECT max(id) FROM \"{table.name}\"))")
                        )
            connection.commit()
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("COMMIT")
                connection.exec_driver_sql("PRAGMA foreign_keys = ON")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(installed: tuple[Flask, dict], clock: Clock) -> Iterator[Flask]:
    """The application on an empty installation, with a clock that stands still."""
    application, first = installed
    application.extensions["clock"] = clock
    _reset(application, first)
    with application.app_context():
        yield application
        db.session.remove()


@pytest.fixture(params=["wefact"])
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(app: Flask, clock: Clock, vendor: str) -> Iterator[World]:
    with running(vendor, clock=clock, switches={"vat_rounding": "rate"}) as server:
        settings = replace(app.extensions["settings"], wefact_url=server.url, outbound_allow=(f"127.0.0.1:{server.port}",))
        connection = connections.by_vendor(vendor)
        connection.state = "connected"
        connection.url = server.base_url if vendor == "hostfact" else ""
        connection.secret_sealed = connections.seal(settings, DEMO_KEY)
        fetch_items(connection, server)
        user = builders.user("administrator", name="Ans de Wit")
        context = worker.new_context(settings, pause=lambda seconds: clock.forward(seconds=seconds) and None, clock=clock)
        before, app.extensions["settings"] = app.extensions["settings"], settings
        yield World(app, server, clock, connection, context, user)
        app.extensions["settings"] = before
