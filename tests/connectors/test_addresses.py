"""Who may be connected to when a person typed the address (S41 to S43), and how that address is written down."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from connectors.addresses import AddressRule, canonical_host
from connectors.errors import NotSent
from connectors.wefact.persona import AddressNotUsable, normalise_hostfact_url


def names(**answers: str) -> Any:
    """A resolver that knows these names only; several addresses are separated by spaces. Bare addresses resolve to themselves."""

    def resolve(host: str, port: int, **kind: Any) -> list[Any]:
        known = answers.get(host.replace(".", "_").replace("-", "_"))
        if known is None:
            return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [
            one for text in known.split() for one in socket.getaddrinfo(text, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        ]

    return resolve


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "127.1.2.3", "0.0.0.0", "100.64.0.1", "169.254.1.1",
        "169.254.169.254", "224.0.0.1", "239.1.2.3", "255.255.255.255", "240.0.0.1", "192.0.2.1", "198.18.0.1", "100.100.100.200",
        "168.63.129.16", "192.0.0.192", "::1", "::", "fe80::1", "fc00::1", "fd00:ec2::254", "ff02::1", "fec0::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::a00:1", "64:ff9b:1::a00:1",
        "2002:7f00:1::", "2002:a00:1::1",
    ],
)  # fmt: skip
def test_S42_what_is_not_public_is_forbidden(address: str) -> None:
    with pytest.raises(NotSent) as caught:
        AddressRule(resolve=names(host_example=address)).targets("host.example", 443)
    assert caught.value.reason == "address_forbidden"
    assert caught.value.params["host"] == "host.example"


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"])
def test_public_addresses_are_fine_over_tls_and_not_without(address: str) -> None:
    rule = AddressRule(resolve=names(host_example=address))
    assert str(rule.targets("host.example", 443)[0].sockaddr[0])
    with pytest.raises(NotSent):
        rule.targets("host.example", 80, encrypted=False)


@pytest.mark.parametrize("spelling", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0x7f000001"])
def test_S41_odd_spellings_are_seen_through(spelling: str) -> None:
    with pytest.raises(NotSent) as caught:
        AddressRule().targets(spelling, 443)
    assert caught.value.reason == "address_forbidden"
    assert canonical_host(spelling) == "127.0.0.1"


def test_S42_one_forbidden_answer_forbids_the_name() -> None:
    with pytest.raises(NotSent) as caught:
        AddressRule(resolve=names(host_example="93.184.216.34 10.0.0.1")).targets("host.example", 443)
    assert caught.value.params["address"] == "10.0.0.1"


@pytest.mark.parametrize(
    ("entry", "host", "port", "fine"),
    [
        ("10.0.0.0/8", "intern.example", 443, True),
        ("10.0.0.0/8:8443", "intern.example", 8443, True),
        ("10.0.0.0/8:8443", "intern.example", 443, False),
        ("intern.example", "intern.example", 443, True),
        ("INTERN.example.", "intern.example.", 443, True),
        ("intern.example:444", "intern.example", 443, False),
        ("ern.example", "intern.example", 443, False),
        ("10.1.2.3", "intern.example", 443, True),
        ("10.1.2.4", "intern.example", 443, False),
        ("[fd00::]/8:443", "six.example", 443, True),
        ("[fd00::1]:443", "six.example", 443, True),
        ("[fd00::1]:80", "six.example", 443, False),
        ("fd00::/8", "six.example", 443, True),
    ],
)
def test_S43_the_deployer_may_allow_private_servers(entry: str, host: str, port: int, fine: bool) -> None:
    resolve = names(intern_example="10.1.2.3", intern_example_="10.1.2.3", six_example="fd00::1")
    rule = AddressRule((entry,), resolve=resolve)
    if fine:
        assert rule.targets(host, port) and rule.targets(host, port, encrypted=False) and rule.allows_plain(host, port)
    else:
        assert not rule.allows_plain(host, port)
        with pytest.raises(NotSent):
            rule.targets(host, port)


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "100.100.100.200", "168.63.129.16"])
def test_S43_metadata_is_never_allowed(address: str) -> None:
    rule = AddressRule(("0.0.0.0/0", "::/0", "host.example"), resolve=names(host_example=address))
    with pytest.raises(NotSent):
        rule.targets("host.example", 80)


def test_S43_our_own_ports_are_never_allowed() -> None:
    rule = AddressRule(("127.0.0.0/8", "0.0.0.0/8"), own_ports=(8000,))
    for host in ("127.0.0.1", "0.0.0.0", "127.0.0.9"):
        with pytest.raises(NotSent):
            rule.targets(host, 8000)
    assert rule.targets("127.0.0.1", 8001)


@pytest.mark.parametrize(
    "entry", ["", "a b", "host:99999", "host:0", "10.0.0.0/99", "[nonsense]:80", "http://host", "host:80:90", "1.2.3.4/8/8"]
)
def test_an_allow_entry_that_is_none_is_refused_at_once(entry: str) -> None:
    with pytest.raises(ValueError):
        AddressRule((entry,))


@pytest.mark.parametrize(
    ("text", "base", "notices"),
    [
        ("https://my.company.com/pro", "https://my.company.com/pro", ()),
        ("  https://my.company.com/Pro/apiv2/api.php  ", "https://my.company.com/Pro", ("suffix_removed",)),
        ("https://my.company.com/Pro/apiv2/", "https://my.company.com/Pro", ("suffix_removed",)),
        ("https://my.company.com/apiv2/API.php/", "https://my.company.com", ("suffix_removed",)),
        ("my.company.com/Pro", "https://my.company.com/Pro", ("https_added",)),
        ("https://MY.Company.com.:443//Pro//", "https://my.company.com/Pro", ()),
        ("https://my.company.com:8443", "https://my.company.com:8443", ()),
        ("https://bücher.example/Pro", "https://xn--bcher-kva.example/Pro", ()),
        ("https://[2606:2800:0220:1::1]/Pro", "https://[2606:2800:220:1::1]/Pro", ()),
        ("https://0x7f.1/Pro", "https://127.0.0.1/Pro", ()),
        ("https://my.company.com/notapiv2/api.phpx", "https://my.company.com/notapiv2/api.phpx", ()),
    ],
)
def test_S41_addresses_are_written_in_one_way(text: str, base: str, notices: tuple[str, ...]) -> None:
    assert normalise_hostfact_url(text) == (base, notices)
    assert normalise_hostfact_url(base) == (base, ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("ftp://my.company.com", "scheme"),
        ("javascript://my.company.com", "scheme"),
        ("http://my.company.invalid/Pro", "https_required"),
        ("https://user:secret@my.company.com/Pro", "credentials"),
        ("https://user@my.company.com/Pro", "credentials"),
        ("https://my.company.com/Pro?x=1", "query"),
        ("https://my.company.com/Pro?", "query"),
        ("https://my.company.com/Pro#top", "fragment"),
        ("https:///Pro", "host"),
        ("https://my company.com", "host"),
        ("https://my.company.com\\@evil.example", "host"),
        ("https://my..company.com", "host"),
        ("https://999.1.1.1", "host"),
        ("https://[::1", "host"),
        ("https://my%2ecompany.com", "host"),
        ("https://my.company.com:0", "port"),
        ("https://my.company.com:99999", "port"),
        ("https://my.company.com:abc", "port"),
    ],
)
def test_S41_addresses_that_cannot_be_are_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(AddressNotUsable) as caught:
        normalise_hostfact_url(text)
    assert caught.value.reason == reason
    assert "secret" not in str(caught.value)


def test_S41_plain_http_only_where_the_deployer_allows() -> None:
    assert normalise_hostfact_url("http://127.0.0.1:8001/Pro", AddressRule(("127.0.0.1:8001",))) == ("http://127.0.0.1:8001/Pro", ())
    rule = AddressRule(("10.0.0.0/8",), resolve=names(intern_example="10.1.2.3"))
    assert normalise_hostfact_url("http://intern.example/Pro", rule)[0] == "http://intern.example/Pro"
    for refused in (AddressRule(("127.0.0.1:8002",)), AddressRule()):
        with pytest.raises(AddressNotUsable):
            normalise_hostfact_url("http://127.0.0.1:8001/Pro", refused)
