"""What every list page does with its query parameters: an allow-listed sort, a page, and links that keep the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for
from sqlalchemy import ColumnElement

PAGE_SIZE = 50
LAST_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Listing:
    """The sort and page somebody asked for; anything unknown falls back to the default."""

    sort: str
    descending: bool
    page: int
    size: int = PAGE_SIZE

    @property
    def offset(self) -> int:
        return (self.page - 1) * self.size

    def order_by(self, columns: Mapping[str, Sequence[ColumnElement[Any]] | ColumnElement[Any]]) -> list[ColumnElement[Any]]:
        """The columns of the chosen sort, in the chosen direction."""
        chosen = columns[self.sort]
        parts = list(chosen) if isinstance(chosen, Sequence) else [chosen]
        return [part.desc() if self.descending else part.asc() for part in parts]

    def sort_link(self, key: str) -> str:
        """The address of this list sorted by `key`; a second press turns the direction."""
        turned = "-" if self.sort == key and not self.descending else ""
        return link(sort=f"{turned}{key}", page=None)

    def aria_sort(self, key: str) -> str:
        if self.sort != key:
            return "none"
        return "descending" if self.descending else "ascending"

    def pager(self, total: int) -> dict[str, Any]:
        """What the line under a list shows: which rows, of how many, and the way on and back."""
        first = min(self.offset + 1, total)
        last = min(self.offset + self.size, total)
        return {
            "first": first,
            "last": last,
            "total": total,
            "previous": link(page=self.page - 1) if self.page > 1 else None,
            "next": link(page=self.page + 1) if last < total else None,
        }


def read(sorts: Sequence[str], default: str, size: int = PAGE_SIZE) -> Listing:
    """The listing that the query string asks for. `default` is a sort key, with a minus when it falls."""
    wanted = request.args.get("sort", "")
    if wanted.removeprefix("-") not in sorts:
        wanted = default
    return Listing(sort=wanted.removeprefix("-"), descending=wanted.startswith("-"), page=_page(request.args.get("page", "")), size=size)


def _page(text: str) -> int:
    return min(max(int(text), 1), LAST_PAGE) if text.isascii() and text.isdigit() and len(text) < 7 else 1


def link(**changes: Any) -> str:
    """This page's address with some query parameters changed (None removes one)."""
    values: dict[str, Any] = {key: request.args.getlist(key) for key in request.args if key not in changes}
    values |= {key: value for key, value in changes.items() if value is not None}
    return url_for(request.endpoint or "home.dashboard", **(request.view_args or {}) | values)
