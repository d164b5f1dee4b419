"""Contract wefact 17, Evidence; the control page; the command line; books that survive."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from sandbox.wefact.seeds import UnknownSeed, seed_many
from sandbox.wefact.server import running

ROOT = Path(__file__).resolve().parents[2]
ADD = {"DebtorCode": "DB10012", "InvoiceLines": [{"Description": "Overleg", "PriceExcl": "50", "TaxCode": "V21"}]}


def test_journal_without_the_key(wefact):
    key = wefact.server.api_key
    wefact("invoice/add", **ADD, Comment=f"geheim {key}")
    requests.post(wefact.server.url + f"?k={key}", data={"api_key": "fout-" + key, "controller": "debtor"}, timeout=2)
    requests.get(wefact.server.root_url + f"/v2/{key}", timeout=2)
    (entry,) = wefact.server.books.calls("invoice/add")
    assert (entry.status, entry.http_status, entry.record, entry.ip) == ("success", 200, "2", "127.0.0.1")
    assert entry.parameters["InvoiceLines"]["0"]["PriceExcl"] == "50"
    assert entry.parameters["Comment"] == "geheim (key)"
    assert [kept.http_status for kept in wefact.server.books.journal] == [200, 200, 404]
    assert key not in str(wefact.server.books.journal)


def test_journal_tells_of_refusals_faults_and_calls_after_a_ban(wefact):
    wefact("debtor/show", DebtorCode="nobody")
    wefact.server.switches.fail("debtor/list", "firewall")
    for _ in range(2):
        wefact.post(data={"api_key": wefact.server.api_key, "controller": "debtor", "action": "list"})
    show, first, second = wefact.server.books.journal
    assert (show.status, show.errors) == ("error", ["Debiteur nobody niet gevonden"])
    assert [(entry.http_status, entry.status) for entry in (first, second)] == [(403, "firewall")] * 2
    assert (first.fault, second.fault) == ("firewall", "")


def test_long_parameters_are_shortened_in_the_journal(wefact):
    wefact.invoice()
    wefact("attachment/add", Type="invoice", ReferenceIdentifier="2", Filename="x.pdf", Base64="QUJD" * 1000)
    assert len(wefact.server.books.calls("attachment/add")[0].parameters["Base64"]) < 200


def test_control_page_shows_and_escapes(wefact):
    wefact.invoice(ReferenceNumber="<script>1</script>")
    page = requests.get(wefact.server.root_url + "/?message=<b>", timeout=2)
    assert page.headers["Content-Type"].startswith("text/html")
    for piece in (
        "SANDBOX - nothing here is real",
        "[concept]0001",
        "Jansen Bouw B.V.",
        "Peeters &amp; Zonen",
        "&lt;script&gt;",
        "&lt;b&gt;",
    ):
        assert piece in page.text
    assert "<script>" not in page.text


def test_control_page_is_for_this_machine_only(wefact):
    root = wefact.server.root_url
    assert requests.get(root, headers={"Host": "evil.example"}, timeout=2).status_code == 403
    foreign = requests.post(root + "/switches", json={"reset": True}, headers={"Origin": "http://evil.example"}, timeout=2)
    assert foreign.status_code == 403


def test_state_json(wefact):
    wefact("invoice/sendbyemail", Identifier=wefact.invoice()["Identifier"])
    state = requests.get(wefact.server.root_url + "/state.json", timeout=2).json()
    assert (state["persona"], state["counts"]["debtors"], state["counts"]["mails"]) == ("wefact", 12, 1)
    assert (state["invoices"][0]["amount_incl"], state["invoices"][0]["lines"][0]["price_excl"]) == ("121.00", "50")
    assert wefact.server.api_key not in json.dumps(state)


def test_switches_by_json(wefact):
    root, switches = wefact.server.root_url, wefact.server.switches
    wishes = {
        "set": {"vat_rounding": "rate", "escaping": "html"},
        "fail": [{"action": "invoice/add", "kind": "refuse", "text": "nee"}],
        "clock": {"advance_seconds": 3600},
    }
    answer = requests.post(root + "/switches", json=wishes, timeout=2).json()
    assert (answer["switches"]["vat_rounding"], answer["faults"][0]["kind"]) == ("rate", "refuse")
    assert switches.escaping == "html"
    assert wefact("debtor/list")["date"] == "2026-11-21T11:00:00+01:00"
    assert wefact("invoice/add", **ADD)["errors"] == ["nee"]
    for wrong in ({"set": {"nonsense": 1}}, {"set": {"vat_rounding": "never"}}, {"fail": [{"kind": "explode"}]}, {"set": 3}):
        assert requests.post(root + "/switches", json=wrong, timeout=2).status_code == 400
    requests.post(root + "/switches", json={"reset": True}, timeout=2)
    assert (switches.vat_rounding, switches.escaping) == ("line", "none")


def test_switches_by_form(hostfact):
    root, switches = hostfact.server.root_url, hostfact.server.switches
    switches.extra_keys = True
    form = {name: str(value) for name, value in switches.as_dict().items() if not isinstance(value, bool)}
    answer = requests.post(root + "/switches", data=form | {"zero_dates": "1", "number_decimals": "2"}, timeout=2)
    assert (answer.status_code, answer.url) == (200, root + "/")
    assert (switches.extra_keys, switches.zero_dates, switches.number_decimals) == (False, True, 2)
    requests.post(root + "/switches", data={"fail_action": "*", "fail_kind": "delay", "fail_after": "1", "fail_seconds": "0.5"}, timeout=2)
    (fault,) = switches.faults.waiting
    assert (fault.kind, fault.after, fault.options) == ("delay", 1, {"seconds": 0.5})
    requests.post(root + "/switches", data={"reset": "1"}, timeout=2)
    assert (switches.faults.waiting, switches.zero_dates, switches.accepts_json) == ([], False, False)


def test_bookkeeper_pays_credits_deletes_edits_and_removes(wefact):
    def keep(**wish):
        return requests.post(wefact.server.root_url + "/bookkeeper", json=wish, timeout=2).status_code

    draft, sent, other = wefact.invoice(), wefact.invoice(Status=2), wefact.invoice(Status=2)
    assert keep(do="pay", invoice=draft["Identifier"]) == 400
    assert keep(do="part_pay", invoice=sent["Identifier"], amount="21") == 200
    assert keep(do="edit", invoice=sent["Identifier"], price_excl="60", reference="PO 9") == 200
    changed = wefact.server.books.invoices.get(int(sent["Identifier"]))
    assert (changed.status, str(changed.amount_excl), changed["ReferenceNumber"]) == (3, "120.00", "PO 9")
    assert keep(do="pay", invoice=sent["Identifier"]) == 200
    assert keep(do="credit", invoice=other["Identifier"]) == 200
    assert keep(do="delete", invoice=draft["Identifier"]) == 200
    assert [invoice.status for invoice in wefact.server.books.invoices] == [4, 9, 8]
    assert keep(do="remove_debtor", debtor=5101) == 200
    assert wefact("debtor/show", DebtorCode="DB10007")["status"] == "error"
    assert keep(do="dance", invoice="2") == 400
    assert len(wefact.server.books.calls("invoice/markaspaid")) == 0  # a person, not the API


def test_books_survive_a_restart(clock, tmp_path):
    path = tmp_path / "wefact.sqlite"
    with running("wefact", state=path, clock=clock) as server:
        fields = {"api_key": server.api_key, "controller": "debtor", "action": "add", "CompanyName": "Zeef B.V."}
        requests.post(server.url, data=fields, timeout=2)
        fields |= {
            "controller": "invoice",
            "DebtorCode": "DB10045",
            "InvoiceLines[0][Description]": "x",
            "InvoiceLines[0][PriceExcl]": "12.50",
        }
        requests.post(server.url, data=fields, timeout=2)
        server.switches.fail("invoice/add", "slow_commit", seconds=60)
        with pytest.raises(requests.ConnectionError):
            requests.post(server.url, data=fields, timeout=2)
        before = [list(shelf) for shelf in server.books.shelves]
    with running("wefact", state=path, clock=clock, seed="empty") as server:
        assert [list(shelf) for shelf in server.books.shelves] == before
        assert [(invoice.code, str(invoice.amount_excl)) for invoice in server.books.invoices] == [("[concept]0001", "12.50")]
        clock.advance(60)
        assert [invoice.identifier for invoice in server.books.invoices] == [2, 3]
        fields |= {"controller": "debtor", "CompanyName": "Zeef 2", "DebtorCode": ""}
        assert requests.post(server.url, data=fields, timeout=2).json()["debtor"]["DebtorCode"] == "DB10046"


def test_a_request_on_large_books_is_written_quickly(clock, tmp_path):
    with running("wefact", state=tmp_path / "large.sqlite", clock=clock) as server:
        seed_many(server.books, 20_000)
        server.office.save()
        fields = {"api_key": server.api_key, "controller": "debtor", "action": "add", "CompanyName": "Zeef B.V."}
        begin = time.perf_counter()
        for _ in range(20):
            assert requests.post(server.url, data=fields, timeout=2).json()["status"] == "success"
        assert time.perf_counter() - begin < 1


def test_empty_seed_and_unknown_seed(clock):
    with running("wefact", seed="empty", clock=clock) as server:
        assert (len(server.books.debtors), len(server.books.products), len(server.books.tax_codes)) == (0, 0, 4)
        fields = {"api_key": server.api_key, "controller": "debtor", "action": "add", "CompanyName": "Zeef B.V."}
        assert requests.post(server.url, data=fields, timeout=2).json()["debtor"]["DebtorCode"] == "DB10000"
    with pytest.raises(UnknownSeed), running("wefact", seed="other"):
        pass


def start(*arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def test_command_line_serves_until_sigterm(tmp_path):
    options = ("--port", "0", "--seed", "demo", "--api-key", "sleutel-123", "--state", str(tmp_path / "h"), "--prefix", "/Pro")
    process, line = start("hostfact", *options, "--set", "vat_rounding=rate")
    try:
        prefix = "sandbox hostfact listening on http://127.0.0.1:"
        assert line.startswith(prefix)
        address = line.removeprefix("sandbox hostfact listening on ") + "/Pro/apiv2/api.php"
        fields = {"api_key": "sleutel-123", "controller": "debtor", "action": "list"}
        assert requests.post(address, data=fields, timeout=2).json()["totalresults"] == 12
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=3) == 0
    assert process.stderr.read() == ""


def test_command_line_dies_when_told_and_the_commit_survives(tmp_path):
    process, line = start("wefact", "--state", str(tmp_path / "w"), "--api-key", "sleutel-123")
    root = line.removeprefix("sandbox wefact listening on ")
    requests.post(root + "/switches", json={"fail": [{"action": "debtor/add", "kind": "commit_then_die"}]}, timeout=2)
    fields = {"api_key": "sleutel-123", "controller": "debtor", "action": "add", "CompanyName": "Zeef B.V."}
    with pytest.raises(requests.ConnectionError):
        requests.post(root + "/v2/", data=fields, timeout=2)
    assert process.wait(timeout=3) == 137
    with running("wefact", state=tmp_path / "w") as server:
        assert server.books.debtors.by_code("DB10045")["CompanyName"] == "Zeef B.V."


@pytest.mark.parametrize("arguments", [("nonsense",), ("wefact", "--set", "vat_rounding=never"), ("wefact", "--set", "nonsense")])
def test_command_line_refuses_what_it_does_not_know(arguments):
    process, line = start(*arguments)
    assert (line, process.wait(timeout=3)) == ("", 2)
    told = process.stderr.read()
    assert "wefact" in told and "Traceback" not in told
