"""Looking for an invoice after a lost answer: presence is proved by the marker, absence by having seen everything."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import responses

from connectors.errors import AccessRefused, Unavailable
from connectors.wefact import search
from wefact_stage import (
    HOSTFACT,
    KEY,
    MARKER,
    NOW,
    WEFACT,
    RecordingWire,
    Remote,
    connector,
    debtor,
    invoice,
    invoice_row,
    listed,
    refused,
    said,
    wanted,
)


class Administration(Remote):
    """Invoices that can be listed and shown, by default with every filter honoured."""

    def __init__(self, *records: dict[str, Any], persona: Any = WEFACT) -> None:
        super().__init__(responses, persona)  # type: ignore[arg-type]
        self.records = list(records)
        self.customer: dict[str, Any] = debtor()
        self.on("invoice/list", self.list).on("invoice/show", self.show).on(
            "debtor/show", lambda form: said("debtor", "show", debtor=self.customer)
        )

    def list(self, form: dict[str, str]) -> dict[str, Any]:
        rows = [one for one in self.records if form["searchfor"].casefold() in str(one["DebtorCode"]).casefold()]
        if "created[from]" in form:
            rows = [one for one in rows if form["created[from]"] <= one["Created"] <= form["created[to]"]]
        return self.paged(rows, form)

    def paged(self, rows: list[dict[str, Any]], form: dict[str, str]) -> dict[str, Any]:
        offset, limit = int(form["offset"]), int(form["limit"])
        short = [{name: value for name, value in one.items() if name in invoice_row()} for one in rows]
        filters = {name: form[name] for name in ("sort", "searchat", "searchfor") if name in form}
        return listed("invoice", short[offset : offset + limit], len(rows), offset, filters=filters)

    def show(self, form: dict[str, str]) -> dict[str, Any]:
        found = [one for one in self.records if str(one["Identifier"]) == form["Identifier"]]
        return (
            said("invoice", "show", invoice=found[0])
            if found
            else refused("invoice", "show", f"Factuur {form['Identifier']} niet gevonden")
        )


def other(identifier: int, **changed: Any) -> dict[str, Any]:
    return invoice(identifier, **{"Comment": "", **changed})


@responses.activate
def test_R08_R10_the_invoice_that_was_made_is_found_by_its_marker() -> None:
    made = Administration(other(1), invoice("40117"), other(3))
    found = connector().find(wanted())
    assert [one.remote_id for one in found.matches] == ["40117"] and found.complete
    assert made.asked("invoice/list") == [
        {
            "searchat": "DebtorCode", "searchfor": "K-2044", "sort": "Modified", "order": "DESC",
            "created[from]": "2026-11-19 08:12:00", "created[to]": "2026-11-21 12:30:00", "offset": "0", "limit": "1000",
            "api_key": KEY, "controller": "invoice", "action": "list",
        }
    ]  # fmt: skip
    assert all("status" not in form for form in made.calls), "drafts and sent ones alike"


@pytest.mark.parametrize("status", ["0", "2", "3", "4", "9"])
@responses.activate
def test_R37_it_is_found_in_any_status(status: str) -> None:
    Administration(invoice("40117", Status=status))
    assert len(connector().find(wanted()).matches) == 1


@responses.activate
def test_R07_R09_nothing_there_is_believed_only_after_looking_without_the_window_too() -> None:
    made = Administration()
    found = connector().find(wanted())
    assert (found.matches, found.candidates, found.complete) == ((), (), True)
    windows = ["created[from]" in form for form in made.asked("invoice/list")]
    assert windows == [True, False]
    assert made.asked("debtor/show")[0]["Identifier"] == "8123"


@responses.activate
def test_R34_a_window_that_answers_nothing_does_not_hide_the_invoice() -> None:
    made = Administration(invoice("40117"))
    made.on("invoice/list", lambda form: listed("invoice", []) if "created[from]" in form else Administration.list(made, form))
    found = connector().find(wanted())
    assert [one.remote_id for one in found.matches] == ["40117"] and found.complete


@responses.activate
def test_R34_ignored_filters_are_made_up_for_here() -> None:
    strangers = [other(number, DebtorCode=f"K-{number}", Debtor=str(number)) for number in range(100, 160)]
    old = [other(number, Created="2026-01-01 10:00:00", Modified="2026-01-02 10:00:00") for number in range(200, 230)]
    made = Administration(*strangers, *old, invoice("40117"), other(41, DebtorCode="K-20440", Debtor="77"))
    made.on("invoice/list", lambda form: made.paged(made.records, form) | {"filters": {}})
    found = connector(page_size=25).find(wanted())
    assert [one.remote_id for one in found.matches] == ["40117"] and found.complete
    assert [form["Identifier"] for form in made.asked("invoice/show")] == ["40117"]


@responses.activate
def test_R32_substring_hits_are_not_taken_for_the_customer() -> None:
    made = Administration(
        *[invoice(number, DebtorCode=code, Debtor=str(number)) for number, code in ((1, "K-20440"), (2, "XK-2044"), (3, "k-2044 "))]
    )
    assert [one.remote_id for one in connector().find(wanted()).matches] == ["3"]
    assert len(made.asked("invoice/show")) == 1


@responses.activate
def test_R32_R38_two_with_the_marker_are_both_told() -> None:
    Administration(invoice("40117"), invoice("40118"), other(9))
    found = connector().find(wanted())
    assert {one.remote_id for one in found.matches} == {"40117", "40118"} and found.complete


@responses.activate
def test_the_marker_is_compared_exactly_and_as_the_first_line() -> None:
    near = (f"{MARKER}X", MARKER.lower(), f"notitie\n{MARKER}", MARKER[:-1], f" {MARKER}")
    Administration(
        *[invoice(number, Comment=comment) for number, comment in enumerate(near, start=1)], invoice(9, Comment=f"{MARKER}\r\nnotitie")
    )
    assert [one.remote_id for one in connector().find(wanted()).matches] == ["9"]


@responses.activate
def test_same_customer_total_and_date_without_the_marker_is_a_candidate() -> None:
    Administration(other(1), other(2, AmountExcl="1.00"), other(3, Date="2026-11-19"))
    found = connector().find(wanted())
    assert found.matches == () and [one.remote_id for one in found.candidates] == ["1"] and found.complete


@responses.activate
def test_cheap_matches_are_shown_first() -> None:
    made = Administration(other(1, AmountExcl="1.00"), other(2, Date="2026-11-19"), invoice("40117"))
    connector().find(wanted())
    assert made.asked("invoice/show")[0]["Identifier"] == "40117"


@responses.activate
def test_R32_more_than_can_be_shown_is_not_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "SHOWS_LIMIT", 5)
    made = Administration(*[other(number, AmountExcl="1.00") for number in range(1, 9)])
    assert not connector().find(wanted()).complete
    assert len(made.asked("invoice/show")) == 5


@responses.activate
def test_R35_a_list_that_does_not_add_up_is_not_complete() -> None:
    made = Administration(other(1))
    made.on("invoice/list", lambda form: made.paged(made.records, form) | {"totalresults": 3})
    assert not connector().find(wanted()).complete


@responses.activate
def test_R35_a_list_that_shifted_is_read_again() -> None:
    rows = [other(1), other(2), invoice("40117")]
    made = Administration(*rows)
    answers = iter([rows[:2], rows[1:2], rows[:2], rows[2:]])
    made.on("invoice/list", lambda form: made.paged(next(answers), form | {"offset": "0"}) | {"totalresults": 3})
    found = connector(page_size=2).find(wanted())
    assert [one.remote_id for one in found.matches] == ["40117"] and found.complete


@pytest.mark.parametrize("row", ["x", {"Identifier": ["1"], "DebtorCode": "K-2044"}, {"DebtorCode": "K-2044"}])
@responses.activate
def test_R36_a_row_that_cannot_be_read_may_be_ours(row: Any) -> None:
    made = Administration()
    made.on("invoice/list", listed("invoice", [row]))
    assert not connector().find(wanted()).complete


@responses.activate
def test_R36_a_row_that_does_not_name_its_customer_is_looked_into() -> None:
    made = Administration(invoice("40117"))
    made.on("invoice/list", listed("invoice", [{"Identifier": 40117}]))
    assert len(connector().find(wanted()).matches) == 1


@responses.activate
def test_R37_an_invoice_deleted_between_list_and_show_leaves_the_search_open() -> None:
    made = Administration(invoice("40117"))
    made.on("invoice/show", refused("invoice", "show", "Factuur niet gevonden"))
    found = connector().find(wanted())
    assert found.matches == () and not found.complete


@responses.activate
def test_R37_a_customer_renumbered_meanwhile_is_searched_under_both_numbers() -> None:
    made = Administration(invoice("40117", DebtorCode="NIEUW-1"))
    made.customer = debtor("NIEUW-1")
    found = connector().find(wanted())
    assert [one.remote_id for one in found.matches] == ["40117"] and found.complete
    assert made.asked("invoice/list")[-1]["searchfor"] == "NIEUW-1"


@responses.activate
def test_R37_a_customer_that_is_gone_leaves_the_search_open() -> None:
    made = Administration()
    made.on("debtor/show", refused("debtor", "show", "Klant niet gevonden."))
    assert not connector().find(wanted()).complete


@responses.activate
def test_without_number_and_id_nothing_is_proved() -> None:
    made = Administration()
    found = connector().find(wanted(customer_number="", customer_remote_id=""))
    assert not found.complete and not made.calls


@responses.activate
def test_without_a_number_the_customers_present_one_is_used() -> None:
    Administration(invoice("40117"))
    assert len(connector().find(wanted(customer_number="")).matches) == 1


@pytest.mark.parametrize("hours", [-40, 9, 40])
@responses.activate
def test_R39_a_remote_clock_hours_off_moves_the_window(hours: int) -> None:
    theirs = NOW.replace(tzinfo=None) + timedelta(hours=hours + 1)
    made = Administration(invoice("40117", Created=str(theirs), Modified=str(theirs)))
    made.on("invoice/list", lambda form: Administration.list(made, form) | {"date": theirs.isoformat() + "+01:00"})
    found = connector().find(wanted())
    assert [one.remote_id for one in found.matches] == ["40117"] and found.complete


@responses.activate
def test_R39_absence_holds_with_a_wrong_clock_too() -> None:
    made = Administration()
    made.on("invoice/list", lambda form: Administration.list(made, form) | {"date": "2026-12-24T10:00:00+01:00"})
    assert connector().find(wanted()).complete
    first, second, *_ = made.asked("invoice/list")
    assert first["created[to]"] == "2026-11-21 12:30:00" and second["created[to]"] > "2026-12-24"
    assert second["created[from]"] == first["created[from]"], "a clock that runs ahead widens the window on that side only"


@responses.activate
def test_an_echo_of_another_search_proves_nothing() -> None:
    made = Administration()
    made.on(
        "invoice/list", lambda form: listed("invoice", [], filters={"searchat": "InvoiceCode|CompanyName|SurName", "searchfor": "K-2044"})
    )
    assert not connector().find(wanted()).complete
    made.on("invoice/list", lambda form: listed("invoice", [], filters={"searchat": "DebtorCode", "searchfor": "K-2"}))
    assert not connector().find(wanted()).complete


@responses.activate
def test_R33_a_search_that_fails_says_so() -> None:
    made = Administration(invoice("40117"))
    made.on("invoice/list", (502, {}, "<html>"))
    with pytest.raises(Unavailable):
        connector().find(wanted())
    made.on("invoice/list", (403, {}, "IP 203.0.113.9 currently in firewall"))
    with pytest.raises(AccessRefused):
        connector().find(wanted())


@responses.activate
def test_R28_a_search_lives_with_a_byte_order_mark() -> None:
    made = Administration(invoice("40117"))
    made.on("invoice/list", lambda form: (200, {}, "\ufeff" + json.dumps(Administration.list(made, form))))
    assert len(connector().find(wanted()).matches) == 1


@responses.activate
def test_a_search_never_writes() -> None:
    Administration(invoice("40117"))
    wire = RecordingWire()
    connector(wire=wire).find(wanted())
    assert wire.writes == [False] * len(wire.writes) and "before_write" not in wire.events


@responses.activate
def test_HostFact_is_searched_the_same_way() -> None:
    Administration(invoice("40117"), persona=HOSTFACT)
    found = connector(HOSTFACT).find(wanted())
    assert len(found.matches) == 1 and found.matches[0].net == Decimal("598.13")
