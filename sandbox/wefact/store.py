"""Keeps the books in a file: an SQLite database that takes only what a request changed, in one transaction."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.wefact import records
from sandbox.wefact.books import Books

_KINDS: dict[str, type[Any]] = {
    "debtor": records.Debtor,
    "product": records.Product,
    "group": records.Group,
    "invoice": records.Invoice,
    "mail": records.Mail,
    "subscription": records.Subscription,
    "stock": records.StockMovement,
    "journal": records.JournalEntry,
    "cost_category": records.CostCategory,
    "pending": records.PendingCall,
}


class Store:
    """The file of one administration; a crash leaves it as it was after the last finished request."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # The operating system keeps what a killed process wrote; only a power cut could lose a play session.
        self._database.execute("PRAGMA synchronous=OFF")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS record (kind TEXT, identifier INTEGER, body TEXT, PRIMARY KEY (kind, identifier))"
        )
        self._database.execute("CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, body TEXT)")
        self._facts: dict[str, str] = {}

    @property
    def is_new(self) -> bool:
        return self._database.execute("SELECT 1 FROM fact").fetchone() is None

    def load(self, books: Books) -> None:
        shelves = {shelf.kind: shelf for shelf in books.shelves}
        for kind, body in self._database.execute("SELECT kind, body FROM record ORDER BY kind, identifier"):
            shelves[kind].save(_revived(kind, body))
        facts = {name: json.loads(body) for name, body in self._database.execute("SELECT name, body FROM fact")}
        books.numbers |= facts["numbers"]
        books.tax_codes = facts["tax_codes"]
        for shelf in books.shelves:
            shelf.next_identifier = facts["next_identifiers"][shelf.kind]
            shelf.changed.clear()

    def save(self, books: Books) -> None:
        """Writes what changed since the last time, all of it or nothing."""
        kept, gone = [], []
        for shelf in books.shelves:
            for identifier, record in shelf.changed.items():
                if record is None:
                    gone.append((shelf.kind, identifier))
                else:
                    kept.append((shelf.kind, identifier, json.dumps(asdict(record), default=_plain)))
            shelf.changed.clear()
        facts = _facts(books)
        fresh = [(name, body) for name, body in facts.items() if self._facts.get(name) != body]
        if not (kept or gone or fresh):
            return
        with self._database:
            self._database.execute("BEGIN")
            self._database.executemany("DELETE FROM record WHERE kind = ? AND identifier = ?", gone)
            self._database.executemany("INSERT OR REPLACE INTO record VALUES (?, ?, ?)", kept)
            self._database.executemany("INSERT OR REPLACE INTO fact VALUES (?, ?)", fresh)
        self._facts = facts

    def close(self) -> None:
        self._database.close()


def _facts(books: Books) -> dict[str, str]:
    return {
        "numbers": json.dumps(books.numbers),
        "tax_codes": json.dumps(books.tax_codes),
        "next_identifiers": json.dumps({shelf.kind: shelf.next_identifier for shelf in books.shelves}),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    raise TypeError(f"{type(value).__name__} cannot be kept")


def _fancy(value: dict[str, Any]) -> Any:
    return Decimal(value["decimal"]) if value.keys() == {"decimal"} else value


def _revived(kind: str, body: str) -> Any:
    values = json.loads(body, object_hook=_fancy)
    if kind == "invoice":
        values["lines"] = [records.Line(**line) for line in values["lines"]]
        values["attachments"] = [records.Attachment(**attachment) for attachment in values["attachments"]]
    return _KINDS[kind](**values)
