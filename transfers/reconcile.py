"""What a person may decide about a transfer that could not be settled, each decision with its reason in the audit log.

Nothing here calls a package: a decision puts the transfer where the worker will look before it does anything else.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.exc import IntegrityError

import audit
from models import Transfer, User, db
from transfers import ledger
from transfers.invoices import MAILING


class CannotDecide(Exception):
    """This decision does not fit the transfer as it is now; `reason` says why."""

    def __init__(self, reason: str, **params: Any) -> None:
        super().__init__(reason)
        self.reason = reason
        self.params = params


def look_again(transfer_id: int, user: User, now: datetime) -> None:
    """Look once more, as after a lost answer: the document if we know one, else a search by marker. Commits."""
    transfer = _in_attention(transfer_id)
    if transfer.remote_id and transfer.stage not in MAILING:
        _decide(transfer, "created", user, now, "looked_again", searches=0)
    else:
        _decide(transfer, "uncertain", user, now, "looked_again", searches=0)


def accept_their_totals(transfer_id: int, user: User, now: datetime) -> None:
    """Send it as the package counted it. Only for a difference in totals alone. Commits."""
    transfer = _in_attention(transfer_id)
    if transfer.reason != "totals_differ" or not transfer.remote_id:
        raise CannotDecide("not_about_totals")
    _decide(transfer, "created", user, now, "their_totals_accepted", accepts_remote_totals=True)


def this_is_the_one(transfer_id: int, remote_id: str, user: User, now: datetime) -> None:
    """A person names the document; the worker reads it and compares customer, lines and totals before it counts. Commits."""
    transfer = _in_attention(transfer_id)
    if not remote_id.strip() or len(remote_id) > 60:
        raise CannotDecide("no_remote_id")
    if transfer.kind != "invoice":
        raise CannotDecide("not_an_invoice")
    try:
        _decide(transfer, "created", user, now, "named_by_person", remote_id=remote_id.strip(), stage="adopt", searches=0)
    except IntegrityError:
        db.session.rollback()
        raise CannotDecide("remote_id_taken", remote_id=remote_id.strip()) from None


def nothing_there(transfer_id: int, typed: str, why: str, user: User, now: datetime) -> None:
    """A person looked and there is no document: the work is free again. Needs the marker typed over, and why. Commits.

    While we know of a document there, it must be seen to be gone first (Check now).
    """
    transfer = _in_attention(transfer_id)
    if typed.strip().upper() != transfer.marker:
        raise CannotDecide("marker_not_typed")
    if not why.strip():
        raise CannotDecide("no_reason_given")
    if transfer.remote_id and transfer.reason != "document_gone":
        raise CannotDecide("document_still_there")
    _decide(transfer, "rejected", user, now, "nothing_there", params={"why": why.strip()[:300]}, remote_id=None)


def _in_attention(transfer_id: int) -> Transfer:
    transfer = db.session.get(Transfer, transfer_id)
    if transfer is None or transfer.state != "attention":
        raise CannotDecide("not_in_attention")
    return transfer


def _decide(transfer: Transfer, to: str, user: User, now: datetime, decision: str, **values: Any) -> None:
    """One transaction: a new fence (whatever worker had it stops), the move, the person in the story, the audit row."""
    params = values.pop("params", {})
    fence = transfer.fence + 1
    former = transfer.reason
    if former == "requester_disabled":  # rights are asked of somebody: from here on of whoever decided
        values["requested_by_id"] = user.id
    ledger.move(
        ledger.snapshot(transfer),
        to,
        now,
        reason=decision,
        params=params,
        commit=False,
        fence=fence,
        backoffs=0,
        deaths=0,
        by=user.id,
        **values,
    )
    audit.record(user, f"transfer_{decision}", "transfer", transfer.id, now, former_reason=former, **params)
    db.session.commit()
