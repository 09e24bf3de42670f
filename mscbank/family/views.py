"""What families tell other pages, the trace and the worklists. Never a name."""

from collections import Counter
from typing import Any

from flask import url_for
from sqlalchemy import select
from sqlalchemy.orm import selectinload

from mscbank.core import links
from mscbank.core.access import Principal, Role
from mscbank.core.db import any_of, session
from mscbank.core.i18n import Sentence, _
from mscbank.core.links import Fact, Panel, Task
from mscbank.family import kinship, rules
from mscbank.family.enrolling import inclusion_checks
from mscbank.family.models import Consent, Donor, Enrolment, FamilyLink, Recipient
from mscbank.family.states import (
    CONSENT_LIFE,
    LINK_LIFE,
    RECIPIENT_LIFE,
    ConsentState,
    LinkState,
    RecipientState,
)
from mscbank.family.words import ITEM_WORDS, SEX_WORDS
from mscbank.study.models import Protocol

MOST_TASKS = 50

links.edge(
    "donor",
    "family_link",
    select(Donor.code, FamilyLink.code).join(FamilyLink, FamilyLink.donor_id == Donor.id),
    "is related by",
)
links.edge(
    "family_link",
    "recipient",
    select(FamilyLink.code, Recipient.code).join(Recipient, Recipient.id == FamilyLink.recipient_id),
    "relates to",
)
links.edge(
    "donor",
    "consent",
    select(Donor.code, Consent.code).join(Consent, Consent.donor_id == Donor.id),
    "gave",
)
links.edge(
    "recipient",
    "consent",
    select(Recipient.code, Consent.code).join(Consent, Consent.recipient_id == Recipient.id),
    "gave",
)


def relation(link: FamilyLink) -> Sentence:
    """What the donor is to the recipient, in one word: sister."""
    return kinship.called(link.relation, link.donor.sex)


def degree_words(degree: int) -> Sentence:
    """A degree of blood relation in words."""
    return _("degree %(degree)s", degree=degree) if degree else _("not by blood")


@links.describes("donor")
def describe_donors(codes: list[str]) -> list[Fact]:
    """Donors for the trace, by code."""
    return [
        Fact("donor", d.code, d.code, str(SEX_WORDS[d.sex]), {})
        for d in session.scalars(select(Donor).where(any_of(Donor.code, codes)))
    ]


@links.describes("recipient")
def describe_recipients(codes: list[str]) -> list[Fact]:
    """Recipients for the trace, by study number."""
    people = session.scalars(
        select(Recipient)
        .where(any_of(Recipient.code, codes))
        .options(selectinload(Recipient.enrolments).joinedload(Enrolment.dose_level))
    )
    return [
        Fact(
            "recipient",
            person.code,
            person.called,
            RECIPIENT_LIFE.word(person.state),
            {"enrolled": one.enrolled_on, "level": one.level} if (one := person.enrolment) else {},
        )
        for person in people
    ]


@links.describes("family_link")
def describe_links(codes: list[str]) -> list[Fact]:
    """Family links for the trace."""
    return [
        Fact(
            "family_link",
            link.code,
            str(relation(link)),
            LINK_LIFE.word(link.state),
            {"degree": link.degree, "verified": link.verified_at},
        )
        for link in session.scalars(select(FamilyLink).where(any_of(FamilyLink.code, codes)))
    ]


@links.describes("consent")
def describe_consents(codes: list[str]) -> list[Fact]:
    """Consents for the trace."""
    return [
        Fact(
            "consent",
            c.code,
            c.form_version,
            CONSENT_LIFE.word(c.state),
            {"given": c.given_on, "withdrawn": c.withdrawn_on},
        )
        for c in session.scalars(select(Consent).where(any_of(Consent.code, codes)))
    ]


def covers(consent: Consent) -> str:
    """What a consent covers, in words."""
    return ", ".join(str(ITEM_WORDS[item]) for item in consent.items)


@links.panel("protocol")
def places_of(protocol: Protocol, by: Principal) -> Panel | None:
    """Who holds which place of which level, and who gave one back."""
    rows = session.execute(
        select(Enrolment, Recipient)
        .join(Recipient, Recipient.id == Enrolment.recipient_id)
        .where(Enrolment.protocol_id == protocol.id)
        .order_by(Enrolment.number)
    ).all()
    if not rows:
        return None
    lines = [
        {
            "number": enrolment.study_number,
            "code": recipient.code,
            "level": enrolment.dose_level.number,
            "place": enrolment.place if enrolment.freed_at is None else None,
            "enrolled_on": enrolment.enrolled_on,
            "sign": RECIPIENT_LIFE.sign(recipient.state),
            "state": RECIPIENT_LIFE.word(recipient.state),
        }
        for enrolment, recipient in rows
        if by.sees(recipient.site)
    ]
    held = Counter(e.dose_level_id for e, _recipient in rows if e.freed_at is None)
    levels = [(level.number, held[level.id], level.places) for level in protocol.levels]
    return Panel(_("Enrolled"), "family/places.html", {"rows": lines, "levels": levels})


@links.worklist
def waiting(by: Principal) -> list[Task]:
    """Links to verify, people to examine and to enrol, people who are enrolled without a consent."""
    return [*_to_verify(by), *_to_enrol(by), *_without_consent(by)]


def _to_verify(by: Principal) -> list[Task]:
    if by.holds(LINK_LIFE["verify"].roles) is None:
        return []
    found = session.scalars(
        select(FamilyLink)
        .where(FamilyLink.state == LinkState.CLAIMED, FamilyLink.claimed_by != by.login)
        .order_by(FamilyLink.id)
        .limit(MOST_TASKS)
    )
    return [
        Task(
            step="family",
            title=_("Verify a family link"),
            detail=f"{relation(link)} · {link.donor.code} → {link.recipient.called}",
            url=url_for("family_links.show", code=link.code),
            button=_("Look at it"),
            thing=("family_link", link.code),
        )
        for link in found
        if by.sees(link.site)
    ]


def _to_enrol(by: Principal) -> list[Task]:
    if by.holds(Role.INVESTIGATOR) is None:
        return []
    found = session.scalars(
        select(Recipient)
        .where(Recipient.state == RecipientState.REGISTERED)
        .order_by(Recipient.id)
        .limit(MOST_TASKS)
    )
    listed = [person for person in found if by.sees(person.site)]
    made = inclusion_checks(listed) if listed else {}
    return [_next_step(person, made.get(person.id)) for person in listed]


def _next_step(person: Recipient, made: list[Any] | None) -> Task:
    open_ = [str(check.label) for check in made or [] if not check.passed]
    title = _("Examine for inclusion") if made is None or open_ else _("Enrol")
    detail = ", ".join(open_) if open_ else str(SEX_WORDS[person.sex])
    return Task(
        step="family",
        title=title,
        detail=f"{person.code} · {detail}",
        url=url_for("recipients.show", code=person.code),
        button=_("Open"),
        thing=("recipient", person.code),
    )


def _without_consent(by: Principal) -> list[Task]:
    if by.holds((Role.INVESTIGATOR, Role.MEDICAL_DIRECTOR)) is None:
        return []
    withdrawn = select(Consent.recipient_id).where(
        Consent.state == ConsentState.WITHDRAWN, Consent.recipient_id.is_not(None)
    )
    found = session.scalars(
        select(Recipient).where(Recipient.state == RecipientState.ENROLLED, Recipient.id.in_(withdrawn))
    ).all()
    covered = rules.recipient_consents([person.id for person in found])
    return [
        Task(
            step="family",
            title=_("%(who)s is enrolled without a consent in force", who=person.called),
            detail=person.code,
            url=url_for("recipients.show", code=person.code),
            button=_("Open"),
            sign=("triangle", "wait"),
            thing=("recipient", person.code),
        )
        for person in found
        if person.id not in covered and by.sees(person.site)
    ]
