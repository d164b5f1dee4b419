"""Contract wefact 17, Transport."""

from __future__ import annotations

import json

import pytest
import requests

from sandbox.wefact.wire import decode_body, decode_form


def test_post_only_on_one_path_and_html_elsewhere(wefact, hostfact):
    assert wefact.server.url.endswith("/v2/")
    assert hostfact.server.url == hostfact.server.base_url + "/apiv2/api.php"
    for caller, wrong in ((wefact, "/v2"), (wefact, "/apiv2/api.php"), (hostfact, "/apiv2/api.php"), (hostfact, "/Pro/apiv2/api.php")):
        answer = requests.post(caller.server.root_url + wrong, data={"api_key": "x"}, timeout=2)
        assert (answer.status_code, answer.text[:15]) == (404, "<!DOCTYPE html>")
        assert answer.headers["Content-Type"].startswith("text/html")
    for method in ("GET", "PUT", "DELETE"):
        answer = requests.request(method, wefact.server.url, timeout=2)
        assert (answer.status_code, answer.text[:15]) == (405, "<!DOCTYPE html>")


def test_wefact_takes_form_and_json(wefact):
    body = {"api_key": wefact.server.api_key, "controller": "debtor", "action": "list", "modified": {"from": "2026-01-01 00:00:00"}}
    assert wefact.post(json=body).json()["totalresults"] == 12
    assert wefact.post(data=json.dumps(body)).json()["totalresults"] == 12  # no content type at all
    assert wefact("debtor/list", modified={"from": "2026-01-01 00:00:00"})["totalresults"] == 12


def test_json_numbers_can_be_refused(wefact):
    body = {"api_key": wefact.server.api_key, "controller": "debtor", "action": "list", "limit": 2}
    assert wefact.post(json=body).json()["currentresults"] == 2
    wefact.server.switches.json_numbers_refused = True
    assert wefact.post(json=body).json()["errors"] == ["Invalid type for 'limit'"]


def test_json_on_hostfact_counts_as_no_parameters(hostfact):
    body = {"api_key": hostfact.server.api_key, "controller": "debtor", "action": "list"}
    assert hostfact.post(json=body).json()["errors"] == ["API key is invalid"]
    hostfact.server.switches.accepts_json = True
    assert hostfact.post(json=body).json()["status"] == "success"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (b"a=1&b=x+y%20z", {"a": "1", "b": "x y z"}),
        (b"L[0][Code]=A&L[1][Code]=B", {"L": {"0": {"Code": "A"}, "1": {"Code": "B"}}}),
        (b"L%5B0%5D%5BCode%5D=A", {"L": {"0": {"Code": "A"}}}),
        (b"L[7][Code]=A&L[3][Code]=B", {"L": {"7": {"Code": "A"}, "3": {"Code": "B"}}}),
        (b"G[]=4&G[]=9", {"G": {"0": "4", "1": "9"}}),
        (b"G[5]=4&G[]=9", {"G": {"5": "4", "6": "9"}}),
        (b"a=1&a=2", {"a": "2"}),
        (b"a.b=1", {"a_b": "1"}),
        (b"a=1&a[b]=2", {"a": {"b": "2"}}),
    ],
)
def test_php_bracket_nesting(form, expected):
    assert decode_form(form) == expected


def test_multipart_is_not_read():
    assert decode_body(b"a=1", "multipart/form-data; boundary=x", True, 0) == {}


def test_scalar_where_a_list_belongs_is_an_invalid_type(wefact, line):
    answer = wefact("invoice/add", DebtorCode="DB10012", InvoiceLines="x")
    assert answer["errors"] == ["Invalid type for 'InvoiceLines'"]
    answer = wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=json.dumps([line]))
    assert answer["errors"] == ["Invalid type for 'InvoiceLines'"]
    answer = wefact("invoice/add", DebtorCode={"0": "DB10012"}, InvoiceLines=[line])
    assert answer["errors"] == ["Invalid type for 'DebtorCode'"]


def test_sparse_indexes_are_lines_all_the_same(wefact, line):
    invoice = wefact.invoice(InvoiceLines={"4": line, "9": line})
    assert len(invoice["InvoiceLines"]) == 2


def test_hostfact_takes_a_json_string_for_lines_on_add_only(hostfact, line):
    invoice = hostfact.invoice(InvoiceLines=json.dumps([line]))
    assert len(invoice["InvoiceLines"]) == 1
    answer = hostfact("invoiceline/add", Identifier=invoice["Identifier"], InvoiceLines=json.dumps([line]))
    assert answer["errors"] == ["Invalid type for 'InvoiceLines'"]


def test_variables_past_1000_vanish_silently(wefact, line):
    many = [line | {"NumberSuffix": "uur", "Date": "2026-11-20"} for _ in range(150)]
    answer = wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=many)
    assert answer["status"] == "error"  # the key went last, as ever, and was dropped too
    fields = {"api_key": wefact.server.api_key, "controller": "invoice", "action": "add", "DebtorCode": "DB10012"}
    fields |= {f"InvoiceLines[{i}][{name}]": value for i, row in enumerate(many) for name, value in row.items()}
    kept = wefact.post(data=fields).json()["invoice"]["InvoiceLines"]
    assert len(kept) == 125
    wefact.server.switches.max_input_vars = 0
    assert len(wefact.post(data=fields).json()["invoice"]["InvoiceLines"]) == 150


def test_a_body_too_large_counts_as_no_parameters(wefact):
    wefact.server.switches.max_body_bytes = 100
    assert wefact("debtor/list", searchfor="x" * 200)["errors"] == ["De API sleutel kan niet worden gevonden."]
