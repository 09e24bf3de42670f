"""Whether a recipient may be included: every check with its finding (D §1.2, §1.3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from mscbank.core.access import Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.i18n import Sentence, _
from mscbank.family.words import PRIOR_WORDS, SUBSET_WORDS, PriorTherapy, Subset

NOT_INCLUDED = Refusal("family.not_included", "Inclusion is not met: %(findings)s.", Role.INVESTIGATOR)
NOT_SCREENED = Refusal(
    "family.not_screened", "The inclusion examination has not been entered yet.", Role.INVESTIGATOR
)


class Organ(StrEnum):
    """An organ whose severe involvement counts."""

    LUNG = "lung"
    HEART = "heart"
    KIDNEY = "kidney"


ORGAN_WORDS = {Organ.LUNG: _("lung"), Organ.HEART: _("heart"), Organ.KIDNEY: _("kidney")}


@dataclass(frozen=True)
class Bounds:
    """The protocol's limits, all included: ages in whole years, least scores."""

    age_min: int
    age_max: int
    skin_score_min: int
    classification_score_min: int


@dataclass(frozen=True)
class Screened:
    """What the examination found."""

    screened_on: date
    age_years: int
    """Whole years on the date of the consent."""
    classification_score: int
    subset: Subset
    skin_score: int
    organs: frozenset[Organ]
    prior_therapy: PriorTherapy
    prior_reason: str
    has_severe_comorbidity: bool
    comorbidity: str | None
    consented_on: date | None
    """The date of a consent in force; ``None`` when there is none."""


@dataclass(frozen=True)
class Check:
    """One check: what was looked at, whether it is met, and the finding in words."""

    name: str
    label: Sentence
    passed: bool
    finding: Sentence


def checks(found: Screened, bounds: Bounds) -> list[Check]:
    """Every check, in the order of the publication's list."""
    return [
        _age(found, bounds),
        _classification(found, bounds),
        _subset(found),
        _skin(found, bounds),
        _organ(found),
        _prior(found),
        _comorbidity(found),
        _consent(found),
    ]


def obstacle(made: Iterable[Check]) -> Obstacle | None:
    """All checks that are not met, in one sentence; ``None`` when every one is."""
    failed = [check for check in made if not check.passed]
    return NOT_INCLUDED(findings="; ".join(str(check.finding) for check in failed)) if failed else None


def _age(found: Screened, bounds: Bounds) -> Check:
    return Check(
        "age",
        _("Age at consent"),
        bounds.age_min <= found.age_years <= bounds.age_max,
        _(
            "age %(age)s, included are %(low)s to %(high)s",
            age=found.age_years,
            low=bounds.age_min,
            high=bounds.age_max,
        ),
    )


def _classification(found: Screened, bounds: Bounds) -> Check:
    return Check(
        "classification",
        _("2013 ACR/EULAR classification"),
        found.classification_score >= bounds.classification_score_min,
        _(
            "score %(score)s, needed %(least)s or more",
            score=found.classification_score,
            least=bounds.classification_score_min,
        ),
    )


def _subset(found: Screened) -> Check:
    return Check(
        "subset",
        _("Subset"),
        found.subset is Subset.DIFFUSE,
        _("subset %(subset)s, included is diffuse", subset=SUBSET_WORDS[found.subset]),
    )


def _skin(found: Screened, bounds: Bounds) -> Check:
    return Check(
        "skin",
        _("Modified Rodnan skin score"),
        found.skin_score >= bounds.skin_score_min,
        _(
            "skin score %(score)s, needed %(least)s or more",
            score=found.skin_score,
            least=bounds.skin_score_min,
        ),
    )


def _organ(found: Screened) -> Check:
    if not found.organs:
        return Check(
            "organ", _("Severe organ involvement"), False, _("neither lung, heart nor kidney is severe")
        )
    named = ", ".join(str(ORGAN_WORDS[organ]) for organ in Organ if organ in found.organs)
    return Check("organ", _("Severe organ involvement"), True, _("severe: %(organs)s", organs=named))


def _prior(found: Screened) -> Check:
    passed = found.prior_therapy is not PriorTherapy.NEITHER and bool(found.prior_reason.strip())
    if found.prior_therapy is PriorTherapy.NEITHER:
        finding = _("neither inadequate response nor contraindication to conventional therapy")
    else:
        finding = _("%(what)s: %(why)s", what=PRIOR_WORDS[found.prior_therapy], why=found.prior_reason or "–")
    return Check("prior_therapy", _("Earlier therapy"), passed, finding)


def _comorbidity(found: Screened) -> Check:
    finding = (
        _("severe comorbidity: %(what)s", what=found.comorbidity or "–")
        if found.has_severe_comorbidity
        else _("no severe comorbidity")
    )
    return Check("comorbidity", _("Exclusion"), not found.has_severe_comorbidity, finding)


def _consent(found: Screened) -> Check:
    if found.consented_on is None:
        return Check("consent", _("Consent"), False, _("no consent is in force"))
    before = found.consented_on <= found.screened_on
    finding = (
        _("consent signed before the examination")
        if before
        else _("the consent was signed after the examination")
    )
    return Check("consent", _("Consent"), before, finding)
