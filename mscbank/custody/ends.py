"""The ways out, planned and unplanned: tested, retained, destroyed, broken, lost, and found again."""

from datetime import datetime
from typing import Any

from mscbank.core import acts, clock, messages
from mscbank.core.access import Principal
from mscbank.core.acts import does, shared
from mscbank.core.errors import invalid
from mscbank.core.messages import Touched
from mscbank.custody import holding, ledger
from mscbank.custody.ledger import GONE, With
from mscbank.custody.models import Vial
from mscbank.custody.states import CONDITION, Condition
from mscbank.custody.words import Cause, HolderKind, Verb
from mscbank.deviation import actions as deviations
from mscbank.deviation.severity import Severity

VIAL_GONE = messages.announcement(
    "vial.gone", "Vials are no more, whatever they were kept for; touched are the vials."
)
AS_HAPPENED = messages.announcement(
    "vial.as_happened",
    "Something happened to a vial past a gate; touched is the vial, condition what became of it.",
)


def itself(vial: Vial, **_inputs: Any) -> Touched:
    """A vial as an announcement names it."""
    return [(vial.kind, vial.code)]


def _with_batch(vial: Vial, **_inputs: Any) -> list[Any]:
    return shared(vial.batch)


def _with_deviation(vial: Vial, **_inputs: Any) -> list[Any]:
    return deviations.opening_locks([vial])


def _leave(vial: Vial, verb: Verb, condition: Condition, by: Principal, **more: Any) -> None:
    vial.ended_at = more.get("at") or acts.current().time
    ledger.enter(
        vial, verb, by=by, to=GONE, condition=condition, reservation=ledger.ended(vial), **more
    )  # fmt: skip
    messages.announce(VIAL_GONE, touched=itself(vial), condition=condition)


@does(
    CONDITION,
    "take_for_qc",
    by_badge=True,
    content=ledger.what_is_signed,
    locks=_with_batch,
    announces={VIAL_GONE: itself},
)
def take_for_qc(vial: Vial, *, by: Principal, purpose: str) -> None:
    """Use a vial up for tests; released stock only through quality assurance."""
    _leave(
        vial,
        Verb.TAKE_FOR_QC,
        Condition.QC_USED,
        by,
        second=acts.current().signers["witnessed"],
        detail=purpose,
    )


@does(CONDITION, "retain", by_badge=True, reason=True, content=ledger.what_is_signed, locks=_with_batch)
def retain(vial: Vial, *, by: Principal) -> None:
    """Keep a vial as retention sample; it stays where it is and is never used for a patient."""
    vial.ended_at = acts.current().time
    ledger.enter(
        vial, Verb.RETAIN, by=by, condition=Condition.RETAINED, second=acts.current().signers["witnessed"]
    )


@does(
    CONDITION,
    "destroy",
    by_badge=True,
    reason=True,
    content=ledger.what_is_signed,
    locks=_with_batch,
    announces={VIAL_GONE: itself},
)
def destroy(vial: Vial, *, by: Principal, method: str, waste_id: str) -> None:
    """Destroy a vial before a witness; even one on hold may be destroyed."""
    second = acts.current().signers.get("witnessed")
    _leave(vial, Verb.DESTROY, Condition.DESTROYED, by, second=second, detail=f"{method}; waste {waste_id}")


def _deviation(
    vial: Vial, by: Principal, severity: Severity, title: str, what: str, at: datetime, done: str
) -> str:
    opened = deviations.open_classified(
        by=by, subjects=[vial], severity=severity, title=title, description=what, occurred_at=at,
        immediate_action=done,
    )  # fmt: skip
    return str(opened.code)


@does(CONDITION, "report_broken", reason=True, locks=_with_deviation, announces={VIAL_GONE: itself})
def report_broken(vial: Vial, *, by: Principal, reason: str, immediate_action: str) -> None:
    """Report a broken vial; a minor deviation is opened with it, which quality assurance may raise."""
    at = acts.current().time
    code = _deviation(vial, by, Severity.MINOR, f"Vial {vial.called} broken", reason, at, immediate_action)
    _leave(vial, Verb.BREAK, Condition.BROKEN, by, detail=code)


@does(CONDITION, "report_lost", reason=True, locks=_with_deviation, announces={VIAL_GONE: itself})
def report_lost(vial: Vial, *, by: Principal, reason: str, immediate_action: str) -> None:
    """Report a lost vial; a minor deviation is opened with it, which quality assurance may raise."""
    at = acts.current().time
    code = _deviation(vial, by, Severity.MINOR, f"Vial {vial.called} lost", reason, at, immediate_action)
    _leave(vial, Verb.LOSE, Condition.LOST, by, detail=code)


@does(CONDITION, "report_found", reason=True, locks=_with_batch)
def report_found(vial: Vial, *, by: Principal, reason: str, is_cold: bool) -> None:
    """A lost vial is found again: it is with you, on hold, and was cold all the time or counts as thawed."""
    now = acts.current().time
    if not is_cold:
        vial.thawed_at = now
    vial.ended_at = None
    ledger.enter(
        vial, Verb.FIND, by=by, to=With(HolderKind.PERSON, by.login),
        condition=Condition.FROZEN if is_cold else Condition.THAWED,
    )  # fmt: skip
    holding.hold(vial, by=by, reason=reason, cause=Cause.FOUND)


@does(
    CONDITION, "record_as_happened", by_badge=True, reason=True, locks=_with_deviation,
    content=ledger.what_is_signed,
    announces={VIAL_GONE: itself, AS_HAPPENED: itself},
)  # fmt: skip
def record_as_happened(
    vial: Vial, *, by: Principal, reason: str, became: Condition, occurred_at: datetime, source_document: str,
    gate: str,
) -> None:  # fmt: skip
    """Record what has happened to a vial all the same, past the gate that should have stopped it."""
    if became not in (Condition.THAWED, Condition.INFUSED, Condition.DESTROYED):
        raise invalid(became=["Say whether it was thawed, infused or destroyed."])
    if became is vial.condition:
        raise invalid(became=["The bank knows this already."])
    if not vial.filled_at <= occurred_at <= clock.now():
        raise invalid(occurred_at=["Between the filling and now."])
    act = acts.current()
    second = act.signers["witnessed too"]
    act.note(gate_passed=gate, source_document=source_document, witnesses=sorted(act.signers.values()))
    vial.as_happened = True
    detail = f"{source_document}; gate: {gate}"
    if became is Condition.THAWED:
        vial.thawed_at = occurred_at
        to = None if vial.position is None else With(HolderKind.PERSON, by.login)
        ledger.enter(
            vial,
            Verb.AS_HAPPENED,
            by=by,
            to=to,
            condition=became,
            second=second,
            detail=detail,
            at=occurred_at,
        )
    else:
        _leave(vial, Verb.AS_HAPPENED, became, by, second=second, detail=detail, at=occurred_at)
    _deviation(
        vial, by, Severity.CRITICAL, f"Vial {vial.called} {became}, past the gate: {gate}"[:200], reason,
        occurred_at, f"Recorded with two witnesses from {source_document}",
    )  # fmt: skip
    messages.announce(AS_HAPPENED, touched=itself(vial), condition=became, gate=gate)
