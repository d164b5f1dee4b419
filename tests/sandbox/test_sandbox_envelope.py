"""Contract wefact 17, Envelope."""

from __future__ import annotations

from datetime import datetime, timedelta


def test_always_controller_action_status_and_date_with_offset(wefact):
    answer = wefact("debtor/list")
    assert list(answer)[:4] == ["controller", "action", "status", "date"]
    assert (answer["controller"], answer["action"], answer["status"]) == ("debtor", "list", "success")
    assert answer["date"] == "2026-11-21T10:00:00+01:00"
    assert datetime.fromisoformat(answer["date"]).utcoffset() == timedelta(hours=1)


def test_errors_only_on_error_and_http_200(wefact):
    assert "errors" not in wefact("debtor/list")
    answer = wefact("debtor/show", DebtorCode="nobody")
    assert (wefact.last.status_code, answer["status"]) == (200, "error")
    assert answer["errors"] == ["Debiteur nobody niet gevonden"]
    assert "success" not in answer and "debtor" not in answer


def test_not_found_on_hostfact(hostfact):
    assert hostfact("debtor/show", DebtorCode="nobody")["errors"] == ["Ongeldig kenmerk voor debiteur"]


def test_warning_is_singular(wefact):
    answer = wefact("invoice/sendbyemail", Identifier=wefact.invoice()["Identifier"])
    assert answer["warning"] == []
    assert "warnings" not in answer


def test_success_sentences_on_writes_not_on_reads_nor_on_hostfact_invoice_add(wefact, hostfact, line):
    assert wefact("debtor/add", DebtorCode="K-1", CompanyName="Zeef")["success"] == ["Debiteur 'K-1' is aangemaakt"]
    assert "success" not in wefact("debtor/show", DebtorCode="K-1")
    assert "success" in wefact("invoice/add", DebtorCode="K-1", InvoiceLines=[line])
    assert "success" not in hostfact("invoice/add", DebtorCode="DB10012", InvoiceLines=[line])
    invoice = hostfact.invoice()
    assert "success" not in hostfact("invoice/edit", Identifier=invoice["Identifier"], Comment="x")
    product = {"ProductName": "Zeef", "ProductKeyPhrase": "Zeef", "PriceExcl": "1"}
    assert "success" not in hostfact("product/add", **product)
    assert "success" in hostfact("debtor/add", CompanyName="Zeef")


def test_list_counters_are_ints_and_the_rows_key_vanishes_at_zero_hits(wefact):
    answer = wefact("debtor/list", offset=10)
    assert (answer["totalresults"], answer["currentresults"], answer["offset"]) == (12, 2, 10)
    for nothing in (wefact("debtor/list", searchfor="zzz"), wefact("debtor/list", offset=12)):
        assert nothing["currentresults"] == 0
        assert "debtors" not in nothing
    assert "invoices" not in wefact("invoice/list")


def test_filters_echo_as_strings_and_missing_when_none(wefact):
    assert "filters" not in wefact("invoice/list", offset=0, limit=10, DebtorCode="DB10012")
    asked = {"searchat": "DebtorCode", "searchfor": "DB10012", "status": 0, "sort": "Modified", "order": "DESC"}
    answer = wefact("invoice/list", **asked, created={"from": "2026-11-20 00:00:00"})
    assert answer["filters"] == asked | {"status": "0", "created": {"from": "2026-11-20 00:00:00"}}


def test_value_typing(wefact, hostfact):
    invoice = wefact.invoice(DebtorCode="DB10041")
    assert isinstance(invoice["Identifier"], str) and isinstance(invoice["Status"], str) and isinstance(invoice["Term"], str)
    assert (invoice["AmountExcl"], invoice["AmountTax"], invoice["AmountIncl"]) == ("100.00", "21.00", "121.00")
    line = invoice["InvoiceLines"][0]
    assert isinstance(line["Identifier"], int)
    assert (line["TaxPercentage"], line["Number"], line["PriceExcl"], line["NoDiscountAmountExcl"]) == (21, "2", "50", 100)
    assert (invoice["CompanyName"], invoice["SentDate"], invoice["CustomFields"]) == ("", "", [])
    assert invoice["UsedTaxrates"] == {"0.21": {"AmountExcl": 100, "AmountTax": 21, "AmountIncl": 121}}
    debtor = wefact("debtor/show", DebtorCode="DB10012")["debtor"]
    assert debtor["Groups"] == {"1": {"id": "1", "GroupName": "Vaste klanten"}}
    assert wefact("debtor/show", DebtorCode="DB10041")["debtor"]["Groups"] == []
    hostfact.invoice()
    assert hostfact("invoice/list")["invoices"][0]["AmountOpen"] == 0
    assert "Attachments" not in invoice


def test_prices_keep_their_decimals_unpadded(wefact, line):
    invoice = wefact.invoice(InvoiceLines=[line | {"Number": "7.250", "PriceExcl": "82.50"}, line | {"PriceExcl": "0.3515"}])
    assert [(row["Number"], row["PriceExcl"]) for row in invoice["InvoiceLines"]] == [("7.25", "82.5"), ("2", "0.3515")]
    assert invoice["AmountExcl"] == "598.83"


def test_never_null(wefact, hostfact):
    wefact.invoice()
    hostfact.invoice()
    shows = {"debtor/show": "DebtorCode=DB10041", "product/show": "ProductCode=P0400", "invoice/show": "InvoiceCode=[concept]0001"}
    for caller in (wefact, hostfact):
        for call, key in shows.items():
            name, value = key.split("=")
            assert caller(call, **{name: value})["status"] == "success"
            assert ":null" not in caller.last.text
