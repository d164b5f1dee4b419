"""Checks of what people type or send: durations, amounts, numbers, addresses, names.

Forms, imports and the API share them. A check gives the value in the one spelling that is kept, or raises CheckFailed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

import email_validator
import stdnum.be.vat
import stdnum.bic
import stdnum.eu.vat
import stdnum.exceptions
import stdnum.iban
import stdnum.nl.postcode

DAY_MINUTES = 24 * 60

# The documented way to let the library accept the domains of an own network.
OWN_NETWORK = ("local", "test")
email_validator.SPECIAL_USE_DOMAIN_NAMES[:] = [name for name in email_validator.SPECIAL_USE_DOMAIN_NAMES if name not in OWN_NETWORK]

# What a person reads, by code. A page translates the sentence and fills in the parameters of the failure.
SENTENCES: Mapping[str, str] = {
    "empty": "Fill in a value.",
    "too_long": "This is %(length)s characters long; use at most %(most)s.",
    "duration": "“%(text)s” is not a duration; write 1:15, 1,25, 1h15m or 75m.",
    "duration_minutes": "“%(text)s” has more than 59 minutes in an hour; write 1:15, 1,25, 1h15m or 75m.",
    "duration_too_long": "“%(text)s” is more than 24 hours; divide it over more days.",
    "duration_negative": "“%(text)s” is less than zero; only somebody who may correct hours can enter that.",
    "clock": "“%(text)s” is not a time of day; write 9:30, 930 or 1:30pm.",
    "amount": "“%(text)s” is not an amount; write it like 1234,56 or 1234.56.",
    "amount_ambiguous": (
        "“%(text)s” can be a thousand or a decimal number; leave out the thousands separator and write decimals, like 1234,00."
    ),
    "amount_decimals": "“%(text)s” has too many decimals; use at most %(places)s.",
    "amount_negative": "“%(text)s” is less than zero; enter an amount of zero or more.",
    "amount_too_large": "“%(text)s” is too large; enter an amount of at most twelve digits before the decimals.",
    "vat_number": "“%(text)s” is not a valid VAT number for %(country)s; check the digits and the country.",
    "iban": "“%(text)s” is not a valid IBAN; check the digits, like NL91 ABNA 0417 1643 00.",
    "bic": "“%(text)s” is not a valid BIC; it has 8 or 11 letters and digits, like ABNANL2A.",
    "email": "“%(text)s” is not an e-mail address; write it like name@example.com.",
    "coc_number_nl": "“%(text)s” is not a chamber of commerce number; it has 8 digits, like 12345678.",
    "coc_number_be": "“%(text)s” is not an enterprise number; it has 10 digits, like 0999.999.922. Check them.",
    "coc_number": "“%(text)s” is not a registration number; use at most 30 letters, digits, dots, dashes and slashes.",
    "customer_number": "A customer number cannot contain %(signs)s; the accounting packages refuse it. Leave it out.",
    "postal_code_nl": "“%(text)s” is not a Dutch postal code; write it like 3511 AB.",
    "postal_code_be": "“%(text)s” is not a Belgian postal code; it has 4 digits, like 9000.",
    "postal_code": "“%(text)s” is not a postal code; use at most 12 letters, digits, spaces and dashes.",
    "country": "“%(text)s” is not a country code; use two letters, like NL or BE.",
    "currency": "“%(text)s” is not a currency code; use three letters, like EUR.",
}

# fmt: off
COUNTRIES = frozenset({
    "AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW", "AX", "AZ", "BA", "BB", "BD", "BE", "BF", "BG",
    "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR", "BS", "BT", "BV", "BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI",
    "CK", "CL", "CM", "CN", "CO", "CR", "CU", "CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EG", "EH",
    "ER", "ES", "ET", "FI", "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF", "GG", "GH", "GI", "GL", "GM", "GN", "GP", "GQ",
    "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM", "HN", "HR", "HT", "HU", "ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT",
    "JE", "JM", "JO", "JP", "KE", "KG", "KH", "KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC", "LI", "LK", "LR", "LS",
    "LT", "LU", "LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK", "ML", "MM", "MN", "MO", "MP", "MQ", "MR", "MS", "MT", "MU",
    "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NF", "NG", "NI", "NL", "NO", "NP", "NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG",
    "PH", "PK", "PL", "PM", "PN", "PR", "PS", "PT", "PW", "PY", "QA", "RE", "RO", "RS", "RU", "RW", "SA", "SB", "SC", "SD", "SE", "SG",
    "SH", "SI", "SJ", "SK", "SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TF", "TG", "TH", "TJ", "TK",
    "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US", "UY", "UZ", "VA", "VC", "VE", "VG", "VI", "VN", "VU",
    "WF", "WS", "YE", "YT", "ZA", "ZM", "ZW",
})
CURRENCIES = frozenset({
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BGN", "BHD", "BIF", "BMD", "BND", "BOB", "BRL",
    "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF", "CLP", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD",
    "EGP", "ERN", "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD", "HNL", "HTG", "HUF", "IDR",
    "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES", "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP",
    "LKR", "LRD", "LSL", "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN", "MYR", "MZN", "NAD",
    "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP", "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR",
    "SBD", "SCR", "SDG", "SEK", "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT", "TND", "TOP",
    "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES", "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF",
    "YER", "ZAR", "ZMW", "ZWG",
})
# fmt: on
COUNTRY_ALIASES = {"UK": "GB", "EL": "GR"}
VAT_PREFIXES = {"GR": "EL"}
CUSTOMER_NUMBER_REFUSED = "|[](){}"

# Legal forms without their dots, as they stand before or after the name proper.
LEGAL_FORMS_AFTER = frozenset(
    {"bv", "nv", "vof", "cv", "bvba", "cvba", "cvoa", "cvso", "commv", "ebvba", "vzw", "ivzw", "asbl", "aisbl", "srl", "sprl", "sa", "sas"}
    | {"sarl", "snc", "scs", "sc", "scrl", "gmbh", "ag", "kg", "ohg", "ug", "ev", "eg", "se", "ltd", "limited", "llc", "llp", "plc", "inc"}
    | {"corp", "spa", "ab", "aps", "oy", "ua", "ba", "wa", "io", "stichting", "maatschap", "eenmanszaak"}
)
LEGAL_FORMS_BEFORE = frozenset({"stichting", "vereniging", "cooperatie", "maatschap", "bv", "nv", "vof", "cv", "bvba", "vzw", "asbl"})

_HOURS_AND_MINUTES = re.compile(r"(?:(\d{1,2})\s*[hu])?\s*(?:(\d{1,4})\s*m(?:in)?)?", re.ASCII)
_DECIMAL_HOURS = re.compile(r"(\d{0,2})[.,;](\d{1,6})\s*[hu]?", re.ASCII)
_WITH_COLON = re.compile(r"(\d{0,2}):(\d{2})", re.ASCII)
_DIGITS = re.compile(r"\d{1,4}", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2})(?:[:.,]?(\d{2}))?\s*(am|pm|a\.m\.|p\.m\.)?", re.ASCII)
_AMOUNT = re.compile(r"(-?) ?(?:€|EUR)? ?(-?) ?([\d.,' ]+)", re.ASCII | re.IGNORECASE)


class CheckFailed(ValueError):
    """A value was refused; `code` names the reason, `sentence` and `params` say what to do, str() says it in English."""

    def __init__(self, code: str, **params: object) -> None:
        self.code = code
        self.sentence = SENTENCES[code]
        self.params = params
        super().__init__(self.sentence % params)


def parse_duration(text: str, *, allow_negative: bool = False) -> int:
    """Give the minutes of a typed duration: 1, 0,5, 1:15, 1h12m, 75m, 115 (1:15); at most 24 hours.

    Fewer than three digits are hours, three or four are hours and minutes. Less than zero needs the right to correct.
    """
    typed = text.strip().replace("−", "-").lower()
    minutes = _duration_minutes(typed.removeprefix("-").lstrip(), text.strip())
    if minutes > DAY_MINUTES:
        raise CheckFailed("duration_too_long", text=text.strip())
    if not typed.startswith("-"):
        return minutes
    if not allow_negative:
        raise CheckFailed("duration_negative", text=text.strip())
    return -minutes


def format_duration(minutes: int) -> str:
    """Write minutes as hours and minutes, like 1:15 or -0:30."""
    return f"{'-' if minutes < 0 else ''}{abs(minutes) // 60}:{abs(minutes) % 60:02d}"


def parse_clock(text: str) -> int:
    """Give the minutes since midnight of a typed time of day: 9, 930, 9:30, 9.30, 1:00pm; 24:00 is the end of the day.

    12:00pm is noon, 12:00am is midnight.
    """
    found = _CLOCK.fullmatch(text.strip().lower())
    if not found:
        raise CheckFailed("clock", text=text.strip())
    hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").replace(".", "")
    if half:
        if not 1 <= hour <= 12:
            raise CheckFailed("clock", text=text.strip())
        hour = hour % 12 + (12 if half == "pm" else 0)
    if minute > 59 or hour * 60 + minute > DAY_MINUTES:
        raise CheckFailed("clock", text=text.strip())
    return hour * 60 + minute


def parse_amount(text: str, *, places: int = 2, decimal_sign: str | None = None, allow_negative: bool = False) -> Decimal:
    """Give a typed amount: 27,50, 1234.56, 1.234,56, 1 234,56, € 12. `places` is the most decimals it may have.

    One separator before exactly three digits, as in 1.234, is refused, because it can be read in two ways; an import
    whose file says which sign is the decimal one passes it as `decimal_sign`.
    """
    shown = text.strip()
    found = _AMOUNT.fullmatch(re.sub(r"\s", " ", shown).replace("−", "-").replace("’", "'"))
    if not found or (found[1] and found[2]):
        raise CheckFailed("amount", text=shown)
    whole, decimals = _split_amount(found[3].strip(), decimal_sign, shown)
    decimals = decimals[:places] + decimals[places:].rstrip("0")
    if len(decimals) > places:
        raise CheckFailed("amount_decimals", text=shown, places=places)
    if len(whole.lstrip("0")) > 12:
        raise CheckFailed("amount_too_large", text=shown)
    amount = Decimal(f"{whole or '0'}.{decimals or '0'}") if decimals else Decimal(whole)
    if not (found[1] or found[2]) or not amount:
        return amount
    if not allow_negative:
        raise CheckFailed("amount_negative", text=shown)
    return -amount


def vat_number(text: str, country: str) -> str:
    """Give a VAT number with its country prefix and without separators; the check digits of EU numbers are checked.

    A number may carry the prefix of another EU country than the customer's own. Elsewhere only its length is checked.
    """
    number = re.sub(r"[\s.\-/]", "", _filled(text)).upper()
    prefix = VAT_PREFIXES.get(country, country)
    if prefix in _EU_PREFIXES and number[:2] not in _EU_PREFIXES:
        number = prefix + number
    try:
        return str(stdnum.eu.vat.validate(number))
    except stdnum.exceptions.ValidationError as error:
        if prefix in _EU_PREFIXES or not re.fullmatch(r"[A-Z0-9]{2,20}", number):
            raise CheckFailed("vat_number", text=text.strip(), country=country) from error
    return number


def iban(text: str) -> str:
    """Give an IBAN in capitals without spaces, with its check digits checked."""
    try:
        return str(stdnum.iban.validate(_filled(text)))
    except stdnum.exceptions.ValidationError as error:
        raise CheckFailed("iban", text=text.strip()) from error


def bic(text: str) -> str:
    """Give a BIC in capitals."""
    try:
        return str(stdnum.bic.validate(_filled(text)))
    except stdnum.exceptions.ValidationError as error:
        raise CheckFailed("bic", text=text.strip()) from error


def email(text: str) -> str:
    """Give one e-mail address with its domain in lower case; whether mail arrives there is not looked up.

    Domains of an own network (.local, .test) are welcome: the mail server may well be next door.
    """
    try:
        found = email_validator.validate_email(_filled(text), check_deliverability=False)
    except email_validator.EmailNotValidError as error:
        raise CheckFailed("email", text=text.strip()) from error
    return found.normalized


def emails(text: str) -> list[str]:
    """Give the e-mail addresses between commas, semicolons or line ends, each once; nothing typed is an empty list."""
    once: dict[str, str] = {}
    for part in re.split(r"[,;\n]", text):
        if part.strip():
            address = email(part)
            once.setdefault(address.casefold(), address)
    return list(once.values())


def coc_number(text: str, country: str) -> str:
    """Give a chamber of commerce number (NL, 8 digits), enterprise number (BE, 10 digits) or foreign registration."""
    number = re.sub(r"[\s.]", "", _filled(text))
    if country == "NL":
        if not re.fullmatch(r"[0-9]{8}", number):
            raise CheckFailed("coc_number_nl", text=text.strip())
        return number
    if country == "BE":
        try:
            return str(stdnum.be.vat.validate(number))
        except stdnum.exceptions.ValidationError as error:
            raise CheckFailed("coc_number_be", text=text.strip()) from error
    if not re.fullmatch(r"[\w.\-/ ]{1,30}", text.strip()):
        raise CheckFailed("coc_number", text=text.strip())
    return text.strip()


def customer_number(text: str, most: int = 50) -> str:
    """Give a customer number, trimmed; pipes and brackets are refused, because the packages choke on them."""
    number = plain_text(_filled(text), most)
    signs = [sign for sign in CUSTOMER_NUMBER_REFUSED if sign in number]
    if signs or "\n" in number or "\t" in number:
        raise CheckFailed("customer_number", signs=" ".join(signs) or "a line end or tab")
    return number


def number_key(text: str) -> str:
    """Give the form in which two customer numbers are compared: trimmed, without case, in one Unicode spelling."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).strip().casefold())


def postal_code(text: str, country: str) -> str:
    """Give a postal code in capitals: 3511 AB for NL, four digits for BE; elsewhere only its length is checked."""
    code = " ".join(_filled(text).upper().split())
    if country == "NL":
        try:
            return str(stdnum.nl.postcode.validate(code))
        except stdnum.exceptions.ValidationError as error:
            raise CheckFailed("postal_code_nl", text=text.strip()) from error
    if country == "BE":
        code = code.removeprefix("B-")
        if not re.fullmatch(r"[1-9][0-9]{3}", code):
            raise CheckFailed("postal_code_be", text=text.strip())
        return code
    if not re.fullmatch(r"[\w\- ]{1,12}", code):
        raise CheckFailed("postal_code", text=text.strip())
    return code


def plain_text(text: str, most: int) -> str:
    """Give text as it was typed, trimmed, with line ends as newlines.

    Only what no database or XML document can hold is left out: control characters other than newline and tab, halves
    of surrogate pairs and the two noncharacters. Anything else, markup included, is text and stays text. `most` is
    the greatest number of characters.
    """
    kept = "".join(sign for sign in text.replace("\r\n", "\n").replace("\r", "\n") if _is_storable(sign)).strip()
    if len(kept) > most:
        raise CheckFailed("too_long", length=len(kept), most=most)
    return kept


def one_line(text: str, most: int) -> str:
    """Give plain text on one line, such as a name, with single spaces."""
    return plain_text(" ".join(plain_text(text, len(text)).split()), most)


def country(text: str) -> str:
    """Give a country as two capitals (ISO 3166); UK and EL become GB and GR."""
    code = _filled(text).upper()
    code = COUNTRY_ALIASES.get(code, code)
    if code not in COUNTRIES:
        raise CheckFailed("country", text=text.strip())
    return code


def currency(text: str) -> str:
    """Give a currency as three capitals (ISO 4217)."""
    code = _filled(text).upper()
    if code not in CURRENCIES:
        raise CheckFailed("currency", text=text.strip())
    return code


def similar_name_key(name: str) -> str:
    """Give the form in which two company names are alike: no case, accents, punctuation or legal form.

    A name without any letter or digit gives an empty key, which is like nothing.
    """
    folded = unicodedata.normalize("NFKD", name.casefold())
    folded = "".join(sign for sign in folded if not unicodedata.combining(sign) and sign not in ".'’`")
    words = _joined_initials(re.findall(r"[^\W_]+", folded))
    while len(words) > 1 and words[-1] in LEGAL_FORMS_AFTER:
        words.pop()
    while len(words) > 1 and words[0] in LEGAL_FORMS_BEFORE:
        words.pop(0)
    return " ".join(words)


_EU_PREFIXES = frozenset({VAT_PREFIXES.get(code.upper(), code.upper()) for code in stdnum.eu.vat.MEMBER_STATES})


def _filled(text: str) -> str:
    if not text.strip():
        raise CheckFailed("empty")
    return text.strip()


def _is_storable(sign: str) -> bool:
    return sign in "\n\t" or (sign >= " " and not "\ud800" <= sign <= "\udfff" and sign not in "\ufffe\uffff")


def _duration_minutes(typed: str, shown: str) -> int:
    if _DIGITS.fullmatch(typed):
        return int(typed) * 60 if len(typed) < 3 else _clock_minutes(typed[:-2], typed[-2:], shown)
    if found := _WITH_COLON.fullmatch(typed):
        return _clock_minutes(found[1], found[2], shown)
    if found := _DECIMAL_HOURS.fullmatch(typed):
        hours = Decimal(f"{found[1] or '0'}.{found[2]}")
        return int((hours * 60).quantize(Decimal(1), ROUND_HALF_UP))
    found = _HOURS_AND_MINUTES.fullmatch(typed)
    if not found or not typed:
        raise CheckFailed("duration", text=shown)
    if found[1] is None:
        return int(found[2])
    return _clock_minutes(found[1], found[2] or "0", shown)


def _clock_minutes(hours: str, minutes: str, shown: str) -> int:
    if int(minutes) > 59:
        raise CheckFailed("duration_minutes", text=shown)
    return int(hours or 0) * 60 + int(minutes)


def _split_amount(body: str, decimal_sign: str | None, shown: str) -> tuple[str, str]:
    """Divide a number into its whole digits and its decimals, or refuse it."""
    signs = [sign for sign in body if sign in ".,"]
    grouped_otherwise = " " in body or "'" in body
    if decimal_sign is not None:
        decimal = decimal_sign
    elif len(set(signs)) == 2:
        decimal = signs[-1]
    elif len(signs) == 1:
        decimal = signs[0]
        if not grouped_otherwise and re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", body):
            raise CheckFailed("amount_ambiguous", text=shown)
    else:
        decimal = ""  # none, or several of one sign, which can only divide thousands
    whole, point, decimals = body.partition(decimal) if decimal else (body, "", "")
    if (point and not re.fullmatch(r"[0-9]+", decimals)) or not (whole or point):
        raise CheckFailed("amount", text=shown)
    if whole and not re.fullmatch(r"[0-9]+|[0-9]{1,3}(?:([., '])[0-9]{3})(?:\1[0-9]{3})*", whole):
        raise CheckFailed("amount", text=shown)
    return re.sub(r"[^0-9]", "", whole), decimals


def _joined_initials(words: list[str]) -> list[str]:
    """Join single letters that follow each other, so that B.V., B. V. and BV are one word."""
    joined: list[str] = []
    was_letter = False
    for word in words:
        is_letter = len(word) == 1 and word.isalpha()
        if is_letter and was_letter:
            joined[-1] += word
        else:
            joined.append(word)
        was_letter = is_letter
    return joined
