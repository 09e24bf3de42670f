"""What the judgement tells other pages, the trace and the worklists."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from flask import url_for
from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload, selectinload

from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState
from mscbank.core import links
from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, session
from mscbank.core.i18n import _
from mscbank.core.links import Fact, Panel, Task
from mscbank.family.models import Recipient
from mscbank.release import gates
from mscbank.release.board import Board
from mscbank.release.facts import dossiers
from mscbank.release.judged import Judged, judged
from mscbank.release.models import Release
from mscbank.release.papers import PHYSICIANS, last_request, open_plan
from mscbank.release.readiness import Dossier, Group, Standing
from mscbank.release.rules import releases_of
from mscbank.release.states import LIFE, State

MOST_TASKS = 50
AT_WORK = (State.UNDER_REVIEW, State.CHECKED, State.CERTIFIED, State.CONDITIONALLY_RELEASED, State.SUSPENDED)
WORKERS = (Role.QC_ANALYST, Role.QA, Role.QP, *PHYSICIANS)


def listed(by: Principal) -> Select[Any]:
    """The releases with all that their lists show, in a handful of statements."""
    recipient = joinedload(Release.batch).joinedload(Batch.directed_to)
    return select(Release).options(
        recipient.selectinload(Recipient.enrolments),
        selectinload(Release.investigations),
        selectinload(Release.suspensions),
    )


links.edge(
    "batch",
    "release",
    select(Batch.code, Release.code).join(Release, Release.batch_id == Batch.id),
    "is judged by",
)


@links.describes("release")
def describe(codes: list[str]) -> list[Fact]:
    """Releases for the trace."""
    return [
        Fact(
            "release",
            release.code,
            release.batch.code,
            LIFE.word(release.state),
            {"certified": release.certified_at, "released": release.released_at},
        )
        for release in session.scalars(select(Release).where(any_of(Release.code, codes)))
    ]


@links.panel("batch")
def of_batch(batch: Batch, by: Principal) -> Panel | None:
    """How far the judgement of a batch is, or the way to open it."""
    release = releases_of([batch.id]).get(batch.id)
    if release is None:
        if batch.state is not BatchState.CRYOPRESERVED or by.holds((Role.QA, Role.QC_ANALYST)) is None:
            return None
        opens = url_for("releases.form_new", batch=batch.code)
        return Panel(_("Release"), "release/panel.html", {"release": None, "opens": opens})
    return Panel(_("Release"), "release/panel.html", _told(release))


@links.panel("vial")
def of_vial(vial: Any, by: Principal) -> Panel | None:
    """What the judgement of its batch says about a vial."""
    release = releases_of([vial.batch_id]).get(vial.batch_id)
    return Panel(_("Release of its batch"), "release/panel.html", _told(release)) if release else None


def _told(release: Release) -> dict[str, Any]:
    board = Board.of(dossiers([release])[release.id])
    return {
        "release": release,
        "url": url_for("releases.show", code=release.code),
        "sign": LIFE.sign(release.state),
        "state": LIFE.word(release.state),
        "open": [str(item.obstacle.sentence) for item in board.open if item.obstacle][:3],
        "counted": board.legend,
    }


# --- the worklist --------------------------------------------------------------------------------


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """What each role has to do in the judgement of batches."""
    if by.holds(WORKERS) is None:
        return []
    found = [*_unopened(by)]
    releases = [
        release
        for release in session.scalars(
            links.narrowed(select(Release).where(Release.state.in_(AT_WORK)), Release)
            .order_by(Release.id.desc())
            .limit(MOST_TASKS)
        )
        if by.sees(release.site)
    ]
    known = dossiers(releases)
    read = judged(releases)
    for release in releases:
        found += _tasks(release, known[release.id], read[release.id], by)
    return found


def _unopened(by: Principal) -> Iterator[Task]:
    if by.holds((Role.QA, Role.QC_ANALYST)) is None:
        return
    judged_already = select(Release.id).where(Release.batch_id == Batch.id).exists()
    for batch in session.scalars(
        links.narrowed(select(Batch), Batch)
        .where(Batch.state == BatchState.CRYOPRESERVED, ~judged_already)
        .order_by(Batch.id.desc())
        .limit(MOST_TASKS)
    ):
        if by.sees(batch.site):
            yield Task(
                step="release",
                title=_("Open the review of batch %(batch)s", batch=batch.code),
                detail=str(_("frozen, not under review yet")),
                url=url_for("releases.form_new", batch=batch.code),
                button=_("Open the review"),
                thing=("batch", batch.code),
            )


def _tasks(release: Release, dossier: Dossier, read: list[Judged], by: Principal) -> Iterator[Task]:
    if by.holds(Role.QC_ANALYST, release.site):
        yield from _testing(release, dossier, read, by)
    if by.holds(Role.QA, release.site):
        yield from _quality(release, dossier, by)
    if by.holds(Role.QP, release.site):
        yield from _qualified(release, dossier, by)
    if by.holds(PHYSICIANS, release.site) and (dossier.two_step or dossier.exceptional):
        yield from _physician(release, by)


def _task(release: Release, title: Any, detail: str, button: Any, due: date | None = None) -> Task:
    return Task(
        step="release",
        title=title,
        detail=detail,
        url=url_for("releases.show", code=release.code),
        button=button,
        due=due,
        sign=LIFE.sign(release.state),
        thing=("release", release.code),
    )


def _testing(release: Release, dossier: Dossier, read: list[Judged], by: Principal) -> Iterator[Task]:
    missing = [a for a in dossier.assays if a.verdict.blocks and not a.verdict.standing]
    if missing:
        dues = [a.due for a in missing if a.due is not None]
        title = _("Enter %(count)s results of batch %(batch)s", count=len(missing), batch=release.batch.code)
        yield _task(
            release, title, ", ".join(a.label for a in missing[:4]), _("Enter"), min(dues, default=None)
        )
    unseen = [
        one.criterion.label
        for one in read
        for line in one.standing
        if line.review is None and line.result.entered_by != by.login
    ]
    if unseen:
        title = _("Review %(count)s results of batch %(batch)s", count=len(unseen), batch=release.batch.code)
        yield _task(release, title, ", ".join(dict.fromkeys(unseen[:4])), _("Review"))


def _quality(release: Release, dossier: Dossier, by: Principal) -> Iterator[Task]:
    batch = release.batch.code
    for one in dossier.investigations:
        yield _task(
            release,
            _("Decide an investigation of batch %(batch)s", batch=batch),
            one.label,
            _("Decide"),
            one.due,
        )
    complete = gates.not_complete(dossier, by) is None
    if complete and gates.trail_unreviewed(dossier, by) and gates.reviews_own_trail(dossier, by) is None:
        title = _("Review the audit trail of batch %(batch)s", batch=batch)
        yield _task(release, title, str(_("before it is certified")), _("Review"))
    ready = complete and gates.checks_own_work(dossier, by) is None
    if release.state is State.UNDER_REVIEW and ready:
        title = _("Check manufacture and testing of batch %(batch)s", batch=batch)
        yield _task(release, title, str(_("everything is there")), _("Check"))
    if release.state is State.SUSPENDED:
        causes = ", ".join(one.reason for one in release.suspensions if one.lifted_at is None)
        yield _task(release, _("Settle the suspension of batch %(batch)s", batch=batch), causes, _("Open"))


def _qualified(release: Release, dossier: Dossier, by: Principal) -> Iterator[Task]:
    batch = release.batch.code
    board = Board.of(dossier)
    if release.state is State.CHECKED and gates.certifies_own_work(dossier, by) is None:
        n = board.counted
        detail = str(
            _("%(waiting)s waiting, %(late)s late", waiting=n[Standing.WAITING], late=n[Standing.LATE])
        )
        yield _task(release, _("Certify batch %(batch)s", batch=batch), detail, _("Open"))
    if release.state is State.CERTIFIED:
        yield _task(release, _("Release batch %(batch)s", batch=batch), str(_("certified")), _("Release"))
    if release.state is State.CONDITIONALLY_RELEASED and not gates.waiting(dossier):
        yield _task(
            release, _("Release batch %(batch)s in step 2", batch=batch), str(_("results are in")), _("Open")
        )
    if release.state is State.SUSPENDED and any(item.group is Group.TEST for item in board.open):
        title = _("Decide about the suspended batch %(batch)s", batch=batch)
        yield _task(release, title, str(_("a result lies outside its limit")), _("Open"))


def _physician(release: Release, by: Principal) -> Iterator[Task]:
    batch = release.batch.code
    plan = open_plan(release)
    if plan is not None and plan.acknowledged_at is None and by.holds(Role.PRESCRIBER, release.site):
        title = _("Acknowledge the release of batch %(batch)s in two steps", batch=batch)
        yield _task(release, title, plan.justification[:120], _("Open"))
    request = last_request(release)
    if request is None or request.requested_by != by.login or request.accepted_at is not None:
        return
    if request.evaluation is not None:
        title = _("Answer the risk evaluation of batch %(batch)s", batch=batch)
        yield _task(release, title, request.evaluation[:120], _("Open"))
