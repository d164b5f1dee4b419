"""Three workers at once on the same work (reliability K09, K10): each wish once, and one write at a time per connection."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import func, select

import builders
from connectors.http import Http
from models import BillingLink, CustomerMatch, Invoice, Transfer, db
from transfers import worker
from world import World

WORKERS, INVOICES = 3, 8


def test_three_workers_make_each_invoice_once_and_never_write_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    customer = builders.customer("N-1", "Nieuwe Klant B.V.", email="info@nieuw.example")
    db.session.add(
        CustomerMatch(connection_id=world.connection.id, customer_id=customer.id, state="missing", number_key="n-1", candidates=[])
    )
    db.session.commit()
    refs = [("time", builders.entry(builders.project(customer), world.user).id) for _ in range(INVOICES)]
    world.invoice(refs, per="project", send=True)
    writing, together, errors = [0], [], []
    real = Http.send

    def send(self: Http, method: str, url: str, *, writes: bool, **more: Any) -> Any:
        writing[0] += writes
        together.append(writing[0])
        try:
            return real(self, method, url, writes=writes, **more)
        finally:
            writing[0] -= writes

    monkeypatch.setattr(Http, "send", send)
    gate = threading.Barrier(WORKERS)
    db.session.rollback()

    def run() -> None:
        context = worker.new_context(world.context.settings, world.context.pause, world.clock)
        with world.app.app_context():
            gate.wait(5)
            try:
                for _pass in range(40):
                    worker.work(context)
            except Exception as error:
                errors.append(error)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    world.work()
    assert errors == []
    assert set(db.session.scalars(select(Transfer.state))) == {"done"}
    assert (len(world.server.books.invoices), len(world.server.books.mails)) == (INVOICES, INVOICES)
    assert len([debtor for debtor in world.server.books.debtors if debtor.code == "N-1"]) == 1
    assert db.session.scalar(select(func.count()).select_from(BillingLink).where(BillingLink.state == "live")) == INVOICES
    assert db.session.scalar(select(func.count()).select_from(Invoice)) == INVOICES
    assert max(together) == 1
    assert set(db.session.scalars(select(Transfer.deaths))) == {0}
