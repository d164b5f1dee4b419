"""The one settings object, read from the environment and checked before anything else starts."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WEFACT_URL = "https://api.mijnwefact.nl/v2/"
AFAS_URL = "https://{number}.{host}.afas.online/ProfitRestServices"
SECRET_MINIMUM = 32


class SettingsError(ValueError):
    """A setting that stops the start. The text is one line that names the variable and what it wants."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the environment decides. Seconds are whole; `nightly_at` is hh:mm local time."""

    secret_key: str
    data_dir: Path
    database_url: str
    base_url: str
    trusted_proxies: int
    timezone: str
    smtp_url: str
    wefact_url: str
    afas_url: str
    outbound_allow: tuple[str, ...]
    outgoing_ips: tuple[str, ...]
    exports_enabled: bool
    settle_seconds_wefact: int
    settle_seconds_afas: int
    call_seconds_wefact: int
    call_seconds_afas: int
    nightly_at: str
    worker: str
    metrics_token: str
    log_format: str

    @property
    def is_https(self) -> bool:
        return self.base_url.startswith("https://")

    @property
    def is_plain_http_elsewhere(self) -> bool:
        """True when pages travel unencrypted beyond this machine: allowed when asked for, and said on every page."""
        return not self.is_https and not _is_loopback(urlsplit(self.base_url).hostname or "")

    def settle_seconds(self, vendor: str) -> int:
        return self.settle_seconds_afas if vendor == "afas" else self.settle_seconds_wefact

    def call_seconds(self, vendor: str) -> int:
        return self.call_seconds_afas if vendor == "afas" else self.call_seconds_wefact


def load(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read and check the settings. Makes the data directory and the key file (0600) at the first start.

    Raises SettingsError with one line that names the variable and what it wants.
    """

    def get(name: str, default: str) -> str:
        return environ.get(f"UURWERK_{name}", "").strip() or default

    data_dir = Path(get("DATA_DIR", "instance")).expanduser().resolve()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"UURWERK_DATA_DIR: cannot make {data_dir} ({error.strerror}); name a folder that may be written") from error
    port = environ.get("PORT", "").strip() or "8000"
    return Settings(
        secret_key=_secret_key(get("SECRET_KEY", ""), data_dir),
        data_dir=data_dir,
        database_url=_database_url(get("DATABASE_URL", ""), data_dir),
        base_url=_web_url("BASE_URL", get("BASE_URL", f"http://127.0.0.1:{port}")).rstrip("/"),
        trusted_proxies=_whole("TRUSTED_PROXIES", get("TRUSTED_PROXIES", "0"), minimum=0),
        timezone=_timezone(get("TIMEZONE", "Europe/Amsterdam")),
        smtp_url=get("SMTP_URL", ""),
        wefact_url=_web_url("WEFACT_URL", get("WEFACT_URL", WEFACT_URL)),
        afas_url=get("AFAS_URL", AFAS_URL),
        outbound_allow=_outbound(get("OUTBOUND_ALLOW", "")),
        outgoing_ips=_addresses(get("OUTGOING_IPS", "")),
        exports_enabled=_choice("EXPORTS_ENABLED", get("EXPORTS_ENABLED", "1"), ("0", "1")) == "1",
        settle_seconds_wefact=_whole("SETTLE_SECONDS_WEFACT", get("SETTLE_SECONDS_WEFACT", "600"), minimum=1),
        settle_seconds_afas=_whole("SETTLE_SECONDS_AFAS", get("SETTLE_SECONDS_AFAS", "1200"), minimum=1),
        call_seconds_wefact=_whole("CALL_SECONDS_WEFACT", get("CALL_SECONDS_WEFACT", "60"), minimum=1),
        call_seconds_afas=_whole("CALL_SECONDS_AFAS", get("CALL_SECONDS_AFAS", "120"), minimum=1),
        nightly_at=_time_of_day(get("NIGHTLY_AT", "03:30")),
        worker=_choice("WORKER", get("WORKER", "inline"), ("inline", "off")),
        metrics_token=get("METRICS_TOKEN", ""),
        log_format=_choice("LOG_FORMAT", get("LOG_FORMAT", "text"), ("text", "json")),
    )


def _secret_key(given: str, data_dir: Path) -> str:
    if given:
        if len(given) < SECRET_MINIMUM or len(set(given)) < 8:
            raise SettingsError(f"UURWERK_SECRET_KEY: too easy to guess; use {SECRET_MINIMUM} random characters or more")
        return given
    path = data_dir / "secret.key"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return _read_key(path)
    except OSError as error:
        raise SettingsError(f"UURWERK_DATA_DIR: cannot write {path} ({error.strerror}); name a folder that may be written") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(key := secrets.token_urlsafe(48))
    return key


def _read_key(path: Path) -> str:
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise SettingsError(f"UURWERK_SECRET_KEY: others can read {path}; make it private with: chmod 600 {path}")
    key = path.read_text().strip()
    if len(key) < SECRET_MINIMUM:
        raise SettingsError(f"UURWERK_SECRET_KEY: {path} holds no usable key; restore it from a backup, or remove it to make a new one")
    return key


def _database_url(given: str, data_dir: Path) -> str:
    if not given:
        return f"sqlite:///{data_dir / 'uurwerk.db'}"
    if given.startswith("sqlite:///"):
        return given
    for prefix in ("postgresql+psycopg://", "postgresql://", "postgres://"):
        if given.startswith(prefix):
            return "postgresql+psycopg://" + given.removeprefix(prefix)
    raise SettingsError("UURWERK_DATABASE_URL: wants sqlite:///PATH or postgresql://USER:PASSWORD@HOST/DATABASE")


def _web_url(name: str, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"UURWERK_{name}: wants a full address such as https://hours.example.com")
    return value


def _whole(name: str, value: str, minimum: int) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", value) or int(value) < minimum:
        raise SettingsError(f"UURWERK_{name}: wants a whole number of {minimum} or more, not {value!r}")
    return int(value)


def _choice(name: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise SettingsError(f"UURWERK_{name}: wants one of {', '.join(allowed)}, not {value!r}")
    return value


def _timezone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(f"UURWERK_TIMEZONE: {value!r} is no time zone; use a name such as Europe/Amsterdam") from error
    return value


def _time_of_day(value: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        raise SettingsError(f"UURWERK_NIGHTLY_AT: wants a time such as 03:30, not {value!r}")
    return value


def _addresses(value: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    for part in found:
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError as error:
            raise SettingsError(f"UURWERK_OUTGOING_IPS: {part!r} is no IP address; separate addresses with commas") from error
    return found


def _outbound(value: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in value.split(",") if part.strip())
    for part in found:
        if not re.fullmatch(r"(\[[0-9a-fA-F:.]+\](/\d{1,3})?|[0-9a-fA-F:]+(/\d{1,3})?|[A-Za-z0-9._-]+(/\d{1,2})?)(:\d{1,5})?", part):
            raise SettingsError(f"UURWERK_OUTBOUND_ALLOW: {part!r} is neither host[:port] nor CIDR[:port]")
    return found


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
