"""Products: list, show, add, edit, delete; no ledger field anywhere (contract wefact 9)."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

from sandbox.wefact.call import Answer, Call
from sandbox.wefact.debtors import groups_of
from sandbox.wefact.lists import Table, list_records
from sandbox.wefact.records import Product
from sandbox.wefact.values import Refusal, number, unpadded

PERIODS = ("d", "w", "m", "k", "h", "j", "t")
_KNOWN = frozenset({"ProductCode", "ProductName", "ProductKeyPhrase", "ProductDescription"})
_SORTABLE = frozenset({"ProductCode", "ProductName", "ProductKeyPhrase", "PriceExcl", "PricePeriod", "Modified"})


def _column(product: Product, name: str) -> Any:
    columns = {
        "Identifier": str(product.identifier),
        "ProductCode": product.code,
        "ProductName": product.name,
        "ProductKeyPhrase": product.key_phrase,
        "ProductDescription": product.description,
        "PriceExcl": product.price_excl,
        "PricePeriod": product.period,
        "TaxCode": product.tax_code,
        "Created": product.created,
        "Modified": product.modified,
    }
    return columns.get(name)


def _base(call: Call, product: Product) -> dict[str, Any]:
    base: dict[str, Any] = {
        "Identifier": str(product.identifier),
        "ProductCode": product.code,
        "ProductName": product.name,
        "ProductKeyPhrase": product.key_phrase,
        "PriceExcl": unpadded(product.price_excl),
        "PricePeriod": product.period,
        "TaxPercentage": number(product.tax_percentage),
    }
    if call.wefact:
        base["TaxCode"] = product.tax_code
    else:
        base |= {"ProductType": "other", "ProductTld": "", "PackageID": "0"}
    return base


def _long(product: Product) -> dict[str, str]:
    return {"ProductDescription": product.description, "NumberSuffix": product.suffix}


def _row(call: Call, product: Product) -> dict[str, Any]:
    row = _base(call, product)
    if not call.wefact or call.switches.product_rows_long:
        row |= _long(product)
    return row | {"Modified": product.modified}


def as_object(call: Call, product: Product) -> dict[str, Any]:
    """The full record of `product/show`."""
    shown = _base(call, product) | _long(product)
    if call.wefact:
        shown["Barcode"] = ""
        shown["ProductInventory"] = {
            "IsProductInventoryEnabled": "yes" if product.inventory_enabled else "no",
            "TotalStock": unpadded(product.total_stock),
            "StockWarningThreshold": "0",
            "SupplierIds": [],
            "WarehouseID": "",
        }
    else:
        shown |= {"Cost": "0", "HasCustomPrice": "no", "CustomPrices": [], "Custom": []}
    shown["Groups"] = groups_of(call, product.groups)
    return shown | {"Created": product.created, "Modified": product.modified}


def _in_group(call: Call) -> Any:
    group = call.parameters.whole("group")
    return None if group is None else lambda product: group in product.groups


TABLE = Table(
    rows_key="products",
    sort="ProductCode",
    order="ASC",
    searchat=("ProductCode", "ProductName", "ProductKeyPhrase"),
    searchable=_KNOWN,
    sortable=_SORTABLE,
    ranges=("created", "modified"),
    shelf=lambda call: call.books.products,
    column=_column,
    row=_row,
    keep=_in_group,
    extra_filters=("group",),
)


def list_(call: Call) -> Answer:
    return list_records(call, TABLE)


def find(call: Call) -> Product:
    """The product that the parameters name by Identifier or ProductCode; refuses when there is none."""
    identifier, code = call.parameters.text("Identifier") or "", call.parameters.text("ProductCode") or ""
    product = call.books.products.get(int(identifier)) if identifier.isdigit() else None
    if not identifier and code:
        product = call.books.products.by_code(code)
    if product is None:
        raise Refusal(call.persona.not_found("product", identifier or code))
    return product


def show(call: Call) -> Answer:
    return {"product": as_object(call, find(call))}


def _changed(call: Call, product: Product) -> Product:
    given, product = call.parameters, copy.deepcopy(product)
    texts = {"ProductName": "name", "ProductKeyPhrase": "key_phrase", "ProductDescription": "description", "NumberSuffix": "suffix"}
    for name, attribute in texts.items():
        text = given.text(name)
        if text is not None:
            setattr(product, attribute, text)
    price = given.decimal("PriceExcl")
    product.price_excl = product.price_excl if price is None else price
    if "PricePeriod" in given:
        product.period = given.choice("PricePeriod", PERIODS) or ""
    _change_vat(call, product)
    if not product.name:
        raise Refusal("De productnaam is niet juist ingevuld")
    if not product.key_phrase:
        raise Refusal("De omschrijving voor op de factuur is niet juist ingevuld")
    stock = given.array("ProductInventory")
    if stock and call.wefact:
        product.inventory_enabled = stock.get("IsProductInventoryEnabled") == "yes"
        product.total_stock = Decimal(str(stock.get("TotalStock", product.total_stock)))
    return product


def _change_vat(call: Call, product: Product) -> None:
    code, percentage = call.parameters.text("TaxCode"), call.parameters.decimal("TaxPercentage")
    if call.wefact and code:
        if code not in call.books.tax_codes:
            raise Refusal(f"Ongeldige waarde voor TaxCode: {code}")
        product.tax_code, product.tax_percentage = code, Decimal(call.books.tax_codes[code]["Rate"]) * 100
    elif not call.wefact and percentage is not None:
        product.tax_percentage = percentage


def add(call: Call) -> Answer:
    given = call.parameters
    if given.text("Identifier"):
        raise Refusal("Een Identifier is niet toegestaan voor deze actie")
    if given.decimal("PriceExcl") is None:
        raise Refusal("De prijs is niet juist ingevuld")
    code = (given.text("ProductCode") or "").strip()
    if code and call.books.products.by_code(code) is not None:
        raise Refusal(f"De productcode '{code}' is al in gebruik")
    blank = Product(0, code, "", "", Decimal(0), tax_percentage=Decimal(21), created=call.stamp, modified=call.stamp)
    if call.wefact:
        blank.tax_code = next((code for code, tax in call.books.tax_codes.items() if tax["IsDefault"]), "")
    product = _changed(call, blank)
    product.identifier = call.books.products.take_identifier()
    product.code = code or _next_code(call)
    call.books.products.save(product)
    answer: Answer = {"product": as_object(call, product)}
    return {"success": [f"Product '{product.code}' is aangemaakt"]} | answer if call.wefact else answer


def _next_code(call: Call) -> str:
    while True:
        code = f"P{call.books.take_number('product'):04d}"
        if call.books.products.by_code(code) is None:
            return code


def edit(call: Call) -> Answer:
    """Changes a product; HostFact insists on the Identifier (contract wefact 9.2)."""
    if not call.wefact and not call.parameters.text("Identifier"):
        raise Refusal(call.persona.not_found("product", ""))
    product = _changed(call, find(call))
    product.modified = call.stamp
    call.books.products.save(product)
    return {"success": [f"Product '{product.code}' is bewerkt"], "product": as_object(call, product)}


def delete(call: Call) -> Answer:
    product = find(call)
    call.books.products.remove(product)
    return {"success": [f"Product '{product.code}' is verwijderd"]}
