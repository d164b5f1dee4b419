"""WeFact and HostFact: one wire family, two personas, and everything in which they differ (contract wefact 15)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors.addresses import AddressRule, canonical_host

_COMMON = frozenset({"items", "create_customer", "find", "send", "numbers_customers"})


@dataclass(frozen=True, slots=True)
class Persona:
    """What is particular to one of the two. The calls per second, minute and hour are what we allow ourselves (contract wefact 4)."""

    vendor: str
    path: str
    """What follows the address that the connection stores."""
    address_is_typed: bool
    """True when a person types the address, so that it is guarded."""
    check_call: tuple[str, str]
    """The cheapest read that proves access (contract wefact 7)."""
    tax_field: str
    """What a line's VAT is called on `invoice/add` (contract wefact 10.4)."""
    stock_switch: bool
    """Whether `UseProductInventory` exists: without `no` WeFact lowers stock (contract wefact 10.4)."""
    open_amount_field: str
    """The open amount in a list row (contract wefact 10.2)."""
    open_amount_in_show: bool
    """False: open is `AmountIncl` less `AmountPaid` (contract wefact 10.3)."""
    once_period: tuple[str, ...]
    """Values of `PricePeriod` that mean: sold once (contract wefact 9.1)."""
    login_fields: tuple[str, ...]
    """Fields of a customer that we neither keep nor journal (contract wefact 15)."""
    calls_per_second: int | None
    calls_per_minute: int | None
    calls_per_hour: int | None
    capabilities: frozenset[str]


WEFACT = Persona(
    vendor="wefact",
    path="",
    address_is_typed=False,
    check_call=("settings", "list"),
    tax_field="TaxCode",
    stock_switch=True,
    open_amount_field="AmountOutstanding",
    open_amount_in_show=True,
    once_period=("",),
    login_fields=(),
    calls_per_second=None,
    calls_per_minute=180,
    calls_per_hour=3300,
    capabilities=_COMMON | {"tax_codes"},
)

HOSTFACT = Persona(
    vendor="hostfact",
    path="/apiv2/api.php",
    address_is_typed=True,
    check_call=("debtor", "list"),
    tax_field="TaxPercentage",
    stock_switch=False,
    open_amount_field="AmountOpen",
    open_amount_in_show=False,
    once_period=("", "e"),
    login_fields=("Username", "Password", "SecurePassword", "ActiveLogin"),
    calls_per_second=3,
    calls_per_minute=None,
    calls_per_hour=None,
    capabilities=_COMMON,
)

PERSONAS = {persona.vendor: persona for persona in (WEFACT, HOSTFACT)}


class AddressNotUsable(ValueError):
    """An address that cannot be a HostFact installation.

    `reason`: `empty`, `scheme`, `https_required`, `credentials`, `query`, `fragment`, `host`, `port`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(_SENTENCES[reason])
        self.reason = reason


_SENTENCES = {
    "empty": "No address was given. Fill in where HostFact is installed, such as https://my.company.com/pro.",
    "scheme": "The address must start with https://.",
    "https_required": "The address must start with https://, so that the key cannot be read on the way.",
    "credentials": "Leave the user name and password out of the address.",
    "query": "Leave everything from the question mark on out of the address.",
    "fragment": "Leave everything from the # on out of the address.",
    "host": "The name of the server in the address is not valid.",
    "port": "The port in the address is not valid.",
}


def normalise_hostfact_url(text: str, rule: AddressRule | None = None) -> tuple[str, tuple[str, ...]]:
    """The address of the installation without `/apiv2/api.php` and without a final slash, and what was changed (contract wefact 15).

    Notices: `suffix_removed`, `https_added`. Plain http only where the deployer's list allows the host. Raises `AddressNotUsable`.
    """
    trimmed = text.strip()
    notices: list[str] = []
    if not trimmed:
        raise AddressNotUsable("empty")
    if re.search(r"[\s\x00-\x1f\x7f\\]", trimmed):
        raise AddressNotUsable("host")
    if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", trimmed):
        trimmed = f"https://{trimmed}"
        notices.append("https_added")
    scheme, host, port = _origin(trimmed)
    if scheme == "http" and not (rule or AddressRule()).allows_plain(host.strip("[]"), port or 80):
        raise AddressNotUsable("https_required")
    path, removed = _without_suffix(urlsplit(trimmed).path)
    if removed:
        notices.append("suffix_removed")
    shown_port = "" if port in (None, {"https": 443, "http": 80}[scheme]) else f":{port}"
    return f"{scheme}://{host}{shown_port}{path}", tuple(notices)


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise AddressNotUsable("port" if "ort" in str(error) else "host") from error
    if parts.scheme not in ("http", "https"):
        raise AddressNotUsable("scheme")
    if "@" in parts.netloc:
        raise AddressNotUsable("credentials")
    if "?" in url:
        raise AddressNotUsable("query")
    if "#" in url:
        raise AddressNotUsable("fragment")
    if port == 0:
        raise AddressNotUsable("port")
    try:
        name = parts.hostname or ""
        host = canonical_host(f"[{name}]" if ":" in name else name)
    except ValueError as error:
        raise AddressNotUsable("host") from error
    return parts.scheme, host, port


def _without_suffix(path: str) -> tuple[str, bool]:
    bare = re.sub(r"/{2,}", "/", path).rstrip("/")
    short = re.sub(r"(?i)/apiv2(?:/api\.php)?$", "", bare)
    return short.rstrip("/"), short != bare
