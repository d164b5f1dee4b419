"""What an answer of WeFact or HostFact means: read strictly, decided by `status` and the echo, never by the HTTP code alone.

Contract wefact 2.1 and 3. The default is doubt: what is not understood is an unknown outcome for a write.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.errors import AccessRefused, ConnectorError, NotProcessed, OutcomeUnknown, Rejected, Unavailable
from connectors.http import HttpAnswer, retry_hint

_ADDRESS = r"(?P<address>[0-9A-Fa-f][0-9A-Fa-f.:]{2,44})"
_NO_ACCESS = re.compile(rf"(?:\bIP\s+{_ADDRESS}\s+)?has no access to API", re.IGNORECASE)
_FIREWALL = re.compile(rf"(?:\bIP\s+{_ADDRESS}\s+)?(?:is\s+)?currently in firewall", re.IGNORECASE)
_KEY = re.compile(r"API[- ]?sleutel|API[- ]?key", re.IGNORECASE)
_KEY_SENTENCE = re.compile(r"De API[- ]?sleutel kan niet worden gevonden\.?|API[- ]?key is invalid\.?", re.IGNORECASE)
_ROUTING = re.compile(r"Invalid (?:action|controller)\.?", re.IGNORECASE)
_DETAIL_LENGTH = 1000


@dataclass(frozen=True, slots=True)
class Envelope:
    """A successful answer (contract wefact 3). `date` is the server's own clock, ISO 8601 with offset, or empty."""

    date: str
    data: Mapping[str, Any]
    said: tuple[str, ...]
    warnings: tuple[str, ...]


class _NotAnEnvelope(ValueError):
    """The body is not one JSON object, once, in UTF-8."""


def envelope(answer: HttpAnswer, controller: str, action: str, *, writes: bool) -> Envelope:
    """The answer's content when it certainly is a success of this very call.

    Raises `AccessRefused`, `NotProcessed`, `Rejected`, and in doubt `OutcomeUnknown` for a write, `Unavailable` for a read.
    """
    lost: type[ConnectorError] = OutcomeUnknown if writes else Unavailable
    try:
        body = _strict_json(answer.body, tolerate_mark=not writes)
    except _NotAnEnvelope as error:
        raise _without_envelope(answer, str(error), lost) from error
    echoed = _echo(body) == (controller.lower(), action.lower())
    words = _texts(body.get("errors"))
    if body.get("status") == "error" and (access := _access(words, echoed)):
        raise access
    if answer.status in (401, 403) and not (echoed and body.get("status") == "success"):
        raise _forbidden(answer.status, " ".join(words))
    if answer.status in (429, 503) and not echoed:
        raise _not_processed(answer, body.get("retry_after"))
    return _decided(answer.status, body, words, echoed, lost)


def _decided(status: int, body: Mapping[str, Any], words: list[str], echoed: bool, lost: type[ConnectorError]) -> Envelope:
    detail = "; ".join(words)[:_DETAIL_LENGTH]
    if status >= 500:
        raise lost("server_error", detail, http_status=status)
    if body.get("status") == "error" and not echoed and _echo(body)[0] == "invalid":
        raise AccessRefused("access_refused", detail)
    if not echoed:
        raise lost("wrong_echo", "/".join(_echo(body))[:200], http_status=status)
    if body.get("status") == "error":
        raise Rejected("rejected", detail, http_status=status)
    if body.get("status") != "success" or not 200 <= status < 300:
        raise lost("unexpected", f"status {str(body.get('status'))[:50]!r}", http_status=status)
    date = body.get("date")
    return Envelope(date if isinstance(date, str) else "", body, tuple(_texts(body.get("success"))), tuple(_texts(body.get("warning"))))


def _without_envelope(answer: HttpAnswer, why: str, lost: type[ConnectorError]) -> ConnectorError:
    text = answer.body[:4096].decode("utf-8", "replace")
    if answer.status in (401, 403):
        return _forbidden(answer.status, text)
    if answer.status in (429, 503):
        return _not_processed(answer, None)
    if answer.status >= 500:
        return lost("server_error", http_status=answer.status)
    return lost("not_json", why, http_status=answer.status)


def _forbidden(status: int, text: str) -> ConnectorError:
    words = _without_tags(text[:4096])
    return _access([words], echoed=False) or AccessRefused("access_refused", words, http_status=status)


def _not_processed(answer: HttpAnswer, body_hint: object) -> NotProcessed:
    reason = "too_many" if answer.status == 429 else "unavailable"
    return NotProcessed(reason, retry_after=retry_hint(answer.headers, body_hint), http_status=answer.status)


def _access(words: list[str], echoed: bool) -> ConnectorError | None:
    """An error that says we were not let in or not understood.

    Once the request was routed only the very sentences count: a customer may be called "API key".
    """
    for sentence in (word.strip(" .\r\n\t") for word in words):
        for pattern, reason in ((_FIREWALL, "firewall"), (_NO_ACCESS, "address_refused")):
            found = (pattern.fullmatch if echoed else pattern.search)(sentence)
            if found:
                return AccessRefused(reason, _without_tags(sentence), address=found["address"] or "")
        if _ROUTING.fullmatch(sentence):
            return Rejected("routing", sentence)
        if _KEY_SENTENCE.fullmatch(sentence) or (not echoed and _KEY.search(sentence)):
            return AccessRefused("key_refused", _without_tags(sentence))
    return None


def _without_tags(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]{0,500}>", " ", text)).strip()[:_DETAIL_LENGTH]


def _echo(body: Mapping[str, Any]) -> tuple[str, str]:
    controller, action = body.get("controller"), body.get("action")
    return (
        controller.lower() if isinstance(controller, str) else "",
        action.lower() if isinstance(action, str) else "",
    )


def _texts(value: object) -> list[str]:
    """Sentences, whether they come as a list, an object or alone."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _strict_json(body: bytes, *, tolerate_mark: bool) -> dict[str, Any]:
    """One JSON object. A byte order mark is tolerated on reads, where a wrong guess changes nothing."""
    try:
        text = body.decode("utf-8")
        if tolerate_mark:
            text = text.removeprefix("\ufeff")
        found = json.loads(text, parse_float=_decimal, parse_int=_integer, parse_constant=_constant, object_pairs_hook=_once_each)
    except RecursionError as error:
        raise _NotAnEnvelope("nested too deeply") from error
    except (ValueError, InvalidOperation) as error:
        raise _NotAnEnvelope(str(error)[:200]) from error
    if not isinstance(found, dict):
        raise _NotAnEnvelope(f"a {type(found).__name__}, not an object")
    return found


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not -30 <= value.adjusted() <= 30:
        raise ValueError("a number beyond all measure")
    return value


def _integer(text: str) -> int:
    if len(text) > 30:
        raise ValueError("a number beyond all measure")
    return int(text)


def _constant(text: str) -> object:
    raise ValueError(f"{text} is not a number")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found
