"""The server: one persona on a loopback port, with full control over every socket."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from sandbox.clock import Clock
from sandbox.wefact import seeds
from sandbox.wefact.books import Books
from sandbox.wefact.delivery import Handler
from sandbox.wefact.gate import Budget, Gate
from sandbox.wefact.office import Office
from sandbox.wefact.persona import PERSONAS
from sandbox.wefact.store import Store
from sandbox.wefact.switches import for_persona

LOOPBACK = "127.0.0.1"
DEMO_KEY = "sandbox-key-0123456789abcdef"


class Listener(ThreadingHTTPServer):
    """Accepts connections, remembers the open ones, and can drop them all at once."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, port: int, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        super().__init__((LOOPBACK, port), Handler)

    def server_bind(self) -> None:
        """Binds without the name lookup of the standard library, which may take seconds."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers that leave are no news; anything else is a mistake of ours and is shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def drop_connections(self) -> None:
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(connection)


class Sandbox:
    """A running stand-in: `url`, `api_key`, `books`, `switches` and `clock` are there for whoever plays with it."""

    def __init__(
        self,
        persona: str = "wefact",
        *,
        port: int = 0,
        seed: str = "demo",
        api_key: str = DEMO_KEY,
        allow_ip: tuple[str, ...] = (),
        prefix: str = "/pro",
        state: Path | str | None = None,
        clock: Clock | Callable[[], datetime] | None = None,
        budget: Budget | None = None,
        switches: dict[str, Any] | None = None,
        on_death: Callable[[], None] | None = None,
    ) -> None:
        self.persona = PERSONAS[persona]
        self.clock = clock if isinstance(clock, Clock) else Clock(clock)
        self.switches = for_persona(persona)
        for name, value in (switches or {}).items():
            self.switches.set(name, value)
        self.api_key = api_key
        self.path = self.persona.path(prefix)
        self.books = Books(self.clock, self.switches.zone)
        self.gate = Gate(self.switches, api_key, tuple(allow_ip), budget)
        self._store = Store(Path(state)) if state is not None else None
        self.office = Office(self.persona, self.books, self.switches, self.gate, self._store)
        self._fill(seed)
        self._port = port
        self._on_death = on_death
        self._listener: Listener | None = None

    def _fill(self, seed: str) -> None:
        if self._store is not None and not self._store.is_new:
            self._store.load(self.books)
            return
        seeds.plant(self.books, self.persona, seed)
        self.office.save()

    @property
    def port(self) -> int:
        return self._port

    @property
    def root_url(self) -> str:
        """Where the control page lives."""
        return f"http://{LOOPBACK}:{self._port}"

    @property
    def url(self) -> str:
        """The full address of the API."""
        return self.root_url + self.path

    @property
    def base_url(self) -> str:
        """What a person enters for HostFact: the address without `/apiv2/api.php`."""
        return self.url.removesuffix("/apiv2/api.php")

    def start(self) -> None:
        """Listens from now on, on the same port as before when there was one."""
        self._listener = Listener(self._port, self)
        self._port = self._listener.server_port
        threading.Thread(target=self._listener.serve_forever, args=(0.02,), name="sandbox", daemon=True).start()

    def stop(self) -> None:
        """Stops listening and drops whoever is still connected; the books stay readable."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.stopping.set()
            listener.shutdown()
            listener.server_close()
            listener.drop_connections()

    def die(self) -> None:
        """What a fault `commit_then_die` does: the whole server is gone until somebody starts it again."""
        if self._on_death is not None:
            self._on_death()
        self.stop()

    restart = start

    def close(self) -> None:
        self.stop()
        if self._store is not None:
            with self.books.lock:
                self.office.save()
                self._store.close()
                self.office.store = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


@contextmanager
def running(persona: str = "wefact", **options: Any) -> Iterator[Sandbox]:
    """A server on a free loopback port for the length of a `with` block; options as for `Sandbox`."""
    with Sandbox(persona, **options) as sandbox:
        yield sandbox
