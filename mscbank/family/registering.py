"""Donors and recipients enter the bank: every identifying value is sealed on its way in (invariant 24)."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import select

from mscbank.core import clock, masters, parameters, sealed
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, reasoned, shared
from mscbank.core.checks import Fault, check
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid
from mscbank.core.instance import instance
from mscbank.core.types import Envelope
from mscbank.family import identifiers
from mscbank.family.ages import whole_years
from mscbank.family.models import Donor, Person, Recipient
from mscbank.family.words import Sex

REGISTRARS = (Role.COLLECTION, Role.INVESTIGATOR, Role.TREATING_PHYSICIAN, Role.MEDICAL_DIRECTOR)
WARDS = (*REGISTRARS, Role.NURSE, Role.PRESCRIBER)

DONOR_AGE = parameters.declare(
    "family.donor_age_min",
    18,
    unit="years",
    meaning="Youngest age of a donor",
    source="PD-04",
    least=18,
    most=100,
)
OLDEST = 120

Wanted = tuple[tuple[str, str], str, Envelope | None]

TOO_YOUNG = Refusal(
    "family.donor_too_young", "A donor is an adult: at least %(least)s years old.", Role.MEDICAL_DIRECTOR
)
KNOWN = Refusal(
    "family.already_registered",
    "Somebody with this name and birth date is registered as %(code)s. If it is another person, say so.",
    REGISTRARS,
)
GONE = Refusal("family.anonymised", "This person is anonymised: who it was is not known any more.")


def gone() -> Obstacle:
    """That this person is anonymised."""
    return GONE()


def is_gone(person: Person, by: Principal) -> Obstacle | None:
    """Nothing is entered about somebody who is anonymised."""
    return GONE() if person.anonymised_at is not None else None


def _master(**_inputs: Any) -> list[Any]:
    """The master key that wraps the new person's key: it does not change meanwhile."""
    return shared(masters.in_force())


def today() -> date:
    """The civil date at this installation."""
    return clock.today(instance().zone)


def _born(born_on: date) -> date:
    if born_on > today():
        raise invalid(born_on=["This lies in the future."])
    if whole_years(born_on, today()) > OLDEST:
        raise invalid(born_on=["Nobody is that old: look at the year again."])
    return born_on


def require_adult(born_on: date, on: date) -> None:
    """Refuse a donor who is under age on that day (PD-04)."""
    least = parameters.value(DONOR_AGE)
    if whole_years(born_on, on) < least:
        raise Refused(TOO_YOUNG(least=least))


def _blinds(family_name: str, given_name: str, born_on: date) -> dict[str, str]:
    return {
        "name_blind": sealed.blind("name", f"{family_name} {given_name}"),
        "family_blind": sealed.blind("family_name", family_name),
        "birth_blind": sealed.blind("born_on", born_on.isoformat()),
    }


def _refuse_known(model: type[Person], blinds: dict[str, str], *, apart_from: int | None = None) -> None:
    known = session.scalar(
        select(model.code).where(
            model.name_blind == blinds["name_blind"],
            model.birth_blind == blinds["birth_blind"],
            model.id != (apart_from or 0),
        )
    )
    if known is not None:
        raise Refused(KNOWN(code=known))


def _register(
    model: type[Person], *, by: Principal, family_name: str, given_name: str, born_on: date, sex: Sex,
    is_another: bool, site: str | None, hospital_number: str | None, **more: Any,
) -> Any:  # fmt: skip
    blinds = _blinds(family_name, given_name, born_on)
    if not is_another:
        _refuse_known(model, blinds)
    person = (model.kind, new_code(model.kind))
    sealed.make_key(person)
    made = model(
        code=person[1], site=site, sex=sex, registered_by=by.login,
        family_name=sealed.seal(person, "family_name", family_name),
        given_name=sealed.seal(person, "given_name", given_name),
        born_on=sealed.seal(person, "born_on", born_on.isoformat()), **blinds, **more,
    )  # fmt: skip
    if hospital_number:
        identifiers.assign(made, identifiers.NUMBER, hospital_number)
    session.add(made)
    return made


@action("donor.register", role=REGISTRARS, creates="donor", locks=_master)
def register_donor(
    *, by: Principal, family_name: str, given_name: str, born_on: date, sex: Sex,
    is_under_protection: bool = False, is_another: bool = False, site: str | None = None,
    hospital_number: str | None = None,
) -> Donor:  # fmt: skip
    """Register an adult relative who may give marrow."""
    require_adult(_born(born_on), today())
    made: Donor = _register(
        Donor, by=by, family_name=family_name, given_name=given_name, born_on=born_on, sex=sex,
        is_another=is_another, site=site, hospital_number=hospital_number,
        is_under_protection=is_under_protection,
    )  # fmt: skip
    return made


@action("recipient.register", role=REGISTRARS, creates="recipient", locks=_master)
def register_recipient(
    *, by: Principal, family_name: str, given_name: str, born_on: date, sex: Sex,
    wristband: str | None = None, is_another: bool = False, site: str | None = None,
    hospital_number: str | None = None,
) -> Recipient:  # fmt: skip
    """Register somebody for whom a relative's cells may be made."""
    made: Recipient = _register(
        Recipient, by=by, family_name=family_name, given_name=given_name, born_on=_born(born_on), sex=sex,
        is_another=is_another, site=site, hospital_number=hospital_number,
    )  # fmt: skip
    if wristband:
        identifiers.assign(made, identifiers.WRISTBAND, wristband)
    return made


@action("recipient.wristband", role=WARDS, kind="recipient", unless=is_gone)
def assign_wristband(recipient: Recipient, *, wristband: str, reason: str | None) -> None:
    """Put on a wristband, or another one with the reason for it."""
    if recipient.wristband is not None and not reasoned(reason):
        raise invalid(reason=["Say why the wristband changes, in at least 5 characters."])
    identifiers.assign(recipient, identifiers.WRISTBAND, wristband)


def _number(person: Person, hospital_number: str, reason: str | None) -> None:
    if person.hospital_number is not None and not reasoned(reason):
        raise invalid(reason=["Say why the hospital number changes, in at least 5 characters."])
    identifiers.assign(person, identifiers.NUMBER, hospital_number)


@action("donor.number", role=REGISTRARS, kind="donor", unless=is_gone)
def number_donor(donor: Donor, *, hospital_number: str, reason: str | None) -> None:
    """Enter the hospital number of a donor, or another one with the reason for it."""
    _number(donor, hospital_number, reason)


@action("recipient.number", role=REGISTRARS, kind="recipient", unless=is_gone)
def number_recipient(recipient: Recipient, *, hospital_number: str, reason: str | None) -> None:
    """Enter the hospital number of a recipient, or another one with the reason for it."""
    _number(recipient, hospital_number, reason)


def _correct(
    person: Person, family_name: str | None, given_name: str | None, born_on: date | None, sex: Sex | None
) -> date:
    key = (person.kind, person.code)
    fields = ("family_name", "given_name", "born_on")
    held = sealed.open_for_rule([(key, field, getattr(person, field)) for field in fields])
    wanted = {
        "family_name": family_name or held[(key, "family_name")] or "",
        "given_name": given_name or held[(key, "given_name")] or "",
        "born_on": _born(born_on).isoformat() if born_on else held[(key, "born_on")] or "",
    }
    for field, text in wanted.items():
        if text != held[(key, field)]:
            setattr(person, field, sealed.seal(key, field, text))
    born = date.fromisoformat(wanted["born_on"])
    blinds = _blinds(wanted["family_name"], wanted["given_name"], born)
    _refuse_known(type(person), blinds, apart_from=person.id)
    for column, blind in blinds.items():
        setattr(person, column, blind)
    person.sex = sex or person.sex
    return born


@action("donor.correct", role=REGISTRARS, kind="donor", reason=True, unless=is_gone)
def correct_donor(
    donor: Donor, *, family_name: str | None = None, given_name: str | None = None,
    born_on: date | None = None, sex: Sex | None = None,
) -> None:  # fmt: skip
    """Correct what was entered about a donor; the old values stay in the record, sealed."""
    require_adult(_correct(donor, family_name, given_name, born_on, sex), today())


@action("donor.protection", role=REGISTRARS, kind="donor", reason=True)
def set_protection(donor: Donor, *, is_under_protection: bool) -> None:
    """Say whether the donor is under legal protection, and so may not give."""
    donor.is_under_protection = is_under_protection


@action("recipient.correct", role=REGISTRARS, kind="recipient", reason=True, unless=is_gone)
def correct_recipient(
    recipient: Recipient, *, family_name: str | None = None, given_name: str | None = None,
    born_on: date | None = None, sex: Sex | None = None,
) -> None:  # fmt: skip
    """Correct what was entered about a recipient; the old values stay in the record, sealed."""
    _correct(recipient, family_name, given_name, born_on, sex)


@check("family.found_by_name")
def found_by_name() -> Iterator[Fault]:
    """Every person is found by the name, birth date and numbers that are sealed; nothing is shown."""
    for model in (Donor, Recipient):
        for person in session.scalars(select(model).where(model.anonymised_at.is_(None)).order_by(model.id)):
            if not _is_found(person):
                yield person.kind, person.code, "is not found by what is sealed"


def _is_found(person: Person) -> bool:
    key = (person.kind, person.code)
    fields = ("family_name", "given_name", "born_on", identifiers.NUMBER, identifiers.WRISTBAND)
    sealed_fields: list[Wanted] = [(key, field, getattr(person, field, None)) for field in fields]
    opened = {field: text for (_key, field), text in sealed.open_for_check(sealed_fields).items()}
    family, given, born = (opened[field] for field in fields[:3])
    if family is None or given is None or born is None:
        return False
    wanted = _blinds(family, given, date.fromisoformat(born))
    for field in (identifiers.NUMBER, identifiers.WRISTBAND):
        text = opened[field]
        if getattr(person, field, None) is not None:
            wanted[f"{field}_blind"] = identifiers.blind_at(person.site, field, text or "")
    return all(getattr(person, column) == blind for column, blind in wanted.items())


def birth_of(*people: Person) -> dict[str, date]:
    """Code → birth date, opened inside the act for a rule and shown to nobody."""
    wanted: list[Wanted] = [((p.kind, p.code), "born_on", p.born_on) for p in people]
    opened = sealed.open_for_rule(wanted)
    return {code: date.fromisoformat(text) for ((_kind, code), _field), text in opened.items() if text}
