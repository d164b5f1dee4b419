"""A connected package for transfer tests: the stand-in server in this process, and a worker that does not wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import requests
from flask import Flask
from sqlalchemy import select

import builders
from fakes import Clock
from invoicing.plan import Options, preview
from models import AccountingItem, BillingLink, Connection, Customer, ExternalLink, TaxCode, Transfer, User, db
from sandbox.wefact.server import Sandbox
from transfers import intents, worker
from transfers.wire import WorkerContext


@dataclass
class World:
    """What a transfer test plays with."""

    app: Flask
    server: Sandbox
    clock: Clock
    connection: Connection
    context: WorkerContext
    user: User

    def linked_customer(self, number: str = "DB10012") -> Customer:
        """One of ours that is one of theirs."""
        there = self.server.books.debtors.by_code(number)
        assert there is not None
        customer = builders.customer(number, there.fields["CompanyName"] or "Noor van Dalen")
        db.session.add(
            ExternalLink(
                connection_id=self.connection.id,
                local_type="customer",
                local_id=customer.id,
                external_id=str(there.identifier),
                external_code=number,
                external_name=customer.name,
                linked_at=self.clock(),
            )
        )
        db.session.commit()
        return customer

    def invoice(self, refs: list[tuple[str, int]], *, send: bool = False, per: str = "customer", lines: str = "activity") -> list[Transfer]:
        """Presses "Create invoices" for these rows."""
        options = Options(per=per, lines=lines, on=date(2026, 11, 20), reference="Werk november", send=send)
        batch = intents.create(self.connection, refs, options, None, self.user, self.clock())
        return list(
            db.session.scalars(select(Transfer).where(Transfer.batch_id == batch.id, Transfer.kind == "invoice").order_by(Transfer.id))
        )

    def work(self) -> None:
        worker.work(self.context)
        db.session.expire_all()

    def work_after(self, **units: float) -> None:
        self.clock.forward(**units)
        self.work()

    def bookkeeper(self, does: str, transfer: Transfer, **more: str) -> None:
        """Somebody does something to the invoice in the package's own screens."""
        requests.post(
            f"{self.server.root_url}/bookkeeper", json={"do": does, "invoice": transfer.remote_id, **more}, timeout=5
        ).raise_for_status()

    def claimed(self, state: str) -> int:
        return len(list(db.session.scalars(select(BillingLink).where(BillingLink.state == state))))

    def plan(self, refs: list[tuple[str, int]], **options: Any) -> Any:
        given = {"per": "customer", "lines": "activity", "on": date(2026, 11, 20)} | options
        return preview(self.connection, refs, Options(**given))


def fetch_items(connection: Connection, server: Sandbox) -> None:
    """The default product and the one at 9 %, as an import of the product list leaves them."""
    for code, name, vat_code, percentage_bp in (("P0100", "Uren", "V21", 2100), ("P0310", "Boeken", "V9", 900)):
        product = server.books.products.by_code(code)
        assert product is not None
        is_wefact = connection.vendor == "wefact"
        db.session.add(
            AccountingItem(
                connection_id=connection.id,
                remote_id=str(product.identifier),
                code=code,
                name=name,
                vat_code=vat_code if is_wefact else "",
                vat_percentage_bp=percentage_bp,
            )
        )
    if connection.vendor == "wefact":
        for code, percentage_bp in (("V21", 2100), ("V9", 900), ("V0", 0), ("VVERL", 0)):
            db.session.add(TaxCode(connection_id=connection.id, code=code, name=code, percentage_bp=percentage_bp))
    db.session.flush()
    connection.default_item_id = db.session.scalars(select(AccountingItem.id).where(AccountingItem.code == "P0100")).one()
    db.session.commit()
