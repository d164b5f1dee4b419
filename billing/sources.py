"""The work that goes on an invoice, as plain records, and which invoice it goes on."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date as Day
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from billing.rounding import NO_ROUNDING, RoundingRule, half_up

SourceKind = Literal["time", "expense", "trip"]
InvoicePer = Literal["customer", "project", "customer_reference"]

KIND_ORDER: Mapping[SourceKind, int] = {"time": 0, "expense": 1, "trip": 2}


@dataclass(frozen=True, kw_only=True)
class Source:
    """One time entry, expense or trip that goes on an invoice.

    A time entry carries worked `minutes`, an expense or trip a `quantity` in its `unit`: hour, piece, km or own words.
    `unit_price` is per unit and has at most four decimals. `net_cents` is the net amount of an expense where quantity
    times unit price cannot say it to the cent.
    """

    kind: SourceKind
    id: int
    customer_id: int
    date: Day
    unit: str
    unit_price: Decimal
    minutes: int | None = None
    quantity: Decimal | None = None
    net_cents: int | None = None
    project_id: int | None = None
    project_name: str = ""
    project_code: str = ""
    activity_id: int | None = None
    activity_name: str = ""
    category_id: int | None = None
    category_name: str = ""
    vehicle_id: int | None = None
    vehicle_name: str = ""
    user_id: int | None = None
    user_name: str = ""
    note: str = ""
    item_code: str | None = None
    vat_key: Hashable = None
    currency: str = "EUR"
    reference: str = ""
    rounding: RoundingRule = NO_ROUNDING

    def __post_init__(self) -> None:
        is_time = self.kind == "time"
        if is_time != (self.minutes is not None) or is_time == (self.quantity is not None):
            raise ValueError("A time entry has minutes, an expense or trip has a quantity.")
        if is_time and self.net_cents is not None:
            raise ValueError("The amount of a time entry follows from its minutes and its rate.")
        if half_up(self.unit_price, 4) != self.unit_price:
            raise ValueError("A unit price has at most four decimals.")

    @property
    def line_rounding(self) -> RoundingRule | None:
        """The rounding rule, when it is applied to whole lines: entries under different rules cannot share one."""
        return self.rounding if self.rounding.scope == "line" and self.rounding.changes_minutes else None


@dataclass(frozen=True)
class InvoiceGroup:
    """The sources of one invoice; project and reference are those the invoice was made for, else None."""

    customer_id: int
    project_id: int | None
    reference: str | None
    currency: str
    sources: tuple[Source, ...]


def group_for_invoices(sources: Iterable[Source], per: InvoicePer = "customer") -> list[InvoiceGroup]:
    """Divide sources over invoices; another customer or currency always means another invoice.

    The order follows customer, project name and reference, whatever the order of the sources was.
    """
    if per not in ("customer", "project", "customer_reference"):
        raise ValueError(f"Invoices cannot be made per {per!r}; choose customer, project or customer_reference.")
    groups: dict[tuple[int, int | None, str | None, str], list[Source]] = {}
    for source in in_order(sources):
        project = source.project_id if per == "project" else None
        reference = source.reference.strip() if per == "customer_reference" else None
        groups.setdefault((source.customer_id, project, reference, source.currency), []).append(source)
    found = [InvoiceGroup(*key, tuple(members)) for key, members in groups.items()]
    found.sort(key=_invoice_order)
    return found


@dataclass(frozen=True)
class ExpenseNet:
    """What an expense is charged at: price per unit with four decimals, and the net amount."""

    unit_price: Decimal
    net: Decimal


def expense_net(
    quantity: Decimal,
    unit_price: Decimal,
    *,
    vat_included: bool = False,
    purchase_vat_bp: int | None = None,
    mark_up_bp: int = 0,
    pass_through: bool = False,
) -> ExpenseNet:
    """Give what the customer pays for an expense, before sales VAT: the cost without purchase VAT, plus the mark-up.

    A pass-through outside VAT is charged exactly as it was paid, purchase VAT included and without mark-up. The net
    amount is rounded once, at the end. Percentages are in basis points.
    """
    vat = 1 + Fraction(purchase_vat_bp or 0, 10_000)
    price = Fraction(unit_price)
    if pass_through:
        price = price if vat_included else price * vat
    else:
        price = (price / vat if vat_included else price) * (1 + Fraction(mark_up_bp, 10_000))
    return ExpenseNet(half_up(price, 4), half_up(Fraction(quantity) * price, 2))


def in_order(sources: Iterable[Source]) -> list[Source]:
    """Sort work by date, kind and id, the order in which it is added up and shared out."""
    return sorted(sources, key=lambda source: (source.date, KIND_ORDER[source.kind], source.id))


def project_order(source: Source) -> tuple[str, str, int]:
    """Give the key that sorts work by the name of its project."""
    return source.project_name.casefold(), source.project_name, source.project_id or 0


def _invoice_order(group: InvoiceGroup) -> tuple[int, tuple[str, str, int], str, str]:
    project = project_order(group.sources[0]) if group.project_id is not None else ("", "", 0)
    return group.customer_id, project, group.reference or "", group.currency
