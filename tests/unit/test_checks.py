"""Checks of amounts, numbers, addresses and names."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from babel import Locale
from babel.numbers import is_currency
from hypothesis import given
from hypothesis import strategies as st

import checks
from checks import CheckFailed, parse_amount

D = Decimal


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("27,50", "27.50"),
        ("27.5", "27.5"),
        ("1.234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1234.56", "1234.56"),
        ("1234", "1234"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("1.234.567,8", "1234567.8"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234,56", "1234.56"),
        ("1\u202f234", "1234"),
        ("1'234.50", "1234.50"),
        ("€ 12", "12"),
        ("€12,50", "12.50"),
        ("EUR 12", "12"),
        ("eur12", "12"),
        (" ,50 ", "0.50"),
        ("0,25", "0.25"),
        ("1,5000", "1.50"),
        ("0", "0"),
        ("-0", "0"),
        ("0012", "12"),
    ],
)
def test_amount(typed: str, expected: str) -> None:
    assert parse_amount(typed) == D(expected)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("1.234", "amount_ambiguous"),
        ("1,234", "amount_ambiguous"),
        ("999.000", "amount_ambiguous"),
        ("0,234", "amount_decimals"),
        ("1234,567", "amount_decimals"),
        ("1.234,567", "amount_decimals"),
        ("-5", "amount_negative"),
        ("€ -5", "amount_negative"),
        ("-€ 5", "amount_negative"),
        ("1234567890123", "amount_too_large"),
        ("", "amount"),
        ("€", "amount"),
        (".", "amount"),
        ("5,", "amount"),
        ("--5", "amount"),
        ("-€-5", "amount"),
        ("1e5", "amount"),
        ("NaN", "amount"),
        ("1.23.45", "amount"),
        ("1,23.456,78", "amount"),
        ("12.34,567.89", "amount"),
        ("1 23", "amount"),
        ("1234.567,89", "amount"),
        ("1.234 567,89", "amount"),
        ("twelve", "amount"),
        ("١٢", "amount"),
    ],
)
def test_amount_refused(typed: str, code: str) -> None:
    with pytest.raises(CheckFailed) as failure:
        parse_amount(typed)
    assert failure.value.code == code


@pytest.mark.parametrize(
    ("typed", "sign", "expected"),
    [("1.234", ",", "1234"), ("1,234", ".", "1234"), ("1.234", ".", "1.234"), ("12,3456", ",", "12.3456"), ("-1.234,5", ",", "-1234.5")],
)
def test_a_file_that_names_its_decimal_sign_is_not_ambiguous(typed: str, sign: str, expected: str) -> None:
    assert parse_amount(typed, places=4, decimal_sign=sign, allow_negative=True) == D(expected)


def test_a_file_that_names_its_decimal_sign_is_held_to_it() -> None:
    with pytest.raises(CheckFailed, match="not an amount"):
        parse_amount("1234.56", decimal_sign=",")


@given(st.integers(-(10**13), 10**13), st.sampled_from([(".", ""), (",", ""), (",", "."), (".", ","), (",", " ")]))
def test_an_amount_with_two_decimals_is_read_as_it_was_written(cents: int, signs: tuple[str, str]) -> None:
    amount = D(cents) / 100
    written = f"{amount:,.2f}".replace(",", "T").replace(".", "D").replace("T", signs[1]).replace("D", signs[0])
    assert parse_amount(written, allow_negative=True) == amount


@given(st.text("0123456789.,-' €", max_size=12))
def test_any_text_is_an_amount_or_is_refused(typed: str) -> None:
    try:
        amount = parse_amount(typed)
    except CheckFailed as failure:
        assert failure.code.startswith("amount")
    else:
        assert 0 <= amount < 10**12
        assert amount == round(amount, 2)


@pytest.mark.parametrize(
    ("check", "given_values", "expected"),
    [
        (checks.vat_number, ("nl 1234.56.782.B90", "NL"), "NL123456782B90"),
        (checks.vat_number, ("123456782B90", "NL"), "NL123456782B90"),
        (checks.vat_number, ("0999.999.922", "BE"), "BE0999999922"),
        (checks.vat_number, ("BE0999999922", "NL"), "BE0999999922"),
        (checks.vat_number, ("094259216", "GR"), "EL094259216"),
        (checks.vat_number, ("DE136695976", "CH"), "DE136695976"),
        (checks.vat_number, ("CHE-107.787.577", "CH"), "CHE107787577"),
        (checks.vat_number, ("ESO1202108R2", "MX"), "ESO1202108R2"),
        (checks.iban, ("nl91 abna 0417 1643 00",), "NL91ABNA0417164300"),
        (checks.bic, ("abnanl2a",), "ABNANL2A"),
        (checks.email, (" Ans.de.Wit@Example.COM ",), "Ans.de.Wit@example.com"),
        (checks.email, ("beheer@studio.local",), "beheer@studio.local"),
        (checks.email, ("ans@studio.test",), "ans@studio.test"),
        (checks.emails, ("a@example.com; b@example.com,A@example.com\n",), ["a@example.com", "b@example.com"]),
        (checks.emails, (" ",), []),
        (checks.coc_number, ("1234 5678", "NL"), "12345678"),
        (checks.coc_number, ("0999.999.922", "BE"), "0999999922"),
        (checks.coc_number, ("HRB 12345", "DE"), "HRB 12345"),
        (checks.customer_number, (" DB10012 ",), "DB10012"),
        (checks.customer_number, ("0012",), "0012"),
        (checks.postal_code, ("3511ab", "NL"), "3511 AB"),
        (checks.postal_code, ("B-9000", "BE"), "9000"),
        (checks.postal_code, ("sw1a  1aa", "GB"), "SW1A 1AA"),
        (checks.country, (" nl",), "NL"),
        (checks.country, ("UK",), "GB"),
        (checks.currency, ("eur",), "EUR"),
    ],
)
def test_the_kept_spelling(check: Callable[..., Any], given_values: tuple[str, ...], expected: object) -> None:
    assert check(*given_values) == expected


@pytest.mark.parametrize(
    ("check", "given_values", "code"),
    [
        (checks.vat_number, ("NL123456789B01", "NL"), "vat_number"),
        (checks.vat_number, ("BE0403170702", "NL"), "vat_number"),
        (checks.vat_number, ("hello", "NL"), "vat_number"),
        (checks.vat_number, ("<script>", "US"), "vat_number"),
        (checks.vat_number, ("", "NL"), "empty"),
        (checks.iban, ("NL91ABNA0417164301",), "iban"),
        (checks.iban, ("",), "empty"),
        (checks.bic, ("ABNA",), "bic"),
        (checks.email, ("ans@",), "email"),
        (checks.email, ("ans@localhost",), "email"),
        (checks.email, ("ans@studio.invalid",), "email"),
        (checks.email, ("a@example.com\nBcc: b@example.com",), "email"),
        (checks.email, ("Ans <ans@example.com>",), "email"),
        (checks.emails, ("a@example.com, b",), "email"),
        (checks.coc_number, ("1234567", "NL"), "coc_number_nl"),
        (checks.coc_number, ("١٢٣٤٥٦٧٨", "NL"), "coc_number_nl"),
        (checks.coc_number, ("0403170702", "BE"), "coc_number_be"),
        (checks.coc_number, ("<b>", "DE"), "coc_number"),
        (checks.customer_number, ("[concept]0001",), "customer_number"),
        (checks.customer_number, ("A|B",), "customer_number"),
        (checks.customer_number, ("A\nB",), "customer_number"),
        (checks.customer_number, ("9" * 51,), "too_long"),
        (checks.customer_number, (" ",), "empty"),
        (checks.postal_code, ("0511 AB", "NL"), "postal_code_nl"),
        (checks.postal_code, ("90000", "BE"), "postal_code_be"),
        (checks.postal_code, ("<1234>", "DE"), "postal_code"),
        (checks.country, ("Nederland",), "country"),
        (checks.country, ("ZZ",), "country"),
        (checks.currency, ("XXX",), "currency"),
    ],
)
def test_a_wrong_value_is_refused_by_name(check: Callable[..., Any], given_values: tuple[str, ...], code: str) -> None:
    with pytest.raises(CheckFailed) as failure:
        check(*given_values)
    assert failure.value.code == code
    assert str(failure.value) == failure.value.sentence % failure.value.params


def test_a_percent_sign_in_a_value_does_no_harm() -> None:
    with pytest.raises(CheckFailed, match=r"“100%\(text\)s” is not an amount"):
        parse_amount("100%(text)s")


def test_every_sentence_says_what_to_do_in_one_line() -> None:
    for code, sentence in checks.SENTENCES.items():
        assert sentence.endswith("."), code
        assert "\n" not in sentence, code


def test_the_lists_of_countries_and_currencies_are_real() -> None:
    assert not checks.COUNTRIES - set(Locale("en").territories)
    assert {"NL", "BE", "DE", "GB", "GR", "CW", "XK"} - checks.COUNTRIES == {"XK"}
    assert all(is_currency(code) for code in checks.CURRENCIES)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("DB10012", " db10012 ", True),
        ("Straße1", "STRASSE1", True),
        ("Cafe\u0301", "Caf\u00e9", True),
        ("\u0130x", "i\u0307X", True),
        ("0012", "12", False),
        ("DB 10012", "DB10012", False),
    ],
)
def test_customer_numbers_are_compared_as_text(one: str, other: str, same: bool) -> None:
    assert (checks.number_key(one) == checks.number_key(other)) is same


@given(st.text(max_size=20))
def test_a_number_key_is_its_own_key(text: str) -> None:
    key = checks.number_key(text)
    assert checks.number_key(key) == key
    assert checks.number_key(f" {text.strip()}\n") == key


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  a\r\nb\rc\td  ", "a\nb\nc\td"),
        ("nul\x00 bell\x07 escape\x1b[31m", "nul bell escape[31m"),
        ("<script>alert('x')</script>", "<script>alert('x')</script>"),
        ("\u202egnp.exe", "\u202egnp.exe"),
        ("half \ud83d and whole \U0001f600", "half  and whole \U0001f600"),
        ("non\uffffcharacter", "noncharacter"),
        ("=1+1", "=1+1"),
    ],
)
def test_text_stays_text_without_what_cannot_be_stored(typed: str, kept: str) -> None:
    assert checks.plain_text(typed, 100) == kept


def test_too_much_text_is_refused() -> None:
    assert checks.plain_text(" 12345 ", 5) == "12345"
    with pytest.raises(CheckFailed, match="6 characters long; use at most 5"):
        checks.plain_text("123456", 5)


def test_a_name_stands_on_one_line() -> None:
    assert checks.one_line(" Jansen\n\t Bouw\x00 ", 20) == "Jansen Bouw"


@given(st.text(max_size=30))
def test_kept_text_can_be_encoded_and_is_kept_again(text: str) -> None:
    kept = checks.plain_text(text, 100)
    assert kept.encode("utf-8").decode("utf-8") == kept
    assert checks.plain_text(kept, 100) == kept


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jansen Bouw B.V.", "jansen bouw bv"),
        ("Jansen Bouw B. V.", "JANSEN BOUW"),
        ("Peeters & Zonen BVBA", "Peeters Zonen"),
        ("V.O.F. De Gans", "De Gans vof"),
        ("Stichting Kunsthuis", "kunsthuis"),
        ("Coöperatie Tiel U.A.", "Cooperatie Tiel"),
        ("Café d'Anvers SRL", "Cafe dAnvers"),
        ("De Vries-Architecten", "De Vries Architecten"),
        ("Molenaar Logistiek B.V. i.o.", "Molenaar Logistiek"),
        ("A.B. Jansen", "A B Jansen"),
    ],
)
def test_names_that_are_alike(one: str, other: str) -> None:
    assert checks.similar_name_key(one) == checks.similar_name_key(other) != ""


@pytest.mark.parametrize(
    ("one", "other"), [("Jansen Bouw", "Jansen Bouw Utrecht"), ("Jansen", "Janssen"), ("Studio 1", "Studio 2"), ("BV", "NV")]
)
def test_names_that_are_not_alike(one: str, other: str) -> None:
    assert checks.similar_name_key(one) != checks.similar_name_key(other)


def test_a_name_of_nothing_but_punctuation_is_like_nothing() -> None:
    assert checks.similar_name_key(" -- ") == ""
