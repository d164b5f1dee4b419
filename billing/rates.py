"""Which hourly rate counts for a time entry, and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

RateSource = Literal["project_activity", "activity", "project_user", "user", "project", "customer", "missing", "not_billed"]

# The first rate that was filled in wins. A method without a chain is not billed by the hour.
CHAINS: Mapping[str, tuple[RateSource, ...]] = {
    "none": (),
    "activity": ("project_activity", "activity"),
    "user": ("project_user", "user"),
    "project": ("project",),
    "customer": ("customer",),
}


@dataclass(frozen=True)
class Rate:
    """A price per hour in ten-thousandths of the currency unit, and its source.

    None with source `missing` blocks invoicing until somebody fills in a rate; zero is a choice and blocks nothing.
    """

    price_e4: int | None
    source: RateSource


def rate_for(
    method: str,
    *,
    project_activity: int | None = None,
    activity: int | None = None,
    project_user: int | None = None,
    user: int | None = None,
    project: int | None = None,
    customer: int | None = None,
) -> Rate:
    """Give the rate of an invoicing method, from the rates (ten-thousandths) that are valid on the day of the entry.

    Raises ValueError for a method that does not exist.
    """
    if method not in CHAINS:
        raise ValueError(f"There is no invoicing method {method!r}; there are {', '.join(CHAINS)}.")
    given: dict[RateSource, int | None] = {
        "project_activity": project_activity,
        "activity": activity,
        "project_user": project_user,
        "user": user,
        "project": project,
        "customer": customer,
    }
    chain = CHAINS[method]
    if not chain:
        return Rate(None, "not_billed")
    for source in chain:
        if given[source] is not None:
            return Rate(given[source], source)
    return Rate(None, "missing")
