"""What a row of a package's customer list means here: its values, and whether it is new, changed, known or a question.

Nothing here writes. The same judgement is made twice: for the preview, and again when the row is applied.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists, or_, select
from sqlalchemy.engine import Row

import checks
from connectors.records import CustomerRecord
from models import Customer, ExternalLink, canonical_json, db

Values = dict[str, Any]

LIMITS: Mapping[str, int] = {
    "name": 300,
    "contact_first_name": 100,
    "contact_last_name": 100,
    "email": 255,
    "phone": 40,
    "address": 200,
    "postal_code": 20,
    "city": 100,
    "vat_number": 30,
    "coc_number": 20,
    "invoice_email": 500,
}
"""How many characters of each text the customer table holds; what is longer is cut and flagged."""

NUMBER_LIMIT, NUMBER_KEY_LIMIT = 50, 60
LONGEST_TERM_DAYS = 3650
_UNWANTED = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Told:
    """A row of the list: what it told (absent: not told), cleaned but not cut, and a hash of exactly that."""

    remote_id: str
    values: Values
    digest: str

    @property
    def number(self) -> str:
        return str(self.values.get("number", ""))

    @property
    def number_key(self) -> str:
        return checks.number_key(self.number)


def told(record: CustomerRecord) -> Told:
    """The row as plain values in our names. `None` in the record leaves a name out; NUL and other unprintables are gone."""
    values: Values = {"number": _clean(record.number), "name": _clean(record.name)}
    for name in LIMITS.keys() - {"name"} | {"country"}:
        value = getattr(record, name)
        if value is not None:
            values[name] = _clean(value)
    if record.payment_term_days is not None:
        values["payment_term_days"] = record.payment_term_days
    return from_values(record.remote_id, values)


def from_values(remote_id: str, values: Values) -> Told:
    """A row that was staged, as it was told."""
    return Told(remote_id, values, hashlib.sha256(canonical_json(values).encode()).hexdigest())


def _clean(text: str) -> str:
    if _UNWANTED.search(text):
        text = checks.plain_text(text, len(text))
    return " ".join(text.split())


# --- Values that the customer table can hold ------------------------------------------------------------------------------------


def kept(values: Values) -> tuple[Values, set[str]]:
    """The columns to fill, cut where they must be, and the fields to flag because they were cut or do not check.

    An import keeps what the other side says; only a country or a payment term that no column can hold is left out.
    """
    columns: Values = {}
    flags: set[str] = set()
    country = _country(values.get("country", ""))
    if country:
        columns["country"] = country
    elif values.get("country"):
        flags.add("country")
    for name, limit in LIMITS.items():
        if name in values:
            text = str(values[name])
            columns[name] = text[:limit].rstrip()
            if len(text) > limit or not _is_sound(name, text, country or "NL"):
                flags.add(name)
    if "payment_term_days" in values:
        term = values["payment_term_days"]
        if 0 <= term <= LONGEST_TERM_DAYS:
            columns["payment_term_days"] = term
        else:
            flags.add("payment_term_days")
    return columns, flags


def is_odd(number: str) -> bool:
    """Whether a number is one that no customer can be given: too long, or with signs that the packages choke on."""
    try:
        checks.customer_number(number, NUMBER_LIMIT)
    except checks.CheckFailed as error:
        return error.code != "empty"
    return len(checks.number_key(number)) > NUMBER_KEY_LIMIT


def _country(text: str) -> str:
    try:
        return checks.country(text)
    except checks.CheckFailed:
        return ""


def _is_sound(name: str, text: str, country: str) -> bool:
    if not text:
        return True
    try:
        if name == "email":
            checks.email(text)
        elif name == "invoice_email":
            checks.emails(text)
        elif name == "vat_number":
            checks.vat_number(text, country)
        elif name == "coc_number":
            checks.coc_number(text, country)
        elif name == "postal_code":
            checks.postal_code(text, country)
    except checks.CheckFailed:
        return False
    return True


# --- What stands here -----------------------------------------------------------------------------------------------------------

_COLUMNS = (
    Customer.id,
    Customer.number,
    Customer.number_key,
    Customer.country,
    Customer.payment_term_days,
    Customer.flags,
    *(getattr(Customer, name) for name in LIMITS),
)


@dataclass(frozen=True, slots=True)
class Link:
    id: int
    customer_id: int | None
    """None when the customer it led to is gone."""
    seen_hash: str
    is_missing: bool


@dataclass(slots=True)
class Here:
    """Our side of a number of rows: the links they have, the customers they can mean, in a handful of queries."""

    links: dict[str, Link]
    by_id: dict[int, Row[Any]] = field(default_factory=dict)
    by_number: dict[str, Row[Any]] = field(default_factory=dict)
    linked: dict[int, int] = field(default_factory=dict)
    """Customer to the link it has on this connection."""
    unlinked: list[Row[Any]] = field(default_factory=list)
    """Customers that a row can look like: without a link, and without a number unless a row has none itself."""
    _alike: dict[tuple[str, str], Row[Any]] | None = None

    def is_unchanged(self, row: Told) -> bool:
        link = self.links.get(row.remote_id)
        return link is not None and link.customer_id is not None and link.seen_hash == row.digest

    def look_alike(self, row: Told) -> tuple[str, Row[Any]] | None:
        """A customer here that may be this one, and in which field they are equal."""
        if not self.unlinked:
            return None
        if self._alike is None:
            self._alike = {}
            for customer in self.unlinked:
                for by, key in likeness(customer._asdict()):
                    self._alike.setdefault((by, key), customer)
        for by, key in likeness(row.values):
            found = self._alike.get((by, key))
            if found is not None and (not found.number_key or not row.number_key):
                return by, found
        return None


def likeness(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """By what two customers may be the same: VAT number, chamber number, e-mail, name; equal pairs look alike."""
    found = [
        ("vat_number", re.sub(r"[\W_]", "", str(values.get("vat_number") or "")).upper()),
        ("coc_number", re.sub(r"[\W_]", "", str(values.get("coc_number") or "")).upper()),
        ("email", str(values.get("email") or "").strip().casefold()),
        ("name", checks.similar_name_key(str(values.get("name") or "")[: LIMITS["name"]])),
    ]
    return [(by, key) for by, key in found if key]


def links_of(connection_id: int, remote_ids: Iterable[str]) -> dict[str, Link]:
    """The links of these records, by their id there."""
    rows = db.session.execute(
        select(ExternalLink.external_id, ExternalLink.id, Customer.id, ExternalLink.seen_hash, ExternalLink.missing_since_at)
        .outerjoin(Customer, Customer.id == ExternalLink.local_id)
        .where(ExternalLink.connection_id == connection_id, ExternalLink.local_type == "customer")
        .where(ExternalLink.external_id.in_(list(remote_ids)))
    )
    return {external: Link(link, customer, seen, missing is not None) for external, link, customer, seen, missing in rows}


def look_here(connection_id: int, rows: list[Told], also: Iterable[int] = ()) -> Here:
    """Everything that is needed to judge these rows; nothing but the links when none of them changed. `also`: customers to know too."""
    here = Here(links_of(connection_id, [row.remote_id for row in rows]))
    rows = [row for row in rows if not here.is_unchanged(row)]
    if not rows:
        return here
    ids = {link.customer_id for row in rows if (link := here.links.get(row.remote_id)) and link.customer_id} | set(also)
    keys = {row.number_key for row in rows} - {""}
    found = db.session.execute(select(*_COLUMNS).where(or_(Customer.id.in_(ids), Customer.number_key.in_(keys)))).all()
    here.by_id = {customer.id: customer for customer in found}
    here.by_number = {customer.number_key: customer for customer in found if customer.number_key}
    of_connection = (ExternalLink.connection_id == connection_id) & (ExternalLink.local_type == "customer")
    pairs = select(ExternalLink.local_id, ExternalLink.id).where(of_connection).where(ExternalLink.local_id.in_(list(here.by_id)))
    here.linked = {row.local_id: row.id for row in db.session.execute(pairs)}
    candidates = select(*_COLUMNS).where(~exists().where(of_connection, ExternalLink.local_id == Customer.id)).order_by(Customer.id)
    if all(row.number_key for row in rows):
        candidates = candidates.where(Customer.number_key == "")
    here.unlinked = list(db.session.execute(candidates))
    return here


# --- The judgement --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a row asks for.

    Actions: unchanged (nothing at all), seen (only that we saw it), linked (only the link), new, changed, skipped (an existing
    customer in mode new), conflict (a person chooses: params hold the choices), failed.
    """

    action: str
    customer_id: int | None = None
    changes: dict[str, list[Any]] = field(default_factory=dict)
    reason: str = ""
    params: dict[str, Any] = field(default_factory=dict)


def judge(row: Told, here: Here, mode: str) -> Verdict:
    """What to do with a row: by its link first, then by its number; a likeness is only ever a question."""
    if here.is_unchanged(row):
        return Verdict("unchanged")
    link = here.links.get(row.remote_id)
    if link is not None and link.customer_id is not None:
        return _judge_linked(row, here, mode, link)
    if not row.values["name"]:
        return Verdict("failed", reason="no_name")
    known = here.by_number.get(row.number_key) if row.number_key else None
    if known is not None:
        return _judge_known(row, here, mode, known)
    if is_odd(row.number):
        return Verdict("conflict", reason="odd_number", params={"choices": ["create", "skip"]})
    if alike := here.look_alike(row):
        by, customer = alike
        return Verdict("conflict", customer.id, reason=f"alike_{by}", params=_question(customer, "link", "create", "skip"))
    return Verdict("new")


def _judge_linked(row: Told, here: Here, mode: str, link: Link) -> Verdict:
    customer = here.by_id[link.customer_id or 0]
    changes = differences(customer, row, clears=link.seen_hash != "")
    if not changes:
        return Verdict("seen", customer.id)
    if mode == "new":
        return Verdict("skipped", customer.id, changes)
    if "number" in changes and (other := here.by_number.get(row.number_key)) is not None:
        del changes["number"]
        return Verdict("conflict", customer.id, changes, "number_taken", _question(other, "link", "skip"))
    return Verdict("changed", customer.id, changes, params={"by": "link"})


def _judge_known(row: Told, here: Here, mode: str, known: Row[Any]) -> Verdict:
    changes = differences(known, row, clears=False)
    if known.id in here.linked:
        return Verdict("conflict", known.id, changes, "number_linked", _question(known, "link", "create", "skip"))
    if mode == "new" or not changes:
        return Verdict("linked", known.id, changes, params={"by": "number"})
    return Verdict("changed", known.id, changes, params={"by": "number"})


def _question(customer: Row[Any], *choices: str) -> dict[str, Any]:
    return {"choices": list(choices), "name": customer.name, "number": customer.number}


def differences(customer: Row[Any], row: Told, *, clears: bool) -> dict[str, list[Any]]:
    """Field to [old, new]. An empty value there empties ours only when `clears`: once we know what it was there before."""
    columns, _ = kept(row.values)
    changes = {
        name: [getattr(customer, name), value]
        for name, value in columns.items()
        if getattr(customer, name) != value and (value != "" or (clears and name != "name"))
    }
    if row.number_key and row.number_key != customer.number_key and not is_odd(row.number):
        changes["number"] = [customer.number, row.number]
    return changes


def flags_after(before: Iterable[str], row: Told) -> list[str]:
    """The flagged fields once this row's values are in: those it told are judged anew, the others stay."""
    _, flags = kept(row.values)
    return sorted({name for name in before if name not in row.values} | flags)
