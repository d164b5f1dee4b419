"""Single values and records, both ways, without a network."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from connectors.errors import Rejected
from connectors.wefact import mapping
from connectors.wefact.clock import home_wall, server_local
from connectors.wefact.values import (
    Unusable,
    collection,
    decimal,
    form_body,
    form_pairs,
    identifier,
    optional_date,
    same_code,
    sent_number,
    truth,
    wire_text,
)
from wefact_stage import HOSTFACT, WEFACT, debtor, invoice, invoice_row, line


def test_the_form_has_php_brackets_and_the_reserved_keys_last() -> None:
    fields = {"InvoiceLines": [{"Number": "1", "CustomFields": {"k": "v w"}}], "modified": {"from": "2026-11-01 00:00:00"}, "Groups": ["4"]}
    pairs = form_pairs(fields, [("api_key", "k"), ("controller", "invoice"), ("action", "add")])
    assert [name for name, _ in pairs] == [
        "InvoiceLines[0][Number]", "InvoiceLines[0][CustomFields][k]", "modified[from]", "Groups[0]", "api_key", "controller", "action",
    ]  # fmt: skip
    assert form_body(pairs).startswith(b"InvoiceLines%5B0%5D%5BNumber%5D=1&InvoiceLines%5B0%5D%5BCustomFields%5D%5Bk%5D=v+w&modified")


@pytest.mark.parametrize("name", ["api_key", "controller", "action"])
def test_a_parameter_cannot_overwrite_a_reserved_key(name: str) -> None:
    with pytest.raises(ValueError):
        form_pairs({name: "x"}, [("api_key", "k"), ("controller", "c"), ("action", "a")])


def test_more_than_900_variables_are_refused() -> None:
    with pytest.raises(Rejected) as caught:
        form_pairs({"L": ["x"] * 898}, [("api_key", "k"), ("controller", "c"), ("action", "a")])
    assert (caught.value.reason, caught.value.params["limit"]) == ("invalid_for_wire", 900)
    assert len(form_pairs({"L": ["x"] * 897}, [("api_key", "k"), ("controller", "c"), ("action", "a")])) == 900


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("7.25", "7.25"),
        ("7.2500", "7.25"),
        ("82.5", "82.50"),
        ("1", "1"),
        ("1.00", "1"),
        ("0.3333", "0.3333"),
        ("-5.1", "-5.10"),
        ("1E+3", "1000"),
        ("0", "0"),
    ],
)
def test_numbers_leave_with_a_dot_and_unrounded(value: str, written: str) -> None:
    assert sent_number(Decimal(value), "quantity") == written


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("302.50", "302.50"), ("25", "25"), (21, "21"), (Decimal("2688.62"), "2688.62"), ("302,50", "302.50"), ("1.302,50", "1302.50"),
        ("1,302.50", "1302.50"), (" 5 ", "5"), ("-0.10", "-0.10"), (".5", "0.5"), ("5.", "5"), ("0.00", "0"),
    ],
)  # fmt: skip
def test_numbers_arrive_in_every_dress(value: Any, number: str) -> None:
    assert decimal(value, "x") == Decimal(number)


@pytest.mark.parametrize(
    "value", [None, "", "n.v.t.", True, [], {}, "1e5", "NaN", Decimal("NaN"), Decimal("1E+50"), "1" * 30, "１", "1.2.3", "--1"]
)
def test_R36_what_is_no_number_is_not_guessed(value: Any) -> None:
    with pytest.raises(Unusable):
        decimal(value, "x")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-11-20", date(2026, 11, 20)), ("2026-11-20 10:00:00", date(2026, 11, 20)), ("", None), ("0000-00-00", None),
        ("0000-00-00 00:00:00", None), ("2026-02-30", None), ("20-11-2026", None), (None, None), (20261120, None),
    ],
)  # fmt: skip
def test_dates_and_their_absence(value: Any, expected: date | None) -> None:
    assert optional_date({"d": value}, "d") == expected


def test_collections_come_as_list_object_or_not_at_all() -> None:
    assert collection([1], "x") == [1]
    assert collection({"7": 1, "9": 2}, "x") == [1, 2]
    assert collection(None, "x") == collection("", "x") == collection([], "x") == []
    with pytest.raises(Unusable):
        collection(5, "x")


def test_codes_are_compared_trimmed_without_case_and_unescaped() -> None:
    assert same_code(" k-2044", "K-2044 ") and same_code("A&amp;B", "a&b")
    assert not same_code("DB1", "DB10") and not same_code("XDB1", "DB1")


def test_yes_and_no_in_every_dress() -> None:
    assert [truth(value) for value in ("yes", "1", 1, True, "Ja")] == [True] * 5
    assert [truth(value) for value in ("no", "0", 0, False, "", None, [])] == [False] * 7


def test_text_above_the_basic_plane_is_replaced_and_the_rest_is_not() -> None:
    assert wire_text("é€😀\ud800\x00\n\tü") == "é€\ufffd\ufffd\ufffd\n\tü"


@pytest.mark.parametrize("value", ["1", 1, "001"])
def test_R26_identifiers_are_normalised(value: Any) -> None:
    assert identifier(value) == "1"


def test_a_customer_row_tells_less_than_a_record() -> None:
    row = mapping.customer(debtor())
    assert (row.remote_id, row.number, row.name, row.email, row.modified) == (
        "8123", "K-2044", "Bedrijf K-2044", "noor@vandalen.example", "2026-11-02 16:05:41",
    )  # fmt: skip
    assert (row.address, row.vat_number, row.phone, row.complete) == (None, None, None, False)
    full = mapping.customer(debtor(Address="Kade 12", TaxNumber="", InvoiceTerm="-1", CompanyNumber=69000001), complete=True)
    assert (full.address, full.vat_number, full.coc_number, full.payment_term_days, full.complete) == (
        "Kade 12",
        "",
        "69000001",
        None,
        True,
    )
    assert mapping.customer(debtor(InvoiceTerm="14")).payment_term_days == 14


def test_a_customer_without_a_company_goes_by_the_persons_name() -> None:
    assert mapping.customer(debtor(CompanyName="")).name == "Noor van Dalen"
    assert mapping.customer(debtor(CompanyName="", Initials="")).name == "van Dalen"


def test_names_keep_their_escaping() -> None:
    assert mapping.customer(debtor(CompanyName="A &amp; B")).name == "A &amp; B"


@pytest.mark.parametrize(
    "changed", [{"Identifier": None}, {"DebtorCode": ""}, {"DebtorCode": ["K"]}, {"CompanyName": {"a": 1}}, {"EmailAddress": True}]
)
def test_R36_a_customer_of_wrong_types_is_unusable(changed: dict[str, Any]) -> None:
    with pytest.raises(Unusable):
        mapping.customer(debtor() | changed)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("0", "draft"),
        ("2", "sent"),
        ("3", "partly_paid"),
        ("4", "paid"),
        ("8", "credit"),
        ("9", "credited"),
        ("1", "unknown"),
        (2, "sent"),
        ("", "unknown"),
    ],
)
def test_statuses_and_the_unknown_ones_are_kept(code: Any, state: str) -> None:
    record = mapping.invoice(invoice(Status=code), WEFACT)
    assert (record.state, record.status_code) == (state, str(code))


def test_an_invoice_in_full() -> None:
    record = mapping.invoice(invoice(Status="3", Sent="2", SubStatus="BLOCKED", AmountPaid="100.00", AmountOutstanding="623.74"), WEFACT)
    assert (record.customer_remote_id, record.customer_number, record.date, record.due_on) == (
        "8123",
        "K-2044",
        date(2026, 11, 20),
        date(2026, 12, 4),
    )
    assert (record.open_amount, record.times_sent, record.blocked, record.reference) == (Decimal("623.74"), 2, True, "PO 4500123")
    assert (record.email, record.currency, record.complete) == ("noor@vandalen.example", "EUR", True)
    only = record.lines[0]
    assert (only.remote_id, only.quantity, only.unit_price, only.item_code) == ("90211", Decimal("7.25"), Decimal("82.5"), "UREN-SR")
    assert (only.vat_code, only.vat_percentage) == ("V21", Decimal(21))


@pytest.mark.parametrize(
    ("comment", "marker"),
    [
        ("UW7K-A", "UW7K-A"),
        ("UW7K-A\r\nnote", "UW7K-A"),
        ("UW7K-A\nUW7K-B", "UW7K-A"),
        ("note\nUW7K-A", "note"),
        ("", ""),
        (" UW7K-A", " UW7K-A"),
    ],
)
def test_the_marker_is_the_first_line_of_the_comment(comment: str, marker: str) -> None:
    assert mapping.invoice(invoice(Comment=comment), WEFACT).marker == marker


def test_the_open_amount_of_each_persona() -> None:
    def opened(record: dict[str, Any], persona: Any, complete: bool) -> Decimal | None:
        return mapping.invoice(record, persona, complete=complete).open_amount

    sent = {"Status": "2", "AmountPaid": "100.00"}
    without = {name: value for name, value in invoice(**sent).items() if name != "AmountOutstanding"}
    assert opened(without, WEFACT, True) == opened(without, HOSTFACT, True) == Decimal("623.74")
    assert opened(invoice(**sent, AmountOpen="1.00"), HOSTFACT, True) == Decimal("623.74"), "a full HostFact record has no open amount"
    assert opened(invoice_row(Status="2", AmountOpen="55.10"), HOSTFACT, False) == Decimal("55.10")
    assert opened(invoice_row(Status="0", AmountOpen=0), HOSTFACT, False) is None, "a draft with 0 is not paid"
    bare = {name: value for name, value in without.items() if name != "AmountPaid"}
    assert opened(bare, WEFACT, True) is None


def test_amounts_may_come_with_a_comma_or_as_numbers_and_vat_may_be_missing() -> None:
    record = mapping.invoice(invoice(AmountTax="125,61", AmountExcl=Decimal("598.13"), AmountIncl="723,74"), WEFACT)
    assert (record.net, record.vat, record.gross) == (Decimal("598.13"), Decimal("125.61"), Decimal("723.74"))
    assert mapping.invoice(invoice_row(), WEFACT, complete=False).vat == Decimal("125.61")


def test_lines_may_come_as_an_object_and_a_draft_may_have_none() -> None:
    assert len(mapping.invoice(invoice(InvoiceLines={"1": line(), "2": line()}), WEFACT).lines) == 2
    assert mapping.invoice(invoice(InvoiceLines=[]), WEFACT).lines == ()
    with pytest.raises(Unusable):
        mapping.invoice(invoice(InvoiceLines=["x"]), WEFACT)


def test_a_product_of_each_persona() -> None:
    row = {
        "Identifier": 5,
        "ProductCode": "UREN-SR",
        "ProductName": "Uren",
        "ProductKeyPhrase": "Werk",
        "NumberSuffix": " uur",
        "PriceExcl": "82.5",
    }
    item = mapping.item(row | {"TaxCode": "V21", "TaxPercentage": 21, "PricePeriod": ""}, WEFACT)
    assert (item.code, item.name, item.text, item.unit, item.price, item.vat_code) == (
        "UREN-SR",
        "Uren",
        "Werk",
        "uur",
        Decimal("82.5"),
        "V21",
    )
    assert (item.vat_percentage, item.period) == (Decimal(21), "")
    assert mapping.item(row | {"PricePeriod": "m"}, WEFACT).period == "m"
    assert mapping.item(row | {"PricePeriod": "e"}, WEFACT).period == "e"
    assert mapping.item(row | {"PricePeriod": "e", "ProductType": "other"}, HOSTFACT).period == ""
    assert mapping.item(row | {"PriceExcl": "op aanvraag"}, WEFACT).price is None


@pytest.mark.parametrize(
    ("rate", "percentage"),
    [("0.21", "21"), (Decimal("0.09"), "9"), ("0,21", "21"), (0, "0"), ("0", "0"), ("0.125", "12.5"), ("21", "21"), ("0.2", "20")],
)
def test_rates_are_fractions(rate: Any, percentage: str) -> None:
    sale = {"V": {"TaxCode": "V", "Name": "btw", "Rate": rate, "IsDefault": "yes"}}
    assert [str(code.percentage) for code in mapping.tax_codes({"Tax": {"Codes": {"Sale": sale}}})] == [percentage]


def test_tax_codes_come_as_a_map_or_a_list() -> None:
    one, two = (
        {"TaxCode": "V21", "Name": "21% btw", "Rate": "0.21", "IsDefault": "yes"},
        {"Name": "9% btw", "Rate": "0.09", "IsDefault": "0"},
    )
    mapped = mapping.tax_codes({"Tax": {"Codes": {"Sale": {"V21": one, "V9": two}, "Purchase": {"I21": one}}}})
    assert [(code.code, code.is_default) for code in mapped] == [("V21", True), ("V9", False)]
    assert [code.code for code in mapping.tax_codes({"Tax": {"Codes": {"Sale": [one]}}})] == ["V21"]
    assert mapping.tax_codes({"Tax": {"Codes": []}} | {"Tax": {"Codes": {"Sale": []}}}) == []
    for broken in (None, [], {"Tax": 5}, {"Tax": {"Codes": {"Sale": [two]}}}, {"Tax": {"Codes": {"Sale": ["x"]}}}):
        with pytest.raises(Unusable):
            mapping.tax_codes(broken)


@pytest.mark.parametrize(
    ("server_time", "hours", "expected"),
    [
        ("2026-11-20T10:12:31+01:00", 2, "2026-11-20 08:12:31"),
        ("2026-07-20T10:12:31+02:00", 2, "2026-07-20 08:12:31"),
        ("2026-11-20T00:30:00+01:00", 2, "2026-11-19 22:30:00"),
        ("2026-11-20T09:12:31Z", 0, "2026-11-20 09:12:31"),
        ("2026-10-25T02:10:00+01:00", 2, "2026-10-25 00:10:00"),
    ],
)
def test_the_servers_own_clock_is_used_for_its_filters(server_time: str, hours: int, expected: str) -> None:
    assert server_local(server_time, hours) == expected


def test_a_change_of_summer_time_inside_the_window_leaves_nothing_out() -> None:
    # Last run at 02:50 summer time, a record changed twenty minutes later: 02:10 winter time on the same wall.
    assert server_local("2026-10-25T02:50:00+02:00", 2) <= "2026-10-25 02:10:00"


def test_our_instants_on_the_dutch_wall() -> None:
    assert str(home_wall("2026-07-20T08:00:00Z")) == "2026-07-20 10:00:00"
    assert str(home_wall("2026-11-20T08:00:00")) == "2026-11-20 09:00:00"
