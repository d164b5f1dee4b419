"""The files that `invoice/download` hands out: a small real PDF and a small XML."""

from __future__ import annotations

from xml.sax.saxutils import escape

from sandbox.wefact.records import Invoice
from sandbox.wefact.values import money, unpadded


def pdf(invoice: Invoice, kind: str) -> bytes:
    """A one-page PDF of the invoice; kind `html` is a login page instead, `huge` is 40 MB."""
    if kind == "html":
        return b"<!DOCTYPE html><html><body>Log in</body></html>"
    texts = ["SANDBOX - dit is geen echte factuur", f"Factuur {invoice.code}", invoice["CompanyName"] or invoice["SurName"], ""]
    texts += [f"{unpadded(line.number)} x {unpadded(line.price_excl)}  {line.description}" for line in invoice.lines[:40]]
    texts += ["", f"Excl. {money(invoice.amount_excl)}  Btw {money(invoice.amount_tax)}  Totaal {money(invoice.amount_incl)}"]
    page = "BT /F1 11 Tf 50 780 Td 16 TL\n" + "".join(f"({_literal(text)}) Tj T*\n" for text in texts) + "ET"
    padding = b"%" + b"0" * 40_000_000 + b"\n" if kind == "huge" else b""
    return _file([page.encode("latin-1")], padding)


def _literal(text: str) -> str:
    plain = text.replace("\n", " ").encode("latin-1", errors="replace").decode("latin-1")
    return plain.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _file(pages: list[bytes], padding: bytes) -> bytes:
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R /Resources << /Font << /F1 4 0 R >> >> >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(pages[0]), pages[0]),
    ]
    body, offsets = b"%PDF-1.4\n" + padding, []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    start = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    return body + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)


def ubl(invoice: Invoice) -> bytes:
    """A small XML with the totals; enough to see that a UBL file was asked for."""
    total = f"<TaxInclusiveAmount>{money(invoice.amount_incl)}</TaxInclusiveAmount>"
    return f'<?xml version="1.0"?>\n<Invoice><ID>{escape(invoice.code)}</ID>{total}</Invoice>\n'.encode()
