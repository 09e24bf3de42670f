"""Families for people. Names are shown to those who need them, and each reading is recorded."""

from collections.abc import Callable
from typing import Any

from flask import render_template, request, url_for

from mscbank.core import codes, sealed
from mscbank.core.access import Principal
from mscbank.core.errors import Invalid
from mscbank.core.i18n import Sentence, _
from mscbank.core.web.api import load
from mscbank.core.web.filters import day, local, person
from mscbank.core.web.forms import form_fields, typed_input
from mscbank.core.web.here import actor
from mscbank.core.web.pages import Pages
from mscbank.family import actions, identifiers, rules
from mscbank.family.consenting import RECORDERS
from mscbank.family.enrolling import inclusion_checks
from mscbank.family.kinship import DOUBT_WORDS
from mscbank.family.models import Consent, Donor, FamilyLink, Person, Recipient
from mscbank.family.purposes import purpose_of
from mscbank.family.relating import CLAIMANTS, doubts_of
from mscbank.family.schemas import (
    ClaimSchema,
    ConfirmSchema,
    CorrectSchema,
    DonorConsentSchema,
    EnrolSchema,
    FindPersonSchema,
    LeaveSchema,
    NumberSchema,
    ProtectionSchema,
    RecipientConsentSchema,
    RegisterDonorSchema,
    RegisterRecipientSchema,
    ScreenSchema,
    VerifySchema,
    WithdrawConsentSchema,
    WristbandSchema,
)
from mscbank.family.states import CONSENT_LIFE, LINK_LIFE, RECIPIENT_LIFE
from mscbank.family.views import covers, degree_words, relation
from mscbank.family.words import SEX_WORDS, ZYGOSITY_WORDS
from mscbank.study.views import open_protocols

Fact = tuple[Any, Any]


def _identity(person: Person, by: Principal) -> list[Fact]:
    """Name and birth date for who may see them; the reading is recorded before they are opened."""
    facts: list[Fact] = [(_("Sex"), SEX_WORDS[person.sex])]
    if person.anonymised_at is not None:
        return [(_("Name"), _("anonymised, %(when)s", when=local(person.anonymised_at))), *facts]
    if not sealed.opens_to(by, [(person.kind, person.code)]):
        return [(_("Name"), _("sealed: unseal it with a reason")), *facts] if by.unseals else facts
    purpose = purpose_of(person, by, "page of the person")
    found = rules.identities([person], by=by, purpose=purpose)[person.code]
    name = f"{(found['family_name'] or '').upper()} {found['given_name']}"
    number = [(_("Hospital number"), found["hospital_number"])] if found["hospital_number"] else []
    return [(_("Name"), name), (_("Born"), day(found["born_on"])), *number, *facts]


def _links(links: list[FamilyLink]) -> list[dict[str, Any]]:
    return [
        {
            "relation": relation(link),
            "degree": degree_words(link.degree),
            "donor": link.donor.code,
            "recipient": link.recipient.called,
            "sign": LINK_LIFE.sign(link.state),
            "state": LINK_LIFE.word(link.state),
            "url": link_pages.url(link),
        }
        for link in links
    ]


def _consents(consents: list[Consent]) -> list[dict[str, Any]]:
    return [
        {
            "form": consent.form_version,
            "given_on": consent.given_on,
            "names": consent.names_recipient.called if consent.names_recipient else None,
            "sign": CONSENT_LIFE.sign(consent.state),
            "state": CONSENT_LIFE.word(consent.state),
            "url": consent_pages.url(consent),
        }
        for consent in consents
    ]


def _offers(person: Person, by: Principal) -> list[tuple[Sentence, str]]:
    """The forms that begin at this person: a consent, a family link."""
    here: Any = {person.kind: person.code}
    found = []
    if by.holds(RECORDERS, person.site):
        found.append((_("Record a consent"), url_for(f"consents.form_{person.kind}", **here)))
    if by.holds(CLAIMANTS, person.site):
        found.append((_("Enter a family link"), url_for("family_links.form_new", **here)))
    return found


def _donor(donor: Donor, by: Principal) -> dict[str, Any]:
    facts = _identity(donor, by)
    if donor.is_under_protection:
        facts.append((_("Legal protection"), _("yes: may not give")))
    return {
        "facts": facts,
        "links": _links(donor.links),
        "consents": _consents(donor.consents),
        "offers": _offers(donor, by),
    }


def _recipient(recipient: Recipient, by: Principal) -> dict[str, Any]:
    facts = _identity(recipient, by)
    facts.append((_("Wristband"), _("assigned") if recipient.wristband_blind else _("none yet")))
    enrolment = recipient.enrolment
    if enrolment is not None:
        level = _("level %(level)s, place %(place)s", level=enrolment.level, place=enrolment.place)
        facts += [
            (_("Protocol"), enrolment.protocol.called),
            (_("Study number"), enrolment.study_number),
            (_("Dose level"), level if enrolment.freed_at is None else _("place given back")),
            (_("Enrolled"), day(enrolment.enrolled_on)),
        ]
    if recipient.left_on:
        facts += [(_("Left on"), day(recipient.left_on)), (_("Why"), recipient.left_why)]
    return {
        "facts": facts,
        "links": _links(recipient.links),
        "consents": _consents(recipient.consents),
        "offers": _offers(recipient, by),
        "checks": inclusion_checks([recipient]).get(recipient.id, []),
    }


def _finding(recipient: Recipient) -> str:
    return (
        str(_("Patient %(number)s", number=recipient.study_number))
        if recipient.study_number
        else recipient.code
    )


def _link(link: FamilyLink, by: Principal) -> dict[str, Any]:
    facts: list[Fact] = [
        (_("Donor"), link.donor.code),
        (_("Recipient"), link.recipient.called),
        (_("Degree"), degree_words(link.degree)),
        (_("Entered by"), person(link.claimed_by)),
    ]
    if link.zygosity:
        facts.append((_("Twins"), ZYGOSITY_WORDS[link.zygosity]))
    if link.verified_at:
        facts.append((_("Verified"), f"{local(link.verified_at)}, {person(link.verified_by)}"))
    if link.confirmed_by:
        facts.append((_("Vouched for by"), person(link.confirmed_by)))
    texts = [
        (_("Evidence"), link.evidence),
        (_("Seen by the second person"), link.verified_evidence),
        (_("Why it is right all the same"), link.confirmed_why),
    ]
    return {
        "facts": facts,
        "doubts": [DOUBT_WORDS[doubt] for doubt in doubts_of(link)],
        "texts": [pair for pair in texts if pair[1]],
        "people": [donor_pages.url(link.donor), recipient_pages.url(link.recipient)],
    }


def _consent(consent: Consent, by: Principal) -> dict[str, Any]:
    facts: list[Fact] = [
        (_("Given by"), consent.person.called),
        (_("Form"), consent.form_version),
        (_("Signed on"), day(consent.given_on)),
        (_("Expressed before"), consent.authority),
        (_("Covers"), covers(consent)),
        (_("Recorded by"), person(consent.recorded_by)),
    ]
    if consent.names_recipient:
        facts.insert(1, (_("For"), consent.names_recipient.called))
    if consent.withdrawn_on:
        facts.append((_("Withdrawn on"), day(consent.withdrawn_on)))
    return {"facts": facts}


def _protocols(_thing: Any) -> list[tuple[str, str]]:
    return [(protocol.code, protocol.called) for protocol in open_protocols()]


donor_pages = Pages("family", Donor, path="donors", title=_("Donors"))
donor_pages.lists(
    columns=[
        (_("Donor"), lambda d: d.code),
        (_("Sex"), lambda d: SEX_WORDS[d.sex]),
        (_("Gives for"), lambda d: ", ".join(link.recipient.called for link in d.links) or "–"),
        (_("Consents"), lambda d: len(d.consents)),
    ]
)
donor_pages.shows(context=_donor)
donor_pages.creates(actions.register_donor, RegisterDonorSchema, label=_("Register a donor"))
donor_pages.acts(actions.correct_donor, CorrectSchema, label=_("Correct the identity"), at="corrections")
donor_pages.acts(actions.set_protection, ProtectionSchema, label=_("Legal protection"))
donor_pages.acts(actions.number_donor, NumberSchema, label=_("Enter the hospital number"), at="number")
donor_pages.acts(actions.unseal_donor, label=_("Unseal the name"))
donor_pages.acts(actions.anonymise_donor, label=_("Anonymise for good"))

recipient_pages = Pages("family", Recipient, path="recipients", title=_("Recipients"))
recipient_pages.lists(
    columns=[
        (_("Recipient"), lambda r: r.called),
        (_("Code"), lambda r: r.code),
        (_("Sex"), lambda r: SEX_WORDS[r.sex]),
        (_("Dose level"), lambda r: r.enrolment.level if r.enrolment else "–"),
        (_("State"), lambda r: RECIPIENT_LIFE.word(r.state)),
    ]
)
recipient_pages.shows(context=_recipient, finding=_finding)
recipient_pages.creates(actions.register_recipient, RegisterRecipientSchema, label=_("Register a recipient"))
recipient_pages.acts(actions.enrol, EnrolSchema)
recipient_pages.acts(
    actions.screen, ScreenSchema, label=_("Enter the examination"), at="screenings",
    choices={"protocol": _protocols},
)  # fmt: skip
recipient_pages.acts(actions.assign_wristband, WristbandSchema, label=_("Put on a wristband"))
for _leaving in (actions.withdraw, actions.die, actions.exclude, actions.lose, actions.complete):
    recipient_pages.acts(_leaving, LeaveSchema)
recipient_pages.acts(
    actions.correct_recipient, CorrectSchema, label=_("Correct the identity"), at="corrections"
)
recipient_pages.acts(
    actions.number_recipient, NumberSchema, label=_("Enter the hospital number"), at="number"
)
recipient_pages.acts(actions.unseal_recipient, label=_("Unseal the name"))
recipient_pages.acts(actions.anonymise_recipient, label=_("Anonymise for good"))

link_pages = Pages("family", FamilyLink, path="family-links", title=_("Family links"))
link_pages.lists(
    columns=[
        (_("Relation"), relation),
        (_("Donor"), lambda link: link.donor.code),
        (_("Recipient"), lambda link: link.recipient.called),
        (_("Degree"), lambda link: degree_words(link.degree)),
        (_("State"), lambda link: LINK_LIFE.word(link.state)),
    ]
)
link_pages.shows(
    context=_link,
    finding=lambda link: _("%(what)s of %(whom)s", what=relation(link), whom=link.recipient.called),
)
link_pages.creates(actions.claim, ClaimSchema, label=_("Enter a family link"))
link_pages.acts(actions.verify, VerifySchema)
link_pages.acts(actions.confirm, ConfirmSchema, label=_("Vouch for the link"))
link_pages.acts(actions.refute)

consent_pages = Pages("family", Consent, path="consents", title=_("Consents"))
consent_pages.lists(
    columns=[
        (_("Given by"), lambda c: c.person.called),
        (_("For"), lambda c: c.names_recipient.called if c.names_recipient else "–"),
        (_("Signed on"), lambda c: day(c.given_on)),
        (_("State"), lambda c: CONSENT_LIFE.word(c.state)),
    ]
)
consent_pages.shows(context=_consent, finding=lambda c: _("Consent of %(who)s", who=c.person.called))
consent_pages.creates(
    actions.record_donor_consent, DonorConsentSchema, label=_("Record a donor's consent"), at="donor"
)
consent_pages.creates(
    actions.record_recipient_consent, RecipientConsentSchema, label=_("Record a recipient's consent"),
    at="recipient",
)  # fmt: skip
consent_pages.acts(actions.withdraw_consent, WithdrawConsentSchema)


def _finds(pages: Pages, model: type[Person]) -> None:
    def find() -> str | tuple[str, int]:
        by, found = actor(), None
        typed: dict[str, Any] = {}
        faults: dict[str, Any] = {}
        if request.method == "POST":
            typed, given = typed_input(FindPersonSchema, request.form)
            try:
                found = rules.find_people(model, by=by, **load(FindPersonSchema, given))
            except Invalid as refused:
                faults = refused.faults
        shown = form_fields(FindPersonSchema, typed, faults, None, {})
        page = render_template(
            "family/find.html",
            fields=shown,
            people=found,
            pages=pages,
            step="family",
            back=url_for(f"{pages.name}.list"),
        )
        return (page, 422) if faults else page

    pages.blueprint.add_url_rule("/find", "find", find, methods=["GET", "POST"])


_finds(donor_pages, Donor)
_finds(recipient_pages, Recipient)

_titles: dict[str, tuple[Pages, Callable[[Any], str]]] = {
    "donor": (donor_pages, lambda donor: donor.code),
    "recipient": (recipient_pages, lambda recipient: recipient.called),
    "family_link": (link_pages, lambda link: f"{relation(link)} {link.donor.code}"),
    "consent": (consent_pages, lambda consent: f"{consent.form_version} {consent.code}"),
}
for _kind, (_pages, _title) in _titles.items():
    codes.resolves(_kind, page=_pages.url, title=_title)
codes.wristband_resolves(identifiers.by_wristband)

all_pages = [donor_pages, recipient_pages, link_pages, consent_pages]
