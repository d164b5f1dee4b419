"""What can go wrong between us and an accounting package, cut by what to do next."""

from __future__ import annotations


class ConnectorError(Exception):
    """A call that did not end in an answer we can use.

    `reason` is a stable code (the pages hold the sentence for each, in each language), `detail` the other side's own words
    (untrusted text, secrets removed), `params` what a sentence needs beside it (an address, a field, a number of seconds).
    """

    def __init__(self, reason: str, detail: str = "", **params: object) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
        self.params = params


class NotSent(ConnectorError):
    """Nothing left this machine: no name, no connection, no TLS. Safe to try again later.

    Reasons: `dns`, `connection_refused`, `connect_timeout`, `certificate`, `tls`, `address_forbidden` (our own rule against
    private addresses), `not_configured`.
    """


class NotProcessed(ConnectorError):
    """The other side said that it did not look at the request. Safe to try again after `retry_after` seconds.

    Reasons: `unavailable` (503), `too_many` (429), `budget` (our own pace).
    """

    def __init__(self, reason: str, detail: str = "", retry_after: int | None = None, **params: object) -> None:
        super().__init__(reason, detail, **params)
        self.retry_after = retry_after


class AccessRefused(ConnectorError):
    """Not let in; every further call makes it worse, so the whole connection stops until a person acts.

    Reasons: `address_refused` (params: `address`), `key_refused`, `firewall` (params: `address`), `access_refused`.
    """


class Rejected(ConnectorError):
    """Refused for certain, in the other side's words. Nothing was changed there.

    Reasons: `rejected`, `routing`, `redirect`, `invalid_for_wire` (we refused to send it; params name the field).
    """


class NotFound(Rejected):
    """There is no such record there. Reason: `not_found`."""


class Unavailable(ConnectorError):
    """A read without a usable answer. Changes nothing; try later.

    Reasons: `read_timeout`, `reset`, `cut_answer`, `not_json`, `server_error`, `oversize`, `wrong_echo`, `unexpected`,
    `incomplete_list`.
    """


class OutcomeUnknown(ConnectorError):
    """A write without a usable answer: it may have happened. Look before trying again. Same reasons as `Unavailable`."""


class Unsupported(ConnectorError):
    """The package cannot do this. Reason: `unsupported`."""
