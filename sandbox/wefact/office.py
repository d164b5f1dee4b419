"""The office: takes one request, decides what happens, and says how the answer is to be delivered."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.wefact import wire
from sandbox.wefact.actions import route
from sandbox.wefact.books import Books
from sandbox.wefact.call import Answer, Call, cleaned
from sandbox.wefact.envelope import envelope, with_oddities
from sandbox.wefact.faults import Fault
from sandbox.wefact.gate import Gate
from sandbox.wefact.movement import move_between_pages
from sandbox.wefact.persona import Persona
from sandbox.wefact.records import JournalEntry, PendingCall
from sandbox.wefact.store import Store
from sandbox.wefact.switches import Switches
from sandbox.wefact.values import Parameters, Refusal

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"
_LONG_TEXT = 2000
MAINTENANCE = "<!DOCTYPE html><html><head><title>Onderhoud</title></head><body><h1>Even geduld</h1></body></html>"


@dataclass
class Reply:
    """What goes back over the socket; `fault` changes the manner of delivery."""

    http_status: int
    body: bytes
    headers: dict[str, str]
    fault: Fault | None = None


@dataclass
class Request:
    """What came in over the socket, apart from the body."""

    ip: str
    method: str
    path: str
    content_type: str
    body: bytes
    values: dict[str, Any] = field(default_factory=dict)
    key: str = ""
    controller: str = ""
    action: str = ""


class Office:
    """One administration of one persona; handles one request at a time, as its books allow."""

    def __init__(self, persona: Persona, books: Books, switches: Switches, gate: Gate, store: Store | None = None) -> None:
        self.persona, self.books, self.switches, self.gate, self.store = persona, books, switches, gate, store
        books.perform = self._perform

    def handle(self, request: Request) -> Reply:
        """Firewall and counters, then address, key, routing and validation, in this order (contract wefact 17)."""
        request.ip = self.switches.client_ip or request.ip
        with self.books.lock:
            self.books.zone = self.switches.zone
            self.books.settle()
            now = self.books.clock.now()
            self._read(request)
            entry = self._journal(request, now)
            reply = self._answered(request, entry, now)
            entry.http_status = reply.http_status
            self.books.keep_journal(entry)
            self.save()
        return reply

    def note(self, request: Request, http_status: int) -> None:
        """Keeps a request for a wrong path or method in the journal; it never gets as far as the books."""
        with self.books.lock:
            self._read(request)
            entry = self._journal(request, self.books.clock.now())
            entry.http_status, entry.status = http_status, "nowhere"
            self.books.keep_journal(entry)
            self.save()

    def save(self) -> None:
        if self.store is not None:
            self.store.save(self.books)

    def _read(self, request: Request) -> None:
        body = request.body if len(request.body) <= self.switches.max_body_bytes else b""
        values = wire.decode_body(body, request.content_type, self.switches.accepts_json, self.switches.max_input_vars)
        request.key, request.controller, request.action = (
            str(value) if isinstance(value := values.pop(name, ""), str) else "" for name in ("api_key", "controller", "action")
        )
        request.controller, request.action = request.controller.lower(), request.action.lower()
        request.values = values

    def _journal(self, request: Request, now: datetime) -> JournalEntry:
        identifier = self.books.next_journal_identifier()
        keys = {self.gate.api_key, request.key}
        path = _redacted(request.path.partition("?")[0], keys)
        return JournalEntry(
            identifier,
            f"request-{identifier}",
            now.isoformat(),
            request.ip,
            request.method,
            path,
            request.content_type,
            request.controller,
            request.action,
            _without(request.values, keys),
        )

    def _answered(self, request: Request, entry: JournalEntry, now: datetime) -> Reply:
        if self.gate.is_banned(request.ip, now) or not self.gate.count(request.ip, now):
            return self._firewall(request, entry, now)
        fault = self.switches.faults.take(f"{request.controller}/{request.action}")
        if fault is not None:
            entry.fault = fault.kind
            self._strike_access(fault, request.ip, now)
            if fault.kind == "firewall":
                return self._firewall(request, entry, now)
        refusal = self._refused_at_the_gate(request, now)
        if refusal is not None:
            entry.status, entry.errors = "error", refusal["errors"]
            return self._json(request, refusal, now, fault)
        wrapped = self._envelope(request, fault, entry, now)
        return self._json(request, wrapped, now, fault)

    def _strike_access(self, fault: Fault, ip: str, now: datetime) -> None:
        if fault.kind == "firewall":
            self.gate.ban(ip, now, fault.options.get("seconds"))
        elif fault.kind == "key_revoked":
            self.switches.key_revoked = True
        elif fault.kind == "ip_removed":
            self.switches.ip_removed = True

    def _refused_at_the_gate(self, request: Request, now: datetime) -> dict[str, Any] | None:
        if not self.gate.allows_ip(request.ip):
            sentence = f"IP {request.ip} has no access to API"
        elif not self.gate.allows_key(request.key, request.ip, now):
            sentence = self.persona.wrong_key
        else:
            return None
        return envelope("invalid", "invalid", "error", now, self.books.zone, {"errors": [sentence]})

    def _firewall(self, request: Request, entry: JournalEntry, now: datetime) -> Reply:
        sentence = f"IP {request.ip} currently in firewall"
        entry.status, entry.errors = "firewall", [sentence]
        if self.switches.firewall_body == "json":
            wrapped = envelope("invalid", "invalid", "error", now, self.books.zone, {"errors": [sentence]})
            reply = self._json(request, wrapped, now, None)
            reply.http_status = 403
            return reply
        return Reply(403, sentence.encode(), self._headers("text/plain; charset=utf-8", request.ip, now))

    def _envelope(self, request: Request, fault: Fault | None, entry: JournalEntry, now: datetime) -> dict[str, Any]:
        zone = self.books.zone
        try:
            if fault is not None and fault.kind == "refuse":
                raise Refusal(str(fault.options.get("text", "De zandbak weigert deze opdracht")))
            if fault is not None and not fault.commits:
                self._postpone(fault, request, now)
                answer: Answer = {}
            else:
                answer = self._carry_out(request, now)
        except Refusal as refusal:
            entry.status, entry.errors = "error", refusal.messages
            errors = {"errors": refusal.messages}
            return envelope(request.controller, request.action, "error", now, zone, errors)
        entry.status = "success"
        entry.record = _record_of(answer)
        if fault is not None and fault.kind == "warning":
            answer["warning"] = [str(fault.options.get("text", "Let op: de zandbak waarschuwt"))]
        return envelope(request.controller, request.action, "success", now, zone, answer)

    def _carry_out(self, request: Request, now: datetime) -> Answer:
        parameters = Parameters(cleaned(request.values, self.switches))
        call = Call(self.books, self.switches, self.persona, request.controller, request.action, parameters, now)
        answer = route(call)(call)
        if request.action == "list":
            move_between_pages(call, answer)
        return answer

    def _postpone(self, fault: Fault, request: Request, now: datetime) -> None:
        """Keeps a slow commit for later; it carries the stamps of the moment of the call."""
        if fault.kind != "slow_commit":
            return
        due = now + timedelta(seconds=float(fault.options.get("seconds", 10)))
        identifier = self.books.pending.take_identifier()
        self.books.pending.save(
            PendingCall(
                identifier,
                f"slow-{identifier}",
                due.isoformat(),
                now.isoformat(),
                request.controller,
                request.action,
                request.values,
            )
        )

    def _perform(self, pending: PendingCall) -> None:
        """Carries out a postponed call; a refusal then is nobody's answer, only a line in the journal."""
        request = Request("", "", "", "", b"", pending.parameters, "", pending.controller, pending.action)
        called_at = datetime.fromisoformat(pending.called_at)
        entry = self._journal(request, self.books.clock.now())
        entry.method, entry.fault, entry.status = "LATER", pending.code, "success"
        try:
            entry.record = _record_of(self._carry_out(request, called_at))
        except Refusal as refusal:
            entry.status, entry.errors = "error", refusal.messages
        self.books.keep_journal(entry)
        self.save()

    def _json(self, request: Request, wrapped: dict[str, Any], now: datetime, fault: Fault | None) -> Reply:
        headers = self._headers(JSON_TYPE, request.ip, now)
        kind = fault.kind if fault else ""
        if kind == "wrong_echo":
            wrapped = wrapped | {"controller": "ticket", "action": "close"}
        body = wire.encode(with_oddities(wrapped, self.switches))
        status = 200
        if kind in ("html_200", "html_502"):
            status, body = int(kind[-3:]), MAINTENANCE.encode()
            headers["Content-Type"] = HTML_TYPE
        elif kind == "redirect":
            status, body = 302, MAINTENANCE.encode()
            headers |= {"Content-Type": HTML_TYPE, "Location": str(fault.options.get("location", "/inloggen")) if fault else ""}
        elif kind == "bom_and_notice":
            body = b"\xef\xbb\xbf<br />\n<b>Notice</b>:  Undefined index: Modified in <b>/api.php</b><br />\n" + body
        return Reply(status, body, headers, fault)

    def _headers(self, content_type: str, ip: str, now: datetime) -> dict[str, str]:
        headers = {"Content-Type": content_type}
        if self.persona.is_wefact:
            return headers | self.gate.headers(ip, now)
        return headers | {
            "Set-Cookie": f"PHPSESSID={secrets.token_hex(13)}; path=/; HttpOnly",
            "Expires": "Thu, 19 Nov 1981 08:52:00 GMT",
            "Cache-Control": "no-store, no-cache, must-revalidate",
            "Pragma": "no-cache",
        }


def _record_of(answer: Answer) -> str:
    for name in ("invoice", "debtor", "product", "group"):
        if isinstance(answer.get(name), dict):
            return str(answer[name].get("Identifier", ""))
    return ""


def _redacted(text: str, keys: set[str]) -> str:
    for key in keys:
        text = text.replace(key, "(key)") if len(key) > 3 else text
    return text


def _without(values: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    """The parameters without the key, wherever it may have slipped in, and with long texts shortened."""
    kept: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            kept[name] = _without(value, keys)
            continue
        text = _redacted(str(value), keys)
        kept[name] = text if len(text) <= _LONG_TEXT else f"{text[:100]}… ({len(text)} characters)"
    return kept
