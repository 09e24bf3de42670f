"""Results: entered, reviewed by another, corrected beside the old one, investigated when outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select

from mscbank.core import clock, messages
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, reasoned
from mscbank.core.db import session
from mscbank.core.errors import Invalid, Obstacle, Refusal, Refused, invalid
from mscbank.core.foureyes import FourEyes
from mscbank.deviation import actions as deviations
from mscbank.deviation.severity import Severity
from mscbank.release import suspension
from mscbank.release.criteria import Outcome, Qualifier, Reported, judge_one
from mscbank.release.judged import Judged, Line, judged, limit_of
from mscbank.release.models import (
    Cause,
    Finding,
    Investigation,
    Release,
    Result,
    ResultInvalidation,
    ResultReview,
)
from mscbank.release.reading import Unreadable, read_number
from mscbank.release.states import LIFE, USABLE, State
from mscbank.release.units import comparable
from mscbank.release.words import with_unit
from mscbank.study.limits import Operator, Stage
from mscbank.study.models import Criterion
from mscbank.study.words import limit as limit_words

FAILED_LATE = messages.announcement(
    "release.failed_late",
    "A result of a batch that was released already lies outside its limit; touched is the batch.",
)
WITH_LIMITS = (Operator.AT_LEAST, Operator.AT_MOST, Operator.BETWEEN)

LOCKED = Refusal(
    "release.record_locked",
    "The record stands at “%(state)s”: re-open it before a result is added.",
    (Role.QA, Role.QP),
)
RESULT_LOCKED = Refusal(
    "release.result_locked",
    "This result was certified: re-open the record before it is corrected.",
    (Role.QA, Role.QP),
)
OWN_RESULT = FourEyes(
    "release.own_result",
    "You entered this result: another person reviews it.",
    Role.QC_ANALYST,
    first=("release.enter_result", "release.enter_results", "release.correct_result"),
    second=("release.review_result", "release.review_results"),
    held_by=("guard_result_review_by_another",),
)
NOT_STANDING = Refusal(
    "release.result_not_standing",
    "This result was corrected or found invalid already: look at the later one.",
)
OWN_INVESTIGATION = FourEyes(
    "release.own_investigation",
    "You entered results of this test: another person decides.",
    Role.QA,
    first=("release.enter_result", "release.enter_results", "release.correct_result"),
    second=("release.decide_investigation",),
    held_by=("guard_investigation_own_results",),
)
NO_SUCH_TEST = "The specification of this batch has no such test."
DECIDED = Refusal("release.investigation_decided", "This investigation is decided.")


def locked(release: Release, by: Principal) -> Obstacle | None:
    """Between check and release the record is closed."""
    if release.state in (State.CHECKED, State.CERTIFIED):
        return LOCKED(state=LIFE.word(release.state))
    return None


def _locks(release: Release, **_inputs: Any) -> list[Any]:
    """A result outside its limit may suspend the batch and open a deviation in the same breath."""
    return [release.batch, *deviations.opening_locks([release.batch])]


def _late(release: Release, **_inputs: Any) -> messages.Touched:
    return [(release.batch.kind, release.batch.code)]


def _criteria(release: Release) -> dict[str, Criterion]:
    rows = select(Criterion).where(Criterion.specification_id == release.batch.specification_id)
    return {criterion.attribute: criterion for criterion in session.scalars(rows)}


def _criterion(release: Release, attribute: str) -> Criterion:
    found = _criteria(release).get(attribute)
    if found is None:
        raise invalid(attribute=[NO_SUCH_TEST])
    return found


def _line(release: Release, attribute: str, number: int) -> tuple[Judged, Line]:
    for one in judged([release])[release.id]:
        for line in one.lines:
            if (line.result.attribute, line.result.number) == (attribute, number):
                return one, line
    raise invalid(number=["There is no such result."])


def _read(criterion: Criterion, value_text: str, unit: str) -> tuple[Qualifier, Decimal | None]:
    """The value as the comparison takes it, or the fault that says what to type."""
    if criterion.operator is Operator.EQUALS:
        return Qualifier.NONE, None
    try:
        read = read_number(value_text)
    except Unreadable as fault:
        if criterion.operator is Operator.REPORT:
            return Qualifier.NONE, None
        raise invalid(fault.obstacle, value_text=[str(fault.obstacle.sentence)]) from None
    if criterion.operator in WITH_LIMITS and not comparable(unit, criterion.unit):
        raise invalid(unit=[f"The specification asks for {criterion.unit or 'a plain number'}."])
    return read


def _add(
    release: Release, criterion: Criterion, by: Principal, *, value_text: str, unit: str | None,
    tested_at: datetime, detail: str | None, reason: str | None, corrects: Result | None = None,
) -> Result:  # fmt: skip
    now = clock.now()
    if tested_at > now:
        raise invalid(tested_at=["This lies in the future."])
    said = criterion.unit if unit is None else unit
    qualifier, value = _read(criterion, value_text, said)
    before = [r.number for r in release.results if r.attribute == criterion.attribute]
    if before and not reasoned(reason):
        raise invalid(
            reason=["There is a result already: say why the test was repeated, in at least 5 characters."]
        )
    result = Result(
        release=release, criterion=criterion, attribute=criterion.attribute,
        number=max(before, default=0) + 1, value_text=value_text, value=value, qualifier=qualifier, unit=said,
        detail=detail, tested_at=tested_at, entered_by=by.login, entered_at=now, corrects=corrects,
        reason=reason if before else None,
    )  # fmt: skip
    session.add(result)
    outcome = judge_one(limit_of(criterion), Reported(value_text, value, qualifier, said))
    if outcome is Outcome.FAILS and criterion.blocking:
        _outside(release, criterion, result, by)
    elif outcome is Outcome.FAILS and criterion.stage is Stage.MARROW:
        _marrow_outside(release, criterion, result, by)
    return result


def _marrow_outside(release: Release, criterion: Criterion, result: Result, by: Principal) -> None:
    """A finding in the starting material is a deviation with a risk evaluation (D §2.2)."""
    deviations.open_classified(
        by=by, subjects=[release.batch], severity=Severity.MAJOR,
        title=f"{criterion.label}: {result.value_text}",
        description=f"Found in the marrow of this batch. {result.detail or ''}".strip(),
        occurred_at=result.tested_at, immediate_action="The batch waits for the risk evaluation.",
    )  # fmt: skip


def _outside(release: Release, criterion: Criterion, result: Result, by: Principal) -> None:
    """A blocking result outside its limit opens an investigation; after the release it stops the batch."""
    open_already = any(
        one.attribute == criterion.attribute and one.decided_at is None for one in release.investigations
    )
    if not open_already:
        number = len(release.investigations) + 1
        session.add(
            Investigation(
                release=release, number=number, attribute=criterion.attribute, opened_by=by.login,
                opened_at=clock.now(),
            )
        )  # fmt: skip
        session.flush()
    if release.state in USABLE or release.state is State.SUSPENDED:
        _fails_late(release, criterion, result, by)


def _fails_late(release: Release, criterion: Criterion, result: Result, by: Principal) -> None:
    """Block what is left, open a critical deviation, let the later steps tell the physicians (D §4.3)."""
    said = with_unit(result.value_text, result.unit)
    limit = limit_words(criterion)
    why = f"{criterion.label}: {said} against {limit}, known after the release"
    suspension.add_cause(release, Cause.RESULT, why, by)
    deviations.open_classified(
        by=by, subjects=[release.batch], severity=Severity.CRITICAL,
        title=f"{criterion.label} outside its limit after the release",
        description=f"{why}. {result.detail or ''}".strip(),
        occurred_at=result.tested_at,
        immediate_action="The batch was suspended and all its vials were put on hold.",
    )  # fmt: skip
    messages.announce(
        FAILED_LATE, touched=_late(release), release=release.code, attribute=criterion.attribute, result=said
    )


@action(
    "release.enter_result",
    role=Role.QC_ANALYST,
    kind="release",
    unless=locked,
    locks=_locks,
    announces={FAILED_LATE: _late},
)
def enter_result(
    release: Release, *, by: Principal, reason: str | None, attribute: str, value_text: str,
    tested_at: datetime, unit: str | None = None, detail: str | None = None,
) -> None:  # fmt: skip
    """Enter a result as it was reported; a repeat stands beside the first and says why."""
    _add(
        release, _criterion(release, attribute), by, value_text=value_text, unit=unit, tested_at=tested_at,
        detail=detail, reason=reason,
    )  # fmt: skip


@action(
    "release.enter_results",
    role=Role.QC_ANALYST,
    kind="release",
    unless=locked,
    locks=_locks,
    announces={FAILED_LATE: _late},
)
def enter_results(
    release: Release, *, by: Principal, values: Mapping[str, str], tested_at: datetime
) -> None:  # fmt: skip
    """Enter a whole sheet of first results, test by test, as they were reported."""
    known = {result.attribute for result in release.results}
    if again := sorted(known & values.keys()):
        raise invalid(values=[f"There is a result already: {', '.join(again)}. Enter a repeat by itself."])
    faults: dict[str, Any] = {}
    behind: dict[str, Obstacle] = {}
    criteria = _criteria(release)
    for attribute, value_text in values.items():
        try:
            if attribute not in criteria:
                raise invalid(attribute=[NO_SUCH_TEST])
            _add(
                release, criteria[attribute], by, value_text=value_text, unit=None,
                tested_at=tested_at, detail=None, reason=None,
            )  # fmt: skip
        except Invalid as fault:
            if "tested_at" in fault.faults:
                raise
            faults[attribute] = [said for listed in fault.faults.values() for said in listed]
            behind |= {one.code: one for one in fault.obstacles[1:]}
    if faults:
        raise invalid(*behind.values(), **faults)


@action(
    "release.correct_result",
    role=Role.QC_ANALYST,
    kind="release",
    reason=True,
    unless=locked,
    locks=_locks,
    announces={FAILED_LATE: _late},
)
def correct_result(
    release: Release, *, by: Principal, reason: str | None, attribute: str, number: int, value_text: str,
    tested_at: datetime | None = None, unit: str | None = None, detail: str | None = None,
) -> None:  # fmt: skip
    """Put the right value beside a wrong one; the wrong one stays, and a second person reviews anew."""
    one, line = _line(release, attribute, number)
    if not line.standing:
        raise Refused(NOT_STANDING())
    if _is_certified(release, line.result):
        raise Refused(RESULT_LOCKED())
    old = line.result
    _add(
        release, one.criterion, by, value_text=value_text, unit=old.unit if unit is None else unit,
        tested_at=tested_at or old.tested_at, detail=old.detail if detail is None else detail,
        reason=reason, corrects=old,
    )  # fmt: skip


def _is_certified(release: Release, result: Result) -> bool:
    """Whether a certification that stands rests on it."""
    if release.state is State.UNDER_REVIEW or not release.certifications:
        return False
    return result.entered_at <= release.certifications[-1].certified_at


@action("release.review_result", role=(Role.QC_ANALYST, Role.QA), kind="release", unless=locked)
def review_result(
    release: Release, *, by: Principal, attribute: str, number: int, note: str | None = None
) -> None:
    """Say that the result agrees with its raw data; never by whoever entered it."""
    _, line = _line(release, attribute, number)
    if not line.standing:
        raise Refused(NOT_STANDING())
    OWN_RESULT.refuse(by, line.result.entered_by)
    session.add(ResultReview(result=line.result, reviewed_by=by.login, reviewed_at=clock.now(), note=note))


@action("release.review_results", role=(Role.QC_ANALYST, Role.QA), kind="release", unless=locked)
def review_results(
    release: Release, *, by: Principal, attributes: Sequence[str], note: str | None = None
) -> None:  # fmt: skip
    """Say of several results that they agree with their raw data; never by whoever entered them."""
    standing = {
        line.result.attribute: line.result for one in judged([release])[release.id] for line in one.lines
        if line.standing
    }  # fmt: skip
    if missing := [name for name in attributes if name not in standing]:
        raise invalid(attributes=[f"There is no result of: {', '.join(missing)}."])
    OWN_RESULT.refuse(by, [standing[name].entered_by for name in attributes])
    now = clock.now()
    session.add_all(
        ResultReview(result=standing[name], reviewed_by=by.login, reviewed_at=now, note=note)
        for name in dict.fromkeys(attributes)
    )


def what_is_decided(release: Release) -> dict[str, Any]:
    """What quality assurance signs on, beside the decision itself: which batch it is about."""
    return {"release": release.code, "batch": release.batch.code}


@action(
    "release.decide_investigation",
    role=Role.QA,
    kind="release",
    signs="investigation decided",
    content=what_is_decided,
)
def decide_investigation(
    release: Release, *, by: Principal, number: int, finding: Finding, conclusion: str,
    invalid_results: Sequence[int] = (),
) -> None:  # fmt: skip
    """Decide which results of a test are valid; what is invalid stays visible and no longer counts."""
    found = next((one for one in release.investigations if one.number == number), None)
    if found is None:
        raise invalid(number=["There is no such investigation."])
    if found.decided_at is not None:
        raise Refused(DECIDED())
    one = next(each for each in judged([release])[release.id] if each.criterion.attribute == found.attribute)
    OWN_INVESTIGATION.refuse(by, [line.result.entered_by for line in one.lines])
    _must_fit(one, finding, invalid_results)
    now = clock.now()
    found.finding, found.conclusion, found.decided_by, found.decided_at = finding, conclusion, by.login, now
    for line in one.lines:
        if line.result.number in invalid_results:
            session.add(
                ResultInvalidation(
                    result=line.result, investigation=found, invalidated_by=by.login, invalidated_at=now
                )
            )


def _must_fit(one: Judged, finding: Finding, numbers: Sequence[int]) -> None:
    """A finding and the results that it calls invalid say the same."""
    standing = {line.result.number for line in one.standing}
    if not set(numbers) <= standing:
        raise invalid(invalid_results=["Name results of this test that count now."])
    if finding is Finding.LABORATORY_ERROR and not numbers:
        raise invalid(invalid_results=["Name the results that the laboratory's error made invalid."])
    if finding is not Finding.LABORATORY_ERROR and numbers:
        raise invalid(invalid_results=["Only an error of the laboratory makes a result invalid."])
    if finding is Finding.ENTRY_ERROR and not one.changed:
        raise invalid(finding=["No value of this test was corrected: correct it first."])
