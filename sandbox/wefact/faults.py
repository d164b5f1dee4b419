"""One-shot faults: what goes wrong with the next call of an action (contract wefact 17, "Faults to inject")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

# Kind -> (is the call carried out?, what happens). None: the `commit` option says so, yes unless told otherwise.
KINDS: dict[str, tuple[bool | None, str]] = {
    "reset_before": (False, "nothing is committed, the socket is reset"),
    "timeout": (False, "nothing is committed and no answer comes until the caller leaves or `seconds` pass"),
    "commit_then_reset": (True, "committed, then the socket is reset"),
    "commit_then_timeout": (True, "committed, then no answer until the caller leaves or `seconds` pass"),
    "commit_then_die": (True, "committed, then the whole server is gone"),
    "slow_commit": (False, "the socket closes at once; the call is carried out `seconds` later by the books' clock"),
    "cut_body": (True, "committed; half of the JSON arrives, then the connection closes"),
    "html_200": (None, "an HTML page with HTTP 200"),
    "html_502": (None, "an HTML page with HTTP 502"),
    "redirect": (False, "HTTP 302 to `location`"),
    "firewall": (False, "the caller's address goes into the firewall for `seconds` (HTTP 403)"),
    "key_revoked": (False, "the key stops working, for good"),
    "ip_removed": (False, "the caller's address leaves the whitelist, for good"),
    "drip": (None, "the answer arrives byte by byte, `pause` seconds apart"),
    "delay": (None, "the answer comes `seconds` late"),
    "bom_and_notice": (None, "a byte order mark and a PHP notice stand before the JSON"),
    "wrong_echo": (None, "the answer names another controller and action"),
    "oversize": (None, "the answer is `megabytes` large"),
    "refuse": (False, "a business refusal with `text`"),
    "warning": (True, "success together with a warning"),
}


class UnknownFault(ValueError):
    """Somebody queued a fault of a kind that does not exist."""


@dataclass
class Fault:
    """A fault that waits for its call; `action` is `controller/action` or `*`, `after` lets that many calls pass."""

    action: str
    kind: str
    after: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UnknownFault(f"There is no fault {self.kind!r}; choose from {', '.join(sorted(KINDS))}.")

    @property
    def commits(self) -> bool:
        """Whether the call is carried out before things go wrong."""
        always = KINDS[self.kind][0]
        return bool(self.options.get("commit", True)) if always is None else always

    def matches(self, action: str) -> bool:
        return self.action in ("*", action)


class FaultQueue:
    """The waiting faults in order; each strikes once."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def add(self, action: str, kind: str, after: int = 0, **options: Any) -> Fault:
        fault = Fault(action, kind, after, options)
        self.waiting.append(fault)
        return fault

    def take(self, action: str) -> Fault | None:
        """Takes the first fault for this action; one that still lets calls pass counts this one and blocks the rest."""
        for position, fault in enumerate(self.waiting):
            if fault.matches(action):
                if fault.after > 0:
                    fault.after -= 1
                    return None
                return self.waiting.pop(position)
        return None
