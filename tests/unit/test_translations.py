"""The Dutch catalogue is whole: every text of the sources, the same placeholders, the compiled file of today, and no English on the pages."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.frontend import parse_keywords, parse_mapping_cfg
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import force_locale

import builders
import checks
from blueprints import formats
from blueprints.settings import wording
from models import Base
from page import Browser, Element

ROOT = Path(__file__).resolve().parents[2]
DUTCH = ROOT / "translations" / "nl" / "LC_MESSAGES"
PLACEHOLDER = re.compile(r"%(?:\((\w+)\))?[#0 +-]*\d*(?:\.\d+)?([a-zA-Z%])")


def _read() -> Catalog:
    with (DUTCH / "messages.po").open("rb") as file:
        return read_po(file, locale="nl")


@pytest.fixture(scope="module")
def dutch() -> Catalog:
    return _read()


@pytest.fixture(scope="module")
def sources() -> Catalog:
    """What `pybabel extract` with babel.cfg finds in the sources."""
    with (ROOT / "babel.cfg").open() as file:
        methods, options = parse_mapping_cfg(file)
    keywords = DEFAULT_KEYWORDS | parse_keywords(["_l", "lazy_gettext"])
    found = Catalog()
    for _name, _line, text, _comments, context in extract_from_dir(ROOT, methods, options, keywords):
        found.add(text, context=context)
    return found


def _texts(catalog: Catalog) -> Iterator[Message]:
    return (message for message in catalog if message.id)


def _forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def test_every_text_of_the_sources_is_in_dutch(sources: Catalog, dutch: Catalog) -> None:
    assert len(sources) > 1000
    missing = []
    for message in _texts(sources):
        there = dutch.get(message.id if isinstance(message.id, str) else message.id[0], message.context)
        forms = _forms(there.string) if there else ()
        if not there or there.fuzzy or not all(forms) or len(forms) != len(_forms(message.id)):
            missing.append(message.id)
    assert missing == []


def test_nothing_is_translated_that_is_not_said_any_more(sources: Catalog, dutch: Catalog) -> None:
    said = {(message.context, _forms(message.id)) for message in _texts(sources)}
    assert [message.id for message in _texts(dutch) if (message.context, _forms(message.id)) not in said] == []
    assert not dutch.obsolete


def test_translations_keep_every_placeholder(dutch: Catalog) -> None:
    assert dutch.num_plurals == 2
    wrong = []
    for message in _texts(dutch):
        english, forms = _forms(message.id), _forms(message.string)
        for before, after in zip(english, forms, strict=True):
            if sorted(PLACEHOLDER.findall(before)) != sorted(PLACEHOLDER.findall(after)):
                wrong.append((before, after))
    assert wrong == []


def test_the_compiled_catalogue_is_the_one_of_the_texts(dutch: Catalog) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, dutch)
    compiled.seek(0)
    with (DUTCH / "messages.mo").open("rb") as file:
        stored = {(message.context, _forms(message.id)): _forms(message.string) for message in _texts(read_mo(file))}
    fresh = {(message.context, _forms(message.id)): _forms(message.string) for message in _texts(read_mo(compiled))}
    assert stored == fresh, "run: pybabel compile -d translations"


def test_every_sentence_of_a_failed_check_is_said_on_the_pages_in_the_same_words_and_in_dutch(app: Flask) -> None:
    values = {"text": "x", "length": 9, "most": 3, "places": 2, "country": "NL", "signs": "|"}
    with app.test_request_context():
        for code, sentence in checks.SENTENCES.items():
            with force_locale("en"):
                assert formats.form_error(code, values) == sentence % values
            with force_locale("nl"):
                assert formats.form_error(code, values) != sentence % values


# --- The pages ------------------------------------------------------------------------------------------------------------------

PAGES = {
    "/": [
        "Dashboard",
        "Deze week",
        "Uren te factureren",
        "Uren registreren",
        "Aandacht nodig",
        "Vandaag",
        "Factureerbare uren",
        "Inrichting",
    ],
    "/register/week": ["Registreren", "Uitgaven", "Ritten", "Rij toevoegen", "Vorige week", "Volgende week"],
    "/register/day": ["Vorige dag", "Volgende dag", "Toevoegen", "Duur", "Notitie"],
    "/register/expenses": ["Uitgaven", "Nieuwe uitgave"],
    "/register/trips": ["Ritten", "Nieuwe rit"],
    "/reports/hours": [
        "Overzichten",
        "Uren",
        "Uitgaven",
        "Ritten",
        "Te factureren",
        "Acties",
        "Goedkeuren",
        "Heropenen",
        "Medewerker",
        "Goedgekeurd",
    ],
    "/reports/expenses": ["Categorie"],
    "/reports/trips": ["Van en naar"],
    "/finance/unbilled": ["Financieel", "Te factureren", "Facturen", "Overdrachten"],
    "/finance/invoices": ["Facturen", "Geen facturen hier"],
    "/finance/transfers": ["Overdrachten", "Geen overdrachten hier"],
    "/manage/customers": [
        "Beheer",
        "Klanten",
        "Projecten",
        "Activiteiten",
        "Uitgavencategorieën",
        "Voertuigen",
        "Btw-tarieven",
        "Nieuwe klant",
    ],
    "/manage/customers/new": ["Klantnummer", "Btw-nummer", "KvK-nummer", "Betalingstermijn in dagen", "Opslaan"],
    "/manage/projects": ["Nieuw project", "Factureerwijze"],
    "/manage/activities": ["Nieuwe activiteit"],
    "/manage/expense-categories": ["Nieuwe uitgavencategorie"],
    "/manage/vehicles": ["Nieuw voertuig"],
    "/manage/vat": ["Btw-tarieven"],
    "/settings/integrations": ["Instellingen", "Koppelingen", "Boekhouding", "Activeren"],
    "/settings/wefact": ["Abonnement", "API-sleutel", "Testen en opslaan"],
    "/settings/afas": ["Nog niet"],
    "/settings/import": ["Importeren"],
    "/nowhere": ["Hier is niets", "Naar het dashboard"],
}
"""A page and words that must stand on it."""

# fmt: off
LEAKS = {
    "Register", "Reports", "Hours", "Finance", "Unbilled", "Transfers", "Manage", "Customers", "Activities", "Expense categories",
    "Vehicles", "Settings", "Integrations", "Customer", "Customer number", "Activity", "Expense", "Trip", "User", "Invoices", "Actions",
    "Approve", "Reopen", "Save", "Cancel", "Search", "Close", "Approved", "Submitted", "Needs attention", "Test and save", "Preview",
    "Create invoices", "Leave as draft", "Sign out", "Skip to content", "Today", "This week", "Date", "Note", "Show", "Clear",
}
# fmt: on
"""English labels that must stand on none of them; besides, no text of the catalogue may that is another in Dutch."""


def _words(page: Element) -> Iterator[str]:
    """Every text and spoken name of a page, each on its own."""
    for element in [page, *page.all()]:
        if element.tag not in ("script", "style", "path"):
            yield from (" ".join(child.split()) for child in element.children if isinstance(child, str) and child.strip())
        yield from (" ".join(element[name].split()) for name in ("aria-label", "placeholder", "title", "alt") if element[name])


def _something_of_everything() -> None:
    design = builders.activity("Ontwerp")
    work = builders.project(builders.customer("DB1", name="Jansen Bouw"), name="Verbouwing")
    ans = builders.user("user", name="Ans Smit")
    builders.entry(work, ans, design, status="approved")
    builders.entry(work, ans, design, status="submitted", billable=False)
    builders.expense(work, ans, builders.category("Parkeren"))
    builders.trip(work, ans)


@pytest.fixture
def reader(app: Flask) -> Browser:
    """An administrator who reads Dutch."""
    _something_of_everything()
    builders.user("administrator", email="bas@bureau.example", password=builders.PASSWORD, name="Bas de Wit", language="nl")
    browser = Browser(app)
    browser.open("/login", Accept_Language="nl")
    assert browser.page.first("html")["lang"] == "nl"
    browser.submit("Inloggen", E_mail="bas@bureau.example", Wachtwoord=builders.PASSWORD)
    return browser


def test_a_dutch_reader_meets_no_english(reader: Browser, dutch: Catalog) -> None:
    said = {form for message in _texts(dutch) for form in _forms(message.string)}
    english = {form for message in _texts(dutch) for form in _forms(message.id)} - said - {"English"}  # the switch to the other language
    assert english >= LEAKS
    problems = {}
    for path, expected in PAGES.items():
        words = set(_words(reader.open(path)))
        assert reader.page.first("html")["lang"] == "nl"
        missing, leaked = set(expected) - words, words & english
        if missing or leaked:
            problems[path] = f"missing {sorted(missing)}, in English {sorted(leaked)}"
    assert problems == {}


def test_the_audit_log_has_words_for_every_column_that_can_change() -> None:
    tables = ("customer", "project", "activity", "expense_category", "vehicle", "vat_regime", "organisation", "user")
    kept_out = {"id", "number_key", "flags", "version", "created_at", "updated_at", "installation_id", "marker_prefix", "setup_token_hash"}
    kept_out |= {"is_demo", "password_hash", "position", "invoice_text"}
    columns = {column.name for table in tables for column in Base.metadata.tables[table].c} - kept_out
    plain = {re.sub("_(e4|bp|cents|km10|id)$", "", name) for name in columns}
    assert sorted(plain - wording.FIELDS.keys()) == []
