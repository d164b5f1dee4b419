"""What our contract says a robust connector must do, point by point (contract wefact 18), as far as a connector can show it."""

from __future__ import annotations

import inspect
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
import responses

from connectors.base import Connector
from connectors.errors import AccessRefused, NotFound, NotProcessed, OutcomeUnknown, Rejected, Unavailable
from connectors.records import NewCustomer
from connectors.wefact.clock import server_local
from wefact_stage import (
    HOSTFACT,
    HOSTFACT_URL,
    KEY,
    MARKER,
    WEFACT,
    WEFACT_URL,
    Pauses,
    RecordingWire,
    Remote,
    connector,
    debtor,
    draft,
    draft_line,
    form_of,
    invoice,
    invoice_row,
    line,
    listed,
    refused,
    said,
    sent,
    wanted,
)


def remote(persona: Any = WEFACT) -> Remote:
    return Remote(responses, persona)  # type: ignore[arg-type]


# Transport and safety


@responses.activate
def test_point_form_encoding_with_brackets_for_both_and_scalars_as_strings() -> None:
    for persona, url in ((WEFACT, WEFACT_URL), (HOSTFACT, HOSTFACT_URL)):
        responses.post(url, json=said("invoice", "add", invoice=invoice()))
        connector(persona).create_invoice(draft())
        request = responses.calls[-1].request
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert [name for name, _ in form_of(request)][-3:] == ["api_key", "controller", "action"]
        assert ("InvoiceLines[0][Number]", "7.25") in form_of(request)


@responses.activate
def test_point_no_cookies_no_redirects_and_tls_always_verified() -> None:
    responses.post(WEFACT_URL, json=said("invoice", "show", invoice=invoice()), headers={"Set-Cookie": "PHPSESSID=1"})
    wefact = connector()
    wefact.show("40117")
    wefact.show("40117")
    assert all("Cookie" not in call.request.headers for call in responses.calls)
    assert responses.calls[0].request.req_kwargs["verify"] is True  # type: ignore[attr-defined]


@responses.activate
def test_point_decide_by_status_and_echo_never_by_the_http_code() -> None:
    responses.post(WEFACT_URL, json=refused("invoice", "add", "nee"), status=200)
    with pytest.raises(Rejected):
        connector().create_invoice(draft())
    responses.reset()
    responses.post(WEFACT_URL, json=said("invoice", "add", invoice=invoice()), status=201)
    assert connector().create_invoice(draft()).remote_id == "40117"


@responses.activate
def test_point_unparsable_is_unknown_on_writes_and_temporary_on_reads() -> None:
    responses.post(WEFACT_URL, body="<html>")
    with pytest.raises(OutcomeUnknown):
        connector().create_invoice(draft())
    with pytest.raises(OutcomeUnknown):
        connector().send("40117")
    with pytest.raises(Unavailable):
        connector().show("40117")


@responses.activate
def test_point_the_key_is_in_no_log_and_no_error() -> None:
    responses.post(WEFACT_URL, body=f"<html>debug: api_key={KEY}</html>")
    wire = RecordingWire()
    with pytest.raises(OutcomeUnknown) as caught:
        connector(wire=wire).create_invoice(draft())
    assert KEY not in repr(wire) + repr(caught.value.__dict__) + str(caught.value)


@responses.activate
def test_point_the_outgoing_address_comes_from_the_error_text() -> None:
    responses.post(WEFACT_URL, json=refused("invalid", "invalid", "IP 198.51.100.7 has no access to API"))
    with pytest.raises(AccessRefused) as caught:
        connector().items()
    assert caught.value.params["address"] == "198.51.100.7"


@pytest.mark.parametrize(
    "text", ["IP 198.51.100.7 has no access to API", "API key is invalid", "IP 198.51.100.7 currently in firewall", "API uit"]
)
@responses.activate
def test_point_access_key_and_firewall_stop_the_link_and_are_not_tried_again(text: str) -> None:
    responses.post(WEFACT_URL, json=refused("invalid", "invalid", text))
    pauses = Pauses()
    with pytest.raises(AccessRefused):
        list(connector(pause=pauses).customers(None))
    assert len(responses.calls) == 1 and not pauses


@responses.activate
def test_point_one_limiter_is_asked_before_every_call_and_told_of_the_headers() -> None:
    headers = {f"API-RateLimit-{name}": "4" for name in ("Remaining-Minute", "Remaining-Hour", "Reset-Minute", "Reset-Hour")}
    responses.post(WEFACT_URL, json=said("invoice", "show", invoice=invoice()), headers=headers)
    responses.post(WEFACT_URL, status=403, body="IP 198.51.100.7 currently in firewall", headers=headers)
    wire = RecordingWire()
    wefact = connector(wire=wire)
    wefact.show("40117")
    with pytest.raises(AccessRefused):
        wefact.show("40117")
    assert wire.events.count("take") == 2 and wire.paces == [(4, 4, 4, 4)] * 2
    assert (WEFACT.calls_per_minute, WEFACT.calls_per_hour, HOSTFACT.calls_per_second) == (180, 3300, 3)


@responses.activate
def test_point_back_off_on_temporary_errors_for_reads_only() -> None:
    responses.post(WEFACT_URL, status=503)
    pauses = Pauses()
    for call in (lambda one: one.create_invoice(draft()), lambda one: one.send("40117")):
        with pytest.raises(NotProcessed):
            call(connector(pause=pauses))
    assert not pauses
    with pytest.raises(NotProcessed):
        connector(pause=pauses).show("40117")
    assert len(pauses) == 3 and pauses == sorted(pauses)


# Reading


@responses.activate
def test_point_pages_of_up_to_a_thousand_with_a_checkpoint_each() -> None:
    rows = [debtor(f"K{n}", n) for n in range(1, 6)]
    asked = remote().on(
        "debtor/list", lambda form: listed("debtor", rows[int(form["offset"]) :][: int(form["limit"])], 5, int(form["offset"]))
    )
    first = next(connector(page_size=2).customers(None))
    rest = list(connector(page_size=2).customers(None, first.offset + len(first.rows)))
    assert [row.number for page in (first, *rest) for row in page.rows] == ["K1", "K2", "K3", "K4", "K5"]
    assert all(int(form["limit"]) <= 1000 for form in asked.calls)


@responses.activate
def test_point_incremental_from_the_servers_own_date_and_a_full_pass_without() -> None:
    asked = remote().on("debtor/list", listed("debtor", [debtor()]))
    page = next(connector().customers(None))
    list(connector().customers(server_local(page.server_time, 2)))
    assert "modified[from]" not in asked.calls[0] and asked.calls[1]["modified[from]"] == "2026-11-20 08:12:31"


@responses.activate
def test_point_customers_come_from_list_rows_never_one_by_one() -> None:
    asked = remote().on("debtor/list", listed("debtor", [debtor(f"K{n}", n) for n in range(1, 500)]))
    list(connector().customers(None))
    assert len(asked.calls) == 1


@responses.activate
def test_point_parse_leniently_and_never_a_float() -> None:
    body = json.dumps(
        said("invoice", "show", invoice=invoice(AmountExcl=598.13, AmountIncl=723.74, AmountTax="125,61", Date="0000-00-00", Sent=""))
    )
    responses.post(WEFACT_URL, body=body)
    record = connector().show("40117")
    assert (record.net, record.date, record.times_sent) == (Decimal("598.13"), None, 0)
    assert type(record.net) is Decimal


@responses.activate
def test_point_unknown_statuses_are_kept() -> None:
    responses.post(WEFACT_URL, json=said("invoice", "show", invoice=invoice(Status="7")))
    assert (connector().show("40117").state, connector().show("40117").status_code) == ("unknown", "7")


# Creating customers


@responses.activate
def test_point_show_then_add_with_our_number_as_the_code_then_show_again() -> None:
    missing = refused("debtor", "show", "Ongeldig kenmerk voor debiteur")
    asked = remote().on("debtor/show", missing, said("debtor", "show", debtor=debtor("K-9", 9))).on("debtor/list", listed("debtor", []))
    asked.on("debtor/add", (502, {}, "<html>"))
    wefact = connector()
    assert wefact.find_customer("K-9") is None
    with pytest.raises(OutcomeUnknown):
        wefact.create_customer(NewCustomer(number="K-9", company_name="x"))
    found = wefact.find_customer("K-9")
    assert found is not None and found.remote_id == "9"
    assert asked.asked("debtor/add")[0]["DebtorCode"] == "K-9" and len(asked.asked("debtor/add")) == 1


@responses.activate
def test_point_not_found_only_for_a_business_error_that_the_list_confirms() -> None:
    asked = remote().on("debtor/show", refused("invalid", "invalid", "Invalid action"))
    with pytest.raises(Rejected) as caught:
        connector().find_customer("K-9")
    assert caught.value.reason == "routing" and not asked.asked("debtor/list")


def test_point_a_company_or_last_name_is_needed_before_the_call() -> None:
    with pytest.raises(Rejected):
        connector().create_customer(NewCustomer(number="K-9", company_name="", contact_first_name="Noor"))


def test_point_fields_kept_in_the_package_are_never_overwritten() -> None:
    assert not [name for name, _ in inspect.getmembers(connector()) if "edit" in name or "update" in name or "delete" in name]


# Creating invoices


@responses.activate
def test_point_validate_before_the_call() -> None:
    for wrong in (
        draft(lines=()),
        draft(customer_number="", customer_remote_id=""),
        draft(reference="x" * 51),
        draft(lines=(draft_line(),) * 81),
    ):
        with pytest.raises(Rejected):
            connector().create_invoice(wrong)
    assert not responses.calls


@responses.activate
def test_point_a_draft_once_without_stock_with_explicit_description_and_price() -> None:
    for persona, url in ((WEFACT, WEFACT_URL), (HOSTFACT, HOSTFACT_URL)):
        responses.post(url, json=said("invoice", "add", invoice=invoice()))
        connector(persona).create_invoice(draft())
        form = sent()
        assert (form["Status"], form["Comment"], form["InvoiceLines[0][PeriodicType]"]) == ("0", MARKER, "once")
        assert form["InvoiceLines[0][Description]"] and form["InvoiceLines[0][PriceExcl]"] == "82.50"
        assert form.get("UseProductInventory") == ("no" if persona is WEFACT else None)
        assert ("InvoiceLines[0][TaxCode]" in form, "InvoiceLines[0][TaxPercentage]" in form) == (persona is WEFACT, persona is HOSTFACT)


@responses.activate
def test_point_the_journal_is_open_before_the_call_leaves() -> None:
    wire = RecordingWire()

    def look(request: Any) -> tuple[int, dict[str, str], str]:
        assert wire.events == ["take", "opened invoice/add"] and f"Comment={MARKER}" in wire.requests[0]
        return 200, {}, json.dumps(said("invoice", "add", invoice=invoice()))

    responses.add_callback(responses.POST, WEFACT_URL, callback=look)
    connector(wire=wire).create_invoice(draft())
    assert wire.events[-1] == "closed ok"


@responses.activate
def test_point_a_lost_answer_is_searched_for_never_sent_again() -> None:
    asked = (
        remote()
        .on("invoice/add", (502, {}, ""))
        .on("invoice/list", listed("invoice", [invoice_row()]))
        .on("invoice/show", said("invoice", "show", invoice=invoice()))
    )
    with pytest.raises(OutcomeUnknown):
        connector().create_invoice(draft())
    assert [one.remote_id for one in connector().find(wanted()).matches] == ["40117"]
    assert len(asked.asked("invoice/add")) == 1


@responses.activate
def test_point_the_answer_gives_what_a_comparison_needs() -> None:
    responses.post(WEFACT_URL, json=said("invoice", "add", invoice=invoice(InvoiceLines=[line(), line(ProductCode="KM", Number="146")])))
    made = connector().create_invoice(draft())
    assert [(one.item_code, one.quantity, one.unit_price) for one in made.lines] == [
        ("UREN-SR", Decimal("7.25"), Decimal("82.5")),
        ("KM", Decimal("146"), Decimal("82.5")),
    ]
    assert (made.net, made.vat, made.customer_number, made.date) == (Decimal("598.13"), Decimal("125.61"), "K-2044", date(2026, 11, 20))


@responses.activate
def test_point_the_identifier_is_the_key_never_the_digits_of_a_draft_code() -> None:
    responses.post(WEFACT_URL, json=said("invoice", "add", invoice=invoice("40117", InvoiceCode="[concept]0003")))
    made = connector().create_invoice(draft())
    assert (made.remote_id, made.number) == ("40117", "[concept]0003")
    with pytest.raises(Rejected):
        connector().show(made.number)


@responses.activate
def test_point_sending_is_a_step_of_its_own_that_names_the_invoice_only() -> None:
    asked = remote().on("invoice/add", said("invoice", "add", invoice=invoice())).on("invoice/sendbyemail", said("invoice", "sendbyemail"))
    asked.on("invoice/show", said("invoice", "show", invoice=invoice(SubStatus="BLOCKED", EmailAddress="")))
    wefact = connector()
    made = wefact.create_invoice(draft())
    assert len(asked.calls) == 1, "creating mails nothing"
    seen = wefact.show(made.remote_id)
    assert (seen.state, seen.blocked, seen.email) == ("draft", True, ""), "what is read before sending"
    wefact.send(made.remote_id)
    assert asked.asked("invoice/sendbyemail") == [{"Identifier": "40117", "api_key": KEY, "controller": "invoice", "action": "sendbyemail"}]


def test_point_large_invoices_are_refused_and_lines_are_never_added_later() -> None:
    assert not [name for name in dir(connector()) if "line" in name]
    with pytest.raises(Rejected) as caught:
        connector().create_invoice(draft(lines=(draft_line(),) * 81))
    assert caught.value.params == {"field": "lines", "lines": 81, "limit": 80}


@responses.activate
def test_point_a_draft_that_disappeared_is_not_found() -> None:
    responses.post(WEFACT_URL, json=refused("invoice", "show", "Factuur 40117 niet gevonden"))
    with pytest.raises(NotFound):
        connector().show("40117")


@responses.activate
def test_point_credited_there_is_shown_and_nothing_more() -> None:
    responses.post(WEFACT_URL, json=said("invoice", "show", invoice=invoice(Status="9")))
    assert connector().show("40117").state == "credited"


# HostFact


@responses.activate
def test_point_HostFact_has_percentages_no_settings_call_and_no_login_fields() -> None:
    asked = remote(HOSTFACT).on("debtor/list", listed("debtor", [debtor()])).on("invoice/list", listed("invoice", []))
    asked.on("debtor/show", said("debtor", "show", debtor=debtor(SecurePassword="geheim")))
    wire = RecordingWire()
    hostfact = connector(HOSTFACT, wire)
    assert hostfact.check().ok
    assert "geheim" not in repr(hostfact.find_customer("K-2044")) + repr(wire.answers)
    assert not asked.asked("settings/list") and all("GetPassword" not in form for form in asked.calls)


def test_point_capabilities_are_explicit() -> None:
    common = {"items", "create_customer", "find", "send", "numbers_customers"}
    assert connector(WEFACT).capabilities == common | {"tax_codes"} and connector(HOSTFACT).capabilities == common
    assert (connector(WEFACT).vendor, connector(HOSTFACT).vendor) == ("wefact", "hostfact")


def test_the_connector_keeps_the_protocol() -> None:
    for name, method in inspect.getmembers(Connector, inspect.isfunction):
        if not name.startswith("_"):
            ours = inspect.signature(getattr(type(connector()), name))
            assert list(ours.parameters) == list(inspect.signature(method).parameters), name
