"""What stands in the way of each move of a release, for one person (D §4.2 to 4.4; invariants 9 and 11)."""

from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.foureyes import FourEyes
from mscbank.release.criteria import Outcome
from mscbank.release.readiness import Dossier, Group, Item, blocking, trail_obstacle

THINGS_OPEN = Refusal("release.things_open", "%(count)s things are open: %(things)s")
CERTIFIES = ("release.certify", "release.complete", "release.except")
TESTS = (
    "release.enter_result", "release.enter_results", "release.correct_result", "release.review_result",
    "release.review_results",
)  # fmt: skip
MADE_IT = FourEyes(
    "release.own_work",
    "You worked on this batch: another person judges it.",
    (Role.QP, Role.QA),
    first=(
        "batch.start",
        "batch.add_passage",
        "batch.harvest_passage",
        "batch.use_material",
        "batch.harvest",
        "custody.fill",
    ),
    second=("release.check", "release.review_trail", *CERTIFIES),
    held_by=("guard_release_own_work",),
)
ENTERED_IT = FourEyes(
    "release.own_entries",
    "You entered results of this batch: another person reviews its audit trail.",
    Role.QA,
    first=("release.enter_result", "release.enter_results", "release.correct_result"),
    second=("release.review_trail",),
    held_by=("guard_trail_review_by_another",),
)
TESTED_IT = FourEyes(
    "release.own_results", "You entered or reviewed results of this batch: another person judges it.",
    (Role.QP, Role.QA),
    first=TESTS,
    second=("release.check", *CERTIFIES),
    held_by=("guard_release_own_results", "guard_release_own_check_of_results",),
)  # fmt: skip
CHECKED_IT = FourEyes(
    "release.own_check",
    "You checked this batch: another qualified person certifies it.",
    Role.QP,
    first=("release.check",),
    second=CERTIFIES,
    held_by=("ck_release_certified_by_another",),
)
RESULTS_PENDING = Refusal(
    "release.results_pending", "Results are still to come: %(tests)s. Only the release in two steps is open.",
    Role.QC_ANALYST,
)  # fmt: skip
NOTHING_PENDING = Refusal(
    "release.nothing_pending", "Every result is in: the batch is released in one step.", Role.QP
)
NO_TWO_STEP = Refusal(
    "release.two_step_not_prepared",
    "The release in two steps is not prepared: it needs the reason of the qualified person.",
    Role.QP,
)
NOT_ACKNOWLEDGED = Refusal(
    "release.not_acknowledged",
    "The prescriber has not acknowledged the release in two steps.",
    Role.PRESCRIBER,
)
NO_EXCEPTION = Refusal(
    "release.exception_not_requested", "No physician has requested an exceptional use.", Role.PRESCRIBER
)
NOT_EVALUATED = Refusal(
    "release.exception_not_evaluated", "The risk evaluation for the physician is missing.", Role.QP
)
NOT_ACCEPTED = Refusal(
    "release.exception_not_accepted", "The physician has not accepted the risk evaluation.", Role.PRESCRIBER
)
SPONSOR_NOT_TOLD = Refusal(
    "release.sponsor_not_told", "The sponsor has not been told of the exceptional use.", Role.QP
)
NOT_OUTSIDE = Refusal(
    "release.not_outside", "No result lies outside its limit: the exception is not for this batch.", Role.QP
)
FREED_BEFORE = Refusal(
    "release.freed_before",
    "Vials of this batch were released before: only a whole release, or a rejection, is open.",
    Role.QP,
)


def _one_of(open_items: list[Item]) -> Obstacle | None:
    """The obstacle itself when it is the only one, their number and names otherwise."""
    found = [item.obstacle for item in open_items if item.obstacle is not None]
    if len(found) <= 1:
        return found[0] if found else None
    who = tuple(dict.fromkeys(role for one in found for role in one.roles))
    said = THINGS_OPEN(count=len(found), things=" ".join(str(one.sentence) for one in found))
    return Obstacle(said.code, said.sentence, who, {**said.values, "codes": [one.code for one in found]})


def not_complete(dossier: Dossier, by: Principal) -> Obstacle | None:
    """What blocks the release now, whoever wants it."""
    return _one_of(blocking(dossier))


def made_it(dossier: Dossier, by: Principal) -> Obstacle | None:
    """Who executed the batch judges nothing of it."""
    return MADE_IT.stops(by, dossier.executors)


def checks_own_work(dossier: Dossier, by: Principal) -> Obstacle | None:
    """The check of manufacture and testing is by somebody who did neither."""
    if found := made_it(dossier, by):
        return found
    return TESTED_IT.stops(by, dossier.entered)


def reviews_own_trail(dossier: Dossier, by: Principal) -> Obstacle | None:
    """The audit trail is reviewed by somebody who neither made the batch nor entered its results."""
    if found := made_it(dossier, by):
        return found
    return ENTERED_IT.stops(by, dossier.entered)


def trail_unreviewed(dossier: Dossier, by: Principal) -> Obstacle | None:
    """Nothing is certified before its audit trail is reviewed, to the last entry (Annex 11, 9)."""
    return trail_obstacle(dossier)


def certifies_own_work(dossier: Dossier, by: Principal) -> Obstacle | None:
    """The qualified person made nothing, tested nothing, and is not who checked (PD-30)."""
    if found := made_it(dossier, by):
        return found
    tested = TESTED_IT.stops(by, dossier.entered | dossier.reviewed)
    return tested or CHECKED_IT.stops(by, dossier.checked_by)


def waiting(dossier: Dossier) -> list[str]:
    """The labels of the tests whose results are still to come though they may come later."""
    return [assay.label for assay in dossier.assays if assay.verdict.may_wait]


def results_pending(dossier: Dossier, by: Principal) -> Obstacle | None:
    """Plain release and step 2 wait for the last result."""
    tests = waiting(dossier)
    return RESULTS_PENDING(tests=", ".join(tests)) if tests else None


def no_two_step(dossier: Dossier, by: Principal) -> Obstacle | None:
    """Step 1 needs something that may wait, the reason of the qualified person, and the prescriber's word."""
    if dossier.freed:
        return FREED_BEFORE()
    if not waiting(dossier):
        return NOTHING_PENDING()
    if dossier.two_step is None:
        return NO_TWO_STEP()
    return None if dossier.two_step.acknowledged else NOT_ACKNOWLEDGED()


def no_exception(dossier: Dossier, by: Principal) -> Obstacle | None:
    """The papers of D §4.4 in their order, and everything but the results themselves."""
    if not any(assay.verdict.blocks and assay.verdict.outcome is Outcome.FAILS for assay in dossier.assays):
        return NOT_OUTSIDE()
    if dossier.freed:
        return FREED_BEFORE()
    papers = dossier.exceptional
    if papers is None or not papers.requested:
        return NO_EXCEPTION()
    for there, refusal in (
        (papers.evaluated, NOT_EVALUATED),
        (papers.accepted, NOT_ACCEPTED),
        (papers.sponsor_told, SPONSOR_NOT_TOLD),
    ):
        if not there:
            return refusal()
    return _one_of([item for item in blocking(dossier) if not _outside(dossier, item)])


def _outside(dossier: Dossier, item: Item) -> bool:
    failing = {
        assay.verdict.limit.attribute
        for assay in dossier.assays
        if assay.verdict.outcome is Outcome.FAILS and not assay.verdict.unreviewed
    }
    return item.group is Group.TEST and item.key in failing


def cause_stands(dossier: Dossier, by: Principal) -> Obstacle | None:
    """A suspension is lifted when nothing blocks any more; what was allowed to wait may still wait."""
    passed = dossier.suspended_from == "oos_exceptional"
    return _one_of([item for item in blocking(dossier) if not (passed and _outside(dossier, item))])
