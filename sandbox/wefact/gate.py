"""Who may come in and how often: firewall, rate limits, whitelist, key (contract wefact 2.1 and 4)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sandbox.wefact.switches import Switches


@dataclass
class Budget:
    """Counters per address; several administrations behind one address may share one (contract wefact 4)."""

    counts: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    banned_until: dict[str, float] = field(default_factory=dict)

    def count(self, ip: str, window: str, length_seconds: int, now: datetime) -> int:
        """Counts one call in the running window and returns the total of that window."""
        start = int(now.timestamp()) // length_seconds
        known, total = self.counts.get((ip, window), (start, 0))
        total = total + 1 if known == start else 1
        self.counts[(ip, window)] = (start, total)
        return total

    def total(self, ip: str, window: str, length_seconds: int, now: datetime) -> int:
        known, total = self.counts.get((ip, window), (0, 0))
        return total if known == int(now.timestamp()) // length_seconds else 0


class Gate:
    """Decides whether a call gets through; every answer's rate headers come from here."""

    def __init__(self, switches: Switches, api_key: str, allowed_ips: tuple[str, ...], budget: Budget | None = None) -> None:
        self.switches = switches
        self.api_key = api_key
        self.allowed_ips = set(allowed_ips)
        self.budget = budget or Budget()

    def is_banned(self, ip: str, now: datetime) -> bool:
        """Whether the firewall stands in the way; asking during a ban starts the ban again."""
        if self.budget.banned_until.get(ip, 0) <= now.timestamp():
            return False
        self.ban(ip, now)
        return True

    def ban(self, ip: str, now: datetime, seconds: float | None = None) -> None:
        length = self.switches.firewall_seconds if seconds is None else seconds
        self.budget.banned_until[ip] = now.timestamp() + length

    def count(self, ip: str, now: datetime) -> bool:
        """Counts a call; False when it is one too many, which puts the address into the firewall."""
        minute = self.budget.count(ip, "minute", 60, now)
        hour = self.budget.count(ip, "hour", 3600, now)
        over_minute = 0 < self.switches.rate_per_minute < minute
        over_hour = 0 < self.switches.rate_per_hour < hour
        if over_minute or over_hour:
            self.ban(ip, now)
            return False
        return True

    def allows_ip(self, ip: str) -> bool:
        return not self.switches.ip_removed and (not self.allowed_ips or ip in self.allowed_ips)

    def allows_key(self, key: str, ip: str, now: datetime) -> bool:
        """Whether the key is right; a wrong one also counts against the cap of the day."""
        if key == self.api_key and not self.switches.key_revoked:
            return True
        failed = self.budget.count(ip, "day", 86400, now)
        if 0 < self.switches.failed_keys_per_day < failed:
            self.ban(ip, now)
        return False

    def headers(self, ip: str, now: datetime) -> dict[str, str]:
        """The four rate headers of WeFact; resets are unix seconds (contract wefact 4)."""
        result = {}
        windows = (("Minute", 60, self.switches.rate_per_minute), ("Hour", 3600, self.switches.rate_per_hour))
        for name, length, size in windows:
            used = self.budget.total(ip, name.lower(), length, now)
            left = max(size - used, 0) if size else 999_999
            reset = (int(now.timestamp()) // length + 1) * length
            result[f"API-RateLimit-Remaining-{name}"] = str(left)
            result[f"API-RateLimit-Reset-{name}"] = str(reset)
        return result
