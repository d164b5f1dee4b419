"""What the WeFact tests share: a wire that writes down, envelopes written by hand, and a connector on top of `responses`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import requests
import responses

from connectors.addresses import AddressRule
from connectors.base import Answer
from connectors.records import DraftLine, InvoiceDraft, Search
from connectors.wefact.connector import WeFactConnector
from connectors.wefact.persona import HOSTFACT, WEFACT, Persona

WEFACT_URL = "https://api.mijnwefact.nl/v2/"
HOSTFACT_BASE = "https://hostfact.example.com/Pro"
HOSTFACT_URL = HOSTFACT_BASE + "/apiv2/api.php"
KEY = "k3y-0f3c77aa51d94b2e"
MARKER = "UW7K-2MQ4ZT7XJ3KAB"
SERVER_TIME = "2026-11-20T10:12:31+01:00"
NOW = datetime(2026, 11, 20, 9, 12, 31, tzinfo=UTC)


@dataclass
class RecordingWire:
    """A wire that lets everything pass and remembers the order."""

    events: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    paces: list[tuple[int | None, ...]] = field(default_factory=list)
    writes: list[bool] = field(default_factory=list)
    fence: Callable[[], None] | None = None
    budget: Callable[[], None] | None = None

    def take(self) -> None:
        self.events.append("take")
        if self.budget:
            self.budget()

    def pace(self, remaining_minute: int | None, remaining_hour: int | None, reset_minute: int | None, reset_hour: int | None) -> None:
        self.events.append("pace")
        self.paces.append((remaining_minute, remaining_hour, reset_minute, reset_hour))

    def opened(self, operation: str, request: str, writes: bool) -> int:
        self.events.append(f"opened {operation}")
        self.requests.append(request)
        self.writes.append(writes)
        return len(self.requests)

    def before_write(self) -> None:
        self.events.append("before_write")
        if self.fence:
            self.fence()

    def closed(self, call: int, answer: Answer) -> None:
        self.events.append(f"closed {answer.outcome}")
        self.answers.append(answer)

    @property
    def outcomes(self) -> list[str]:
        return [answer.outcome for answer in self.answers]


class Pauses(list[float]):
    """A pause that does not take time."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def connector(persona: Persona = WEFACT, wire: RecordingWire | None = None, url: str | None = None, **options: Any) -> WeFactConnector:
    address = url if url is not None else (WEFACT_URL if persona is WEFACT else HOSTFACT_BASE)
    options.setdefault("pause", Pauses())
    options.setdefault("now", lambda: NOW)
    options.setdefault("address_rule", AddressRule())
    return WeFactConnector(
        persona, address, options.pop("api_key", KEY), wire or RecordingWire(), options.pop("call_seconds", 60), **options
    )


def url_of(persona: Persona) -> str:
    return WEFACT_URL if persona is WEFACT else HOSTFACT_URL


def form_of(request: requests.PreparedRequest) -> list[tuple[str, str]]:
    body = request.body
    return parse_qsl(body.decode() if isinstance(body, bytes) else str(body), keep_blank_values=True, strict_parsing=True)


def sent(number: int = -1) -> dict[str, str]:
    """The form of a call that `responses` caught, as a dict; a key that came twice fails the test."""
    pairs = form_of(responses.calls[number].request)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def said(controller: str, action: str, **content: Any) -> dict[str, Any]:
    return {"controller": controller, "action": action, "status": "success", "date": SERVER_TIME, **content}


def refused(controller: str, action: str, *errors: str) -> dict[str, Any]:
    return {"controller": controller, "action": action, "status": "error", "date": SERVER_TIME, "errors": list(errors)}


def listed(controller: str, rows: list[Any], total: int | None = None, offset: int = 0, **content: Any) -> dict[str, Any]:
    counts = {"totalresults": len(rows) if total is None else total, "currentresults": len(rows), "offset": offset}
    return said(controller, "list", **counts, **({f"{controller}s": rows} if rows else {}), **content)


def debtor(number: str = "K-2044", identifier: Any = "8123", **changed: Any) -> dict[str, Any]:
    row = {"Identifier": identifier, "DebtorCode": number, "CompanyName": f"Bedrijf {number}", "Sex": "u", "Initials": "Noor"}
    return row | {"SurName": "van Dalen", "EmailAddress": "noor@vandalen.example", "Modified": "2026-11-02 16:05:41"} | changed


def line(**changed: Any) -> dict[str, Any]:
    row = {"Identifier": 90211, "ProductCode": "UREN-SR", "Number": "7.25", "NumberSuffix": "uur", "PriceExcl": "82.5"}
    return row | {"TaxPercentage": 21, "TaxCode": "V21", "Description": "Onderhoud ketelhuis, week 46"} | changed


def invoice(identifier: Any = "40117", **changed: Any) -> dict[str, Any]:
    record: dict[str, Any] = {"Identifier": identifier, "InvoiceCode": "[concept]0003", "Debtor": "8123", "DebtorCode": "K-2044"}
    record |= {"Status": "0", "SubStatus": "", "Date": "2026-11-20", "Term": "14", "PayBefore": "2026-12-04", "Currency": "EUR"}
    record |= {"AmountExcl": "598.13", "AmountTax": "125.61", "AmountIncl": "723.74", "AmountPaid": "0.00", "AmountOutstanding": "723.74"}
    record |= {"ReferenceNumber": "PO 4500123", "Comment": MARKER, "Sent": "0", "SentDate": "", "EmailAddress": "noor@vandalen.example"}
    record |= {"InvoiceLines": [line()], "Created": "2026-11-20 10:12:31", "Modified": "2026-11-20 10:12:31"}
    return record | changed


def invoice_row(identifier: Any = "40117", **changed: Any) -> dict[str, Any]:
    """A list row: no lines, no reference, no comment."""
    absent = ("Comment", "ReferenceNumber", "InvoiceLines", "Created", "AmountTax", "Term", "EmailAddress")
    return {name: value for name, value in invoice(identifier).items() if name not in absent} | changed


def draft_line(**changed: Any) -> DraftLine:
    values: dict[str, Any] = {
        "description": "Onderhoud ketelhuis, week 46",
        "quantity": Decimal("7.25"),
        "unit": "uur",
        "unit_price": Decimal("82.50"),
        "net": Decimal("598.13"),
        "item_code": "UREN-SR",
        "vat_code": "V21",
        "vat_percentage": Decimal("21"),
        "on": date(2026, 11, 13),
    }
    return DraftLine(**values | changed)


def draft(**changed: Any) -> InvoiceDraft:
    values: dict[str, Any] = {
        "marker": MARKER,
        "customer_remote_id": "8123",
        "customer_number": "K-2044",
        "date": date(2026, 11, 20),
        "lines": (draft_line(),),
    }
    return InvoiceDraft(**values | changed)


def wanted(**changed: Any) -> Search:
    values: dict[str, Any] = {
        "marker": MARKER,
        "customer_number": "K-2044",
        "customer_remote_id": "8123",
        "since": "2026-11-20T09:12:00+00:00",
        "until": "2026-11-20T09:30:00+00:00",
        "net": Decimal("598.13"),
        "date": date(2026, 11, 20),
    }
    return Search(**values | changed)


class Remote:
    """Answers by controller and action: each asked in turn, the last one for ever. Falls over on a call nobody wrote an answer for."""

    def __init__(self, mocked: responses.RequestsMock, persona: Persona = WEFACT, url: str | None = None) -> None:
        self.calls: list[dict[str, str]] = []
        self._answers: dict[str, list[Any]] = {}
        mocked.add_callback(responses.POST, url or url_of(persona), callback=self._answer)

    def on(self, operation: str, *answers: Any) -> Remote:
        """`answers`: an envelope, (status, headers, text), or a function of the form."""
        self._answers[operation] = list(answers)
        return self

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        pairs = form_of(request)
        form = dict(pairs)
        self.calls.append(form)
        waiting = self._answers[f"{form['controller']}/{form['action']}"]
        answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if callable(answer):
            answer = answer(form)
        return answer if isinstance(answer, tuple) else (200, {}, json.dumps(answer))

    def asked(self, operation: str) -> list[dict[str, str]]:
        return [form for form in self.calls if f"{form['controller']}/{form['action']}" == operation]


__all__ = ["HOSTFACT", "WEFACT"]
