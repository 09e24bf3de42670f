"""Examination, enrolment with number, level and place, and leaving the study (D §1.2, §1.3)."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import func, select

from mscbank.core import clock, messages, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, current, does, shared
from mscbank.core.db import any_of, session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid, unique_means
from mscbank.family import eligibility, places, registry, rules
from mscbank.family.ages import whole_years
from mscbank.family.eligibility import Bounds, Check, Organ, Screened
from mscbank.family.models import Enrolment, Recipient, Screening
from mscbank.family.places import Given, Level
from mscbank.family.registering import birth_of, today
from mscbank.family.standing import RecipientFacts
from mscbank.family.states import RECIPIENT_LIFE, RecipientState
from mscbank.family.words import PriorTherapy, Subset
from mscbank.study.models import DoseLevel, Protocol
from mscbank.study.states import ProtocolState

CLASSIFICATION = parameters.declare(
    "family.classification_score_min", 9, unit="points",
    meaning="Least score of the 2013 ACR/EULAR classification of systemic sclerosis", source="D §1.2",
    most=100,
)  # fmt: skip

LEFT = messages.announcement(
    "recipient.left", "A recipient is no longer in the study; touched is the recipient."
)

PROTOCOL_NOT_OPEN = Refusal(
    "family.protocol_not_open", "Protocol %(protocol)s is not open for enrolment.", Role.MEDICAL_DIRECTOR
)
PROTOCOL_PAUSED = Refusal(
    "family.protocol_paused", "Enrolment in %(protocol)s is paused: %(why)s", Role.SAFETY_REVIEWER
)
PLACE_TAKEN = Refusal(
    "family.place_taken", "Somebody else was enrolled at this moment. Nothing was done: enrol again."
)
GONE = Refusal("family.not_registered", "Only somebody who is registered and not enrolled yet is examined.")
NO_CONSENT = Refusal(
    "family.consent_first",
    "No consent of this recipient was in force on that day: consent comes before any trial procedure.",
    (Role.INVESTIGATOR, Role.COLLECTION),
)

unique_means("uq_enrolment_protocol_id_number", "enrolment", ("protocol_id", "number"), PLACE_TAKEN)
unique_means("uq_enrolment_place", "enrolment", ("dose_level_id", "place"), PLACE_TAKEN)


def bounds_of(protocol: Protocol) -> Bounds:
    """The limits by which inclusion in a protocol is judged."""
    return Bounds(
        protocol.age_min, protocol.age_max, protocol.skin_score_min, parameters.value(CLASSIFICATION)
    )


def screened(screening: Screening, consented_on: date | None) -> Screened:
    """An examination as the checks judge it."""
    severe = {
        Organ.LUNG: screening.is_lung_severe,
        Organ.HEART: screening.is_heart_severe,
        Organ.KIDNEY: screening.is_kidney_severe,
    }
    return Screened(
        screened_on=screening.screened_on,
        age_years=screening.age_years,
        classification_score=screening.classification_score,
        subset=screening.subset,
        skin_score=screening.skin_score,
        organs=frozenset(organ for organ, is_severe in severe.items() if is_severe),
        prior_therapy=screening.prior_therapy,
        prior_reason=screening.prior_reason,
        has_severe_comorbidity=screening.has_severe_comorbidity,
        comorbidity=screening.comorbidity,
        consented_on=consented_on,
    )


def latest_screenings(recipient_ids: Sequence[int]) -> dict[int, Screening]:
    """Recipient id → the last examination."""
    last = (
        select(Screening.recipient_id, func.max(Screening.number).label("number"))
        .where(any_of(Screening.recipient_id, recipient_ids))
        .group_by(Screening.recipient_id)
        .subquery()
    )
    rows = session.scalars(
        select(Screening).join(
            last, (Screening.recipient_id == last.c.recipient_id) & (Screening.number == last.c.number)
        )
    )
    return {row.recipient_id: row for row in rows}


def inclusion_checks(recipients: Sequence[Recipient]) -> dict[int, list[Check]]:
    """Recipient id → every check of the last examination, judged as things stand now."""
    ids = [recipient.id for recipient in recipients]
    found = latest_screenings(ids)
    consents = rules.recipient_consents(ids)
    bounds = {one.protocol_id: bounds_of(one.protocol) for one in found.values()}
    return {
        one.recipient_id: eligibility.checks(
            screened(one, min((c.given_on for c in consents.get(one.recipient_id, ())), default=None)),
            bounds[one.protocol_id],
        )
        for one in found.values()
    }


def levels_of(protocol: Protocol) -> list[Level]:
    """The dose levels of a protocol as the places rule sees them."""
    return [Level(one.number, one.places, one.opened_at is not None) for one in protocol.levels]


def taken_places(protocol_ids: Sequence[int]) -> dict[int, list[Given]]:
    """Protocol id → the places that are held now."""
    rows = session.execute(
        select(Enrolment.protocol_id, DoseLevel.number, Enrolment.place)
        .join(DoseLevel, DoseLevel.id == Enrolment.dose_level_id)
        .where(any_of(Enrolment.protocol_id, protocol_ids), Enrolment.freed_at.is_(None))
    )
    found: dict[int, list[Given]] = defaultdict(list)
    for protocol_id, level, place in rows:
        found[protocol_id].append(Given(level, place))
    return found


def _facts(recipients: list[Recipient]) -> dict[int, RecipientFacts]:
    waiting = [one for one in recipients if one.state is RecipientState.REGISTERED]
    found = latest_screenings([one.id for one in waiting])
    made = inclusion_checks(waiting)
    taken = taken_places(sorted({one.protocol_id for one in found.values()}))
    infused = registry.infused([one.id for one in recipients if one.state is RecipientState.ENROLLED])
    return {
        one.id: RecipientFacts(
            _why_not(found.get(one.id), made.get(one.id, []), taken) if one in waiting else None,
            one.id in infused,
        )
        for one in recipients
    }


def _why_not(
    screening: Screening | None, made: list[Check], taken: dict[int, list[Given]]
) -> Obstacle | None:
    if screening is None:
        return eligibility.NOT_SCREENED()
    protocol = screening.protocol
    if protocol.state is not ProtocolState.OPEN:
        return PROTOCOL_NOT_OPEN(protocol=protocol.called)
    if protocol.paused_at is not None:
        return PROTOCOL_PAUSED(protocol=protocol.called, why=protocol.paused_why)
    if found := eligibility.obstacle(made):
        return found
    given = places.give(levels_of(protocol), taken.get(protocol.id, []))
    return given if isinstance(given, Obstacle) else None


RECIPIENT_LIFE.facts = _facts


def _not_here(recipient: Recipient, by: Principal) -> Obstacle | None:
    return None if recipient.state is RecipientState.REGISTERED else GONE()


@action(
    "recipient.screen",
    role=Role.INVESTIGATOR,
    kind="recipient",
    unless=_not_here,
    locks=lambda recipient, *, protocol, **_: shared(protocol),
)
def screen(
    recipient: Recipient, *, by: Principal, protocol: Protocol, screened_on: date, classification_score: int,
    subset: Subset, skin_score: int, prior_therapy: PriorTherapy, prior_reason: str = "",
    organs: Sequence[Organ] = (), has_severe_comorbidity: bool = False, comorbidity: str | None = None,
) -> None:  # fmt: skip
    """Enter what the examination for inclusion found; a later examination stands beside it."""
    if screened_on > today():
        raise invalid(screened_on=["This lies in the future."])
    if has_severe_comorbidity and not comorbidity:
        raise invalid(comorbidity=["Name the severe comorbidity."])
    consents = rules.recipient_consents([recipient.id]).get(recipient.id, [])
    consent = next((one for one in consents if one.given_on <= screened_on), None)
    if consent is None:
        raise Refused(NO_CONSENT())
    number = max((one.number for one in recipient.screenings), default=0) + 1
    row = Screening(
        protocol=protocol, consent=consent, number=number, screened_on=screened_on, screened_by=by.login,
        age_years=whole_years(birth_of(recipient)[recipient.code], consent.given_on),
        classification_score=classification_score, subset=subset, skin_score=skin_score,
        is_lung_severe=Organ.LUNG in organs, is_heart_severe=Organ.HEART in organs,
        is_kidney_severe=Organ.KIDNEY in organs, prior_therapy=prior_therapy, prior_reason=prior_reason,
        has_severe_comorbidity=has_severe_comorbidity, comorbidity=comorbidity,
    )  # fmt: skip
    recipient.screenings.append(row)


def _study(recipient: Recipient, **_inputs: Any) -> list[Protocol]:
    return [one.protocol for one in latest_screenings([recipient.id]).values()]


@does(RECIPIENT_LIFE, "enrol", locks=_study)
def enrol(recipient: Recipient, *, by: Principal, enrolled_on: date | None = None) -> None:
    """Enrol: the next number, and the lowest free place at the lowest open dose level."""
    screening = latest_screenings([recipient.id])[recipient.id]
    protocol = screening.protocol
    on = enrolled_on or clock.today(protocol.infusion_zone)
    if not screening.screened_on <= on <= clock.today(protocol.infusion_zone):
        raise invalid(enrolled_on=["Enrolment comes after the examination, and not in the future."])
    given = places.give(levels_of(protocol), taken_places([protocol.id]).get(protocol.id, []))
    if isinstance(given, Obstacle):
        raise Refused(given)
    numbers = session.scalars(select(Enrolment.number).where(Enrolment.protocol_id == protocol.id))
    recipient.enrolments.append(
        Enrolment(
            protocol=protocol, screening=screening, dose_level=protocol.level(given.level),
            number=places.next_number(numbers), place=given.place, enrolled_on=on, enrolled_by=by.login,
        )
    )  # fmt: skip


def _leave(recipient: Recipient, state: RecipientState, on: date | None, why: str) -> None:
    day = on or today()
    enrolment = recipient.enrolment
    if day > today() or (enrolment is not None and day < enrolment.enrolled_on):
        raise invalid(left_on=["It lies after the enrolment, and not in the future."])
    if enrolment is not None and recipient.id not in registry.infused([recipient.id]):
        enrolment.freed_at, enrolment.freed_why = clock.now(), why
    recipient.left_on, recipient.left_why = day, why
    current().lead(recipient, state)
    freed = enrolment is not None and enrolment.freed_at is not None
    messages.announce(LEFT, touched=_self(recipient), state=state, freed=freed)


def _self(recipient: Recipient, **_inputs: Any) -> messages.Touched:
    return [("recipient", recipient.code)]


def _protocol(recipient: Recipient, **_inputs: Any) -> list[Protocol]:
    return [enrolment.protocol for enrolment in recipient.enrolments]


@does(RECIPIENT_LIFE, "withdraw", reason=True, locks=_protocol, announces={LEFT: _self})
def withdraw(recipient: Recipient, *, reason: str, left_on: date | None = None) -> None:
    """The recipient leaves the study by their own decision; before infusion the place is free again."""
    _leave(recipient, RecipientState.WITHDRAWN, left_on, reason)


@does(RECIPIENT_LIFE, "die", reason=True, locks=_protocol, announces={LEFT: _self})
def die(recipient: Recipient, *, reason: str, left_on: date | None = None) -> None:
    """Record the death of a recipient."""
    _leave(recipient, RecipientState.DIED, left_on, reason)


@does(RECIPIENT_LIFE, "exclude", reason=True, locks=_protocol, announces={LEFT: _self})
def exclude(recipient: Recipient, *, reason: str, left_on: date | None = None) -> None:
    """Take a recipient out of the study; before infusion the place is free again."""
    _leave(recipient, RecipientState.EXCLUDED, left_on, reason)


@does(RECIPIENT_LIFE, "lose", reason=True, locks=_protocol, announces={LEFT: _self})
def lose(recipient: Recipient, *, reason: str, left_on: date | None = None) -> None:
    """Record that nobody can reach the recipient any more."""
    _leave(recipient, RecipientState.LOST, left_on, reason)


@does(RECIPIENT_LIFE, "complete", reason=True, locks=_protocol, announces={LEFT: _self})
def complete(recipient: Recipient, *, reason: str, left_on: date | None = None) -> None:
    """The follow-up is complete."""
    _leave(recipient, RecipientState.COMPLETED, left_on, reason)
