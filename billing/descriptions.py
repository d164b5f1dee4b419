"""The text of an invoice line, in the words of the language that the caller passes in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from billing.sources import Source

MOST_PROJECTS_BY_NAME = 3


@dataclass(frozen=True)
class Words:
    """The words of a description and the labels of units; the defaults are Dutch.

    `period` takes the placeholders first and last, `projects` takes count.
    """

    hours: str = "Uren"
    expense: str = "Uitgave"
    expenses: str = "Uitgaven"
    trip: str = "Rit"
    trips: str = "Ritten"
    period: str = "%(first)s t/m %(last)s"
    projects: str = "%(count)s projecten"
    hour: str = "uur"
    piece: str = "stuks"
    km: str = "km"

    def unit(self, code: str) -> str:
        """Give the label of a unit; a unit that somebody typed for an expense category is its own label."""
        return {"hour": self.hour, "piece": self.piece, "km": self.km}.get(code, code)


DUTCH = Words()


def describe(sources: Sequence[Source], per: str, words: Words = DUTCH) -> str:
    """Describe the work of one line: what it is, for which project, when; one entry adds its own note.

    `sources` are all of one kind and in order of date; `per` is what the lines are grouped by.
    """
    parts = [*_what(sources, per, words), _projects(sources, words), _period(sources, words)]
    text = ", ".join(part for part in parts if part)
    note = one_line(sources[0].note) if per == "entry" else ""
    return f"{text}: {note}" if note else text


def dated(day: date) -> str:
    """Write a day as dd-mm-yyyy."""
    return f"{day.day:02d}-{day.month:02d}-{day.year:04d}"


def one_line(text: str) -> str:
    """Bring text on one line with single spaces."""
    return " ".join(text.split())


def _what(sources: Sequence[Source], per: str, words: Words) -> list[str]:
    first = sources[0]
    if first.kind == "time":
        activity, user = one_line(first.activity_name) or words.hours, one_line(first.user_name)
        if per in ("user", "user_activity"):
            return [user, activity] if per == "user_activity" else [user or words.hours]
        return [activity] if per in ("entry", "activity", "project_activity") else [words.hours]
    if first.kind == "expense":
        return [words.expenses] if per == "single" else [one_line(first.category_name) or words.expense]
    if per == "vehicle":
        return [words.trips, one_line(first.vehicle_name)]
    return [words.trip] if per == "entry" else [words.trips]


def _projects(sources: Sequence[Source], words: Words) -> str:
    names = {one_line(source.project_name) for source in sources if source.project_id is not None} - {""}
    if len(names) > MOST_PROJECTS_BY_NAME:
        return words.projects % {"count": len(names)}
    return ", ".join(sorted(names, key=lambda name: (name.casefold(), name)))


def _period(sources: Sequence[Source], words: Words) -> str:
    first, last = min(source.date for source in sources), max(source.date for source in sources)
    return dated(first) if first == last else words.period % {"first": dated(first), "last": dated(last)}
