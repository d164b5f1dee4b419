"""WeFact and HostFact behind the common protocol: plain records in, plain records out (contract wefact 7 to 13)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from itertools import islice

from connectors.addresses import AddressRule
from connectors.base import Wire
from connectors.errors import ConnectorError, NotFound, Rejected, Unavailable, Unsupported
from connectors.http import Http
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
from connectors.wefact import mapping
from connectors.wefact.check import check
from connectors.wefact.client import WeFactClient
from connectors.wefact.paging import Page, pages, whole_list
from connectors.wefact.persona import Persona
from connectors.wefact.search import InvoiceSearch
from connectors.wefact.values import FieldValue, Unusable, identifier, same_code

PAGE_SIZE = 1000
"""Also the most that a page may hold (contract wefact 5)."""


LOOK_ALIKE_PAGES = 2
SHORTEST_WORD = 3


def _utc_now() -> datetime:
    return datetime.now(UTC)


class WeFactConnector:
    """One administration in WeFact or HostFact.

    `url` is WeFact's whole address, or HostFact's as `normalise_hostfact_url` returns it; `call_seconds` the deadline of one call;
    `address_rule` guards a HostFact address and is not used for WeFact, whose address the deployer fixes.
    """

    def __init__(
        self,
        persona: Persona,
        url: str,
        api_key: str,
        wire: Wire,
        call_seconds: float,
        address_rule: AddressRule | None = None,
        pause: Callable[[float], None] = time.sleep,
        *,
        page_size: int = PAGE_SIZE,
        ca_file: str | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        self.vendor = persona.vendor
        self.capabilities = persona.capabilities
        self._persona = persona
        self._url = url
        self._page_size = page_size
        self._now = now
        guard = (address_rule or AddressRule()) if persona.address_is_typed else None
        http = Http(call_seconds, address_rule=guard, ca_file=ca_file)
        self._client = WeFactClient(persona, url + persona.path if url else "", api_key, http, wire, pause)

    def check(self) -> CheckResult:
        """The connection test. Raises nothing of a remote kind: what fails is a step of the result."""
        return check(self._client, self._persona, self._url)

    def items(self) -> list[ItemRecord]:
        """All products. Raises `Unavailable("incomplete_list")` rather than leave some out."""
        found = whole_list(self._client.product_list, {"sort": "ProductCode", "order": "ASC"}, self._page_size)
        if not found.complete:
            raise Unavailable("incomplete_list", "products")
        try:
            return [mapping.item(row, self._persona) for row in map(_as_row, found.rows.values())]
        except Unusable as error:
            raise Unavailable("unexpected", str(error), field=error.field) from error

    def tax_codes(self) -> list[TaxCodeRecord]:
        """The VAT codes for sales, percentages in per cent. Raises `Unsupported` for HostFact, which has none."""
        if "tax_codes" not in self.capabilities:
            raise Unsupported("unsupported")
        return self._client.settings_list().result

    def customers(self, since: str | None, offset: int = 0) -> Iterator[CustomerPage]:
        """Customers from the list alone, by number; since: what changed from that wall time there on (`clock.server_local`).

        A row that cannot be read is told in `failed` and the others go on; leaving out rows that came twice and comparing their count
        with `total` is the caller's. Raises `Unavailable("incomplete_list")` when the list repeats itself or has no end.
        """
        asked: dict[str, FieldValue] = {"sort": "DebtorCode", "order": "ASC"}
        if since:
            asked["modified"] = {"from": since}
        for page in pages(self._client.debtor_list, asked, self._page_size, offset):
            yield _customer_page(page)

    def find_customer(self, number: str) -> CustomerRecord | None:
        """The customer with exactly this number (trimmed, case-insensitive); None only when there certainly is none.

        A refusal to show one is no proof, so the list is searched too (contract wefact 8.2, 18).
        """
        code = mapping.customer_code(number)
        try:
            return self._client.debtor_show(code=code)
        except Rejected as refused:
            if refused.reason != "rejected":
                raise
        found = whole_list(self._client.debtor_list, {"searchat": "DebtorCode", "searchfor": code}, self._page_size)
        try:
            same = [mapping.customer(_as_row(row)) for row in found.rows.values() if _may_be_numbered(row, code)]
        except Unusable as error:
            raise Unavailable("unexpected", str(error), field=error.field) from error
        if len(same) > 1:
            raise Unavailable("unexpected", f"{len(same)} customers have number {code}", number=code)
        if same:
            return self._client.debtor_show(remote_id=same[0].remote_id)
        if not found.complete:
            raise Unavailable("incomplete_list", "customers")
        return None

    def look_alikes(self, customer: NewCustomer) -> list[CustomerRecord]:
        """Customers with this e-mail address, and those whose name holds our name's longest word; list rows, at most two pages each.

        A list row tells no VAT or chamber number and cannot be searched by one (contract wefact 5, 8.1).
        """
        found: dict[str, CustomerRecord] = {}
        for field, text in (("EmailAddress", customer.email.strip()), ("CompanyName", _telling_word(customer.company_name))):
            if text:
                found |= {record.remote_id: record for record in self._searched(field, text)}
        return list(found.values())

    def _searched(self, field: str, text: str) -> Iterator[CustomerRecord]:
        asked = {"searchat": field, "searchfor": text, "sort": "DebtorCode", "order": "ASC"}
        try:
            for page in islice(pages(self._client.debtor_list, asked, self._page_size), LOOK_ALIKE_PAGES):
                yield from _customer_page(page).rows
        except Unavailable as error:
            if error.reason != "incomplete_list":
                raise

    def create_customer(self, customer: NewCustomer) -> CustomerRecord:
        """Create a customer. After any error, `find_customer` tells whether it exists now: the number is the key (contract wefact 8.3)."""
        return self._client.debtor_add(mapping.customer_fields(customer))

    def find(self, search: Search) -> Found:
        """Invoices of this customer that carry the marker (contract wefact 13)."""
        return InvoiceSearch(self._client, search, self._page_size, self._now).run()

    def twins(self, search: Search, known: Collection[str]) -> tuple[RemoteInvoice, ...]:
        """Invoices with the marker beside those that are known by id, among the customer's latest of this day and amount."""
        return InvoiceSearch(self._client, search, self._page_size, self._now).twins(known)

    def create_invoice(self, draft: InvoiceDraft) -> RemoteInvoice:
        """Create a draft invoice (contract wefact 10.4). The answer's content is for the caller to compare with what was sent."""
        return self._client.invoice_add(mapping.invoice_fields(draft, self._persona))

    def show(self, remote_id: str) -> RemoteInvoice:
        """The invoice as it stands now. Raises `NotFound` when the package refuses to show it."""
        try:
            return self._client.invoice_show(_checked_id(remote_id))
        except Rejected as refused:
            if refused.reason != "rejected":
                raise
            raise NotFound("not_found", refused.detail, remote_id=remote_id) from refused

    def send(self, remote_id: str) -> SentInvoice:
        """Number and mail the invoice, then read it back; failing to read it back does not undo that it was sent."""
        said = self._client.invoice_sendbyemail(_checked_id(remote_id))
        try:
            invoice = self._client.invoice_show(_checked_id(remote_id))
        except ConnectorError as error:
            return SentInvoice(remote_id, None, said.warnings, error)
        return SentInvoice(remote_id, invoice, said.warnings)


def _checked_id(remote_id: str) -> str:
    try:
        return identifier(remote_id)
    except Unusable as error:
        raise Rejected("invalid_for_wire", str(error), field="remote_id") from error


def _telling_word(name: str) -> str:
    """The longest word, plain letters before others because a search may or may not see through accents; empty when all are short."""
    words = [word for word in re.findall(r"[^\W_]+", name) if len(word) >= SHORTEST_WORD]
    return max(words, key=lambda word: (word.isascii(), len(word)), default="")


def _as_row(raw: object) -> mapping.Row:
    if not isinstance(raw, dict):
        raise Unusable("row", raw)
    return raw


def _may_be_numbered(raw: object, code: str) -> bool:
    """False only for a row that plainly shows another number."""
    number = raw.get("DebtorCode") if isinstance(raw, dict) else None
    return not isinstance(number, str) or same_code(number, code)


def _customer_page(page: Page) -> CustomerPage:
    rows: list[CustomerRecord] = []
    failed: list[tuple[str, str]] = []
    for place, raw in enumerate(page.listing.rows, start=page.offset + 1):
        try:
            rows.append(mapping.customer(_as_row(raw)))
        except Unusable as error:
            failed.append((_name_of(raw, place), str(error)))
    total = page.listing.total
    seen = page.offset + len(page.listing.rows)
    return CustomerPage(tuple(rows), page.offset, seen if total is None else total, page.listing.server_time, page.last, tuple(failed))


def _name_of(raw: object, place: int) -> str:
    for field in ("DebtorCode", "Identifier") if isinstance(raw, dict) else ():
        value = raw.get(field) if isinstance(raw, dict) else None
        if isinstance(value, (str, int)) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return f"row {place}"
