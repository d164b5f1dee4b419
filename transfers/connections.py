"""From a row in `connection` to a connector that speaks: sealed keys, addresses, deadlines."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from sqlalchemy import select, update

from connectors.addresses import AddressRule
from connectors.base import Connector, Wire
from connectors.errors import AccessRefused, ConnectorError, NotSent
from connectors.wefact.connector import WeFactConnector
from connectors.wefact.persona import PERSONAS
from models import Connection, db
from settings import Settings

LONG_PAUSE = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Timing:
    """The waits of one package, in seconds; all but the first two follow from them (design 4a)."""

    settle: int
    call: int

    @property
    def lease(self) -> int:
        return 2 * self.call + 5

    @property
    def search_gap(self) -> int:
        return max(1, self.settle // 10)

    @property
    def first_backoff(self) -> int:
        return max(1, self.settle // 20)

    def backoff(self, tries: int) -> int:
        """Doubling from the first, at most half an hour."""
        return min(self.first_backoff << min(tries, 12), 1800)


def utc_now() -> datetime:
    return datetime.now(UTC)


def timing(settings: Settings, vendor: str) -> Timing:
    return Timing(settle=settings.settle_seconds(vendor), call=settings.call_seconds(vendor))


# --- Keys at rest ---------------------------------------------------------------------------------------------------------------


def _fernet(settings: Settings) -> MultiFernet:
    digest = hashlib.sha256(b"uurwerk sealed keys 1:" + settings.secret_key.encode()).digest()
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest))])


def seal(settings: Settings, secret: str) -> str:
    """The secret as it is stored."""
    return _fernet(settings).encrypt(secret.encode()).decode()


def unseal(settings: Settings, sealed: str) -> str:
    """The secret itself. Raises NotSent("key_unreadable") when the key file is not the one it was sealed with."""
    try:
        return _fernet(settings).decrypt(sealed.encode()).decode()
    except InvalidToken:
        raise NotSent("key_unreadable") from None


# --- Connectors -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Access:
    """What is needed to speak to a package, taken from its row so that no transaction stays open during a call."""

    connection_id: int
    vendor: str
    url: str
    secret: str

    @property
    def budget_key(self) -> str:
        """WeFact counts per outgoing address of ours, HostFact is the customer's own machine."""
        return self.vendor if self.vendor != "hostfact" else f"hostfact:{urlsplit(self.url).netloc}"[:80]


def access(settings: Settings, connection: Connection) -> Access:
    """Raises NotSent: `not_configured` without a key or address, `key_unreadable` when it cannot be unsealed."""
    if not connection.secret_sealed or (connection.vendor == "hostfact" and not connection.url):
        raise NotSent("not_configured")
    return Access(connection.id, connection.vendor, address(settings, connection), unseal(settings, connection.secret_sealed))


def address(settings: Settings, connection: Connection) -> str:
    """Where the package lives: for WeFact what the deployer set, for HostFact what was typed."""
    return settings.wefact_url if connection.vendor == "wefact" else connection.url


def is_sandbox(settings: Settings, connection: Connection) -> bool:
    """Whether the package is a stand-in on this very machine, so that pages can say that nothing of it is real."""
    try:
        host = urlsplit(address(settings, connection)).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address_rule(settings: Settings) -> AddressRule:
    own = urlsplit(settings.base_url)
    port = own.port or (443 if own.scheme == "https" else 80)
    return AddressRule(allow=settings.outbound_allow, own_ports=(port,))


def open_connector(
    settings: Settings, to: Access, wire: Wire, pause: Callable[[float], None], clock: Callable[[], datetime] = utc_now
) -> Connector:
    """A connector for this access; `pause` waits between repeated reads, `clock` is what theirs is held against."""
    persona = PERSONAS.get(to.vendor)
    if persona is None:
        raise NotSent("not_configured")
    seconds, rule = settings.call_seconds(to.vendor), address_rule(settings)
    return WeFactConnector(persona, to.url, to.secret, wire, seconds, rule, pause, now=clock)


def by_vendor(vendor: str) -> Connection:
    """The row of a package; there is one for each."""
    return db.session.execute(select(Connection).where(Connection.vendor == vendor)).scalar_one()


def connected() -> list[Connection]:
    """The packages that work may be sent to, in their fixed order."""
    return list(db.session.scalars(select(Connection).where(Connection.state == "connected").order_by(Connection.id)))


def note_failure(connection_id: int, error: ConnectorError, now: datetime) -> None:
    """A refusal of access stops the whole connection until a person acts; other failures change nothing. Commits."""
    if not isinstance(error, AccessRefused) and error.reason not in ("key_unreadable", "not_configured"):
        return
    paused = now + LONG_PAUSE if error.reason == "firewall" else None
    db.session.execute(
        update(Connection)
        .where(Connection.id == connection_id, Connection.state.in_(("connected", "failing")))
        .values(
            state="failing",
            problem=error.reason,
            problem_params={**{key: str(value) for key, value in error.params.items()}, "detail": error.detail[:300]},
            problem_at=now,
            paused_until=paused,
        )
    )
    db.session.commit()


def note_success(connection_id: int) -> None:
    """A call went through: a failing connection works again. The caller commits."""
    db.session.execute(
        update(Connection)
        .where(Connection.id == connection_id, Connection.state == "failing")
        .values(state="connected", problem="", problem_params={}, problem_at=None, paused_until=None)
    )
