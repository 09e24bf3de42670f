"""The words of pharmacovigilance: causality, expectedness, outcome, seriousness (D §7.1)."""

from enum import StrEnum

from mscbank.core.i18n import _


class Causality(StrEnum):
    """How likely the product or procedure caused it, in one person's judgement."""

    RELATED = "related"
    POSSIBLE = "possible"
    UNLIKELY = "unlikely"
    NOT_RELATED = "not_related"
    NOT_ASSESSABLE = "not_assessable"


class Cause(StrEnum):
    """What it is related to."""

    PRODUCT = "product"
    PROCEDURE = "procedure"
    DISEASE = "underlying_disease"
    CONCOMITANT = "concomitant_drug"
    DONOR_PROCEDURE = "donor_procedure"
    NONE = "none"


class Outcome(StrEnum):
    """How it ended, or stands (ICH E2B E.i.7)."""

    UNKNOWN = "unknown"
    RECOVERED = "recovered"
    RECOVERING = "recovering"
    NOT_RECOVERED = "not_recovered"
    SEQUELAE = "recovered_with_sequelae"
    FATAL = "fatal"


class Criterion(StrEnum):
    """What makes an event serious: its consequence, whatever its grade."""

    DEATH = "death"
    LIFE_THREATENING = "life_threatening"
    HOSPITALISATION = "hospitalisation"
    DISABILITY = "disability"
    CONGENITAL = "congenital_anomaly"
    IMPORTANT = "medically_important"
    TRANSMISSION = "infection_transmission"


class Decision(StrEnum):
    """What the safety reviewer decides at the gate."""

    ESCALATE = "escalate"
    HOLD = "hold"


CAUSALITY_WORDS = {
    Causality.RELATED: _("Related"),
    Causality.POSSIBLE: _("Possibly related"),
    Causality.UNLIKELY: _("Unlikely related"),
    Causality.NOT_RELATED: _("Not related"),
    Causality.NOT_ASSESSABLE: _("Cannot be assessed"),
}
CAUSE_WORDS = {
    Cause.PRODUCT: _("The cells"),
    Cause.PROCEDURE: _("The infusion (line, DMSO)"),
    Cause.DISEASE: _("The underlying disease"),
    Cause.CONCOMITANT: _("Another medicine"),
    Cause.DONOR_PROCEDURE: _("The marrow donation"),
    Cause.NONE: _("None of these"),
}
OUTCOME_WORDS = {
    Outcome.UNKNOWN: _("Unknown"),
    Outcome.RECOVERED: _("Recovered"),
    Outcome.RECOVERING: _("Recovering"),
    Outcome.NOT_RECOVERED: _("Not recovered"),
    Outcome.SEQUELAE: _("Recovered with sequelae"),
    Outcome.FATAL: _("Fatal"),
}
CRITERION_WORDS = {
    Criterion.DEATH: _("Death"),
    Criterion.LIFE_THREATENING: _("Life-threatening at the time"),
    Criterion.HOSPITALISATION: _("Hospital stay, or a longer one"),
    Criterion.DISABILITY: _("Disability"),
    Criterion.CONGENITAL: _("Congenital anomaly"),
    Criterion.IMPORTANT: _("Otherwise medically important"),
    Criterion.TRANSMISSION: _("Suspected transmission of an infection by the product"),
}
DECISION_WORDS = {Decision.ESCALATE: _("Escalate"), Decision.HOLD: _("Hold")}
SUSPECTED = frozenset({Causality.RELATED, Causality.POSSIBLE, Causality.NOT_ASSESSABLE})
"""What counts as a reasonable possibility (CTR Annex III); what cannot be assessed counts as related."""
