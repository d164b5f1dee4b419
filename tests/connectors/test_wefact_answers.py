"""What every kind of answer means, for a write and for a read."""

from __future__ import annotations

import json
from typing import Any

import pytest
import responses

from connectors.errors import AccessRefused, ConnectorError, NotFound, NotProcessed, OutcomeUnknown, Rejected, Unavailable
from connectors.http import HttpAnswer
from connectors.wefact.answers import envelope
from wefact_stage import SERVER_TIME, WEFACT_URL, RecordingWire, connector, draft, invoice, refused, said

FIREWALL = "IP 203.0.113.9 currently in firewall"
NO_ACCESS = "IP 203.0.113.9 has no access to API"


def denied(*errors: str) -> dict[str, Any]:
    return refused("invalid", "invalid", *errors)


def added(record: Any = None, **content: Any) -> str:
    return json.dumps(said("invoice", "add", invoice=invoice() if record is None else record, **content))


# case, status, headers, body, what a write becomes, what a read becomes, reason, parameters. In a body ADD stands for the action.
TABLE: list[tuple[str, int, dict[str, str], Any, type[ConnectorError], type[ConnectorError], str, dict[str, Any]]] = [
    ("R24 business refusal", 200, {}, refused("invoice", "ADD", "Ongeldig", "Ook dit"), Rejected, Rejected, "rejected", {}),
    ("R24 refusal without words", 200, {}, refused("invoice", "ADD"), Rejected, Rejected, "rejected", {}),
    ("R24 refusal with 422", 422, {}, refused("invoice", "ADD", "nee"), Rejected, Rejected, "rejected", {}),
    ("R24 words about a customer called API key", 200, {}, refused("invoice", "ADD", "Klant API key BV ontbreekt"), Rejected, Rejected, "rejected", {}),
    ("R22 address not allowed", 200, {}, denied(NO_ACCESS), AccessRefused, AccessRefused, "address_refused", {"address": "203.0.113.9"}),
    ("R22 address of version 6", 200, {}, denied("IP 2001:db8::7 has no access to API"), AccessRefused, AccessRefused, "address_refused", {"address": "2001:db8::7"}),
    ("R22 address not named", 200, {}, denied("This IP has no access to API"), AccessRefused, AccessRefused, "address_refused", {"address": ""}),
    ("R22 address, echoed as asked", 200, {}, refused("invoice", "ADD", NO_ACCESS), AccessRefused, AccessRefused, "address_refused", {"address": "203.0.113.9"}),
    ("R22 key at WeFact", 200, {}, denied("De API sleutel kan niet worden gevonden."), AccessRefused, AccessRefused, "key_refused", {}),
    ("R22 key, echoed as asked", 200, {}, refused("invoice", "ADD", "De API sleutel kan niet worden gevonden."), AccessRefused, AccessRefused, "key_refused", {}),
    ("R22 key at HostFact", 200, {}, denied("API key is invalid"), AccessRefused, AccessRefused, "key_refused", {}),
    ("R22 key in other words", 200, {}, denied("Uw API-sleutel is verlopen"), AccessRefused, AccessRefused, "key_refused", {}),
    ("R22 refused before routing in unknown words", 200, {}, denied("De API staat uit"), AccessRefused, AccessRefused, "access_refused", {}),
    ("R22 401", 401, {}, "", AccessRefused, AccessRefused, "access_refused", {}),
    ("R22 401 about the key", 401, {}, "API key is invalid", AccessRefused, AccessRefused, "key_refused", {}),
    ("R21 ban in plain text", 403, {}, FIREWALL, AccessRefused, AccessRefused, "firewall", {"address": "203.0.113.9"}),
    ("R21 ban in JSON", 403, {}, denied(FIREWALL), AccessRefused, AccessRefused, "firewall", {"address": "203.0.113.9"}),
    ("R21 ban with 200", 200, {}, denied(FIREWALL), AccessRefused, AccessRefused, "firewall", {"address": "203.0.113.9"}),
    ("R21 ban on a page", 403, {}, f"<html><p>{FIREWALL}</p></html>", AccessRefused, AccessRefused, "firewall", {"address": "203.0.113.9"}),
    ("R21 403 of another kind", 403, {}, "<html><h1>Forbidden</h1></html>", AccessRefused, AccessRefused, "access_refused", {}),
    ("routing, controller", 200, {}, denied("Invalid controller"), Rejected, Rejected, "routing", {}),
    ("routing, action", 200, {}, refused("invoice", "ADD", "Invalid action"), Rejected, Rejected, "routing", {}),
    ("R19 503", 503, {}, "<html>", NotProcessed, NotProcessed, "unavailable", {}),
    ("R19 503 with a hint", 503, {"Retry-After": "120"}, "", NotProcessed, NotProcessed, "unavailable", {}),
    ("R19 503 that answers as asked was looked at", 503, {}, refused("invoice", "ADD", "x"), OutcomeUnknown, Unavailable, "server_error", {}),
    ("R20 429", 429, {"Retry-After": "0"}, "{}", NotProcessed, NotProcessed, "too_many", {}),
    ("R23 redirect", 302, {"Location": "https://elders.example/login"}, "", Rejected, Rejected, "redirect", {"location": "https://elders.example/login"}),
    ("R15 page with 200", 200, {}, "<!doctype html><title>Onderhoud</title>", OutcomeUnknown, Unavailable, "not_json", {"http_status": 200}),
    ("R15 page with 404", 404, {}, "<html>Not Found", OutcomeUnknown, Unavailable, "not_json", {"http_status": 404}),
    ("R16 page with 502", 502, {}, "<html>Bad Gateway", OutcomeUnknown, Unavailable, "server_error", {"http_status": 502}),
    ("R16 500 with an envelope", 500, {}, refused("invoice", "ADD", "x"), OutcomeUnknown, Unavailable, "server_error", {}),
    ("R16 500 with a success", 500, {}, said("invoice", "ADD", invoice=invoice()), OutcomeUnknown, Unavailable, "server_error", {}),
    ("R13 empty", 200, {}, "", OutcomeUnknown, Unavailable, "not_json", {}),
    ("R13 truncated", 200, {}, added()[:-20], OutcomeUnknown, Unavailable, "not_json", {}),
    ("R28 notice before", 200, {}, "<b>Notice</b>: undefined\n" + added(), OutcomeUnknown, Unavailable, "not_json", {}),
    ("R28 notice after", 200, {}, added() + "\nWarning: x", OutcomeUnknown, Unavailable, "not_json", {}),
    ("R28 two objects", 200, {}, added() + added(), OutcomeUnknown, Unavailable, "not_json", {}),
    ("R28 UTF-16", 200, {}, added().encode("utf-16"), OutcomeUnknown, Unavailable, "not_json", {}),
    ("R28 Latin-1", 200, {}, added().replace("K-2044", "K-é").encode("latin-1"), OutcomeUnknown, Unavailable, "not_json", {}),
    ("R29 key twice", 200, {}, added()[:-1] + ', "status": "success"}', OutcomeUnknown, Unavailable, "not_json", {}),
    ("R29 NaN", 200, {}, added()[:-1] + ', "x": NaN}', OutcomeUnknown, Unavailable, "not_json", {}),
    ("R29 Infinity", 200, {}, added()[:-1] + ', "x": -Infinity}', OutcomeUnknown, Unavailable, "not_json", {}),
    ("R29 huge exponent", 200, {}, added()[:-1] + ', "x": 1e999999}', OutcomeUnknown, Unavailable, "not_json", {}),
    ("R29 huge integer", 200, {}, added()[:-1] + f', "x": {"9" * 6000}}}', OutcomeUnknown, Unavailable, "not_json", {}),
    ("R29 deep", 200, {}, added()[:-1] + ', "x": ' + "[" * 50_000 + "]" * 50_000 + "}", OutcomeUnknown, Unavailable, "not_json", {}),
    ("R29 list", 200, {}, "[" + added() + "]", OutcomeUnknown, Unavailable, "not_json", {}),
    ("R29 null", 200, {}, "null", OutcomeUnknown, Unavailable, "not_json", {}),
    ("R27 other action", 200, {}, said("invoice", "list", invoice=invoice()), OutcomeUnknown, Unavailable, "wrong_echo", {}),
    ("R27 other controller", 200, {}, said("debtor", "ADD", invoice=invoice()), OutcomeUnknown, Unavailable, "wrong_echo", {}),
    ("R27 refusal of something else", 200, {}, refused("debtor", "ADD", "nee"), OutcomeUnknown, Unavailable, "wrong_echo", {}),
    ("R27 no echo", 200, {}, {"status": "success", "invoice": invoice()}, OutcomeUnknown, Unavailable, "wrong_echo", {}),
    ("R27 success called invalid", 200, {}, said("invalid", "invalid", invoice=invoice()), OutcomeUnknown, Unavailable, "wrong_echo", {}),
    ("status missing", 200, {}, {"controller": "invoice", "action": "ADD", "invoice": invoice()}, OutcomeUnknown, Unavailable, "unexpected", {}),
    ("status of another kind", 200, {}, said("invoice", "ADD", invoice=invoice()) | {"status": True}, OutcomeUnknown, Unavailable, "unexpected", {}),
    ("success with 404", 404, {}, said("invoice", "ADD", invoice=invoice()), OutcomeUnknown, Unavailable, "unexpected", {}),
    ("success with 403", 403, {}, said("invoice", "ADD", invoice=invoice()), OutcomeUnknown, Unavailable, "unexpected", {}),
    ("R25 success without a record", 200, {}, said("invoice", "ADD"), OutcomeUnknown, Unavailable, "unexpected", {"field": "invoice"}),
    ("R25 success with a list", 200, {}, said("invoice", "ADD", invoice=[]), OutcomeUnknown, Unavailable, "unexpected", {"field": "invoice"}),
    ("R25 amounts missing", 200, {}, said("invoice", "ADD", invoice={"Identifier": "40117"}), OutcomeUnknown, Unavailable, "unexpected", {}),
]  # fmt: skip


def _body(body: Any, action: str) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).replace('"ADD"', f'"{action}"').encode()


@pytest.mark.parametrize(
    ("status", "headers", "body", "write", "read", "reason", "params"), [case[1:] for case in TABLE], ids=[case[0] for case in TABLE]
)
@responses.activate
def test_classification(
    status: int,
    headers: dict[str, str],
    body: Any,
    write: type[ConnectorError],
    read: type[ConnectorError],
    reason: str,
    params: dict[str, Any],
) -> None:
    responses.post(WEFACT_URL, body=_body(body, "add"), status=status, headers=headers)
    wire = RecordingWire()
    with pytest.raises(write) as caught:
        connector(wire=wire).create_invoice(draft())
    assert (type(caught.value), caught.value.reason, wire.outcomes) == (write, reason, [reason])
    assert {name: caught.value.params.get(name) for name in params} == params
    assert len(responses.calls) == 1, "a write is never repeated"
    responses.reset()
    text = _body(body, "show")
    responses.post(WEFACT_URL, body=text.replace(b'"action": "add"', b'"action": "show"'), status=status, headers=headers)
    with pytest.raises(read) as caught_read:
        connector().show("40117")
    expected = (NotFound, "not_found") if reason == "rejected" else (read, reason)
    assert (type(caught_read.value), caught_read.value.reason) == expected


@pytest.mark.parametrize(
    "identifier", [None, "", "0", 0, -1, "x", "40117a", True, False, 1.5, [], {}, ["40117"], "[concept]0003", "４０", 10**20, "9" * 30]
)
@responses.activate
def test_R25_R26_success_without_a_valid_identifier_is_an_unknown_outcome(identifier: Any) -> None:
    responses.post(WEFACT_URL, body=added(invoice(identifier)))
    with pytest.raises(OutcomeUnknown) as caught:
        connector().create_invoice(draft())
    assert (caught.value.reason, caught.value.params["field"]) == ("unexpected", "Identifier")


@pytest.mark.parametrize("identifier", ["40117", 40117, " 40117 ", "0040117"])
@responses.activate
def test_R26_identifiers_come_as_text_or_number(identifier: Any) -> None:
    responses.post(WEFACT_URL, body=added(invoice(identifier)))
    assert connector().create_invoice(draft()).remote_id == "40117"


@responses.activate
def test_R28_a_byte_order_mark_is_doubt_on_a_write_and_nothing_on_a_read() -> None:
    responses.post(WEFACT_URL, body=b"\xef\xbb\xbf" + added().encode())
    with pytest.raises(OutcomeUnknown) as caught:
        connector().create_invoice(draft())
    assert caught.value.reason == "not_json"
    responses.reset()
    responses.post(WEFACT_URL, body=b"\xef\xbb\xbf" + json.dumps(said("invoice", "show", invoice=invoice())).encode())
    assert connector().show("40117").remote_id == "40117"


@responses.activate
def test_R19_the_hint_travels_with_the_refusal() -> None:
    for hint, seconds in (("120", 120), ("0", 1), ("999999999", 21600)):
        responses.post(WEFACT_URL, status=503, headers={"Retry-After": hint})
        with pytest.raises(NotProcessed) as caught:
            connector().create_invoice(draft())
        assert caught.value.retry_after == seconds
        responses.reset()


@responses.activate
def test_the_words_of_a_refusal_are_kept_as_they_are() -> None:
    words = "Bedrijfsnaam <b>ontbreekt</b> & is 'nodig'"
    responses.post(WEFACT_URL, json=refused("invoice", "add", words, "Regel 2"))
    with pytest.raises(Rejected) as caught:
        connector().create_invoice(draft())
    assert caught.value.detail == f"{words}; Regel 2"


@pytest.mark.parametrize("errors", ["een zin", {"0": "een zin"}, ["een zin", 5, None]])
def test_errors_in_every_shape_are_read(errors: Any) -> None:
    body = json.dumps({"controller": "Invoice", "action": "ADD", "status": "error", "errors": errors}).encode()
    with pytest.raises(Rejected) as caught:
        envelope(HttpAnswer(200, {}, body), "invoice", "add", writes=True)
    assert caught.value.detail == "een zin"


def test_warnings_and_unknown_keys_come_with_a_success() -> None:
    body = json.dumps(said("invoice", "add", warning=["Let op"], success="Gelukt", surprise={"a": [1]})).encode()
    found = envelope(HttpAnswer(200, {}, body), "invoice", "add", writes=True)
    assert (found.date, found.said, found.warnings) == (SERVER_TIME, ("Gelukt",), ("Let op",))
