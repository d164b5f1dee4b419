"""What a person does about transfers: look now, try again, cancel, unlink, decide. Thin doors to `transfers`; only sentences are added."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from blueprints import formats
from blueprints.finance import wording
from models import Transfer, User, db
from transfers import intents, reconcile
from transfers.intents import CannotRetry
from transfers.reconcile import CannotDecide
from transfers.wire import FenceLost


class Refused(ValueError):
    """It was not done; the text is the sentence that says why and what to do."""


@dataclass(slots=True)
class Outcome:
    """What a press for many transfers did: how many went on, and why the others did not."""

    done: int = 0
    refusals: list[str] = field(default_factory=list)


def check(transfer_id: int, now: datetime) -> None:
    """Has the package looked at as soon as that can tell anything. Raises Refused. Commits."""
    if intents.check_now(transfer_id, now):
        return
    transfer = db.session.get(Transfer, transfer_id)
    if transfer is None:
        raise Refused(formats.reason("nothing_to_check"))
    if transfer.state == "uncertain" and transfer.due_at > now:
        raise Refused(formats.reason("too_early", {"time": formats.clock_time(transfer.due_at)}))
    if transfer.state in ("queued", "created", "uncertain", "checking"):
        return  # it is due already: the worker only has to be woken
    raise Refused(formats.reason("nothing_to_check"))


def retry(transfer_id: int, user: User, now: datetime) -> None:
    """Tries a failed transfer again. Raises Refused with who has the work, or with what is in the way. Commits."""
    try:
        intents.retry(transfer_id, user, now)
    except CannotRetry as error:
        db.session.rollback()
        raise Refused(wording.cannot_retry(error)) from error
    except FenceLost as error:
        raise Refused(formats.reason("transfer_changed")) from error


def cancel(transfer_id: int, user: User, now: datetime) -> None:
    """Withdraws what was not sent yet. Raises Refused. Commits."""
    _if_still_so(lambda: intents.cancel(transfer_id, user, now), "too_late_to_cancel")


def unlink(transfer_id: int, user: User, now: datetime) -> None:
    """Frees the work of a document that is gone there. Raises Refused. Commits."""
    _if_still_so(lambda: intents.unlink(transfer_id, user, now), "still_there")


def _if_still_so(action: Callable[[], bool], otherwise: str) -> None:
    try:
        done = action()
    except FenceLost as error:
        raise Refused(formats.reason("transfer_changed")) from error
    if not done:
        db.session.rollback()
        raise Refused(formats.reason(otherwise))


def retry_all(transfer_ids: Iterable[int], user: User, now: datetime) -> Outcome:
    """Tries every failed one of these again, each on its own."""
    return _each(transfer_ids, lambda one: retry(one, user, now))


def check_all(transfer_ids: Iterable[int], now: datetime) -> Outcome:
    """Has every waiting one of these looked at now, each on its own."""
    return _each(transfer_ids, lambda one: check(one, now))


def _each(transfer_ids: Iterable[int], action: Callable[[int], None]) -> Outcome:
    outcome = Outcome()
    for transfer_id in transfer_ids:
        try:
            action(transfer_id)
            outcome.done += 1
        except Refused as error:
            outcome.refusals.append(str(error))
    return outcome


# --- Decisions ------------------------------------------------------------------------------------------------------------------


def look_again(transfer_id: int, user: User, now: datetime) -> None:
    """Raises Refused. Commits."""
    _decide(lambda: reconcile.look_again(transfer_id, user, now))


def accept_their_totals(transfer_id: int, user: User, now: datetime) -> None:
    """Raises Refused. Commits."""
    _decide(lambda: reconcile.accept_their_totals(transfer_id, user, now))


def this_is_the_one(transfer_id: int, remote_id: str, user: User, now: datetime) -> None:
    """Raises Refused. Commits."""
    _decide(lambda: reconcile.this_is_the_one(transfer_id, remote_id, user, now))


def nothing_there(transfer_id: int, typed: str, why: str, user: User, now: datetime) -> None:
    """Raises Refused. Commits."""
    _decide(lambda: reconcile.nothing_there(transfer_id, typed, why, user, now))


def _decide(decision: Callable[[], None]) -> None:
    try:
        decision()
    except CannotDecide as error:
        db.session.rollback()
        raise Refused(formats.reason(error.reason, error.params)) from error
    except FenceLost as error:
        raise Refused(formats.reason("transfer_changed")) from error
