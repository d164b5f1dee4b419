"""Contract wefact 17, Access."""

from __future__ import annotations

import requests

from sandbox.wefact.gate import Budget
from sandbox.wefact.server import running


def ask(server, key="wrong", controller="debtor", action="list"):
    fields = {"api_key": key, "controller": controller, "action": action}
    return requests.post(server.url, data=fields, timeout=2)


def test_order_is_address_key_routing_validation(clock):
    with running("wefact", clock=clock, allow_ip=("203.0.113.1",)) as server:
        answer = ask(server).json()
        assert answer["errors"] == ["IP 127.0.0.1 has no access to API"]
        assert (answer["controller"], answer["action"], answer["status"]) == ("invalid", "invalid", "error")
        server.switches.client_ip = "203.0.113.1"
        answer = ask(server, controller="nonsense").json()
        assert answer["errors"] == ["De API sleutel kan niet worden gevonden."]
        assert (answer["controller"], answer["action"]) == ("invalid", "invalid")
        assert ask(server, server.api_key, "nonsense").json()["errors"] == ["Invalid controller"]
        assert ask(server, server.api_key, "debtor", "nonsense").json()["errors"] == ["Invalid action"]
        assert ask(server, server.api_key, "debtor", "show").json()["status"] == "error"


def test_wrong_key_on_hostfact_is_english(hostfact):
    answer = ask(hostfact.server)
    assert (answer.status_code, answer.json()["errors"]) == (200, ["API key is invalid"])
    assert answer.json()["controller"] == "invalid"


def test_rate_headers_on_every_answer_errors_too(wefact):
    first, second = ask(wefact.server, wefact.server.api_key), ask(wefact.server)
    assert first.headers["API-RateLimit-Remaining-Minute"] == "199"
    assert second.headers["API-RateLimit-Remaining-Minute"] == "198"
    assert second.headers["API-RateLimit-Remaining-Hour"] == "3598"
    now = wefact.server.clock.now().timestamp()
    assert now < int(second.headers["API-RateLimit-Reset-Minute"]) <= now + 60
    assert now < int(second.headers["API-RateLimit-Reset-Hour"]) <= now + 3600


def test_breach_is_a_firewall_that_extends_when_called_again(wefact):
    server = wefact.server
    server.switches.rate_per_minute, server.switches.firewall_seconds = 2, 600
    assert [ask(server, server.api_key).status_code for _ in range(3)] == [200, 200, 403]
    server.clock.advance(500)
    refused = ask(server, server.api_key)
    assert (refused.status_code, refused.text) == (403, "IP 127.0.0.1 currently in firewall")
    assert "API-RateLimit-Reset-Hour" in refused.headers
    server.clock.advance(500)  # past the first ban, within the extended one
    assert ask(server, server.api_key).status_code == 403
    server.clock.advance(601)
    assert ask(server, server.api_key).status_code == 200


def test_hourly_limit(wefact):
    server = wefact.server
    server.switches.rate_per_hour = 2
    assert ask(server, server.api_key).status_code == 200
    server.clock.advance(61)
    assert [ask(server, server.api_key).status_code for _ in range(2)] == [200, 403]


def test_firewall_body_may_be_json(wefact):
    server = wefact.server
    server.switches.rate_per_minute, server.switches.firewall_body = 1, "json"
    ask(server, server.api_key)
    refused = ask(server, server.api_key)
    assert (refused.status_code, refused.json()["errors"]) == (403, ["IP 127.0.0.1 currently in firewall"])


def test_failed_keys_count_twice(wefact):
    server = wefact.server
    server.switches.failed_keys_per_day = 2
    answers = [ask(server) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 403]
    assert answers[2].headers["API-RateLimit-Remaining-Minute"] == "197"


def test_budget_may_be_shared_by_administrations(clock):
    budget = Budget()
    with running("wefact", clock=clock, budget=budget) as one, running("wefact", clock=clock, budget=budget) as two:
        ask(one, one.api_key)
        assert ask(two, two.api_key).headers["API-RateLimit-Remaining-Minute"] == "198"


def test_hostfact_has_no_rate_headers_but_a_cookie_and_no_store(hostfact):
    answer = ask(hostfact.server, hostfact.server.api_key)
    assert not [name for name in answer.headers if name.lower().startswith("api-ratelimit")]
    assert "PHPSESSID" in answer.headers["Set-Cookie"]
    assert "no-store" in answer.headers["Cache-Control"]


def test_hostfact_may_have_a_limit_of_its_own(hostfact):
    hostfact.server.switches.rate_per_minute = 1
    answers = [ask(hostfact.server, hostfact.server.api_key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 403]
