"""How much: rates, rounding, VAT, invoice lines and totals, as plain functions over plain records.

Nothing here knows a database, a web page, a network or today's date.
"""
