"""Who is what to whom: degrees of blood relation, and whether birth dates fit the relation.

Sources: degrees 29 CFR 1635.3(a)(2) with D §1.8; the age gap between parent and child is PD-05.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mscbank.core.errors import Refusal
from mscbank.core.i18n import Sentence, _
from mscbank.family.ages import whole_years
from mscbank.family.words import Relation, Sex, Zygosity

SAME_PERSON = Refusal(
    "family.same_person",
    "Donor and recipient are the same person: cells for oneself are autologous and not made here.",
)
TWINS_ARE_SIBLINGS = "Only full siblings are twins."

DEGREES: Mapping[Relation, int] = {
    Relation.PARENT: 1,
    Relation.CHILD: 1,
    Relation.FULL_SIBLING: 1,
    Relation.HALF_SIBLING: 2,
    Relation.GRANDPARENT: 2,
    Relation.GRANDCHILD: 2,
    Relation.AUNT_UNCLE: 2,
    Relation.NIECE_NEPHEW: 2,
    Relation.FIRST_COUSIN: 3,
    Relation.GREAT_GRANDPARENT: 3,
    Relation.GREAT_GRANDCHILD: 3,
    Relation.GREAT_AUNT_UNCLE: 3,
    Relation.GREAT_NIECE_NEPHEW: 3,
    Relation.SPOUSE_PARTNER: 0,
    Relation.STEP_RELATIVE: 0,
    Relation.IN_LAW: 0,
    Relation.ADOPTIVE: 0,
}
"""Degree of blood relation; 0 = not by blood."""

_GENERATIONS: Mapping[Relation, int] = {
    Relation.PARENT: 1,
    Relation.GRANDPARENT: 2,
    Relation.GREAT_GRANDPARENT: 3,
    Relation.CHILD: -1,
    Relation.GRANDCHILD: -2,
    Relation.GREAT_GRANDCHILD: -3,
}
"""How many generations in the direct line the donor stands above (+) or below (−) the recipient."""


class Doubt(StrEnum):
    """What does not fit between a relation and what is known of the two."""

    GENERATION_GAP = "generation_gap"
    TWINS_APART = "twins_apart"
    TWINS_OF_TWO_SEXES = "twins_of_two_sexes"
    TWINS_UNSAID = "twins_unsaid"


DOUBT_WORDS: Mapping[Doubt, Sentence] = {
    Doubt.GENERATION_GAP: _(
        "The birth dates lie too close together, or the wrong way round, for this relation."
    ),
    Doubt.TWINS_APART: _("Twins were born at most a day apart; these two were not."),
    Doubt.TWINS_OF_TWO_SEXES: _("Identical twins are of one sex; these two are not."),
    Doubt.TWINS_UNSAID: _("They were born on the same day, and nobody has said whether they are twins."),
}


@dataclass(frozen=True)
class Born:
    """What kinship looks at in a person."""

    on: date
    sex: Sex


def degree(relation: Relation) -> int:
    """The degree of blood relation, 0 for none."""
    return DEGREES[relation]


def is_blood(relation: Relation) -> bool:
    """Whether the relation is by blood."""
    return DEGREES[relation] > 0


def doubts(
    relation: Relation, zygosity: Zygosity | None, donor: Born, recipient: Born, *, parent_gap_years: int
) -> list[Doubt]:
    """What does not fit, and needs somebody's word before the link counts.

    Parent and child are at least ``parent_gap_years`` apart, in the direct line for each generation.
    """
    found = []
    generations = _GENERATIONS.get(relation, 0)
    elder, younger = (donor.on, recipient.on) if generations > 0 else (recipient.on, donor.on)
    if generations and whole_years(elder, younger) < parent_gap_years * abs(generations):
        found.append(Doubt.GENERATION_GAP)
    if zygosity is not None:
        if abs((donor.on - recipient.on).days) > 1:
            found.append(Doubt.TWINS_APART)
        if zygosity is Zygosity.MONOZYGOTIC and donor.sex is not recipient.sex:
            found.append(Doubt.TWINS_OF_TWO_SEXES)
    elif relation is Relation.FULL_SIBLING and donor.on == recipient.on:
        found.append(Doubt.TWINS_UNSAID)
    return found


_BY_SEX: Mapping[Relation, tuple[Sentence, Sentence]] = {
    Relation.PARENT: (_("mother"), _("father")),
    Relation.CHILD: (_("daughter"), _("son")),
    Relation.FULL_SIBLING: (_("sister"), _("brother")),
    Relation.HALF_SIBLING: (_("half-sister"), _("half-brother")),
    Relation.GRANDPARENT: (_("grandmother"), _("grandfather")),
    Relation.GRANDCHILD: (_("granddaughter"), _("grandson")),
    Relation.AUNT_UNCLE: (_("aunt"), _("uncle")),
    Relation.NIECE_NEPHEW: (_("niece"), _("nephew")),
    Relation.FIRST_COUSIN: (_("cousin (she)"), _("cousin (he)")),
    Relation.GREAT_GRANDPARENT: (_("great-grandmother"), _("great-grandfather")),
    Relation.GREAT_GRANDCHILD: (_("great-granddaughter"), _("great-grandson")),
    Relation.GREAT_AUNT_UNCLE: (_("great-aunt"), _("great-uncle")),
    Relation.GREAT_NIECE_NEPHEW: (_("great-niece"), _("great-nephew")),
    Relation.SPOUSE_PARTNER: (_("wife or partner"), _("husband or partner")),
    Relation.STEP_RELATIVE: (_("step-relative (she)"), _("step-relative (he)")),
    Relation.IN_LAW: (_("in-law (she)"), _("in-law (he)")),
    Relation.ADOPTIVE: (_("adoptive relative (she)"), _("adoptive relative (he)")),
}

RELATION_WORDS: Mapping[Relation, Sentence] = {
    Relation.PARENT: _("parent (1st degree)"),
    Relation.CHILD: _("child (1st degree)"),
    Relation.FULL_SIBLING: _("full sibling (1st degree)"),
    Relation.HALF_SIBLING: _("half-sibling (2nd degree)"),
    Relation.GRANDPARENT: _("grandparent (2nd degree)"),
    Relation.GRANDCHILD: _("grandchild (2nd degree)"),
    Relation.AUNT_UNCLE: _("aunt or uncle (2nd degree)"),
    Relation.NIECE_NEPHEW: _("niece or nephew (2nd degree)"),
    Relation.FIRST_COUSIN: _("first cousin (3rd degree)"),
    Relation.GREAT_GRANDPARENT: _("great-grandparent (3rd degree)"),
    Relation.GREAT_GRANDCHILD: _("great-grandchild (3rd degree)"),
    Relation.GREAT_AUNT_UNCLE: _("great-aunt or great-uncle (3rd degree)"),
    Relation.GREAT_NIECE_NEPHEW: _("great-niece or great-nephew (3rd degree)"),
    Relation.SPOUSE_PARTNER: _("spouse or partner (not by blood)"),
    Relation.STEP_RELATIVE: _("step-relative (not by blood)"),
    Relation.IN_LAW: _("in-law (not by blood)"),
    Relation.ADOPTIVE: _("adoptive relative (not by blood)"),
}


def called(relation: Relation, sex: Sex) -> Sentence:
    """What the donor is called by the recipient: sister, uncle."""
    return _BY_SEX[relation][0 if sex is Sex.FEMALE else 1]
