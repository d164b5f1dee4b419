"""Single values as WeFact and HostFact write them, both ways, and the form they travel in (contract wefact 1.1, 3.2)."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from urllib.parse import urlencode

from connectors.errors import Rejected

FORM_VARIABLES = 900
"""PHP drops what exceeds its `max_input_vars` (1000 by default) without a word (contract wefact 1.1)."""

Fields = Mapping[str, "FieldValue"]
FieldValue = str | Mapping[str, "FieldValue"] | Sequence["FieldValue"]

_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,15}(?:[.,][0-9]{0,12})?|[.,][0-9]{1,12})")
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]{1,12}")
_GROUPED_WITH_COMMA = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]{1,12}")
_UNSENDABLE = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ud800-\\udfff\\U00010000-\\U0010ffff]")


class Unusable(ValueError):
    """A value of a type or shape that we do not know. `field` says where."""

    def __init__(self, field: str, value: object) -> None:
        super().__init__(f"{field}: {str(value)[:100]!r} ({type(value).__name__})")
        self.field = field


def wire_text(text: str) -> str:
    """Text as it leaves: characters above U+FFFF, lone surrogates and control characters become U+FFFD (contract wefact 3.2)."""
    return _UNSENDABLE.sub("\ufffd", text)


def form_pairs(fields: Fields, reserved: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The variables of a form with PHP's brackets, the reserved keys last so that nothing can overwrite them.

    Raises `Rejected("invalid_for_wire")` (params: `field`, `limit`) past 900 variables.
    """
    pairs: list[tuple[str, str]] = []
    for name, value in fields.items():
        if name in {key for key, _ in reserved}:
            raise ValueError(f"{name} is set by the client only")
        pairs.extend(_flat(name, value))
    pairs.extend(reserved)
    if len(pairs) > FORM_VARIABLES:
        raise Rejected("invalid_for_wire", field="form", variables=len(pairs), limit=FORM_VARIABLES)
    return pairs


def form_body(pairs: Sequence[tuple[str, str]]) -> bytes:
    """The pairs as `application/x-www-form-urlencoded` in UTF-8."""
    return urlencode(pairs).encode("ascii")


def _flat(name: str, value: FieldValue) -> list[tuple[str, str]]:
    if isinstance(value, str):
        return [(name, wire_text(value))]
    inner = value.items() if isinstance(value, Mapping) else enumerate(value)
    return [pair for key, one in inner for pair in _flat(f"{name}[{key}]", one)]


def sent_number(value: Decimal, field: str, places: int = 4) -> str:
    """A number with a dot and no grouping, at least two decimals or none, never rounded (contract wefact 3.2).

    Raises `Rejected("invalid_for_wire")` (params: `field`, `limit`) when it has more than `places` decimals or is too large.
    """
    if not value.is_finite() or abs(value) >= Decimal(10) ** 12:
        raise Rejected("invalid_for_wire", field=field, limit="12 digits")
    written = format(value, "f")
    whole, _, decimals = written.partition(".")
    decimals = decimals.rstrip("0")
    if len(decimals) > places:
        raise Rejected("invalid_for_wire", field=field, limit=places)
    return f"{whole}.{decimals.ljust(2, '0')}" if decimals else whole


def identifier(value: object, field: str = "Identifier") -> str:
    """A record's id, a string or a real number on the wire, as plain digits. Raises `Unusable` for anything else."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,18}\s*", value, re.ASCII) and int(value) > 0:
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**18:
        return str(value)
    raise Unusable(field, value)


def optional_text(row: Mapping[str, object], field: str) -> str | None:
    """Text, or None when the answer does not tell. Raises `Unusable` for a list, an object or a truth value."""
    value = row.get(field)
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return str(value)
    raise Unusable(field, value)


def text(row: Mapping[str, object], field: str) -> str:
    """Text, empty when the answer does not tell."""
    return optional_text(row, field) or ""


def decimal(value: object, field: str) -> Decimal:
    """A number written as string, integer or real; a comma or grouping is understood too. Raises `Unusable`."""
    if isinstance(value, Decimal) and value.is_finite() and -20 <= value.adjusted() <= 20:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**18:
        return Decimal(value)
    if isinstance(value, str):
        bare = value.strip()
        if _NUMBER.fullmatch(bare):
            return Decimal(bare.replace(",", "."))
        if _GROUPED.fullmatch(bare):
            return Decimal(bare.replace(".", "").replace(",", "."))
        if _GROUPED_WITH_COMMA.fullmatch(bare):
            return Decimal(bare.replace(",", ""))
    raise Unusable(field, value)


def optional_decimal(row: Mapping[str, object], field: str) -> Decimal | None:
    """A number, or None when it is missing, empty or no number at all: for values we only show."""
    try:
        return decimal(row.get(field), field)
    except Unusable:
        return None


def optional_integer(row: Mapping[str, object], field: str) -> int | None:
    """A whole number, or None when it is missing or none."""
    value = optional_decimal(row, field)
    return int(value) if value is not None and value == value.to_integral_value() else None


def optional_date(row: Mapping[str, object], field: str) -> date | None:
    """A date, or None for an empty, zero or unreadable one."""
    found = re.match(r"\s*([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[ T].*)?\s*\Z", text(row, field), re.ASCII)
    if found is None:
        return None
    try:
        return date.fromisoformat(found[1])
    except ValueError:
        return None


def truth(value: object) -> bool:
    """`yes`, `1`, `true` in any spelling; everything else is no."""
    return str(value).strip().casefold() in ("yes", "ja", "1", "true")


def collection(value: object, field: str) -> list[object]:
    """A list, or the values of an object keyed by id; missing means empty (contract wefact 3.2). Raises `Unusable`."""
    if value is None or value == "":
        return []
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return list(value.values())
    raise Unusable(field, value)


def same_code(one: str, other: str) -> bool:
    """Whether two codes are the same: trimmed, case-insensitive, and blind to HTML escaping (contract wefact 3.2, 8.3)."""
    return html.unescape(one).strip().casefold() == html.unescape(other).strip().casefold()
