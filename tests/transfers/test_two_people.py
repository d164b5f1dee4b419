"""Two people, two tabs, a double press (reliability K01-K06): each hour ends on one document, and the second one is told who has it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select

import builders
from invoicing import links
from invoicing.plan import Options, preview
from models import Batch, BillingLink, Connection, TimeEntry, Transfer, db
from transfers import intents, worker
from transfers.intents import GroundChanged, Seen
from world import World

OPTIONS = Options(per="customer", lines="activity", on=date(2026, 11, 20), reference="Werk november")


def _seen(world: World, refs: list[tuple[str, int]]) -> dict[str, Seen]:
    found = preview(world.connection, refs, OPTIONS)
    return {invoice.key: Seen(invoice.hash, invoice.totals.gross_cents, len(invoice.takes)) for invoice in found.ready}


def _together(world: World, *presses: Callable[[], Any]) -> list[Any]:
    """Runs each press in a thread of its own, as near to the same moment as threads can be; gives what each returned or raised."""
    results: list[Any] = [None] * len(presses)
    gate = threading.Barrier(len(presses))
    db.session.rollback()

    def run(place: int, press: Callable[[], Any]) -> None:
        with world.app.app_context():
            gate.wait(5)
            try:
                results[place] = press()
            except Exception as error:
                results[place] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(presses)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return results


def _press(
    world: World, refs: list[tuple[str, int]], user_id: int, seen: dict[str, Seen], token: str = ""
) -> Callable[[], tuple[int, list[dict[str, Any]]]]:
    connection_id = world.connection.id

    def press() -> tuple[int, list[dict[str, Any]]]:
        from models import User

        connection = db.session.get_one(Connection, connection_id)
        user = db.session.get_one(User, user_id)
        batch = intents.create(connection, refs, OPTIONS, seen, user, world.clock(), token=token)
        return batch.id, list(batch.skipped)

    return press


@pytest.mark.parametrize("attempt", range(3))
def test_two_people_with_overlapping_hours_make_one_invoice_and_the_second_is_told(world: World, attempt: int) -> None:
    project = builders.project(world.linked_customer())
    ids = [builders.entry(project, world.user).id for _ in range(4)]
    bram = builders.user("project_manager", name="Bram Janssens")
    mine, theirs = [("time", key) for key in ids[:3]], [("time", key) for key in ids[1:]]
    results = _together(world, _press(world, mine, world.user.id, _seen(world, mine)), _press(world, theirs, bram.id, _seen(world, theirs)))
    worker.work(world.context)
    db.session.expire_all()
    assert len(world.server.books.invoices) == 1
    claimed = db.session.execute(
        select(BillingLink.source_id, func.count()).where(BillingLink.state == "live").group_by(BillingLink.source_id)
    )
    assert all(count == 1 for _source, count in claimed)
    winner = db.session.scalars(select(Transfer)).one()
    losers = [result for result in results if isinstance(result, Exception) or result[1]]
    assert len(losers) == 1
    if isinstance(losers[0], GroundChanged):
        assert losers[0].changes
    else:
        [skipped] = losers[0][1]
        assert skipped["reason"] == "being_invoiced_by"
        assert skipped["transfer_id"] == winner.id
        assert skipped["params"]["name"] in ("Ans de Wit", "Bram Janssens")
        assert skipped["params"]["since"]


def test_a_double_press_of_one_form_gets_one_batch(world: World) -> None:
    refs = [("time", builders.entry(builders.project(world.linked_customer()), world.user).id)]
    seen = _seen(world, refs)
    press = _press(world, refs, world.user.id, seen, token="the same form")
    results = _together(world, press, press)
    made = {result[0] for result in results if not isinstance(result, Exception)}
    assert len(made) == 1, results
    assert db.session.scalar(select(func.count()).select_from(Batch)) == 1
    assert press()[0] in made, "and also when it comes again later"
    worker.work(world.context)
    assert len(world.server.books.invoices) == 1


def test_a_preview_whose_ground_changed_is_refused_with_what_changed(world: World) -> None:
    project = builders.project(world.linked_customer())
    entries = [builders.entry(project, world.user) for _ in range(2)]
    refs = [("time", entry.id) for entry in entries]
    seen = _seen(world, refs)
    entries[0].duration_minutes, entries[0].version = 30, 2
    db.session.commit()
    with pytest.raises(GroundChanged) as refused:
        intents.create(world.connection, refs, OPTIONS, seen, world.user, world.clock())
    [change] = refused.value.changes
    assert (change.seen.rows, change.now_rows) == (2, 2)
    assert change.now_gross_cents is not None
    assert change.now_gross_cents < change.seen.gross_cents
    assert db.session.scalar(select(func.count()).select_from(Transfer)) == 0


def test_an_entry_deleted_between_preview_and_confirm_is_refused_and_nothing_is_lost(world: World) -> None:
    project = builders.project(world.linked_customer())
    refs = [("time", builders.entry(project, world.user).id) for _ in range(2)]
    seen = _seen(world, refs)
    db.session.delete(db.session.get_one(TimeEntry, refs[0][1]))
    db.session.commit()
    with pytest.raises(GroundChanged) as refused:
        intents.create(world.connection, refs, OPTIONS, seen, world.user, world.clock())
    assert refused.value.changes[0].now_rows == 1
    assert world.claimed("reserved") == 0


def test_an_edit_between_looking_and_claiming_is_noticed(world: World) -> None:
    entry = builders.entry(builders.project(world.linked_customer()), world.user)
    with pytest.raises(links.StaleSources):
        links.lock_unchanged([["time", entry.id, entry.version + 1, 0]])
    with pytest.raises(links.StaleSources):
        links.lock_unchanged([["time", entry.id + 999, 1, 0]])


def test_the_same_wish_in_another_order_has_the_same_key(world: World) -> None:
    from transfers import ledger

    one = ledger.op_key(1, "invoice", 2, [("time", 3), ("trip", 1)])
    assert one == ledger.op_key(1, "invoice", 2, [("trip", 1), ("time", 3)])
    assert one != ledger.op_key(1, "invoice", 2, [("time", 3)])
