"""`python -m sandbox.start`: the demo company with its stand-in packages, until Ctrl-C.

Runs the stand-ins, the application and nothing else; when one of them ends, everything ends.
"""

from __future__ import annotations

import argparse
import ctypes
import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sandbox.studio import ADMINISTRATOR, PASSWORD

LOOPBACK = "127.0.0.1"
STAND_INS = ("wefact", "hostfact")
START_SECONDS = 60
STOP_SECONDS = 95
"""A little longer than the application gives the call it is in."""

PARENT_DIED = 1  # PR_SET_PDEATHSIG


class CannotStart(Exception):
    """The demo cannot run; the text says why and what to do."""


class Ended(Exception):
    """Somebody asked us to stop."""


class Child:
    """A process of ours. Its standard output is read when `reads` is set, otherwise it is ours too."""

    def __init__(self, name: str, arguments: list[str], environ: dict[str, str], reads: bool = False) -> None:
        self.name = name
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if reads else None,
            text=True,
            start_new_session=True,
            preexec_fn=_end_with_parent(),
        )

    def first_line(self, seconds: float) -> str:
        """What it says first. Raises CannotStart when it says nothing in time or ends."""
        lines: queue.Queue[str] = queue.Queue()
        output = self.process.stdout
        assert output is not None
        threading.Thread(target=lambda: lines.put(output.readline()), daemon=True).start()
        try:
            line = lines.get(timeout=seconds).strip()
        except queue.Empty:
            line = ""
        if not line:
            raise CannotStart(f"{self.name} did not start")
        return line

    def stop(self, seconds: float) -> None:
        """Asks it to end, and makes it end when it does not listen."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _end_with_parent() -> Callable[[], object] | None:
    """On Linux: a child is told to end when we are killed without a chance to tell it."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return lambda: library.prctl(PARENT_DIED, signal.SIGTERM)


# --- Addresses ------------------------------------------------------------------------------------------------------------------


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether somebody may listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def remembered_ports(file: Path) -> dict[str, int]:
    """The ports of last time that are still free; 0 asks for any."""
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        known = {}
    found = {name: known.get(name, 0) for name in STAND_INS}
    return {name: port if isinstance(port, int) and 0 < port < 65536 and is_free(port) else 0 for name, port in found.items()}


def _demo_environment(data_dir: Path, host: str, port: int) -> dict[str, str]:
    environ = dict(os.environ)
    environ |= {"UURWERK_DATA_DIR": str(data_dir), "PORT": str(port), "HOST": host, "PYTHONUNBUFFERED": "1"}
    environ.pop("UURWERK_SMTP_URL", None)  # nothing of the demo leaves this machine
    environ.setdefault("UURWERK_BASE_URL", f"http://{LOOPBACK}:{port}")
    environ.setdefault("UURWERK_OUTGOING_IPS", LOOPBACK)
    environ.setdefault("UURWERK_SETTLE_SECONDS_WEFACT", "60")
    return environ


def data_dir() -> Path:
    """Where the demo keeps its things: never where a real installation keeps its own, unless somebody says so."""
    return Path(os.environ.get("UURWERK_DATA_DIR", "").strip() or "instance/demo").expanduser().resolve()


def _port() -> int:
    given = os.environ.get("PORT", "").strip() or "8000"
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise CannotStart(f"PORT: wants a number from 1 to 65535, not {given!r}")
    return int(given)


# --- The whole ------------------------------------------------------------------------------------------------------------------


class Demo:
    """The children, in the order in which they were started."""

    def __init__(self, data_dir: Path, host: str, port: int) -> None:
        self.data_dir, self.host, self.port = data_dir, host, port
        self.environ = _demo_environment(data_dir, host, port)
        self.children: list[Child] = []
        self.addresses: dict[str, str] = {}

    def start_stand_ins(self) -> None:
        """WeFact and HostFact, each with books that outlive it, on the ports of last time where those are free."""
        file = self.data_dir / "ports.json"
        ports = remembered_ports(file)
        for name in STAND_INS:
            state = str(self.data_dir / f"sandbox-{name}.json")
            arguments = ["-m", "sandbox", name, "--port", str(ports[name]), "--state", state, "--set", "vat_rounding=rate"]
            self.children.append(Child(name, arguments, self.environ, reads=True))
        for child in self.children:
            self.addresses[child.name] = child.first_line(START_SECONDS).rpartition(" ")[2]
        file.write_text(json.dumps({name: int(address.rpartition(":")[2]) for name, address in self.addresses.items()}))
        self.environ["UURWERK_WEFACT_URL"] = self.addresses["wefact"] + "/v2/"
        allowed = [self.addresses["hostfact"].removeprefix("http://"), os.environ.get("UURWERK_OUTBOUND_ALLOW", "")]
        self.environ["UURWERK_OUTBOUND_ALLOW"] = ",".join(part for part in allowed if part)

    def fill(self) -> None:
        """Brings the database up to date and puts the demo company in when it is empty; nothing when it was left ready last time."""
        note, database = self.data_dir / "ready.json", self.data_dir / "uurwerk.db"
        if note.exists() and database.exists() and note.read_text() == self._as_ready(database):
            return
        note.unlink(missing_ok=True)
        self._fill()
        if database.exists() and not self.environ.get("UURWERK_DATABASE_URL"):
            note.write_text(self._as_ready(database))

    def _as_ready(self, database: Path) -> str:
        """What a filled database depends on: which file it is, the migrations, and where the HostFact is that may be saved in it."""
        migrations = sorted(path.name for path in Path("migrations/versions").glob("*.py"))
        return json.dumps([database.stat().st_ino, migrations, self.addresses["hostfact"], self.environ.get("UURWERK_DATABASE_URL", "")])

    def _fill(self) -> None:
        arguments = ["-m", "sandbox.demo", "--wefact", self.addresses["wefact"], "--hostfact", self.addresses["hostfact"]]
        code = subprocess.call([sys.executable, *arguments], env=self.environ, stdin=subprocess.DEVNULL)
        if code:
            raise CannotStart("the demo company could not be prepared")

    def serve(self, reload: bool) -> None:
        """The application, as it runs in production; or the server for working on it, which has no worker of its own."""
        if not reload:
            self.children.append(Child("application", ["-m", "gunicorn", "--config", "gunicorn.conf.py"], self.environ))
            return
        flask = ["-m", "flask", "--app", "app"]
        self.children.append(Child("worker", [*flask, "transfers", "work"], self.environ))
        self.children.append(Child("application", [*flask, "run", "--debug", "--host", self.host, "--port", str(self.port)], self.environ))

    def wait_for_first_page(self) -> None:
        """Raises CannotStart when no page comes within a minute."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            self.check()
            if _answers(self.host, self.port):
                return
            time.sleep(0.05)
        raise CannotStart(f"no page came within {START_SECONDS} seconds")

    def check(self) -> None:
        """Raises CannotStart with the name of a child that ended."""
        for child in self.children:
            if (code := child.process.poll()) is not None:
                raise CannotStart(f"{child.name} ended by itself ({_ending(code)}); everything is stopped")

    def stop(self) -> None:
        """The application first, so that its last call still finds the package. Asked a second time to stop: at once."""
        try:
            while self.children:
                self.children[-1].stop(STOP_SECONDS)
                self.children.pop()
        except Ended:
            for child in self.children:
                child.process.kill()
                child.process.wait()


def _ending(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK if host in ("0.0.0.0", "::") else host, port, timeout=5)
    try:
        connection.request("GET", "/login", headers={"Host": f"{LOOPBACK}:{port}"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _welcome(demo: Demo) -> str:
    return f"""
  Uurwerk runs with the demo company at  {demo.environ["UURWERK_BASE_URL"]}
  Sign in with                           {ADMINISTRATOR}
  Password                               {PASSWORD}

  Stand-in packages, to look into their books and pull their levers:
    WeFact    {demo.addresses["wefact"]}
    HostFact  {demo.addresses["hostfact"]}  (not connected yet; URL {demo.addresses["hostfact"]}/pro)
  The key of both is sandbox-key-0123456789abcdef. Nothing here is real.

  Data: {demo.data_dir}
  Ctrl-C stops everything.
"""


def _stop_on_signals() -> None:
    def stop(_number: int, _frame: object) -> None:
        raise Ended

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def main(arguments: list[str]) -> int:
    """Runs until somebody stops it (0) or one of its children ends (1)."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.start")
    parser.add_argument("--reload", action="store_true", help="the development server instead of gunicorn")
    options = parser.parse_args(arguments)
    demo = None
    try:
        _stop_on_signals()
        port, host = _port(), os.environ.get("HOST", "").strip() or LOOPBACK
        if not is_free(port, host):
            raise CannotStart(f"port {port} is in use; choose another: PORT={port + 1} ./run")
        folder = data_dir()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        demo = Demo(folder, host, port)
        demo.start_stand_ins()
        demo.fill()
        demo.serve(options.reload)
        demo.wait_for_first_page()
        print(_welcome(demo), flush=True)
        while True:
            demo.check()
            time.sleep(0.5)
    except Ended:
        return 0
    except (CannotStart, OSError) as error:
        print(f"Uurwerk: {error}", file=sys.stderr, flush=True)
        return 1
    finally:
        if demo is not None:
            demo.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
