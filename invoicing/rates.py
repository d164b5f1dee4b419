"""The rates that stand on entries and trips: looked up when they are saved, and again while nothing has billed them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, and_, case, cast, func, literal, null, or_, select, update

from billing.rates import CHAINS, rate_for
from models import (
    Activity,
    BillingLink,
    Customer,
    Organisation,
    Project,
    ProjectActivity,
    ProjectUser,
    TimeEntry,
    Trip,
    User,
    db,
)

WITHOUT_PROJECT = "customer"
"""The method of an entry that belongs to a customer only."""

OWN = "own"
"""The source of a rate that came with the entry, from a file; it is not looked up again when another rate changes."""

RATES = {
    "project_activity": ProjectActivity.hourly_rate_e4,
    "activity": Activity.hourly_rate_e4,
    "project_user": ProjectUser.hourly_rate_e4,
    "user": User.hourly_rate_e4,
    "project": Project.hourly_rate_e4,
    "customer": Customer.hourly_rate_e4,
}


def price_time_entry(entry: TimeEntry) -> None:
    """Sets the rate (ten-thousandths per hour) and its source, from the project's method; the caller commits.

    Without a rate the price is None and the source `missing`; zero that somebody filled in is a rate.
    """
    row = db.session.execute(_rates_of(entry)).mappings().one()
    method = row["method"] or WITHOUT_PROJECT
    rate = rate_for(method, **{source: row[source] for source in RATES})
    entry.rate_e4, entry.rate_source = rate.price_e4, rate.source


def _rates_of(entry: TimeEntry) -> Select[*tuple[Any, ...]]:
    project, activity, user = entry.project_id, entry.activity_id, entry.user_id
    return (
        select(Project.invoicing_method.label("method"), *(column.label(source) for source, column in RATES.items()))
        .select_from(Customer)
        .outerjoin(Project, Project.id == project)
        .outerjoin(Activity, Activity.id == activity)
        .outerjoin(User, User.id == user)
        .outerjoin(ProjectActivity, and_(ProjectActivity.project_id == project, ProjectActivity.activity_id == activity))
        .outerjoin(ProjectUser, and_(ProjectUser.project_id == project, ProjectUser.user_id == user))
        .where(Customer.id == entry.customer_id)
    )


def price_trip(trip: Trip) -> None:
    """Sets the rate per kilometre (ten-thousandths): the customer's, else the organisation's; the caller commits."""
    customer = db.session.get_one(Customer, trip.customer_id)
    organisation = db.session.get_one(Organisation, 1)
    if customer.km_rate_e4 is not None:
        trip.rate_e4, trip.rate_source = customer.km_rate_e4, "customer"
    elif organisation.km_rate_e4 is not None:
        trip.rate_e4, trip.rate_source = organisation.km_rate_e4, "organisation"
    else:
        trip.rate_e4, trip.rate_source = None, "missing"


def billable_by_default(project: Project | None, activity: Activity) -> bool:
    """Whether new work counts as billable: the project activity's flag, else the activity's; never where nothing is invoiced."""
    if project is None:
        return activity.billable
    if not CHAINS[project.invoicing_method]:
        return False
    flag = db.session.scalar(
        select(ProjectActivity.billable).where(ProjectActivity.project_id == project.id, ProjectActivity.activity_id == activity.id)
    )
    return activity.billable if flag is None else flag


def reprice_unbilled(
    *,
    now: datetime,
    project_id: int | None = None,
    activity_id: int | None = None,
    user_id: int | None = None,
    customer_id: int | None = None,
) -> int:
    """Looks up again the rates of everything that no reserved or live link bills; gives how many rows changed.

    The ids narrow it down together. Trips take part when only a customer or nothing at all is named. Each kind costs two
    statements however many rows there are; unchanged rows keep their version. The caller commits.
    """
    db.session.flush()
    ids = {"project_id": project_id, "activity_id": activity_id, "user_id": user_id, "customer_id": customer_id}
    given = {name: value for name, value in ids.items() if value is not None}
    changed = _apply(TimeEntry, _outdated_entries(given), now)
    if not given.keys() - {"customer_id"}:
        changed += _apply(Trip, _outdated_trips(given), now)
    return changed


def _apply(table: type[TimeEntry] | type[Trip], outdated: Select[*tuple[Any, ...]], now: datetime) -> int:
    # Locked first and judged in the next statement: a claim that was being made meanwhile is then seen on PostgreSQL too.
    locked = outdated.order_by(table.id).with_for_update(of=table).subquery()
    if not db.session.scalar(select(func.count()).select_from(locked)):
        return 0
    new = outdated.subquery()
    statement = (
        update(table)
        .where(table.id == new.c.id)
        .values(rate_e4=new.c.new_rate, rate_source=new.c.new_source, version=table.version + 1, updated_at=now)
        .execution_options(synchronize_session=False)
    )
    changed: int = db.session.execute(statement).rowcount  # type: ignore[attr-defined]
    for row in db.session.identity_map.values():
        if isinstance(row, table):
            db.session.expire(row)
    return changed


def _outdated_entries(given: dict[str, int]) -> Select[*tuple[Any, ...]]:
    rate, source = _looked_up()
    return (
        select(TimeEntry.id, rate.label("new_rate"), source.label("new_source"))
        .join(Customer, Customer.id == TimeEntry.customer_id)
        .join(Activity, Activity.id == TimeEntry.activity_id)
        .join(User, User.id == TimeEntry.user_id)
        .outerjoin(Project, Project.id == TimeEntry.project_id)
        .outerjoin(
            ProjectActivity,
            and_(ProjectActivity.project_id == TimeEntry.project_id, ProjectActivity.activity_id == TimeEntry.activity_id),
        )
        .outerjoin(ProjectUser, and_(ProjectUser.project_id == TimeEntry.project_id, ProjectUser.user_id == TimeEntry.user_id))
        .where(
            *(getattr(TimeEntry, name) == value for name, value in given.items()),
            TimeEntry.rate_source != OWN,
            _differs(TimeEntry, rate, source),
            ~_is_claimed("time", TimeEntry.id),
        )
    )


def _looked_up() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The rate and its source as SQL, made from the same chains as `billing.rates`."""
    method = func.coalesce(Project.invoicing_method, WITHOUT_PROJECT)
    nothing = cast(null(), BigInteger)
    rates: list[tuple[ColumnElement[bool], ColumnElement[Any]]] = []
    sources: list[tuple[ColumnElement[bool], ColumnElement[Any]]] = []
    for name, chain in CHAINS.items():
        if chain:
            rates.append((method == name, func.coalesce(*(RATES[source] for source in chain), nothing)))
            filled = [(RATES[source].is_not(None), literal(source)) for source in chain]
            sources.append((method == name, case(*filled, else_="missing")))
        else:
            sources.append((method == name, literal("not_billed")))
    return case(*rates, else_=nothing), case(*sources, else_="missing")


def _outdated_trips(given: dict[str, int]) -> Select[*tuple[Any, ...]]:
    rate = func.coalesce(Customer.km_rate_e4, Organisation.km_rate_e4)
    source = case(
        (Customer.km_rate_e4.is_not(None), literal("customer")),
        (Organisation.km_rate_e4.is_not(None), literal("organisation")),
        else_="missing",
    )
    return (
        select(Trip.id, rate.label("new_rate"), source.label("new_source"))
        .join(Customer, Customer.id == Trip.customer_id)
        .join(Organisation, Organisation.id == 1)
        .where(
            *(getattr(Trip, name) == value for name, value in given.items()),
            Trip.rate_source != OWN,
            _differs(Trip, rate, source),
            ~_is_claimed("trip", Trip.id),
        )
    )


def _differs(table: type[TimeEntry] | type[Trip], rate: ColumnElement[Any], source: ColumnElement[Any]) -> ColumnElement[bool]:
    return or_(table.rate_e4.is_distinct_from(rate), table.rate_source != source)


def _is_claimed(source_type: str, source_id: Any) -> ColumnElement[bool]:
    link = select(BillingLink.id).where(
        BillingLink.source_type == source_type, BillingLink.source_id == source_id, BillingLink.state.in_(("reserved", "live"))
    )
    return link.exists()
