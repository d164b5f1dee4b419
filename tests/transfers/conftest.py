"""The stand-in server of a package, connected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from flask import Flask

import builders
from fakes import Clock
from sandbox.wefact.server import DEMO_KEY, running
from transfers import connections, worker
from world import World, fetch_items


@pytest.fixture(params=["wefact"])
def vendor(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def world(app: Flask, clock: Clock, vendor: str) -> Iterator[World]:
    with running(vendor, clock=clock, switches={"vat_rounding": "rate"}) as server:
        settings = replace(app.extensions["settings"], wefact_url=server.url, outbound_allow=(f"127.0.0.1:{server.port}",))
        connection = connections.by_vendor(vendor)
        connection.state = "connected"
        connection.url = server.base_url if vendor == "hostfact" else ""
        connection.secret_sealed = connections.seal(settings, DEMO_KEY)
        fetch_items(connection, server)
        user = builders.user("administrator", name="Ans de Wit")
        context = worker.new_context(settings, pause=lambda seconds: clock.forward(seconds=seconds) and None, clock=clock)
        yield World(app, server, clock, connection, context, user)
