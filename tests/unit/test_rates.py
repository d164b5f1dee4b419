"""Which rate an invoicing method takes, and from where."""

from __future__ import annotations

import pytest

from billing.rates import CHAINS, Rate, rate_for

ALL = {"project_activity": 1, "activity": 2, "project_user": 3, "user": 4, "project": 5, "customer": 6}


@pytest.mark.parametrize(
    ("method", "without", "expected"),
    [
        ("activity", (), Rate(1, "project_activity")),
        ("activity", ("project_activity",), Rate(2, "activity")),
        ("activity", ("project_activity", "activity"), Rate(None, "missing")),
        ("user", (), Rate(3, "project_user")),
        ("user", ("project_user",), Rate(4, "user")),
        ("user", ("project_user", "user"), Rate(None, "missing")),
        ("project", (), Rate(5, "project")),
        ("project", ("project",), Rate(None, "missing")),
        ("customer", (), Rate(6, "customer")),
        ("customer", ("customer",), Rate(None, "missing")),
        ("none", (), Rate(None, "not_billed")),
    ],
)
def test_chain_of_a_method(method: str, without: tuple[str, ...], expected: Rate) -> None:
    assert rate_for(method, **{name: rate for name, rate in ALL.items() if name not in without}) == expected


@pytest.mark.parametrize("method", [method for method in CHAINS if CHAINS[method]])
def test_zero_by_choice_is_a_rate(method: str) -> None:
    first = CHAINS[method][0]
    assert rate_for(method, **{**ALL, first: 0}) == Rate(0, first)


def test_an_unknown_method_is_refused() -> None:
    with pytest.raises(ValueError, match="no invoicing method 'hourly'"):
        rate_for("hourly")
