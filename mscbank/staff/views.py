"""What waits in the office of people."""

from datetime import timedelta

from flask import url_for

from mscbank.core import clock, links
from mscbank.core.access import Principal, Role
from mscbank.core.i18n import _
from mscbank.core.links import Task
from mscbank.staff import reviewing

AHEAD = timedelta(days=30)


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """The review of access, a month before the first role is due again."""
    if by.holds(Role.QA) is None:
        return []
    due = reviewing.due_at(by)
    if due is None or due - AHEAD > clock.now():
        return []
    return [
        Task(
            step="staff", title=_("Review who has access"),
            detail=str(_("Each role is confirmed or taken away")),
            url=url_for("access_reviews.form_review"), button=_("Review"), due=due, sign=("person", "move"),
        )
    ]  # fmt: skip
