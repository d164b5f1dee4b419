"""What the pages of the connections show, read in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import func, select

from blueprints import formats
from connectors.records import CheckStep
from connectors.wefact.check import STEPS
from connectors.wefact.persona import PERSONAS
from models import (
    AT_REST,
    AccountingItem,
    Connection,
    ExternalLink,
    ImportRun,
    ItemLink,
    TaxCode,
    Transfer,
    VatMapping,
    VatRegime,
    db,
)
from settings import Settings
from transfers import connections, items

DEFAULT_SETTLE_SECONDS, DEFAULT_CALL_SECONDS = 600, 60
SIGILS = {"wefact": "We", "hostfact": "Ho", "afas": "AF"}
PACKAGES = {
    "wefact": _l(
        "Dutch invoicing on the web: customers, products and invoices. Uurwerk makes the invoices there; it mails them and follows them up."
    ),
    "hostfact": _l(
        "Invoicing for hosting companies, on a server of their own. Uurwerk makes the invoices there, with its customers and products."
    ),
    "afas": _l("Bookkeeping and projects of AFAS Software. Uurwerk will make invoices and sales bookings there."),
}
STEP_TITLES = {
    "address": (_l("Address reached"), _l("Address not reached")),
    "certificate": (_l("Certificate valid"), _l("No trusted encryption")),
    "address_allowed": (_l("Our address is allowed"), _l("Our address is refused")),
    "key": (_l("Key accepted"), _l("Key refused")),
    "api_on": (_l("API switched on"), _l("The API does not answer")),
    "read": (_l("Record read"), _l("No record could be read")),
}
PERIODS = {
    "d": _l("every day"),
    "w": _l("every week"),
    "m": _l("every month"),
    "k": _l("every quarter"),
    "h": _l("every half year"),
    "j": _l("every year"),
    "t": _l("every two years"),
}
PLACES = {
    "wefact": _l("Settings, API"),
    "hostfact": _l("Settings, HostFact preferences, API"),
}


# --- Integrations -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tile:
    """A package on the Integrations page."""

    vendor: str
    name: str
    sigil: str
    text: str
    state: str
    more: str
    sandbox: bool = False


def tiles(settings: Settings) -> list[Tile]:
    """The packages with their states, in two queries."""
    linked = dict(
        db.session.execute(
            select(ExternalLink.connection_id, func.count())
            .where(ExternalLink.local_type == "customer")
            .group_by(ExternalLink.connection_id)
        ).all()
    )
    found = []
    for row in db.session.scalars(select(Connection).order_by(Connection.id)):
        name = "AFAS Profit" if row.vendor == "afas" else formats.VENDORS[row.vendor]
        sandbox = row.vendor in PERSONAS and row.state != "off" and connections.is_sandbox(settings, row)
        found.append(
            Tile(row.vendor, name, SIGILS[row.vendor], str(PACKAGES[row.vendor]), row.state, _more(row, linked.get(row.id, 0)), sandbox)
        )
    return found


def _more(row: Connection, linked: int) -> str:
    if row.vendor == "afas":
        return _("Arrives in a later version of Uurwerk.")
    if row.state == "off":
        return _("Not activated")
    if row.state == "incomplete":
        return _("The key is still missing")
    if row.state == "failing":
        return _("Not working since %(moment)s", moment=formats.moment(row.problem_at))
    checked = _("Checked %(moment)s", moment=formats.moment(row.checked_at))
    return _("%(checked)s, %(customers)s", checked=checked, customers=_linked(linked)) if linked else checked


def _linked(count: int) -> str:
    return ngettext("%(num)s customer linked", "%(num)s customers linked", count)


# --- The connection doctor --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DoctorStep:
    """One line of the connection doctor. `colour` is ok, bad, warn or empty."""

    icon: str
    colour: str
    title: str
    text: str
    tested: bool


def doctor(steps: Sequence[CheckStep], host: str) -> list[DoctorStep]:
    """The steps of a test as a person reads them; without a test, what will be tested."""
    by_key = {step.key: step for step in steps}
    return [_doctor_step(by_key.get(key) or CheckStep(key, "skipped"), host) for key in STEPS]


def _doctor_step(step: CheckStep, host: str) -> DoctorStep:
    good, bad = (str(title) for title in STEP_TITLES[step.key])
    if step.state == "failed":
        return DoctorStep("bad", "bad", bad, failed_sentence(step), True)
    if step.state != "ok":
        return DoctorStep("open", "", good, _("Not tested yet"), False)
    if step.reason == "plain_http":
        return DoctorStep(
            "warn", "warn", _("Not encrypted"), _("This address is spoken to over plain http, as this installation allows."), True
        )
    if step.key == "read" and step.params.get("search") == "failed":
        text = _("Searching invoices by customer number finds nothing there: after a lost answer a person will have to look.")
        return DoctorStep("warn", "warn", good, text, True)
    return DoctorStep("ok", "ok", good, _proof(step, host), True)


def _proof(step: CheckStep, host: str) -> str:
    if step.key == "address":
        return host
    if step.key == "api_on" and step.params.get("url"):
        return _("Found at %(url)s, and saved as the URL.", url=step.params["url"])
    if step.key == "read" and "tax_codes" in step.params:
        return ngettext("%(num)s VAT code", "%(num)s VAT codes", int(str(step.params["tax_codes"])))
    if step.key == "read" and "customers" in step.params:
        return ngettext("%(num)s customer there", "%(num)s customers there", int(str(step.params["customers"])))
    return ""


def failed_sentence(step: CheckStep) -> str:
    """What failed and what to do; the package's own words only where they surely are the package's."""
    sentence = formats.reason(step.reason, step.params, step.detail)
    if step.reason == "access_refused" and step.detail and "http_status" not in step.params:
        return _("%(sentence)s It said: “%(detail)s”.", sentence=sentence, detail=step.detail)
    return sentence


def failure(steps: Iterable[CheckStep]) -> CheckStep | None:
    return next((step for step in steps if step.state == "failed"), None)


def stored_steps(connection: Connection) -> tuple[CheckStep, ...]:
    """The steps of the last test that was kept."""
    return tuple(CheckStep(**step) for step in connection.check_steps or [] if step.get("key") in STEPS)


def details(vendor: str, lines: Sequence[DoctorStep], moment: str) -> str:
    """The doctor's findings as text to copy; there is no secret in it."""
    head = _("%(package)s, test of %(moment)s", package=formats.VENDORS[vendor], moment=moment)
    marks = {"ok": "+", "bad": "x", "warn": "!"}
    return "\n".join([head, *(f"{marks.get(line.colour, '-')} {line.title}{': ' + line.text if line.text else ''}" for line in lines)])


# --- The page WeFact --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One of the two connections, as the first panel shows it."""

    vendor: str
    name: str
    state: str
    key_saved: str
    place: str


@dataclass(slots=True)
class PackagePage:
    """Everything the page shows beside what is typed in its forms."""

    connection: Connection
    rows: list[Row]
    name: str
    url: str
    host: str
    sandbox: bool
    outgoing: str
    refused_address: str
    problem: str
    impatient: str
    items: list[AccountingItem]
    tax_codes: list[TaxCode]
    regimes: list[tuple[VatRegime, VatMapping | None]]
    last_import: ImportRun | None
    linked_customers: int
    linked_items: int
    waiting_transfers: int
    checked_at: datetime | None
    steps: tuple[CheckStep, ...]
    tested_now: bool = False
    test_note: str = ""
    note: tuple[str, str] | None = None
    kept: Mapping[str, str] = field(default_factory=dict)
    """Products that are chosen but not in the list any more: code → label."""
    kept_ids: Mapping[int, str] = field(default_factory=dict)

    @property
    def vendor(self) -> str:
        return self.connection.vendor

    @property
    def doctor(self) -> list[DoctorStep]:
        return doctor(self.steps, self.host)

    @property
    def copy_text(self) -> str:
        return details(self.vendor, self.doctor, formats.moment(formats.now() if self.tested_now else self.checked_at))


def package(settings: Settings, vendor: str) -> PackagePage:
    """The page of WeFact or HostFact, in six queries."""
    both = {row.vendor: row for row in db.session.scalars(select(Connection).where(Connection.vendor.in_(PERSONAS)))}
    connection = both[vendor]
    steps = stored_steps(connection)
    linked, item_links, waiting = _counts(connection.id)
    url = connections.address(settings, connection)
    found = _items(connection)
    return PackagePage(
        connection=connection,
        rows=[_row(both[name]) for name in PERSONAS],
        name=formats.VENDORS[vendor],
        url=both["hostfact"].url,
        host=urlsplit(url).netloc,
        sandbox=connections.is_sandbox(settings, connection),
        outgoing=", ".join(settings.outgoing_ips),
        refused_address=_refused_address(connection, steps),
        problem=formats.reason(connection.problem, connection.problem_params) if connection.problem else "",
        impatient=_impatient(settings),
        items=[item for item in found if item.active],
        tax_codes=_tax_codes(connection),
        regimes=_regimes(connection.id),
        last_import=db.session.scalars(
            select(ImportRun)
            .where(ImportRun.connection_id == connection.id, ImportRun.state == "done")
            .order_by(ImportRun.id.desc())
            .limit(1)
        ).first(),
        linked_customers=linked,
        linked_items=item_links,
        waiting_transfers=waiting,
        checked_at=connection.checked_at,
        steps=steps,
        kept={item.code: item_label(item) for item in found if not item.active},
        kept_ids={item.id: item.code for item in found if not item.active},
    )


def _row(connection: Connection) -> Row:
    saved = ""
    if connection.secret_sealed:
        saved = _("Saved, ends in %(hint)s", hint=connection.secret_hint) if connection.secret_hint else _("Saved")
    return Row(connection.vendor, formats.VENDORS[connection.vendor], connection.state, saved, str(PLACES[connection.vendor]))


def _refused_address(connection: Connection, steps: Iterable[CheckStep]) -> str:
    """The address of ours that the package named when it refused us, the last time we know of."""
    return str((connection.problem_params or {}).get("address") or "") or refused_address(steps)


def refused_address(steps: Iterable[CheckStep]) -> str:
    """The address that a test's refusal named."""
    return next((str(step.params["address"]) for step in steps if step.key == "address_allowed" and step.params.get("address")), "")


def _impatient(settings: Settings) -> str:
    """A warning when this installation waits for less than is safe."""
    low = []
    if settings.settle_seconds_wefact < DEFAULT_SETTLE_SECONDS:
        low.append(f"UURWERK_SETTLE_SECONDS_WEFACT={settings.settle_seconds_wefact} ({DEFAULT_SETTLE_SECONDS})")
    if settings.call_seconds_wefact < DEFAULT_CALL_SECONDS:
        low.append(f"UURWERK_CALL_SECONDS_WEFACT={settings.call_seconds_wefact} ({DEFAULT_CALL_SECONDS})")
    if not low:
        return ""
    return _(
        "This installation waits less long for answers than is advised: %(values)s. That suits a trial; with a real package a late invoice "
        "could be overlooked. Set them back to the values in brackets.",
        values=", ".join(low),
    )


def _items(connection: Connection) -> list[AccountingItem]:
    chosen = [one for one in (connection.default_item_id, connection.trip_item_id) if one]
    wanted = AccountingItem.active | AccountingItem.id.in_(chosen)
    return list(
        db.session.scalars(
            select(AccountingItem).where(AccountingItem.connection_id == connection.id, wanted).order_by(AccountingItem.code)
        )
    )


def _tax_codes(connection: Connection) -> list[TaxCode]:
    statement = select(TaxCode).where(TaxCode.connection_id == connection.id).order_by(TaxCode.percentage_bp.desc(), TaxCode.code)
    return list(db.session.scalars(statement))


def _regimes(connection_id: int) -> list[tuple[VatRegime, VatMapping | None]]:
    of_this = (VatMapping.vat_regime_id == VatRegime.id) & (VatMapping.connection_id == connection_id)
    statement = (
        select(VatRegime, VatMapping).outerjoin(VatMapping, of_this).where(VatRegime.active).order_by(VatRegime.position, VatRegime.id)
    )
    return [(row.VatRegime, row.VatMapping) for row in db.session.execute(statement)]


def _counts(connection_id: int) -> tuple[int, int, int]:
    customers = select(func.count()).where(ExternalLink.connection_id == connection_id, ExternalLink.local_type == "customer")
    links = select(func.count()).where(ItemLink.connection_id == connection_id)
    waiting = select(func.count()).where(Transfer.connection_id == connection_id, Transfer.state.not_in(AT_REST))
    row: Any = db.session.execute(
        select(
            customers.scalar_subquery().label("customers"),
            links.scalar_subquery().label("links"),
            waiting.scalar_subquery().label("waiting"),
        )
    ).one()
    return row.customers, row.links, row.waiting


def item_label(item: AccountingItem) -> str:
    """A product as a list shows it: code, name and VAT."""
    label = f"{item.code} {item.name}".strip()
    if item.vat_percentage_bp is not None:
        label = f"{label}, {formats.percentage(item.vat_percentage_bp)}"
    if item.period:
        period = PERIODS.get(item.period)
        label = _("%(product)s (sold %(period)s, cannot be linked)", product=label, period=period or item.period)
    return label


def proposals(page: PackagePage) -> dict[int, str]:
    """Per regime without a VAT code of its own: the one code with its percentage, where there is just one."""
    return {regime.id: items.proposed_code(regime, page.tax_codes) for regime, mapping in page.regimes if mapping is None}
