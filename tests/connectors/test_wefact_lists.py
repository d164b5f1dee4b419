"""Customers, products and VAT codes: lists that behave and lists that do not."""

from __future__ import annotations

from typing import Any

import pytest
import responses

from connectors.errors import AccessRefused, NotProcessed, Unavailable, Unsupported
from connectors.wefact import paging
from wefact_stage import HOSTFACT, KEY, WEFACT, RecordingWire, Remote, connector, debtor, listed, refused, said


def table(total: int) -> Any:
    """A list of so many customers that honours offset and limit."""
    rows = [debtor(f"K-{number:04}", number) for number in range(1, total + 1)]

    def page(form: dict[str, str]) -> dict[str, Any]:
        offset, limit = int(form["offset"]), int(form["limit"])
        return listed("debtor", rows[offset : offset + limit], total, offset)

    return page


def remote(operation: str, *answers: Any, persona: Any = WEFACT) -> Remote:
    return Remote(responses, persona).on(operation, *answers)  # type: ignore[arg-type]


@responses.activate
def test_customers_come_in_pages_of_a_thousand() -> None:
    asked = remote("debtor/list", table(2300))
    pages = list(connector().customers(None))
    assert [(len(page.rows), page.offset, page.total, page.last) for page in pages] == [
        (1000, 0, 2300, False), (1000, 1000, 2300, False), (300, 2000, 2300, True),
    ]  # fmt: skip
    assert pages[0].server_time == "2026-11-20T10:12:31+01:00"
    assert [form["limit"] for form in asked.calls] == ["1000"] * 3
    assert not asked.asked("debtor/show"), "no record by record"


@responses.activate
def test_customers_resume_at_an_offset() -> None:
    asked = remote("debtor/list", table(2300))
    assert [page.offset for page in connector().customers("2026-11-01 00:00:00", 2000)] == [2000]
    assert asked.calls[0]["modified[from]"] == "2026-11-01 00:00:00"


@responses.activate
def test_no_customers_means_one_empty_last_page() -> None:
    remote("debtor/list", listed("debtor", []))
    assert [(page.rows, page.total, page.last) for page in connector().customers(None)] == [((), 0, True)]


@responses.activate
def test_counters_may_be_text_and_rows_an_object() -> None:
    rows = {"1": debtor("A", 1), "7": debtor("B", 7)}
    remote("debtor/list", said("debtor", "list", totalresults="2", currentresults="2", offset="0", debtors=rows))
    (page,) = connector().customers(None)
    assert [row.number for row in page.rows] == ["A", "B"] and page.last and page.total == 2


@responses.activate
def test_a_server_that_gives_fewer_rows_than_asked_is_read_to_its_end() -> None:
    rows = [debtor(f"K-{number}", number) for number in range(1, 8)]
    remote("debtor/list", lambda form: listed("debtor", rows[int(form["offset"]) :][:3], 7, int(form["offset"])))
    assert [len(page.rows) for page in connector().customers(None)] == [3, 3, 1]


@responses.activate
def test_without_a_total_a_short_page_is_the_last() -> None:
    remote("debtor/list", said("debtor", "list", debtors=[debtor()]))
    (page,) = connector().customers(None)
    assert page.last and page.total == 1


@responses.activate
def test_R35_a_page_that_repeats_stops_the_list() -> None:
    first = [debtor(f"K-{number}", number) for number in range(1, 4)]
    remote("debtor/list", listed("debtor", first, 100))
    pages = connector(page_size=3).customers(None)
    assert len(next(pages).rows) == 3
    with pytest.raises(Unavailable) as caught:
        next(pages)
    assert caught.value.reason == "incomplete_list"


@responses.activate
def test_R35_a_list_that_never_ends_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = remote(
        "debtor/list", lambda form: listed("debtor", [debtor(f"K-{form['offset']}", int(form["offset"]) + 1)], int(form["offset"]) + 9)
    )
    seen = []
    with pytest.raises(Unavailable) as caught:
        for page in paging.pages(connector(page_size=1)._client.debtor_list, {}, 1, limit=5):
            seen.append(page.offset)
    assert caught.value.reason == "incomplete_list" and seen == [0, 1, 2, 3, 4] and len(asked.calls) == 5


@responses.activate
def test_R35_rows_that_end_before_the_total_stop_the_list() -> None:
    remote("debtor/list", listed("debtor", [debtor()], 5), listed("debtor", [], 5))
    pages = connector().customers(None)
    next(pages)
    with pytest.raises(Unavailable) as caught:
        next(pages)
    assert caught.value.reason == "incomplete_list"


@responses.activate
def test_R36_rows_of_wrong_types_are_told_and_the_others_go_on() -> None:
    rows = [debtor("A", 1), debtor("B", ["2"]), "x", debtor("", 4), debtor("C", 5), debtor("C", 5), None]
    remote("debtor/list", listed("debtor", rows))
    (page,) = connector().customers(None)
    assert [row.number for row in page.rows] == ["A", "C", "C"], "leaving out doubles is the caller's"
    assert [name for name, _ in page.failed] == ["B", "row 3", "4", "row 7"]
    assert "Identifier" in page.failed[0][1]


@responses.activate
def test_the_firewall_in_the_middle_of_a_list_ends_it_at_once() -> None:
    asked = remote("debtor/list", table(30), (403, {}, "IP 203.0.113.9 currently in firewall"))
    pages = connector(page_size=10).customers(None)
    next(pages)
    with pytest.raises(AccessRefused):
        next(pages)
    assert len(asked.calls) == 2


@responses.activate
def test_the_budget_running_out_in_the_middle_keeps_what_came() -> None:
    remote("debtor/list", table(30))
    wire = RecordingWire()

    def two_only() -> None:
        if wire.events.count("take") > 2:
            raise NotProcessed("budget", retry_after=9)

    wire.budget = two_only
    got = []
    with pytest.raises(NotProcessed):
        for page in connector(wire=wire, page_size=10).customers(None):
            got.append(page.offset)
    assert got == [0, 10]


@responses.activate
def test_items_are_read_to_the_end_and_each_once() -> None:
    def products(form: dict[str, str]) -> dict[str, Any]:
        rows = [{"Identifier": str(n), "ProductCode": f"P{n}", "ProductName": "x", "PriceExcl": "1"} for n in range(1, 6)]
        return listed("product", rows[int(form["offset"]) :][:2], 5, int(form["offset"]))

    remote("product/list", products)
    assert [item.code for item in connector(page_size=2).items()] == ["P1", "P2", "P3", "P4", "P5"]


@responses.activate
def test_R35_items_that_do_not_add_up_are_read_again_and_then_refused() -> None:
    row = {"Identifier": "1", "ProductCode": "P1"}
    asked = remote("product/list", listed("product", [row, row], 2))
    with pytest.raises(Unavailable) as caught:
        connector().items()
    assert caught.value.reason == "incomplete_list" and len(asked.calls) == 2


@responses.activate
def test_R36_a_product_without_a_code_is_told() -> None:
    remote("product/list", listed("product", [{"Identifier": "1", "ProductCode": ""}]))
    with pytest.raises(Unavailable) as caught:
        connector().items()
    assert caught.value.params["field"] == "ProductCode"


@responses.activate
def test_tax_codes_of_WeFact_and_none_of_HostFact() -> None:
    sale = {"V21": {"TaxCode": "V21", "Name": "21% btw", "Rate": "0.21", "IsDefault": "yes"}}
    asked = remote("settings/list", said("settings", "list", settings={"Tax": {"Codes": {"Sale": sale}, "Rules": {}}}))
    (code,) = connector().tax_codes()
    assert (code.code, code.name, str(code.percentage), code.is_default) == ("V21", "21% btw", "21", True)
    assert asked.calls == [{"api_key": KEY, "controller": "settings", "action": "list"}]
    with pytest.raises(Unsupported):
        connector(HOSTFACT).tax_codes()
    assert "tax_codes" not in connector(HOSTFACT).capabilities


# One customer


@responses.activate
def test_a_customer_is_found_by_show() -> None:
    asked = remote("debtor/show", said("debtor", "show", debtor=debtor(" k-2044")))
    found = connector().find_customer("K-2044 ")
    assert found is not None and found.remote_id == "8123" and found.complete
    assert asked.calls == [{"DebtorCode": "K-2044", "api_key": KEY, "controller": "debtor", "action": "show"}]


NOT_THERE = refused("debtor", "show", "Ongeldig kenmerk voor debiteur")


@responses.activate
def test_R32_absence_is_believed_only_after_the_list_agrees() -> None:
    asked = remote("debtor/show", NOT_THERE).on("debtor/list", listed("debtor", [debtor("K-20440", 1), debtor("XK-2044", 2)]))
    assert connector().find_customer("K-2044") is None
    form = asked.asked("debtor/list")[0]
    assert (form["searchat"], form["searchfor"]) == ("DebtorCode", "K-2044")


@responses.activate
def test_a_customer_that_only_the_list_knows_is_shown_by_id() -> None:
    asked = remote("debtor/show", NOT_THERE, said("debtor", "show", debtor=debtor("k-2044", 9)))
    asked.on("debtor/list", listed("debtor", [debtor("K-20440", 1)], 2), listed("debtor", [debtor("k-2044", 9)], 2, 1))
    found = connector().find_customer("K-2044")
    assert found is not None and found.remote_id == "9"
    assert asked.asked("debtor/show")[1]["Identifier"] == "9"


@responses.activate
def test_R32_a_list_that_does_not_add_up_proves_nothing() -> None:
    remote("debtor/show", NOT_THERE).on("debtor/list", listed("debtor", [debtor("K-20440", 1)], 3))
    with pytest.raises(Unavailable) as caught:
        connector().find_customer("K-2044")
    assert caught.value.reason == "incomplete_list"


@responses.activate
def test_R36_an_unreadable_row_proves_nothing_unless_it_shows_another_number() -> None:
    asked = remote("debtor/show", NOT_THERE).on("debtor/list", listed("debtor", [debtor("K-20440", [])]))
    assert connector().find_customer("K-2044") is None
    asked.on("debtor/list", listed("debtor", [debtor("K-2044", [])]))
    with pytest.raises(Unavailable):
        connector().find_customer("K-2044")


@responses.activate
def test_two_customers_with_one_number_are_not_chosen_between() -> None:
    remote("debtor/show", NOT_THERE).on("debtor/list", listed("debtor", [debtor("k-2044", 1), debtor("K-2044", 2)]))
    with pytest.raises(Unavailable) as caught:
        connector().find_customer("K-2044")
    assert caught.value.reason == "unexpected"


@responses.activate
def test_R31_show_of_another_customer_is_no_answer() -> None:
    remote("debtor/show", said("debtor", "show", debtor=debtor("K-1")))
    with pytest.raises(Unavailable):
        connector().find_customer("K-2044")
