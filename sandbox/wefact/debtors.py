"""Debtors: list, show, add, edit and their extra contacts; there is no delete (contract wefact 8)."""

from __future__ import annotations

import copy
import re
from typing import Any

from sandbox.wefact.books import fold
from sandbox.wefact.call import Answer, Call
from sandbox.wefact.lists import Table, list_records
from sandbox.wefact.records import Debtor
from sandbox.wefact.values import Parameters, Refusal

COMMON_DEFAULTS = {
    "CompanyName": "",
    "CompanyNumber": "",
    "TaxNumber": "",
    "Sex": "m",
    "Initials": "",
    "SurName": "",
    "Address": "",
    "ZipCode": "",
    "City": "",
    "Country": "NL",
    "EmailAddress": "",
    "PhoneNumber": "",
    "MobileNumber": "",
    "FaxNumber": "",
    "Comment": "",
    "InvoiceMethod": "0",
    "InvoiceTerm": "-1",
    "PeriodicInvoiceDays": "-1",
    "PaymentMail": "-1",
    "ReminderEmailAddress": "",
    "InvoiceDataForPriceQuote": "no",
    "InvoiceCompanyName": "",
    "InvoiceSex": "",
    "InvoiceInitials": "",
    "InvoiceSurName": "",
    "InvoiceAddress": "",
    "InvoiceZipCode": "",
    "InvoiceCity": "",
    "InvoiceCountry": "",
    "InvoiceEmailAddress": "",
    "InvoiceAuthorisation": "no",
    "MandateID": "",
    "MandateDate": "",
    "AccountNumber": "",
    "AccountBIC": "",
    "AccountName": "",
    "AccountBank": "",
    "AccountCity": "",
    "Mailing": "yes",
}
WEFACT_DEFAULTS = {
    "PeppolAddress": "",
    "LanguageCode": "nl_nl",
    "Currency": "EUR",
    "CustomTaxCode": "",
    "DefaultBillingContactId": "",
    "DefaultQuoteContactId": "",
    "DirectDebitApplyTo": "none",
    "MandateCreationType": "manual",
}
HOSTFACT_DEFAULTS = {
    "LegalForm": "",
    "Website": "",
    "Taxable": "auto",
    "InvoiceTemplate": "0",
    "PriceQuoteTemplate": "0",
    "ReminderTemplate": "-1",
    "InvoiceCollect": "-1",
    "DefaultLanguage": "",
    "ClientareaProfile": "0",
    "ActiveLogin": "no",
    "Username": "",
    "SecurePassword": "",
    "PeppolPartyID": "",
    "Status": "0",
}
ROW_FIELDS = ("CompanyName", "Sex", "Initials", "SurName", "EmailAddress")
CONTACT_FIELDS = ("Sex", "Initials", "SurName", "EmailAddress", "PhoneNumber", "MobileNumber")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+\Z")
_SORTABLE = frozenset({"DebtorCode", "CompanyName", "Sex", "Initials", "SurName", "EmailAddress", "Modified"})


def defaults(wefact: bool) -> dict[str, str]:
    return COMMON_DEFAULTS | (WEFACT_DEFAULTS if wefact else HOSTFACT_DEFAULTS)


def _column(debtor: Debtor, name: str) -> str:
    if name == "DebtorCode":
        return debtor.code
    if name in ("Identifier", "Debtor"):
        return str(debtor.identifier)
    if name in ("Created", "Modified"):
        return debtor.created if name == "Created" else debtor.modified
    return debtor.fields.get(name, COMMON_DEFAULTS.get(name, ""))


def _row(call: Call, debtor: Debtor) -> dict[str, Any]:
    short = {name: _column(debtor, name) for name in ROW_FIELDS}
    return {
        "Identifier": str(debtor.identifier),
        "DebtorCode": debtor.code,
        **short,
        "Modified": debtor.modified,
    }


def _in_group(call: Call) -> Any:
    group = call.parameters.whole("group")
    return None if group is None else lambda debtor: group in debtor.groups


TABLE = Table(
    rows_key="debtors",
    sort="DebtorCode",
    order="ASC",
    searchat=("DebtorCode", "CompanyName", "SurName"),
    searchable=frozenset({"DebtorCode", "CompanyName", "SurName", "EmailAddress", "Website"}),
    sortable=_SORTABLE,
    ranges=("created", "modified"),
    shelf=lambda call: call.books.debtors,
    column=_column,
    row=_row,
    keep=_in_group,
    extra_filters=("group",),
)


def list_(call: Call) -> Answer:
    return list_records(call, TABLE)


def find(call: Call) -> Debtor:
    """The debtor that the parameters name by Identifier or DebtorCode; refuses when there is none."""
    identifier, code = call.parameters.text("Identifier"), call.parameters.text("DebtorCode")
    debtor = None
    if identifier:
        debtor = call.books.debtors.get(int(identifier)) if identifier.isdigit() else None
    elif code:
        debtor = by_code(call, code)
    if debtor is None:
        raise Refusal(call.persona.not_found("debiteur", identifier or code or ""))
    return debtor


def by_code(call: Call, code: str) -> Debtor | None:
    debtor = call.books.debtors.by_code(code)
    if debtor is not None and call.switches.codes_case_sensitive and debtor.code != code:
        return None
    return debtor


def groups_of(call: Call, identifiers: list[int]) -> dict[str, Any] | list[Any]:
    """Groups as an object keyed by group id, `[]` when there are none (contract wefact 3.2)."""
    found = [group for group in call.books.groups if group.identifier in identifiers]
    return {str(g.identifier): {"id": str(g.identifier), "GroupName": g.name} for g in found} or []


def as_object(call: Call, debtor: Debtor) -> dict[str, Any]:
    """The full record of `debtor/show`."""
    texts = defaults(call.wefact) | debtor.fields
    shown: dict[str, Any] = {"Identifier": str(debtor.identifier), "DebtorCode": debtor.code, **texts}
    if call.wefact:
        shown["AccountIban"] = texts["AccountNumber"]
        shown["ExtraClientContacts"] = [dict(contact) for contact in debtor.contacts]
    elif call.parameters.text("GetPassword"):
        shown["Password"] = "sandbox-wachtwoord"
    shown["Groups"] = groups_of(call, debtor.groups)
    shown["CustomFields"] = dict(debtor.custom_fields) or []
    shown["Created"], shown["Modified"] = debtor.created, debtor.modified
    method = {"0": "Per e-mail", "1": "Per post", "3": "Per e-mail en post", "5": "Peppol"}
    shown["Translations"] = {"InvoiceMethod": method[texts["InvoiceMethod"]], "Country": texts["Country"]}
    return shown


def show(call: Call) -> Answer:
    return {"debtor": as_object(call, find(call))}


def _changed(call: Call, debtor: Debtor) -> Debtor:
    """A copy of the debtor with the fields that were sent, checked; an empty text clears."""
    given, debtor = call.parameters, copy.deepcopy(debtor)
    known = defaults(call.wefact)
    for name, empty in known.items():
        text = given.text(name)
        if text is None:
            continue
        debtor.fields.pop(name, None)
        if text != "" and text != empty:
            debtor.fields[name] = text.strip()
    if call.wefact and given.text("AccountIban"):
        debtor.fields["AccountNumber"] = str(given.text("AccountIban"))
    _check(call, debtor)
    groups = given.array("Groups")
    if groups is not None or given.text("Groups") is not None:
        debtor.groups = _group_identifiers(call, groups or {})
    custom = given.array("CustomFields")
    if custom is not None:
        debtor.custom_fields.update({name: str(value) for name, value in custom.items()})
    return debtor


def _check(call: Call, debtor: Debtor) -> None:
    if not debtor["CompanyName"] and not debtor["SurName"]:
        raise Refusal("U dient een bedrijfsnaam op te geven.")
    given = call.parameters
    given.choice("Sex", call.persona.sexes)
    given.choice("InvoiceMethod", ("0", "1", "3", "5"))
    given.whole("InvoiceTerm")
    if not re.fullmatch("[A-Z]{2}", debtor["Country"] or "NL"):
        raise Refusal("Ongeldige waarde voor Country")
    for name in ("EmailAddress", "InvoiceEmailAddress", "ReminderEmailAddress"):
        check_email(debtor[name])
    custom = debtor["CustomTaxCode"]
    if custom and custom not in call.books.tax_codes:
        raise Refusal(f"Ongeldige waarde voor CustomTaxCode: {custom}")


def check_email(addresses: str) -> None:
    """Refuses a malformed address; several may stand behind each other with a comma or semicolon."""
    for address in re.split("[,;]", addresses):
        if address.strip() and not _EMAIL.match(address.strip()):
            raise Refusal(f"Het e-mailadres '{address.strip()}' is ongeldig")


def _group_identifiers(call: Call, groups: dict[str, Any]) -> list[int]:
    identifiers = [int(value) for value in groups.values() if isinstance(value, str) and value.isdigit()]
    known = {group.identifier for group in call.books.groups if group.kind == "debtor"}
    if len(identifiers) != len(groups) or not set(identifiers) <= known:
        raise Refusal("Ongeldige waarde voor Groups")
    return identifiers


def next_code(call: Call) -> str:
    """The next free code in the administration's own series, such as `DB10045`."""
    while True:
        number = call.books.take_number("debtor")
        code = f"DB{call.persona.first_debtor_number + number - 1}"
        if call.books.debtors.by_code(code) is None:
            return code


def add(call: Call) -> Answer:
    given = call.parameters
    if given.text("Identifier"):
        raise Refusal("Een Identifier is niet toegestaan voor deze actie")
    code = (given.text("DebtorCode") or "").strip()
    if code and by_code(call, code) is not None:
        if call.switches.duplicate_debtor_code == "error":
            raise Refusal(call.switches.duplicate_debtor_text)
        code = ""
    debtor = _changed(call, Debtor(0, code, created=call.stamp, modified=call.stamp))
    debtor.identifier = call.books.debtors.take_identifier()
    debtor.code = code or next_code(call)
    call.books.debtors.save(debtor)
    return {"success": [f"Debiteur '{debtor.code}' is aangemaakt"], "debtor": as_object(call, debtor)}


def edit(call: Call) -> Answer:
    before = find(call)
    debtor = _changed(call, before)
    code = (call.parameters.text("DebtorCode") or "").strip()
    if call.parameters.text("Identifier") and code and code != debtor.code:
        taken = call.books.debtors.by_code(code)
        if taken is not None and taken.identifier != debtor.identifier:
            raise Refusal(call.switches.duplicate_debtor_text)
        debtor.code = code
    only_groups = debtor.fields == before.fields and fold(debtor.code) == fold(before.code)
    if not only_groups or debtor.groups == before.groups or call.switches.modified_moves_on_group:
        debtor.modified = call.stamp
    call.books.debtors.save(debtor)
    return {"success": [f"Debiteur '{debtor.code}' is bewerkt"], "debtor": as_object(call, debtor)}


def contact_add(call: Call) -> Answer:
    """Adds an extra contact to a debtor (WeFact); whether the debtor's Modified moves is a switch."""
    given = call.parameters
    debtor = copy.deepcopy(_contact_owner(call, given))
    contact = {name: given.text(name) or "" for name in CONTACT_FIELDS}
    check_email(contact["EmailAddress"])
    contact = {"Identifier": str(call.books.take_number("contact")), "Debtor": str(debtor.identifier)} | contact
    debtor.contacts.append(contact)
    _keep_contacts(call, debtor)
    return {"success": ["Het contactpersoon is toegevoegd"], "extraclientcontact": dict(contact)}


def contact_edit(call: Call) -> Answer:
    debtor, contact = _contact(call)
    contact.update({name: call.parameters.text(name) or "" for name in CONTACT_FIELDS if name in call.parameters})
    check_email(contact["EmailAddress"])
    _keep_contacts(call, debtor)
    return {"success": ["Het contactpersoon is bewerkt"], "extraclientcontact": dict(contact)}


def contact_delete(call: Call) -> Answer:
    debtor, contact = _contact(call)
    debtor.contacts.remove(contact)
    _keep_contacts(call, debtor)
    return {"success": ["Het contactpersoon is verwijderd"]}


def _contact_owner(call: Call, given: Parameters) -> Debtor:
    identifier, code = given.text("Debtor") or "", given.text("DebtorCode") or ""
    debtor = call.books.debtors.get(int(identifier)) if identifier.isdigit() else by_code(call, code)
    if debtor is None:
        raise Refusal(call.persona.not_found("debiteur", identifier or code))
    return debtor


def _contact(call: Call) -> tuple[Debtor, dict[str, str]]:
    identifier = call.parameters.text("Identifier") or ""
    for debtor in call.books.debtors:
        if any(contact["Identifier"] == identifier for contact in debtor.contacts):
            owner = copy.deepcopy(debtor)
            return owner, next(contact for contact in owner.contacts if contact["Identifier"] == identifier)
    raise Refusal(call.persona.not_found("contactpersoon", identifier))


def _keep_contacts(call: Call, debtor: Debtor) -> None:
    if call.switches.modified_moves_on_group:
        debtor.modified = call.stamp
    call.books.debtors.save(debtor)
