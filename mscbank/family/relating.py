"""Family links: claimed with evidence by one person, verified by another (D §1.8)."""

from typing import Any

from mscbank.core import clock, messages, parameters
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, current, does, shared
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Obstacle, Refusal, Refused, invalid, unique_means
from mscbank.family import kinship
from mscbank.family.kinship import DOUBT_WORDS, Born, Doubt
from mscbank.family.models import Donor, FamilyLink, Recipient
from mscbank.family.registering import birth_of
from mscbank.family.standing import LinkFacts
from mscbank.family.states import LINK_LIFE, LinkState
from mscbank.family.words import Relation, Zygosity

CLAIMANTS = (Role.COLLECTION, Role.INVESTIGATOR, Role.MEDICAL_DIRECTOR)

PARENT_GAP = parameters.declare(
    "family.parent_gap",
    12,
    unit="years",
    meaning="Least age gap between parent and child",
    source="PD-05",
    most=100,
)

REFUTED = messages.announcement(
    "family_link.refuted", "A verified family link was refuted; touched are donor and recipient."
)

LINKED = Refusal(
    "family.linked", "These two have a family link already: refute that one first if it is wrong."
)
NO_DOUBT = Refusal("family.no_doubt", "Nothing about this link is in doubt.")
LINK_REFUTED = Refusal("family.link_refuted", "This link has been refuted.")

unique_means("uq_family_link_live", "family_link", ("donor_id", "recipient_id"), LINKED)


def _facts(links: list[FamilyLink]) -> dict[int, LinkFacts]:
    return {
        link.id: LinkFacts(
            claimed_by=link.claimed_by,
            doubts=tuple(str(DOUBT_WORDS[doubt]) for doubt in doubts_of(link)),
            is_confirmed=link.confirmed_by is not None,
        )
        for link in links
    }


LINK_LIFE.facts = _facts


def doubts_of(link: FamilyLink) -> list[Doubt]:
    """What did not fit when the link was claimed."""
    return [Doubt(word) for word in (link.doubts or "").split()]


@action(
    "family_link.claim",
    role=CLAIMANTS,
    creates="family_link",
    locks=lambda *, donor, recipient, **_: shared(donor, recipient),
)
def claim(
    *, by: Principal, donor: Donor, recipient: Recipient, relation: Relation, evidence: str,
    zygosity: Zygosity | None = None,
) -> FamilyLink:  # fmt: skip
    """Enter what the donor is to the recipient, and what shows it."""
    if (donor.name_blind, donor.birth_blind) == (recipient.name_blind, recipient.birth_blind):
        raise Refused(kinship.SAME_PERSON())
    if zygosity is not None and relation is not Relation.FULL_SIBLING:
        raise invalid(zygosity=[kinship.TWINS_ARE_SIBLINGS])
    born = birth_of(donor, recipient)
    doubts = kinship.doubts(
        relation, zygosity, Born(born[donor.code], donor.sex), Born(born[recipient.code], recipient.sex),
        parent_gap_years=parameters.value(PARENT_GAP),
    )  # fmt: skip
    link = FamilyLink(
        code=new_code("family_link"), site=recipient.site, donor=donor, recipient=recipient,
        relation=relation, degree=kinship.degree(relation), is_blood=kinship.is_blood(relation),
        zygosity=zygosity, evidence=evidence, claimed_by=by.login, doubts=" ".join(doubts) or None,
    )  # fmt: skip
    session.add(link)
    return link


def _nothing_to_confirm(link: FamilyLink, by: Principal) -> Obstacle | None:
    if link.state is LinkState.REFUTED:
        return LINK_REFUTED()
    return None if link.doubts else NO_DOUBT()


@action("family_link.confirm", role=Role.MEDICAL_DIRECTOR, kind="family_link", unless=_nothing_to_confirm)
def confirm(link: FamilyLink, *, by: Principal, why: str) -> None:
    """Vouch for a link although something does not fit, and say why it is right all the same."""
    link.confirmed_by, link.confirmed_why = by.login, why


@does(LINK_LIFE, "verify")
def verify(link: FamilyLink, *, by: Principal, evidence: str) -> None:
    """Verify the link as a second person, naming the document that was seen."""
    link.verified_by, link.verified_at, link.verified_evidence = by.login, clock.now(), evidence


def _both(link: FamilyLink, **_inputs: Any) -> messages.Touched:
    return [("donor", link.donor.code), ("recipient", link.recipient.code)]


@does(LINK_LIFE, "refute", reason=True, announces={REFUTED: _both})
def refute(link: FamilyLink, *, reason: str) -> None:
    """Say that the link does not exist, because the evidence failed."""
    was_verified = link.state is LinkState.VERIFIED
    current().lead(link, LinkState.REFUTED)
    if was_verified:
        messages.announce(REFUTED, touched=_both(link), link=link.code, why=reason)
