"""Customers that may be the same: searched by e-mail address and by the longest word of the name, bounded, and never a proof."""

from __future__ import annotations

from typing import Any

import pytest
import responses

from connectors.errors import Rejected, Unavailable
from connectors.records import NewCustomer
from wefact_stage import HOSTFACT, WEFACT, Remote, connector, debtor, listed, refused


def remote(*answers: Any, persona: Any = WEFACT) -> Remote:
    return Remote(responses, persona).on("debtor/list", *answers)  # type: ignore[arg-type]


@responses.activate
@pytest.mark.parametrize("persona", [WEFACT, HOSTFACT])
def test_two_searches_and_each_record_once(persona: Any) -> None:
    asked = remote(listed("debtor", [debtor("A", 1), debtor("B", 2)]), listed("debtor", [debtor("B", 2), debtor("C", 3)]), persona=persona)
    found = connector(persona).look_alikes(NewCustomer("K-1", "Jansen Bouw B.V.", email=" info@jansen.example "))
    assert [record.number for record in found] == ["A", "B", "C"]
    assert [(form["searchat"], form["searchfor"]) for form in asked.calls] == [
        ("EmailAddress", "info@jansen.example"),
        ("CompanyName", "Jansen"),
    ]
    assert not asked.asked("debtor/show")


@responses.activate
@pytest.mark.parametrize(
    ("name", "word"),
    [("De Vries & Zn", "Vries"), ("Café Zuid", "Zuid"), ("Çiğköfte", "Çiğköfte"), ("A_B-C 3M", ""), ("", ""), ("a|b[c]defg", "defg")],
)
def test_the_longest_word_tells_most(name: str, word: str) -> None:
    asked = remote(listed("debtor", []))
    assert connector().look_alikes(NewCustomer("", name)) == []
    assert [form["searchfor"] for form in asked.calls] == ([word] if word else [])


@responses.activate
def test_it_stops_after_two_pages_of_each_search() -> None:
    def page(form: dict[str, str]) -> dict[str, Any]:
        offset = int(form["offset"])
        return listed("debtor", [debtor(f"K{n}", n) for n in range(offset + 1, offset + 11)], 5000, offset)

    asked = remote(page)
    assert len(connector(page_size=10).look_alikes(NewCustomer("", "Bakker"))) == 20
    assert [form["offset"] for form in asked.calls] == ["0", "10"]


@responses.activate
def test_R35_a_list_that_repeats_leaves_what_came() -> None:
    remote(listed("debtor", [debtor("A", 1)], 9))
    assert [record.number for record in connector(page_size=1).look_alikes(NewCustomer("", "Bakker"))] == ["A"]


@responses.activate
def test_R33_a_search_that_fails_is_no_empty_answer() -> None:
    remote((502, {}, "<html>Bad gateway</html>"))
    with pytest.raises(Unavailable):
        connector().look_alikes(NewCustomer("", "Bakker"))


@responses.activate
def test_R24_a_refused_search_is_told() -> None:
    remote(refused("debtor", "list", "Ongeldig zoekveld"))
    with pytest.raises(Rejected, match="Ongeldig zoekveld"):
        connector().look_alikes(NewCustomer("", "Bakker"))
