"""The records that the books hold. Amounts are `Decimal` in currency units, stamps are local text as on the wire."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

DRAFT, SENT, PARTLY_PAID, PAID, CREDIT, EXPIRED = 0, 2, 3, 4, 8, 9
STATUS_NAMES = {
    DRAFT: "Conceptfactuur",
    SENT: "Verzonden",
    PARTLY_PAID: "Deels betaald",
    PAID: "Betaald",
    CREDIT: "Creditfactuur",
    EXPIRED: "Vervallen",
}
ZERO = Decimal(0)


@dataclass
class Debtor:
    """A customer; `fields` holds only what differs from an empty record."""

    identifier: int
    code: str
    fields: dict[str, str] = field(default_factory=dict)
    groups: list[int] = field(default_factory=list)
    contacts: list[dict[str, str]] = field(default_factory=list)
    custom_fields: dict[str, str] = field(default_factory=dict)
    created: str = ""
    modified: str = ""

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def name(self) -> str:
        return self["CompanyName"] or f"{self['Initials']} {self['SurName']}".strip()


@dataclass
class Product:
    """An article; `period` is the PricePeriod letter, empty for once."""

    identifier: int
    code: str
    name: str
    key_phrase: str
    price_excl: Decimal
    tax_code: str = ""
    tax_percentage: Decimal = ZERO
    period: str = ""
    suffix: str = ""
    description: str = ""
    groups: list[int] = field(default_factory=list)
    inventory_enabled: bool = False
    total_stock: Decimal = ZERO
    created: str = ""
    modified: str = ""


@dataclass
class Group:
    """A group of debtors or products; membership is kept on the members."""

    identifier: int
    code: str
    kind: str
    name: str


@dataclass
class Line:
    """One invoice line with its amounts; discount amounts are negative."""

    identifier: int
    date: str
    number: Decimal
    number_suffix: str
    product_code: str
    description: str
    price_excl: Decimal
    tax_code: str = ""
    tax_percentage: Decimal = ZERO
    discount_percentage: Decimal = ZERO
    discount_type: str = "line"
    periodic_type: str = "once"
    periodic_id: int = 0
    periods: str = "1"
    periodic: str = ""
    start: str = ""
    end: str = ""
    product_type: str = ""
    reference: str = ""
    no_discount_excl: Decimal = ZERO
    no_discount_incl: Decimal = ZERO
    discount_excl: Decimal = ZERO
    discount_incl: Decimal = ZERO


@dataclass
class Attachment:
    """A file with a record; `content` is base64 text."""

    identifier: int
    filename: str
    content: str


@dataclass
class Invoice:
    """A sales invoice; `fields` holds its texts and address snapshot under their wire names."""

    identifier: int
    code: str
    debtor: int
    debtor_code: str
    status: int = DRAFT
    sub_status: str = ""
    date: str = ""
    term: int = 30
    pay_before: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    custom_fields: dict[str, str] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    discount: Decimal = ZERO
    ignore_discount: bool = False
    vat_calc_method: str = "excl"
    taxable_setting: str = "auto"
    amount_excl: Decimal = ZERO
    amount_tax: Decimal = ZERO
    amount_incl: Decimal = ZERO
    amount_paid: Decimal = ZERO
    amount_discount: Decimal = ZERO
    used_rates: dict[str, list[Decimal]] = field(default_factory=dict)
    sent: int = 0
    sent_date: str = ""
    reminders: int = 0
    reminder_date: str = ""
    summations: int = 0
    summation_date: str = ""
    pay_date: str = ""
    payment_method: str = ""
    payment_url: str = ""
    paused_end_date: str = ""
    paused_reason: str = ""
    scheduled_at: str = ""
    created: str = ""
    modified: str = ""

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "")

    @property
    def amount_outstanding(self) -> Decimal:
        return ZERO if self.status in (PAID, EXPIRED) else self.amount_incl - self.amount_paid


@dataclass
class Mail:
    """A message that would have left; `kind` is invoice, reminder or summation, `channel` email or peppol."""

    identifier: int
    code: str
    invoice: int
    to: str
    subject: str
    kind: str
    channel: str
    at: str


@dataclass
class Subscription:
    """What a line with a period leaves behind; a test asserts that there are none."""

    identifier: int
    code: str
    debtor: int
    invoice: int
    product_code: str
    description: str
    period: str
    number: Decimal
    price_excl: Decimal


@dataclass
class StockMovement:
    """What an invoice line took from the shelves; negative is taken."""

    identifier: int
    code: str
    product_code: str
    number: Decimal
    invoice: int
    at: str


@dataclass
class CostCategory:
    """A category of purchases; no revenue ledger (contract wefact 7)."""

    identifier: int
    code: str
    name: str


@dataclass
class PendingCall:
    """A call that was accepted and is carried out later; instants are ISO text in UTC."""

    identifier: int
    code: str
    due_at: str
    called_at: str
    controller: str
    action: str
    parameters: dict[str, Any]


@dataclass
class JournalEntry:
    """One request as the server saw it, without the key."""

    identifier: int
    code: str
    at: str
    ip: str
    method: str
    path: str
    content_type: str
    controller: str
    action: str
    parameters: dict[str, Any]
    http_status: int = 0
    status: str = ""
    errors: list[str] = field(default_factory=list)
    fault: str = ""
    record: str = ""

    @property
    def call(self) -> str:
        return f"{self.controller}/{self.action}"
