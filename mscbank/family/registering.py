"""Donors and recipients enter the bank: every identifying value is sealed on its way in (invariant 24)."""

from datetime import date
from typing import Any

from sqlalchemy import select

from mscbank.core import clock, parameters, sealed
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, reasoned
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Refusal, Refused, invalid, unique_means
from mscbank.core.instance import instance
from mscbank.core.types import Envelope
from mscbank.family.ages import whole_years
from mscbank.family.models import Donor, Person, Recipient
from mscbank.family.words import Sex

REGISTRARS = (Role.COLLECTION, Role.INVESTIGATOR, Role.TREATING_PHYSICIAN, Role.MEDICAL_DIRECTOR)
WARDS = (*REGISTRARS, Role.NURSE, Role.PRESCRIBER)

DONOR_AGE = parameters.declare(
    "family.donor_age_min", 18, unit="years", meaning="youngest age of a donor", source="PD-04"
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
WRISTBAND_TAKEN = Refusal("family.wristband_taken", "This wristband belongs to another recipient.")

unique_means("uq_recipient_wristband_blind", "recipient", ("wristband_blind",), WRISTBAND_TAKEN)


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
    is_another: bool, site: str | None, **more: Any,
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
    session.add(made)
    return made


@action("donor.register", role=REGISTRARS, creates="donor")
def register_donor(
    *, by: Principal, family_name: str, given_name: str, born_on: date, sex: Sex,
    is_under_protection: bool = False, is_another: bool = False, site: str | None = None,
) -> Donor:  # fmt: skip
    """Register an adult relative who may give marrow."""
    require_adult(_born(born_on), today())
    made: Donor = _register(
        Donor, by=by, family_name=family_name, given_name=given_name, born_on=born_on, sex=sex,
        is_another=is_another, site=site, is_under_protection=is_under_protection,
    )  # fmt: skip
    return made


@action("recipient.register", role=REGISTRARS, creates="recipient")
def register_recipient(
    *, by: Principal, family_name: str, given_name: str, born_on: date, sex: Sex,
    wristband: str | None = None, is_another: bool = False, site: str | None = None,
) -> Recipient:  # fmt: skip
    """Register somebody for whom a relative's cells may be made."""
    made: Recipient = _register(
        Recipient, by=by, family_name=family_name, given_name=given_name, born_on=_born(born_on), sex=sex,
        is_another=is_another, site=site,
    )  # fmt: skip
    if wristband:
        _put_on(made, wristband)
    return made


def _put_on(recipient: Recipient, wristband: str) -> None:
    if not any(c.isalnum() for c in wristband):
        raise invalid(wristband=["Scan the wristband again."])
    recipient.wristband = sealed.seal((recipient.kind, recipient.code), "wristband", wristband)
    recipient.wristband_blind = sealed.blind("wristband", wristband)


@action("recipient.wristband", role=WARDS, kind="recipient")
def assign_wristband(recipient: Recipient, *, wristband: str, reason: str | None) -> None:
    """Put on a wristband, or another one with the reason for it."""
    if recipient.wristband is not None and not reasoned(reason):
        raise invalid(reason=["Say why the wristband changes, in at least 5 characters."])
    _put_on(recipient, wristband)


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


@action("donor.correct", role=REGISTRARS, kind="donor", reason=True)
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


@action("recipient.correct", role=REGISTRARS, kind="recipient", reason=True)
def correct_recipient(
    recipient: Recipient, *, family_name: str | None = None, given_name: str | None = None,
    born_on: date | None = None, sex: Sex | None = None,
) -> None:  # fmt: skip
    """Correct what was entered about a recipient; the old values stay in the record, sealed."""
    _correct(recipient, family_name, given_name, born_on, sex)


def birth_of(*people: Person) -> dict[str, date]:
    """Code → birth date, opened inside the act for a rule and shown to nobody."""
    wanted: list[Wanted] = [((p.kind, p.code), "born_on", p.born_on) for p in people]
    opened = sealed.open_for_rule(wanted)
    return {code: date.fromisoformat(text) for ((_kind, code), _field), text in opened.items() if text}
