"""A real server, the stand-in packages and a real chromium: what a person would have on the desk."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from app import create_app
from e2e_stage import Stage
from sandbox.wefact.server import running
from settings import load

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
EMAIL, PASSWORD = "ans@waterlinie.example", "een heel lang wachtwoord"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    if CHROMIUM is None:
        message = "no chromium on this machine (Debian: apt-get install chromium)"
        pytest.fail(message) if os.environ.get("UURWERK_TEST_REQUIRE") == "all" else pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A fresh installation with one administrator, served by gunicorn with its own worker."""
    port = _free_port()
    switches = {"vat_rounding": "rate"}
    with running("wefact", switches=switches) as wefact, running("hostfact", switches=switches) as hostfact:
        variables = {
            "UURWERK_DATA_DIR": str(tmp_path / "data"),
            "UURWERK_WEFACT_URL": wefact.url,
            "UURWERK_OUTBOUND_ALLOW": f"127.0.0.1:{hostfact.port}",
            "UURWERK_OUTGOING_IPS": "203.0.113.7",
            "UURWERK_SETTLE_SECONDS_WEFACT": "2",
            "UURWERK_CALL_SECONDS_WEFACT": "2",
            "PORT": str(port),
        }
        flask = [sys.executable, "-m", "flask", "--app", "app"]
        environ = {**os.environ, **variables}
        subprocess.run([*flask, "db", "upgrade"], cwd=ROOT, env=environ, check=True, capture_output=True)
        create = [*flask, "users", "create", EMAIL, "--role", "administrator", "--name", "Ans de Wit", "--password-stdin"]
        subprocess.run(create, cwd=ROOT, env=environ, check=True, capture_output=True, input=PASSWORD + "\n", text=True)
        log = (tmp_path / "server.log").open("w")
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py"], cwd=ROOT, env=environ, stdout=log, stderr=log
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_for(address, server)
            yield Stage(address, create_app(load(variables)), wefact, hostfact)
        finally:
            server.terminate()
            server.wait(20)
            log.close()


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended before it answered"
        try:
            if requests.get(f"{address}/healthz", timeout=1).status_code == 200:
                return
        except (requests.ConnectionError, requests.Timeout):
            pass
    pytest.fail("the server did not answer within 20 seconds")


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(locale="en-GB", viewport={"width": 1280, "height": 800})
    made.set_default_timeout(8000)
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, stage: Stage) -> Page:
    """A signed-in administrator, with an ear for what the page complains of; a refused form (422) is an answer, not a complaint."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" and "422" not in message.text else None)
    page.complaints = complaints  # type: ignore[attr-defined]
    page.goto(stage.address + "/login")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(stage.address + "/")
    return page
