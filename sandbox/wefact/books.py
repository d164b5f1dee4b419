"""The books: every record in memory, with an index by code and cached orders so that 100,000 debtors page quickly."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sandbox.clock import Clock
from sandbox.wefact import records


class Record(Protocol):
    identifier: int
    code: str


R = TypeVar("R", bound=Record)


class Shelf(Generic[R]):
    """Records of one kind in order of arrival; replaces, never changes in place, what it already holds."""

    def __init__(self, kind: str, first_identifier: int, step: int = 1) -> None:
        self.kind = kind
        self.next_identifier = first_identifier
        self.changed: dict[int, R | None] = {}
        self._step = step
        self._by_identifier: dict[int, R] = {}
        self._by_code: dict[str, int] = {}
        self._folded: dict[int, str] = {}
        self._orders: dict[str, list[R]] = {}

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._by_identifier.values()))

    def __len__(self) -> int:
        return len(self._by_identifier)

    def __getitem__(self, position: int) -> R:
        """The record at a position in order of arrival, such as `[-1]` for the latest."""
        return list(self._by_identifier.values())[position]

    def get(self, identifier: int) -> R | None:
        return self._by_identifier.get(identifier)

    def by_code(self, code: str) -> R | None:
        """The record with this code, case and outer blanks aside."""
        return self._by_identifier.get(self._by_code.get(fold(code), -1))

    def take_identifier(self) -> int:
        taken = self.next_identifier
        self.next_identifier += self._step
        return taken

    def save(self, record: R) -> R:
        """Adds or replaces a record and keeps the index by code right."""
        before = self._folded.get(record.identifier)
        folded = fold(record.code)
        if before is not None and before != folded and self._by_code.get(before) == record.identifier:
            del self._by_code[before]
        self._folded[record.identifier] = folded
        self._by_code[folded] = record.identifier
        self._by_identifier[record.identifier] = record
        self.next_identifier = max(self.next_identifier, record.identifier + self._step)
        self.changed[record.identifier] = record
        self._orders.clear()
        return record

    def remove(self, record: R) -> None:
        """Makes a record disappear, as a person does in the screens of the real product."""
        self._by_identifier.pop(record.identifier, None)
        folded = self._folded.pop(record.identifier, "")
        if self._by_code.get(folded) == record.identifier:
            del self._by_code[folded]
        self.changed[record.identifier] = None
        self._orders.clear()

    def ordered(self, name: str, key: Callable[[R], Any]) -> list[R]:
        """All records ordered by a column, ties by identifier; kept until something changes."""
        if name not in self._orders:
            self._orders[name] = sorted(self._by_identifier.values(), key=lambda record: (key(record), record.identifier))
        return self._orders[name]


def fold(code: str) -> str:
    """Codes compare without case and outer blanks, as a MySQL collation does."""
    return code.strip().casefold()


class Books:
    """All records of one administration; reading a shelf first carries out what has become due."""

    def __init__(self, clock: Clock, zone: str = "Europe/Amsterdam") -> None:
        self.clock = clock
        self.zone = zone
        self.lock = threading.RLock()
        self.perform: Callable[[records.PendingCall], None] | None = None
        self.numbers: dict[str, int] = {"debtor": 0, "product": 0, "invoice": 0, "line": 90000, "attachment": 700, "contact": 300}
        self.tax_codes: dict[str, dict[str, Any]] = {}
        self._debtors: Shelf[records.Debtor] = Shelf("debtor", 5101)
        self._products: Shelf[records.Product] = Shelf("product", 11)
        self._groups: Shelf[records.Group] = Shelf("group", 1)
        # Low invoice identifiers overlap with the digits of draft codes on purpose (contract wefact 17).
        self._invoices: Shelf[records.Invoice] = Shelf("invoice", 2)
        self._mails: Shelf[records.Mail] = Shelf("mail", 1)
        self._subscriptions: Shelf[records.Subscription] = Shelf("subscription", 1)
        self._stock: Shelf[records.StockMovement] = Shelf("stock", 1)
        self._journal: Shelf[records.JournalEntry] = Shelf("journal", 1)
        self.cost_categories: Shelf[records.CostCategory] = Shelf("cost_category", 1)
        self.pending: Shelf[records.PendingCall] = Shelf("pending", 1)
        self._settling = False

    @property
    def shelves(self) -> list[Shelf[Any]]:
        return [
            self._debtors,
            self._products,
            self._groups,
            self._invoices,
            self._mails,
            self._subscriptions,
            self._stock,
            self._journal,
            self.cost_categories,
            self.pending,
        ]

    @property
    def debtors(self) -> Shelf[records.Debtor]:
        self.settle()
        return self._debtors

    @property
    def products(self) -> Shelf[records.Product]:
        self.settle()
        return self._products

    @property
    def groups(self) -> Shelf[records.Group]:
        return self._groups

    @property
    def invoices(self) -> Shelf[records.Invoice]:
        self.settle()
        return self._invoices

    @property
    def mails(self) -> list[records.Mail]:
        self.settle()
        return list(self._mails)

    @property
    def subscriptions(self) -> list[records.Subscription]:
        self.settle()
        return list(self._subscriptions)

    @property
    def stock(self) -> list[records.StockMovement]:
        """What invoice lines took from stock; empty when every caller sent `UseProductInventory=no`."""
        self.settle()
        return list(self._stock)

    @property
    def journal(self) -> list[records.JournalEntry]:
        return list(self._journal)

    def calls(self, call: str) -> list[records.JournalEntry]:
        """The requests for one `controller/action`, without what a slow commit carried out later."""
        return [entry for entry in self.journal if entry.call == call and entry.method != "LATER"]

    def settle(self) -> None:
        """Carries out the slow commits and scheduled mails that are due by the clock."""
        if not len(self.pending) or self.perform is None:
            return
        with self.lock:
            if self._settling:
                return
            self._settling = True
            try:
                now = self.clock.now().isoformat()
                for call in sorted(self.pending, key=lambda call: (call.due_at, call.identifier)):
                    if call.due_at <= now:
                        self.pending.remove(call)
                        self.perform(call)
            finally:
                self._settling = False

    def stamp(self, at: datetime) -> str:
        """An instant as local text without an offset, as records carry it (contract wefact 3.2)."""
        return at.astimezone(ZoneInfo(self.zone)).strftime("%Y-%m-%d %H:%M:%S")

    def today(self, at: datetime) -> str:
        return self.stamp(at)[:10]

    def take_number(self, series: str) -> int:
        self.numbers[series] += 1
        return self.numbers[series]

    def keep_mail(self, invoice: records.Invoice, kind: str, at: datetime) -> records.Mail:
        """Captures the message that the real product would have sent."""
        identifier = self._mails.take_identifier()
        channel = "peppol" if invoice["InvoiceMethod"] == "5" else "email"
        subjects = {"invoice": "Factuur", "reminder": "Herinnering", "summation": "Aanmaning"}
        return self._mails.save(
            records.Mail(
                identifier,
                f"mail-{identifier}",
                invoice.identifier,
                invoice["EmailAddress"],
                f"{subjects[kind]} {invoice.code}",
                kind,
                channel,
                self.stamp(at),
            )
        )

    def keep_subscription(self, invoice: records.Invoice, line: records.Line) -> records.Subscription:
        identifier = self._subscriptions.take_identifier()
        return self._subscriptions.save(
            records.Subscription(
                identifier,
                f"subscription-{identifier}",
                invoice.debtor,
                invoice.identifier,
                line.product_code,
                line.description,
                line.periodic,
                line.number,
                line.price_excl,
            )
        )

    def move_stock(self, product: records.Product, number: Decimal, invoice: int, at: datetime) -> None:
        """Takes a quantity from stock; the total moves only when the product keeps stock at all."""
        identifier = self._stock.take_identifier()
        self._stock.save(records.StockMovement(identifier, f"stock-{identifier}", product.code, -number, invoice, self.stamp(at)))
        if product.inventory_enabled:
            product.total_stock -= number
            self._products.save(product)

    def keep_journal(self, entry: records.JournalEntry) -> records.JournalEntry:
        return self._journal.save(entry)

    def next_journal_identifier(self) -> int:
        return self._journal.take_identifier()
