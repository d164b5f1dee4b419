"""The process dies at any commit (reliability E01, 2.4): one document, one mail, one debtor, and every hour in exactly one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

import builders
from models import BillingLink, CustomerMatch, Invoice, Transfer, db
from transfers import worker
from world import World

COMMITS = 37
"""So many times does the work below say that something counts."""

REST = ("done", "attention", "rejected", "released")


class Killed(BaseException):
    """SIGKILL: nothing after this line runs, no handler either."""


@contextmanager
def dying(at: int, *, after: bool) -> Iterator[list[int]]:
    """The process dies at its so-manieth commit, just before or just after it counts. The list tells how many there were."""
    session = db.session()
    real, seen = session.commit, [0]

    def commit() -> None:
        seen[0] += 1
        if seen[0] == at and not after:
            raise Killed
        real()
        if seen[0] == at:
            raise Killed

    session.commit = commit  # type: ignore[method-assign]
    try:
        yield seen
    finally:
        del session.commit
        db.session.remove()


def _wish(world: World) -> Transfer:
    """An hour of a customer that has to be made there first, to be mailed."""
    customer = builders.customer("N-1", "Nieuwe Klant B.V.", email="info@nieuw.example")
    match = CustomerMatch(connection_id=world.connection.id, customer_id=customer.id, state="missing", number_key="n-1", candidates=[])
    db.session.add(match)
    db.session.commit()
    [transfer] = world.invoice([("time", builders.entry(builders.project(customer), world.user).id)], send=True)
    return transfer


def _work_on(world: World, transfer_id: int) -> None:
    """Other workers take over, each with a name of its own, until the transfer is at rest."""
    for _round in range(40):
        world.clock.forward(seconds=30)
        worker.work(worker.new_context(world.context.settings, world.context.pause, world.clock))
        db.session.remove()
        if db.session.get_one(Transfer, transfer_id).state in REST:
            return


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("at", range(1, COMMITS + 1))
def test_a_kill_at_any_commit_leaves_one_document_one_mail_one_debtor(world: World, at: int, after: bool) -> None:
    transfer_id = _wish(world).id
    with pytest.raises(Killed), dying(at, after=after):
        worker.work(world.context)
    _work_on(world, transfer_id)
    transfer = db.session.get_one(Transfer, transfer_id)
    assert (transfer.state, transfer.reason) == ("done", "")
    assert len(world.server.books.invoices) == 1
    assert len(world.server.books.mails) == 1
    assert len([debtor for debtor in world.server.books.debtors if debtor.code == "N-1"]) == 1
    assert [link.state for link in db.session.scalars(select(BillingLink))] == ["live"]
    assert db.session.scalars(select(Invoice)).one().number == transfer.remote_number


def test_the_kills_above_reach_the_last_commit(world: World) -> None:
    _wish(world)
    with dying(0, after=False) as seen:
        worker.work(world.context)
    assert seen[0] == COMMITS
