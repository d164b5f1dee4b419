"""Groups of debtors and products, and the settings of WeFact (contract wefact 6 and 7)."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.wefact.call import Answer, Call
from sandbox.wefact.lists import Table, list_records
from sandbox.wefact.records import CostCategory, Group
from sandbox.wefact.values import Refusal


def _members(call: Call, group: Group) -> list[Any]:
    shelf: Any = call.books.debtors if group.kind == "debtor" else call.books.products
    return [record for record in shelf if group.identifier in record.groups]


def _row(call: Call, group: Group) -> dict[str, Any]:
    return {"Identifier": str(group.identifier), "Type": group.kind, "GroupName": group.name}


def as_object(call: Call, group: Group) -> dict[str, Any]:
    return _row(call, group) | {"Items": [str(record.identifier) for record in _members(call, group)]}


def _of_type(call: Call) -> Any:
    allowed = ("debtor", "product") if call.wefact else ("debtor", "product", "creditor")
    kind = call.parameters.choice("type", allowed)
    if kind is None:
        raise Refusal("Ongeldige waarde voor type")
    return lambda group: group.kind == kind


TABLE = Table(
    rows_key="groups",
    sort="Identifier",
    order="ASC",
    searchat=(),
    searchable=frozenset(),
    sortable=frozenset({"GroupName"}),
    ranges=(),
    shelf=lambda call: call.books.groups,
    column=lambda group, name: group.name if name == "GroupName" else group.identifier,
    row=_row,
    keep=_of_type,
    extra_filters=("type",),
)


def list_(call: Call) -> Answer:
    """All groups of one `type`, which is required here (contract wefact 5)."""
    return list_records(call, TABLE)


def find(call: Call) -> Group:
    identifier = call.parameters.text("Identifier") or ""
    group = call.books.groups.get(int(identifier)) if identifier.isdigit() else None
    if group is None:
        raise Refusal(call.persona.not_found("groep", identifier))
    return group


def show(call: Call) -> Answer:
    return {"group": as_object(call, find(call))}


def add(call: Call) -> Answer:
    kind = call.parameters.choice("Type", ("debtor", "product"))
    name = call.parameters.text("GroupName")
    if kind is None or not name:
        raise Refusal("De groepsnaam is niet juist ingevuld")
    identifier = call.books.groups.take_identifier()
    group = call.books.groups.save(Group(identifier, f"group-{identifier}", kind, name))
    _replace_members(call, group)
    return {"success": [f"Groep '{name}' is aangemaakt"], "group": as_object(call, group)}


def edit(call: Call) -> Answer:
    """Changes a group; the members that are sent replace the whole list (contract wefact 6)."""
    group = copy.copy(find(call))
    group.name = call.parameters.text("GroupName") or group.name
    call.books.groups.save(group)
    _replace_members(call, group)
    return {"success": [f"Groep '{group.name}' is bewerkt"], "group": as_object(call, group)}


def delete(call: Call) -> Answer:
    group = find(call)
    _set_members(call, group, set())
    call.books.groups.remove(group)
    return {"success": [f"Groep '{group.name}' is verwijderd"]}


def _replace_members(call: Call, group: Group) -> None:
    items = call.parameters.array("Items")
    _set_members(call, group, {str(value) for value in (items or {}).values()})


def _set_members(call: Call, group: Group, wanted: set[str]) -> None:
    shelf: Any = call.books.debtors if group.kind == "debtor" else call.books.products
    for record in list(shelf):
        belongs = str(record.identifier) in wanted
        if belongs == (group.identifier in record.groups):
            continue
        changed = copy.deepcopy(record)
        changed.groups = [g for g in record.groups if g != group.identifier] + [group.identifier] * belongs
        if call.switches.modified_moves_on_group:
            changed.modified = call.stamp
        shelf.save(changed)


def settings_list(call: Call) -> Answer:
    """Corporate identity and VAT codes; `Rate` is a fraction (contract wefact 7)."""
    sale = {code: _tax(call, code, tax) for code, tax in call.books.tax_codes.items()}
    purchase = {"I21": _tax(call, "I21", {"Name": "21% btw inkoop", "Rate": "0.21", "IsDefault": True})}
    as_list = call.switches.tax_codes_as_list
    codes = {"Sale": list(sale.values()) if as_list else sale, "Purchase": list(purchase.values()) if as_list else purchase}
    identity = [{"LanguageCode": "nl_nl", "Name": "Studio Zandbak", "Default": "yes"}]
    return {"settings": {"CorporateIdentity": identity, "Tax": {"Codes": codes, "Rules": []}}}


def _tax(call: Call, code: str, tax: dict[str, Any]) -> dict[str, Any]:
    yes, no = ("1", "0") if call.switches.is_default_as_digit else ("yes", "no")
    rate = float(tax["Rate"]) if call.switches.tax_rate_as_number else tax["Rate"]
    return {"TaxCode": code, "Name": tax["Name"], "Rate": rate, "IsDefault": yes if tax["IsDefault"] else no}


def _category_object(category: CostCategory) -> dict[str, str]:
    return {"Identifier": str(category.identifier), "Code": category.code, "Title": category.name}


def _category(call: Call) -> CostCategory:
    identifier = call.parameters.text("Identifier") or ""
    category = call.books.cost_categories.get(int(identifier)) if identifier.isdigit() else None
    if category is None:
        raise Refusal(call.persona.not_found("kostencategorie", identifier))
    return category


def category_list(call: Call) -> Answer:
    rows = [_category_object(category) for category in call.books.cost_categories]
    counts: Answer = {"totalresults": len(rows), "currentresults": len(rows), "offset": 0}
    return counts | ({"costcategories": rows} if rows else {})


def category_show(call: Call) -> Answer:
    return {"costcategory": _category_object(_category(call))}


def category_add(call: Call) -> Answer:
    title = call.parameters.text("Title")
    if not title:
        raise Refusal("De titel is niet juist ingevuld")
    identifier = call.books.cost_categories.take_identifier()
    code = call.parameters.text("Code") or f"K{identifier}"
    category = call.books.cost_categories.save(CostCategory(identifier, code, title))
    return {"success": ["De kostencategorie is aangemaakt"], "costcategory": _category_object(category)}


def category_edit(call: Call) -> Answer:
    category = copy.copy(_category(call))
    category.name = call.parameters.text("Title") or category.name
    call.books.cost_categories.save(category)
    return {"success": ["De kostencategorie is bewerkt"], "costcategory": _category_object(category)}


def category_delete(call: Call) -> Answer:
    call.books.cost_categories.remove(_category(call))
    return {"success": ["De kostencategorie is verwijderd"]}
