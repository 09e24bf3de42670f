"""A batch that was released is stopped, and let go again: one cause, one hold, each lifted with its cause.

Whatever speaks against a released batch stops it in the act in which it becomes known; before the release
the same things block certification by themselves (D §4.2, §4.8).
"""

from typing import Any

from sqlalchemy import select

from mscbank.batch.models import Batch
from mscbank.core import acts, clock, links, messages
from mscbank.core.access import Principal
from mscbank.core.acts import does
from mscbank.core.db import Thing, any_of, session
from mscbank.core.messages import Touched
from mscbank.custody import actions as custody
from mscbank.custody.words import Cause as HoldCause
from mscbank.deviation.actions import CLASSIFIED, OPENED
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import BLOCKING, Severity
from mscbank.family.models import Recipient
from mscbank.release.facts import dossiers
from mscbank.release.judged import signed_results
from mscbank.release.models import Cause, Release, Suspension
from mscbank.release.states import LIFE, USABLE, State

BATCH = "batch"


def open_causes(release: Release) -> list[Suspension]:
    """The causes that keep the batch suspended."""
    return [one for one in release.suspensions if one.lifted_at is None]


def _record(release: Release, cause: Cause, reason: str, by: Principal, source: Thing | None) -> None:
    """One cause: a hold on the whole batch and the row that remembers it; the same source holds it once."""
    source = source or release
    if any((one.cause, one.hold.source_code) == (cause, source.code) for one in open_causes(release)):
        return
    hold = custody.hold_batch(release.batch, by=by, reason=reason, cause=HoldCause.SUSPENSION, source=source)
    session.add(
        Suspension(
            release=release, number=len(release.suspensions) + 1, cause=cause, reason=reason, hold=hold,
            placed_by=by.login, placed_at=clock.now(),
        )
    )  # fmt: skip
    session.flush()


@does(LIFE, "suspend", reason=True, locks=lambda release, **_: [release.batch])
def suspend(
    release: Release,
    *,
    by: Principal,
    reason: str,
    cause: Cause = Cause.DECISION,
    source: Thing | None = None,
) -> None:
    """Stop the batch at once: every vial is on hold until the cause is settled."""
    before = release.state
    _record(release, cause, reason, by, source)
    release.suspended_from = before
    acts.current().lead(release, State.SUSPENDED)


def add_cause(
    release: Release, cause: Cause, reason: str, by: Principal, source: Thing | None = None
) -> None:
    """Stop a released batch for this cause too; before the release the cause blocks by itself."""
    if release.state in USABLE:
        suspend(release, by=by, reason=reason, cause=cause, source=source)
    elif release.state is State.SUSPENDED:
        _record(release, cause, reason, by, source)


def lift_causes(release: Release, by: Principal, reason: str) -> None:
    """Lift every open cause with its hold; holds of other steps stay."""
    for one in open_causes(release):
        custody.lift_batch_hold(release.batch, by=by, reason=reason, number=one.hold.number)
        one.lifted_by, one.lifted_at = by.login, clock.now()
    session.flush()


def leave(release: Release, state: State) -> None:
    """Go on from suspended, or from anywhere else, to a state."""
    release.suspended_from = None
    acts.current().lead(release, state)


def what_is_lifted(release: Release) -> dict[str, Any]:
    """What is signed when a suspension is lifted: its causes and the results as they stand."""
    return {
        "release": release.code,
        "batch": release.batch.code,
        "causes": [[one.number, one.cause, one.reason] for one in release.suspensions],
        "results": signed_results(release),
    }


@does(LIFE, "lift", reason=True, locks=lambda release, **_: [release.batch], content=what_is_lifted)
def lift(release: Release, *, by: Principal, reason: str) -> None:
    """Let the batch go back to what it was before, because nothing speaks against it any more."""
    before = release.suspended_from
    if before is None:
        raise LookupError("a suspension without the state before it")
    lift_causes(release, by, reason)
    leave(release, before)


# --- consequences --------------------------------------------------------------------------------


def of_batches(batches: list[Any]) -> list[Release]:
    """The releases of these batches."""
    ids = [batch.id for batch in batches]
    return list(session.scalars(select(Release).where(any_of(Release.batch_id, ids)).order_by(Release.id)))


def _by_links(touched: Touched) -> list[Any]:
    batches = links.reach_things(touched, BATCH)
    return [*batches, *of_batches(batches)]


def concerned(touched: Touched) -> list[Any]:
    """The batches that things lead to, and those that are meant for a recipient."""
    found = {batch.id: batch for batch in links.reach_things(touched, BATCH)}
    codes = [code for kind, code in touched if kind == "recipient"]
    meant = select(Batch).join(Recipient, Recipient.id == Batch.directed_to_id)
    found |= {batch.id: batch for batch in session.scalars(meant.where(any_of(Recipient.code, codes)))}
    return [batch for _, batch in sorted(found.items())]


def _by_news(touched: Touched) -> list[Any]:
    batches = concerned(touched)
    return [*batches, *of_batches(batches)]


def on_deviation(*, touched: Touched, severity: Severity | None, deviation: str, **_payload: Any) -> None:
    """A major or critical deviation that touches a released batch suspends it in the same act."""
    if severity not in BLOCKING:
        return
    source = session.scalar(select(Deviation).where(Deviation.code == deviation))
    for release in of_batches(links.reach_things(touched, BATCH)):
        add_cause(
            release, Cause.DEVIATION, f"{severity} deviation {deviation}", acts.current().by, source=source
        )


def on_withdrawal(*, touched: Touched, **_payload: Any) -> None:
    """A consent that is withdrawn stops what no longer has the consents that it needs (D §3.6)."""
    releases = of_batches(concerned(touched))
    known = dossiers(releases)
    for release in releases:
        for missing in known[release.id].consents[:1]:
            add_cause(release, Cause.CONSENT, str(missing.sentence), acts.current().by)


def on_unacceptable(*, touched: Touched, **_payload: Any) -> None:
    """A donation that may no longer be used stops what was made from it."""
    for release in of_batches(concerned(touched)):
        add_cause(release, Cause.DETERMINATION, "the donation may no longer be used", acts.current().by)


def on_rejected_lot(*, touched: Touched, lot: str, **_payload: Any) -> None:
    """A material that is rejected after its use stops what holds it."""
    for release in of_batches(concerned(touched)):
        add_cause(release, Cause.MATERIAL, f"material lot {lot} was rejected", acts.current().by)


def on_refuted(*, touched: Touched, **_payload: Any) -> None:
    """A kinship that is refuted stops what was made from this donor for this recipient."""
    for release in of_batches(concerned(touched)):
        batch = release.batch
        pair = {("donor", batch.donation.donor.code), ("recipient", batch.directed_to.code)}
        if pair <= set(touched):
            add_cause(release, Cause.KINSHIP, "the family link was refuted", acts.current().by)


for announced in (OPENED, CLASSIFIED):
    messages.consequence(announced, locks=_by_links)(on_deviation)
for announced, does_then in (
    ("consent.withdrawn", on_withdrawal),
    ("donation.unacceptable", on_unacceptable),
    ("material_lot.rejected", on_rejected_lot),
    ("family_link.refuted", on_refuted),
):
    messages.consequence(announced, locks=_by_news)(does_then)
