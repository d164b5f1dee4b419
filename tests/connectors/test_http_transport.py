"""What left this machine and what came back, shown on bare sockets."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.addresses import AddressRule
from connectors.errors import AccessRefused, ConnectorError, NotProcessed, NotSent, OutcomeUnknown, Rejected, Unavailable
from connectors.http import Http, HttpAnswer, retried, retry_hint
from raw_server import RawServer, answering, http_answer, raw_server, read_request, reset

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def post(
    server: RawServer, http: Http | None = None, *, writes: bool = True, before_write=None, body: bytes = b"a=1", scheme: str = "http"
) -> HttpAnswer:
    url = f"{scheme}://127.0.0.1:{server.port}/v2/"
    return (http or Http(5)).send("POST", url, headers=FORM, body=body, writes=writes, before_write=before_write)


def failure(raw: bytes, **options: Any) -> ConnectorError:
    """The error a call ends in when the server reads it and answers so."""
    with raw_server(answering(raw)) as server, pytest.raises(ConnectorError) as caught:
        post(server, **options)
    return caught.value


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, Path]:
    """A self-signed certificate for 127.0.0.1: a server's context and the file that vouches for it."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    day = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(day).not_valid_after(day.replace(year=2100))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context, folder / "cert.pem"


def test_R01_a_write_arrives_and_its_answer_comes_back() -> None:
    with raw_server(answering(http_answer(b'{"ok":1}', "200 OK", "X-One: 1"))) as server:
        answer = post(server, body=b"a=1&b=2")
    assert (answer.status, answer.body, answer.headers["x-one"]) == (200, b'{"ok":1}', "1")
    assert server.received[0].endswith(b"\r\n\r\na=1&b=2")


def test_the_request_says_identity_close_and_no_cookie() -> None:
    with raw_server(answering(http_answer(b"{}", "200 OK", "Set-Cookie: PHPSESSID=1; path=/"))) as server:
        http = Http(5)
        post(server, http)
        post(server, http)
    assert server.connections == 2, "each call has a connection of its own"
    for request in server.received:
        head = request.lower()
        assert b"accept-encoding: identity" in head and b"connection: close" in head and b"cookie" not in head


def test_S49_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with raw_server(answering(http_answer(b"{}"))) as server:
        assert post(server).status == 200


def test_before_write_is_asked_when_the_connection_stands_and_before_the_first_byte() -> None:
    connected, asked, seen = threading.Event(), threading.Event(), []

    def serve(connection: socket.socket, server: RawServer) -> None:
        connected.set()
        assert asked.wait(5)
        connection.setblocking(False)
        try:
            seen.append(connection.recv(1))
        except BlockingIOError:
            seen.append(b"")
        connection.settimeout(5)
        released.set()
        read_request(connection, server)
        connection.sendall(http_answer(b"{}"))

    released = threading.Event()

    def before_write() -> None:
        assert connected.wait(5), "asked before the connection stood"
        asked.set()
        assert released.wait(5)

    with raw_server(serve) as server:
        post(server, before_write=before_write)
    assert seen == [b""], "a byte left before before_write was asked"


@pytest.mark.parametrize(
    "error", [RuntimeError("lease lost"), BrokenPipeError("x"), TimeoutError("y"), NotProcessed("budget"), KeyboardInterrupt()]
)
def test_what_before_write_raises_comes_through_and_nothing_leaves(error: BaseException) -> None:
    got = []

    def serve(connection: socket.socket, server: RawServer) -> None:
        got.append(connection.recv(100))

    def before_write() -> None:
        raise error

    with raw_server(serve) as server, pytest.raises(type(error)) as caught:
        post(server, before_write=before_write)
    assert caught.value is error
    assert b"".join(got) == b""


def test_head_and_body_leave_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    from connectors import http as module

    sizes: list[int] = []
    whole = module._PlainSocket.sendall

    def counting(self, data, *rest):
        sizes.append(len(data))
        return whole(self, data, *rest)

    monkeypatch.setattr(module._PlainSocket, "sendall", counting)
    with raw_server(answering(http_answer(b"{}"))) as server:
        post(server, body=b"x=" + b"y" * 100_000)
    assert len(sizes) == 1 and sizes[0] == len(server.received[0])


def test_R02_a_name_that_is_not_there_is_not_sent() -> None:
    with pytest.raises(NotSent) as caught:
        Http(5).send("POST", "http://nowhere.invalid/", headers=FORM, body=b"", writes=True)
    assert caught.value.reason == "dns"


def test_R03_a_refused_connection_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(NotSent) as caught:
        Http(5).send("POST", f"http://127.0.0.1:{port}/", headers=FORM, body=b"", writes=True)
    assert caught.value.reason == "connection_refused"


def test_R04_a_connection_that_takes_too_long_is_not_sent() -> None:
    def serve(connection: socket.socket, server: RawServer) -> None:
        server.over.wait(5)

    with raw_server(serve) as server:
        with pytest.raises(NotSent) as caught:
            post(server, Http(5, connect_seconds=0.1), scheme="https")
        server.over.set()
    assert caught.value.reason == "connect_timeout"


def test_R05_a_server_that_does_not_speak_tls_is_not_sent() -> None:
    def plain(connection: socket.socket, server: RawServer) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with raw_server(plain) as server, pytest.raises(NotSent) as caught:
        post(server, scheme="https")
    assert caught.value.reason == "tls"


def test_R05_S47_a_certificate_nobody_vouches_for_is_not_sent(certificate: tuple[ssl.SSLContext, Path]) -> None:
    asked: list[int] = []
    with raw_server(answering(http_answer(b"{}")), certificate[0]) as server, pytest.raises(NotSent) as caught:
        post(server, scheme="https", before_write=lambda: asked.append(1))
    assert caught.value.reason == "certificate"
    assert not asked and not server.received


def test_S47_a_private_authority_by_file_is_trusted(certificate: tuple[ssl.SSLContext, Path]) -> None:
    asked: list[int] = []
    with raw_server(answering(http_answer(b'{"a":1}')), certificate[0]) as server:
        answer = post(server, Http(5, ca_file=str(certificate[1])), scheme="https", before_write=lambda: asked.append(1))
    assert answer.body == b'{"a":1}' and asked == [1]


def test_R06_a_reset_while_writing_is_an_unknown_outcome() -> None:
    def serve(connection: socket.socket, server: RawServer) -> None:
        connection.recv(10)
        reset(connection)

    with raw_server(serve) as server, pytest.raises(OutcomeUnknown) as caught:
        post(server, body=b"x" * 4_000_000)
    assert caught.value.reason == "reset"


@pytest.mark.parametrize(("writes", "kind"), [(True, OutcomeUnknown), (False, Unavailable)])
def test_R07_R08_a_reset_before_the_answer(writes: bool, kind: type[ConnectorError]) -> None:
    def serve(connection: socket.socket, server: RawServer) -> None:
        read_request(connection, server)
        reset(connection)

    with raw_server(serve) as server, pytest.raises(kind) as caught:
        post(server, writes=writes)
    assert caught.value.reason == "reset"
    assert server.connections == 1, "the transport itself never tries again"


def test_R07_a_connection_closed_without_an_answer_is_unknown() -> None:
    error = failure(b"")
    assert isinstance(error, OutcomeUnknown) and error.reason == "reset"


@pytest.mark.parametrize(("writes", "kind"), [(True, OutcomeUnknown), (False, Unavailable)])
def test_R09_R10_no_answer_in_time(writes: bool, kind: type[ConnectorError]) -> None:
    def serve(connection: socket.socket, server: RawServer) -> None:
        read_request(connection, server)
        server.over.wait(5)

    with raw_server(serve) as server:
        with pytest.raises(kind) as caught:
            post(server, Http(0.2), writes=writes)
        server.over.set()
    assert caught.value.reason == "read_timeout"


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\nX-Slow: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b""])
def test_R12_an_answer_in_drips_ends_at_the_total_deadline(start: bytes, certificate: tuple[ssl.SSLContext, Path]) -> None:
    def serve(connection: socket.socket, server: RawServer) -> None:
        read_request(connection, server)
        connection.sendall(start)
        while not server.over.wait(0.02):
            connection.sendall(b"x")

    for scheme, context in (("http", None), ("https", certificate[0])):
        began = time.monotonic()
        with raw_server(serve, context) as server:
            with pytest.raises(OutcomeUnknown) as caught:
                post(server, Http(0.3, ca_file=str(certificate[1])), scheme=scheme)
            took = time.monotonic() - began
            server.over.set()
        assert caught.value.reason == "read_timeout"
        assert 0.2 < took < 1.5


def test_R13_R14_a_body_shorter_than_announced_is_cut() -> None:
    error = failure(b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"status":"success"}')
    assert isinstance(error, OutcomeUnknown) and error.reason == "cut_answer"


def test_R14_a_cut_chunk_is_cut() -> None:
    error = failure(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n20\r\n1}')
    assert isinstance(error, OutcomeUnknown) and error.reason == "cut_answer"


def test_chunked_answers_are_put_together() -> None:
    with raw_server(answering(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\n4\r\n":1}\r\n0\r\n\r\n')) as server:
        assert post(server).body == b'{"a":1}'


def test_no_http_at_all_is_unknown() -> None:
    with raw_server(answering(b"SSH-2.0-OpenSSH_9.2\r\n")) as server, pytest.raises(OutcomeUnknown) as caught:
        post(server)
    assert caught.value.reason == "unexpected"


@pytest.mark.parametrize("code", ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_R23_S44_a_redirect_is_refused_and_not_followed(code: str) -> None:
    with raw_server(answering(b"")) as other:
        answer = http_answer(b"", code, f"Location: http://127.0.0.1:{other.port}/login")
        with raw_server(answering(answer)) as server, pytest.raises(Rejected) as caught:
            post(server)
        assert caught.value.reason == "redirect"
        assert str(caught.value.params["location"]).endswith("/login")
        assert other.connections == 0


def test_R30_more_than_the_cap_is_refused() -> None:
    with raw_server(answering(http_answer(b"x" * 2000))) as server, pytest.raises(OutcomeUnknown) as caught:
        post(server, Http(5, cap_bytes=1000))
    assert caught.value.reason == "oversize"


def test_R30_a_compressed_answer_is_refused() -> None:
    error = failure(http_answer(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"), writes=False)
    assert isinstance(error, Unavailable) and error.reason == "unexpected"


def test_S42_a_guarded_call_does_not_reach_this_machine() -> None:
    with raw_server(answering(http_answer(b"{}"))) as server:
        for rule in (AddressRule(), AddressRule(("127.0.0.1:1",)), AddressRule(("127.0.0.1",), own_ports=(server.port,))):
            with pytest.raises(NotSent) as caught:
                post(server, Http(5, address_rule=rule))
            assert caught.value.reason == "address_forbidden"
        assert post(server, Http(5, address_rule=AddressRule((f"127.0.0.1:{server.port}",)))).status == 200
    assert server.connections == 1


def test_S42_the_address_that_was_checked_is_the_one_connected_to() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int, **kind: object) -> list[object]:
        asked.append(host)
        return socket.getaddrinfo("127.0.0.1" if len(asked) == 1 else "192.0.2.1", port, type=socket.SOCK_STREAM)

    with raw_server(answering(http_answer(b"{}"))) as server:
        rule = AddressRule(("127.0.0.0/8",), resolve=rebinding)
        url = f"http://hostfact.example.com:{server.port}/Pro/apiv2/api.php"
        Http(5, address_rule=rule).send("POST", url, headers=FORM, body=b"a=1", writes=True)
    assert asked == ["hostfact.example.com"]
    assert f"Host: hostfact.example.com:{server.port}".encode() in server.received[0]


def test_an_address_that_is_none_is_not_sent() -> None:
    for url in ("http://", "http://[::1", "ftp//x", "http://exa mple/"):
        with pytest.raises(NotSent) as caught:
            Http(5).send("POST", url, headers=FORM, body=b"", writes=True)
        assert caught.value.reason == "not_configured"


class _Falls:
    def __init__(self, *errors: ConnectorError) -> None:
        self.errors = list(errors)
        self.tries = 0

    def __call__(self) -> str:
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def test_R19_R33_reads_are_tried_three_times_more_with_growing_uneven_pauses() -> None:
    pauses: list[float] = []
    falls = _Falls(NotSent("dns"), NotProcessed("unavailable", retry_after=2), Unavailable("reset"))
    assert retried(falls, pauses.append, 60) == "done"
    assert falls.tries == 4
    assert 0.75 <= pauses[0] <= 1.25 and 2 <= pauses[1] <= 2.5 and 3 <= pauses[2] <= 5


def test_the_fourth_failure_of_a_read_is_told() -> None:
    falls = _Falls(*[Unavailable("reset")] * 5)
    with pytest.raises(Unavailable):
        retried(falls, lambda seconds: None, 60)
    assert falls.tries == 4


@pytest.mark.parametrize(
    "error",
    [
        AccessRefused("firewall"),
        Rejected("rejected"),
        OutcomeUnknown("reset"),
        NotProcessed("too_many"),
        NotProcessed("budget"),
        NotProcessed("unavailable", retry_after=600),
        NotSent("address_forbidden"),
        NotSent("certificate"),
        Unavailable("oversize"),
        Unavailable("incomplete_list"),
    ],
)
def test_what_repeating_would_not_help_is_not_repeated(error: ConnectorError) -> None:
    falls, pauses = _Falls(error), []
    with pytest.raises(type(error)):
        retried(falls, pauses.append, 60)
    assert falls.tries == 1 and not pauses


def test_repeats_end_when_the_seconds_of_a_call_are_used() -> None:
    falls = _Falls(*[Unavailable("read_timeout")] * 5)
    with pytest.raises(Unavailable):
        retried(falls, lambda seconds: None, 0)
    assert falls.tries == 1


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({}, None, None),
        ({"retry-after": "30"}, None, 30),
        ({"retry-after": "30"}, 90, 90),
        ({"retry-after": "0"}, None, 1),
        ({"retry-after": "-5"}, None, 1),
        ({"retry-after": "99999999999999999999"}, None, 21600),
        ({"retry-after": "soon"}, None, None),
        ({"retry-after": "nan"}, None, None),
        ({}, True, None),
        ({"retry-after": "Fri, 20 Nov 2026 09:02:00 GMT", "date": "Fri, 20 Nov 2026 09:00:00 GMT"}, None, 120),
        ({"retry-after": "Fri, 20 Nov 2099 09:02:00 GMT", "date": "Fri, 20 Nov 2026 09:00:00 GMT"}, None, 21600),
    ],
)
def test_R19_retry_hints_are_kept_between_a_second_and_six_hours(headers: dict[str, str], body: object, seconds: int | None) -> None:
    assert retry_hint(headers, body) == seconds
