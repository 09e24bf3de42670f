"""The words of a family's records, each stored by value."""

from enum import StrEnum

from mscbank.core.i18n import _


class Sex(StrEnum):
    """Sex as the registry page and the safety report count it."""

    FEMALE = "female"
    MALE = "male"


class Relation(StrEnum):
    """What the donor is to the recipient."""

    PARENT = "parent"
    CHILD = "child"
    FULL_SIBLING = "full_sibling"
    HALF_SIBLING = "half_sibling"
    GRANDPARENT = "grandparent"
    GRANDCHILD = "grandchild"
    AUNT_UNCLE = "aunt_uncle"
    NIECE_NEPHEW = "niece_nephew"
    FIRST_COUSIN = "first_cousin"
    GREAT_GRANDPARENT = "great_grandparent"
    GREAT_GRANDCHILD = "great_grandchild"
    GREAT_AUNT_UNCLE = "great_aunt_uncle"
    GREAT_NIECE_NEPHEW = "great_niece_nephew"
    SPOUSE_PARTNER = "spouse_partner"
    STEP_RELATIVE = "step_relative"
    IN_LAW = "in_law"
    ADOPTIVE = "adoptive"


class Zygosity(StrEnum):
    """Whether twins came from one egg; the product is labelled allogeneic all the same (D §1.8 d)."""

    MONOZYGOTIC = "monozygotic"
    DIZYGOTIC = "dizygotic"
    UNKNOWN = "unknown"


class ConsentItem(StrEnum):
    """What a consent covers (D §3.6 for the donor; the trial for the recipient)."""

    PROCUREMENT = "procurement"
    TESTING = "testing"
    DISCLOSURE = "disclosure"
    MANUFACTURE = "manufacture"
    STORAGE = "storage"
    NAMED_RELATIVE = "named_relative"
    REMAINDER = "remainder"
    TRACEABILITY = "traceability"
    RIGHT_TO_WITHDRAW = "right_to_withdraw"
    PARTICIPATION = "participation"
    INFUSION = "infusion"
    FOLLOW_UP = "follow_up"


class Subset(StrEnum):
    """The subset of systemic sclerosis."""

    DIFFUSE = "diffuse"
    LIMITED = "limited"
    SINE = "sine"


class PriorTherapy(StrEnum):
    """Why conventional immunosuppression or stem cell transplantation is no way for this person."""

    INADEQUATE_RESPONSE = "inadequate_response"
    CONTRAINDICATION = "contraindication"
    NEITHER = "neither"


SEX_WORDS = {Sex.FEMALE: _("woman"), Sex.MALE: _("man")}

ITEM_WORDS = {
    ConsentItem.PROCUREMENT: _("marrow procurement"),
    ConsentItem.TESTING: _("testing of the blood, HIV included"),
    ConsentItem.DISCLOSURE: _("being told the results"),
    ConsentItem.MANUFACTURE: _("making the cell product"),
    ConsentItem.STORAGE: _("storage time"),
    ConsentItem.NAMED_RELATIVE: _("use by the named relative"),
    ConsentItem.REMAINDER: _("disposal or research use of what remains"),
    ConsentItem.TRACEABILITY: _("traceability for 30 years"),
    ConsentItem.RIGHT_TO_WITHDRAW: _("was told of the right to withdraw"),
    ConsentItem.PARTICIPATION: _("taking part in the trial"),
    ConsentItem.INFUSION: _("the infusion"),
    ConsentItem.FOLLOW_UP: _("the follow-up visits"),
}

SUBSET_WORDS = {
    Subset.DIFFUSE: _("diffuse"),
    Subset.LIMITED: _("limited"),
    Subset.SINE: _("without scleroderma"),
}

PRIOR_WORDS = {
    PriorTherapy.INADEQUATE_RESPONSE: _("inadequate response"),
    PriorTherapy.CONTRAINDICATION: _("contraindication"),
    PriorTherapy.NEITHER: _("neither"),
}

ZYGOSITY_WORDS = {
    Zygosity.MONOZYGOTIC: _("identical twins"),
    Zygosity.DIZYGOTIC: _("fraternal twins"),
    Zygosity.UNKNOWN: _("twins, not determined"),
}
