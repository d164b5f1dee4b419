"""Lists: paging, sorting, searching and filtering in the one way all controllers share (contract wefact 5)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.wefact.books import Shelf
from sandbox.wefact.call import Answer, Call
from sandbox.wefact.values import Refusal, is_date, is_stamp

MAXIMUM_LIMIT = 1000


@dataclass(frozen=True)
class Table:
    """How one controller lists: its defaults, its known columns and what a row carries."""

    rows_key: str
    sort: str
    order: str
    searchat: tuple[str, ...]
    searchable: frozenset[str]
    sortable: frozenset[str]
    ranges: tuple[str, ...]
    shelf: Callable[[Call], Shelf[Any]]
    column: Callable[[Any, str], Any]
    row: Callable[[Call, Any], dict[str, Any]]
    exact: frozenset[str] = frozenset()
    keep: Callable[[Call], Callable[[Any], bool] | None] = lambda call: None
    extra_filters: tuple[str, ...] = ()


def list_records(call: Call, table: Table) -> Answer:
    """One page with totals and the echo of what was honoured; the rows key is missing when there is nothing."""
    offset, limit = _paging(call)
    filters: dict[str, Any] = {}
    found = _ordered(call, table, filters)
    for wanted in (_search(call, table, filters), _ranges(call, table, filters), table.keep(call)):
        if wanted is not None:
            found = [record for record in found if wanted(record)]
    for name in table.extra_filters:
        if call.parameters.text(name):
            filters[name] = str(call.parameters.text(name))
    rows = [table.row(call, record) for record in found[offset : offset + limit]]
    answer: Answer = {"totalresults": len(found), "currentresults": len(rows), "offset": offset}
    if filters:
        answer["filters"] = filters
    if rows:
        answer[table.rows_key] = rows
    return answer


def _paging(call: Call) -> tuple[int, int]:
    offset, limit = call.parameters.whole("offset") or 0, call.parameters.whole("limit")
    limit = MAXIMUM_LIMIT if limit is None else limit
    if offset < 0 or limit < 1:
        if call.switches.odd_paging == "error":
            raise Refusal("Ongeldige waarde voor offset of limit")
        offset, limit = max(offset, 0), limit if limit > 0 else MAXIMUM_LIMIT
    if limit > MAXIMUM_LIMIT:
        if call.switches.limit_over_1000 == "error":
            raise Refusal(f"De limit mag niet groter zijn dan {MAXIMUM_LIMIT}")
        limit = MAXIMUM_LIMIT
    return offset, limit


def _sort_key(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _ordered(call: Call, table: Table, filters: dict[str, Any]) -> list[Any]:
    sort, order = call.parameters.text("sort"), (call.parameters.text("order") or "").upper()
    if sort and sort not in table.sortable:
        if call.switches.unknown_sort == "error":
            raise Refusal(f"Ongeldige waarde voor sort: {sort}")
        if call.switches.unknown_sort == "ignored":
            sort = None
    if sort:
        filters["sort"] = sort
    if order in ("ASC", "DESC"):
        filters["order"] = order
    name = sort or table.sort
    found = table.shelf(call).ordered(name, lambda record: _sort_key(table.column(record, name) or ""))
    descending = (order or (table.order if not sort else "ASC")) == "DESC"
    return found[::-1] if descending else found


def _search(call: Call, table: Table, filters: dict[str, Any]) -> Callable[[Any], bool] | None:
    asked, sought = call.parameters.text("searchat"), call.parameters.text("searchfor")
    names = [name for name in (asked or "").split("|") if name] or list(table.searchat)
    unknown = [name for name in names if name not in table.searchable]
    rule = call.switches.unknown_searchat
    if unknown and rule == "error":
        raise Refusal(f"Ongeldige waarde voor searchat: {unknown[0]}")
    if asked and (not unknown or call.switches.echo_unknown_searchat):
        filters["searchat"] = asked
    if not sought:
        return None
    filters["searchfor"] = sought
    usable = names if rule == "column" else [name for name in names if name in table.searchable]
    if not usable and rule == "ignored":
        return None
    needle = sought.casefold()
    loose, exact = [n for n in usable if n not in table.exact], [n for n in usable if n in table.exact]

    def hits(record: Any) -> bool:
        return any(needle in str(table.column(record, name) or "").casefold() for name in loose) or any(
            needle == str(table.column(record, name)) for name in exact
        )

    return hits


def _ranges(call: Call, table: Table, filters: dict[str, Any]) -> Callable[[Any], bool] | None:
    bounds: list[tuple[str, str, str]] = []
    for name, column in zip(table.ranges, map(_range_column, table.ranges), strict=True):
        given = call.parameters.array(name)
        if not given or (name == "created" and call.switches.created_filter == "ignored"):
            continue
        whole_days = name not in ("created", "modified")
        limits = [_bound(call, name, given.get(side, ""), whole_days) for side in ("from", "to")]
        if any(limits):
            filters[name] = {side: str(given[side]) for side in ("from", "to") if given.get(side)}
            bounds.append((column, limits[0], limits[1]))
    if not bounds:
        return None
    inclusive = call.switches.ranges == "inclusive"

    def within(record: Any) -> bool:
        for column, lower, upper in bounds:
            value = table.column(record, column)
            if not value or (lower and value < lower) or (upper and value > upper):
                return False
            days = len(value) == len("2026-11-21")
            if not inclusive and not days and value in (lower, upper):
                return False
        return True

    return within


def _range_column(name: str) -> str:
    columns = {"created": "Created", "modified": "Modified", "date": "Date"}
    return columns.get(name, {"paybefore": "PayBefore", "paydate": "PayDate"}.get(name, name))


def _bound(call: Call, name: str, text: Any, whole_days: bool) -> str:
    """A bound as local text; a bare date counts from midnight, as a database reads it."""
    if text == "":
        return ""
    if not isinstance(text, str):
        raise Refusal(f"Invalid type for '{name}'")
    if is_date(text):
        return text if whole_days else f"{text} 00:00:00"
    if not is_stamp(text):
        raise Refusal(f"Ongeldige datum voor {name}")
    if whole_days:
        return text[:10]
    if call.switches.filter_zone == "utc":
        return datetime.fromisoformat(text).replace(tzinfo=UTC).astimezone(ZoneInfo(call.books.zone)).strftime("%Y-%m-%d %H:%M:%S")
    return text
