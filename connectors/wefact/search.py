"""Looking for an invoice that a lost answer may have made (contract wefact 13).

Presence is proved by our marker in a record that was read in full. Absence is proved only by having seen every invoice that could be it,
so nothing here leans on a filter: what a filter leaves in is sorted out here, and what it may have left out is asked for again
without it.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from connectors.errors import Rejected
from connectors.records import Found, RemoteInvoice, Search
from connectors.wefact.client import WeFactClient
from connectors.wefact.clock import home_wall, read_wall, wall
from connectors.wefact.paging import WholeList, whole_list
from connectors.wefact.values import (
    FieldValue,
    Unusable,
    identifier,
    optional_date,
    optional_decimal,
    optional_text,
    same_code,
    text,
)

MARGIN = datetime.timedelta(hours=26)
SHOWS_LIMIT = 60
PAGES_LIMIT = 50
TWINS_LIMIT = "100"
_TOLERATED_SKEW = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Row:
    """What a list row tells of an invoice. None: it does not tell, so the invoice may be ours."""

    remote_id: str
    customer_number: str | None
    customer_remote_id: str
    net: Decimal | None
    date: datetime.date | None
    modified: datetime.datetime | None


class InvoiceSearch:
    """One search. `now` is our clock, against which the other side's is held."""

    def __init__(self, client: WeFactClient, wanted: Search, page_size: int, now: Callable[[], datetime.datetime]) -> None:
        self._client = client
        self._wanted = wanted
        self._page_size = page_size
        self._now = now
        self._skew = datetime.timedelta(0)
        self._shown: dict[str, RemoteInvoice] = {}

    def run(self) -> Found:
        """First inside the window the caller names; with nothing found there, every invoice of the customer, under its present number."""
        wanted = self._wanted
        number = wanted.customer_number.strip() or self._present_number()
        if not number:
            return Found((), complete=False)
        complete = self._look(number, windowed=True)
        if not complete or not self._matches():
            complete = self._look(number, windowed=False) and self._look_under_present_number(number)
        candidates = tuple(one for one in self._shown.values() if one.marker != wanted.marker and self._resembles(one.net, one.date))
        return Found(self._matches(), candidates, complete)

    def twins(self, known: Collection[str]) -> tuple[RemoteInvoice, ...]:
        """Other invoices with our marker among the customer's latest, leaving out those by id that are known: one call as a rule.

        It proves presence only: the package may have made a second one by itself, and shows it on top.
        """
        number = self._wanted.customer_number.strip() or self._present_number()
        asked = {"searchat": "DebtorCode", "searchfor": number, "sort": "Modified", "order": "DESC", "offset": "0", "limit": TWINS_LIMIT}
        possible = []
        for raw in self._client.invoice_list(asked, repeat=False).rows if number else ():
            try:
                row = _row(raw)
            except Unusable:
                continue  # a row without an id or with an odd one cannot be read in full either
            if row.remote_id not in known and self._resembles(row.net, row.date) and self._may_be_ours(row, number):
                possible.append(row)
        self._show_all(possible)
        return self._matches()

    def _matches(self) -> tuple[RemoteInvoice, ...]:
        return tuple(one for one in self._shown.values() if one.marker == self._wanted.marker)

    def _resembles(self, net: Decimal | None, date: datetime.date | None) -> bool:
        return net == self._wanted.net and date == self._wanted.date

    def _look_under_present_number(self, searched: str) -> bool:
        """A number that a person changed meanwhile hides the customer's invoices from a search by the old one."""
        if self._matches() or not self._wanted.customer_remote_id:
            return True
        number = self._present_number()
        if not number:
            return False
        return same_code(number, searched) or self._look(number, windowed=False)

    def _present_number(self) -> str:
        if not self._wanted.customer_remote_id:
            return ""
        try:
            return self._client.debtor_show(remote_id=self._wanted.customer_remote_id).number
        except Rejected as refused:
            if refused.reason != "rejected":
                raise
            return ""

    def _look(self, number: str, *, windowed: bool) -> bool:
        """List, pick, show. True when every invoice that could be ours was seen."""
        found = self._listed(number, windowed)
        complete = found.complete and _filters_kept(found.filters, number)
        possible: list[_Row] = []
        for raw in found.rows.values():
            try:
                row = _row(raw)
            except Unusable:
                complete = False
                continue
            if self._may_be_ours(row, number):
                possible.append(row)
        possible.sort(key=lambda row: not self._resembles(row.net, row.date))
        return self._show_all(possible) and complete

    def _listed(self, number: str, windowed: bool) -> WholeList:
        asked: dict[str, FieldValue] = {"searchat": "DebtorCode", "searchfor": number, "sort": "Modified", "order": "DESC"}
        found = whole_list(self._client.invoice_list, asked | self._window(windowed), self._page_size, PAGES_LIMIT)
        skew = self._measured_skew(found.server_time)
        if windowed and abs(skew - self._skew) > _TOLERATED_SKEW:
            self._skew = skew
            found = whole_list(self._client.invoice_list, asked | self._window(windowed), self._page_size, PAGES_LIMIT)
        self._skew = skew
        return found

    def _window(self, windowed: bool) -> dict[str, FieldValue]:
        if not windowed:
            return {}
        until = home_wall(self._wanted.until) + max(self._skew, datetime.timedelta(0)) + MARGIN
        return {"created": {"from": wall(self._start()), "to": wall(until)}}

    def _start(self) -> datetime.datetime:
        return home_wall(self._wanted.since) + min(self._skew, datetime.timedelta(0)) - MARGIN

    def _measured_skew(self, server_time: str) -> datetime.timedelta:
        """How far their wall clock is from the one we expect: another time zone, or simply wrong."""
        theirs = read_wall(server_time)
        return theirs - home_wall(self._now().isoformat()) if theirs else datetime.timedelta(0)

    def _may_be_ours(self, row: _Row, number: str) -> bool:
        remote_id = self._wanted.customer_remote_id
        known = row.customer_number is not None
        if known and not same_code(row.customer_number or "", number) and not (remote_id and row.customer_remote_id == remote_id):
            return False
        # Modified is never before created, so this leaves nothing out that was made inside the window.
        return row.modified is None or row.modified >= self._start()

    def _show_all(self, rows: list[_Row]) -> bool:
        complete = True
        for row in rows:
            if row.remote_id in self._shown:
                continue
            if len(self._shown) >= SHOWS_LIMIT:
                return False
            try:
                self._shown[row.remote_id] = self._client.invoice_show(row.remote_id)
            except Rejected as refused:
                if refused.reason != "rejected":
                    raise
                complete = False
        return complete


def _row(raw: object) -> _Row:
    if not isinstance(raw, Mapping):
        raise Unusable("invoices", raw)
    return _Row(
        remote_id=identifier(raw.get("Identifier")),
        customer_number=optional_text(raw, "DebtorCode"),
        customer_remote_id=text(raw, "Debtor"),
        net=optional_decimal(raw, "AmountExcl"),
        date=optional_date(raw, "Date"),
        modified=read_wall(text(raw, "Modified")),
    )


def _filters_kept(filters: Mapping[str, object], number: str) -> bool:
    """False when the echo names another search than ours; a filter that is missing from it was ignored, which leaves nothing out."""
    field, value = filters.get("searchat"), filters.get("searchfor")
    return str(field or "DebtorCode").lower() == "debtorcode" and (
        value is None or (isinstance(value, (str, int)) and same_code(str(value), number))
    )
