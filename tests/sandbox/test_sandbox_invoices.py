"""Contract wefact 17, Invoices."""

from __future__ import annotations

import base64
from decimal import Decimal

import pytest


def refused(answer):
    return answer["status"] == "error"


def test_add_needs_an_existing_debtor(wefact, line):
    assert wefact("invoice/add", DebtorCode="DB9", InvoiceLines=[line])["errors"] == ["Klant niet gevonden."]
    assert refused(wefact("invoice/add", Debtor="9", InvoiceLines=[line]))
    assert refused(wefact("invoice/add", InvoiceLines=[line]))
    assert wefact.invoice(DebtorCode="", Debtor="5102")["DebtorCode"] == "DB10012"


def test_add_needs_a_line(wefact):
    assert refused(wefact("invoice/add", DebtorCode="DB10012"))
    assert len(wefact.server.books.invoices) == 0


def test_own_number_with_status_0_is_refused(wefact, line):
    assert refused(wefact("invoice/add", DebtorCode="DB10012", InvoiceCode="X1", InvoiceLines=[line]))
    assert wefact.invoice(InvoiceCode="X1", Status=2)["InvoiceCode"] == "X1"


def test_duplicate_own_number_is_refused_unless_accepted(wefact, line):
    wefact.invoice(InvoiceCode="X1", Status=2)
    again = {"DebtorCode": "DB10012", "InvoiceCode": "x1", "Status": 2, "InvoiceLines": [line]}
    assert refused(wefact("invoice/add", **again))
    wefact.server.switches.duplicate_invoice_code = "accepted"
    assert not refused(wefact("invoice/add", **again))


@pytest.mark.parametrize("status", ["1", "5", "6", "7", "10", "x"])
def test_only_known_statuses(wefact, line, status):
    assert refused(wefact("invoice/add", DebtorCode="DB10012", Status=status, InvoiceLines=[line]))


@pytest.mark.parametrize(("name", "value"), [("PriceExcl", "82,50"), ("PriceExcl", "1.000,00"), ("Number", "1,5"), ("Number", "1 000")])
def test_numbers_with_a_comma_or_grouping_are_refused(wefact, line, name, value):
    assert refused(wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=[line | {name: value}]))


@pytest.mark.parametrize("bad", ["2026-02-30", "21-11-2026", "2026-11-21 10:00:00", "morgen"])
def test_bad_dates_are_refused(wefact, line, bad):
    assert refused(wefact("invoice/add", DebtorCode="DB10012", Date=bad, InvoiceLines=[line]))
    assert refused(wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=[line | {"Date": bad}]))


def test_product_fills_what_was_left_out_and_explicit_values_win(wefact):
    lines = [{"ProductCode": "P0310"}, {"ProductCode": "P0310", "Description": "Boek", "PriceExcl": "10", "TaxCode": "V21"}]
    first, second = wefact.invoice(InvoiceLines=lines)["InvoiceLines"]
    shown = [(row["Description"], row["PriceExcl"], row["TaxCode"], row["TaxPercentage"]) for row in (first, second)]
    assert shown == [("Boeken en publicaties", "24.95", "V9", 9), ("Boek", "10", "V21", 21)]


def test_line_without_product_needs_a_description(wefact):
    assert refused(wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=[{"PriceExcl": "10"}]))


def test_period_product_without_once_leaves_a_subscription(wefact):
    wefact.invoice(InvoiceLines=[{"ProductCode": "P0900", "PeriodicType": "once"}])
    assert wefact.server.books.subscriptions == []
    invoice = wefact.invoice(InvoiceLines=[{"ProductCode": "P0900"}])
    (subscription,) = wefact.server.books.subscriptions
    assert (subscription.product_code, subscription.period, subscription.price_excl) == ("P0900", "m", Decimal("19.5"))
    assert invoice["InvoiceLines"][0]["PeriodicID"] == str(subscription.identifier)


def test_line_with_type_period_leaves_a_subscription(wefact, line):
    assert refused(wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=[line | {"PeriodicType": "period"}]))
    wefact.invoice(InvoiceLines=[line | {"PeriodicType": "period", "Periodic": "k"}])
    assert [subscription.period for subscription in wefact.server.books.subscriptions] == ["k"]


def test_stock_goes_down_unless_told_otherwise(wefact, hostfact):
    lines = [{"ProductCode": "P0310", "Number": "3"}]
    wefact.invoice(InvoiceLines=lines, UseProductInventory="no")
    assert wefact.server.books.stock == []
    wefact.invoice(InvoiceLines=lines)
    assert [(movement.product_code, movement.number) for movement in wefact.server.books.stock] == [("P0310", -3)]
    assert wefact("product/show", ProductCode="P0310")["product"]["ProductInventory"]["TotalStock"] == "37"
    hostfact.invoice(InvoiceLines=lines)
    assert hostfact.server.books.stock == []


def test_draft_codes_come_from_a_reusable_pool_that_overlaps_with_identifiers(wefact):
    first, second = wefact.invoice(), wefact.invoice()
    assert [(row["Identifier"], row["InvoiceCode"]) for row in (first, second)] == [("2", "[concept]0001"), ("3", "[concept]0002")]
    assert wefact("invoice/show", Identifier="0002")["invoice"]["Identifier"] == "2"  # somebody else's
    wefact("invoice/delete", Identifier="2")
    third = wefact.invoice()
    assert (third["Identifier"], third["InvoiceCode"]) == ("4", "[concept]0001")


def test_draft_digits_are_never_its_own_identifier(wefact):
    for _ in range(4):
        wefact.invoice()
    wefact("invoice/delete", Identifier="3")
    wefact("invoice/delete", Identifier="4")
    invoices = [wefact.invoice() for _ in range(3)]
    assert all(int(row["InvoiceCode"][-4:]) != int(row["Identifier"]) for row in invoices)


def test_show_by_literal_draft_code(wefact):
    invoice = wefact.invoice(ReferenceNumber="PO 7")
    assert wefact("invoice/show", InvoiceCode="[concept]0001")["invoice"] == invoice
    assert wefact("invoice/show", Identifier="x")["errors"] == ["Factuur x niet gevonden"]


def test_identifier_is_constant_for_life(wefact):
    invoice = wefact.invoice()
    sent = wefact("invoice/sendbyemail", InvoiceCode=invoice["InvoiceCode"])["invoice"]
    assert (sent["Identifier"], sent["InvoiceCode"]) == (invoice["Identifier"], "F2026-0042")


def test_sendbyemail_numbers_a_draft_and_captures_a_mail(wefact):
    identifier = wefact.invoice()["Identifier"]
    answer = wefact("invoice/sendbyemail", Identifier=identifier, EmailAddress="elsewhere@x.example")
    invoice = answer["invoice"]
    assert (invoice["Status"], invoice["Sent"], invoice["SentDate"]) == ("2", "1", "2026-11-21")
    assert invoice["PaymentURL"].startswith("https://")
    assert answer["success"] == ["Factuur F2026-0042 is per e-mail verzonden naar facturen@jansenbouw.example"]
    (mail,) = wefact.server.books.mails
    assert (mail.to, mail.invoice, mail.kind, mail.channel) == ("facturen@jansenbouw.example", int(identifier), "invoice", "email")


def test_sendbyemail_on_a_sent_invoice_mails_again(wefact):
    identifier = wefact.invoice()["Identifier"]
    wefact("invoice/sendbyemail", Identifier=identifier)
    again = wefact("invoice/sendbyemail", Identifier=identifier)["invoice"]
    assert (again["Status"], again["Sent"], again["InvoiceCode"]) == ("2", "2", "F2026-0042")
    assert len(wefact.server.books.mails) == 2


def test_sendbyemail_refuses_a_blocked_draft_and_one_without_address(wefact):
    identifier = wefact.invoice()["Identifier"]
    wefact("invoice/block", Identifier=identifier)
    assert refused(wefact("invoice/sendbyemail", Identifier=identifier))
    assert wefact("invoice/unblock", Identifier=identifier)["invoice"]["SubStatus"] == ""
    assert not refused(wefact("invoice/sendbyemail", Identifier=identifier))
    without = wefact.invoice(DebtorCode="DB10044")["Identifier"]
    assert refused(wefact("invoice/sendbyemail", Identifier=without))
    assert len(wefact.server.books.mails) == 1


def test_peppol_debtor_gets_its_invoice_by_peppol(wefact):
    wefact("invoice/sendbyemail", Identifier=wefact.invoice(DebtorCode="DB10031")["Identifier"])
    assert wefact.server.books.mails[0].channel == "peppol"


def test_status_2_on_add_numbers_without_a_mail(wefact):
    invoice = wefact.invoice(Status=2)
    assert (invoice["InvoiceCode"], invoice["Status"], invoice["Sent"]) == ("F2026-0042", "2", "0")
    assert wefact.server.books.mails == []


def test_delete_is_for_drafts_only(wefact):
    draft, sent = wefact.invoice(), wefact.invoice(Status=2)
    assert wefact("invoice/delete", Identifier=draft["Identifier"])["success"] == ["Factuur [concept]0001 is verwijderd"]
    assert wefact("invoice/delete", Identifier=sent["Identifier"])["errors"] == ["Factuur kan niet verwijderd worden"]
    assert [invoice.code for invoice in wefact.server.books.invoices] == ["F2026-0042"]


def test_credit_leaves_a_9_and_a_negative_8(wefact, hostfact):
    for caller, sentences in (
        (wefact, ["Creditfactuur F2026-0043 is aangemaakt", "Factuur F2026-0042 is gecrediteerd."]),
        (
            hostfact,
            ["Factuur F2026-0042 is gecrediteerd en op status 'vervallen' gezet", "Factuur F2026-0043 is succesvol aangemaakt"],
        ),
    ):
        identifier = caller.invoice(Status=2)["Identifier"]
        caller("invoice/markaspaid", Identifier=identifier)
        answer = caller("invoice/credit", Identifier=identifier)
        assert answer["success"] == sentences
        assert (answer["invoice"]["Status"], answer["invoice"]["AmountIncl"]) == ("8", "-121.00")
        assert caller("invoice/show", Identifier=identifier)["invoice"]["Status"] == "9"
        assert refused(caller("invoice/credit", Identifier=identifier))
    assert refused(wefact("invoice/credit", Identifier=wefact.invoice()["Identifier"]))


def test_payments_refuse_drafts_and_equal_to_open_flips_to_4(wefact):
    draft = wefact.invoice()["Identifier"]
    assert refused(wefact("invoice/partpayment", Identifier=draft, AmountPaid="10"))
    assert refused(wefact("invoice/markaspaid", Identifier=draft))
    sent = wefact.invoice(Status=2)["Identifier"]
    assert refused(wefact("invoice/partpayment", Identifier=sent))
    part = wefact("invoice/partpayment", Identifier=sent, AmountPaid="21.00")["invoice"]
    assert (part["Status"], part["AmountPaid"], part["AmountOutstanding"]) == ("3", "21.00", "100.00")
    whole = wefact("invoice/partpayment", Identifier=sent, AmountPaid="100.00")["invoice"]
    assert (whole["Status"], whole["AmountOutstanding"], whole["PayDate"]) == ("4", "0.00", "2026-11-21")
    assert refused(wefact("invoice/partpayment", Identifier=sent, AmountPaid="1"))
    assert wefact("invoice/markasunpaid", Identifier=sent)["invoice"]["Status"] == "2"
    assert wefact("invoice/markaspaid", Identifier=sent)["success"] == ["Factuur F2026-0042 is betaald."]


def test_lines_may_be_added_and_removed_in_any_status(wefact, line):
    invoice = wefact.invoice(Status=2)
    wefact("invoice/markaspaid", Identifier=invoice["Identifier"])
    added = wefact("invoiceline/add", Identifier=invoice["Identifier"], InvoiceLines=[line])
    assert added["success"] == ["Er zijn 1 factuurregels toegevoegd"]
    assert (added["invoice"]["AmountIncl"], added["invoice"]["Status"]) == ("242.00", "4")
    first, second = ({"Identifier": row["Identifier"]} for row in added["invoice"]["InvoiceLines"])
    assert refused(wefact("invoiceline/delete", Identifier=invoice["Identifier"], InvoiceLines=[first, second]))
    removed = wefact("invoiceline/delete", Identifier=invoice["Identifier"], InvoiceLines=[first])
    assert (removed["success"], removed["invoice"]["AmountIncl"]) == (["Er zijn 1 factuurregels verwijderd"], "121.00")
    assert refused(wefact("invoiceline/delete", Identifier=invoice["Identifier"], InvoiceLines=[second]))
    assert wefact("invoiceline/edit", Identifier=invoice["Identifier"])["errors"] == ["Invalid action"]


def test_sortlines_is_for_wefact_only(wefact, hostfact, line):
    invoice = wefact.invoice(InvoiceLines=[line | {"Description": "A"}, line | {"Description": "B"}])
    order = [{"Identifier": row["Identifier"]} for row in reversed(invoice["InvoiceLines"])]
    turned = wefact("invoice/sortlines", Identifier=invoice["Identifier"], InvoiceLines=order)["invoice"]
    assert [row["Description"] for row in turned["InvoiceLines"]] == ["B", "A"]
    assert hostfact("invoice/sortlines", Identifier="2")["errors"] == ["Invalid action"]


def test_download_is_a_real_pdf_and_mimetype_is_wefacts(wefact, hostfact):
    for caller, extra in ((wefact, {"MimeType"}), (hostfact, set())):
        file = caller("invoice/download", Identifier=caller.invoice()["Identifier"])["invoice"]
        assert set(file) == {"Filename", "Base64"} | extra
        content = base64.b64decode(file["Base64"], validate=True)
        assert content.startswith(b"%PDF-1.4") and content.endswith(b"%%EOF\n")
    xml = wefact("invoice/download", Identifier="2", FileType="ubl")["invoice"]
    assert base64.b64decode(xml["Base64"]).startswith(b"<?xml")


def test_download_may_be_spoiled(wefact):
    wefact.invoice()
    wefact.server.switches.pdf, wefact.server.switches.nasty_filename = "html", True
    file = wefact("invoice/download", Identifier="2")["invoice"]
    assert base64.b64decode(file["Base64"]).startswith(b"<!DOCTYPE html>")
    assert file["Filename"].startswith("../")
    wefact.server.switches.pdf = "bad_base64"
    assert "%" in wefact("invoice/download", Identifier="2")["invoice"]["Base64"]


def test_wefact_lines_check_the_tax_code(wefact, line):
    answer = wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=[line | {"TaxCode": "V99"}])
    assert answer["errors"] == ["Ongeldige waarde voor TaxCode: V99"]
    wefact.server.switches.unknown_tax_code = "ignored"
    assert wefact.invoice(InvoiceLines=[line | {"TaxCode": "V99"}])["InvoiceLines"][0]["TaxCode"] == "V21"


@pytest.mark.parametrize(
    ("rule", "alone", "beside_v21"),
    [("ignore", ("V21", 21), ("V21", 21)), ("accept", ("V9", 9), ("V21", 21)), ("wins", ("V9", 9), ("V9", 9))],
)
def test_tax_percentage_on_a_wefact_line(wefact, rule, alone, beside_v21):
    wefact.server.switches.tax_percentage_on_wefact = rule
    bare = {"Description": "Boek", "PriceExcl": "10", "TaxPercentage": "9"}
    first, second = wefact.invoice(InvoiceLines=[bare, bare | {"TaxCode": "V21"}])["InvoiceLines"]
    assert [(row["TaxCode"], row["TaxPercentage"]) for row in (first, second)] == [alone, beside_v21]


def test_tax_percentage_on_a_wefact_line_can_be_an_error(wefact, line):
    wefact.server.switches.tax_percentage_on_wefact = "error"
    assert refused(wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=[line]))


def test_hostfact_lines_take_the_percentage_and_ignore_the_code(hostfact, line):
    row = hostfact.invoice(InvoiceLines=[line | {"TaxPercentage": "9", "TaxCode": "V99"}])["InvoiceLines"][0]
    assert row["TaxPercentage"] == 9
    assert "TaxCode" not in row


def test_line_dates_have_the_names_of_the_persona(wefact, hostfact, line):
    row = wefact.invoice(InvoiceLines=[line | {"StartDate": "2026-11-01", "EndDate": "2026-11-30"}])["InvoiceLines"][0]
    assert (row["StartDate"], row["EndDate"]) == ("2026-11-01", "2026-11-30")
    row = hostfact.invoice(InvoiceLines=[line | {"StartPeriod": "2026-11-01", "EndPeriod": "2026-11-30"}])["InvoiceLines"][0]
    assert (row["StartPeriod"], row["EndPeriod"]) == ("2026-11-01", "2026-11-30")
    periodic = line | {"PeriodicType": "period", "Periodic": "m", "EndDate": "2026-11-30"}
    assert refused(wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=[periodic]))


def test_term_comes_from_the_debtor_and_the_snapshot_from_the_moment(wefact):
    assert [wefact.invoice(DebtorCode=code)["Term"] for code in ("DB10012", "DB10031", "DB10021")] == ["14", "60", "30"]
    invoice = wefact.invoice(Date="2026-11-20", Term="7")
    assert (invoice["PayBefore"], invoice["City"]) == ("2026-11-27", "Voorbeeldstad")
    wefact("debtor/edit", DebtorCode="DB10012", City="Elders")
    assert wefact("invoice/show", Identifier=invoice["Identifier"])["invoice"]["City"] == "Voorbeeldstad"
    assert wefact.invoice(DebtorCode="DB10018")["EmailAddress"] == "invoices@molenaar-logistiek.example"


def test_edit_changes_what_was_sent_and_merges_lines(wefact, hostfact, line):
    for caller in (wefact, hostfact):
        invoice = caller.invoice()
        edited = caller("invoice/edit", Identifier=invoice["Identifier"], ReferenceNumber="PO 8")["invoice"]
        assert (edited["ReferenceNumber"], edited["InvoiceLines"]) == ("PO 8", invoice["InvoiceLines"])
        rows = [{"Identifier": invoice["InvoiceLines"][0]["Identifier"], "Number": "3"}, line]
        edited = caller("invoice/edit", Identifier=invoice["Identifier"], InvoiceLines=rows)["invoice"]
        assert [row["Number"] for row in edited["InvoiceLines"]] == ["3", "2"]
        assert (edited["AmountExcl"], edited["InvoiceLines"][0]["PriceExcl"]) == ("250.00", "50")


@pytest.mark.parametrize(("rule", "count"), [("replace", 1), ("ignored", 2), ("merge", 3)])
def test_edit_of_lines_on_wefact_is_a_switch(wefact, line, rule, count):
    wefact.server.switches.wefact_edit_lines = rule
    identifier = wefact.invoice(InvoiceLines=[line, line])["Identifier"]
    assert len(wefact("invoice/edit", Identifier=identifier, InvoiceLines=[line])["invoice"]["InvoiceLines"]) == count


def test_edit_of_a_sent_invoice_and_edit_to_status_2_are_switches(wefact):
    switches, draft = wefact.server.switches, wefact.invoice()["Identifier"]
    sent = wefact.invoice(Status=2)["Identifier"]
    assert refused(wefact("invoice/edit", Identifier=sent, Comment="x"))
    switches.edit_sent = "allowed"
    assert not refused(wefact("invoice/edit", Identifier=sent, Comment="x"))
    assert refused(wefact("invoice/edit", Identifier=draft, Status=2))
    switches.edit_status_2 = "ignored"
    assert wefact("invoice/edit", Identifier=draft, Status=2)["invoice"]["Status"] == "0"
    switches.edit_status_2 = "numbers"
    numbered = wefact("invoice/edit", Identifier=draft, Status=2)["invoice"]
    assert (numbered["InvoiceCode"], numbered["Sent"]) == ("F2026-0043", "0")
    assert wefact.server.books.mails == []


def test_reminders_schedule_and_payment_process(wefact):
    identifier = wefact.invoice()["Identifier"]
    assert refused(wefact("invoice/sendreminderbyemail", Identifier=identifier))
    wefact("invoice/schedule", Identifier=identifier, ScheduledAt="2026-11-21 12:00:00")
    wefact.server.clock.advance(7199)
    assert wefact.server.books.mails == []
    wefact.server.clock.advance(1)
    assert [mail.kind for mail in wefact.server.books.mails] == ["invoice"]
    assert wefact("invoice/sendreminderbyemail", Identifier=identifier)["invoice"]["Reminders"] == "1"
    assert wefact("invoice/paymentprocesspause", Identifier=identifier)["invoice"]["SubStatus"] == "PAUSED"
    assert wefact("invoice/paymentprocessreactivate", Identifier=identifier)["invoice"]["SubStatus"] == ""


def test_cancelled_schedule_does_not_mail(wefact):
    identifier = wefact.invoice()["Identifier"]
    wefact("invoice/schedule", Identifier=identifier, ScheduledAt="2026-11-21 12:00:00")
    wefact("invoice/cancelschedule", Identifier=identifier)
    wefact.server.clock.advance(86_400)
    assert wefact.server.books.mails == []


def test_attachments(wefact, hostfact):
    content = base64.b64encode(b"%PDF-1.4 uren").decode()
    for caller in (wefact, hostfact):
        caller.invoice()
        answer = caller("attachment/add", Type="invoice", InvoiceCode="[concept]0001", Filename="uren.pdf", Base64=content)
        assert answer["success"] == ["Het bestand 'uren.pdf' is toegevoegd als bijlage bij de factuur"]
        (kept,) = caller("invoice/show", Identifier="2")["invoice"]["Attachments"]
        assert kept["Filename"] == "uren.pdf"
        record = caller("attachment/download", Identifier=kept["Identifier"])["success"]
        assert record == ([kept["Identifier"], "uren.pdf", content, "application/pdf"] if caller is wefact else ["uren.pdf", content])
        caller("attachment/delete", Identifier=kept["Identifier"])
        assert "Attachments" not in caller("invoice/show", Identifier="2")["invoice"]
    assert refused(wefact("attachment/add", Type="invoice", InvoiceCode="[concept]0001", Filename="x", Base64="%%"))


@pytest.mark.parametrize(("rule", "tax"), [("line", "0.09"), ("rate", "0.08"), ("unrounded", "0.08")])
def test_vat_is_rounded_per_line_or_per_rate(wefact, line, rule, tax):
    wefact.server.switches.vat_rounding = rule
    lines = [line | {"Number": "1", "PriceExcl": "0.12"}] * 3  # 0.0252 each, 0.0756 together
    assert wefact.invoice(InvoiceLines=lines)["AmountTax"] == tax


def test_unrounded_lines_add_up_before_rounding(wefact, line):
    lines = [line | {"Number": "1", "PriceExcl": "0.125"}] * 2
    assert wefact.invoice(InvoiceLines=lines)["AmountExcl"] == "0.26"
    wefact.server.switches.vat_rounding = "unrounded"
    assert wefact.invoice(InvoiceLines=lines)["AmountExcl"] == "0.25"


def test_discounts_come_back_negative(wefact, line):
    invoice = wefact.invoice(Discount="10", InvoiceLines=[line | {"DiscountPercentage": "50"}])
    row = invoice["InvoiceLines"][0]
    assert (invoice["AmountExcl"], row["NoDiscountAmountExcl"], row["DiscountAmountExcl"]) == ("45.00", 100, -55)
    assert wefact.invoice(Discount="10", IgnoreDiscount="1")["AmountExcl"] == "100.00"


def test_custom_tax_code_of_the_debtor_overrides_the_line(wefact):
    invoice = wefact.invoice(DebtorCode="DB10044")
    assert (invoice["InvoiceLines"][0]["TaxCode"], invoice["AmountTax"], invoice["VatShift"]) == ("VVERL", "0.00", "yes")
    wefact.server.switches.custom_tax_overrides = False
    assert wefact.invoice(DebtorCode="DB10044")["AmountTax"] == "21.00"


def test_untaxable_debtor_or_invoice_on_hostfact(hostfact):
    assert hostfact.invoice(TaxableSetting="no")["AmountTax"] == "0.00"
    hostfact("debtor/edit", DebtorCode="DB10012", Taxable="no")
    assert hostfact.invoice()["AmountTax"] == "0.00"
    assert hostfact.invoice(TaxableSetting="yes")["AmountTax"] == "21.00"


def test_unknown_product_on_a_line(wefact, line):
    lines = [line | {"ProductCode": "P9999"}]
    assert refused(wefact("invoice/add", DebtorCode="DB10012", InvoiceLines=lines))
    wefact.server.switches.unknown_product_code = "ignored"
    assert wefact.invoice(InvoiceLines=lines)["InvoiceLines"][0]["ProductCode"] == ""


@pytest.mark.parametrize(("moves", "modified"), [(False, "2026-11-21 10:00:00"), (True, "2026-11-21 11:00:00")])
def test_modified_may_move_on_payment(wefact, moves, modified):
    wefact.server.switches.modified_moves_on_payment = moves
    identifier = wefact.invoice(Status=2)["Identifier"]
    wefact.server.clock.advance(3600)
    assert wefact("invoice/markaspaid", Identifier=identifier)["invoice"]["Modified"] == modified


def test_number_decimals_may_be_few(wefact, line):
    wefact.server.switches.number_decimals = 2
    assert wefact.invoice(InvoiceLines=[line | {"Number": "1.3333"}])["InvoiceLines"][0]["Number"] == "1.33"


def test_extra_contact_gets_the_mail(wefact):
    contact = wefact("extraclientcontact/add", Debtor="5102", SurName="Inkoop", EmailAddress="inkoop@jansenbouw.example")
    identifier = contact["extraclientcontact"]["Identifier"]
    assert wefact.invoice(ExtraClientContactId=identifier)["EmailAddress"] == "inkoop@jansenbouw.example"
