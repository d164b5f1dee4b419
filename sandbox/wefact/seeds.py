"""What stands in the books at the start. Every name, address and number is invented."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sandbox.wefact.books import Books
from sandbox.wefact.persona import Persona
from sandbox.wefact.records import CostCategory, Debtor, Group, Product

TAX_CODES: dict[str, dict[str, Any]] = {
    "V21": {"Name": "21% btw", "Rate": "0.21", "IsDefault": True},
    "V9": {"Name": "9% btw", "Rate": "0.09", "IsDefault": False},
    "V0": {"Name": "Nultarief", "Rate": "0", "IsDefault": False},
    "VVERL": {"Name": "btw verlegd", "Rate": "0", "IsDefault": False},
}
# Code, name, text on the invoice, price, VAT code, period, unit, group.
PRODUCTS = (
    ("P0100", "Uren", "Werkzaamheden", "95", "V21", "", " uur", 3),
    ("P0101", "Ontwerp", "Ontwerp", "105", "V21", "", " uur", 3),
    ("P0102", "Ontwikkeling", "Ontwikkeling", "110", "V21", "", " uur", 3),
    ("P0110", "Workshop", "Workshop (dagdeel)", "475", "V21", "", "", 3),
    ("P0200", "Reiskosten", "Reiskosten", "0.35", "V21", "", " km", 4),
    ("P0300", "Drukwerk", "Drukwerk", "0", "V21", "", "", 4),
    ("P0310", "Boeken en publicaties", "Boeken en publicaties", "24.95", "V9", "", "", 4),
    ("P0320", "Doorbelaste kosten", "Doorbelaste kosten", "0", "V21", "", "", 4),
    ("P0400", "Leges zonder btw", "Leges", "0", "", "", "", 4),
    ("P0900", "Hosting per maand", "Hosting", "19.5", "V21", "m", "", 5),
    ("P0910", "Onderhoud per jaar", "Onderhoudsabonnement", "480", "V21", "j", "", 5),
)
GROUPS = (
    (1, "debtor", "Vaste klanten"),
    (2, "debtor", "Overheid"),
    (3, "product", "Diensten"),
    (4, "product", "Kosten"),
    (5, "product", "Abonnementen"),
)
DEBTORS: tuple[tuple[str, dict[str, str], list[int]], ...] = (
    (
        "DB10007",
        {
            "CompanyName": "De Vries Interieur",
            "Initials": "Sanne",
            "SurName": "de Vries",
            "Sex": "f",
            "Address": "Havenkade 14",
            "ZipCode": "1998 AB",
            "City": "Zanddorp",
            "EmailAddress": "administratie@devries-interieur.example",
            "CompanyNumber": "69001007",
            "TaxNumber": "NL100007004B01",
        },
        [1],
    ),
    (
        "DB10012",
        {
            "CompanyName": "Jansen Bouw B.V.",
            "Initials": "Piet",
            "SurName": "Jansen",
            "Address": "Steenweg 3",
            "ZipCode": "3997 CD",
            "City": "Voorbeeldstad",
            "EmailAddress": "facturen@jansenbouw.example",
            "InvoiceTerm": "14",
            "CompanyNumber": "69001012",
            "TaxNumber": "NL100012000B01",
        },
        [1],
    ),
    (
        "DB10018",
        {
            "CompanyName": "Molenaar Logistiek B.V.",
            "Address": "Loodsplein 80",
            "ZipCode": "3088 EF",
            "City": "Kadeveen",
            "EmailAddress": "crediteuren@molenaar-logistiek.example",
            "InvoiceEmailAddress": "invoices@molenaar-logistiek.example",
        },
        [1],
    ),
    (
        "DB10021",
        {
            "CompanyName": "Bakkerij Van Loon",
            "Initials": "Ria",
            "SurName": "van Loon",
            "Sex": "f",
            "Address": "Dorpsstraat 1",
            "ZipCode": "5999 GH",
            "City": "Roggebeek",
            "EmailAddress": "ria@bakkerijvanloon.example",
        },
        [],
    ),
    (
        "DB10027",
        {
            "CompanyName": "Stadsbrouwerij De Gans",
            "Address": "Gracht 22",
            "ZipCode": "3599 JK",
            "City": "Voorbeeldstad",
            "EmailAddress": "boekhouding@degans.example",
        },
        [1],
    ),
    (
        "DB10029",
        {
            "CompanyName": "Tandartspraktijk Van den Berg",
            "Address": "Parklaan 9",
            "ZipCode": "1299 LM",
            "City": "Berghuizen",
            "EmailAddress": "praktijk@tandartsvandenberg.example",
        },
        [],
    ),
    (
        "DB10031",
        {
            "CompanyName": "Gemeente Houten",
            "Address": "Postbus 999",
            "ZipCode": "3990 ZZ",
            "City": "Houten",
            "EmailAddress": "facturen@gemeente-houten.example",
            "InvoiceTerm": "60",
            "InvoiceMethod": "5",
            "PeppolAddress": "0190:00000000000000001031",
        },
        [2],
    ),
    (
        "DB10033",
        {
            "CompanyName": "Vlaamse Waterweg Advies",
            "Address": "Scheldelaan 400",
            "ZipCode": "2099",
            "City": "Antwerpen",
            "Country": "BE",
            "TaxNumber": "BE0123456749",
            "EmailAddress": "facturatie@waterwegadvies.example",
        },
        [2],
    ),
    (
        "DB10035",
        {
            "CompanyName": "Peeters & Zonen",
            "Initials": "Jef",
            "SurName": "Peeters",
            "Address": "Marktplein 5",
            "ZipCode": "9099",
            "City": "Gent",
            "Country": "BE",
            "TaxNumber": "BE0999999922",
            "EmailAddress": "jef@peeters-zonen.example",
        },
        [],
    ),
    (
        "DB10040",
        {
            "CompanyName": "Kunsthuis Amersfoort",
            "Address": "Museumhof 2",
            "ZipCode": "3899 PQ",
            "City": "Amersfoort",
            "EmailAddress": "kantoor@kunsthuis.example",
        },
        [],
    ),
    (
        "DB10041",
        {
            "Initials": "Noor",
            "SurName": "van Dalen",
            "Sex": "f",
            "Address": "Lindepad 31",
            "ZipCode": "7399 RS",
            "City": "Beukenrode",
            "EmailAddress": "noor@vandalen.example",
        },
        [],
    ),
    (
        "DB10044",
        {
            "CompanyName": "Rederij Zilvermeeuw",
            "Address": "Pier 7",
            "ZipCode": "8899 TU",
            "City": "Waddenhaven",
            "CustomTaxCode": "VVERL",
        },
        [1],
    ),
)
_PEPPOL_OF_HOSTFACT = {"PeppolAddress": "PeppolPartyID"}


class UnknownSeed(ValueError):
    """Somebody asked for a seed that does not exist."""


def plant(books: Books, persona: Persona, seed: str) -> None:
    """Fills empty books: `empty` has VAT codes only, `demo` the customers and products of a small studio."""
    if seed not in ("demo", "empty"):
        raise UnknownSeed(f"There is no seed {seed!r}; choose demo or empty.")
    books.tax_codes = {code: dict(tax) for code, tax in TAX_CODES.items()}
    if seed == "empty":
        return
    for identifier, kind, name in GROUPS:
        books.groups.save(Group(identifier, f"group-{identifier}", kind, name))
    _plant_products(books, persona)
    _plant_debtors(books, persona)
    books.cost_categories.save(CostCategory(1, "4000", "Kantoorkosten"))
    books.numbers |= {"debtor": 45, "product": 911, "invoice": 41}


def _plant_products(books: Books, persona: Persona) -> None:
    for code, name, phrase, price, tax_code, period, suffix, group in PRODUCTS:
        percentage = Decimal(TAX_CODES[tax_code]["Rate"]) * 100 if tax_code else Decimal(0)
        product = Product(books.products.take_identifier(), code, name, phrase, Decimal(price))
        product.tax_code = tax_code if persona.is_wefact else ""
        product.tax_percentage, product.period, product.suffix, product.groups = percentage, period, suffix, [group]
        product.created = product.modified = "2026-01-05 09:00:00"
        if code == "P0310":
            product.inventory_enabled, product.total_stock = True, Decimal(40)
        books.products.save(product)


def _plant_debtors(books: Books, persona: Persona) -> None:
    for position, (code, fields, groups) in enumerate(DEBTORS):
        known = dict(fields)
        if not persona.is_wefact:
            known.pop("CustomTaxCode", None)
            known = {_PEPPOL_OF_HOSTFACT.get(name, name): value for name, value in known.items()}
        stamp = f"2026-0{1 + position // 4}-1{position % 4} 10:{10 + position}:00"
        identifier = books.debtors.take_identifier()
        books.debtors.save(Debtor(identifier, code, known, list(groups), created=stamp, modified=stamp))


def seed_many(books: Books, count: int, first: int = 200_000) -> None:
    """Adds so many debtors `DB200000` and up, spread over the years before, for tests of scale."""
    begin = datetime(2020, 1, 1, 8, 0, 0)
    shelf = books.debtors
    for position in range(count):
        number = first + position
        stamp = (begin + timedelta(minutes=29 * position)).strftime("%Y-%m-%d %H:%M:%S")
        fields = {
            "CompanyName": f"Relatie {number} B.V.",
            "Initials": "Alex",
            "SurName": f"Tester{position % 997}",
            "EmailAddress": f"relatie{number}@massa.example",
            "City": "Voorbeeldstad",
        }
        shelf.save(Debtor(shelf.take_identifier(), f"DB{number}", fields, created=stamp, modified=stamp))
