"""The connection test: one harmless read, told as the steps a person can act on (contract wefact 2.1, 7, 15)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from connectors.errors import ConnectorError, NotProcessed, NotSent, Rejected, Unavailable
from connectors.records import CheckResult, CheckStep
from connectors.wefact.client import WeFactClient
from connectors.wefact.persona import Persona
from connectors.wefact.values import Unusable, identifier, text

STEPS = ("address", "certificate", "address_allowed", "key", "api_on", "read")

# Which step an error is about, and which steps it proves. The other steps are skipped: nobody knows.
_CONNECTED = ("address", "certificate")
_FAILED_AT: dict[str, tuple[str, tuple[str, ...]]] = {
    "certificate": ("certificate", ("address",)),
    "tls": ("certificate", ("address",)),
    "address_refused": ("address_allowed", _CONNECTED),
    "firewall": ("address_allowed", _CONNECTED),
    "key_refused": ("key", (*_CONNECTED, "address_allowed")),
    "routing": ("api_on", (*_CONNECTED, "address_allowed", "key")),
    "rejected": ("read", (*_CONNECTED, "address_allowed", "key", "api_on")),
}
_PROBED_FOLDERS = ("/Pro", "/pro")


@dataclass(frozen=True, slots=True)
class _Reading:
    server_time: str
    params: dict[str, object]


def check(client: WeFactClient, persona: Persona, url: str) -> CheckResult:
    """The test, without repeats. Steps are `ok`, `failed` or `skipped`.

    The step `api_on` has the parameter `url` when HostFact answered in another folder than the one given; the step `read` has `search`:
    `proved`, `failed`, `nothing_to_search` or `not_tried`. On plain http the step `certificate` is ok with the reason `plain_http`.
    """
    corrected = ""
    try:
        try:
            reading = _read(client, persona)
        except Unavailable as error:
            if error.reason != "not_json":
                raise
            corrected, reading = _probe(client, persona, url, error)
        search = _search(client.at(corrected + persona.path) if corrected else client)
    except _Elsewhere as elsewhere:
        return _failed(elsewhere.error, url, elsewhere.url)
    except ConnectorError as error:
        return _failed(error, url, corrected)
    return _passed(reading, search, url, corrected)


class _Elsewhere(Exception):
    """The API is in another folder, and refuses us there."""

    def __init__(self, error: ConnectorError, url: str) -> None:
        super().__init__(url)
        self.error = error
        self.url = url


def _read(client: WeFactClient, persona: Persona) -> _Reading:
    if persona.check_call == ("settings", "list"):
        codes = client.settings_list(repeat=False)
        return _Reading(codes.server_time, {"tax_codes": len(codes.result)})
    customers = client.debtor_list({"offset": "0", "limit": "1"}, repeat=False)
    return _Reading(customers.server_time, {"customers": customers.total or 0})


def _probe(client: WeFactClient, persona: Persona, url: str, first: ConnectorError) -> tuple[str, _Reading]:
    """HostFact is usually installed in a folder Pro; look there, on the same server and over TLS only, because a probe carries the key."""
    parts = urlsplit(url)
    if not persona.address_is_typed or parts.scheme != "https" or "/pro" in f"{parts.path.lower()}/":
        raise first
    for folder in _PROBED_FOLDERS:
        there = url.rstrip("/") + folder
        try:
            return there, _read(client.at(there + persona.path), persona)
        except (Unavailable, NotSent):
            continue
        except ConnectorError as error:
            if error.reason == "redirect":
                continue
            raise _Elsewhere(error, there) from error
    raise first


def _search(client: WeFactClient) -> str:
    """Whether searching invoices by customer number finds what is there: what an interrupted export depends on (contract wefact 13)."""
    try:
        for row in client.invoice_list({"offset": "0", "limit": "1"}, repeat=False).rows:
            if not isinstance(row, dict):
                return "failed"
            remote_id, code = identifier(row.get("Identifier")), text(row, "DebtorCode")
            asked = {"offset": "0", "limit": "1000", "searchat": "DebtorCode", "searchfor": code, "sort": "Modified", "order": "DESC"}
            found = client.invoice_list(asked, repeat=False).rows
            return "proved" if any(_is(other, remote_id) for other in found) else "failed"
    except Unusable:
        return "failed"
    except (Rejected, Unavailable, NotProcessed, NotSent):
        return "not_tried"
    return "nothing_to_search"


def _is(row: object, remote_id: str) -> bool:
    return isinstance(row, dict) and identifier(row.get("Identifier")) == remote_id


def _passed(reading: _Reading, search: str, url: str, corrected: str) -> CheckResult:
    found: dict[str, dict[str, object]] = {
        "api_on": {"url": corrected} if corrected else {},
        "read": {**reading.params, "search": search},
    }
    steps = tuple(CheckStep(key, "ok", _plain(key, url), params=found.get(key, {})) for key in STEPS)
    return CheckResult(steps, reading.server_time)


def _failed(error: ConnectorError, url: str, corrected: str) -> CheckResult:
    # Not sent at all means no address; anything else unnamed means that something answered, but not as the API does.
    unnamed = ("address", ()) if isinstance(error, NotSent) or error.reason == "budget" else ("api_on", _CONNECTED)
    at, proved = _FAILED_AT.get(error.reason, unnamed)
    steps = []
    for key in STEPS:
        if key == at:
            params = {**error.params, **({"url": corrected} if corrected else {})}
            steps.append(CheckStep(key, "failed", error.reason, error.detail, params))
        elif key in proved:
            steps.append(CheckStep(key, "ok", _plain(key, url)))
        else:
            steps.append(CheckStep(key, "skipped"))
    return CheckResult(tuple(steps))


def _plain(key: str, url: str) -> str:
    return "plain_http" if key == "certificate" and url.lower().startswith("http:") else ""
