"""The command line of the WeFact and HostFact stand-ins."""

from __future__ import annotations

import argparse
import os
import signal
import threading

from sandbox.wefact.seeds import seed_many
from sandbox.wefact.server import DEMO_KEY, Sandbox
from sandbox.wefact.switches import UnknownSwitch


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m sandbox {name}")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--state", help="file that keeps the books over a restart")
    parser.add_argument("--seed", choices=("demo", "empty"), default="demo", help="what stands in new books")
    parser.add_argument("--debtors", type=int, default=0, help="so many extra debtors in new books")
    parser.add_argument("--api-key", default=DEMO_KEY)
    parser.add_argument("--allow-ip", action="append", default=[], help="whitelist; none: every address")
    parser.add_argument("--set", action="append", default=[], metavar="SWITCH=VALUE", help="a standing switch")
    if name == "hostfact":
        parser.add_argument("--prefix", default="/pro", help="the installation folder")
    return parser


def main(name: str, arguments: list[str]) -> int:
    """Serves until SIGTERM or Ctrl-C; prints one line with the address once it listens."""
    parser = _parser(name)
    options = parser.parse_args(arguments)
    try:
        sandbox = _sandbox(name, options)
    except (UnknownSwitch, ValueError) as error:
        parser.error(str(error))

    if options.debtors and len(sandbox.books.debtors) < options.debtors:
        seed_many(sandbox.books, options.debtors)
        sandbox.office.save()
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    sandbox.start()
    print(f"sandbox {name} listening on {sandbox.root_url}", flush=True)
    while not stopping.wait(3600):
        pass
    sandbox.close()
    return 0


def _sandbox(name: str, options: argparse.Namespace) -> Sandbox:
    return Sandbox(
        name,
        port=options.port,
        seed=options.seed,
        api_key=options.api_key,
        allow_ip=tuple(options.allow_ip),
        prefix=getattr(options, "prefix", ""),
        state=options.state,
        switches=dict(pair.split("=", 1) for pair in options.set),
        on_death=lambda: os._exit(137),
    )
