"""Every table, in the order a piece of work lives: the company, its people, its customers and projects, what is registered,
what is linked to an accounting package, what was invoiced, and what was transferred.

Amounts are integers with their unit in the name: `_cents` of the currency, `_e4` ten-thousandths of the currency unit (or of a unit
of quantity), `_bp` basis points, `_km10` tenths of a kilometre, `_minutes`. Instants end in `_at` and are aware UTC. Days are calendar
days of the organisation. Constraints live here, workflows do not.
"""

from __future__ import annotations

import json
from contextvars import ContextVar
from datetime import UTC, datetime
from datetime import date as Day
from typing import TYPE_CHECKING, Any, cast

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import CursorResult, Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeDecorator

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model

read_only: ContextVar[bool] = ContextVar("read_only", default=False)
"""True while a page is only looked at: SQLite then begins its transactions without the write lock."""


class Instant(TypeDecorator[datetime]):
    """A moment, aware UTC in Python, without a zone in the database (both databases then sort and compare alike)."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """A small JSON value in a text column, written canonically so that equal values are equal text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


def canonical_json(value: Any) -> str:
    """The one way a value is written as JSON: sorted keys, no spaces. Hashes are taken over this text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def rows_changed(statement: UpdateBase) -> int:
    """Runs an UPDATE or DELETE and tells how many rows it changed: the answer to "was it still as I thought?"."""
    return cast("CursorResult[Any]", db.session.execute(statement)).rowcount


# --- The company and its people ------------------------------------------------------------------------------------------------


class Organisation(Model):
    """The one company of this installation."""

    __tablename__ = "organisation"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    name: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(200), default="")
    postal_code: Mapped[str] = mapped_column(String(20), default="")
    city: Mapped[str] = mapped_column(String(100), default="")
    country: Mapped[str] = mapped_column(String(2), default="NL")
    vat_number: Mapped[str] = mapped_column(String(30), default="")
    coc_number: Mapped[str] = mapped_column(String(20), default="")
    iban: Mapped[str] = mapped_column(String(40), default="")
    bic: Mapped[str] = mapped_column(String(11), default="")
    email: Mapped[str] = mapped_column(String(255), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    timezone: Mapped[str] = mapped_column(String(64), default="Europe/Amsterdam")
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    language: Mapped[str] = mapped_column(String(2), default="nl")
    payment_term_days: Mapped[int] = mapped_column(default=30)
    vat_regime_id: Mapped[int | None] = mapped_column(ForeignKey("vat_regime.id"))
    rounding_minutes: Mapped[int] = mapped_column(default=0)
    rounding_direction: Mapped[str] = mapped_column(String(10), default="nearest")
    rounding_scope: Mapped[str] = mapped_column(String(20), default="entry")
    quantity_basis: Mapped[str] = mapped_column(String(10), default="exact")
    approve_hours: Mapped[bool] = mapped_column(default=False)
    approve_expenses: Mapped[bool] = mapped_column(default=False)
    approve_trips: Mapped[bool] = mapped_column(default=False)
    km_rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    nightly_at: Mapped[str] = mapped_column(String(5), default="03:30")
    installation_id: Mapped[str] = mapped_column(String(32), default="")
    marker_prefix: Mapped[str] = mapped_column(String(4), default="")
    setup_token_hash: Mapped[str | None] = mapped_column(String(64))
    is_demo: Mapped[bool] = mapped_column(default=False)


INVOICING_ROLES = ("administrator", "project_manager")
"""Roles that may invoice; asked again in the background before anything is sent."""


class User(Model):
    """A person who signs in. Roles: administrator, project_manager, team_manager, user."""

    __tablename__ = "user"
    __table_args__ = (UniqueConstraint("email"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20), default="user")
    language: Mapped[str | None] = mapped_column(String(2))
    active: Mapped[bool] = mapped_column(default=True)
    hourly_rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    created_at: Mapped[datetime] = mapped_column(Instant)


class LoginSession(Model):
    """A signed-in browser. The cookie carries the token, the table only its hash."""

    __tablename__ = "login_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime] = mapped_column(Instant)
    seen_at: Mapped[datetime] = mapped_column(Instant)
    selection: Mapped[Any] = mapped_column(Json, default=dict)
    """Rows ticked under Reports: {"time": [...], "expense": [...], "trip": [...]}."""


class Throttle(Model):
    """A failed attempt that counts against somebody's or some address's limit."""

    __tablename__ = "throttle"
    __table_args__ = (Index("ix_throttle_key_at", "key", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(300))
    at: Mapped[datetime] = mapped_column(Instant)


class FormToken(Model):
    """A form that was already handled, and where its answer was: a repeated post gets that answer."""

    __tablename__ = "form_token"
    __table_args__ = (UniqueConstraint("user_id", "token"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    token: Mapped[str] = mapped_column(String(64))
    location: Mapped[str] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(Instant)


class AuditEvent(Model):
    """Who did what to which thing, and when. Never changed, never deleted."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_object", "object_type", "object_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(Instant)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    action: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[int | None] = mapped_column(default=None)
    details: Mapped[Any] = mapped_column(Json, default=dict)

    user: Mapped[User | None] = relationship()


# --- What is agreed: VAT, activities, categories, customers, projects -----------------------------------------------------------


class VatRegime(Model):
    """A VAT regime. Kinds: standard, zero, exempt, reverse_charge, outside; `percentage_bp` is empty where there is no rate."""

    __tablename__ = "vat_regime"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(10), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(20))
    percentage_bp: Mapped[int | None] = mapped_column(default=None)
    invoice_text: Mapped[str] = mapped_column(String(300), default="")
    position: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)


class Activity(Model):
    __tablename__ = "activity"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(40), default="")
    billable: Mapped[bool] = mapped_column(default=True)
    hourly_rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    default_for_new_projects: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)


class ExpenseCategory(Model):
    """A kind of expense. Sales treatment: recharge (with our VAT) or pass_through (outside VAT)."""

    __tablename__ = "expense_category"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(40), default="")
    unit: Mapped[str] = mapped_column(String(20), default="")
    unit_price_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    purchase_vat_bp: Mapped[int | None] = mapped_column(default=None)
    sales_treatment: Mapped[str] = mapped_column(String(20), default="recharge")
    markup_bp: Mapped[int] = mapped_column(default=0)
    billable: Mapped[bool] = mapped_column(default=True)
    active: Mapped[bool] = mapped_column(default=True)


class Vehicle(Model):
    __tablename__ = "vehicle"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    plate: Mapped[str] = mapped_column(String(20), default="")
    owner: Mapped[str] = mapped_column(String(10), default="company")
    active: Mapped[bool] = mapped_column(default=True)


class Customer(Model):
    """A customer. `number_key` is the number as it is compared: trimmed and without case; unique when filled."""

    __tablename__ = "customer"
    __table_args__ = (
        Index(
            "uq_customer_number_key",
            "number_key",
            unique=True,
            sqlite_where=text("number_key <> ''"),
            postgresql_where=text("number_key <> ''"),
        ),
        Index("ix_customer_name", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[str] = mapped_column(String(50), default="")
    number_key: Mapped[str] = mapped_column(String(60), default="")
    name: Mapped[str] = mapped_column(String(300))
    contact_first_name: Mapped[str] = mapped_column(String(100), default="")
    contact_last_name: Mapped[str] = mapped_column(String(100), default="")
    address: Mapped[str] = mapped_column(String(200), default="")
    postal_code: Mapped[str] = mapped_column(String(20), default="")
    city: Mapped[str] = mapped_column(String(100), default="")
    country: Mapped[str] = mapped_column(String(2), default="NL")
    invoice_address: Mapped[str] = mapped_column(String(200), default="")
    invoice_postal_code: Mapped[str] = mapped_column(String(20), default="")
    invoice_city: Mapped[str] = mapped_column(String(100), default="")
    invoice_country: Mapped[str] = mapped_column(String(2), default="")
    email: Mapped[str] = mapped_column(String(255), default="")
    invoice_email: Mapped[str] = mapped_column(String(500), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    website: Mapped[str] = mapped_column(String(200), default="")
    vat_number: Mapped[str] = mapped_column(String(30), default="")
    coc_number: Mapped[str] = mapped_column(String(20), default="")
    iban: Mapped[str] = mapped_column(String(40), default="")
    bic: Mapped[str] = mapped_column(String(11), default="")
    payment_term_days: Mapped[int | None] = mapped_column(default=None)
    vat_regime_id: Mapped[int | None] = mapped_column(ForeignKey("vat_regime.id"))
    hourly_rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    km_rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    language: Mapped[str] = mapped_column(String(2), default="nl")
    invoice_reference: Mapped[str] = mapped_column(String(100), default="")
    rounding_minutes: Mapped[int | None] = mapped_column(default=None)
    rounding_direction: Mapped[str | None] = mapped_column(String(10))
    rounding_scope: Mapped[str | None] = mapped_column(String(20))
    quantity_basis: Mapped[str | None] = mapped_column(String(10))
    notes: Mapped[str] = mapped_column(Text, default="")
    flags: Mapped[Any] = mapped_column(Json, default=list)
    """Fields that an import kept as the other side said them although they do not check, such as ["vat_number"]."""
    active: Mapped[bool] = mapped_column(default=True)
    prospect: Mapped[bool] = mapped_column(default=False)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)

    vat_regime: Mapped[VatRegime | None] = relationship()


class Project(Model):
    """Work for one customer. Invoicing methods of this version: none, activity, user, project, customer."""

    __tablename__ = "project"
    __table_args__ = (Index("ix_project_customer_id", "customer_id"), Index("ix_project_code", "code"))

    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    name: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(40), default="")
    description: Mapped[str] = mapped_column(Text, default="")
    colour: Mapped[str] = mapped_column(String(7), default="#2f7d5f")
    starts_on: Mapped[Day | None] = mapped_column(default=None)
    ends_on: Mapped[Day | None] = mapped_column(default=None)
    invoicing_method: Mapped[str] = mapped_column(String(20), default="activity")
    hourly_rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    reference: Mapped[str] = mapped_column(String(100), default="")
    rounding_minutes: Mapped[int | None] = mapped_column(default=None)
    rounding_direction: Mapped[str | None] = mapped_column(String(10))
    rounding_scope: Mapped[str | None] = mapped_column(String(20))
    vat_regime_id: Mapped[int | None] = mapped_column(ForeignKey("vat_regime.id"))
    active: Mapped[bool] = mapped_column(default=True)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)

    customer: Mapped[Customer] = relationship()
    vat_regime: Mapped[VatRegime | None] = relationship()


class ProjectActivity(Model):
    """An activity of a project. A project without any offers every active activity."""

    __tablename__ = "project_activity"
    __table_args__ = (UniqueConstraint("project_id", "activity_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id"), index=True)
    billable: Mapped[bool] = mapped_column(default=True)
    hourly_rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    active: Mapped[bool] = mapped_column(default=True)

    activity: Mapped[Activity] = relationship()


class ProjectUser(Model):
    """A member of a project. A project without any is open to everybody."""

    __tablename__ = "project_user"
    __table_args__ = (UniqueConstraint("project_id", "user_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    hourly_rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    is_manager: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)

    user: Mapped[User] = relationship()


# --- What is registered. Statuses: open, submitted, approved, written_off, rejected; "invoiced" is a live billing link ----------


class TimeEntry(Model):
    __tablename__ = "time_entry"
    __table_args__ = (
        CheckConstraint("duration_minutes BETWEEN -1440 AND 1440", name="duration"),
        Index("ix_time_entry_customer_date", "customer_id", "date"),
        Index("ix_time_entry_user_date", "user_id", "date"),
        Index("ix_time_entry_project_date", "project_id", "date"),
        Index("ix_time_entry_date", "date"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id"))
    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id"))
    date: Mapped[Day]
    duration_minutes: Mapped[int]
    note: Mapped[str] = mapped_column(Text, default="")
    billable: Mapped[bool] = mapped_column(default=True)
    status: Mapped[str] = mapped_column(String(12), default="open")
    rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    rate_source: Mapped[str] = mapped_column(String(20), default="missing")
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)

    user: Mapped[User] = relationship(foreign_keys=[user_id])
    customer: Mapped[Customer] = relationship()
    project: Mapped[Project | None] = relationship()
    activity: Mapped[Activity] = relationship()


class WeekRow(Model):
    """A row that a person put on the sheet of a week (its Monday), also while no hours stand in it."""

    __tablename__ = "week_row"
    __table_args__ = (UniqueConstraint("user_id", "week_on", "project_id", "activity_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    week_on: Mapped[Day]
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id", ondelete="CASCADE"))
    activity_id: Mapped[int] = mapped_column(ForeignKey("activity.id", ondelete="CASCADE"))


class Expense(Model):
    __tablename__ = "expense"
    __table_args__ = (
        Index("ix_expense_customer_date", "customer_id", "date"),
        Index("ix_expense_user_date", "user_id", "date"),
        Index("ix_expense_date", "date"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id"))
    category_id: Mapped[int] = mapped_column(ForeignKey("expense_category.id"))
    date: Mapped[Day]
    quantity_e4: Mapped[int] = mapped_column(BigInteger, default=10000)
    unit_price_e4: Mapped[int] = mapped_column(BigInteger)
    vat_included: Mapped[bool] = mapped_column(default=False)
    purchase_vat_bp: Mapped[int | None] = mapped_column(default=None)
    note: Mapped[str] = mapped_column(Text, default="")
    billable: Mapped[bool] = mapped_column(default=True)
    reimbursable: Mapped[bool] = mapped_column(default=False)
    status: Mapped[str] = mapped_column(String(12), default="open")
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)

    user: Mapped[User] = relationship(foreign_keys=[user_id])
    customer: Mapped[Customer] = relationship()
    project: Mapped[Project | None] = relationship()
    category: Mapped[ExpenseCategory] = relationship()
    receipts: Mapped[list[Receipt]] = relationship(order_by="Receipt.id")


class Receipt(Model):
    """A file beside an expense. The bytes are loaded only when asked for."""

    __tablename__ = "receipt"

    id: Mapped[int] = mapped_column(primary_key=True)
    expense_id: Mapped[int] = mapped_column(ForeignKey("expense.id", ondelete="CASCADE"), index=True)
    filename: Mapped[str] = mapped_column(String(200))
    content_type: Mapped[str] = mapped_column(String(60))
    size_bytes: Mapped[int]
    content: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    created_at: Mapped[datetime] = mapped_column(Instant)


class Trip(Model):
    """A trip. Kinds: business, commute, private (never billable). `distance_km10` is one way; a return trip counts twice."""

    __tablename__ = "trip"
    __table_args__ = (
        Index("ix_trip_customer_date", "customer_id", "date"),
        Index("ix_trip_user_date", "user_id", "date"),
        Index("ix_trip_date", "date"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    project_id: Mapped[int | None] = mapped_column(ForeignKey("project.id"))
    vehicle_id: Mapped[int | None] = mapped_column(ForeignKey("vehicle.id"))
    date: Mapped[Day]
    origin: Mapped[str] = mapped_column(String(200), default="")
    destination: Mapped[str] = mapped_column(String(200), default="")
    distance_km10: Mapped[int]
    is_return: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[str] = mapped_column(String(10), default="business")
    note: Mapped[str] = mapped_column(Text, default="")
    billable: Mapped[bool] = mapped_column(default=True)
    rate_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    rate_source: Mapped[str] = mapped_column(String(20), default="missing")
    status: Mapped[str] = mapped_column(String(12), default="open")
    approved_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)

    user: Mapped[User] = relationship(foreign_keys=[user_id])
    customer: Mapped[Customer] = relationship()
    project: Mapped[Project | None] = relationship()
    vehicle: Mapped[Vehicle | None] = relationship()

    @property
    def billed_km10(self) -> int:
        """Tenths of a kilometre that count: twice the distance for a return trip."""
        return self.distance_km10 * (2 if self.is_return else 1)


# --- Accounting packages and what is linked to them ------------------------------------------------------------------------------


class Connection(Model):
    """A package we speak to. Vendors: wefact, hostfact, afas. States: off, incomplete, connected, failing."""

    __tablename__ = "connection"

    id: Mapped[int] = mapped_column(primary_key=True)
    vendor: Mapped[str] = mapped_column(String(20), unique=True)
    state: Mapped[str] = mapped_column(String(12), default="off")
    url: Mapped[str] = mapped_column(String(300), default="")
    secret_sealed: Mapped[str | None] = mapped_column(Text)
    secret_hint: Mapped[str] = mapped_column(String(8), default="")
    default_item_id: Mapped[int | None] = mapped_column(ForeignKey("accounting_item.id", use_alter=True))
    trip_item_id: Mapped[int | None] = mapped_column(ForeignKey("accounting_item.id", use_alter=True))
    nightly: Mapped[bool] = mapped_column(default=False)
    import_mode: Mapped[str] = mapped_column(String(10), default="update")
    invoice_per: Mapped[str] = mapped_column(String(20), default="customer")
    lines_per: Mapped[str] = mapped_column(String(20), default="activity")
    reference_template: Mapped[str] = mapped_column(String(100), default="")
    send_by_default: Mapped[bool] = mapped_column(default=False)
    write_number_back: Mapped[bool] = mapped_column(default=True)
    problem: Mapped[str] = mapped_column(String(40), default="")
    problem_params: Mapped[Any] = mapped_column(Json, default=dict)
    problem_at: Mapped[datetime | None] = mapped_column(Instant)
    paused_until: Mapped[datetime | None] = mapped_column(Instant)
    checked_at: Mapped[datetime | None] = mapped_column(Instant)
    check_steps: Mapped[Any] = mapped_column(Json, default=list)
    items_fetched_at: Mapped[datetime | None] = mapped_column(Instant)
    imported_until: Mapped[str] = mapped_column(String(40), default="")
    """The package's own clock at the start of the last import that ended well; the next one overlaps it."""
    full_import_at: Mapped[datetime | None] = mapped_column(Instant)
    version: Mapped[int] = mapped_column(default=1)


class AccountingItem(Model):
    """A product or item of a package, as last fetched. One with a `period` makes subscriptions and cannot be linked."""

    __tablename__ = "accounting_item"
    __table_args__ = (UniqueConstraint("connection_id", "remote_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    remote_id: Mapped[str] = mapped_column(String(60))
    code: Mapped[str] = mapped_column(String(60))
    name: Mapped[str] = mapped_column(String(300), default="")
    unit: Mapped[str] = mapped_column(String(40), default="")
    price_e4: Mapped[int | None] = mapped_column(BigInteger, default=None)
    vat_code: Mapped[str] = mapped_column(String(20), default="")
    vat_percentage_bp: Mapped[int | None] = mapped_column(default=None)
    period: Mapped[str] = mapped_column(String(10), default="")
    active: Mapped[bool] = mapped_column(default=True)


class TaxCode(Model):
    """A VAT code for sales of a package, as last fetched."""

    __tablename__ = "tax_code"
    __table_args__ = (UniqueConstraint("connection_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    code: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(100), default="")
    percentage_bp: Mapped[int]
    is_default: Mapped[bool] = mapped_column(default=False)


class VatMapping(Model):
    """What a VAT regime is called in a package: a code where it has codes, a percentage where it has none."""

    __tablename__ = "vat_mapping"
    __table_args__ = (UniqueConstraint("connection_id", "vat_regime_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    vat_regime_id: Mapped[int] = mapped_column(ForeignKey("vat_regime.id"))
    code: Mapped[str] = mapped_column(String(20), default="")
    percentage_bp: Mapped[int | None] = mapped_column(default=None)


class ItemLink(Model):
    """The item that work of an activity or expense category is invoiced with. Local types: activity, expense_category."""

    __tablename__ = "item_link"
    __table_args__ = (UniqueConstraint("connection_id", "local_type", "local_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    local_type: Mapped[str] = mapped_column(String(20))
    local_id: Mapped[int]
    item_id: Mapped[int] = mapped_column(ForeignKey("accounting_item.id"))

    item: Mapped[AccountingItem] = relationship()


class ExternalLink(Model):
    """Our record and theirs are the same thing. Local types: customer, invoice."""

    __tablename__ = "external_link"
    __table_args__ = (
        UniqueConstraint("connection_id", "local_type", "local_id"),
        UniqueConstraint("connection_id", "local_type", "external_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    local_type: Mapped[str] = mapped_column(String(20))
    local_id: Mapped[int]
    external_id: Mapped[str] = mapped_column(String(60))
    external_code: Mapped[str] = mapped_column(String(60), default="")
    external_name: Mapped[str] = mapped_column(String(300), default="")
    seen_hash: Mapped[str] = mapped_column(String(64), default="")
    name_accepted: Mapped[bool] = mapped_column(default=False)
    """Somebody said that another name there is still the same customer."""
    missing_since_at: Mapped[datetime | None] = mapped_column(Instant)
    linked_at: Mapped[datetime] = mapped_column(Instant)


class CustomerMatch(Model):
    """What a look in the package said of a customer without a link. States: looking, missing, question, failed.

    `candidates` are records there that look alike; `choice` is what a person said: create, or link (then the link exists).
    """

    __tablename__ = "customer_match"
    __table_args__ = (UniqueConstraint("connection_id", "customer_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    state: Mapped[str] = mapped_column(String(10), default="looking")
    number_key: Mapped[str] = mapped_column(String(60), default="")
    reason: Mapped[str] = mapped_column(String(40), default="")
    reason_params: Mapped[Any] = mapped_column(Json, default=dict)
    candidates: Mapped[Any] = mapped_column(Json, default=list)
    choice: Mapped[str] = mapped_column(String(10), default="")
    owner: Mapped[str] = mapped_column(String(80), default="")
    lease_until_at: Mapped[datetime | None] = mapped_column(Instant)
    looked_at: Mapped[datetime | None] = mapped_column(Instant)


class ImportRun(Model):
    """A customer import: a row that the worker takes. States: waiting, reading, preview, applying, done, failed.

    A connection has at most one that somebody works on; a preview is at rest, and stale once a newer run came.
    """

    __tablename__ = "import_run"
    __table_args__ = (
        Index(
            "uq_import_run_unfinished",
            "connection_id",
            unique=True,
            sqlite_where=text("state IN ('waiting', 'reading', 'applying')"),
            postgresql_where=text("state IN ('waiting', 'reading', 'applying')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"), index=True)
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    source: Mapped[str] = mapped_column(String(10), default="button")
    """button, nightly or command."""
    mode: Mapped[str] = mapped_column(String(10), default="update")
    full: Mapped[bool] = mapped_column(default=True)
    preview_only: Mapped[bool] = mapped_column(default=True)
    since: Mapped[str] = mapped_column(String(40), default="")
    server_time: Mapped[str] = mapped_column(String(40), default="")
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    next_offset: Mapped[int] = mapped_column(default=0)
    total: Mapped[int] = mapped_column(default=0)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    conflicts: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    calls: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(40), default="")
    reason_params: Mapped[Any] = mapped_column(Json, default=dict)
    tries: Mapped[int] = mapped_column(default=0)
    """Failures and lost owners since something last went well."""
    owner: Mapped[str] = mapped_column(String(80), default="")
    fence: Mapped[int] = mapped_column(default=0)
    lease_until_at: Mapped[datetime | None] = mapped_column(Instant)
    not_before_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)

    connection: Mapped[Connection] = relationship()
    requested_by: Mapped[User | None] = relationship()


class ImportPage(Model):
    """A page of the list that a run has read, so that it goes on after the last one. Removed when the run ends."""

    __tablename__ = "import_page"
    __table_args__ = (UniqueConstraint("run_id", "reading", "offset"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("import_run.id", ondelete="CASCADE"))
    reading: Mapped[int] = mapped_column(default=1)
    """A list that changed while it was read is read a second time."""
    offset: Mapped[int]
    remote_ids: Mapped[Any] = mapped_column(Json, default=list)
    unreadable: Mapped[Any] = mapped_column(Json, default=list)


class ImportRow(Model):
    """A customer of a run that asks for something. Actions: new, changed, conflict, failed; unchanged rows are only counted."""

    __tablename__ = "import_row"
    __table_args__ = (UniqueConstraint("run_id", "remote_id"), Index("ix_import_row_run_action", "run_id", "action"))

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("import_run.id", ondelete="CASCADE"))
    remote_id: Mapped[str] = mapped_column(String(60))
    number: Mapped[str] = mapped_column(String(100), default="")
    name: Mapped[str] = mapped_column(Text, default="")
    action: Mapped[str] = mapped_column(String(10))
    customer_id: Mapped[int | None] = mapped_column(default=None)
    values: Mapped[Any] = mapped_column(Json, default=dict)
    changes: Mapped[Any] = mapped_column(Json, default=dict)
    """{field: [old, new]}."""
    reason: Mapped[str] = mapped_column(String(40), default="")
    reason_params: Mapped[Any] = mapped_column(Json, default=dict)
    choice: Mapped[str] = mapped_column(String(10), default="")
    """For a conflict: link, create or skip."""
    applied_at: Mapped[datetime | None] = mapped_column(Instant)


# --- Invoices. In this version only mirrors: pictures of invoices that live in a package -----------------------------------------


class Invoice(Model):
    """An invoice. Origins: own, mirror. A mirror's money is followed up elsewhere: settlement external."""

    __tablename__ = "invoice"
    __table_args__ = (
        Index(
            "uq_invoice_series_number",
            "series",
            "number",
            unique=True,
            sqlite_where=text("number IS NOT NULL"),
            postgresql_where=text("number IS NOT NULL"),
        ),
        UniqueConstraint("transfer_id"),
        Index("ix_invoice_customer_date", "customer_id", "date"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    origin: Mapped[str] = mapped_column(String(10))
    kind: Mapped[str] = mapped_column(String(10), default="invoice")
    series: Mapped[str] = mapped_column(String(40))
    number: Mapped[str | None] = mapped_column(String(60))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer_name: Mapped[str] = mapped_column(String(300), default="")
    customer_number: Mapped[str] = mapped_column(String(50), default="")
    date: Mapped[Day]
    due_on: Mapped[Day | None] = mapped_column(default=None)
    reference: Mapped[str] = mapped_column(String(200), default="")
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    status: Mapped[str] = mapped_column(String(12))
    settlement: Mapped[str] = mapped_column(String(10), default="local")
    net_cents: Mapped[int] = mapped_column(BigInteger)
    vat_cents: Mapped[int] = mapped_column(BigInteger)
    gross_cents: Mapped[int] = mapped_column(BigInteger)
    transfer_id: Mapped[int | None] = mapped_column(ForeignKey("transfer.id"))
    external_id: Mapped[str] = mapped_column(String(60), default="")
    external_status: Mapped[str] = mapped_column(String(20), default="")
    external_open_cents: Mapped[int | None] = mapped_column(BigInteger, default=None)
    external_checked_at: Mapped[datetime | None] = mapped_column(Instant)
    sent_at: Mapped[datetime | None] = mapped_column(Instant)
    created_at: Mapped[datetime] = mapped_column(Instant)

    customer: Mapped[Customer] = relationship()
    transfer: Mapped[Transfer | None] = relationship()
    lines: Mapped[list[InvoiceLine]] = relationship(order_by="InvoiceLine.position")


class InvoiceLine(Model):
    __tablename__ = "invoice_line"
    __table_args__ = (UniqueConstraint("invoice_id", "position"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    invoice_id: Mapped[int] = mapped_column(ForeignKey("invoice.id", ondelete="CASCADE"))
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(12))
    description: Mapped[str] = mapped_column(Text)
    quantity_e4: Mapped[int] = mapped_column(BigInteger)
    unit: Mapped[str] = mapped_column(String(20), default="")
    unit_price_e4: Mapped[int] = mapped_column(BigInteger)
    net_cents: Mapped[int] = mapped_column(BigInteger)
    vat_percentage_bp: Mapped[int | None] = mapped_column(default=None)
    item_code: Mapped[str] = mapped_column(String(60), default="")


# --- Transfers: did it arrive, exactly once --------------------------------------------------------------------------------------

AT_REST = ("done", "rejected", "released")
"""States that no worker changes."""


class Batch(Model):
    """One press on "Create invoices": the options, and the rows that were left out with the reason."""

    __tablename__ = "batch"

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connection.id"))
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    source: Mapped[str] = mapped_column(String(20), default="reports")
    options: Mapped[Any] = mapped_column(Json, default=dict)
    skipped: Mapped[Any] = mapped_column(Json, default=list)
    """[{"customer_id", "name", "reason", "params", "rows"}]."""
    created_at: Mapped[datetime] = mapped_column(Instant)

    connection: Mapped[Connection] = relationship()
    requested_by: Mapped[User | None] = relationship()
    transfers: Mapped[list[Transfer]] = relationship(order_by="Transfer.id", back_populates="batch")


class Transfer(Model):
    """The intent to make one record in a package, written before any call and kept for ever.

    Kinds: invoice, customer, booking. States: queued, creating, created, finalising, uncertain, checking, attention, done,
    rejected, released. `stage` tells which write an uncertain transfer waits on: create or send. Without a connection it was
    typed by hand: invoiced elsewhere.
    """

    __tablename__ = "transfer"
    __table_args__ = (
        UniqueConstraint("connection_id", "kind", "remote_id"),
        Index(
            "uq_transfer_op_key",
            "op_key",
            unique=True,
            sqlite_where=text("state NOT IN ('rejected', 'released')"),
            postgresql_where=text("state NOT IN ('rejected', 'released')"),
        ),
        Index("ix_transfer_state_due", "state", "due_at"),
        Index("ix_transfer_customer_id", "customer_id"),
        Index("ix_transfer_batch_id", "batch_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("batch.id"))
    requested_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    waits_for_id: Mapped[int | None] = mapped_column(ForeignKey("transfer.id"))
    op_key: Mapped[str] = mapped_column(String(64))
    marker: Mapped[str] = mapped_column(String(20), unique=True)
    payload: Mapped[Any] = mapped_column(Json, default=dict)
    payload_hash: Mapped[str] = mapped_column(String(64), default="")
    send: Mapped[bool] = mapped_column(default=False)
    accepts_remote_totals: Mapped[bool] = mapped_column(default=False)
    state: Mapped[str] = mapped_column(String(12), default="queued")
    stage: Mapped[str] = mapped_column(String(8), default="create")
    reason: Mapped[str] = mapped_column(String(40), default="")
    reason_params: Mapped[Any] = mapped_column(Json, default=dict)
    attempt: Mapped[int] = mapped_column(default=0)
    resends: Mapped[int] = mapped_column(default=0)
    searches: Mapped[int] = mapped_column(default=0)
    deaths: Mapped[int] = mapped_column(default=0)
    backoffs: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str] = mapped_column(String(80), default="")
    lease_until_at: Mapped[datetime | None] = mapped_column(Instant)
    due_at: Mapped[datetime] = mapped_column(Instant)
    first_write_at: Mapped[datetime | None] = mapped_column(Instant)
    last_write_at: Mapped[datetime | None] = mapped_column(Instant)
    check_at: Mapped[datetime | None] = mapped_column(Instant, index=True)
    """When to look again at a document that exists: the night, or somebody who asked."""
    remote_id: Mapped[str | None] = mapped_column(String(60))
    remote_number: Mapped[str] = mapped_column(String(60), default="")
    remote_state: Mapped[str] = mapped_column(String(20), default="")
    net_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    vat_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    gross_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    remote_net_cents: Mapped[int | None] = mapped_column(BigInteger, default=None)
    remote_vat_cents: Mapped[int | None] = mapped_column(BigInteger, default=None)
    remote_gross_cents: Mapped[int | None] = mapped_column(BigInteger, default=None)
    currency: Mapped[str] = mapped_column(String(3), default="EUR")
    created_at: Mapped[datetime] = mapped_column(Instant)
    updated_at: Mapped[datetime] = mapped_column(Instant)

    connection: Mapped[Connection | None] = relationship()
    customer: Mapped[Customer | None] = relationship()
    batch: Mapped[Batch | None] = relationship(back_populates="transfers")
    requested_by: Mapped[User | None] = relationship()
    waits_for: Mapped[Transfer | None] = relationship(remote_side=[id])


class BillingLink(Model):
    """Ties one source to what bills it. Source types: time, expense, trip, instalment, period, fixed.

    The unique index over reserved and live links, not a flag, is what keeps a source from being billed twice.
    """

    __tablename__ = "billing_link"
    __table_args__ = (
        Index(
            "uq_billing_link_claim",
            "source_type",
            "source_id",
            unique=True,
            sqlite_where=text("state IN ('reserved', 'live')"),
            postgresql_where=text("state IN ('reserved', 'live')"),
        ),
        Index("ix_billing_link_transfer_id", "transfer_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    source_type: Mapped[str] = mapped_column(String(12))
    source_id: Mapped[int]
    transfer_id: Mapped[int | None] = mapped_column(ForeignKey("transfer.id"))
    invoice_line_id: Mapped[int | None] = mapped_column(ForeignKey("invoice_line.id"))
    state: Mapped[str] = mapped_column(String(10), default="reserved")
    amount_cents: Mapped[int] = mapped_column(BigInteger, default=0)
    quantity_e4: Mapped[int] = mapped_column(BigInteger, default=0)
    former_status: Mapped[str] = mapped_column(String(12), default="open")
    created_at: Mapped[datetime] = mapped_column(Instant)
    released_at: Mapped[datetime | None] = mapped_column(Instant)

    transfer: Mapped[Transfer | None] = relationship()


class RemoteCall(Model):
    """The journal: opened and committed before the socket, closed after. It is also what the pace is counted from."""

    __tablename__ = "remote_call"
    __table_args__ = (
        Index("ix_remote_call_budget", "budget_key", "opened_at"),
        Index("ix_remote_call_transfer_id", "transfer_id"),
        Index(
            "ix_remote_call_import_run_id",
            "import_run_id",
            sqlite_where=text("import_run_id IS NOT NULL"),
            postgresql_where=text("import_run_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int | None] = mapped_column(ForeignKey("connection.id"))
    transfer_id: Mapped[int | None] = mapped_column(ForeignKey("transfer.id"))
    import_run_id: Mapped[int | None] = mapped_column(ForeignKey("import_run.id"))
    budget_key: Mapped[str] = mapped_column(String(80), default="")
    operation: Mapped[str] = mapped_column(String(40))
    writes: Mapped[bool] = mapped_column(default=False)
    fence: Mapped[int] = mapped_column(default=0)
    request: Mapped[str] = mapped_column(Text, default="")
    response: Mapped[str] = mapped_column(Text, default="")
    outcome: Mapped[str] = mapped_column(String(40), default="")
    http_status: Mapped[int | None] = mapped_column(default=None)
    milliseconds: Mapped[int | None] = mapped_column(default=None)
    opened_at: Mapped[datetime] = mapped_column(Instant)
    closed_at: Mapped[datetime | None] = mapped_column(Instant)


class CallBudget(Model):
    """The pause that a package's own answers asked for, per outgoing address; also the row that serialises the count."""

    __tablename__ = "call_budget"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    paused_until_at: Mapped[datetime | None] = mapped_column(Instant)


class TransferEvent(Model):
    """A step in a transfer's story, for its page: which state it came to, why, and by whom."""

    __tablename__ = "transfer_event"

    id: Mapped[int] = mapped_column(primary_key=True)
    transfer_id: Mapped[int] = mapped_column(ForeignKey("transfer.id"), index=True)
    at: Mapped[datetime] = mapped_column(Instant)
    state: Mapped[str] = mapped_column(String(12))
    reason: Mapped[str] = mapped_column(String(40), default="")
    reason_params: Mapped[Any] = mapped_column(Json, default=dict)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))

    user: Mapped[User | None] = relationship()


class Lease(Model):
    """Something only one may do at a time, and until when somebody does."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    owner: Mapped[str] = mapped_column(String(80), default="")
    until_at: Mapped[datetime] = mapped_column(Instant)


class ScheduledRun(Model):
    """A job's turn on one local date. The unique pair decides who runs it."""

    __tablename__ = "scheduled_run"
    __table_args__ = (UniqueConstraint("job", "slot"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    job: Mapped[str] = mapped_column(String(60))
    slot: Mapped[Day]
    state: Mapped[str] = mapped_column(String(10), default="running")
    """running, done, failed or missed."""
    started_at: Mapped[datetime] = mapped_column(Instant)
    ended_at: Mapped[datetime | None] = mapped_column(Instant)
    details: Mapped[Any] = mapped_column(Json, default=dict)
