"""What goes into a connector and what comes out: plain records in our own words. Money is `Decimal`, never a float."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from connectors.errors import ConnectorError

Day = date
"""`date` under a name that a field called `date` does not hide."""


@dataclass(frozen=True, slots=True)
class CustomerRecord:
    """A customer as the package knows it. `None` means the answer did not tell; an empty string means it told: empty."""

    remote_id: str
    number: str
    name: str
    company_name: str | None = None
    contact_first_name: str | None = None
    contact_last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    address: str | None = None
    postal_code: str | None = None
    city: str | None = None
    country: str | None = None
    vat_number: str | None = None
    coc_number: str | None = None
    payment_term_days: int | None = None
    invoice_email: str | None = None
    modified: str | None = None
    complete: bool = False
    """True when this came from a full record (`show`), so that missing values are really empty."""


@dataclass(frozen=True, slots=True)
class CustomerPage:
    """One page of a customer list. `total` is what the package says there are in all; `server_time` is its own clock."""

    rows: tuple[CustomerRecord, ...]
    offset: int
    total: int
    server_time: str
    last: bool
    failed: tuple[tuple[str, str], ...] = ()
    """Rows that could not be read: (what identifies them, why)."""


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer to create there. `number` may be empty: then the package numbers it."""

    number: str
    company_name: str
    contact_first_name: str = ""
    contact_last_name: str = ""
    email: str = ""
    phone: str = ""
    address: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
    vat_number: str = ""
    coc_number: str = ""
    payment_term_days: int | None = None


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """A product or item. `period` is empty for one that is sold once; one with a period may not be linked."""

    remote_id: str
    code: str
    name: str
    text: str = ""
    unit: str = ""
    price: Decimal | None = None
    vat_code: str = ""
    vat_percentage: Decimal | None = None
    period: str = ""
    item_type: str = ""


@dataclass(frozen=True, slots=True)
class TaxCodeRecord:
    """A VAT code for sales. `percentage` is in per cent (21 means 21 %)."""

    code: str
    name: str
    percentage: Decimal
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class DraftLine:
    """A line to put on an invoice. `unit_price` and `net` exclude VAT, in the invoice's currency."""

    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net: Decimal
    item_code: str = ""
    vat_code: str = ""
    vat_percentage: Decimal | None = None
    on: date | None = None


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """An invoice to create there as a draft. `marker` is our own key and travels inside it."""

    marker: str
    customer_remote_id: str
    customer_number: str
    date: date
    lines: tuple[DraftLine, ...]
    reference: str = ""
    text: str = ""
    term_days: int | None = None
    currency: str = "EUR"


@dataclass(frozen=True, slots=True)
class RemoteLine:
    """A line as the package gave it back. Missing values are `None`."""

    remote_id: str
    description: str
    quantity: Decimal | None
    unit_price: Decimal | None
    item_code: str
    vat_code: str
    vat_percentage: Decimal | None


@dataclass(frozen=True, slots=True)
class RemoteInvoice:
    """An invoice as it stands there. `state` is draft, sent, partly_paid, paid, credit, credited or unknown."""

    remote_id: str
    number: str
    state: str
    status_code: str
    customer_remote_id: str
    customer_number: str
    date: date | None
    due_on: Day | None
    net: Decimal
    vat: Decimal
    gross: Decimal
    open_amount: Decimal | None
    times_sent: int
    blocked: bool
    email: str
    marker: str
    """The first line of the field that carries our marker; empty when it holds none."""
    reference: str
    currency: str
    lines: tuple[RemoteLine, ...]
    modified: str = ""
    complete: bool = True
    """False for a list row, which has no lines and no marker."""


@dataclass(frozen=True, slots=True)
class SentInvoice:
    """An invoice that was mailed for certain. Reading it back is a second call, and that one may fail."""

    remote_id: str
    invoice: RemoteInvoice | None
    """As it stood right after; None when it could not be read: show it later for its number, never send again."""
    warnings: tuple[str, ...] = ()
    """What the package had to remark, in its own words."""
    problem: ConnectorError | None = None
    """Why it could not be read back; an `AccessRefused` stops the connection as ever."""


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for after a lost answer. `since` is our clock in UTC ISO; the connector adds its own margin."""

    marker: str
    customer_number: str
    customer_remote_id: str
    since: str
    until: str
    net: Decimal
    date: date


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search. Only `complete` with no match proves absence."""

    matches: tuple[RemoteInvoice, ...]
    candidates: tuple[RemoteInvoice, ...] = ()
    """Same customer, total and date, without our marker: for a person to look at."""
    complete: bool = False


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One step of a connection test. `state` is ok, failed or skipped; `reason`, `detail` and `params` as in ConnectorError."""

    key: str
    state: str
    reason: str = ""
    detail: str = ""
    params: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A connection test, step by step, in the order a person would try them."""

    steps: tuple[CheckStep, ...]
    server_time: str = ""

    @property
    def ok(self) -> bool:
        return all(step.state == "ok" for step in self.steps)
