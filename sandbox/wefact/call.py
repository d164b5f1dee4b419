"""One call on its way through the actions: what it may read and write, and how texts are cleaned on the way in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.wefact.books import Books
from sandbox.wefact.persona import Persona
from sandbox.wefact.switches import Switches
from sandbox.wefact.values import Parameters, Refusal
from sandbox.wefact.wire import JsonNumber

# The caps of contract wefact 16, by the name of the field.
LENGTHS = {
    "DebtorCode": 50,
    "ProductCode": 50,
    "InvoiceCode": 50,
    "CompanyName": 100,
    "Initials": 100,
    "SurName": 100,
    "ProductName": 100,
    "EmailAddress": 255,
    "InvoiceEmailAddress": 255,
    "ReferenceNumber": 50,
    "Description": 2000,
    "NumberSuffix": 50,
}
Answer = dict[str, Any]


@dataclass
class Call:
    """Everything an action needs; `now` is the aware instant at which the caller called."""

    books: Books
    switches: Switches
    persona: Persona
    controller: str
    action: str
    parameters: Parameters
    now: datetime

    @property
    def wefact(self) -> bool:
        return self.persona.is_wefact

    @property
    def stamp(self) -> str:
        return self.books.stamp(self.now)

    @property
    def today(self) -> str:
        return self.books.today(self.now)


def cleaned(values: dict[str, Any], switches: Switches) -> dict[str, Any]:
    """The parameters after what the server does to long texts and to four-byte characters (contract wefact 16.1)."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            result[name] = cleaned(value, switches)
            continue
        if isinstance(value, JsonNumber) and switches.json_numbers_refused:
            raise Refusal(f"Invalid type for '{name}'")
        result[name] = _shortened(name, _narrow(name, value, switches.four_byte_characters), switches.maximum_lengths)
    return result


def _narrow(name: str, text: str, rule: str) -> str:
    position = next((index for index, character in enumerate(text) if ord(character) > 0xFFFF), None)
    if position is None or rule == "keep":
        return text
    if rule == "error":
        raise Refusal(f"Ongeldige tekens in {name}")
    if rule == "truncate":
        return text[:position]
    return "".join(character for character in text if ord(character) <= 0xFFFF)


def _shortened(name: str, text: str, rule: str) -> str:
    cap = LENGTHS.get(name)
    if cap is None or len(text) <= cap or rule == "off":
        return text
    if rule == "error":
        raise Refusal(f"De waarde van {name} is te lang (maximaal {cap} tekens)")
    return text[:cap]
