"""Contract wefact 17, Faults to inject."""

from __future__ import annotations

import json
import socket
import time
from urllib.parse import urlencode

import pytest
import requests

from sandbox.wefact.faults import KINDS, UnknownFault
from sandbox.wefact.switches import UnknownSwitch

LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
ADD = {"DebtorCode": "DB10012", "InvoiceLines": [{"Description": "Overleg", "PriceExcl": "50", "TaxCode": "V21"}]}


def raw(caller, call, **values):
    """A socket that has sent one call and has read nothing yet."""
    controller, action = call.split("/")
    fields = {"api_key": caller.server.api_key, "controller": controller, "action": action, **values}
    body = urlencode(fields).encode()
    connection = socket.create_connection(("127.0.0.1", caller.server.port), timeout=2)
    head = f"POST {caller.server.path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def test_reset_before_commits_nothing(wefact):
    wefact.server.switches.fail("invoice/add", "reset_before")
    with pytest.raises(requests.ConnectionError):
        wefact("invoice/add", **ADD)
    assert len(wefact.server.books.invoices) == 0
    assert wefact("invoice/add", **ADD)["status"] == "success"  # once only


def test_the_reset_is_a_real_one(wefact):
    wefact.server.switches.fail("debtor/list", "commit_then_reset")
    with raw(wefact, "debtor/list") as connection, pytest.raises(ConnectionResetError):
        connection.recv(1)


@pytest.mark.parametrize("kind", ["commit_then_reset", "cut_body", "commit_then_timeout", "html_502", "html_200"])
@pytest.mark.parametrize("call", ["invoice/add", "invoice/sendbyemail", "invoice/partpayment"])
def test_commit_then_the_answer_is_lost(wefact, kind, call):
    values = ADD
    if call != "invoice/add":
        identifier = wefact.invoice(Status=0 if call == "invoice/sendbyemail" else 2)["Identifier"]
        values = {"Identifier": identifier, "AmountPaid": "121.00"}
    before = len(wefact.server.books.invoices)
    wefact.server.switches.fail(call, kind)
    with pytest.raises((*LOST, json.JSONDecodeError)):
        wefact(call, timeout=0.2, **values)
    done = {
        "invoice/add": len(wefact.server.books.invoices) == before + 1,
        "invoice/sendbyemail": len(wefact.server.books.mails) == 1,
        "invoice/partpayment": bool(before) and wefact.server.books.invoices[-1].status == 4,
    }
    assert done[call]
    assert wefact.server.books.calls(call)[-1].fault == kind


@pytest.mark.parametrize("kind", ["html_502", "html_200", "drip", "wrong_echo", "bom_and_notice", "oversize", "delay"])
def test_commit_is_a_choice_for_the_rest(wefact, kind):
    wefact.server.switches.fail("invoice/add", kind, commit=False, pause=0, megabytes=1, seconds=0)
    response = wefact.post(data={"api_key": wefact.server.api_key, "controller": "invoice", "action": "add"})
    assert response.status_code == (502 if kind == "html_502" else 200)
    assert len(wefact.server.books.invoices) == 0


def test_timeout_commits_nothing(wefact):
    wefact.server.switches.fail("invoice/add", "timeout")
    with pytest.raises(requests.ReadTimeout):
        wefact("invoice/add", timeout=0.1, **ADD)
    assert len(wefact.server.books.invoices) == 0


def test_timeout_ends_after_its_seconds(wefact):
    wefact.server.switches.fail("debtor/list", "timeout", seconds=0.05)
    with pytest.raises(requests.ConnectionError) as failure:
        wefact("debtor/list")
    assert not isinstance(failure.value, requests.Timeout)


def test_cut_body_announces_more_than_it_sends(wefact):
    wefact.server.switches.fail("debtor/list", "cut_body")
    with raw(wefact, "debtor/list") as connection:
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    announced = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert len(body) == announced // 2


def test_slow_commit_becomes_visible_later(wefact):
    server = wefact.server
    server.switches.fail("invoice/add", "slow_commit", seconds=30)
    with pytest.raises(requests.ConnectionError):
        wefact("invoice/add", **ADD)
    assert "invoices" not in wefact("invoice/list")
    server.clock.advance(29)
    assert len(server.books.invoices) == 0
    server.clock.advance(1)
    (row,) = wefact("invoice/list")["invoices"]
    assert row["Modified"] == "2026-11-21 10:00:00"  # the moment of the call, not of the commit
    assert len(server.books.calls("invoice/add")) == 1


def test_slow_commit_of_a_refused_call_leaves_nothing(wefact):
    wefact.server.switches.fail("invoice/add", "slow_commit", seconds=5)
    with pytest.raises(requests.ConnectionError):
        wefact("invoice/add", DebtorCode="nobody")
    wefact.server.clock.advance(5)
    assert len(wefact.server.books.invoices) == 0
    assert [entry.status for entry in wefact.server.books.journal if entry.method == "LATER"] == ["error"]


def test_redirect(wefact):
    wefact.server.switches.fail("debtor/list", "redirect", location="http://127.0.0.1:9/elsewhere")
    response = wefact.post(data={"api_key": wefact.server.api_key, "controller": "debtor", "action": "list"})
    assert (response.status_code, response.headers["Location"]) == (302, "http://127.0.0.1:9/elsewhere")


def test_firewall_in_the_middle_of_a_page_loop(wefact):
    wefact.server.switches.fail("debtor/list", "firewall", after=2, seconds=60)
    statuses = []
    for offset in (0, 4, 8):
        fields = {"api_key": wefact.server.api_key, "controller": "debtor", "action": "list", "offset": offset, "limit": 4}
        statuses.append(wefact.post(data=fields).status_code)
    assert statuses == [200, 200, 403]
    assert wefact.post(data=fields).status_code == 403  # a ban, not a hiccup
    wefact.server.clock.advance(3601)
    assert wefact("debtor/list")["status"] == "success"


def test_key_revoked_in_the_middle(wefact):
    wefact.server.switches.fail("debtor/list", "key_revoked", after=1)
    answers = [wefact("debtor/list", limit=4, offset=offset) for offset in (0, 4, 8)]
    assert [answer["status"] for answer in answers] == ["success", "error", "error"]
    assert answers[1]["errors"] == ["De API sleutel kan niet worden gevonden."]


def test_address_removed_in_the_middle(hostfact):
    hostfact.server.switches.fail("debtor/list", "ip_removed", after=1)
    answers = [hostfact("debtor/list", limit=4, offset=offset) for offset in (0, 4, 8)]
    assert [answer["status"] for answer in answers] == ["success", "error", "error"]
    assert answers[1]["errors"] == ["IP 127.0.0.1 has no access to API"]


def test_drip_never_trips_a_read_timeout(wefact):
    wefact.server.switches.fail("debtor/list", "drip", pause=0.001)
    assert wefact("debtor/list", timeout=0.2, searchfor="zzz")["totalresults"] == 0


def test_drip_stops_when_the_caller_leaves(wefact):
    wefact.server.switches.fail("debtor/list", "drip", pause=5)
    with raw(wefact, "debtor/list") as connection:
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert wefact("debtor/list")["status"] == "success"


def test_bom_and_notice_stand_before_the_json(wefact):
    wefact.server.switches.fail("invoice/add", "bom_and_notice")
    with pytest.raises(json.JSONDecodeError):
        wefact("invoice/add", **ADD)
    assert wefact.last.content.startswith(b"\xef\xbb\xbf<br />")
    assert len(wefact.server.books.invoices) == 1


def test_wrong_echo(wefact):
    wefact.server.switches.fail("invoice/add", "wrong_echo")
    answer = wefact("invoice/add", **ADD)
    assert (answer["controller"], answer["action"], answer["status"]) == ("ticket", "close", "success")


@pytest.mark.parametrize("declared", [True, False])
def test_oversize(wefact, declared):
    wefact.server.switches.fail("debtor/list", "oversize", megabytes=3, declared=declared)
    assert wefact("debtor/list")["totalresults"] == 12
    assert len(wefact.last.content) > 3_000_000
    assert ("Content-Length" in wefact.last.headers) == declared


def test_refuse_in_words_of_choice(wefact):
    wefact.server.switches.fail("debtor/add", "refuse", text="Onbekende fout 17")
    assert wefact("debtor/add", CompanyName="Zeef")["errors"] == ["Onbekende fout 17"]
    assert len(wefact.server.books.debtors) == 12


def test_warning_with_one_success(wefact):
    wefact.server.switches.fail("debtor/add", "warning", text="Let op")
    assert wefact("debtor/add", CompanyName="Zeef")["warning"] == ["Let op"]


def test_commit_then_die_and_rise_again(wefact):
    server, before = wefact.server, wefact.server.url
    server.switches.fail("invoice/add", "commit_then_die")
    with pytest.raises(requests.ConnectionError):
        wefact("invoice/add", **ADD)
    with pytest.raises(requests.ConnectionError):
        wefact("debtor/list")
    assert len(server.books.invoices) == 1
    server.restart()
    assert server.url == before
    assert wefact("invoice/list")["totalresults"] == 1


def test_faults_strike_in_order_and_by_action(wefact):
    wefact.server.switches.fail("debtor/show", "refuse", text="een")
    wefact.server.switches.fail("debtor/show", "refuse", text="twee")
    wefact.server.switches.fail("*", "refuse", text="drie")
    assert wefact("product/list")["errors"] == ["drie"]
    assert [wefact("debtor/show", DebtorCode="DB10012").get("errors") for _ in range(3)] == [["een"], ["twee"], None]


def test_unknown_faults_and_switches_are_refused(wefact):
    with pytest.raises(UnknownFault):
        wefact.server.switches.fail("debtor/list", "explode")
    with pytest.raises(UnknownSwitch):
        wefact.server.switches.vat_rounding = "never"
    with pytest.raises(AttributeError):
        wefact.server.switches.vat_rouding = "line"


def test_every_kind_is_told_apart_in_the_journal(wefact):
    quick = {"seconds": 0.01, "pause": 0, "megabytes": 1}
    standing = {"key_revoked", "ip_removed", "firewall", "commit_then_die"}
    kinds = [kind for kind in KINDS if kind not in standing]
    for kind in kinds:
        wefact.server.switches.fail("debtor/list", kind, **quick)
        with raw(wefact, "debtor/list") as connection:
            try:
                connection.recv(1)
            except ConnectionResetError:
                assert "reset" in kind
    struck = [entry.fault for entry in wefact.server.books.calls("debtor/list")]
    assert struck == kinds


def test_start_and_stop_are_quick_even_with_callers_hanging(wefact):
    wefact.server.switches.fail("debtor/list", "timeout")
    with raw(wefact, "debtor/list"):
        begin = time.perf_counter()
        wefact.server.stop()
        stopped = time.perf_counter()
        wefact.server.start()
        started = time.perf_counter()
    assert stopped - begin < 0.1
    assert started - stopped < 0.05
