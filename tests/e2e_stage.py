"""What a browser test runs against."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Flask

from sandbox.wefact.server import DEMO_KEY, Sandbox


@dataclass
class Stage:
    """The running installation. `app` looks into the same database from the test's own process."""

    address: str
    app: Flask
    wefact: Sandbox
    hostfact: Sandbox
    key: str = DEMO_KEY
