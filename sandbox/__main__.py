"""`python -m sandbox wefact|hostfact …`: one stand-in server per process, on a loopback port."""

from __future__ import annotations

import sys
from collections.abc import Callable

from sandbox.wefact import command as wefact_command

# Another stand-in adds its own line here.
COMMANDS: dict[str, Callable[[str, list[str]], int]] = {
    "wefact": wefact_command.main,
    "hostfact": wefact_command.main,
}


def main(arguments: list[str]) -> int:
    """Starts the server that the first word names; 2 when there is no such server."""
    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        print(f"Say which server: python -m sandbox {'|'.join(COMMANDS)} [options]", file=sys.stderr)
        return 2
    return COMMANDS[name](name, arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
