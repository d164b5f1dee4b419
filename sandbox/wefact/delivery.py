"""Delivery: reads a request from its socket and brings the answer back, or spoils it as a fault says."""

from __future__ import annotations

import select
import socket
import struct
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from sandbox.wefact import control
from sandbox.wefact.faults import Fault
from sandbox.wefact.office import HTML_TYPE, Reply, Request

if TYPE_CHECKING:
    from sandbox.wefact.server import Listener

_MAXIMUM_READ = 256 * 1024 * 1024
_REASONS = {200: "OK", 302: "Found", 303: "See Other", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
_REASONS |= {405: "Method Not Allowed", 411: "Length Required", 502: "Bad Gateway"}


class Handler(BaseHTTPRequestHandler):
    """One connection; every answer leaves in one write."""

    server: Listener
    protocol_version = "HTTP/1.1"
    timeout = 120

    def log_message(self, format: str, *args: Any) -> None:
        """Keeps quiet; the journal tells what happened."""

    def do_POST(self) -> None:
        body = self._read_body()
        if body is None:
            self._page(411, "<h1>411 Length Required</h1>")
            return
        sandbox = self.server.sandbox
        path = self.path.partition("?")[0]
        if path in control.POSTS:
            self._send(control.post(sandbox, path, self.headers, body))
        elif path == sandbox.path:
            self._deliver(sandbox.office.handle(self._request(body)))
        else:
            self._nowhere(404, body)

    def do_GET(self) -> None:
        sandbox = self.server.sandbox
        path = self.path.partition("?")[0]
        if path in control.PAGES:
            self._send(control.get(sandbox, self.path, self.headers))
        else:
            self._nowhere(405 if path == sandbox.path else 404)

    def _other(self) -> None:
        self._read_body()
        self._nowhere(405)

    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_HEAD = _other

    def _read_body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit():
            return None
        return self.rfile.read(min(int(length), _MAXIMUM_READ))

    def _request(self, body: bytes) -> Request:
        content_type = self.headers.get("Content-Type", "")
        return Request(self.client_address[0], self.command, self.path, content_type, body)

    def _nowhere(self, http_status: int, body: bytes = b"") -> None:
        self.server.sandbox.office.note(self._request(body), http_status)
        self._page(http_status, f"<h1>{http_status} {_REASONS[http_status]}</h1>")

    def _page(self, http_status: int, content: str) -> None:
        page = f"<!DOCTYPE html><html><head><title>{http_status}</title></head><body>{content}</body></html>"
        self._send(Reply(http_status, page.encode(), {"Content-Type": HTML_TYPE, "Connection": "close"}))
        self.close_connection = True

    def _head(self, reply: Reply, length: int | None) -> bytes:
        lines = [f"HTTP/1.1 {reply.http_status} {_REASONS.get(reply.http_status, 'Status')}", "Server: sandbox"]
        lines += [f"Date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        lines += [f"Content-Length: {length}"] if length is not None else ["Connection: close"]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def _send(self, reply: Reply) -> None:
        body = b"" if self.command == "HEAD" else reply.body
        self.connection.sendall(self._head(reply, len(reply.body)) + body)

    def _deliver(self, reply: Reply) -> None:
        fault = reply.fault
        if fault is None:
            self._send(reply)
            return
        spoil = getattr(self, f"_spoil_{fault.kind}", None)
        if spoil is None:
            self._send(reply)
        else:
            spoil(reply, fault)

    def _hang_up(self, reset: bool = False) -> None:
        """Closes the connection for real; with `reset` the caller gets a TCP reset instead of an end."""
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.rfile.close()
        self.connection.close()

    def _spoil_reset_before(self, reply: Reply, fault: Fault) -> None:
        self._hang_up(reset=True)

    _spoil_commit_then_reset = _spoil_reset_before

    def _spoil_slow_commit(self, reply: Reply, fault: Fault) -> None:
        self._hang_up()

    def _spoil_timeout(self, reply: Reply, fault: Fault) -> None:
        self._wait(float(fault.options.get("seconds", 120)))
        self._hang_up()

    _spoil_commit_then_timeout = _spoil_timeout

    def _spoil_delay(self, reply: Reply, fault: Fault) -> None:
        self._wait(float(fault.options.get("seconds", 5)))
        self._send(reply)

    def _spoil_commit_then_die(self, reply: Reply, fault: Fault) -> None:
        self.server.sandbox.die()
        self._hang_up(reset=True)

    def _spoil_cut_body(self, reply: Reply, fault: Fault) -> None:
        self.connection.sendall(self._head(reply, len(reply.body)) + reply.body[: len(reply.body) // 2])
        self._hang_up()

    def _spoil_drip(self, reply: Reply, fault: Fault) -> None:
        pause = float(fault.options.get("pause", 0.05))
        self.connection.sendall(self._head(reply, len(reply.body)))
        for position in range(len(reply.body)):
            if self._wait(pause):
                break
            self.connection.sendall(reply.body[position : position + 1])

    def _spoil_oversize(self, reply: Reply, fault: Fault) -> None:
        """The answer, then blanks for so many megabytes; `declared=False` leaves the length out."""
        megabytes = int(fault.options.get("megabytes", 64))
        length = len(reply.body) + megabytes * 1_048_576
        declared = fault.options.get("declared", True)
        self.connection.sendall(self._head(reply, length if declared else None) + reply.body)
        blanks = b" " * 1_048_576
        for _ in range(megabytes):
            self.connection.sendall(blanks)
        if not declared:
            self._hang_up()

    def _wait(self, seconds: float) -> bool:
        """Waits until the time is up, the caller leaves or the server stops; True for the last two."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.server.stopping.is_set():
                return True
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.02))
            if readable and not self._caller_is_there():
                return True
            if readable:
                self.server.stopping.wait(min(left, 0.02))
        return False

    def _caller_is_there(self) -> bool:
        try:
            return len(self.connection.recv(1, socket.MSG_PEEK)) > 0
        except OSError:
            return False
