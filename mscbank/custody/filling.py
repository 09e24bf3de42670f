"""Filling a batch into vials, and the labels of the vials."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState
from mscbank.coding.errors import CodeError
from mscbank.coding.product import MOST_DIVISION, SEE_DIVISIONS, division, parse_product
from mscbank.collection import rules as collection_rules
from mscbank.collection import warnings
from mscbank.collection.states import AssessmentState
from mscbank.core import acts, messages, parameters
from mscbank.core.access import READ_ONLY, Principal, Role
from mscbank.core.acts import action, shared
from mscbank.core.codes import new_codes
from mscbank.core.db import any_of, session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.custody import ledger
from mscbank.custody.models import Fill, LabelPrint, Vial
from mscbank.custody.words import HolderKind, LabelState, Purpose, Verb

PRODUCT_CODE = parameters.declare(
    "custody.product_code", "D0001",
    meaning="Product description code of the filled vials",
    source="D §5.4: a local D code until the facility has its code from ICCBBA", form="[A-Z][A-Z0-9]{4}",
)  # fmt: skip
MOST_VIALS = 1000
MOST_PRINTS = 28
WRITERS = tuple(role for role in Role if role not in READ_ONLY and role is not Role.ADMIN)

NOT_HARVESTED = Refusal(
    "custody.not_harvested",
    "Vials are filled from a harvested culture; this batch is “%(state)s”.",
    Role.LAB_TECH,
)
NO_MORE_PRINTS = Refusal(
    "custody.no_more_prints", "Vial %(vial)s has had 28 labels: the 29th is refused.", Role.QA
)
UNKNOWN_PRINT = Refusal(
    "custody.unknown_print", "No label %(print)s was ever printed for vial %(vial)s.", Role.QA
)
VOID_LABEL = Refusal(
    "custody.void_label",
    "Label %(print)s of vial %(vial)s is void: a later one was put on."
    " Set the vial aside and call quality assurance.",
    Role.QA,
)
VOID_SCANNED = "custody.void_label"


def not_harvested(batch: Batch, by: Principal) -> Obstacle | None:
    """Vials are filled between the harvest and the closing of the fill."""
    if batch.state is BatchState.HARVESTED:
        return None
    return NOT_HARVESTED(state=type(batch).lives["state"].word(batch.state))


def statements_of(batches: Iterable[Batch]) -> dict[int, warnings.Statements]:
    """The statements that the labels of each batch carry because of its donor (D §3.5)."""
    assessments = {batch.id: batch.donation.assessment for batch in batches}
    known = collection_rules.known(list({a.id: a for a in assessments.values()}.values()))
    declared = (AssessmentState.INELIGIBLE, AssessmentState.PERMITTED_DIRECTED)
    return {
        batch_id: warnings.statements(known[a.id].judgement, declared_ineligible=a.state in declared)
        for batch_id, a in assessments.items()
    }


def end_of(day: date, zone: str) -> datetime:
    """The first instant after a civil day in a zone."""
    return datetime.combine(day + timedelta(days=1), time.min, ZoneInfo(zone)).astimezone(UTC)


@action(
    "custody.fill", role=Role.LAB_TECH, kind="batch", unless=not_harvested, signs=("filled", "checked"),
    by_badge=True, locks=lambda batch, **_: [batch.donation, *shared(batch.donation.assessment)],
)  # fmt: skip
def fill(
    batch: Batch, *, by: Principal, vials: int, tnc: int, viability_percent: Decimal, volume_ml: Decimal,
    dmso_percent: Decimal, expires_on: date,
) -> list[Vial]:  # fmt: skip
    """Fill vials of equal content; a second person counts with you."""
    at = acts.current().time
    product = _product(batch)
    first_number, first_division = _next(batch, product)
    _judge_fill(batch, at, vials, expires_on, first_division)
    checker = acts.current().signers["checked"]
    counted = session.scalar(select(func.max(Fill.number)).where(Fill.batch_id == batch.id)) or 0
    filling = Fill(
        batch=batch, number=counted + 1, vials=vials, filled_at=at, filled_by=by.login, checked_by=checker
    )
    made = [
        Vial(
            code=code, site=batch.site, batch=batch, fill=filling, number=first_number + n,
            din=batch.donation.din, product_code=product[0], collection_type=product[1],
            division=division(first_division + n), tnc=tnc,
            viability_percent_at_fill=viability_percent, volume_ml=volume_ml, dmso_percent=dmso_percent,
            filled_at=at, expires_on=expires_on, expires_at=end_of(expires_on, batch.zone),
            holder_kind=HolderKind.PERSON, holder_code=by.login,
        )
        for n, code in enumerate(new_codes("vial", vials))
    ]  # fmt: skip
    session.add_all(made)
    session.flush()
    ledger.begin(made, by=by, second=checker, at=at)
    return made


def _product(batch: Batch) -> tuple[str, str]:
    """Product description code and collection type: 4 designated, 6 where the label carries a warning."""
    description = str(parameters.value(PRODUCT_CODE))
    kind = warnings.collection_type(statements_of([batch])[batch.id])
    try:
        parse_product(description + kind + SEE_DIVISIONS)
    except CodeError as error:
        raise invalid(product_code=[str(error)]) from None
    return description, kind


def _next(batch: Batch, product: tuple[str, str]) -> tuple[int, int]:
    """The next number in the batch, and the next division of its donation and product."""
    number = session.scalar(select(func.max(Vial.number)).where(Vial.batch_id == batch.id)) or 0
    last = session.scalar(
        select(func.max(Vial.division)).where(Vial.din == batch.donation.din, Vial.product_code == product[0])
    )
    return number + 1, int(last or 0) + 1


def _judge_fill(batch: Batch, at: datetime, vials: int, expires_on: date, first_division: int) -> None:
    if batch.harvested_at is not None and at < batch.harvested_at:
        raise invalid(happened_at=["The culture was closed after this time."])
    if end_of(expires_on, batch.zone) <= at + timedelta(days=1):
        raise invalid(expires_on=["The expiry lies before or on the day of filling."])
    if not 1 <= vials <= MOST_VIALS or first_division + vials - 1 > MOST_DIVISION:
        raise invalid(vials=[f"Fill between 1 and {MOST_VIALS} vials at once."])


def prints_of(vials: Iterable[Vial]) -> dict[int, list[LabelPrint]]:
    """Every print of each vial, in order."""
    found: dict[int, list[LabelPrint]] = defaultdict(list)
    wanted = any_of(LabelPrint.vial_id, [vial.id for vial in vials])
    for row in session.scalars(select(LabelPrint).where(wanted).order_by(LabelPrint.print_number)):
        found[row.vial_id].append(row)
    return found


@action(
    "custody.print_labels",
    role=(Role.LAB_TECH, Role.QA),
    kind="batch",
    locks=lambda batch, *, vials=None, purpose=Purpose.VIAL: vials or unlabelled(batch, purpose),
)
def print_labels(
    batch: Batch,
    *,
    by: Principal,
    reason: str | None,
    vials: list[Vial] | None = None,
    purpose: Purpose = Purpose.VIAL,
) -> list[LabelPrint]:
    """Print a label for each vial named, or for all that have none yet; a reprint says why."""
    vials = vials or unlabelled(batch, purpose)
    if stray := [vial.called for vial in vials if vial.batch_id != batch.id]:
        raise invalid(vials=[f"Not of this batch: {', '.join(stray)}."])
    if not vials:
        raise invalid(vials=["Every vial has its label. Name those that need another one."])
    earlier = prints_of(vials)
    again = [vial for vial in vials if any(p.purpose is purpose for p in earlier[vial.id])]
    if again and not acts.reasoned(reason):
        raise invalid(reason=[f"Say why the label is printed again: {', '.join(v.called for v in again)}."])
    made = []
    for vial in vials:
        number = len(earlier[vial.id]) + 1
        if number > MOST_PRINTS:
            raise Refused(NO_MORE_PRINTS(vial=vial.called))
        made.append(
            LabelPrint(
                vial=vial, print_number=number, purpose=purpose, reason=reason if vial in again else None,
                printed_by=by.login, printed_at=acts.current().time,
            )
        )  # fmt: skip
    session.add_all(made)
    return made


def unlabelled(batch: Batch, purpose: Purpose) -> list[Vial]:
    """The vials of a batch that are not gone and for which no label of this purpose was ever printed."""
    printed = (
        select(LabelPrint.id).where(LabelPrint.vial_id == Vial.id, LabelPrint.purpose == purpose).exists()
    )
    wanted = select(Vial).where(Vial.batch_id == batch.id, ~Vial.is_gone, ~printed).order_by(Vial.number)
    return list(session.scalars(wanted))


@action("vial.confirm_label", role=WRITERS)
def confirm_label(vial: Vial, *, by: Principal, print_number: int) -> None:
    """Say that this print is on the vial: earlier prints for the same purpose become void."""
    prints = prints_of([vial])[vial.id]
    found = next((p for p in prints if p.print_number == print_number), None)
    if found is None:
        raise Refused(UNKNOWN_PRINT(print=print_number, vial=vial.called))
    if found.state is LabelState.VOID:
        raise Refused(VOID_LABEL(print=print_number, vial=vial.called))
    now = acts.current().time
    if found.applied_at is None:
        found.applied_by, found.applied_at = by.login, now
    for other in prints:
        if other.purpose is found.purpose and other.print_number < print_number and other.voided_at is None:
            other.voided_by, other.voided_at = by.login, now


@action("vial.report_void_label", role=WRITERS)
def report_void_label(vial: Vial, *, by: Principal, print_number: int) -> None:
    """A void label was scanned: keep it in the ledger and tell quality assurance."""
    ledger.enter(vial, Verb.VOID_LABEL, by=by, detail=str(print_number))
    messages.message(VOID_SCANNED, vial, print=print_number)


def label_obstacle(vial: Vial, print_number: int) -> Obstacle | None:
    """What is wrong with a printed label: void, or never printed."""
    found = next((p for p in prints_of([vial])[vial.id] if p.print_number == print_number), None)
    if found is None:
        return UNKNOWN_PRINT(print=print_number, vial=vial.called)
    return VOID_LABEL(print=print_number, vial=vial.called) if found.state is LabelState.VOID else None


def what_is_labelled(vials: list[Vial], purpose: Purpose) -> list[tuple[Vial, LabelPrint]]:
    """The last valid print of each vial for a purpose."""
    prints = prints_of(vials)
    found: list[tuple[Vial, Any]] = []
    for vial in vials:
        valid = [p for p in prints[vial.id] if p.purpose is purpose and p.state is not LabelState.VOID]
        found += [(vial, valid[-1])] if valid else []
    return found
