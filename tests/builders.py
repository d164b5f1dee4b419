"""People, customers, projects and work for tests, each with believable defaults and saved at once."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from models import Activity, Customer, Expense, ExpenseCategory, Project, TimeEntry, Trip, User, db

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PASSWORD = "een heel lang wachtwoord"
_counter = iter(range(1, 10_000_000))


def _save(row: Any) -> Any:
    db.session.add(row)
    db.session.commit()
    return row


def user(role: str = "administrator", email: str = "", password: str | None = None, **values: Any) -> User:
    from blueprints.rights import hash_password

    n = next(_counter)
    values = {"name": f"Medewerker {n}", "created_at": NOW, "role": role, "email": email or f"medewerker{n}@bureau.example"} | values
    return _save(User(password_hash=hash_password(password) if password else None, **values))


def customer(number: str | None = None, name: str = "", **values: Any) -> Customer:
    n = next(_counter)
    number = f"K{n}" if number is None else number
    values = {"created_at": NOW, "updated_at": NOW, "flags": []} | values
    return _save(Customer(number=number, number_key=number.strip().casefold(), name=name or f"Klant {n}", **values))


def project(of: Customer | None = None, method: str = "project", hourly_rate_e4: int | None = 950_000, **values: Any) -> Project:
    owner = of or customer()
    values = {"name": f"Project {next(_counter)}", "created_at": NOW} | values
    return _save(Project(customer_id=owner.id, invoicing_method=method, hourly_rate_e4=hourly_rate_e4, **values))


def activity(name: str = "", **values: Any) -> Activity:
    return _save(Activity(name=name or f"Activiteit {next(_counter)}", **values))


def category(name: str = "", **values: Any) -> ExpenseCategory:
    return _save(ExpenseCategory(name=name or f"Categorie {next(_counter)}", **values))


def entry(of: Project | None = None, by: User | None = None, doing: Activity | None = None, minutes: int = 60, **values: Any) -> TimeEntry:
    """An hour, at the project's own rate unless told otherwise."""
    work = of or project()
    values = {
        "date": date(2026, 11, 18),
        "rate_e4": work.hourly_rate_e4,
        "rate_source": "project",
        "created_at": NOW,
        "updated_at": NOW,
    } | values
    return _save(
        TimeEntry(
            customer_id=work.customer_id,
            project_id=work.id,
            user_id=(by or user("user")).id,
            activity_id=(doing or activity()).id,
            duration_minutes=minutes,
            **values,
        )
    )


def expense(
    of: Project | None = None, by: User | None = None, kind: ExpenseCategory | None = None, unit_price_e4: int = 250_000, **values: Any
) -> Expense:
    work = of or project()
    values = {"date": date(2026, 11, 18), "created_at": NOW, "updated_at": NOW} | values
    return _save(
        Expense(
            customer_id=work.customer_id,
            project_id=work.id,
            user_id=(by or user("user")).id,
            category_id=(kind or category()).id,
            unit_price_e4=unit_price_e4,
            **values,
        )
    )


def trip(of: Project | None = None, by: User | None = None, distance_km10: int = 460, **values: Any) -> Trip:
    work = of or project()
    values = {
        "date": date(2026, 11, 18),
        "origin": "Utrecht",
        "destination": "Zeist",
        "rate_e4": 3500,
        "rate_source": "organisation",
    } | values
    values = {"created_at": NOW, "updated_at": NOW} | values
    return _save(
        Trip(customer_id=work.customer_id, project_id=work.id, user_id=(by or user("user")).id, distance_km10=distance_km10, **values)
    )
