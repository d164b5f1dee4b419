"""What somebody may register, and what may still be changed. Reads only; an action asks here after it has locked the row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, true

from blueprints import formats
from invoicing.links import Claim
from models import Activity, Project, ProjectActivity, ProjectUser, db

EDITABLE = ("open", "rejected")
DAY_MINUTES = 24 * 60


class Refused(ValueError):
    """Not registered or changed; the code is a sentence of `formats.REASONS`, `field` the field of the form it is about."""

    def __init__(self, code: str, field: str = "", **params: Any) -> None:
        super().__init__(code)
        self.code, self.field, self.params = code, field, params

    @property
    def sentence(self) -> str:
        return formats.reason(self.code, self.params)


class Changed(Exception):
    """Somebody changed the row meanwhile; `version` is the one that stands there now."""

    def __init__(self, version: int, when: str) -> None:
        super().__init__(version)
        self.version, self.when = version, when


class Missing(Exception):
    """There is no such row, or it is not this person's to see."""


def lock_of(status: str, claim: Claim | None) -> Refused | None:
    """Why a row cannot be changed and who can change that; None when it can."""
    if claim is not None and claim.state == "reserved":
        code = "register_reserved_by" if claim.user_name else "register_reserved"
        return Refused(code, name=claim.user_name, time=formats.moment(claim.since))
    if claim is not None:
        code = "register_invoiced_on" if claim.remote_number else "register_invoiced"
        return Refused(code, number=claim.remote_number)
    return None if status in EDITABLE else Refused(f"register_{status}")


def is_open_to(person_id: int) -> ColumnElement[bool]:
    """A condition on Project: it has no members, or this person is one."""
    members = select(ProjectUser.id).where(ProjectUser.project_id == Project.id, ProjectUser.active)
    return or_(~members.exists(), members.where(ProjectUser.user_id == person_id).exists())


def is_offered() -> ColumnElement[bool]:
    """A condition on Project and Activity: the project names no activities, or this one."""
    offered = select(ProjectActivity.id).where(ProjectActivity.project_id == Project.id, ProjectActivity.active)
    return and_(Activity.active, or_(~offered.exists(), offered.where(ProjectActivity.activity_id == Activity.id).exists()))


@dataclass(frozen=True, slots=True)
class Permit:
    """What one person may do on a project, with an activity when it is about hours."""

    project: Project
    activity: Activity | None
    is_member: bool
    is_offered: bool

    def check(self, day: date, *, is_new_work: bool = True) -> None:
        """Raises Refused when nothing may be registered here on this day. Work that stands here already needs no member."""
        name = self.project.name
        if not self.project.active:
            raise Refused("project_archived", "project", project=name)
        if self.project.starts_on and day < self.project.starts_on:
            raise Refused("project_not_started", "date", project=name, day=formats.day(self.project.starts_on))
        if self.project.ends_on and day > self.project.ends_on:
            raise Refused("project_ended", "date", project=name, day=formats.day(self.project.ends_on))
        if is_new_work and not self.is_member:
            raise Refused("project_not_member", "project", project=name)
        if is_new_work and self.activity is not None and not self.is_offered:
            raise Refused("activity_not_offered", "activity", project=name, activity=self.activity.name)


def for_hours(person_id: int, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], Permit]:
    """What this person may do with each pair of project and activity, in one query; an unknown pair is left out."""
    wanted = set(pairs)
    if not wanted:
        return {}
    rows = db.session.execute(
        select(Project, Activity, is_open_to(person_id).label("member"), is_offered().label("offered"))
        .join(Activity, true())
        .where(Project.id.in_({project for project, _ in wanted}), Activity.id.in_({activity for _, activity in wanted}))
    )
    permits = {(row.Project.id, row.Activity.id): Permit(row.Project, row.Activity, row.member, row.offered) for row in rows}
    return {pair: permit for pair, permit in permits.items() if pair in wanted}


def for_costs(person_id: int, project_id: int) -> Permit:
    """What this person may do on a project without an activity. Raises Refused when it does not exist."""
    row = db.session.execute(select(Project, is_open_to(person_id).label("member")).where(Project.id == project_id)).first()
    if row is None:
        raise Refused("project_gone", "project")
    return Permit(row.Project, None, row.member, True)
