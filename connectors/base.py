"""The protocol every accounting package is spoken to through, and what a connector asks of whoever runs it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

from connectors.records import (
    CheckResult,
    CustomerPage,
    CustomerRecord,
    Found,
    InvoiceDraft,
    ItemRecord,
    NewCustomer,
    RemoteInvoice,
    Search,
    SentInvoice,
    TaxCodeRecord,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """How one call ended, for the journal. Bodies carry no secret; `outcome` is `ok` or the reason of the error raised."""

    outcome: str
    http_status: int | None
    body: str
    milliseconds: int


class Wire(Protocol):
    """What a connector asks of whoever runs it: pace, journal and fence. `transfers/wire.py` keeps them in the database."""

    def take(self) -> None:
        """Use one call of the budget; raises `NotProcessed("budget")` with the seconds to wait when there is none left."""

    def pace(self, remaining_minute: int | None, remaining_hour: int | None, reset_minute: int | None, reset_hour: int | None) -> None:
        """What the answer's own headers say of the budget (resets in unix seconds). They may only tighten ours."""

    def opened(self, operation: str, request: str, writes: bool) -> int:
        """Journal, for good, that this call is about to be made; `request` has no secret in it. Returns the call's id."""

    def before_write(self) -> None:
        """Asked once the connection stands and before the first byte of a write: raises when we may no longer write."""

    def closed(self, call: int, answer: Answer) -> None:
        """Journal how the call ended."""


class Connector(Protocol):
    """One accounting package. Every method may raise a `ConnectorError`; writes raise `OutcomeUnknown` where reads raise `Unavailable`."""

    vendor: str
    capabilities: frozenset[str]
    """Which of: administrations, items, tax_codes, create_customer, find, send, create_booking, numbers_customers."""

    def check(self) -> CheckResult: ...

    def items(self) -> list[ItemRecord]: ...

    def tax_codes(self) -> list[TaxCodeRecord]: ...

    def customers(self, since: str | None, offset: int = 0) -> Iterator[CustomerPage]: ...

    def find_customer(self, number: str) -> CustomerRecord | None: ...

    def look_alikes(self, customer: NewCustomer) -> list[CustomerRecord]:
        """Customers there that may be this one. A help for a question, no proof: the caller compares, and some may be left out."""

    def create_customer(self, customer: NewCustomer) -> CustomerRecord: ...

    def find(self, search: Search) -> Found: ...

    def twins(self, search: Search, known: Collection[str]) -> tuple[RemoteInvoice, ...]:
        """Invoices with the marker beside those that are known by id. Cheap, and proves presence only."""

    def create_invoice(self, draft: InvoiceDraft) -> RemoteInvoice: ...

    def show(self, remote_id: str) -> RemoteInvoice: ...

    def send(self, remote_id: str) -> SentInvoice:
        """Number and mail. Returns only when it was mailed for certain; `OutcomeUnknown` when it may have been."""
