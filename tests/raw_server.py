"""Servers of bare sockets, for what happens below HTTP."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class RawServer:
    """Accepts connections one by one and lets `serve` do with each what it wants. `received` holds what each connection brought."""

    def __init__(self, serve: Callable[[socket.socket, RawServer], None], tls: ssl.SSLContext | None = None) -> None:
        self._serve = serve
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.received: list[bytes] = []
        self.connections = 0
        self.over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                with self._tls.wrap_socket(connection, server_side=True) if self._tls else connection as spoken:
                    spoken.settimeout(5)
                    self._serve(spoken, self)
            except OSError:
                connection.close()

    def close(self) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(5)


@contextmanager
def raw_server(serve: Callable[[socket.socket, RawServer], None], tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    server = RawServer(serve, tls)
    try:
        yield server
    finally:
        server.close()


def read_request(connection: socket.socket, server: RawServer) -> bytes:
    """Head and body of one request; kept in `server.received`."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(row.split(b":")[1]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        body += piece
    if data:
        server.received.append(head + b"\r\n\r\n" + body)
    return body


def answering(raw: bytes) -> Callable[[socket.socket, RawServer], None]:
    def serve(connection: socket.socket, server: RawServer) -> None:
        read_request(connection, server)
        connection.sendall(raw)

    return serve


def http_answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
