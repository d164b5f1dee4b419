"""Lists that may repeat, drop, shrink, grow or never end, read so that we know whether we saw everything (contract wefact 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from connectors.errors import Unavailable
from connectors.wefact.client import Listing
from connectors.wefact.values import Fields, Unusable, identifier

PAGES_LIMIT = 1000

Fetch = Callable[[Fields], Listing]


@dataclass(frozen=True, slots=True)
class Page:
    """One page with its place. `last`: the package has no more."""

    listing: Listing
    offset: int
    last: bool


@dataclass(slots=True)
class WholeList:
    """A list read to its end. `complete` only when as many different rows came as the package said there are."""

    rows: dict[str, object] = field(default_factory=dict)
    complete: bool = False
    server_time: str = ""
    filters: dict[str, object] = field(default_factory=dict)


def pages(fetch: Fetch, asked: Fields, page_size: int, offset: int = 0, limit: int = PAGES_LIMIT) -> Iterator[Page]:
    """Page after page, by the number of rows that really came: a server may give fewer at a time than asked.

    Raises `Unavailable("incomplete_list")` when a page brings nothing new, when rows stop before the total, and past `limit` pages.
    """
    seen: set[str] = set()
    for _ in range(limit):
        listing = fetch({**asked, "offset": str(offset), "limit": str(page_size)})
        count, total = len(listing.rows), listing.total
        keys = {row_key(row) for row in listing.rows}
        if count and keys <= seen:
            raise Unavailable("incomplete_list", "a page came twice", offset=offset)
        if not count and total is not None and offset < total:
            raise Unavailable("incomplete_list", f"rows end at {offset} of {total}", offset=offset)
        seen |= keys
        last = not count or (count < page_size if total is None else offset + count >= total)
        yield Page(listing, offset, last)
        if last:
            return
        offset += count
    raise Unavailable("incomplete_list", f"still no end after {limit} pages", offset=offset)


def whole_list(fetch: Fetch, asked: Fields, page_size: int, limit: int = PAGES_LIMIT) -> WholeList:
    """The rows of all pages, each once; a list that changed meanwhile is read a second time and the rows are put together."""
    found = WholeList()
    for _ in range(2):
        _pass(fetch, asked, page_size, limit, found)
        if found.complete:
            break
    return found


def _pass(fetch: Fetch, asked: Fields, page_size: int, limit: int, found: WholeList) -> None:
    seen: set[str] = set()
    total: int | None = None
    try:
        for page in pages(fetch, asked, page_size, limit=limit):
            rows = {row_key(row): row for row in page.listing.rows}
            seen |= rows.keys()
            total = page.listing.total
            found.rows |= rows
            found.server_time = page.listing.server_time
            found.filters = dict(page.listing.filters)
    except Unavailable as error:
        if error.reason != "incomplete_list":
            raise
        found.complete = False
    else:
        found.complete = total is not None and len(seen) == total


def row_key(row: object) -> str:
    """What tells one row from another: its id, or all of it when it has none."""
    if isinstance(row, dict):
        try:
            return identifier(row.get("Identifier"))
        except Unusable:
            return repr(row)
    return repr(row)
