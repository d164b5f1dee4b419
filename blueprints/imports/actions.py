"""What people do with imports: start one, answer its questions, put its preview into effect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flask_babel import gettext as _

import audit
from blueprints import formats
from models import ImportRun, User, db
from transfers import connections, imports


def start(
    vendor: str, mode: str, now: datetime, *, user: User | None = None, source: str = "button", full: bool = True, preview_only: bool = True
) -> int:
    """Asks for an import and gives its number. Raises imports.NotConnected and imports.RunUnderway."""
    connection_id, user_id = connections.by_vendor(vendor).id, user.id if user else None
    run = imports.request_run(connection_id, mode=mode, full=full, preview_only=preview_only, source=source, user_id=user_id, now=now)
    audit.record(user, "import_requested", "import_run", run.id, now, vendor=vendor, mode=mode, preview=preview_only)
    run_id = run.id
    db.session.commit()
    return run_id


def choose(run_id: int, choices: Mapping[int, str]) -> None:
    """Keeps answers to questions of a preview; they count once it is started."""
    imports.choose(run_id, choices)


def apply(run_id: int, choices: Mapping[int, str], user: User, now: datetime) -> None:
    """Puts a preview into effect. Raises imports.PreviewStale, imports.RunUnderway and imports.NotConnected."""
    imports.apply_preview(run_id, choices, now)
    audit.record(user, "import_started", "import_run", run_id, now)
    db.session.commit()


def refusal(vendor: str, refused: imports.NotConnected | imports.RunUnderway | imports.PreviewStale) -> str:
    """The sentence for an import that did not begin."""
    package = formats.VENDORS[vendor]
    if isinstance(refused, imports.NotConnected):
        return _("%(package)s is not connected. Connect it under Settings, Integrations first.", package=package)
    if isinstance(refused, imports.PreviewStale):
        return _("This preview is not the latest any more. Make a new preview to import.")
    started_at = formats.moment(refused.started_at)
    if refused.started_by:
        return _(
            "%(name)s started an import from %(package)s on %(time)s, and it has not finished yet. Wait for its result.",
            name=refused.started_by,
            package=package,
            time=started_at,
        )
    return _("An import from %(package)s started on %(time)s has not finished yet. Wait for its result.", package=package, time=started_at)


def outcome(run: ImportRun) -> str:
    """The sentence for how a run ended or what it waits for; nothing when there is nothing to say."""
    code = f"import_{run.reason}" if f"import_{run.reason}" in formats.REASONS else run.reason
    return formats.reason(code, run.reason_params) if code else ""
