"""Signed-in browsers for the page tests."""

from __future__ import annotations

import pytest
from flask import Flask

import builders
from page import Browser


@pytest.fixture
def browser(app: Flask) -> Browser:
    """An administrator who has signed in."""
    builders.user("administrator", email="ans@bureau.example", password=builders.PASSWORD, name="Ans de Wit", language="en")
    return Browser(app).sign_in("ans@bureau.example", builders.PASSWORD)


@pytest.fixture
def visitor(app: Flask) -> Browser:
    """Nobody yet."""
    return Browser(app)
