"""Invoice lines: reading them from a call, what the product fills in, and the totals (contract wefact 10.4 and 11)."""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

from sandbox.wefact.call import Call
from sandbox.wefact.products import PERIODS
from sandbox.wefact.records import Debtor, Invoice, Line, Product
from sandbox.wefact.values import Parameters, Refusal, half_up

HUNDRED = Decimal(100)


def read_lines(call: Call, rows: list[Parameters], debtor: Debtor) -> list[Line]:
    """New lines from the rows that were sent; every row is checked before any gets its Identifier."""
    lines = [read_line(call, row, debtor) for row in rows]
    for line in lines:
        line.identifier = call.books.take_number("line")
    return lines


def read_line(call: Call, given: Parameters, debtor: Debtor) -> Line:
    """One line: the product fills what was left out, explicit values win."""
    product = _product(call, given)
    description = given.text("Description") or (product.key_phrase if product else "")
    if not description:
        raise Refusal("De omschrijving van de factuurregel is niet ingevuld")
    price, amount = given.decimal("PriceExcl"), given.decimal("Number")
    suffix = given.text("NumberSuffix")
    if price is None:
        price = product.price_excl if product else Decimal(0)
    line = Line(
        identifier=0,
        date=given.date("Date") or call.today,
        number=_kept(call, Decimal(1) if amount is None else amount),
        number_suffix=(product.suffix if product else "") if suffix is None else suffix,
        product_code=product.code if product else "",
        description=description,
        price_excl=price,
        discount_percentage=given.decimal("DiscountPercentage") or Decimal(0),
        discount_type=given.choice("DiscountPercentageType", ("line", "subscription")) or "line",
        reference=given.text("Reference") or "",
        product_type=given.text("ProductType") or "",
    )
    _period(call, given, line, product)
    _vat(call, given, line, product)
    _override_vat(call, line, debtor)
    return line


def _kept(call: Call, value: Decimal) -> Decimal:
    step = Decimal(1).scaleb(-call.switches.number_decimals)
    return value if value == value.quantize(step, ROUND_HALF_UP) else value.quantize(step, ROUND_HALF_UP)


def _product(call: Call, given: Parameters) -> Product | None:
    code = given.text("ProductCode")
    if not code:
        return None
    product = call.books.products.by_code(code)
    if product is None and call.switches.unknown_product_code == "error":
        raise Refusal(f"Product {code} niet gevonden")
    return product


def _period(call: Call, given: Parameters, line: Line, product: Product | None) -> None:
    """A product with a period makes the line periodic unless the caller says `once` (contract wefact 10.4)."""
    asked = given.choice("PeriodicType", ("once", "period"))
    by_product = product.period if product else ""
    line.periodic_type = asked or ("period" if by_product else "once")
    line.periods = str(given.whole("Periods") or 1)
    line.periodic = given.choice("Periodic", PERIODS) or by_product
    if line.periodic_type == "period" and not line.periodic:
        raise Refusal("De periode van de factuurregel is niet ingevuld")
    line.start = given.date(call.persona.start_field) or ""
    line.end = given.date(call.persona.end_field) or ""
    if call.wefact and line.end and line.periodic_type != "once":
        raise Refusal("Een EndDate kan alleen bij een eenmalige factuurregel")


def _vat(call: Call, given: Parameters, line: Line, product: Product | None) -> None:
    code, percentage = given.text("TaxCode"), given.decimal("TaxPercentage")
    if not call.wefact:
        by_product = product.tax_percentage if product else Decimal(21)
        line.tax_percentage = by_product if percentage is None else percentage
        return
    rule = call.switches.tax_percentage_on_wefact
    if percentage is not None and rule == "error":
        raise Refusal("Ongeldige waarde voor TaxPercentage")
    if code and code not in call.books.tax_codes:
        if call.switches.unknown_tax_code == "error":
            raise Refusal(f"Ongeldige waarde voor TaxCode: {code}")
        code = None
    default = next((known for known, tax in call.books.tax_codes.items() if tax["IsDefault"]), "")
    line.tax_code = code or (product.tax_code if product else default)
    line.tax_percentage = rate_of(call, line.tax_code)
    if percentage is not None and (rule == "wins" or (rule == "accept" and not code)):
        line.tax_percentage = percentage
        line.tax_code = next((c for c in call.books.tax_codes if rate_of(call, c) == percentage), "")


def rate_of(call: Call, code: str) -> Decimal:
    """The percentage of a sale code; a product without a code is without VAT."""
    return Decimal(call.books.tax_codes[code]["Rate"]) * HUNDRED if code else Decimal(0)


def _override_vat(call: Call, line: Line, debtor: Debtor) -> None:
    """CustomTaxCode of the debtor wins over the line (contract wefact 11)."""
    custom = debtor["CustomTaxCode"]
    if call.wefact and custom and call.switches.custom_tax_overrides:
        line.tax_code, line.tax_percentage = custom, rate_of(call, custom)


def untax(call: Call, invoice: Invoice, debtor: Debtor) -> None:
    """HostFact takes VAT off every line when the invoice or its debtor is not taxable (contract wefact 11)."""
    setting = invoice.taxable_setting
    taxable = debtor["Taxable"] != "no" if setting == "auto" else setting == "yes"
    if not call.wefact and not taxable and call.switches.custom_tax_overrides:
        for line in invoice.lines:
            line.tax_percentage = Decimal(0)


def count(invoice: Invoice, vat_rounding: str) -> None:
    """Counts the lines and the totals; `vat_rounding` is `line`, `rate` or `unrounded` (contract wefact 11)."""
    exact: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    rounded: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    discounted = Decimal(0)
    for line in invoice.lines:
        gross = line.number * line.price_excl
        net = gross * (HUNDRED - line.discount_percentage) / HUNDRED
        if not invoice.ignore_discount:
            net = net * (HUNDRED - invoice.discount) / HUNDRED
        rate = line.tax_percentage / HUNDRED
        _count_line(line, gross, net, rate)
        discounted += half_up(gross) - half_up(net)
        key = format(rate.normalize(), "f")
        by_incl = invoice.vat_calc_method == "incl"
        tax = half_up(net * (1 + rate)) - half_up(net) if by_incl else half_up(half_up(net) * rate)
        for sums, excl, vat in ((exact, net, net * rate), (rounded, half_up(net), tax)):
            sums[key][0] += excl
            sums[key][1] += vat
    _count_totals(invoice, exact if vat_rounding == "unrounded" else rounded, vat_rounding)
    invoice.amount_discount = -discounted


def _count_line(line: Line, gross: Decimal, net: Decimal, rate: Decimal) -> None:
    line.no_discount_excl, line.no_discount_incl = half_up(gross), half_up(gross * (1 + rate))
    line.discount_excl = half_up(net) - half_up(gross)
    line.discount_incl = half_up(net * (1 + rate)) - half_up(gross * (1 + rate))


def _count_totals(invoice: Invoice, sums: dict[str, list[Decimal]], vat_rounding: str) -> None:
    invoice.used_rates = {}
    for key, (excl, tax) in sorted(sums.items()):
        excl = half_up(excl)
        tax = half_up(excl * Decimal(key)) if vat_rounding == "rate" else half_up(tax)
        invoice.used_rates[key] = [excl, tax, excl + tax]
    invoice.amount_excl = sum((excl for excl, _, _ in invoice.used_rates.values()), Decimal(0))
    invoice.amount_tax = sum((tax for _, tax, _ in invoice.used_rates.values()), Decimal(0))
    invoice.amount_incl = invoice.amount_excl + invoice.amount_tax
