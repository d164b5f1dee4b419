"""Contract wefact 16.1: long texts, four-byte characters, and the oddities of answers (17, Faults)."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(("rule", "kept"), [("truncate", "Bier "), ("strip", "Bier  op"), ("keep", "Bier \U0001f37a op")])
def test_four_byte_characters(wefact, rule, kept):
    wefact.server.switches.four_byte_characters = rule
    added = wefact("debtor/add", CompanyName="Bier \U0001f37a op")["debtor"]
    assert added["CompanyName"] == kept.strip()


def test_four_byte_characters_can_be_refused(wefact):
    wefact.server.switches.four_byte_characters = "error"
    assert wefact("debtor/add", CompanyName="Bier \U0001f37a")["status"] == "error"


def test_long_texts_are_refused_cut_or_kept(wefact):
    name = "x" * 101
    assert wefact("debtor/add", CompanyName=name)["status"] == "error"
    wefact.server.switches.maximum_lengths = "truncate"
    assert len(wefact("debtor/add", CompanyName=name)["debtor"]["CompanyName"]) == 100
    wefact.server.switches.maximum_lengths = "off"
    assert len(wefact("debtor/add", CompanyName=name)["debtor"]["CompanyName"]) == 101


def test_long_reference_and_line_text_are_refused(wefact, line):
    base = {"DebtorCode": "DB10012", "InvoiceLines": [line]}
    assert wefact("invoice/add", **base | {"ReferenceNumber": "x" * 51})["status"] == "error"
    assert wefact("invoice/add", **base | {"InvoiceLines": [line | {"Description": "x" * 2001}]})["status"] == "error"


def test_escaped_characters_in_names(wefact):
    wefact.server.switches.escaping = "html"
    assert wefact("debtor/show", DebtorCode="DB10035")["debtor"]["CompanyName"] == "Peeters &amp; Zonen"
    wefact.server.switches.escaping = "none"
    assert wefact("debtor/show", DebtorCode="DB10035")["debtor"]["CompanyName"] == "Peeters & Zonen"


def test_counters_as_strings(wefact):
    wefact.server.switches.counters_as_strings = True
    answer = wefact("debtor/list", limit=2)
    assert (answer["totalresults"], answer["currentresults"], answer["offset"]) == ("12", "2", "0")


def test_numbers_as_strings(wefact):
    wefact.server.switches.numbers_as_strings = True
    assert wefact.invoice()["InvoiceLines"][0]["TaxPercentage"] == "21"


def test_comma_decimals_in_one_field(wefact):
    wefact.server.switches.comma_decimals_in = "AmountTax"
    invoice = wefact.invoice()
    assert (invoice["AmountTax"], invoice["AmountIncl"]) == ("21,00", "121.00")


def test_zero_dates_and_nulls(wefact):
    wefact.server.switches.zero_dates = wefact.server.switches.nulls_for_empty = True
    invoice = wefact.invoice(DebtorCode="DB10041")
    assert (invoice["SentDate"], invoice["CompanyName"]) == ("0000-00-00", None)


def test_unexpected_extra_keys(wefact):
    wefact.server.switches.extra_keys = True
    answer = wefact("debtor/show", DebtorCode="DB10012")
    assert "NieuwVeld" in answer["debtor"] and "servertime_ms" in answer


def test_warning_with_success(wefact):
    wefact.server.switches.warning_with_success = True
    answer = wefact("debtor/add", CompanyName="Zeef")
    assert (answer["status"], len(answer["warning"])) == ("success", 1)
    assert "warning" not in wefact("debtor/show", DebtorCode="nobody")
