"""A table that moves while somebody pages through it (contract wefact 5 and 17)."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.wefact.call import Answer, Call
from sandbox.wefact.records import Debtor, Product


def move_between_pages(call: Call, answer: Answer) -> None:
    """Once, after a page that is not the last: a record is inserted before it, renamed to before it, or removed."""
    change = call.switches.between_pages
    behind = answer["offset"] + answer["currentresults"] if "offset" in answer else 0
    if change == "nothing" or call.controller not in ("debtor", "product") or behind >= answer.get("totalresults", 0):
        return
    call.switches.between_pages = "nothing"
    shelf: Any = call.books.debtors if call.controller == "debtor" else call.books.products
    ordered = sorted(shelf, key=lambda record: (record.code.casefold(), record.identifier))
    if change == "remove":
        shelf.remove(ordered[0])
        return
    moved = copy.deepcopy(ordered[-1]) if change == "rename" else _newcomer(call, shelf)
    moved.code, moved.modified = "00-" + moved.code, call.stamp
    shelf.save(moved)


def _newcomer(call: Call, shelf: Any) -> Any:
    identifier = shelf.take_identifier()
    if call.controller == "debtor":
        return Debtor(identifier, f"NIEUW{identifier}", {"CompanyName": "Tussendoor B.V."}, created=call.stamp)
    template: Product = copy.deepcopy(shelf[0])
    template.identifier, template.code = identifier, f"NIEUW{identifier}"
    return template
