"""A running stand-in per test and a caller that speaks to it as a client would."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from sandbox.clock import Clock
from sandbox.wefact.server import Sandbox, running

NOW = datetime(2026, 11, 21, 9, 0, 0, tzinfo=UTC)
LINE = {"Description": "Overleg", "Number": "2", "PriceExcl": "50", "TaxCode": "V21", "TaxPercentage": "21", "PeriodicType": "once"}


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested values with PHP's brackets."""
    fields: dict[str, str] = {}
    for name, value in values.items():
        key = f"{prefix}[{name}]" if prefix else str(name)
        if isinstance(value, list):
            value = dict(enumerate(value))
        if isinstance(value, dict):
            fields |= flat(value, key)
        else:
            fields[key] = str(value)
    return fields


class Caller:
    """Calls one server; answers the decoded envelope and keeps the whole response of the last call."""

    def __init__(self, server: Sandbox) -> None:
        self.server = server
        self.session = requests.Session()
        self.session.trust_env = False
        self.last: requests.Response | None = None

    def __call__(self, call: str, timeout: float = 2.0, **values: Any) -> dict[str, Any]:
        controller, action = call.split("/")
        fields = flat(values) | {"api_key": self.server.api_key, "controller": controller, "action": action}
        return self.post(data=fields, timeout=timeout).json()

    def post(self, timeout: float = 2.0, **options: Any) -> requests.Response:
        self.last = self.session.post(self.server.url, timeout=timeout, allow_redirects=False, **options)
        return self.last

    def invoice(self, **values: Any) -> dict[str, Any]:
        """Adds an invoice with one line unless told otherwise; fails when it is refused."""
        answer = self("invoice/add", **({"DebtorCode": "DB10012", "InvoiceLines": [LINE]} | values))
        assert answer["status"] == "success", answer
        return answer["invoice"]


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.freeze(NOW)
    return clock


@pytest.fixture
def wefact(clock: Clock) -> Iterator[Caller]:
    with running("wefact", clock=clock) as server:
        caller = Caller(server)
        yield caller
        caller.session.close()


@pytest.fixture
def hostfact(clock: Clock) -> Iterator[Caller]:
    with running("hostfact", clock=clock) as server:
        caller = Caller(server)
        yield caller
        caller.session.close()


@pytest.fixture
def line() -> dict[str, str]:
    return dict(LINE)
