"""The envelope around an answer, and the oddities a switch may put into it (contract wefact 3)."""

from __future__ import annotations

import html
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.wefact.switches import Switches

COUNTERS = ("totalresults", "currentresults", "offset")
RECORDS = ("debtor", "product", "invoice", "group")
_NOT_TEXT = frozenset({"Base64", "Identifier", "DebtorCode", "InvoiceCode", "ProductCode"})


def envelope(controller: str, action: str, status: str, now: datetime, zone: str, answer: dict[str, Any]) -> dict[str, Any]:
    """Controller, action, status and the server's date with its offset, then the answer."""
    date = now.astimezone(ZoneInfo(zone)).isoformat(timespec="seconds")
    return {"controller": controller, "action": action, "status": status, "date": date} | answer


def with_oddities(wrapped: dict[str, Any], switches: Switches) -> dict[str, Any]:
    """The envelope as the switches bend it; the same object when none does."""
    if switches.warning_with_success and wrapped["status"] == "success":
        wrapped["warning"] = ["Let op: dit is een waarschuwing uit de zandbak"]
    if switches.counters_as_strings:
        wrapped |= {name: str(wrapped[name]) for name in COUNTERS if name in wrapped}
    if switches.extra_keys:
        wrapped["servertime_ms"] = 17
        for name in RECORDS:
            if name in wrapped:
                wrapped[name] = wrapped[name] | {"NieuwVeld": {"0": ["?"]}}
    bends = (
        switches.numbers_as_strings,
        switches.escaping == "html",
        switches.comma_decimals_in,
        switches.zero_dates,
        switches.nulls_for_empty,
    )
    return {name: _bent(name, value, switches) for name, value in wrapped.items()} if any(bends) else wrapped


def _bent(name: str, value: Any, switches: Switches) -> Any:
    if isinstance(value, dict):
        return {key: _bent(key, item, switches) for key, item in value.items()}
    if isinstance(value, list):
        return [_bent(name, item, switches) for item in value]
    if isinstance(value, int | float):
        return str(value) if switches.numbers_as_strings and name not in COUNTERS else value
    if value == "":
        if switches.zero_dates and "Date" in name:
            return "0000-00-00"
        return None if switches.nulls_for_empty else ""
    if name == switches.comma_decimals_in:
        return value.replace(".", ",")
    return html.escape(value) if switches.escaping == "html" and name not in _NOT_TEXT else value
