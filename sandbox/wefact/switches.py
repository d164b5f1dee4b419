"""Standing switches: every unknown of contract wefact 16.1, with the pessimistic value as default."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from typing import Any

from sandbox.wefact.faults import Fault, FaultQueue


class UnknownSwitch(ValueError):
    """Somebody set a switch that does not exist, or to a value it does not have."""


def _one_of(*choices: str, note: str) -> Any:
    return field(default=choices[0], metadata={"choices": choices, "note": note})


def _value(default: bool | int | str, note: str) -> Any:
    return field(default=default, metadata={"note": note})


@dataclass(slots=True)
class Switches:
    """How this server behaves where nobody knows how the real one does, and the faults that wait in `faults`."""

    # Transport and access
    accepts_json: bool = _value(True, "JSON bodies are read; off: they count as no parameters")
    json_numbers_refused: bool = _value(False, "a JSON number where text belongs is refused")
    max_input_vars: int = _value(1000, "form variables past this vanish silently; 0: no limit")
    max_body_bytes: int = _value(8_388_608, "a larger body counts as no parameters")
    key_revoked: bool = _value(False, "no key works any more")
    ip_removed: bool = _value(False, "no address is on the whitelist any more")
    client_ip: str = _value("", "the address the server thinks it sees; empty: the real one")
    rate_per_minute: int = _value(200, "calls per minute and address; 0: unlimited")
    rate_per_hour: int = _value(3600, "calls per hour and address; 0: unlimited")
    failed_keys_per_day: int = _value(25, "wrong keys per day and address before the firewall; 0: unlimited")
    firewall_seconds: int = _value(3600, "length of a ban; each call during it starts it again")
    firewall_body: str = _one_of("text", "json", note="body of the 403 answer")
    # Lists
    unknown_searchat: str = _one_of(
        "empty", "column", "error", "ignored", note="searching a field nobody documents, such as ReferenceNumber"
    )
    echo_unknown_searchat: bool = _value(True, "`filters` repeats such a field as if it had been honoured")
    unknown_sort: str = _one_of("error", "column", "ignored", note="sorting on a field nobody documents, as Identifier")
    limit_over_1000: str = _one_of("error", "clamp", note="a limit above the maximum")
    odd_paging: str = _one_of("error", "lenient", note="limit 0 or a negative offset")
    created_filter: str = _one_of("honoured", "ignored", note="the created range on lists")
    ranges: str = _one_of("exclusive", "inclusive", note="whether from and to belong to the range")
    filter_zone: str = _one_of("local", "utc", note="the time zone in which from and to are read")
    between_pages: str = _one_of(
        "nothing", "insert", "rename", "remove", note="happens once, right after the next page of debtors or products"
    )
    modified_moves_on_payment: bool = _value(False, "Modified of an invoice moves when it is paid")
    modified_moves_on_group: bool = _value(False, "Modified of a debtor moves with its groups and contacts")
    product_rows_long: bool = _value(False, "WeFact product rows carry ProductDescription and NumberSuffix")
    # Records
    zone: str = _value("Europe/Amsterdam", "the server's own time zone")
    codes_case_sensitive: bool = _value(False, "DB1 and db1 are two codes")
    duplicate_debtor_code: str = _one_of("error", "renumber", note="adding a debtor with a taken code")
    duplicate_debtor_text: str = _value("De debiteurcode is al in gebruik", "the sentence of that refusal")
    duplicate_invoice_code: str = _one_of("error", "accepted", note="an own invoice number that is taken")
    maximum_lengths: str = _one_of("error", "truncate", "off", note="text longer than section 16 advises")
    four_byte_characters: str = _one_of("truncate", "strip", "error", "keep", note="emoji in text; truncate: at the first")
    unknown_product_code: str = _one_of("error", "ignored", note="a line with a ProductCode that does not exist")
    unknown_tax_code: str = _one_of("error", "ignored", note="a line with a TaxCode that does not exist")
    tax_percentage_on_wefact: str = _one_of(
        "ignore", "accept", "wins", "error", note="TaxPercentage on a WeFact line; accept: without TaxCode only"
    )
    vat_rounding: str = _one_of("line", "rate", "unrounded", note="where VAT is rounded")
    number_decimals: int = _value(8, "decimals the server keeps of a quantity")
    custom_tax_overrides: bool = _value(True, "CustomTaxCode or Taxable of the debtor overrides the line's VAT")
    edit_status_2: str = _one_of("error", "ignored", "numbers", note="invoice/edit with Status=2 on a draft")
    edit_sent: str = _one_of("error", "allowed", note="invoice/edit on an invoice that is not a draft")
    wefact_edit_lines: str = _one_of("merge", "replace", "ignored", note="InvoiceLines in invoice/edit on WeFact")
    # What answers look like
    counters_as_strings: bool = _value(False, "totalresults and its kind as text")
    numbers_as_strings: bool = _value(False, "every real number as text, as in old recordings")
    escaping: str = _one_of("none", "html", note="&amp; and its kind in texts that come back")
    comma_decimals_in: str = _value("", "one field whose amount comes with a comma, such as AmountTax")
    zero_dates: bool = _value(False, "empty dates as 0000-00-00")
    nulls_for_empty: bool = _value(False, "null where the real ones send empty text")
    extra_keys: bool = _value(False, "keys nobody has ever seen, in records and around them")
    warning_with_success: bool = _value(False, "a warning with every success")
    tax_codes_as_list: bool = _value(False, "settings/list gives the codes as a list")
    tax_rate_as_number: bool = _value(False, "settings/list gives Rate as a number")
    is_default_as_digit: bool = _value(False, "settings/list gives IsDefault as 1 and 0")
    pdf: str = _one_of("valid", "html", "bad_base64", "huge", note="what invoice/download hands out")
    nasty_filename: bool = _value(False, "the file name tries to climb out of its folder")
    faults: FaultQueue = field(default_factory=FaultQueue)
    persona: str = "wefact"

    def __setattr__(self, name: str, value: Any) -> None:
        known = FIELDS.get(name)
        if known is not None:
            _check(known, value)
        object.__setattr__(self, name, value)

    def fail(self, action: str, kind: str, after: int = 0, **options: Any) -> Fault:
        """Queues one fault for one call of `controller/action` (`*`: any call), after letting `after` calls pass."""
        return self.faults.add(action, kind, after, **options)

    def set(self, name: str, value: Any) -> None:
        """Sets a switch by name, reading text as the type the switch has; for the control page and the command line."""
        known = FIELDS.get(name)
        if known is None:
            raise UnknownSwitch(f"There is no switch {name!r}.")
        setattr(self, name, _read(known, value))

    def reset(self) -> None:
        """Puts every switch back to this persona's default and empties the queue of faults."""
        for name, value in for_persona(self.persona).as_dict().items():
            setattr(self, name, value)
        self.faults.waiting.clear()

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in FIELDS}


FIELDS: dict[str, Field[Any]] = {known.name: known for known in fields(Switches) if known.metadata}


def _check(known: Field[Any], value: Any) -> None:
    choices = known.metadata.get("choices")
    if choices and value not in choices:
        raise UnknownSwitch(f"{known.name} is one of {', '.join(choices)}, not {value!r}.")
    if type(value) is not type(known.default):
        raise UnknownSwitch(f"{known.name} takes {type(known.default).__name__}, not {value!r}.")


def _read(known: Field[Any], value: Any) -> Any:
    if isinstance(known.default, bool) and isinstance(value, str):
        return value.lower() in ("1", "true", "yes", "on")
    if isinstance(known.default, int) and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            raise UnknownSwitch(f"{known.name} takes a whole number, not {value!r}.") from None
    return value


def for_persona(name: str) -> Switches:
    """The defaults of a persona: HostFact reads no JSON and counts no calls (contract wefact 4 and 17)."""
    switches = Switches(persona=name)
    if name == "hostfact":
        switches.accepts_json, switches.rate_per_minute, switches.rate_per_hour = False, 0, 0
        switches.failed_keys_per_day = 0
    return switches
