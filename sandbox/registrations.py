"""Three months of hours, expenses and trips of the demo company: the same on every machine, relative to today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from typing import Any

from models import Activity, Customer, Expense, ExpenseCategory, Project, Receipt, TimeEntry, Trip, User, Vehicle
from sandbox import studio

SEED = "waterlinie"
FOCUS = 3
"""So many projects does a person work on within one week."""


@dataclass(frozen=True, slots=True)
class House:
    """The rows that work refers to, by the keys of `sandbox.studio`."""

    people: dict[str, User]
    customers: dict[str, Customer]
    projects: dict[str, Project]
    activities: dict[str, Activity]
    categories: dict[str, ExpenseCategory]
    vehicles: dict[str, Vehicle]


def first_of_month(day: date, months_back: int = 0) -> date:
    """The first day of the month so many months before this day's."""
    months = day.year * 12 + day.month - 1 - months_back
    return date(months // 12, months % 12 + 1, 1)


def days_until(today: date) -> Iterator[date]:
    """Every day of the two months before this one, and of this one up to today."""
    day = first_of_month(today, 2)
    while day <= today:
        yield day
        day += timedelta(days=1)


def everything(house: House, today: date) -> list[Any]:
    """All rows, unsaved and without rates."""
    return [*hours(house, today), *expenses(house, today), *trips(house, today)]


def _evening(day: date) -> datetime:
    return datetime.combine(day, time(16, 30), UTC)


# --- Hours ----------------------------------------------------------------------------------------------------------------------


def hours(house: House, today: date) -> Iterator[TimeEntry]:
    """What everybody did on their working days."""
    for person in studio.PEOPLE:
        random = Random(f"{SEED} hours {person.key}")
        holiday = first_of_month(today, 1) + timedelta(days=random.randrange(20))
        for day in days_until(today):
            focus = _focus(person, day)
            works = day.weekday() in person.days and random.random() > 0.04 and not holiday <= day < holiday + timedelta(days=3)
            if works:
                yield from _day(house, person, day, focus, today, random)


def _focus(person: studio.Person, day: date) -> list[studio.Job]:
    random = Random(f"{SEED} {person.key} {day.isocalendar().year} {day.isocalendar().week}")
    own = [job for job in studio.PROJECTS if person.key in {member.partition(":")[0] for member in job.members}]
    return random.sample(own, min(FOCUS, len(own)))


def _day(house: House, person: studio.Person, day: date, focus: list[studio.Job], today: date, random: Random) -> Iterator[TimeEntry]:
    left = random.choice((420, 450, 465, 480, 480, 495))
    if day.weekday() == 0:
        left -= 30
        yield _entry(house, person, day, "INTERN", "Intern overleg", 30, today, random)
    elif random.random() < 0.08:
        left -= 60
        yield _entry(house, person, day, "INTERN", random.choice(("Acquisitie", "Opleiding")), 60, today, random)
    chosen = random.sample(focus, min(len(focus), random.choice((1, 2, 2, 3))))
    for position, job in enumerate(chosen):
        minutes = left if position == len(chosen) - 1 else random.randrange(2, max(3, left // 15 - 2 * (len(chosen) - position))) * 15
        left -= minutes
        activity = random.choice(job.activities).partition(":")[0]
        yield _entry(house, person, day, job.code, activity, minutes, today, random)


def _entry(
    house: House, person: studio.Person, day: date, code: str, activity: str, minutes: int, today: date, random: Random
) -> TimeEntry:
    project, work = house.projects[code], next(work for work in studio.ACTIVITIES if work.name == activity)
    status = _status(person, day, today, random)
    return TimeEntry(
        user_id=house.people[person.key].id,
        customer_id=project.customer_id,
        project_id=project.id,
        activity_id=house.activities[activity].id,
        date=day,
        duration_minutes=minutes,
        note=random.choice(work.notes),
        billable=work.billable and project.invoicing_method != "none",
        status=status,
        approved_by_id=house.people["ans" if person.key == "bram" else "bram"].id if status == "approved" else None,
        created_at=_evening(day),
        updated_at=_evening(day),
    )


def _status(person: studio.Person, day: date, today: date, random: Random) -> str:
    """Past months are approved, this month mostly, the last days not yet; Joris hands his hours in, and a few were not accepted."""
    chance = random.random()
    if day < first_of_month(today):
        return "written_off" if chance < 0.01 else "approved"
    if today - day < timedelta(days=5):
        return "submitted" if person.key == "joris" else "open"
    if chance < 0.02:
        return "rejected"
    return "approved" if chance < 0.85 else "open"


# --- Expenses and trips ---------------------------------------------------------------------------------------------------------


def expenses(house: House, today: date) -> Iterator[Expense]:
    """About two a week, most of them with the receipt."""
    random = Random(f"{SEED} expenses")
    for day in days_until(today):
        if day.weekday() > 4 or random.random() > 0.4:
            continue
        category = random.choice(studio.CATEGORIES)
        what, cents = random.choice(category.bought)
        job = random.choice([job for job in studio.PROJECTS if job.members])
        person = random.choice(job.members).partition(":")[0]
        yield _expense(house, day, category, what, cents, job, person, random)


def _expense(
    house: House, day: date, category: studio.Category, what: str, cents: int, job: studio.Job, person: str, random: Random
) -> Expense:
    project = house.projects[job.code]
    row = Expense(
        user_id=house.people[person].id,
        customer_id=project.customer_id,
        project_id=project.id,
        category_id=house.categories[category.name].id,
        date=day,
        quantity_e4=random.randrange(20, 160) * 10_000 if category.unit else 10_000,
        unit_price_e4=cents * 100,
        vat_included=category.name in ("Parkeren", "Reiskosten"),
        purchase_vat_bp=category.purchase_vat_bp,
        note=what,
        billable=project.invoicing_method != "none",
        reimbursable=random.random() < 0.5,
        status="open",
        created_at=_evening(day),
        updated_at=_evening(day),
    )
    if category.has_receipt:
        content = receipt(f"{what}, {day:%d-%m-%Y}, EUR {cents / 100:.2f}".replace(".", ","))
        row.receipts.append(
            Receipt(
                filename=f"bon-{day:%Y%m%d}.pdf",
                content_type="application/pdf",
                size_bytes=len(content),
                content=content,
                created_at=_evening(day),
            )
        )
    return row


def receipt(text: str) -> bytes:
    """A small PDF with one line of text."""
    words = text.replace("\\", "").replace("(", "").replace(")", "")
    stream = f"BT /F1 12 Tf 20 60 Td ({words}) Tj ET".encode("cp1252", "replace")
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 320 120]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    )
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, start=1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(content)
    return content + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (table, start)


def trips(house: House, today: date) -> Iterator[Trip]:
    """To customers a few times a week, home and work on Tuesdays for Joris, and now and then something private."""
    for person in studio.PEOPLE:
        if not person.drives:
            continue
        random = Random(f"{SEED} trips {person.key}")
        visited = [job for job in studio.PROJECTS if job.customer in studio.CITIES and person.key in job.members]
        for day in days_until(today):
            if day.weekday() not in person.days:
                continue
            chance = random.random()
            if visited and chance < 0.15:
                job = random.choice(visited)
                city, far = studio.CITIES[job.customer]
                yield _trip(house, person, day, job.code, "Utrecht", city, far, "business", "Bezoek aan de klant")
            elif person.key == "joris" and day.weekday() == 1:
                yield _trip(house, person, day, "INTERN", "Culemborg", "Utrecht", 224, "commute", "")
            elif chance > 0.97:
                yield _trip(house, person, day, "INTERN", "Utrecht", "Zeist", 98, "private", "")


def _trip(
    house: House, person: studio.Person, day: date, code: str, origin: str, destination: str, far_km10: int, kind: str, note: str
) -> Trip:
    project = house.projects[code]
    return Trip(
        user_id=house.people[person.key].id,
        customer_id=project.customer_id,
        project_id=project.id,
        vehicle_id=house.vehicles[person.drives].id,
        date=day,
        origin=origin,
        destination=destination,
        distance_km10=far_km10,
        is_return=True,
        kind=kind,
        note=note,
        billable=kind == "business",
        status="open",
        created_at=_evening(day),
        updated_at=_evening(day),
    )
