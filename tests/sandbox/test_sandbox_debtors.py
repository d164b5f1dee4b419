"""Contract wefact 17, Debtors and Products."""

from __future__ import annotations

import pytest


def test_add_needs_company_or_surname(wefact):
    assert wefact("debtor/add", City="Zanddorp")["errors"] == ["U dient een bedrijfsnaam op te geven."]
    assert wefact("debtor/add", SurName="Zeef")["status"] == "success"
    assert wefact("debtor/add", CompanyName="Zeef")["status"] == "success"


def test_add_refuses_an_identifier(wefact):
    answer = wefact("debtor/add", Identifier="9", CompanyName="Zeef")
    assert answer["errors"] == ["Een Identifier is niet toegestaan voor deze actie"]


def test_add_refuses_a_duplicate_code_in_words_of_choice(wefact):
    wefact.server.switches.duplicate_debtor_text = "Bestaat al!"
    assert wefact("debtor/add", DebtorCode="db10007 ", CompanyName="Zeef")["errors"] == ["Bestaat al!"]
    wefact.server.switches.duplicate_debtor_code = "renumber"
    assert wefact("debtor/add", DebtorCode="DB10007", CompanyName="Zeef")["debtor"]["DebtorCode"] == "DB10045"


def test_codes_may_be_case_sensitive(wefact):
    wefact.server.switches.codes_case_sensitive = True
    assert wefact("debtor/show", DebtorCode="db10007")["status"] == "error"
    assert wefact("debtor/show", DebtorCode="DB10007")["status"] == "success"


def test_add_generates_the_next_code_and_returns_the_object(wefact):
    first = wefact("debtor/add", CompanyName="Zeef B.V.", EmailAddress="a@zeef.example")["debtor"]
    second = wefact("debtor/add", CompanyName="Zeef 2 B.V.")["debtor"]
    assert (first["DebtorCode"], second["DebtorCode"]) == ("DB10045", "DB10046")
    assert (first["EmailAddress"], first["Country"], first["Created"]) == ("a@zeef.example", "NL", "2026-11-21 10:00:00")
    assert int(second["Identifier"]) == int(first["Identifier"]) + 1


@pytest.mark.parametrize(
    "bad",
    [
        {"EmailAddress": "geen adres"},
        {"Country": "Nederland"},
        {"Sex": "x"},
        {"InvoiceTerm": "14 dagen"},
        {"InvoiceMethod": "2"},
        {"CustomTaxCode": "V99"},
        {"Groups": {"0": "99"}},
        {"Groups": "1"},
    ],
)
def test_add_refuses_bad_fields(wefact, bad):
    assert wefact("debtor/add", CompanyName="Zeef", **bad)["status"] == "error"
    assert len(wefact.server.books.debtors) == 12


def test_sex_fam_is_for_wefact_only(wefact, hostfact):
    assert wefact("debtor/add", SurName="Zeef", Sex="fam")["status"] == "success"
    assert hostfact("debtor/add", SurName="Zeef", Sex="fam")["status"] == "error"


def test_edit_changes_only_what_was_sent_and_moves_modified(wefact):
    before = wefact("debtor/show", DebtorCode="DB10012")["debtor"]
    after = wefact("debtor/edit", Identifier=before["Identifier"], City="Elders")["debtor"]
    assert after == before | {"City": "Elders", "Modified": "2026-11-21 10:00:00"}


def test_edit_with_an_empty_text_clears(wefact):
    assert wefact("debtor/edit", DebtorCode="DB10012", Address="")["debtor"]["Address"] == ""
    assert wefact("debtor/edit", DebtorCode="DB10018", CompanyName="")["status"] == "error"


def test_edit_may_rename_the_code(wefact):
    identifier = wefact("debtor/show", DebtorCode="DB10012")["debtor"]["Identifier"]
    assert wefact("debtor/edit", Identifier=identifier, DebtorCode="DB10007")["status"] == "error"
    assert wefact("debtor/edit", Identifier=identifier, DebtorCode="K-12")["debtor"]["DebtorCode"] == "K-12"
    assert wefact("debtor/show", DebtorCode="DB10012")["status"] == "error"
    assert wefact("debtor/show", DebtorCode="k-12")["debtor"]["Identifier"] == identifier


def test_there_is_no_delete(wefact, hostfact):
    for caller in (wefact, hostfact):
        assert caller("debtor/delete", DebtorCode="DB10012")["errors"] == ["Invalid action"]


def test_hostfact_hands_out_a_password_to_who_asks_and_the_journal_tells(hostfact):
    assert "Password" not in hostfact("debtor/show", DebtorCode="DB10012")["debtor"]
    assert "Password" in hostfact("debtor/show", DebtorCode="DB10012", GetPassword="yes")["debtor"]
    asked = [entry for entry in hostfact.server.books.journal if "GetPassword" in entry.parameters]
    assert len(asked) == 1


@pytest.mark.parametrize("moves", [False, True])
def test_modified_may_move_with_groups_and_contacts(wefact, moves):
    wefact.server.switches.modified_moves_on_group = moves
    before = wefact("debtor/show", DebtorCode="DB10012")["debtor"]
    wefact("group/edit", Identifier="2", GroupName="Overheid", Items=[before["Identifier"]])
    wefact("extraclientcontact/add", DebtorCode="DB10012", SurName="Inkoop", EmailAddress="inkoop@jansenbouw.example")
    after = wefact("debtor/show", DebtorCode="DB10012")["debtor"]
    assert set(after["Groups"]) == {"1", "2"}
    assert len(after["ExtraClientContacts"]) == 1
    assert (after["Modified"] != before["Modified"]) == moves


def test_group_edit_replaces_the_whole_member_list(wefact):
    wefact("group/edit", Identifier="2", GroupName="Overheid", Items=["5101"])
    answer = wefact("debtor/list", group=2)
    assert [row["DebtorCode"] for row in answer["debtors"]] == ["DB10007"]


def test_hostfact_products_have_no_tax_code_and_nobody_has_a_ledger(wefact, hostfact):
    for call, key in (("product/list", "products"), ("product/show", "product")):
        ours, theirs = (caller(call, ProductCode="P0100")[key] for caller in (wefact, hostfact))
        ours, theirs = (found[0] if isinstance(found, list) else found for found in (ours, theirs))
        assert (ours["TaxCode"], ours["TaxPercentage"], theirs["TaxPercentage"]) == ("V21", 21, 21)
        assert "TaxCode" not in theirs
        assert not [name for name in {**ours, **theirs} if "edger" in name or "Account" in name]


def test_product_rows_of_wefact_may_be_long(wefact, hostfact):
    assert "NumberSuffix" in hostfact("product/list")["products"][0]
    assert "NumberSuffix" not in wefact("product/list")["products"][0]
    wefact.server.switches.product_rows_long = True
    assert wefact("product/list")["products"][0]["NumberSuffix"] == " uur"


def test_duplicate_product_code_is_refused(wefact):
    product = {"ProductName": "Zeef", "ProductKeyPhrase": "Zeef", "PriceExcl": "12.5"}
    assert wefact("product/add", ProductCode="P0100", **product)["status"] == "error"
    assert wefact("product/add", ProductCode="P0999", **product)["product"]["TaxCode"] == "V21"
    assert wefact("product/add", **product)["product"]["ProductCode"] == "P0912"


@pytest.mark.parametrize("missing", ["ProductName", "ProductKeyPhrase", "PriceExcl"])
def test_product_add_needs_its_three_fields(wefact, missing):
    product = {"ProductName": "Zeef", "ProductKeyPhrase": "Zeef", "PriceExcl": "12.5"}
    del product[missing]
    assert wefact("product/add", **product)["status"] == "error"


def test_product_edit_on_hostfact_needs_the_identifier(wefact, hostfact):
    assert wefact("product/edit", ProductCode="P0100", PriceExcl="99")["product"]["PriceExcl"] == "99"
    assert hostfact("product/edit", ProductCode="P0100", PriceExcl="99")["status"] == "error"
    assert hostfact("product/edit", Identifier="11", PriceExcl="99")["product"]["PriceExcl"] == "99"


def test_period_products_are_in_the_seed_and_one_without_vat(wefact):
    rows = {row["ProductCode"]: row for row in wefact("product/list")["products"]}
    assert (rows["P0900"]["PricePeriod"], rows["P0910"]["PricePeriod"], rows["P0100"]["PricePeriod"]) == ("m", "j", "")
    assert (rows["P0400"]["TaxCode"], rows["P0400"]["TaxPercentage"]) == ("", 0)


def test_settings_on_wefact_only(wefact, hostfact):
    codes = wefact("settings/list")["settings"]["Tax"]["Codes"]["Sale"]
    assert {code: tax["Rate"] for code, tax in codes.items()} == {"V21": "0.21", "V9": "0.09", "V0": "0", "VVERL": "0"}
    assert hostfact("settings/list")["errors"] == ["Invalid controller"]


def test_settings_have_other_spellings(wefact):
    switches = wefact.server.switches
    switches.tax_codes_as_list = switches.tax_rate_as_number = switches.is_default_as_digit = True
    codes = wefact("settings/list")["settings"]["Tax"]["Codes"]["Sale"]
    assert codes[0] == {"TaxCode": "V21", "Name": "21% btw", "Rate": 0.21, "IsDefault": "1"}


def test_cost_categories(wefact):
    added = wefact("settings/costcategory_add", Title="Reizen")["costcategory"]
    wefact("settings/costcategory_edit", Identifier=added["Identifier"], Title="Vervoer")
    assert wefact("settings/costcategory_show", Identifier=added["Identifier"])["costcategory"]["Title"] == "Vervoer"
    wefact("settings/costcategory_delete", Identifier=added["Identifier"])
    assert wefact("settings/costcategory_list")["totalresults"] == 1
