"""Which controllers and actions exist, and for whom (contract wefact 6)."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.wefact import debtors, groups, invoice_actions, invoices, products
from sandbox.wefact.call import Answer, Call
from sandbox.wefact.values import Refusal

Action = Callable[[Call], Answer]

ROUTES: dict[str, dict[str, Action]] = {
    "debtor": {"list": debtors.list_, "show": debtors.show, "add": debtors.add, "edit": debtors.edit},
    "product": {
        "list": products.list_,
        "show": products.show,
        "add": products.add,
        "edit": products.edit,
        "delete": products.delete,
    },
    "group": {
        "list": groups.list_,
        "show": groups.show,
        "add": groups.add,
        "edit": groups.edit,
        "delete": groups.delete,
    },
    "invoice": {
        "list": invoices.list_,
        "show": invoices.show,
        "add": invoices.add,
        "edit": invoices.edit,
        "delete": invoice_actions.delete,
        "credit": invoice_actions.credit,
        "partpayment": invoice_actions.part_payment,
        "markaspaid": invoice_actions.mark_as_paid,
        "markasunpaid": invoice_actions.mark_as_unpaid,
        "sendbyemail": invoice_actions.send_by_email,
        "sendreminderbyemail": invoice_actions.send_reminder,
        "sendsummationbyemail": invoice_actions.send_summation,
        "download": invoice_actions.download,
        "block": invoice_actions.block,
        "unblock": invoice_actions.unblock,
        "schedule": invoice_actions.schedule,
        "cancelschedule": invoice_actions.cancel_schedule,
        "paymentprocesspause": invoice_actions.pause_process,
        "paymentprocessreactivate": invoice_actions.reactivate_process,
        "sortlines": invoices.line_sort,
    },
    "invoiceline": {"add": invoices.line_add, "delete": invoices.line_delete},
    "attachment": {
        "add": invoice_actions.attachment_add,
        "delete": invoice_actions.attachment_delete,
        "download": invoice_actions.attachment_download,
    },
    "extraclientcontact": {
        "add": debtors.contact_add,
        "edit": debtors.contact_edit,
        "delete": debtors.contact_delete,
    },
    "settings": {
        "list": groups.settings_list,
        "costcategory_list": groups.category_list,
        "costcategory_show": groups.category_show,
        "costcategory_add": groups.category_add,
        "costcategory_edit": groups.category_edit,
        "costcategory_delete": groups.category_delete,
    },
}
WEFACT_ONLY = frozenset({"settings", "extraclientcontact", "invoice/sortlines"})


def route(call: Call) -> Action:
    """The action of a call; refuses with `Invalid controller` or `Invalid action` (contract wefact 2.1)."""
    actions = ROUTES.get(call.controller)
    if actions is None or (not call.wefact and call.controller in WEFACT_ONLY):
        raise Refusal("Invalid controller")
    action = actions.get(call.action)
    if action is None or (not call.wefact and f"{call.controller}/{call.action}" in WEFACT_ONLY):
        raise Refusal("Invalid action")
    return action
