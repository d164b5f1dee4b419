"""The wire: PHP's form convention on the way in, PHP-flavoured JSON on the way out (contract wefact 1.1 and 3)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus


def decode_form(body: bytes, max_input_vars: int = 0) -> dict[str, Any]:
    """Decodes a form body as PHP does, arrays becoming dicts with string keys in order of arrival.

    Past `max_input_vars` variables (0: no limit) the rest vanishes without a word (contract wefact 1.1).
    """
    target: dict[str, Any] = {}
    pairs = [pair for pair in body.decode("utf-8", errors="replace").split("&") if pair]
    for pair in pairs[:max_input_vars] if max_input_vars else pairs:
        name, _, value = pair.partition("=")
        _assign(target, _path(unquote_plus(name)), unquote_plus(value))
    return target


def _path(name: str) -> list[str]:
    """Splits `InvoiceLines[0][Date]` into its steps; an unclosed bracket is part of the name, as in PHP."""
    head, bracket, rest = name.lstrip(" ").partition("[")
    steps = [head.replace(".", "_").replace(" ", "_")]
    while bracket:
        inner, closing, tail = rest.partition("]")
        if not closing:
            steps[0] += "_" + rest if len(steps) == 1 else ""
            break
        steps.append(inner)
        bracket, rest = tail[:1], tail[1:]
        if bracket != "[":
            break
    return steps


def _assign(target: dict[str, Any], steps: list[str], value: str) -> None:
    for step in steps[:-1]:
        key = step if step else _next_index(target)
        if not isinstance(target.get(key), dict):
            target[key] = {}
        target = target[key]
    target[steps[-1] if steps[-1] else _next_index(target)] = value


def _next_index(array: dict[str, Any]) -> str:
    return str(max((int(key) for key in array if key.isdigit()), default=-1) + 1)


def decode_json(body: bytes) -> dict[str, Any]:
    """Decodes a JSON body into the same shape as a form; anything but an object is no parameters at all.

    Numbers keep their spelling as `JsonNumber`, null is as if it had not been sent.
    """
    try:
        decoded = json.loads(body.decode("utf-8-sig"), parse_int=JsonNumber, parse_float=JsonNumber)
    except ValueError:
        return {}
    return _as_array(decoded) if isinstance(decoded, dict) else {}


class JsonNumber(str):
    """A scalar that came as a JSON number rather than as a string."""

    __slots__ = ()


def _as_array(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _as_array(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return {str(index): _as_array(item) for index, item in enumerate(value) if item is not None}
    if isinstance(value, bool):
        return "1" if value else "0"
    return value


def decode_body(body: bytes, content_type: str, json_allowed: bool, max_input_vars: int) -> dict[str, Any]:
    """Decodes a body by its content type; a JSON body without a header counts as JSON (contract wefact 1)."""
    kind = content_type.partition(";")[0].strip().lower()
    looks_like_json = body.lstrip()[:1] == b"{"
    if kind == "application/x-www-form-urlencoded":
        return decode_form(body, max_input_vars)
    if looks_like_json and kind in ("application/json", "text/plain", ""):
        return decode_json(body) if json_allowed else {}
    if kind == "":
        return decode_form(body, max_input_vars)
    return {}


def encode(envelope: dict[str, Any]) -> bytes:
    """Encodes an envelope as PHP's json_encode does: ASCII, with escaped slashes."""
    return json.dumps(envelope, separators=(",", ":")).replace("/", "\\/").encode("ascii")
