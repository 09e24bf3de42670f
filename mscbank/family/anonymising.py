"""Anonymising: a person's key is destroyed once nothing asks for the name any more; the record stays whole.

What is kept, and how long: the data that trace cells from donor to recipient, who they are included, for 30
years after the last use or expiry (Directive 2004/23/EC art. 8(4), 2006/86/EC art. 9(2), Regulation (EC)
1394/2007 art. 15(4)); the file of the trial for 25 years (Regulation (EU) 536/2014 art. 58). Until then the
right to erasure does not apply (GDPR art. 17(3)(b) and (c)).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from mscbank.core import access, acts, attachments, clock, links, messages, parameters, sealed
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action
from mscbank.core.db import fold_log
from mscbank.core.errors import Obstacle, Refusal, Refused
from mscbank.family import registry
from mscbank.family.models import Donor, Person, Recipient
from mscbank.family.registering import gone, today
from mscbank.family.states import LEFT, ConsentState

TRACE_YEARS = parameters.declare(
    "family.trace_years", 30, unit="years",
    meaning="So long who gave and who received stays known after the last use",
    source="2004/23/EC art. 8(4); 2006/86/EC art. 9(2)", least=30, most=200,
)  # fmt: skip
TRIAL_YEARS = parameters.declare(
    "family.trial_years", 25, unit="years",
    meaning="So long who took part stays known after leaving the trial",
    source="Regulation (EU) 536/2014 art. 58", least=25, most=200,
)  # fmt: skip

DESTROYED = "identity.destroyed"
DECIDES = Role.RESPONSIBLE_PERSON
SECOND = (Role.MEDICAL_DIRECTOR, Role.QA)
MEANINGS = ("identity destroyed for good", "identity destroyed for good, second person")

STILL_HERE = Refusal(
    "family.still_in_study",
    "This person is still in the study. Withdrawal, death or the end of the follow-up comes first.",
    (Role.INVESTIGATOR, Role.MEDICAL_DIRECTOR),
)
CONSENTS = Refusal(
    "family.still_consents",
    "A consent of this donor is in force. Its withdrawal is recorded first.",
    (Role.COLLECTION, Role.MEDICAL_DIRECTOR),
)
KEPT = Refusal(
    "family.identity_is_kept",
    "Who this is has to stay known until %(until)s: 30 years of traceability, 25 years of the trial's file.",
)
NOT_QUALIFIED = Refusal(
    "family.second_not_qualified", "The second signature is of a medical director or of quality assurance."
)


@dataclass(frozen=True)
class Standing:
    """What the decision to anonymise is judged by."""

    is_gone: bool
    is_in_study: bool
    consents_unused: bool
    """A donor whose consent is in force and who has not given yet."""
    last_use: date | None
    """The last day on which cells of, or for, this person were used or can be."""
    left_trial_on: date | None


def kept_until(standing: Standing, trace_years: int, trial_years: int) -> date | None:
    """The day until which the identity has to be kept; nothing when no rule asks for it."""
    ends = [
        years_later(day, years)
        for day, years in ((standing.last_use, trace_years), (standing.left_trial_on, trial_years))
        if day is not None
    ]
    return max(ends, default=None)


def years_later(day: date, years: int) -> date:
    """The same day some years later; the 29th of February becomes the 1st of March."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return date(day.year + years, 3, 1)


def obstacle(standing: Standing, on: date, trace_years: int, trial_years: int) -> Obstacle | None:
    """Why somebody may not be anonymised on a day."""
    if standing.is_gone:
        return gone()
    if standing.is_in_study:
        return STILL_HERE()
    if standing.consents_unused:
        return CONSENTS()
    until = kept_until(standing, trace_years, trial_years)
    return KEPT(until=until.isoformat()) if until is not None and on <= until else None


def standing_of(person: Person) -> Standing:
    """How a person stands, as things are now."""
    last_use = registry.last_use(person.kind, [person.code]).get(person.code)
    if isinstance(person, Recipient):
        return Standing(
            is_gone=person.anonymised_at is not None, is_in_study=person.state not in LEFT,
            consents_unused=False, last_use=last_use,
            left_trial_on=person.left_on if person.enrolments else None,
        )  # fmt: skip
    in_force = isinstance(person, Donor) and any(
        consent.state is ConsentState.IN_FORCE for consent in person.consents
    )
    return Standing(
        is_gone=person.anonymised_at is not None, is_in_study=False,
        consents_unused=in_force and last_use is None, last_use=last_use, left_trial_on=None,
    )  # fmt: skip


def stands_in_the_way(person: Person, by: Principal) -> Obstacle | None:
    """Why this person may not be anonymised today."""
    years = parameters.values([TRACE_YEARS, TRIAL_YEARS])
    return obstacle(standing_of(person), today(), years[TRACE_YEARS], years[TRIAL_YEARS])


def _files(person: Person) -> list[attachments.AttachmentKey]:
    """The keys of what may show the person: files on it, and on the prescriptions for it."""
    prescriptions = links.reach_each(person.kind, [person.code], "allocation").get(person.code, [])
    about = {("allocation", code) for code in prescriptions} if person.kind == "recipient" else set()
    return attachments.keys_on({(person.kind, person.code)} | about)


def _keys(person: Person) -> Iterable[Any]:
    return [*sealed.keys_of([(person.kind, person.code)]), *_files(person)]


def _who(person: Person) -> dict[str, Any]:
    return {"kind": person.kind, "code": person.code}


def _anonymise(person: Person) -> None:
    second = access.load(acts.current().signers[MEANINGS[1]])
    if second is None or second.holds(SECOND, person.site) is None:
        raise Refused(NOT_QUALIFIED())
    sealed.destroy_key((person.kind, person.code))
    for key in _files(person):
        key.destroy(clock.now())
    for column in ("name_blind", "family_blind", "birth_blind"):
        setattr(person, column, sealed.nobody())
    for column in ("wristband_blind", "hospital_number_blind"):
        if getattr(person, column, None) is not None:
            setattr(person, column, sealed.nobody())
    person.anonymised_at = clock.now()
    messages.message(DESTROYED, person)


@messages.delivery(DESTROYED)
def empty_the_log(_name: str, _about: tuple[str, str], _payload: Mapping[str, Any]) -> None:
    """Let no older page of the database keep the key: tried again until no reader holds the log."""
    if not fold_log():
        raise RuntimeError("readers hold the log of the database")


@action(
    "donor.anonymise", role=DECIDES, kind="donor", reason=True, locks=_keys, unless=stands_in_the_way,
    signs=MEANINGS, content=_who,
)  # fmt: skip
def anonymise_donor(donor: Donor) -> None:
    """Destroy the key of a donor's identity, for good, when nothing asks any more who it was."""
    _anonymise(donor)


@action(
    "recipient.anonymise", role=DECIDES, kind="recipient", reason=True, locks=_keys,
    unless=stands_in_the_way, signs=MEANINGS, content=_who,
)  # fmt: skip
def anonymise_recipient(recipient: Recipient) -> None:
    """Destroy the key of a recipient's identity, for good, when nothing asks any more who it was."""
    _anonymise(recipient)
