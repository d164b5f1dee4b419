"""Value formats: what may come in and how it goes out (contract wefact 3.2)."""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

CENT = Decimal("0.01")
_DECIMAL = re.compile(r"-?\d{1,12}(\.\d{1,8})?\Z")
_WHOLE = re.compile(r"-?\d{1,9}\Z")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z")
_STAMP = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\Z")


class Refusal(Exception):
    """A business refusal: status `error`, HTTP 200 and these sentences (contract wefact 3)."""

    def __init__(self, *messages: str) -> None:
        super().__init__(*messages)
        self.messages = list(messages)


def half_up(value: Decimal) -> Decimal:
    """Rounds to cents, half away from zero."""
    return value.quantize(CENT, rounding=ROUND_HALF_UP)


def money(value: Decimal) -> str:
    """An amount in currency units as text with two decimals, such as `302.50`."""
    return str(half_up(value))


def unpadded(value: Decimal) -> str:
    """A price or quantity as text without needless zeros, such as `25` or `82.5`."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def number(value: Decimal) -> int | float:
    """A real JSON number, not padded."""
    return int(value) if value == value.to_integral_value() else float(value)


class Parameters:
    """The parameters of one call; every reader refuses the wrong shape with `Invalid type` (contract wefact 14)."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str) -> str | None:
        """The scalar sent under this name, None when it was not sent."""
        value = self.values.get(name)
        if isinstance(value, dict):
            raise Refusal(f"Invalid type for '{name}'")
        return value

    def array(self, name: str) -> dict[str, Any] | None:
        """The array sent under this name, None when it was not sent."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            raise Refusal(f"Invalid type for '{name}'")
        return value

    def rows(self, name: str, json_text_allowed: bool = False) -> list[Parameters] | None:
        """The list of records sent under this name, whatever its indexes were, None when it was not sent."""
        value = self.values.get(name)
        if json_text_allowed and isinstance(value, str):
            value = _rows_from_json(value)
        if value is None:
            return None
        if not isinstance(value, dict) or not all(isinstance(item, dict) for item in value.values()):
            raise Refusal(f"Invalid type for '{name}'")
        return [Parameters(item) for item in value.values()]

    def decimal(self, name: str) -> Decimal | None:
        """A number with a dot and no grouping, None when it was not sent or empty."""
        text = self.text(name)
        if text is None or text == "":
            return None
        if not _DECIMAL.match(text):
            raise Refusal(f"Ongeldige waarde voor {name}: gebruik een punt en geen scheidingsteken voor duizendtallen")
        return Decimal(text)

    def whole(self, name: str) -> int | None:
        """A whole number, None when it was not sent or empty."""
        text = self.text(name)
        if text is None or text == "":
            return None
        if not _WHOLE.match(text):
            raise Refusal(f"Ongeldige waarde voor {name}")
        return int(text)

    def date(self, name: str) -> str | None:
        """A date `YYYY-MM-DD` that exists, None when it was not sent or empty."""
        text = self.text(name)
        if text is None or text == "":
            return None
        if not is_date(text):
            raise Refusal(f"Ongeldige datum voor {name}")
        return text

    def choice(self, name: str, allowed: tuple[str, ...]) -> str | None:
        """One of a few words, None when it was not sent or empty."""
        text = self.text(name)
        if text is None or text == "":
            return None
        if text not in allowed:
            raise Refusal(f"Ongeldige waarde voor {name}")
        return text


def _rows_from_json(text: str) -> dict[str, Any] | str:
    try:
        decoded = json.loads(text, parse_int=str, parse_float=str)
    except ValueError:
        return text
    if isinstance(decoded, dict):
        decoded = list(decoded.values())
    return {str(index): item for index, item in enumerate(decoded)} if isinstance(decoded, list) else text


def is_date(text: str) -> bool:
    if not _DATE.match(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_stamp(text: str) -> bool:
    if not _STAMP.match(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
