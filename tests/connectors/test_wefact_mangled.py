"""Whatever comes back, a write without a valid identifier is never a success, and nothing but a `ConnectorError` comes out."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import responses
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.errors import ConnectorError
from connectors.records import NewCustomer, RemoteInvoice
from wefact_stage import HOSTFACT, WEFACT, Pauses, connector, debtor, draft, invoice, invoice_row, listed, said, url_of, wanted

QUICK = settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

ODD_VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.just([]), st.just({}), st.just(["40117"]), st.just("[concept]0003"),
    st.sampled_from(["0", "-1", "1e9", "40117", 40117, "9" * 40, 10**30, "0000-00-00", "nee", {"a": []}]),
)  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[place for key, one in inner for place in places(one, (*path, key))]]


@st.composite
def mangled(draw: st.DrawFn, original: dict[str, Any]) -> bytes:
    """The answer with some of its values replaced or left out, and then perhaps its bytes cut, doubled, flipped or wrapped."""
    body: Any = json.loads(json.dumps(original))
    for _ in range(draw(st.integers(0, 3))):
        path = draw(st.sampled_from([place for place in places(body) if place]))
        holder = body
        for key in path[:-1]:
            holder = holder[key]
        if draw(st.booleans()) and isinstance(holder, dict):
            del holder[path[-1]]
        else:
            holder[path[-1]] = copy.deepcopy(draw(ODD_VALUES))
        if not body:
            break
    raw = json.dumps(body).encode("utf-8", "surrogatepass")
    kind = draw(st.sampled_from(["as it is", "as it is", "cut", "flip", "before", "after", "twice"]))
    at = draw(st.integers(0, len(raw)))
    junk = draw(st.binary(max_size=6))
    return {
        "as it is": raw, "cut": raw[:at], "flip": raw[:at] + junk + raw[at + 1 :], "before": junk + raw, "after": raw + junk, "twice": raw + raw,
    }[kind]  # fmt: skip


def outcome(body: bytes, status: int, persona: Any, call: Callable[[Any], Any]) -> Any:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as remote:
        remote.post(url_of(persona), body=body, status=status)
        try:
            return call(connector(persona, pause=Pauses()))
        except ConnectorError as error:
            return error


def truly_created(body: bytes, record: str) -> bool:
    """Read on its own terms: a success of this call with an id of plain digits."""
    try:
        found = json.loads(body)
        identifier = found[record]["Identifier"]
        plain = (isinstance(identifier, int) and not isinstance(identifier, bool)) or (
            isinstance(identifier, str) and identifier.strip().isascii()
        )
        return found["status"] == "success" and plain and str(identifier).strip().isdigit() and int(identifier) > 0
    except (ValueError, KeyError, TypeError):
        return False


STATUSES = st.sampled_from([200, 200, 200, 200, 201, 400, 403, 404, 429, 500, 503])


@QUICK
@given(mangled(said("invoice", "add", success=["Gelukt"], invoice=invoice())), STATUSES, st.sampled_from([WEFACT, HOSTFACT]))
def test_R25_a_mangled_invoice_add_never_becomes_a_success_without_an_identifier(body: bytes, status: int, persona: Any) -> None:
    result = outcome(body, status, persona, lambda one: one.create_invoice(draft()))
    assert isinstance(result, (RemoteInvoice, ConnectorError))
    if isinstance(result, RemoteInvoice):
        assert status in (200, 201) and truly_created(body, "invoice") and result.remote_id.isdigit() and int(result.remote_id) > 0


@QUICK
@given(mangled(said("debtor", "add", success=["Gelukt"], debtor=debtor())), STATUSES)
def test_R25_a_mangled_debtor_add_never_becomes_a_success_without_an_identifier(body: bytes, status: int) -> None:
    result = outcome(body, status, WEFACT, lambda one: one.create_customer(NewCustomer(number="K-2044", company_name="x")))
    if not isinstance(result, ConnectorError):
        assert truly_created(body, "debtor") and result.number.strip().casefold() == "k-2044"


@QUICK
@given(mangled(said("invoice", "sendbyemail", success=["Verzonden"], warning=[])), STATUSES)
def test_a_mangled_mail_answer_is_sent_only_when_it_says_so(body: bytes, status: int) -> None:
    result = outcome(body, status, WEFACT, lambda one: one.send("40117"))
    if not isinstance(result, ConnectorError):
        assert json.loads(body)["status"] == "success" and result.invoice is None and result.problem is not None


READS: list[tuple[dict[str, Any], Callable[[Any], Any]]] = [
    (said("invoice", "show", invoice=invoice()), lambda one: one.show("40117")),
    (listed("debtor", [debtor("A", 1), debtor("B", 2)]), lambda one: list(one.customers(None))),
    (listed("product", [{"Identifier": "1", "ProductCode": "P", "PriceExcl": "1", "TaxPercentage": 21}]), lambda one: one.items()),
    (
        said("settings", "list", settings={"Tax": {"Codes": {"Sale": {"V21": {"TaxCode": "V21", "Rate": "0.21"}}}}}),
        lambda one: one.tax_codes(),
    ),
    (listed("invoice", [invoice_row()], filters={"searchat": "DebtorCode"}), lambda one: one.find(wanted())),
    (said("debtor", "show", debtor=debtor()), lambda one: one.find_customer("K-2044")),
    (said("settings", "list", settings={"Tax": {"Codes": {"Sale": []}}}), lambda one: one.check()),
]


@QUICK
@given(st.data(), STATUSES)
def test_R36_mangled_reads_end_in_a_result_or_a_connector_error(data: st.DataObject, status: int) -> None:
    original, call = data.draw(st.sampled_from(READS))
    outcome(data.draw(mangled(original)), status, WEFACT, call)


@QUICK
@given(st.binary(max_size=200), STATUSES)
def test_noise_is_never_a_success(body: bytes, status: int) -> None:
    assert isinstance(outcome(body, status, WEFACT, lambda one: one.create_invoice(draft())), ConnectorError)
