"""Every remote call: its exact form, its order around the wire, and what the journal keeps of it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import responses

from connectors.errors import AccessRefused, ConnectorError, NotFound, NotProcessed, NotSent, OutcomeUnknown, Rejected, Unavailable
from connectors.records import NewCustomer
from connectors.wefact.persona import Persona
from wefact_stage import (
    HOSTFACT,
    HOSTFACT_URL,
    KEY,
    MARKER,
    WEFACT,
    WEFACT_URL,
    RecordingWire,
    Remote,
    connector,
    debtor,
    draft,
    draft_line,
    form_of,
    invoice,
    listed,
    refused,
    said,
    sent,
    url_of,
)

ACCESS = {"api_key": KEY}


def answers(url: str, body: Any, status: int = 200, **more: Any) -> None:
    responses.post(url, json=body, status=status, **more)


@responses.activate
def test_invoice_add_WeFact_exact_form() -> None:
    answers(WEFACT_URL, said("invoice", "add", success=["Conceptfactuur is aangemaakt"], invoice=invoice()))
    created = connector().create_invoice(draft(reference="PO 4500123", text="Bedankt", term_days=14))
    assert form_of(responses.calls[0].request) == [
        ("DebtorCode", "K-2044"),
        ("Status", "0"),
        ("Date", "2026-11-20"),
        ("VatCalcMethod", "excl"),
        ("Comment", MARKER),
        ("Term", "14"),
        ("ReferenceNumber", "PO 4500123"),
        ("Description", "Bedankt"),
        ("UseProductInventory", "no"),
        ("InvoiceLines[0][ProductCode]", "UREN-SR"),
        ("InvoiceLines[0][Description]", "Onderhoud ketelhuis, week 46"),
        ("InvoiceLines[0][Number]", "7.25"),
        ("InvoiceLines[0][NumberSuffix]", "uur"),
        ("InvoiceLines[0][PriceExcl]", "82.50"),
        ("InvoiceLines[0][TaxCode]", "V21"),
        ("InvoiceLines[0][Date]", "2026-11-13"),
        ("InvoiceLines[0][PeriodicType]", "once"),
        ("api_key", KEY),
        ("controller", "invoice"),
        ("action", "add"),
    ]
    assert (created.remote_id, created.number, created.state, created.marker) == ("40117", "[concept]0003", "draft", MARKER)
    assert (created.net, created.vat, created.gross) == (Decimal("598.13"), Decimal("125.61"), Decimal("723.74"))


@responses.activate
def test_invoice_add_HostFact_exact_form_and_answer_without_a_success_sentence() -> None:
    answers(HOSTFACT_URL, said("invoice", "add", invoice=invoice(Identifier=40117)))
    lines = (
        draft_line(),
        draft_line(item_code="", unit="", on=None, vat_percentage=Decimal("0"), quantity=Decimal(1), net=Decimal("82.5")),
    )
    connector(HOSTFACT).create_invoice(draft(lines=lines))
    assert form_of(responses.calls[0].request) == [
        ("DebtorCode", "K-2044"),
        ("Status", "0"),
        ("Date", "2026-11-20"),
        ("VatCalcMethod", "excl"),
        ("Comment", MARKER),
        ("InvoiceLines[0][ProductCode]", "UREN-SR"),
        ("InvoiceLines[0][Description]", "Onderhoud ketelhuis, week 46"),
        ("InvoiceLines[0][Number]", "7.25"),
        ("InvoiceLines[0][NumberSuffix]", "uur"),
        ("InvoiceLines[0][PriceExcl]", "82.50"),
        ("InvoiceLines[0][TaxPercentage]", "21"),
        ("InvoiceLines[0][Date]", "2026-11-13"),
        ("InvoiceLines[0][PeriodicType]", "once"),
        ("InvoiceLines[1][Description]", "Onderhoud ketelhuis, week 46"),
        ("InvoiceLines[1][Number]", "1"),
        ("InvoiceLines[1][PriceExcl]", "82.50"),
        ("InvoiceLines[1][TaxPercentage]", "0"),
        ("InvoiceLines[1][PeriodicType]", "once"),
        ("api_key", KEY),
        ("controller", "invoice"),
        ("action", "add"),
    ]


@responses.activate
def test_the_reference_holds_only_what_the_person_typed_and_the_number_is_never_sent() -> None:
    answers(WEFACT_URL, said("invoice", "add", invoice=invoice()))
    connector().create_invoice(draft())
    form = sent()
    assert "ReferenceNumber" not in form and "InvoiceCode" not in form and "Identifier" not in form
    assert form["Comment"] == MARKER


@responses.activate
def test_a_customer_without_a_number_there_is_named_by_id() -> None:
    answers(WEFACT_URL, said("invoice", "add", invoice=invoice()))
    connector().create_invoice(draft(customer_number=""))
    assert sent()["Debtor"] == "8123" and "DebtorCode" not in sent()


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"lines": ()}, "lines"),
        ({"lines": (draft_line(),) * 81}, "lines"),
        ({"reference": "x" * 51}, "reference"),
        ({"text": "x" * 2001}, "text"),
        ({"currency": "USD"}, "currency"),
        ({"customer_number": "K|1"}, "number"),
        ({"customer_number": "K" * 51}, "number"),
        ({"customer_number": "", "customer_remote_id": ""}, "customer_number"),
        ({"lines": (draft_line(description="x" * 2001),)}, "description"),
        ({"lines": (draft_line(description="  "),)}, "description"),
        ({"lines": (draft_line(item_code="x" * 51),)}, "item_code"),
        ({"lines": (draft_line(quantity=Decimal("1.00001")),)}, "quantity"),
        ({"lines": (draft_line(quantity=Decimal("NaN")),)}, "quantity"),
        ({"lines": (draft_line(unit_price=Decimal("1E+12")),)}, "unit_price"),
        ({"lines": (draft_line(net=Decimal("598.12")),)}, "net"),
    ],
)
@responses.activate
def test_what_does_not_fit_the_wire_is_refused_before_anything_is_journalled(changed: dict[str, Any], field: str) -> None:
    wire = RecordingWire()
    with pytest.raises(Rejected) as caught:
        connector(wire=wire).create_invoice(draft(**changed))
    assert (caught.value.reason, caught.value.params["field"]) == ("invalid_for_wire", field)
    assert not wire.events and not responses.calls


@responses.activate
def test_eighty_lines_fit_and_the_refusal_names_lines_and_limit() -> None:
    answers(WEFACT_URL, said("invoice", "add", invoice=invoice()))
    connector().create_invoice(draft(lines=(draft_line(),) * 80))
    assert len(form_of(responses.calls[0].request)) <= 900
    with pytest.raises(Rejected) as caught:
        connector().create_invoice(draft(lines=(draft_line(),) * 81))
    assert (caught.value.params["lines"], caught.value.params["limit"]) == (81, 80)


@responses.activate
def test_characters_that_cannot_travel_are_replaced() -> None:
    answers(WEFACT_URL, said("invoice", "add", invoice=invoice()))
    connector().create_invoice(draft(lines=(draft_line(description="klus 🔧 \x00 a\ud800b\ntweede"),)))
    assert sent()["InvoiceLines[0][Description]"] == "klus \ufffd \ufffd a\ufffdb\ntweede"


@responses.activate
def test_debtor_add_exact_form() -> None:
    answers(WEFACT_URL, said("debtor", "add", success=["Debiteur 'K-9' is aangemaakt"], debtor=debtor("K-9", 77)))
    made = connector().create_customer(
        NewCustomer(
            number="K-9", company_name="Van Dalen & Zn", contact_first_name="Noor", contact_last_name="van Dalen", email="n@d.example",
            phone="0101234567", address="Kade 12", postal_code="9999 XX", city="Voorbeeldstad", country="NL", vat_number="NL000000001B01",
            coc_number="69000001", payment_term_days=30,
        )
    )  # fmt: skip
    assert form_of(responses.calls[0].request) == [
        ("DebtorCode", "K-9"),
        ("CompanyName", "Van Dalen & Zn"),
        ("Initials", "Noor"),
        ("SurName", "van Dalen"),
        ("EmailAddress", "n@d.example"),
        ("PhoneNumber", "0101234567"),
        ("Address", "Kade 12"),
        ("ZipCode", "9999 XX"),
        ("City", "Voorbeeldstad"),
        ("Country", "NL"),
        ("TaxNumber", "NL000000001B01"),
        ("CompanyNumber", "69000001"),
        ("InvoiceTerm", "30"),
        ("api_key", KEY),
        ("controller", "debtor"),
        ("action", "add"),
    ]
    assert (made.remote_id, made.number, made.complete) == ("77", "K-9", True)


@responses.activate
def test_debtor_add_without_a_number_lets_the_package_number() -> None:
    answers(WEFACT_URL, said("debtor", "add", debtor=debtor("DB10007")))
    made = connector().create_customer(NewCustomer(number="", company_name="", contact_last_name="Jansen"))
    assert "DebtorCode" not in sent() and made.number == "DB10007"


@pytest.mark.parametrize(
    ("customer", "field"),
    [
        (NewCustomer(number="1", company_name=" "), "company_name"),
        (NewCustomer(number="1", company_name="x" * 101), "company_name"),
        (NewCustomer(number="a[b", company_name="x"), "number"),
        (NewCustomer(number="1" * 51, company_name="x"), "number"),
        (NewCustomer(number="1", company_name="x", email="x" * 256), "email"),
    ],
)
def test_a_customer_that_cannot_be_created_is_refused_here(customer: NewCustomer, field: str) -> None:
    with pytest.raises(Rejected) as caught:
        connector().create_customer(customer)
    assert (caught.value.reason, caught.value.params["field"]) == ("invalid_for_wire", field)


@responses.activate
def test_R31_another_customer_than_the_one_created_is_an_unknown_outcome() -> None:
    answers(WEFACT_URL, said("debtor", "add", debtor=debtor("K-10")))
    with pytest.raises(OutcomeUnknown) as caught:
        connector().create_customer(NewCustomer(number="K-9", company_name="x"))
    assert caught.value.reason == "unexpected"


@responses.activate
def test_show_and_sendbyemail_exact_forms() -> None:
    remote = Remote(responses)  # type: ignore[arg-type]
    remote.on("invoice/show", said("invoice", "show", invoice=invoice(Status="2", InvoiceCode="F2026-0042", Sent="1")))
    remote.on(
        "invoice/sendbyemail", said("invoice", "sendbyemail", success=["Factuur F2026-0042 is per e-mail verzonden naar x"], warning=[])
    )
    wefact = connector()
    assert wefact.show("40117").number == "F2026-0042"
    sent_invoice = wefact.send("40117")
    assert remote.calls == [
        {"Identifier": "40117", "api_key": KEY, "controller": "invoice", "action": "show"},
        {"Identifier": "40117", "api_key": KEY, "controller": "invoice", "action": "sendbyemail"},
        {"Identifier": "40117", "api_key": KEY, "controller": "invoice", "action": "show"},
    ]
    assert sent_invoice.invoice is not None
    assert (sent_invoice.invoice.state, sent_invoice.invoice.times_sent, sent_invoice.problem) == ("sent", 1, None)


@pytest.mark.parametrize(
    ("show", "problem"),
    [
        ((502, {}, "<html>Bad gateway"), Unavailable),
        ((403, {}, "IP 203.0.113.9 currently in firewall"), AccessRefused),
        ((503, {}, ""), NotProcessed),
    ],
)
@responses.activate
def test_a_mail_that_went_out_is_told_even_when_reading_back_fails(show: Any, problem: type[ConnectorError]) -> None:
    remote = Remote(responses).on("invoice/sendbyemail", said("invoice", "sendbyemail", warning=["Let op"])).on("invoice/show", show)  # type: ignore[arg-type]
    result = connector().send("40117")
    assert (result.remote_id, result.invoice, result.warnings) == ("40117", None, ("Let op",))
    assert isinstance(result.problem, problem)
    assert len(remote.asked("invoice/sendbyemail")) == 1


@responses.activate
def test_a_refused_mail_is_refused_and_a_lost_answer_is_unknown_and_neither_is_repeated() -> None:
    remote = Remote(responses)  # type: ignore[arg-type]
    remote.on("invoice/sendbyemail", refused("invoice", "sendbyemail", "Factuur is geblokkeerd"))
    with pytest.raises(Rejected) as caught:
        connector().send("40117")
    assert caught.value.detail == "Factuur is geblokkeerd"
    remote.on("invoice/sendbyemail", (500, {}, "<html>"))
    with pytest.raises(OutcomeUnknown):
        connector().send("40117")
    assert len(remote.calls) == 2


@pytest.mark.parametrize("remote_id", ["", "[concept]0003", "40117; drop", "-1", "0"])
def test_only_an_id_is_asked_for_never_a_draft_code(remote_id: str) -> None:
    for call in (connector().show, connector().send):
        with pytest.raises(Rejected) as caught:
            call(remote_id)
        assert caught.value.reason == "invalid_for_wire"


@responses.activate
def test_an_invoice_that_is_refused_on_show_is_not_found() -> None:
    answers(WEFACT_URL, refused("invoice", "show", "Factuur 40117 niet gevonden"))
    with pytest.raises(NotFound) as caught:
        connector().show("40117")
    assert (caught.value.reason, caught.value.detail) == ("not_found", "Factuur 40117 niet gevonden")


@responses.activate
def test_R31_show_of_another_invoice_is_no_answer() -> None:
    answers(WEFACT_URL, said("invoice", "show", invoice=invoice("3")))
    with pytest.raises(Unavailable) as caught:
        connector().show("40117")
    assert caught.value.reason == "unexpected"


# Around the wire


@pytest.mark.parametrize("persona", [WEFACT, HOSTFACT], ids=lambda persona: persona.vendor)
@responses.activate
def test_order_of_a_call_around_the_wire(persona: Persona) -> None:
    headers = {"API-RateLimit-Remaining-Minute": "199", "API-RateLimit-Reset-Minute": "1795165200"}
    answers(url_of(persona), said("invoice", "show", invoice=invoice()), headers=headers)
    wire = RecordingWire()
    connector(persona, wire).show("40117")
    assert wire.events == ["take", "opened invoice/show", "pace", "closed ok"]
    assert wire.paces == [(199, None, 1795165200, None)]
    assert wire.writes == [False]


@responses.activate
def test_rate_headers_of_an_error_count_too_and_nonsense_in_them_does_not() -> None:
    headers = {"API-RateLimit-Remaining-Minute": "3", "API-RateLimit-Remaining-Hour": "49", "API-RateLimit-Reset-Hour": "soon"}
    answers(WEFACT_URL, refused("invoice", "add", "nee"), headers=headers)
    wire = RecordingWire()
    with pytest.raises(Rejected):
        connector(wire=wire).create_invoice(draft())
    assert wire.paces == [(3, 49, None, None)]
    assert wire.outcomes == ["rejected"] and wire.writes == [True]


@responses.activate
def test_without_budget_nothing_is_journalled_or_sent() -> None:
    def none_left() -> None:
        raise NotProcessed("budget", retry_after=7)

    wire = RecordingWire(budget=none_left)
    with pytest.raises(NotProcessed) as caught:
        connector(wire=wire).show("40117")
    assert caught.value.retry_after == 7
    assert wire.events == ["take"] and not responses.calls


@responses.activate
def test_S54_the_key_is_in_no_journal_and_no_error_however_it_is_echoed() -> None:
    key = 'geheim/+&"<é>'
    spelled = [key, "geheim%2F%2B%26%22%3C%C3%A9%3E", 'geheim\\/+&\\"<\\u00e9>', key.upper(), "geheim/+&amp;&quot;&lt;é&gt;"]
    wire = RecordingWire()
    for echo in spelled:
        responses.post(
            WEFACT_URL, body=f'{{"controller":"invoice","action":"show","status":"error","errors":[{json.dumps(echo)}],"x":"{echo}"'
        )
        responses.post(WEFACT_URL, json=refused("invoice", "show", f"fout bij {echo}"))
    for _ in spelled:
        with pytest.raises(Rejected) as caught:
            connector(wire=wire, api_key=key).show("40117")
        told = repr(wire.requests) + repr(wire.answers) + str(caught.value) + repr(caught.value.params) + caught.value.detail
        assert "geheim" not in told.casefold()
    assert "api_key" not in "".join(wire.requests)
    assert "[redacted]" in wire.answers[0].body


@responses.activate
def test_the_journal_keeps_the_request_as_lines_and_the_answer_within_64_kib() -> None:
    wire = RecordingWire()
    responses.post(WEFACT_URL, body="é" * 100_000)
    with pytest.raises(OutcomeUnknown):
        connector(wire=wire).create_invoice(draft(lines=(draft_line(description="een\ncontroller=x \\n"),)))
    rows = wire.requests[0].split("\n")
    assert rows[0] == "DebtorCode=K-2044" and rows[-2:] == ["controller=invoice", "action=add"]
    assert "InvoiceLines[0][Description]=een\\ncontroller=x \\\\n" in rows
    assert len(wire.answers[0].body.encode()) <= 64 * 1024
    assert (wire.answers[0].http_status, wire.answers[0].outcome) == (200, "not_json")


@responses.activate
def test_login_fields_of_HostFact_customers_are_not_journalled_and_never_asked_for() -> None:
    record = debtor(Username="noor", SecurePassword='s3cr"et', Password="open", ActiveLogin="yes")
    answers(HOSTFACT_URL, said("debtor", "show", debtor=record))
    wire = RecordingWire()
    connector(HOSTFACT, wire).find_customer("K-2044")
    for secret in ("s3cr", "open", '"noor"'):
        assert secret not in wire.answers[0].body
    assert "GetPassword" not in sent()


@pytest.mark.parametrize(("api_key", "url"), [("", None), ("  ", None), (KEY, "")])
def test_without_key_or_address_nothing_is_tried(api_key: str, url: str | None) -> None:
    for persona in (WEFACT, HOSTFACT):
        wire = RecordingWire()
        with pytest.raises(NotSent) as caught:
            connector(persona, wire, url, api_key=api_key).show("40117")
        assert caught.value.reason == "not_configured" and not wire.events


@responses.activate
def test_writes_are_never_repeated_and_reads_are() -> None:
    responses.post(WEFACT_URL, status=502, body="<html>")
    with pytest.raises(OutcomeUnknown):
        connector().create_invoice(draft())
    assert len(responses.calls) == 1
    wire = RecordingWire()
    with pytest.raises(Unavailable):
        connector(wire=wire).show("40117")
    assert wire.events == ["take", "opened invoice/show", "closed server_error"] * 4


@responses.activate
def test_after_a_refusal_of_access_a_read_is_not_repeated() -> None:
    responses.post(WEFACT_URL, status=403, body="IP 203.0.113.9 currently in firewall")
    with pytest.raises(AccessRefused):
        connector().show("40117")
    assert len(responses.calls) == 1


@responses.activate
def test_what_the_fence_raises_is_journalled_as_stopped() -> None:
    from raw_server import answering, http_answer, raw_server

    def lost() -> None:
        raise RuntimeError("lease lost")

    responses.add_passthru("http://127.0.0.1")
    wire = RecordingWire(fence=lost)
    with raw_server(answering(http_answer(b"{}"))) as server, pytest.raises(RuntimeError):
        connector(wire=wire, url=f"http://127.0.0.1:{server.port}/v2/").create_invoice(draft())
    assert wire.events == ["take", "opened invoice/add", "before_write", "closed stopped"]
    assert not server.received


def test_before_write_is_asked_for_writes_only_and_after_the_journal_was_opened() -> None:
    from raw_server import RawServer, http_answer, raw_server, read_request

    def serve(connection: Any, server: RawServer) -> None:
        body = read_request(connection, server)
        action = "add" if b"action=add" in body else "show"
        connection.sendall(http_answer(json.dumps(said("invoice", action, invoice=invoice())).encode()))

    wire = RecordingWire()
    with raw_server(serve) as server:
        wefact = connector(wire=wire, url=f"http://127.0.0.1:{server.port}/v2/", call_seconds=5)
        wefact.create_invoice(draft())
        wefact.show("40117")
    assert wire.events == ["take", "opened invoice/add", "before_write", "closed ok", "take", "opened invoice/show", "closed ok"]


@responses.activate
def test_list_calls_exact_forms() -> None:
    remote = Remote(responses)  # type: ignore[arg-type]
    remote.on("debtor/list", listed("debtor", [debtor()])).on("product/list", listed("product", []))
    wefact = connector()
    assert [page.last for page in wefact.customers("2026-11-02 00:00:00")] == [True]
    assert wefact.items() == []
    assert remote.calls[0] == {
        "sort": "DebtorCode", "order": "ASC", "modified[from]": "2026-11-02 00:00:00", "offset": "0", "limit": "1000",
        "api_key": KEY, "controller": "debtor", "action": "list",
    }  # fmt: skip
    assert remote.calls[1] == {
        "sort": "ProductCode", "order": "ASC", "offset": "0", "limit": "1000", "api_key": KEY, "controller": "product", "action": "list",
    }  # fmt: skip


@responses.activate
def test_a_redirect_is_journalled_with_its_code() -> None:
    responses.post(WEFACT_URL, status=302, headers={"Location": f"https://elders.example/?api_key={KEY}"})
    wire = RecordingWire()
    with pytest.raises(Rejected) as caught:
        connector(wire=wire).create_invoice(draft())
    assert (wire.answers[0].outcome, wire.answers[0].http_status) == ("redirect", 302)
    assert KEY not in repr(caught.value.params)
