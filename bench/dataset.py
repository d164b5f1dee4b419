"""Writes the made-up company that speed is measured on, as CSV files that are the same bytes on every machine.

    python bench/dataset.py --entries 100000 --out FOLDER
    flask --app app data load FOLDER

By default 500 customers, 1,500 projects (three each, one in ten without invoicing), 40 people, 30 activities, 5,000 expenses,
5,000 trips and as many time entries as asked for, spread over the weekdays of 2023 up to 2025. Few customers and projects are busy,
most are quiet. Billable work before OPEN_FROM counts as invoiced, later work is open. Amounts are cents, durations whole minutes.

Nothing but `random.Random(seed).random()` decides, so neither the version of Python nor the machine does. Every file draws from a
stream of its own; within a row the order of the draws is part of the data, so do not reorder them.
"""

from __future__ import annotations

import argparse
import csv
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TypeVar

SEED = 20251231
FIRST_DAY, LAST_DAY = date(2023, 1, 1), date(2025, 12, 31)
OPEN_FROM = date(2025, 10, 1)

NAME_BEGINNINGS = (
    *("Noord", "Zuid", "Oost", "West", "Delta", "Linde", "Haven", "Molen", "Berg", "Duin", "Veld", "Rivier", "Polder", "Kade", "Stads"),
    *("Water", "Zilver", "Groen", "Blauw", "Ster", "Zon", "Maan", "Eik", "Beuk", "Wilg", "Meer", "Brug", "Toren", "Kroon", "Anker"),
)
NAME_ENDINGS = (
    *("bouw", "techniek", "advies", "zorg", "logistiek", "software", "media", "energie", "installaties", "onderwijs"),
    *("retail", "horeca", "transport", "design", "finance", "accountants", "juristen", "metaal", "agro", "data"),
)
LEGAL_FORMS = ("B.V.", "V.O.F.", "N.V.", "Stichting", "")
CITIES = (
    *("Utrecht", "Rotterdam", "Zwolle", "Eindhoven", "Groningen", "Arnhem"),
    *("Breda", "Haarlem", "Leiden", "Tilburg", "Almere", "Assen"),
)
PAYMENT_DAYS = (14, 30, 30, 60)
ASSIGNMENTS = (
    *("Onderhoud", "Nieuwbouw website", "Migratie", "Supportcontract", "Advies"),
    *("Koppeling boekhouding", "Training", "Audit", "Campagne", "Doorontwikkeling"),
)
ACTIVITIES = (
    *("Ontwikkeling", "Analyse", "Overleg", "Testen", "Support", "Ontwerp", "Projectleiding", "Documentatie", "Training", "Installatie"),
    *("Onderzoek", "Review", "Beheer", "Advies", "Administratie", "Reistijd", "Voorbereiding", "Nazorg", "Redactie", "Fotografie"),
    *("Montage", "Inspectie", "Tekenwerk", "Calculatie", "Inkoop", "Werkvoorbereiding", "Uitvoering", "Oplevering", "Storing", "Verkoop"),
)
DONE = (
    *("Uitgewerkt", "Besproken", "Getest", "Opgelost", "Voorbereid", "Nagekeken"),
    *("Aangepast", "Gebouwd", "Onderzocht", "Afgestemd", "Gedocumenteerd", "Opgeleverd"),
)
SUBJECTS = (
    *("factuurlayout", "koppeling met het boekhoudpakket", "exportbestand", "foutmelding bij inloggen", "planning komende sprint"),
    *("offerte", "rapportage per kwartaal", "zoekfunctie", "mailing", "urenoverzicht voor de klant"),
    *("rechten van medewerkers", "importscript", "mobiele weergave", "testomgeving", "handleiding"),
)
ADDITIONS = (
    *("", "", "", " met de opdrachtgever", " na melding van de klant"),
    *(" volgens afspraak", " (tweede ronde)", " - zie ticket"),
)
PURCHASES = ("Parkeren", "Lunch met klant", "Hardware", "Licentie", "Hotel", "Treinkaartje", "Drukwerk", "Domeinnaam")
PURCHASE_VAT = (0, 9, 21)
KM_RATE_CENTS = 23

T = TypeVar("T")
Row = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows of each kind, and the number that every draw starts from."""

    customers: int = 500
    projects: int = 1500
    users: int = 40
    activities: int = 30
    entries: int = 10_000
    expenses: int = 5000
    trips: int = 5000
    seed: int = SEED


class Draws:
    """One stream of draws, each costing exactly one random number."""

    def __init__(self, seed: int) -> None:
        self.number = random.Random(seed).random

    def under(self, limit: int) -> int:
        """A whole number from 0, below the limit."""
        return int(limit * self.number())

    def low(self, limit: int) -> int:
        """The same, low numbers much more often than high ones."""
        number = self.number()
        return int(number * number * limit)

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.under(len(choices))]


@dataclass(frozen=True, slots=True)
class Project:
    id: int
    customer_id: int
    name: str
    is_billable: bool
    rate_cents: int


def weekdays() -> list[date]:
    every = (FIRST_DAY + timedelta(days=n) for n in range((LAST_DAY - FIRST_DAY).days + 1))
    return [day for day in every if day.isoweekday() <= 5]


# --- One function per file: its rows, in the order of its columns ----------------------------------------------------------------


def customers(size: Size) -> Iterator[Row]:
    draw = Draws(size.seed + 1)
    for id in range(1, size.customers + 1):
        beginning, ending, form = draw.one_of(NAME_BEGINNINGS), draw.one_of(NAME_ENDINGS), draw.one_of(LEGAL_FORMS)
        street = f"{draw.one_of(NAME_BEGINNINGS)}straat {draw.under(200) + 1}"
        digits, *letters = draw.under(8999) + 1000, draw.under(26), draw.under(26)
        city = draw.one_of(CITIES)
        phone = f"0{draw.under(50) + 30}-{draw.under(8_999_999) + 1_000_000}"
        yield (
            id,
            f"D{id + 10_000}",
            f"{beginning}{ending} {id:05d} {form}".rstrip(),
            f"Contact {id}",
            street,
            f"{digits} " + "".join(chr(ord("A") + letter) for letter in letters),
            city,
            "NL",
            f"administratie{id}@klant{id}.example",
            phone,
            f"NL{id + 100_000_000}B01",
            draw.one_of(PAYMENT_DAYS),
        )


def work(size: Size) -> list[Project]:
    """The projects that everything else is drawn from."""
    draw = Draws(size.seed + 2)
    found = []
    for id in range(1, size.projects + 1):
        name = f"{draw.one_of(ASSIGNMENTS)} {id:05d}"
        rate_cents = 6500 + draw.under(20) * 500
        found.append(Project(id, (id - 1) % size.customers + 1, name, id % 10 > 0, rate_cents))
    return found


def projects(size: Size) -> Iterator[Row]:
    for project in work(size):
        yield project.id, project.customer_id, f"P{project.id:05d}", project.name, int(project.is_billable), project.rate_cents


def users(size: Size) -> Iterator[Row]:
    draw = Draws(size.seed + 3)
    for id in range(1, size.users + 1):
        login = f"user{id:03d}"
        yield id, login, f"Medewerker {id:03d} {draw.one_of(NAME_BEGINNINGS)}", f"{login}@bureau.example"


def activities(size: Size) -> Iterator[Row]:
    for index in range(size.activities):
        yield index + 1, ACTIVITIES[index % len(ACTIVITIES)]


def entries(size: Size) -> Iterator[Row]:
    draw = Draws(size.seed + 4)
    known, days = work(size), [(day.isoformat(), day < OPEN_FROM) for day in weekdays()]
    for index in range(size.entries):
        day, is_past = days[index * len(days) // size.entries]
        project = known[draw.low(len(known))]
        minutes = (draw.low(16) + 1) * 15
        note = f"{draw.one_of(DONE)}: {draw.one_of(SUBJECTS)}{draw.one_of(ADDITIONS)}"
        if draw.number() < 0.3:
            note += f" #{draw.under(9000) + 1000}"
        user, activity = draw.under(size.users) + 1, draw.low(size.activities) + 1
        start = f"{draw.under(9) + 8:02d}:{draw.under(4) * 15:02d}"
        billable, invoiced = int(project.is_billable), int(project.is_billable and is_past)
        yield index + 1, user, project.id, activity, day, start, minutes, note, billable, invoiced, project.rate_cents


def _spread(size: Size, rows: int, draw: Draws) -> Iterator[tuple[int, Row, Row]]:
    """The rows of a smaller file: its number; who, where and when; whether it is billable and whether it was invoiced."""
    known, days = work(size), weekdays()
    for index in range(rows):
        project, day = known[draw.low(len(known))], days[index * len(days) // rows]
        who_where_when = (draw.under(size.users) + 1, project.id, day.isoformat())
        yield index + 1, who_where_when, (int(project.is_billable), int(project.is_billable and day < OPEN_FROM))


def expenses(size: Size) -> Iterator[Row]:
    draw = Draws(size.seed + 5)
    for id, who_where_when, flags in _spread(size, size.expenses, draw):
        yield id, *who_where_when, f"{draw.one_of(PURCHASES)} {id}", draw.under(40_000) + 100, draw.one_of(PURCHASE_VAT), *flags


def trips(size: Size) -> Iterator[Row]:
    draw = Draws(size.seed + 6)
    for id, who_where_when, flags in _spread(size, size.trips, draw):
        yield id, *who_where_when, draw.one_of(CITIES), draw.one_of(CITIES), draw.under(240) + 2, KM_RATE_CENTS, *flags


# --- Files ----------------------------------------------------------------------------------------------------------------------

FILES: dict[str, tuple[str, Callable[[Size], Iterator[Row]]]] = {
    "customers": ("id number name contact street zip city country email phone vat payment_days", customers),
    "projects": ("id customer_id code name billable rate_cents", projects),
    "users": ("id login name email", users),
    "activities": ("id name", activities),
    "entries": ("id user_id project_id activity_id date start minutes description billable invoiced rate_cents", entries),
    "expenses": ("id user_id project_id date description amount_cents vat_pct billable invoiced", expenses),
    "trips": ("id user_id project_id date origin destination km rate_cents billable invoiced", trips),
}


def write(name: str, size: Size, folder: Path) -> tuple[Path, int]:
    """Writes one file and gives its path and number of rows; without any rows the file is empty, without a header."""
    columns, rows_of = FILES[name]
    path, count = folder / f"{name}.csv", 0
    with path.open("w", encoding="utf-8", newline="") as file:
        sheet = csv.writer(file)
        for count, row in enumerate(rows_of(size), 1):
            if count == 1:
                sheet.writerow(columns.split())
            sheet.writerow(row)
    return path, count


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Writes the CSV files of a made-up company, the same on every machine.")
    usual = Size()
    for name in FILES:
        parser.add_argument(f"--{name}", type=_count, default=getattr(usual, name), metavar="N", help="%(default)s unless told otherwise")
    parser.add_argument("--seed", type=int, default=SEED, metavar="N")
    parser.add_argument("--only", nargs="*", choices=list(FILES), metavar="FILE", help="write these files alone: " + ", ".join(FILES))
    parser.add_argument("--format", choices=["csv"], default="csv", help="there is one")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    parser = _options()
    given = parser.parse_args(arguments)
    size = Size(**{name: getattr(given, name) for name in (*FILES, "seed")})
    if not size.projects and (size.entries or size.expenses or size.trips):
        parser.error("work needs projects: give --projects, or --entries 0 --expenses 0 --trips 0")
    if not size.customers and size.projects:
        parser.error("projects need customers: give --customers, or --projects 0")
    given.out.mkdir(parents=True, exist_ok=True)
    for name in given.only or FILES:
        path, count = write(name, size, given.out)
        print(f"{path}: {count} rows")


if __name__ == "__main__":
    main()
