"""Releases for people: the board on the left, the decision on the right."""

from typing import Any
from uuid import uuid4

from flask import request, url_for
from werkzeug.wrappers import Response

from mscbank.core import codes
from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.i18n import _
from mscbank.core.web.filters import day, local, person
from mscbank.core.web.here import actor, find
from mscbank.core.web.history import signatures_on
from mscbank.core.web.pages import Act, Pages, shown_obstacle
from mscbank.core.web.signing import signing_fields
from mscbank.release import actions, gates
from mscbank.release.api import paper
from mscbank.release.board import (
    Board,
    changes,
    entered_count,
    independence,
    judges,
    result_note,
    result_rows,
)
from mscbank.release.criteria import Outcome
from mscbank.release.difference import compared
from mscbank.release.exceptions import WHY_WORDS
from mscbank.release.facts import dossiers
from mscbank.release.judged import Judged, judged
from mscbank.release.models import Release
from mscbank.release.papers import last_request, open_plan
from mscbank.release.readiness import TRAIL, Dossier
from mscbank.release.schemas import (
    CorrectResultSchema,
    DecideSchema,
    EnterResultSchema,
    EvaluationSchema,
    OpenReviewSchema,
    RequestExceptionSchema,
    ReviewResultSchema,
    ReviewResultsSchema,
    ReviewTrailSchema,
    TwoStepSchema,
    sheet_form,
)
from mscbank.release.states import LIFE, USABLE, State
from mscbank.release.trail import state_of
from mscbank.release.trailed import Trailed, trailed
from mscbank.release.views import listed
from mscbank.release.words import CAUSE_WORDS, FINDING_WORDS

NOT_CHECKED = Refusal("release.not_checked", "Manufacture and testing are not checked yet.", Role.QA)
PRIMARY = {
    State.UNDER_REVIEW: ("release.check",),
    State.CHECKED: ("release.certify",),
    State.CERTIFIED: ("release.release", "release.release_conditionally"),
    State.CONDITIONALLY_RELEASED: ("release.complete",),
    State.SUSPENDED: ("release.lift",),
}
"""What a state waits for: it stands in the panel where one signs."""


TRAIL_PAGE = 50
"""So many acts in which nothing stands out are shown at a time; those that stand out, all."""

EXCEPTIONAL_FROM = (State.UNDER_REVIEW, State.REJECTED)


def _finding(release: Release) -> str:
    """The title says what is up: how many things block, or where the batch stands."""
    if release.state in (*USABLE, State.REJECTED, State.RECALLED, State.SUSPENDED):
        return str(
            _("Batch %(batch)s: %(state)s", batch=release.batch.code, state=LIFE.word(release.state).lower())
        )
    found = len(Board.of(dossiers([release])[release.id]).open)
    if found == 1:
        return str(_("1 thing blocks certification"))
    if found:
        return str(_("%(n)s things block certification", n=found))
    return str(
        _("Nothing blocks certification")
        if release.state is State.UNDER_REVIEW
        else _("Batch %(batch)s: %(state)s", batch=release.batch.code, state=LIFE.word(release.state).lower())
    )


def _context(release: Release, by: Principal) -> dict[str, Any]:
    dossier = dossiers([release])[release.id]
    listed = judged([release])[release.id]
    board = Board.of(dossier)
    zone = release.batch.zone
    moves = pages.moves(release, by)
    trail_link = {TRAIL: url_for("releases.audit_trail", code=release.code)}
    return {
        "small": _small(release, dossier),
        "board": board,
        "blockers": board.blockers(
            trail_link
            | {
                trouble.code: url_for("deviations.show", code=trouble.code)
                for trouble in (*dossier.deviations, *dossier.unclassified)
            }
        ),
        "rest": board.rest(trail_link),
        "results": result_rows(listed, dossier, zone),
        "result_note": result_note(listed),
        "lines": _lines(release, listed, by),
        "changed": changes(listed, zone),
        "entered": entered_count(listed),
        "independence": independence(dossier, by) if judges(by, release.site) else [],
        "investigations": _investigations(release, listed),
        "suspensions": [
            (str(CAUSE_WORDS[one.cause]), one.reason, person(one.placed_by), one.placed_at, one.lifted_at)
            for one in release.suspensions
        ],
        "plan": open_plan(release),
        "exception": last_request(release),
        "signing": _signing(release, dossier, moves, by),
        "others": _others(release, dossier, listed, moves, by),
        "certificate_url": url_for("releases.certificate", code=release.code),
        "trail_url": url_for("releases.audit_trail", code=release.code),
        "compared": compared(release, listed),
        "version": release.version,
    }


def _small(release: Release, dossier: Dossier) -> list[str]:
    batch = release.batch
    return [
        str(_("%(n)s vials", n=dossier.filled)),
        str(_("donor %(donor)s", donor=dossier.donor)),
        str(_("for %(recipient)s", recipient=batch.directed_to.called)),
        str(_("specification %(name)s, frozen %(day)s", name=batch.specification.called,
              day=day(batch.started_at.date()) if batch.started_at else "–")),
    ]  # fmt: skip


def _lines(release: Release, listed: list[Judged], by: Principal) -> list[dict[str, Any]]:
    """Every result of every test, with its two people, and what this person may do with it."""
    found = []
    for one in listed:
        rows = [
            {
                "number": line.result.number,
                "shown": line.shown,
                "detail": line.result.detail,
                "tested": line.result.tested_at,
                "entered": person(line.result.entered_by),
                "reviewed": person(line.review.reviewed_by) if line.review else None,
                "standing": line.standing,
                "invalid": line.invalid is not None,
                "reason": line.result.reason,
                "corrected_by": line.corrected_by.number if line.corrected_by else None,
                "may_review": line.standing and line.review is None and line.result.entered_by != by.login
                and by.holds((Role.QC_ANALYST, Role.QA), release.site) is not None,
            }
            for line in one.lines
        ]  # fmt: skip
        found.append({"attribute": one.criterion.attribute, "label": one.criterion.label, "rows": rows})
    return found


def _investigations(release: Release, listed: list[Judged]) -> list[dict[str, Any]]:
    labels = {one.criterion.attribute: one.criterion.label for one in listed}
    return [
        {
            "number": one.number,
            "label": labels.get(one.attribute, one.attribute),
            "opened": one.opened_at,
            "by": person(one.opened_by),
            "finding": str(FINDING_WORDS[one.finding]) if one.finding else None,
            "conclusion": one.conclusion,
            "decided": one.decided_at,
            "decided_by": person(one.decided_by),
        }
        for one in release.investigations
    ]


def _statement(name: str, release: Release) -> str:
    values = {"batch": release.batch.code, "recipient": release.batch.directed_to.called}
    sentences = {
        "release.check": _(
            "I have checked that batch %(batch)s was made and tested as its dossier says.", **values
        ),
        "release.certify": _(
            "I certify that batch %(batch)s was made and tested as its dossier says"
            " and may be used for %(recipient)s.",
            **values,
        ),
        "release.release": _(
            "I give batch %(batch)s the status released: its vials leave quarantine.", **values
        ),
        "release.release_conditionally": _(
            "I release batch %(batch)s in step 1 for %(recipient)s; results are still to come.", **values
        ),
        "release.complete": _(
            "I release batch %(batch)s in step 2: the last results are in, and pass.", **values
        ),
        "release.lift": _("I lift the suspension of batch %(batch)s: its causes are settled.", **values),
    }
    return str(sentences[name])


def _signing(
    release: Release, dossier: Dossier, moves: list[dict[str, Any]], by: Principal
) -> dict[str, Any] | None:
    """The panel where this person signs: what the state waits for, off with its reason or open."""
    offered = {move["name"]: move for move in moves}
    wanted = PRIMARY.get(release.state, ())
    ready = [offered[name] for name in wanted if name in offered and offered[name]["obstacle"] is None]
    off = [offered[name] for name in wanted if name in offered]
    move = ready[0] if ready else off[0] if off else None
    if move is None and release.state is State.UNDER_REVIEW and by.holds(Role.QP, release.site):
        unread = gates.trail_unreviewed(dossier, by)
        why: Obstacle = gates.not_complete(dossier, by) or unread or NOT_CHECKED()
        label = str(LIFE["certify"].label)
        move = {"name": "release.certify", "label": label, "obstacle": shown_obstacle(why), "url": ""}
    if move is None:
        return None
    asks_reason = move["name"] == "release.lift"
    return {
        "name": move["name"],
        "move": {**move, "label": f"{move['label']} {release.batch.code}" if move["name"] == "release.certify"
                 else move["label"], "name": None},
        "title": move["label"],
        "statement": _statement(move["name"], release),
        "url": move["url"],
        "key": move.get("key") or uuid4().hex,
        "reason": asks_reason,
        "fields": signing_fields(("",), by, say_meaning=False),
        "earlier": [(_(s.meaning), s.printed_name, local(s.signed_at), s.holds)
                    for s in signatures_on("release", release.code)],
    }  # fmt: skip


def _others(
    release: Release, dossier: Dossier, listed: list[Judged], moves: list[dict[str, Any]], by: Principal
) -> list[dict[str, Any]]:
    """Everything else that this person may do; what does not arise here is left out."""
    primary = PRIMARY.get(release.state, ())[:1]
    arising = _arising(release, dossier, listed, by)
    found = [
        move | {"filled": False}
        for move in moves
        if move["name"] not in primary and arising.get(move["name"], True)
    ]
    closed = release.state in (State.CHECKED, State.CERTIFIED)
    if by.holds(Role.QC_ANALYST, release.site) and not closed and any(not one.lines for one in listed):
        label = str(_("Enter a sheet of results"))
        found.insert(
            0, {"label": label, "url": url_for("releases.sheet", code=release.code), "method": "get"}
        )
    return found


def _arising(release: Release, dossier: Dossier, listed: list[Judged], by: Principal) -> dict[str, bool]:
    """Act → whether the case for it has arisen."""
    plan, wanted = open_plan(release), last_request(release)
    outside = any(one.criterion.blocking and one.verdict.outcome is Outcome.FAILS for one in listed)
    asked = wanted is not None and wanted.granted_at is None
    pending = bool(gates.waiting(dossier))
    unseen = any(
        line.review is None and line.result.entered_by != by.login for one in listed for line in one.standing
    )
    entered = any(one.lines for one in listed)
    before = release.state in (State.UNDER_REVIEW, State.CHECKED)
    read = dossier.trail
    return {
        "release.review_trail": read is not None and read.wanted and bool(read.since or not read.reviewed_by),
        "release.review_result": unseen,
        "release.review_results": unseen,
        "release.correct_result": entered,
        "release.decide_investigation": bool(dossier.investigations),
        "release.prepare_two_step": pending and before,
        "release.acknowledge_two_step": before and plan is not None and plan.acknowledged_at is None,
        "release.release_conditionally": pending,
        "release.request_exception": outside and not asked and release.state in EXCEPTIONAL_FROM,
        "release.evaluate_exception": asked and wanted.evaluated_at is None if wanted else False,
        "release.accept_exception": asked and wanted.accepted_at is None if wanted else False,
        "release.tell_sponsor": asked and wanted.sponsor_told_at is None if wanted else False,
        "release.except": asked,
    }


def tests_of(release: Release) -> list[tuple[str, str]]:
    """The tests of the frozen specification, missing ones first."""
    listed = judged([release])[release.id]
    ordered = sorted(listed, key=lambda one: bool(one.lines))
    return [(one.criterion.attribute, f"{one.criterion.label} ({one.limit})") for one in ordered]


def passed_of(release: Release) -> list[tuple[str, str]]:
    """The tests that passed and were reviewed: what may stand for those to come."""
    return [
        (one.criterion.attribute, f"{one.criterion.label}: {one.shown}")
        for one in judged([release])[release.id]
        if one.verdict.outcome is Outcome.PASSES and one.verdict.met
    ]


def unseen_of(release: Release) -> list[tuple[str, str]]:
    """The tests with a result that nobody has reviewed."""
    return [
        (one.criterion.attribute, f"{one.criterion.label}: {one.shown}")
        for one in judged([release])[release.id]
        if one.verdict.unreviewed
    ]


def investigations_of(release: Release) -> list[tuple[str, str]]:
    """The investigations that wait for a decision."""
    labels = dict(tests_of(release))
    return [
        (str(one.number), f"{one.number}: {labels.get(one.attribute, one.attribute)}")
        for one in release.investigations
        if one.decided_at is None
    ]


class ReleasePages(Pages):
    """The judgement of batches; whoever reviews an audit trail signs what stood there when he read it."""

    why_words = WHY_WORDS

    def trail(self, release: Release) -> Trailed:
        """The audit trail as it stands."""
        return trailed(release)

    def _ask(self, act: Act, thing: Any, by: Principal, typed: dict[str, Any], *rest: Any) -> str:
        if act.action is actions.review_trail:
            typed = {**typed, "seen": state_of(thing)}
        return super()._ask(act, thing, by, typed, *rest)


pages = ReleasePages("release", Release, path="releases", title=_("Releases"))
pages.lists(
    query=listed,
    columns=[
        (_("Batch"), lambda r: r.batch.code),
        (_("Release"), lambda r: r.code),
        (_("For"), lambda r: r.batch.directed_to.called),
        (_("Opened"), lambda r: local(r.opened_at)),
        (_("Certified"), lambda r: local(r.certified_at)),
        (_("State"), lambda r: LIFE.word(r.state)),
    ],
    empty=_("No batch is under review."),
)
pages.creates(actions.open_review, OpenReviewSchema, label=_("Open the review of a batch"))
pages.shows(context=_context, finding=_finding)
pages.acts(
    actions.enter_result,
    EnterResultSchema,
    at="results",
    label=_("Enter a result"),
    choices={"attribute": tests_of},
)
pages.acts(
    actions.review_result,
    ReviewResultSchema,
    at="reviews",
    label=_("Review a result"),
    choices={"attribute": tests_of},
)
pages.acts(
    actions.correct_result, CorrectResultSchema, at="corrections", label=_("Correct a result"),
    choices={"attribute": tests_of},
)  # fmt: skip
pages.acts(
    actions.decide_investigation, DecideSchema, at="decisions", label=_("Decide an investigation"),
    choices={"number": investigations_of},
)  # fmt: skip
pages.acts(actions.review_trail, ReviewTrailSchema, label=_("Review the audit trail"))
pages.acts(actions.check)
pages.acts(actions.certify)
pages.acts(actions.release_batch)
pages.acts(actions.release_conditionally)
pages.acts(actions.complete)
pages.acts(
    actions.prepare_two_step, TwoStepSchema, label=_("Prepare a release in two steps"),
    choices={"surrogates": passed_of},
)  # fmt: skip
pages.acts(actions.acknowledge_two_step, label=_("Acknowledge the release in two steps"))
pages.acts(actions.suspend)
pages.acts(actions.lift)
pages.acts(actions.reopen)
pages.acts(actions.reopen_released)
pages.acts(actions.request_exception, RequestExceptionSchema, label=_("Request an exceptional use"))
pages.acts(actions.evaluate_exception, EvaluationSchema, label=_("Give the risk evaluation"))
pages.acts(actions.accept_exception, label=_("Accept the risk evaluation"))
pages.acts(actions.tell_sponsor, label=_("Record that the sponsor was told"))
pages.acts(actions.except_for_recipient)
pages.acts(actions.reject)


pages.acts(
    actions.review_results, ReviewResultsSchema, at="review-sheet", label=_("Review several results"),
    choices={"attributes": unseen_of},
)  # fmt: skip


def sheet(code: str) -> Any:
    """A form with a field for each test that has no result yet."""
    release = find(Release, code)
    act = Act(actions.enter_results, sheet_form(release), "sheet", _("Enter a sheet of results"), {})
    return pages._form(act, release)


pages.blueprint.add_url_rule("/<code>/sheet", "sheet", sheet, methods=["GET", "POST"])


@pages.get("/<code>/audit-trail")
def audit_trail(code: str) -> Any:
    """Everything of the record that touches the batch and its upstream, what stands out first."""
    by, release = actor(), find(Release, code)
    may = [one for one in pages.moves(release, by) if one["name"] == "release.review_trail"]
    trail, after = trailed(release), request.args.get("after") or None
    rest, following = trail.page(after, TRAIL_PAGE)
    return pages._render(
        "audit_trail.html", "core/thing.html", thing=release, by=by, trail=trail, rest_shown=rest,
        after=after, following=following, why_words=WHY_WORDS, moves=may, back=pages.url(release),
        pages=pages, step="release",
    )  # fmt: skip


@pages.get("/<code>/certificate.pdf")
def certificate(code: str) -> Response:
    """The certificate of the batch, to be filed."""
    actor()
    return paper(find(Release, code))


codes.resolves("release", page=pages.url, title=lambda release: release.batch.code)
