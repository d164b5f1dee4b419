"""WeFact's and HostFact's remote calls, one thin method each: the form out, the answer in, both in the journal without the key.

Order of every call: `wire.take`, `wire.opened`, the request (`wire.before_write` in its middle when it writes), `wire.pace` when the
answer names a budget, `wire.closed`. Which answer means what is in `answers.py`, which field means what in `mapping.py`.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from connectors.base import Answer, Wire
from connectors.errors import ConnectorError, NotSent, OutcomeUnknown, Unavailable
from connectors.http import Http, HttpAnswer, retried
from connectors.records import CustomerRecord, RemoteInvoice, TaxCodeRecord
from connectors.wefact import mapping
from connectors.wefact.answers import Envelope, envelope
from connectors.wefact.persona import Persona
from connectors.wefact.values import Fields, Unusable, collection, form_body, form_pairs, same_code

JOURNAL_BYTES = 64 * 1024
_REDACTED = "[redacted]"
_LONGEST_SPELLING = 16

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list as it came: raw rows, what the package says there are in all (None: it does not say), the filters it echoed."""

    rows: tuple[object, ...]
    total: int | None
    server_time: str
    filters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Said(Generic[Result]):
    """A result with the server's clock and its warnings."""

    result: Result
    server_time: str
    warnings: tuple[str, ...] = ()


class WeFactClient:
    """One administration, spoken to with one key.

    Every method may raise a `ConnectorError`; reads are repeated up to three times where that is harmless, unless `repeat` is false.
    """

    def __init__(self, persona: Persona, url: str, api_key: str, http: Http, wire: Wire, pause: Callable[[float], None]) -> None:
        self._persona = persona
        self._url = url
        self._api_key = api_key
        self._http = http
        self._wire = wire
        self._pause = pause
        self._redact = _redactor(api_key, persona.login_fields)

    def settings_list(self, *, repeat: bool = True) -> Said[list[TaxCodeRecord]]:
        """The sale codes among the settings; WeFact only (contract wefact 7)."""
        return self._read("settings", "list", {}, lambda found: Said(mapping.tax_codes(found.data.get("settings")), found.date), repeat)

    def product_list(self, fields: Fields) -> Listing:
        """A page of products (contract wefact 9.1)."""
        return self._read("product", "list", fields, partial(_listing, key="products"))

    def debtor_list(self, fields: Fields, *, repeat: bool = True) -> Listing:
        """A page of customers (contract wefact 8.1)."""
        return self._read("debtor", "list", fields, partial(_listing, key="debtors"), repeat)

    def debtor_show(self, *, code: str = "", remote_id: str = "") -> CustomerRecord:
        """A full customer, by code or by id (contract wefact 8.2)."""
        key = {"Identifier": remote_id} if remote_id else {"DebtorCode": code}
        return self._read("debtor", "show", key, partial(_asked_customer, code=code, remote_id=remote_id))

    def debtor_add(self, fields: Fields) -> CustomerRecord:
        """Create a customer (contract wefact 8.3)."""
        code = str(fields.get("DebtorCode", ""))
        return self._write("debtor", "add", fields, partial(_asked_customer, code=code))

    def invoice_list(self, fields: Fields, *, repeat: bool = True) -> Listing:
        """A page of invoices (contract wefact 10.2)."""
        return self._read("invoice", "list", fields, partial(_listing, key="invoices"), repeat)

    def invoice_show(self, remote_id: str) -> RemoteInvoice:
        """A full invoice, by id: never by the digits of a draft's code (contract wefact 10.3)."""
        return self._read("invoice", "show", {"Identifier": remote_id}, partial(_invoice, persona=self._persona, remote_id=remote_id))

    def invoice_add(self, fields: Fields) -> RemoteInvoice:
        """Create an invoice (contract wefact 10.4)."""
        return self._write("invoice", "add", fields, partial(_invoice, persona=self._persona))

    def invoice_sendbyemail(self, remote_id: str) -> Said[None]:
        """Number the invoice and mail it; cannot be undone, and a second time mails again (contract wefact 10.6)."""
        fields = {"Identifier": remote_id}
        return self._write("invoice", "sendbyemail", fields, lambda found: Said(None, found.date, found.warnings))

    def at(self, url: str) -> WeFactClient:
        """The same administration under another path of the same server."""
        return WeFactClient(self._persona, url, self._api_key, self._http, self._wire, self._pause)

    def _read(self, controller: str, action: str, fields: Fields, understand: Callable[[Envelope], Result], repeat: bool = True) -> Result:
        def attempt() -> Result:
            return self._call(controller, action, fields, understand, writes=False)

        return retried(attempt, self._pause, self._http.call_seconds) if repeat else attempt()

    def _write(self, controller: str, action: str, fields: Fields, understand: Callable[[Envelope], Result]) -> Result:
        return self._call(controller, action, fields, understand, writes=True)

    def _call(self, controller: str, action: str, fields: Fields, understand: Callable[[Envelope], Result], *, writes: bool) -> Result:
        if not self._api_key.strip() or not self._url:
            raise NotSent("not_configured", field="api_key" if self._url else "url")
        reserved = [("api_key", self._api_key.strip()), ("controller", controller), ("action", action)]
        pairs = form_pairs(fields, reserved)
        lines = [f"{name}={_one_line(value)}" for name, value in pairs if name != "api_key"]
        self._wire.take()
        call = self._wire.opened(f"{controller}/{action}", _fitting(self._redact("\n".join(lines))), writes)
        course = _Course(time.monotonic())
        try:
            course.answer = self._send(form_body(pairs), writes, course)
            result = self._understood(course.answer, controller, action, understand, writes)
            course.outcome = "ok"
            return result
        except ConnectorError as error:
            course.outcome, course.http_status = error.reason, _whole(error.params.get("http_status"))
            self._without_key(error)
            raise
        finally:
            self._wire.closed(call, self._journalled(course))

    def _send(self, body: bytes, writes: bool, course: _Course) -> HttpAnswer:
        def before_write() -> None:
            course.outcome = "stopped"
            self._wire.before_write()
            course.outcome = "interrupted"

        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        answer = self._http.send(
            "POST", self._url, headers=headers, body=body, writes=writes, before_write=before_write if writes else None
        )
        budget = [_whole(answer.headers.get(f"api-ratelimit-{name}")) for name in _BUDGET_HEADERS]
        if any(value is not None for value in budget):
            self._wire.pace(*budget)
        return answer

    def _understood(
        self, answer: HttpAnswer, controller: str, action: str, understand: Callable[[Envelope], Result], writes: bool
    ) -> Result:
        found = envelope(answer, controller, action, writes=writes)
        try:
            return understand(found)
        except Unusable as error:
            raise (OutcomeUnknown if writes else Unavailable)("unexpected", str(error), field=error.field) from error

    def _journalled(self, course: _Course) -> Answer:
        status = course.answer.status if course.answer else course.http_status
        body = self._excerpt(course.answer.body) if course.answer else ""
        return Answer(course.outcome, status, body, int((time.monotonic() - course.started) * 1000))

    def _excerpt(self, body: bytes) -> str:
        """What the journal keeps of a body. Where it was cut a piece of the key could be left, unrecognisable: so much goes too."""
        some = body[: 2 * JOURNAL_BYTES].decode("utf-8", "replace")
        kept = self._redact(some)
        if len(body) > 2 * JOURNAL_BYTES:
            kept = kept[: -_LONGEST_SPELLING * len(self._api_key)]
        return _fitting(kept)

    def _without_key(self, error: ConnectorError) -> None:
        error.detail = self._redact(error.detail)
        error.params = {name: self._redact(value) if isinstance(value, str) else value for name, value in error.params.items()}
        error.args = (f"{error.reason}: {error.detail}" if error.detail else error.reason,)


_BUDGET_HEADERS = ("remaining-minute", "remaining-hour", "reset-minute", "reset-hour")


@dataclass(slots=True)
class _Course:
    """How a call goes, for the journal. `interrupted`: it was begun and nobody can say more."""

    started: float
    outcome: str = "interrupted"
    answer: HttpAnswer | None = None
    http_status: int | None = None


def _listing(found: Envelope, key: str) -> Listing:
    rows = tuple(collection(found.data.get(key), key))
    filters = found.data.get("filters")
    return Listing(rows, _whole(found.data.get("totalresults")), found.date, filters if isinstance(filters, dict) else {})


def _asked_customer(found: Envelope, code: str = "", remote_id: str = "") -> CustomerRecord:
    record = mapping.customer(_record(found, "debtor"), complete=True)
    if code and not same_code(record.number, code):
        raise Unusable("DebtorCode", record.number)
    if remote_id and record.remote_id != remote_id:
        raise Unusable("Identifier", record.remote_id)
    return record


def _invoice(found: Envelope, persona: Persona, remote_id: str = "") -> RemoteInvoice:
    record = mapping.invoice(_record(found, "invoice"), persona)
    if remote_id and record.remote_id != remote_id:
        raise Unusable("Identifier", record.remote_id)
    return record


def _record(found: Envelope, key: str) -> Mapping[str, object]:
    record = found.data.get(key)
    if not isinstance(record, dict):
        raise Unusable(key, record)
    return record


def _whole(value: object) -> int | None:
    """A count, an int or digits; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,12}\s*", value, re.ASCII):
        return int(value)
    return None


def _one_line(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


def _fitting(text: str) -> str:
    """The text cut to what the journal keeps, on a whole character."""
    return text.encode("utf-8", "replace")[:JOURNAL_BYTES].decode("utf-8", "ignore")


def _redactor(api_key: str, login_fields: tuple[str, ...]) -> Callable[[str], str]:
    """Takes the key out of a text, however an echo may spell it, and the values of login fields."""
    key = api_key.strip()
    secret = re.compile("".join(_spellings(character) for character in key) or r"(?!)", re.IGNORECASE)
    named = "|".join(map(re.escape, login_fields)) or r"(?!)"
    login = re.compile(rf'("(?:{named})"\s*:\s*)(?:"(?:[^"\\]|\\.)*"?|[^,}}\s]+)')

    def redact(text: str) -> str:
        return login.sub(rf'\1"{_REDACTED}"', secret.sub(_REDACTED, text))

    return redact


def _spellings(character: str) -> str:
    """One character as itself, and escaped for JSON, for an address and for HTML, in both cases."""
    written: set[str] = {rf"\\*{re.escape(character)}"}
    for one in {character, character.lower(), character.upper()}:
        written.add("".join(f"%{byte:02x}" for byte in one.encode()))
        written |= {re.escape(html.escape(letter)) for letter in one if html.escape(letter) != letter}
        written |= {rf"\\+u{ord(letter):04x}|&#0*{ord(letter)};|&#x0*{ord(letter):x};" for letter in one}
    return f"(?:{'|'.join(sorted(written))})"
