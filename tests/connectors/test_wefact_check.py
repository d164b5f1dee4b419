"""The connection test: which step fails, what it says, and that it stays one harmless question."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import responses

from connectors.addresses import AddressRule
from connectors.errors import NotProcessed
from connectors.records import CheckResult
from raw_server import answering, http_answer, raw_server
from wefact_stage import (
    HOSTFACT,
    HOSTFACT_BASE,
    HOSTFACT_URL,
    SERVER_TIME,
    WEFACT,
    WEFACT_URL,
    Pauses,
    RecordingWire,
    Remote,
    connector,
    debtor,
    invoice_row,
    listed,
    refused,
    said,
)

SETTINGS = said("settings", "list", settings={"Tax": {"Codes": {"Sale": {"V21": {"TaxCode": "V21", "Rate": "0.21"}}}}})


def states(result: CheckResult) -> dict[str, str]:
    return {step.key: step.state for step in result.steps}


def failed(result: CheckResult) -> Any:
    (step,) = [step for step in result.steps if step.state == "failed"]
    return step


@responses.activate
def test_everything_in_order_at_WeFact() -> None:
    remote = Remote(responses).on("settings/list", SETTINGS).on("invoice/list", listed("invoice", [invoice_row()]))  # type: ignore[arg-type]
    result = connector().check()
    assert [step.key for step in result.steps] == ["address", "certificate", "address_allowed", "key", "api_on", "read"]
    assert result.ok and result.server_time == SERVER_TIME
    assert result.steps[-1].params == {"tax_codes": 1, "search": "proved"}
    assert [f"{form['controller']}/{form['action']}" for form in remote.calls] == ["settings/list", "invoice/list", "invoice/list"]
    assert (remote.calls[2]["searchat"], remote.calls[2]["searchfor"]) == ("DebtorCode", "K-2044")


@responses.activate
def test_everything_in_order_at_HostFact() -> None:
    remote = Remote(responses, HOSTFACT).on("debtor/list", listed("debtor", [debtor()], 812)).on("invoice/list", listed("invoice", []))  # type: ignore[arg-type]
    result = connector(HOSTFACT).check()
    assert result.ok and result.steps[-1].params == {"customers": 812, "search": "nothing_to_search"}
    assert (remote.calls[0]["limit"], remote.calls[0]["offset"]) == ("1", "0")


@pytest.mark.parametrize(
    ("answers", "search"),
    [
        ([listed("invoice", [invoice_row("1")]), listed("invoice", [])], "failed"),
        ([listed("invoice", [invoice_row("1")]), listed("invoice", [invoice_row("2")])], "failed"),
        ([listed("invoice", ["x"])], "failed"),
        ([refused("invoice", "list", "nee")], "not_tried"),
        ([(502, {}, "<html>")], "not_tried"),
    ],
)
@responses.activate
def test_R33_whether_the_search_works_is_told_and_does_not_fail_the_test(answers: list[Any], search: str) -> None:
    Remote(responses).on("settings/list", SETTINGS).on("invoice/list", *answers)  # type: ignore[arg-type]
    result = connector().check()
    assert result.ok and result.steps[-1].params["search"] == search


@pytest.mark.parametrize(
    ("status", "headers", "body", "step", "reason", "before"),
    [
        (200, {}, refused("invalid", "invalid", "IP 203.0.113.9 has no access to API"), "address_allowed", "address_refused", ["ok", "ok"]),
        (403, {}, "IP 203.0.113.9 currently in firewall", "address_allowed", "firewall", ["ok", "ok"]),
        (200, {}, refused("invalid", "invalid", "De API sleutel kan niet worden gevonden."), "key", "key_refused", ["ok", "ok", "ok"]),
        (200, {}, refused("invalid", "invalid", "Invalid controller"), "api_on", "routing", ["ok", "ok", "ok", "ok"]),
        (200, {}, refused("invalid", "invalid", "API staat uit"), "api_on", "access_refused", ["ok", "ok", "skipped", "skipped"]),
        (401, {}, "", "api_on", "access_refused", ["ok", "ok", "skipped", "skipped"]),
        (404, {}, "<html>Not Found", "api_on", "not_json", ["ok", "ok", "skipped", "skipped"]),
        (200, {}, "<html>Inloggen", "api_on", "not_json", ["ok", "ok", "skipped", "skipped"]),
        (302, {"Location": "/login"}, "", "api_on", "redirect", ["ok", "ok", "skipped", "skipped"]),
        (200, {}, said("debtor", "list"), "api_on", "wrong_echo", ["ok", "ok", "skipped", "skipped"]),
        (503, {}, "", "api_on", "unavailable", ["ok", "ok", "skipped", "skipped"]),
        (500, {}, "<html>", "api_on", "server_error", ["ok", "ok", "skipped", "skipped"]),
        (200, {}, refused("settings", "list", "Geen rechten"), "read", "rejected", ["ok"] * 5),
    ],
)
@responses.activate
def test_S48_a_failure_is_told_at_its_step(
    status: int, headers: dict[str, str], body: Any, step: str, reason: str, before: list[str]
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    responses.post(WEFACT_URL, body=text, status=status, headers=headers)
    pauses = Pauses()
    result = connector(pause=pauses).check()
    assert not result.ok
    assert (failed(result).key, failed(result).reason) == (step, reason)
    place = len(before)
    assert list(states(result).values()) == [*before, "failed", *["skipped"] * (5 - place)]
    assert len(responses.calls) == 1 and not pauses, "a test is one question"


@responses.activate
def test_R22_the_address_that_is_refused_is_named() -> None:
    responses.post(WEFACT_URL, json=refused("invalid", "invalid", "IP 203.0.113.9 has no access to API"))
    assert failed(connector().check()).params["address"] == "203.0.113.9"


@responses.activate
def test_R09_no_answer_at_all() -> None:
    responses.post(WEFACT_URL, body=requests.ReadTimeout())
    assert (failed(connector().check()).key, failed(connector().check()).reason) == ("api_on", "read_timeout")


def test_R02_R03_without_a_connection_everything_after_it_is_skipped() -> None:
    result = connector(url="http://nowhere.invalid/v2/").check()
    assert (failed(result).key, failed(result).reason) == ("address", "dns")
    assert list(states(result).values()) == ["failed", *["skipped"] * 5]


def test_R05_tls_fails_at_the_certificate() -> None:
    with raw_server(lambda connection, server: connection.sendall(b"no tls here")) as server:
        result = connector(url=f"https://127.0.0.1:{server.port}/v2/", call_seconds=3).check()
    assert (failed(result).key, failed(result).reason) == ("certificate", "tls")
    assert states(result)["address"] == "ok"


def test_S42_a_private_HostFact_fails_at_its_address() -> None:
    result = connector(HOSTFACT, url="https://127.0.0.1:9/Pro").check()
    assert (failed(result).key, failed(result).reason) == ("address", "address_forbidden")
    assert failed(result).params["address"] == "127.0.0.1"


def test_plain_http_says_that_there_was_no_certificate_to_check() -> None:
    body = json.dumps(listed("debtor", [])).encode()
    with raw_server(answering(http_answer(body))) as server:
        rule = AddressRule((f"127.0.0.1:{server.port}",))
        result = connector(HOSTFACT, url=f"http://127.0.0.1:{server.port}/Pro", address_rule=rule, call_seconds=5).check()
    assert (result.steps[1].state, result.steps[1].reason) == ("ok", "plain_http")


def test_without_a_key_or_budget_nothing_is_tried() -> None:
    assert failed(connector(api_key="").check()).reason == "not_configured"

    def none_left() -> None:
        raise NotProcessed("budget", retry_after=5)

    result = connector(wire=RecordingWire(budget=none_left)).check()
    assert (failed(result).key, failed(result).reason) == ("address", "budget")


# HostFact in another folder


@responses.activate
def test_HostFact_is_looked_for_in_its_usual_folders() -> None:
    base = "https://hostfact.example.com"
    responses.post(f"{base}/apiv2/api.php", status=404, body="<html>")
    responses.post(f"{base}/Pro/apiv2/api.php", status=200, body="<html>")
    Remote(responses, url=f"{base}/pro/apiv2/api.php").on("debtor/list", listed("debtor", [debtor()])).on(
        "invoice/list", listed("invoice", [])
    )  # type: ignore[arg-type]
    result = connector(HOSTFACT, url=base).check()
    assert result.ok
    assert {step.key: step.params.get("url") for step in result.steps}["api_on"] == f"{base}/pro"


@responses.activate
def test_the_looking_stops_at_the_first_envelope_even_when_it_refuses() -> None:
    base = "https://hostfact.example.com"
    responses.post(f"{base}/apiv2/api.php", status=404, body="<html>")
    responses.post(f"{base}/Pro/apiv2/api.php", json=refused("invalid", "invalid", "API key is invalid"))
    result = connector(HOSTFACT, url=base).check()
    assert (failed(result).reason, failed(result).params["url"]) == ("key_refused", f"{base}/Pro")
    assert len(responses.calls) == 2


@responses.activate
def test_at_most_three_places_are_tried_and_the_first_failure_is_told() -> None:
    base = "https://hostfact.example.com"
    for folder, status in (("", 404), ("/Pro", 302), ("/pro", 500)):
        responses.post(f"{base}{folder}/apiv2/api.php", status=status, body="<html>", headers={"Location": "https://elders.example/"})
    result = connector(HOSTFACT, url=base).check()
    assert (failed(result).reason, failed(result).params["http_status"]) == ("not_json", 404)
    assert len(responses.calls) == 3


@responses.activate
def test_no_looking_elsewhere_for_WeFact_or_below_Pro_or_without_tls() -> None:
    responses.post(WEFACT_URL, status=404, body="<html>")
    responses.post(HOSTFACT_URL, status=404, body="<html>")
    responses.post("http://127.0.0.1:8001/apiv2/api.php", status=404, body="<html>")
    connector(WEFACT).check()
    connector(HOSTFACT, url=HOSTFACT_BASE).check()
    connector(HOSTFACT, url="http://127.0.0.1:8001", address_rule=AddressRule(("127.0.0.1",))).check()
    assert len(responses.calls) == 3
