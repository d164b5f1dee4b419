"""One HTTP call, from the name to the last byte: what left this machine, what came back, and never more than agreed.

A call has one deadline for everything. A connection is made for each call and never used again; cookies, redirects, proxies of
the environment and compressed answers are not taken part in; certificates are always verified. A write asks `before_write` when
the connection stands and before its first byte leaves, and then goes out in one go.
"""

from __future__ import annotations

import functools
import http.client
import random
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, ReadTimeoutError

from connectors.addresses import AddressRule, Target, resolved
from connectors.errors import ConnectorError, NotProcessed, NotSent, OutcomeUnknown, Rejected, Unavailable

CONNECT_SECONDS = 5.0
CAP_BYTES = 5 * 1024 * 1024
RETRIES = 3
LONGEST_PAUSE_SECONDS = 5
SHORTEST_HINT_SECONDS = 1
LONGEST_HINT_SECONDS = 6 * 3600
_PIECE_BYTES = 64 * 1024

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An answer that arrived whole. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Http:
    """Makes calls for one connection; holds no state between them, so threads may share it.

    `call_seconds` is the deadline of a whole call. `address_rule` guards addresses that a person typed; None means that the
    deployer fixed the address. `ca_file` adds a private certificate authority.
    """

    def __init__(
        self,
        call_seconds: float,
        *,
        address_rule: AddressRule | None = None,
        ca_file: str | None = None,
        cap_bytes: int = CAP_BYTES,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self.call_seconds = call_seconds
        self._address_rule = address_rule
        self._cap_bytes = cap_bytes
        self._connect_seconds = connect_seconds
        self._tls = _trusting(ca_file)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        writes: bool,
        before_write: Callable[[], None] | None = None,
    ) -> HttpAnswer:
        """One request, once. Any status but a redirect is an answer; what it means is the client's business.

        Raises `NotSent` before the first byte left, `Rejected("redirect")`, and when the answer is lost or unusable
        `OutcomeUnknown` for a write, `Unavailable` for a read. What `before_write` raises comes through as it is.
        """
        moment = _Moment(time.monotonic(), self.call_seconds, self._connect_seconds, self._address_rule, before_write)
        lost = OutcomeUnknown if writes else Unavailable
        fixed = {"Accept-Encoding": "identity", "Connection": "close", "User-Agent": "Uurwerk"}
        try:
            request = requests.Request(method, url, headers={**headers, **fixed}, data=body).prepare()
        except (requests.RequestException, UnicodeError) as error:
            raise NotSent("not_configured", str(error)) from error
        adapter = _Adapter(moment, self._tls)
        try:
            response = adapter.send(request, stream=True, timeout=self.call_seconds, verify=True, proxies={})
            with response:
                return self._read(response, lost)
        except _Stopped as stopped:
            raise stopped.error from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise _transport_error(error, lost) from error
        finally:
            adapter.close()

    def _read(self, response: requests.Response, lost: type[ConnectorError]) -> HttpAnswer:
        status = response.status_code
        if 300 <= status < 400:
            raise Rejected("redirect", http_status=status, location=response.headers.get("Location", "")[:300])
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("", "identity"):
            raise lost("unexpected", f"Content-Encoding: {encoding[:50]}", http_status=status)
        body = bytearray()
        while piece := response.raw.read(_PIECE_BYTES, decode_content=False):
            body += piece
            if len(body) > self._cap_bytes:
                raise lost("oversize", http_status=status, limit=self._cap_bytes)
        return HttpAnswer(status, {name.lower(): value for name, value in response.headers.items()}, bytes(body))


@functools.lru_cache(maxsize=8)
def _trusting(ca_file: str | None) -> ssl.SSLContext:
    """Who is believed: the system's authorities and the private one. Read once per process, because reading them takes longer than a call."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(cafile=ca_file)
    context.sslsocket_class = _TlsSocket
    return context


def retried(attempt: Callable[[], Result], pause: Callable[[float], None], call_seconds: float) -> Result:
    """A read, again up to three times when it was not sent, not processed or not answered; the last error is raised.

    Pauses of about 1, 2 and 4 seconds, each a quarter more or less. Stops early when the attempts together have used the seconds
    of one call, and when the other side asks for more patience than a page has.
    """
    started = time.monotonic()
    for again in range(RETRIES + 1):
        try:
            return attempt()
        except (NotSent, NotProcessed, Unavailable) as error:
            if again == RETRIES or not _worth_repeating(error) or time.monotonic() - started >= call_seconds:
                raise
            hint = error.retry_after if isinstance(error, NotProcessed) and error.retry_after else 0
            pause(max(hint, 2**again * random.uniform(0.75, 1.25)))  # noqa: S311 - spreads load, hides nothing
    raise AssertionError("unreachable: the last attempt returns or raises")


def _worth_repeating(error: ConnectorError) -> bool:
    if isinstance(error, NotProcessed):
        return error.reason == "unavailable" and (error.retry_after or 0) <= LONGEST_PAUSE_SECONDS
    if isinstance(error, NotSent):
        return error.reason not in ("address_forbidden", "certificate", "not_configured")
    return isinstance(error, Unavailable) and error.reason not in ("oversize", "incomplete_list")


def retry_hint(headers: Mapping[str, str], body_hint: object = None) -> int | None:
    """How many seconds the other side asks us to wait, kept between one second and six hours; None when it does not say."""
    text = str(body_hint).strip() if isinstance(body_hint, (int, str)) and not isinstance(body_hint, bool) else ""
    text = text or headers.get("retry-after", "").strip()
    if re.fullmatch(r"[+-]?[0-9]+(?:\.[0-9]+)?", text):
        seconds = float(text)
    else:
        try:
            until = parsedate_to_datetime(text)
            there = headers.get("date", "")
            now = parsedate_to_datetime(there).timestamp() if there else time.time()
            seconds = until.timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return int(min(max(seconds, SHORTEST_HINT_SECONDS), LONGEST_HINT_SECONDS))


class _Stopped(Exception):
    """Carries what `before_write` raised past libraries that would take it for a network error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


@dataclass(slots=True)
class _Moment:
    """Where one call stands."""

    started: float
    call_seconds: float
    connect_seconds: float
    address_rule: AddressRule | None
    before_write: Callable[[], None] | None

    def remaining(self) -> float:
        """Seconds to the deadline. Raises `TimeoutError` past it."""
        left = self.started + self.call_seconds - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's total deadline passed")
        return left

    def to_connect(self) -> float:
        """Seconds that connecting may still take. Raises `TimeoutError` when there are none."""
        left = self.started + min(self.connect_seconds, self.call_seconds) - time.monotonic()
        if left <= 0:
            raise TimeoutError("no connection in time")
        return left

    def ask(self) -> None:
        """Let `before_write` speak."""
        if self.before_write is None:
            return
        try:
            self.before_write()
        except (OSError, http.client.HTTPException, HTTPError) as error:
            raise _Stopped(error) from error


class _Deadline:
    """A socket whose every wait ends at the call's deadline, so that an answer in drips does not outlive it."""

    moment: _Moment | None = None

    def recv_into(self, *arguments: Any) -> int:
        if self.moment is not None:
            self.settimeout(self.moment.remaining())  # type: ignore[attr-defined]
        return super().recv_into(*arguments)  # type: ignore[misc,no-any-return]

    def send(self, *arguments: Any) -> int:
        if self.moment is not None:
            self.settimeout(self.moment.remaining())  # type: ignore[attr-defined]
        return super().send(*arguments)  # type: ignore[misc,no-any-return]


class _PlainSocket(_Deadline, socket.socket):
    """TCP."""


class _TlsSocket(_Deadline, ssl.SSLSocket):
    """TLS over TCP."""


class _OneGo:
    """The part of a connection that is the same for http and https: checked address, fence, one write."""

    moment: _Moment
    sock: Any
    port: int
    _held: bytearray | None = None

    def _encrypted(self) -> bool:
        raise NotImplementedError

    def _targets(self) -> tuple[Target, ...]:
        host = str(self.host).strip("[]")  # type: ignore[attr-defined]
        rule = self.moment.address_rule
        if rule is None:
            return resolved(host, self.port)
        return rule.targets(host, self.port, encrypted=self._encrypted())

    def _new_conn(self) -> socket.socket:
        """Connect to one of the addresses that were checked: the name is not looked up a second time."""
        failure: NotSent | None = None
        for target in self._targets():
            sock: socket.socket | None = None
            try:
                sock = _PlainSocket(target.family, target.kind, target.protocol)
                sock.settimeout(self.moment.to_connect())
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(target.sockaddr)
                sock.settimeout(self.moment.to_connect())
            except OSError as error:
                if sock is not None:
                    sock.close()
                reason = "connect_timeout" if isinstance(error, TimeoutError) else "connection_refused"
                failure = NotSent(reason, str(error), address=str(target.address))
            else:
                return sock
        assert failure is not None, "a name without addresses is an error of its own"
        raise failure

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        except ssl.SSLCertVerificationError as error:
            raise NotSent("certificate", error.verify_message or str(error)) from error
        except TimeoutError as error:
            raise NotSent("connect_timeout", str(error)) from error
        except (OSError, HTTPError) as error:
            raise NotSent("tls" if self._encrypted() else "connection_refused", str(error)) from error
        self.sock.moment = self.moment

    def request(self, *arguments: Any, **keywords: Any) -> None:
        """Connect, ask, and only then write head and body together."""
        if self.sock is None:
            self.connect()
        self.moment.ask()
        held = self._held = bytearray()
        super().request(*arguments, **keywords)  # type: ignore[misc]
        self._held = None
        try:
            self.sock.settimeout(self.moment.remaining())
        except TimeoutError as error:
            raise NotSent("connect_timeout", str(error)) from error
        self.sock.sendall(bytes(held))

    def send(self, data: Any) -> None:
        """The parts of the request, kept until it is whole."""
        if self._held is None:
            raise AssertionError("nothing is sent outside request()")
        self._held += data


class _PlainConnection(_OneGo, HTTPConnection):
    def __init__(self, *arguments: Any, moment: _Moment, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.moment = moment

    def _encrypted(self) -> bool:
        return False


class _TlsConnection(_OneGo, HTTPSConnection):
    def __init__(self, *arguments: Any, moment: _Moment, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.moment = moment

    def _encrypted(self) -> bool:
        return True


class _Adapter(HTTPAdapter):
    """Mounts our connections under requests, for one call. Used without a session: no cookies, no proxies, no redirects followed."""

    def __init__(self, moment: _Moment, tls: ssl.SSLContext) -> None:
        self._moment = moment
        self._tls = tls
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        if host["scheme"] == "https":
            tls["ssl_context"] = self._tls
        return host, tls

    def get_connection_with_tls_context(self, *arguments: Any, **keywords: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*arguments, **keywords)
        kind = _TlsConnection if pool.scheme == "https" else _PlainConnection
        pool.ConnectionCls = functools.partial(kind, moment=self._moment)
        return pool


def _transport_error(error: Exception, lost: type[ConnectorError]) -> ConnectorError:
    """What a failed call means. Our connections name what happens before the first byte themselves, so in doubt the request left."""
    if isinstance(error, requests.ConnectTimeout):
        return NotSent("connect_timeout", str(error)[:500])
    if isinstance(error, requests.exceptions.InvalidURL):
        return NotSent("not_configured", str(error)[:500])
    return lost(_lost_reason(error), str(error)[:500])


def _lost_reason(error: BaseException) -> str:
    causes = list(_causes(error))
    if any(isinstance(cause, (TimeoutError, ReadTimeoutError, requests.Timeout)) for cause in causes):
        return "read_timeout"
    if any(isinstance(cause, http.client.IncompleteRead) for cause in causes):
        return "cut_answer"
    if any(isinstance(cause, (requests.exceptions.ChunkedEncodingError, ssl.SSLEOFError)) for cause in causes):
        return "cut_answer"
    if any(isinstance(cause, http.client.BadStatusLine) and not isinstance(cause, ConnectionError) for cause in causes):
        return "unexpected"
    if any(isinstance(cause, (ConnectionError, http.client.RemoteDisconnected, requests.ConnectionError)) for cause in causes):
        return "reset"
    return "unexpected"


def _causes(error: BaseException) -> list[BaseException]:
    """The error, and what the libraries wrapped in it as arguments, cause or context."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        one = todo.pop()
        if isinstance(one, BaseException) and not any(one is known for known in found):
            found.append(one)
            todo.extend((*one.args, one.__cause__, one.__context__))
    return found
