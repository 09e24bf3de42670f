"""Releases for tests, walked there by the actions that people use."""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from sqlalchemy import select

from mscbank.batch import actions as batches
from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState
from mscbank.core import clock
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.custody import actions as custody
from mscbank.custody.models import Vial
from mscbank.custody.words import Level
from mscbank.release import actions
from mscbank.release.judged import Judged, judged
from mscbank.release.models import Release
from mscbank.release.states import State
from mscbank.release.trail import state_of
from mscbank.study.limits import Operator
from tests import make_batch
from tests.make_family import Family
from tests.people import ANA, BRUNO, INES, MARTA, PIETER, QUITERIA, TOMAS, sign

VALUES = {"viability_post_thaw": "88", "tnc_recovery": "92", "viable_recovery": "81", "passage": "2"}
_numbers = count(1)

WHY = "The recipient's disease progresses fast; a delay of four weeks endangers the heart."
EVALUATION = "The product is out of specification; the risk is small against that of waiting."


def frozen(family: Family | None = None, *, vials: int = 4, labelled: bool = True) -> Batch:
    """A batch filled, labelled, put away and closed."""
    made = make_batch.batch(BatchState.HARVESTED, family, lots=(make_batch.lot(),))
    sign(
        custody.fill, made, BRUNO, TOMAS, vials=vials, tnc=20_000_000, viability_percent=Decimal("95.00"),
        volume_ml=Decimal("5.000"), dmso_percent=Decimal("10.00"), expires_on=date(2036, 12, 31),
    )  # fmt: skip
    filled = vials_of(made)
    if labelled:
        custody.print_labels(made, by=BRUNO, vials=filled)
    room = custody.create_place(by=BRUNO, level=Level.ROOM, name=f"Room {next(_numbers)}")
    tank = custody.create_place(by=BRUNO, level=Level.TANK, name="Tank 1", parent=room)
    box = custody.create_box(by=BRUNO, parent=tank, name="Box 1")
    custody.put_away_all(box, by=BRUNO, vials=filled)
    batches.cryopreserve(made, by=BRUNO)
    return made


def vials_of(batch: Batch) -> list[Vial]:
    """The vials of a batch, by number."""
    session.expire_all()
    return list(session.scalars(select(Vial).where(Vial.batch_id == batch.id).order_by(Vial.number)))


def opened(batch: Batch | None = None, by: Principal = ANA) -> Release:
    """A release under review, of a frozen batch."""
    return actions.open_review(by=by, batch=batch or frozen())


def passing(one: Judged) -> str:
    """A value that keeps the limit of a criterion."""
    criterion = one.criterion
    if criterion.attribute in VALUES:
        return VALUES[criterion.attribute]
    if criterion.operator is Operator.EQUALS:
        return criterion.expected_text or ""
    if criterion.operator is Operator.REPORT:
        return "12"
    if criterion.low is not None and criterion.high is not None:
        return f"{((criterion.low + criterion.high) / 2).normalize():f}"
    limit = criterion.low if criterion.low is not None else criterion.high
    return f"{limit.normalize():f}"


def enter(
    release: Release, attribute: str, value_text: str, by: Principal = INES, *, reason: str | None = None,
    review: Principal | None = PIETER, **more: Any,
) -> None:  # fmt: skip
    """One result, reviewed by another unless told otherwise."""
    more.setdefault("tested_at", clock.now() - timedelta(hours=1))
    actions.enter_result(release, by=by, reason=reason, attribute=attribute, value_text=value_text, **more)
    if review is not None:
        number = max(r.number for r in results(release, attribute))
        actions.review_result(release, by=review, attribute=attribute, number=number)


def results(release: Release, attribute: str) -> list[Any]:
    """The results of one test, oldest first."""
    session.expire_all()
    return [r for r in release.results if r.attribute == attribute]


def fill_in(release: Release, *, without: Iterable[str] = (), **values: str) -> Release:
    """A passing, reviewed result for every test; ``without`` leaves some out, ``values`` says others."""
    left_out = set(without)
    sheet = {
        one.criterion.attribute: values.get(one.criterion.attribute) or passing(one)
        for one in judged([release])[release.id]
        if one.criterion.attribute not in left_out and not one.lines
    }
    if sheet:
        actions.enter_results(release, by=INES, values=sheet, tested_at=clock.now() - timedelta(minutes=1))
        actions.review_results(release, by=PIETER, attributes=list(sheet))
    return release


def read_trail(release: Release, by: Principal = ANA, **more: Any) -> Release:
    """The audit trail of the batch reviewed as it stands."""
    more.setdefault("seen", state_of(release))
    more.setdefault("comment", "what is picked out was compared with the raw data")
    return sign(actions.review_trail, release, by, **more)


def certify(release: Release, by: Principal = QUITERIA) -> Release:
    """Certified, after its audit trail was reviewed."""
    read_trail(release)
    return sign(actions.certify, release, by)


def two_steps(release: Release) -> Release:
    """The release in two steps, prepared and acknowledged."""
    actions.prepare_two_step(release, by=QUITERIA, justification=WHY, surrogates=["gram"])
    sign(actions.acknowledge_two_step, release, MARTA)
    return release


def release(
    state: State = State.RELEASED, *, batch: Batch | None = None, without: Iterable[str] = (), **values: str
) -> Release:
    """A release in a state, reached by the acts that lead there."""
    if state is State.CONDITIONALLY_RELEASED and not without:
        without = ("sterility_final",)
    made = fill_in(opened(batch), without=without, **values)
    if state is State.UNDER_REVIEW:
        return made
    if state is State.REJECTED:
        return sign(actions.reject, made, QUITERIA, reason="the batch is not wanted")
    if without:
        two_steps(made)
    sign(actions.check, made, ANA)
    if state is State.CHECKED:
        return made
    certify(made)
    if state is State.CERTIFIED:
        return made
    if state is State.CONDITIONALLY_RELEASED:
        return sign(actions.release_conditionally, made, QUITERIA)
    sign(actions.release_batch, made, QUITERIA)
    if state is State.SUSPENDED:
        actions.suspend(made, by=ANA, reason="a doubt about the label")
    return made
