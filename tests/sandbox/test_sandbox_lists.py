"""Contract wefact 17, Lists."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from sandbox.wefact.seeds import seed_many


def codes(answer):
    return [row["DebtorCode"] for row in answer.get("debtors", [])]


def test_default_and_maximum_limit_is_1000(wefact):
    seed_many(wefact.server.books, 1200)
    assert len(wefact("debtor/list")["debtors"]) == 1000
    assert wefact("debtor/list", limit=1001)["status"] == "error"
    wefact.server.switches.limit_over_1000 = "clamp"
    assert wefact("debtor/list", limit=1001)["currentresults"] == 1000


@pytest.mark.parametrize("odd", [{"limit": 0}, {"limit": -1}, {"offset": -1}])
def test_odd_paging_is_refused_unless_lenient(wefact, odd):
    assert wefact("debtor/list", **odd)["status"] == "error"
    wefact.server.switches.odd_paging = "lenient"
    assert wefact("debtor/list", **odd)["currentresults"] == 12


def test_offset_sort_and_order(wefact):
    assert codes(wefact("debtor/list", limit=2)) == ["DB10007", "DB10012"]
    assert codes(wefact("debtor/list", limit=2, offset=2)) == ["DB10018", "DB10021"]
    assert codes(wefact("debtor/list", limit=1, order="DESC")) == ["DB10044"]
    assert codes(wefact("debtor/list", limit=2, sort="CompanyName")) == ["DB10041", "DB10021"]  # empty name first
    first, second = wefact.invoice()["Identifier"], wefact.invoice()["Identifier"]
    rows = wefact("invoice/list")["invoices"]
    assert [row["Identifier"] for row in rows] == [second, first]  # InvoiceCode, descending


def test_search_is_a_substring_without_case_over_pipe_separated_fields(wefact):
    assert codes(wefact("debtor/list", searchfor="BAKKER")) == ["DB10021"]
    assert codes(wefact("debtor/list", searchfor="db1000")) == ["DB10007"]
    assert codes(wefact("debtor/list", searchfor="kantoor@kunst")) == []
    assert codes(wefact("debtor/list", searchfor="kantoor@kunst", searchat="DebtorCode|EmailAddress")) == ["DB10040"]
    assert len(codes(wefact("debtor/list", searchat="DebtorCode", searchfor="DB1004"))) == 3


def test_searching_an_invoice_by_numeric_debtor_is_exact(wefact):
    wefact.invoice()
    assert wefact("invoice/list", searchat="Debtor", searchfor="5102")["totalresults"] == 1
    assert wefact("invoice/list", searchat="Debtor", searchfor="510")["totalresults"] == 0


def test_from_and_to_filters_in_local_time(wefact):
    invoice = wefact.invoice()  # 09:00 UTC is 10:00 local
    assert invoice["Created"] == "2026-11-21 10:00:00"
    assert wefact("invoice/list", created={"from": "2026-11-21 09:59:59"})["totalresults"] == 1
    assert wefact("invoice/list", created={"from": "2026-11-21 10:00:01"})["totalresults"] == 0
    assert wefact("invoice/list", modified={"from": "2026-11-21", "to": "2026-11-22"})["totalresults"] == 1
    assert wefact("invoice/list", date={"from": "2026-11-21", "to": "2026-11-21"})["totalresults"] == 1
    assert wefact("invoice/list", paybefore={"to": "2026-11-30"})["totalresults"] == 0
    wefact.server.switches.filter_zone = "utc"
    assert wefact("invoice/list", created={"from": "2026-11-21 08:59:59"})["totalresults"] == 1
    assert wefact("invoice/list", created={"from": "2026-11-21 09:59:59"})["totalresults"] == 0


def test_bounds_are_exclusive_unless_told_otherwise(wefact):
    wefact.invoice()
    assert wefact("invoice/list", created={"from": "2026-11-21 10:00:00"})["totalresults"] == 0
    wefact.server.switches.ranges = "inclusive"
    assert wefact("invoice/list", created={"from": "2026-11-21 10:00:00"})["totalresults"] == 1


def test_malformed_range_is_refused(wefact):
    assert wefact("invoice/list", created="2026-11-21")["errors"] == ["Invalid type for 'created'"]
    assert wefact("invoice/list", created={"from": "21-11-2026"})["status"] == "error"


def test_created_filter_can_be_ignored_and_then_is_not_echoed(wefact):
    wefact.invoice()
    wefact.server.switches.created_filter = "ignored"
    answer = wefact("invoice/list", created={"from": "2030-01-01 00:00:00"})
    assert (answer["totalresults"], "filters" in answer) == (1, False)


def test_status_pipe_list_and_group(wefact):
    wefact.invoice()
    wefact.invoice(Status=2)
    assert wefact("invoice/list", status="0")["totalresults"] == 1
    assert wefact("invoice/list", status="0|2")["totalresults"] == 2
    assert wefact("invoice/list", status="3|4")["totalresults"] == 0
    assert codes(wefact("debtor/list", group=2)) == ["DB10031", "DB10033"]
    assert [row["ProductCode"] for row in wefact("product/list", group=5)["products"]] == ["P0900", "P0910"]


def test_group_list_needs_its_type(wefact):
    assert wefact("group/list")["status"] == "error"
    assert [row["GroupName"] for row in wefact("group/list", type="debtor")["groups"]] == ["Vaste klanten", "Overheid"]


def test_unknown_parameters_are_ignored(wefact):
    wefact.invoice(DebtorCode="DB10012")
    wefact.invoice(DebtorCode="DB10021")
    assert wefact("invoice/list", DebtorCode="DB10012")["totalresults"] == 2


def test_debtor_and_invoice_rows_are_short(wefact, hostfact):
    row = wefact("debtor/list")["debtors"][0]
    assert set(row) == {"Identifier", "DebtorCode", "CompanyName", "Sex", "Initials", "SurName", "EmailAddress", "Modified"}
    for caller in (wefact, hostfact):
        caller.invoice(ReferenceNumber="PO 1")
        row = caller("invoice/list")["invoices"][0]
        assert not {"ReferenceNumber", "InvoiceLines", "Comment"} & set(row)
    assert {"AmountOpen"} <= set(row) and "AmountOutstanding" not in row


@pytest.mark.parametrize(("rule", "found"), [("column", 1), ("empty", 0), ("ignored", 2)])
def test_unknown_searchat_field(wefact, rule, found):
    wefact.invoice(ReferenceNumber="HUB-1")
    wefact.invoice(ReferenceNumber="HUB-2")
    assert wefact.server.switches.unknown_searchat == "empty"
    wefact.server.switches.unknown_searchat = rule
    answer = wefact("invoice/list", searchat="ReferenceNumber", searchfor="HUB-1")
    assert answer["totalresults"] == found
    assert answer["filters"]["searchat"] == "ReferenceNumber"
    wefact.server.switches.echo_unknown_searchat = False
    assert "searchat" not in wefact("invoice/list", searchat="ReferenceNumber", searchfor="HUB-1").get("filters", {})


def test_unknown_searchat_field_can_be_an_error(wefact):
    wefact.server.switches.unknown_searchat = "error"
    assert wefact("invoice/list", searchat="ReferenceNumber", searchfor="x")["status"] == "error"


@pytest.mark.parametrize(("rule", "status"), [("error", "error"), ("ignored", "success"), ("column", "success")])
def test_sort_by_identifier(wefact, rule, status):
    wefact.server.switches.unknown_sort = rule
    answer = wefact("debtor/list", sort="Identifier")
    assert answer["status"] == status
    assert ("filters" in answer) == (rule == "column")


@pytest.mark.parametrize(
    ("change", "seen", "total"),
    [
        ("insert", ["DB10007", "DB10012", "DB10012", "DB10018"], 13),  # a row comes twice
        ("rename", ["DB10007", "DB10012", "DB10012", "DB10018"], 12),
        ("remove", ["DB10007", "DB10012", "DB10021", "DB10027"], 11),  # DB10018 is skipped
    ],
)
def test_a_record_moves_between_two_pages_once(wefact, change, seen, total):
    wefact.server.switches.between_pages = change
    first, second = wefact("debtor/list", limit=2), wefact("debtor/list", limit=2, offset=2)
    assert codes(first) + codes(second) == seen
    assert second["totalresults"] == total
    assert wefact.server.switches.between_pages == "nothing"


def test_100k_debtors_page_in_reasonable_time(wefact):
    seed_many(wefact.server.books, 100_000)
    begin, seen = time.perf_counter(), set()
    for offset in range(0, 20_000, 1000):
        seen |= set(codes(wefact("debtor/list", offset=offset, limit=1000)))
    wefact("debtor/list", offset=99_500, limit=1000, searchfor="relatie", modified={"from": "2021-01-01 00:00:00"})
    assert len(seen) == 20_000
    assert time.perf_counter() - begin < 3


def test_dst_change_inside_an_incremental_window(wefact):
    clock = wefact.server.clock
    clock.freeze(datetime(2026, 10, 25, 0, 50, tzinfo=UTC))  # 02:50 summer time
    wefact("debtor/edit", DebtorCode="DB10007", City="Eerst")
    before = wefact("debtor/list")["date"]
    clock.advance(1200)  # 02:10 winter time: the local clock went back
    wefact("debtor/edit", DebtorCode="DB10012", City="Later")
    after = wefact("debtor/list")["date"]
    assert (before[11:], after[11:]) == ("02:50:00+02:00", "02:10:00+01:00")
    assert codes(wefact("debtor/list", modified={"from": "2026-10-25 02:49:59"})) == ["DB10007"]
    assert codes(wefact("debtor/list", modified={"from": "2026-10-25 00:50:00"})) == ["DB10007", "DB10012"]
