"""What the import tests share: a package whose customer list is a Python list, and a worker with a clock that stands still."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Flask

import builders
from connectors.errors import ConnectorError
from connectors.records import CustomerPage, CustomerRecord
from fakes import Clock
from models import Connection, ImportRun, db
from transfers import imports
from transfers.connections import Access, seal
from transfers.wire import WorkerContext

SERVER_TIME = "2026-11-20T10:00:00+01:00"


def record(number: str, name: str = "", remote_id: str = "", **values: Any) -> CustomerRecord:
    """A list row: a name, a contact and an e-mail address, and nothing that a list does not tell."""
    rest = {"contact_first_name": "Noor", "contact_last_name": "Visser", "email": f"{number.lower()}@klant.example"} | values
    return CustomerRecord(remote_id or str(zlib.crc32(number.encode())), number, name or f"Klant {number} B.V.", **rest)


@dataclass
class Package:
    """A package. `rows` is its list; `on_page` is called before each page and may change the list, raise or kill."""

    rows: list[CustomerRecord] = field(default_factory=list)
    page_size: int = 3
    total: int | None = None
    unreadable: tuple[tuple[str, str], ...] = ()
    asked: list[tuple[str | None, int]] = field(default_factory=list)
    on_page: Callable[[int], None] = lambda offset: None
    server_time: str = SERVER_TIME
    vendor: str = "wefact"
    capabilities: frozenset[str] = frozenset({"create_customer", "find"})
    found: dict[str, Any] = field(default_factory=dict)
    looked: list[str] = field(default_factory=list)

    def customers(self, since: str | None, offset: int = 0) -> Iterator[CustomerPage]:
        while True:
            self.asked.append((since, offset))
            self.on_page(offset)
            assert not db.session().in_transaction(), "a transaction was open during a call"
            rows = tuple(self.rows[offset : offset + self.page_size])
            last = offset + len(rows) >= len(self.rows)
            total = (len(self.rows) if self.total is None else self.total) + len(self.unreadable)
            yield CustomerPage(rows, offset, total, self.server_time, last, self.unreadable if last else ())
            if last:
                return
            offset += len(rows)

    def find_customer(self, number: str) -> CustomerRecord | None:
        assert not db.session().in_transaction(), "a transaction was open during a call"
        self.looked.append(number)
        answer = self.found.get(number)
        if isinstance(answer, ConnectorError):
            raise answer
        return answer

    def look_alikes(self, customer: Any) -> list[CustomerRecord]:
        answer = self.found.get("alike", [])
        if isinstance(answer, ConnectorError):
            raise answer
        return list(answer)


@dataclass(frozen=True)
class Context(WorkerContext):
    """A worker that speaks to the stand-in."""

    package: Any = None

    def open(self, to: Access, **options: Any) -> Any:
        return self.package, None


@dataclass
class Stage:
    """A connected package, a worker, and what tests ask of them."""

    app: Flask
    clock: Clock
    package: Package
    owner: str = "worker-1"

    @property
    def connection(self) -> Connection:
        return db.session.query(Connection).filter_by(vendor="wefact").one()

    def connect(self) -> Stage:
        connection = self.connection
        connection.state, connection.secret_sealed = "connected", seal(self.app.extensions["settings"], "k3y")
        db.session.commit()
        return self

    def context(self, owner: str = "") -> Context:
        return Context(self.app.extensions["settings"], self.clock, owner or self.owner, self.wait, self.package)

    def wait(self, seconds: float) -> None:
        self.clock.forward(seconds=seconds)

    def ask(self, mode: str = "update", full: bool = True, preview_only: bool = False, **values: Any) -> int:
        options = {"source": "button", "user_id": None} | values
        return imports.request_run(self.connection.id, mode=mode, full=full, preview_only=preview_only, now=self.clock(), **options).id

    def run(self, **options: Any) -> ImportRun:
        """A whole import; nothing waits."""
        run_id = self.ask(**options)
        while imports.work_one(self.context()):
            pass
        return self.look(run_id)

    def look(self, run_id: int) -> ImportRun:
        db.session.rollback()
        return db.session.get_one(ImportRun, run_id, populate_existing=True)


def counts(run: ImportRun) -> dict[str, int]:
    """What is not nought."""
    names = ("created", "updated", "unchanged", "conflicts", "skipped", "failed")
    return {name: getattr(run, name) for name in names if getattr(run, name)}


__all__ = ["Context", "Package", "Stage", "builders", "counts", "record"]
