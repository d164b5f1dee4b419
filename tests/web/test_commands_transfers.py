"""`flask transfers list`, `show` and `work`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

import builders
from models import Transfer, db
from sandbox.wefact.server import DEMO_KEY
from world import World

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def called(world: World) -> Any:
    """Runs `flask …` with the settings of the stand-in server."""
    before = world.app.extensions["settings"]
    world.app.extensions["settings"] = replace(before, wefact_url=world.server.url)

    def call(*arguments: str) -> Result:
        db.session.rollback()
        result = world.app.test_cli_runner().invoke(args=list(arguments))
        db.session.rollback()
        return result

    yield call
    world.app.extensions["settings"] = before


def _invoice(world: World, number: str = "DB10012") -> Transfer:
    project = builders.project(world.linked_customer(number))
    [transfer] = world.invoice([("time", builders.entry(project, world.user).id)])
    return transfer


def _lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_list_is_one_json_line_per_transfer(world: World, called: Any) -> None:
    done, waiting = _invoice(world), _invoice(world, "DB10031")
    world.work()
    waiting.state = "checking"
    db.session.commit()
    first, second = _lines(called("transfers", "list"))
    assert first == {
        "id": done.id,
        "kind": "invoice",
        "connection": "wefact",
        "customer": "DB10012",
        "state": "done",
        "reason": "",
        "marker": done.marker,
        "attempt": 1,
        "remote_id": done.remote_id,
        "remote_number": done.remote_number,
        "net": "95.00",
        "vat": "19.95",
        "gross": "114.95",
        "due_at": "2026-11-20T09:00:00+00:00",
        "created_at": "2026-11-20T09:00:00+00:00",
        "updated_at": "2026-11-20T09:00:00+00:00",
    }
    assert second["id"] == waiting.id
    assert [line["id"] for line in _lines(called("transfers", "list", "--state", "checking"))] == [waiting.id]
    assert _lines(called("transfers", "list", "--state", "rejected")) == []
    assert called("transfers", "list", "--state", "failed").exit_code == 2


def test_show_adds_the_calls_without_the_key(world: World, called: Any) -> None:
    transfer = _invoice(world)
    world.work()
    result = called("transfers", "show", str(transfer.id))
    [shown] = _lines(result)
    assert shown["marker"] == transfer.marker
    assert "invoice/add" in [call["operation"] for call in shown["calls"]]
    assert all(call["closed_at"] and call["request"] for call in shown["calls"])
    assert DEMO_KEY not in result.output
    missing = called("transfers", "show", "999")
    assert missing.exit_code == 1
    assert "there is no transfer 999" in missing.stderr


def test_work_once_does_all_that_is_due_and_what_that_sets_free(world: World, called: Any) -> None:
    transfers = [_invoice(world), _invoice(world, "DB10031")]
    result = called("transfers", "work", "--once")
    assert (result.exit_code, result.output) == (0, "")
    db.session.expire_all()
    assert [transfer.state for transfer in transfers] == ["done", "done"]
    assert len(world.server.books.invoices) == 2


def test_work_ends_on_a_signal_and_says_so_by_its_exit_status(tmp_path: Path) -> None:
    environ = {**os.environ, "UURWERK_DATA_DIR": str(tmp_path), "UURWERK_WORKER": "off"}
    environ.pop("UURWERK_DATABASE_URL", None)
    flask = [sys.executable, "-m", "flask", "--app", "app"]
    subprocess.run([*flask, "db", "upgrade"], cwd=ROOT, env=environ, check=True, capture_output=True, timeout=60)
    process = subprocess.Popen([*flask, "transfers", "work"], cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
    try:
        # Nothing tells from outside that it has begun; a process that does not answer the signal yet dies of it with another status.
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and process.poll() is None and not _handles(process.pid, signal.SIGTERM):
            os.sched_yield()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0, process.stderr.read() if process.stderr else ""
    finally:
        process.kill()
        process.wait()
        if process.stderr:
            process.stderr.close()


def _handles(pid: int, number: int) -> bool:
    """Whether a process has put a handler on a signal."""
    caught = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)
