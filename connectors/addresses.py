"""Which machines we are willing to connect to when a person, not the deployer, chose the address."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors.errors import NotSent

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[..., list[Any]]
"""The shape of `socket.getaddrinfo`."""

# Services that hand out the machine's own credentials or configuration to whoever asks from inside.
_METADATA: frozenset[Address] = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",
        "169.254.170.2",
        "169.254.170.23",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
    )
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_V4_COMPATIBLE = ipaddress.ip_network("::/96")
_ENTRY = re.compile(r"(?:\[(?P<bracketed>[0-9A-Fa-f:.]+)\](?P<prefix>/\d{1,3})?|(?P<plain>[^\[\]:\s]+))(?::(?P<port>\d{1,5}))?")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Target:
    """One checked place to connect to: the arguments of `socket.socket` and the address for `connect`."""

    family: int
    kind: int
    protocol: int
    sockaddr: Any
    address: Address


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the allow list. `port` None means any port."""

    host: str | None
    network: Network | None
    port: int | None


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Public addresses over https only, and of the others those that the deployer allowed; metadata services and our own ports never.

    `allow` holds `host[:port]` or `CIDR[:port]` (an IPv6 one with a port as `[::1]:443` or `[fd00::]/8:443`); an entry that is neither
    raises `ValueError`. `own_ports` are the ports this program itself listens on.
    """

    allow: tuple[str, ...] = ()
    own_ports: tuple[int, ...] = ()
    resolve: Resolve = socket.getaddrinfo

    def __post_init__(self) -> None:
        for text in self.allow:
            _entry(text)

    def targets(self, host: str, port: int, *, encrypted: bool = True) -> tuple[Target, ...]:
        """Every address of this name, checked: one forbidden answer forbids the name, so that no later answer can slip in.

        Raises `NotSent`: `dns`, or `address_forbidden` (params: `host`, `address`).
        """
        found = resolved(host, port, self.resolve)
        for target in found:
            if not self._permits(host, target.address, port, encrypted):
                raise NotSent("address_forbidden", host=host, address=str(target.address))
        return found

    def allows_plain(self, host: str, port: int) -> bool:
        """Whether this host may be spoken to without encryption: only when the deployer put it on the list."""
        if any(entry.host == _folded(host) and entry.port in (None, port) for entry in self._entries()):
            return True
        try:
            found = resolved(host, port, self.resolve)
        except NotSent:
            return False
        return all(self._listed(host, target.address, port) for target in found)

    def _entries(self) -> list[_Entry]:
        return [_entry(text) for text in self.allow]

    def _listed(self, host: str, address: Address, port: int) -> bool:
        for entry in self._entries():
            if entry.port not in (None, port):
                continue
            if entry.host is not None and entry.host == _folded(host):
                return True
            if entry.network is not None and any(seen in entry.network for seen in _seen_as(address)):
                return True
        return False

    def _permits(self, host: str, address: Address, port: int, encrypted: bool) -> bool:
        if any(seen in _METADATA for seen in _seen_as(address)):
            return False
        if port in self.own_ports and _is_ours(address):
            return False
        if self._listed(host, address, port):
            return True
        return encrypted and all(_is_public(seen) for seen in _seen_as(address))


def resolved(host: str, port: int, resolve: Resolve = socket.getaddrinfo) -> tuple[Target, ...]:
    """All addresses of a name for TCP, in the order the resolver gave them. Raises `NotSent("dns")` when there are none."""
    try:
        answers = resolve(host, port, type=socket.SOCK_STREAM)
        found = tuple(Target(family, kind, protocol, place, ipaddress.ip_address(place[0])) for family, kind, protocol, _, place in answers)
    except (OSError, UnicodeError, ValueError) as error:
        raise NotSent("dns", str(error), host=host) from error
    if not found:
        raise NotSent("dns", host=host)
    return found


def canonical_host(text: str) -> str:
    """A host as we write it: lower case, no final dot, IDNA, odd spellings of an IPv4 address in four plain numbers.

    Raises `ValueError` for what cannot be a host.
    """
    bare = text.strip().rstrip(".").lower()
    if bare.startswith("[") and bare.endswith("]"):
        return f"[{ipaddress.IPv6Address(bare[1:-1])}]"
    ascii_form = bare.encode("idna").decode("ascii")
    if re.fullmatch(r"(?:0x[0-9a-f]+|\d+)(?:\.(?:0x[0-9a-f]+|\d+)){0,3}", ascii_form):
        try:
            return str(ipaddress.IPv4Address(socket.inet_aton(ascii_form)))
        except OSError as error:
            raise ValueError(f"{text!r} is not an address") from error
    if not _HOST.fullmatch(ascii_form) or ".." in ascii_form:
        raise ValueError(f"{text!r} is not a host name")
    return ascii_form


def _folded(host: str) -> str:
    return host.strip("[]").rstrip(".").casefold()


def _entry(text: str) -> _Entry:
    bare = text.strip()
    if bare.count(":") > 1 and not bare.startswith("["):
        return _Entry(None, ipaddress.ip_network(bare, strict=False), None)
    match = _ENTRY.fullmatch(bare)
    if match is None:
        raise ValueError(f"{text!r} is neither host[:port] nor CIDR[:port]")
    port = int(match["port"]) if match["port"] else None
    if port is not None and not 1 <= port <= 65535:
        raise ValueError(f"{text!r}: the port must lie between 1 and 65535")
    name = match["plain"] or match["bracketed"] + (match["prefix"] or "")
    try:
        return _Entry(None, ipaddress.ip_network(name, strict=False), port)
    except ValueError:
        if match["bracketed"] or not _HOST.fullmatch(_folded(name)):
            raise ValueError(f"{text!r} is neither host[:port] nor CIDR[:port]") from None
        return _Entry(_folded(name), None, port)


def _seen_as(address: Address) -> tuple[Address, ...]:
    """The address itself, and the IPv4 address it leads to when it is one in IPv6 clothes."""
    if isinstance(address, ipaddress.IPv4Address):
        return (address,)
    if address.ipv4_mapped is not None:
        return (address.ipv4_mapped,)
    if address in _NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    inner: list[Address] = []
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner.extend(address.teredo)
    if address in _V4_COMPATIBLE and int(address) > 0xFFFF:
        inner.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return (address, *inner)


def _is_public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _is_ours(address: Address) -> bool:
    """Whether this machine itself has the address: only then can a socket be bound to it."""
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
