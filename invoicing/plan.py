"""What would stand on which invoice: the preview, and the frozen payload that is sent exactly as it was previewed."""

from __future__ import annotations

import hashlib
import html
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from sqlalchemy import func, select

import checks
from billing.lines import Grouping, Line, build_lines
from billing.rounding import from_cents, half_up, to_e4, wire_quantity
from billing.sources import InvoiceGroup, group_for_invoices
from billing.totals import TaxedAmount, Totals, totals
from billing.vat import ItemVat, regime_problems
from invoicing import selection, sources
from invoicing.links import Taken, chunked
from invoicing.selection import Ref
from invoicing.sources import Row
from models import (
    AccountingItem,
    Connection,
    Customer,
    CustomerMatch,
    ExternalLink,
    Invoice,
    Organisation,
    TaxCode,
    Transfer,
    VatMapping,
    VatRegime,
    canonical_json,
    db,
)

MOST_LINES = 80
"""On one invoice (contract wefact 16)."""

LONGEST_DESCRIPTION = 2000
LONGEST_REFERENCE = 50
INVOICE_PER = ("customer", "project", "customer_reference")
LINES_PER = ("activity", "entry", "user", "project", "day", "single", "project_activity", "user_activity")
ALTERNATIVES = ("activity", "project", "user", "single")


@dataclass(frozen=True, slots=True)
class Options:
    """What the dialog asks. `on` is the invoice date."""

    per: str
    lines: str
    on: date
    reference: str = ""
    text: str = ""
    send: bool = False

    @property
    def grouping(self) -> Grouping:
        """Expenses and trips follow the choice for hours where it means something for them."""
        whole = self.lines == "single"
        one = self.lines == "entry"
        return Grouping(hours=self.lines, expenses="single" if whole else "entry", trips="entry" if one else "single")  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line as it will be sent. `quantity` and `unit_price` multiply to `net_cents` on the other side."""

    kind: str
    description: str
    quantity: Decimal
    unit: str
    unit_price: Decimal
    net_cents: int
    minutes: int | None
    worked_minutes: int
    item_code: str
    item_name: str
    vat_code: str
    vat_bp: int | None
    vat_source: str
    vat_key: str
    on: date
    split_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an invoice cannot be made yet, or what somebody should know: a reason code and what its sentence needs."""

    code: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannedInvoice:
    """One invoice of a preview. With `problems` it is left out; `warnings` only tell."""

    key: str
    customer: Customer
    match: str
    """found, create, looking, question, name_differs or failed."""
    remote_id: str
    remote_name: str
    candidates: tuple[dict[str, Any], ...]
    lines: tuple[PlannedLine, ...]
    totals: Totals
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    takes: tuple[Taken, ...]
    payload: dict[str, Any]

    @property
    def hash(self) -> str:
        return payload_hash(self.payload)

    @property
    def minutes(self) -> int:
        return sum(line.minutes or 0 for line in self.lines)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Rows that cannot be billed, by reason."""

    reason: str
    refs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What "Create invoices" would do."""

    invoices: tuple[PlannedInvoice, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def ready(self) -> list[PlannedInvoice]:
        return [invoice for invoice in self.invoices if not invoice.problems]


def payload_hash(payload: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(payload).encode()).hexdigest()


def preview(connection: Connection, refs: Iterable[Ref], options: Options) -> Preview:
    """What these rows would become. Reads only."""
    wanted = sorted(set(refs))
    reasons = _reasons(wanted)
    free = [ref for ref in wanted if ref not in reasons]
    rows = sources.load(connection, free)
    by_ref: dict[Ref, Row] = {(row.source.kind, row.source.id): row for row in rows}
    groups = group_for_invoices((row.source for row in rows), options.per)  # type: ignore[arg-type]
    world = _World.load(connection, {group.customer_id for group in groups})
    invoices = tuple(_plan(world, group, by_ref, options) for group in groups)
    ordered = sorted(invoices, key=lambda invoice: (invoice.customer.name.casefold(), invoice.key))
    by_reason: dict[str, list[Ref]] = defaultdict(list)
    for ref, reason in sorted(reasons.items()):
        by_reason[reason].append(ref)
    return Preview(tuple(ordered), tuple(LeftOut(reason, tuple(found)) for reason, found in sorted(by_reason.items())))


def latest_date(connection_id: int) -> date | None:
    """The date of the last invoice that was sent through this connection; the next may not be before it."""
    return db.session.scalar(
        select(func.max(Invoice.date)).join(Transfer, Transfer.id == Invoice.transfer_id).where(Transfer.connection_id == connection_id)
    )


def _reasons(refs: Sequence[Ref]) -> dict[Ref, str]:
    found: dict[Ref, str] = {}
    for source_type in selection.SOURCE_TYPES:
        ids = [source_id for kind, source_id in refs if kind == source_type]
        if ids:
            found |= {(source_type, key): reason for key, reason in selection.reasons_of(source_type, ids).items()}
    return found


@dataclass(frozen=True, slots=True)
class _World:
    """Everything the plans of one preview look things up in."""

    connection: Connection
    organisation: Organisation
    customers: dict[int, Customer]
    links: dict[int, ExternalLink]
    matches: dict[int, CustomerMatch]
    mappings: dict[str, VatMapping]
    tax_codes: list[TaxCode]

    @classmethod
    def load(cls, connection: Connection, customer_ids: set[int]) -> _World:
        customers: dict[int, Customer] = {}
        links: dict[int, ExternalLink] = {}
        matches: dict[int, CustomerMatch] = {}
        for part in chunked(sorted(customer_ids)):
            customers |= {row.id: row for row in db.session.scalars(select(Customer).where(Customer.id.in_(part)))}
            of_customers = (ExternalLink.connection_id == connection.id) & (ExternalLink.local_type == "customer")
            links |= {
                row.local_id: row for row in db.session.scalars(select(ExternalLink).where(of_customers, ExternalLink.local_id.in_(part)))
            }
            asked = (CustomerMatch.connection_id == connection.id) & CustomerMatch.customer_id.in_(part)
            matches |= {row.customer_id: row for row in db.session.scalars(select(CustomerMatch).where(asked))}
        mappings = db.session.execute(
            select(VatRegime.code, VatMapping)
            .join(VatMapping, VatMapping.vat_regime_id == VatRegime.id)
            .where(VatMapping.connection_id == connection.id)
        )
        return cls(
            connection=connection,
            organisation=db.session.get_one(Organisation, 1),
            customers=customers,
            links=links,
            matches=matches,
            mappings={row.code: row.VatMapping for row in mappings},
            tax_codes=list(db.session.scalars(select(TaxCode).where(TaxCode.connection_id == connection.id))),
        )


def _plan(world: _World, group: InvoiceGroup, by_ref: Mapping[Ref, Row], options: Options) -> PlannedInvoice:
    customer = world.customers[group.customer_id]
    rows = [by_ref[(source.kind, source.id)] for source in group.sources]
    problems: list[Problem] = []
    warnings: list[Problem] = []
    items = {row.item.remote_id: row.item for row in rows if row.item is not None}
    vat = {sources.vat_key(row.vat): _wire_vat(world, row, customer, problems) for row in rows}
    lines = [_line(line, items, vat) for line in build_lines(group.sources, options.grouping, basis=_basis(world, customer))]
    match, link, candidates = _match(world, customer, problems)
    _check_items(items.values(), problems)
    _check_lines(group, lines, options, problems, warnings)
    if not checks.one_line(customer.name, 300).strip():
        problems.append(Problem("customer_without_name"))
    if group.currency != world.organisation.currency:
        problems.append(Problem("other_currency", {"currency": group.currency}))
    amounts = totals(TaxedAmount(line.net_cents, line.vat_key, line.vat_bp, group.currency) for line in lines)
    takes = _takes(group, rows, options, world, customer)
    payload = _payload(customer, link, match, lines, amounts, takes, rows, options, world)
    return PlannedInvoice(
        key=f"{group.customer_id}-{group.project_id or 0}-{hashlib.sha256((group.reference or '').encode()).hexdigest()[:8]}",
        customer=customer,
        match=match,
        remote_id=link.external_id if link else "",
        remote_name=link.external_name if link else "",
        candidates=tuple(candidates),
        lines=tuple(lines),
        totals=amounts,
        problems=_unique(problems),
        warnings=_unique(warnings),
        takes=takes,
        payload=payload,
    )


def _unique(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    found: dict[str, Problem] = {}
    for problem in problems:
        found.setdefault(canonical_json([problem.code, dict(problem.params)]), problem)
    return tuple(found.values())


def _basis(world: _World, customer: Customer) -> Any:
    return customer.quantity_basis or world.organisation.quantity_basis


def _match(world: _World, customer: Customer, problems: list[Problem]) -> tuple[str, ExternalLink | None, list[dict[str, Any]]]:
    """Which record there this customer is, as far as we know now."""
    link = world.links.get(customer.id)
    package = {"number": customer.number, "name": customer.name}
    if link is not None:
        if link.missing_since_at is not None:
            problems.append(Problem("customer_missing_there", package))
        same = checks.similar_name_key(html.unescape(link.external_name)) == checks.similar_name_key(customer.name)
        if link.external_name and not same and not link.name_accepted:
            problems.append(Problem("name_differs", {**package, "there": link.external_name}))
            return "name_differs", link, []
        return "found", link, []
    match = world.matches.get(customer.id)
    if match is None or match.state == "looking" or match.number_key != customer.number_key:
        problems.append(Problem("looking", package))
        return "looking", None, []
    if match.state == "failed":
        problems.append(Problem("look_up_failed", {**package, "reason": match.reason}))
        return "failed", None, []
    if match.state == "question" and match.choice != "create":
        problems.append(Problem("match_question", package))
        return "question", None, list(match.candidates)
    return "create", None, []


def _wire_vat(world: _World, row: Row, customer: Customer, problems: list[Problem]) -> tuple[str, int | None, str]:
    """The code and percentage that go on the line, and where they came from. WeFact wants a code, HostFact a percentage."""
    choice, source = row.vat, row.vat.source
    if choice.item_vat is not None:
        return *_vat_of_item(world, choice.item_vat, problems), source
    if choice.regime is None:
        problems.append(Problem("vat_missing"))
        return "", None, source
    regime = choice.regime
    for found in regime_problems(regime, vat_number=customer.vat_number, country=customer.country, own_country=world.organisation.country):
        problems.append(Problem(found, {"name": customer.name}))
    mapping = world.mappings.get(regime.code)
    if world.connection.vendor == "hostfact":
        percentage = mapping.percentage_bp if mapping and mapping.percentage_bp is not None else regime.percentage_bp
        if percentage is None:
            problems.append(Problem("vat_unmapped", {"regime": regime.code}))
        return "", percentage, source
    if mapping and mapping.code:
        known = next((code for code in world.tax_codes if code.code == mapping.code), None)
        return mapping.code, known.percentage_bp if known else regime.percentage_bp or 0, source
    if regime.is_ordinary:
        return _code_of(world, "", regime.percentage_bp, problems, regime.code), regime.percentage_bp or 0, source
    problems.append(Problem("vat_unmapped", {"regime": regime.code}))
    return "", None, source


def _vat_of_item(world: _World, vat: ItemVat, problems: list[Problem]) -> tuple[str, int | None]:
    """An item's code and what the package counts with for it now: the list of codes knows better than the item, which may name only its code."""
    known = next((code for code in world.tax_codes if vat.code and code.code == vat.code), None)
    percentage_bp = known.percentage_bp if known else vat.percentage_bp
    if percentage_bp is None or (vat.code and world.tax_codes and known is None):
        problems.append(Problem("vat_unmapped", {"regime": vat.code}))
        return vat.code, percentage_bp
    return _code_of(world, vat.code, percentage_bp, problems), percentage_bp


def _code_of(world: _World, code: str, percentage_bp: int | None, problems: list[Problem], regime: str = "") -> str:
    """The code itself, or the only one with this percentage; where several share it a person must choose."""
    if code or world.connection.vendor != "wefact":
        return code
    same = [known.code for known in world.tax_codes if known.percentage_bp == percentage_bp]
    if len(same) == 1:
        return same[0]
    problems.append(Problem("vat_unmapped", {"regime": regime or f"{from_cents(percentage_bp or 0):f}%"}))
    return ""


def _line(line: Line, items: Mapping[str, AccountingItem], vat: Mapping[str, tuple[str, int | None, str]]) -> PlannedLine:
    item = items.get(line.item_code or "")
    code, percentage_bp, source = vat[str(line.vat_key)]
    net = from_cents(line.net_cents)
    quantity = wire_quantity(line.quantity, line.unit_price, net)
    unit_price, unit, description = line.unit_price, _unit(line.unit), line.description
    words = ""
    if quantity is None:  # nothing multiplies to our amount: one piece at the amount, what it stands for in words
        words = f" ({_in_words(line)} {unit})".replace(" )", ")")
        quantity, unit_price, unit = Decimal("1.00"), net, ""
    return PlannedLine(
        kind=line.kind,
        description=_shortened(description, words),
        quantity=quantity,
        unit=unit,
        unit_price=unit_price,
        net_cents=line.net_cents,
        minutes=line.minutes,
        worked_minutes=line.worked_minutes,
        item_code=item.code if item else "",
        item_name=item.name if item else "",
        vat_code=code,
        vat_bp=percentage_bp,
        vat_source=source,
        # They add up per percentage, whatever code or regime it came from (contract wefact 3.2, UsedTaxrates).
        vat_key=str(percentage_bp),
        on=line.last_date,
        split_by=line.split_by,
    )


def _unit(code: str) -> str:
    return {"hour": "uur", "piece": "", "km": "km"}.get(code, code)


def _in_words(line: Line) -> str:
    """The quantity of a line as a person reads it: hours as 1:30, anything else with a comma."""
    if line.minutes is None:
        return f"{half_up(line.quantity, 2):f}".replace(".", ",")
    hours, minutes = divmod(abs(line.minutes), 60)
    return f"{'-' if line.minutes < 0 else ''}{hours}:{minutes:02d}"


def _shortened(text: str, words: str = "") -> str:
    """The text with what the other side can hold, and the words behind it whole; the preview shows it as it will be."""
    clean = checks.plain_text(text, len(text) + 1)
    room = LONGEST_DESCRIPTION - len(words)
    return (clean if len(clean) <= room else clean[: room - 1] + "…") + words


def _check_items(items: Iterable[AccountingItem], problems: list[Problem]) -> None:
    for item in items:
        if not item.active:
            problems.append(Problem("item_gone", {"code": item.code, "name": item.name}))
        elif item.period:
            problems.append(Problem("item_with_period", {"code": item.code, "name": item.name}))


def _check_lines(
    group: InvoiceGroup, lines: Sequence[PlannedLine], options: Options, problems: list[Problem], warnings: list[Problem]
) -> None:
    if any(not line.item_code for line in lines):
        warnings.append(Problem("line_without_item"))
    if any(line.split_by for line in lines):
        reasons = sorted({name for line in lines for name in line.split_by})
        warnings.append(Problem("lines_split", {"by": ", ".join(reasons)}))
    if any(line.net_cents == 0 for line in lines):
        warnings.append(Problem("line_of_nothing"))
    if len(lines) <= MOST_LINES:
        return
    fitting = [per for per in ALTERNATIVES if len(build_lines(group.sources, Options(options.per, per, options.on).grouping)) <= MOST_LINES]
    code = "too_many_lines" if fitting else "too_many_lines_anyway"
    problems.append(Problem(code, {"lines": len(lines), "most": MOST_LINES, "per": fitting[0] if fitting else ""}))


def _takes(group: InvoiceGroup, rows: Sequence[Row], options: Options, world: _World, customer: Customer) -> tuple[Taken, ...]:
    statuses: dict[Ref, str] = {(row.source.kind, row.source.id): row.status for row in rows}
    found = []
    for line in build_lines(group.sources, options.grouping, basis=_basis(world, customer)):
        for part in line.sources:
            quantity_e4 = to_e4(Fraction(part.minutes or 0, 60) if part.quantity is None else part.quantity)
            found.append(Taken(part.kind, part.id, part.amount_cents, quantity_e4, statuses[(part.kind, part.id)]))
    return tuple(sorted(found, key=lambda take: (take.source_type, take.source_id)))


def _payload(
    customer: Customer,
    link: ExternalLink | None,
    match: str,
    lines: Sequence[PlannedLine],
    amounts: Totals,
    takes: Sequence[Taken],
    rows: Sequence[Row],
    options: Options,
    world: _World,
) -> dict[str, Any]:
    versions: dict[Ref, int] = {(row.source.kind, row.source.id): row.version for row in rows}
    term = customer.payment_term_days
    return {
        "customer": {"id": customer.id, "number": customer.number, "name": customer.name, "remote_id": link.external_id if link else ""},
        "create_customer": match == "create",
        "date": options.on.isoformat(),
        "reference": options.reference,
        "text": options.text,
        "term_days": world.organisation.payment_term_days if term is None else term,
        "currency": amounts.currency,
        "send": options.send,
        "per": options.per,
        "lines_per": options.lines,
        "lines": [
            {
                "kind": line.kind,
                "description": line.description,
                "quantity": str(line.quantity),
                "unit": line.unit,
                "unit_price": str(line.unit_price),
                "net_cents": line.net_cents,
                "item_code": line.item_code,
                "vat_code": line.vat_code,
                "vat_bp": line.vat_bp,
                "on": line.on.isoformat(),
            }
            for line in lines
        ],
        "vat": [{"bp": row.percentage_bp, "net_cents": row.net_cents, "vat_cents": row.vat_cents} for row in amounts.per_vat],
        "net_cents": amounts.net_cents,
        "vat_cents": amounts.vat_cents,
        "gross_cents": amounts.gross_cents,
        "sources": [[take.source_type, take.source_id, versions[(take.source_type, take.source_id)], take.amount_cents] for take in takes],
    }
