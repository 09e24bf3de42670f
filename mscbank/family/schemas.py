"""The shape of families, in and out. Names stand only in what is asked for by name or identity."""

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.db import NAME_LENGTH
from mscbank.core.i18n import _
from mscbank.family.eligibility import ORGAN_WORDS, Organ
from mscbank.family.kinship import RELATION_WORDS
from mscbank.family.models import FORM_LENGTH
from mscbank.family.words import (
    ITEM_WORDS,
    PRIOR_WORDS,
    SEX_WORDS,
    SUBSET_WORDS,
    ZYGOSITY_WORDS,
    ConsentItem,
    PriorTherapy,
    Relation,
    Sex,
    Subset,
    Zygosity,
)

NAME = 120
LONG = 2000
WRISTBAND = 80


class DonorSchema(fields.ThingSchema):
    """A donor by code; the identity is asked for apart."""

    sex = fields.Choice(Sex)
    is_under_protection = fields.Flag()
    anonymised_at = fields.When(allow_none=True)


class EnrolmentSchema(fields.Schema):
    """Number, level and place in a protocol."""

    protocol = fields.Ref("protocol")
    number = fields.Count()
    study_number = fields.Text()
    level = fields.Count()
    place = fields.Count()
    enrolled_on = fields.Day()
    freed_at = fields.When(allow_none=True)


class RecipientSchema(fields.ThingSchema):
    """A recipient by code and study number; the identity is asked for apart."""

    sex = fields.Choice(Sex)
    study_number = fields.Text(allow_none=True)
    left_on = fields.Day(allow_none=True)
    anonymised_at = fields.When(allow_none=True)
    enrolments = ma.fields.List(fields.Nested(EnrolmentSchema))


class IdentitySchema(fields.Schema):
    """Who it is. That it was read, by whom, stands in the record."""

    family_name = fields.Text(allow_none=True)
    given_name = fields.Text(allow_none=True)
    born_on = fields.Day(allow_none=True)
    hospital_number = fields.Text(allow_none=True)


class InclusionCheckSchema(fields.Schema):
    """One inclusion check."""

    name = fields.Text()
    label = fields.Text()
    passed = fields.Flag()
    finding = fields.Text()


class InclusionSchema(fields.Schema):
    """The inclusion checks of the last examination, judged as things stand now."""

    checks = ma.fields.List(fields.Nested(InclusionCheckSchema))


class LinkSchema(fields.ThingSchema):
    """What a donor is to a recipient."""

    donor = fields.Ref("donor")
    recipient = fields.Ref("recipient")
    relation = fields.Choice(Relation)
    degree = fields.Count()
    is_blood = fields.Flag()
    zygosity = fields.Choice(Zygosity, allow_none=True)
    evidence = fields.Text(max=LONG)
    claimed_by = fields.Text()
    confirmed_by = fields.Text(allow_none=True)
    verified_by = fields.Text(allow_none=True)
    verified_at = fields.When(allow_none=True)


class ConsentSchema(fields.ThingSchema):
    """What somebody agreed to."""

    donor = fields.Ref("donor", allow_none=True)
    recipient = fields.Ref("recipient", allow_none=True)
    names_recipient = fields.Ref("recipient", allow_none=True)
    form_version = fields.Text()
    given_on = fields.Day()
    items = fields.Choices(ConsentItem)
    authority = fields.Text()
    withdrawn_on = fields.Day(allow_none=True)


class _Person(fields.Schema):
    family_name = fields.Text(max=NAME, required=True, label=_("Family name"))
    given_name = fields.Text(max=NAME, required=True, label=_("Given name"))
    born_on = fields.Day(required=True, label=_("Birth date"))
    sex = fields.Choice(Sex, words=SEX_WORDS, required=True, label=_("Sex"))
    hospital_number = fields.Text(
        max=WRISTBAND, load_default=None, allow_none=True, label=_("Hospital number")
    )
    is_another = fields.Flag(
        load_default=False, label=_("It is another person than the one of this name who is registered")
    )


class RegisterDonorSchema(_Person):
    """Who the donor is."""

    is_under_protection = fields.Flag(load_default=False, label=_("Under legal protection"))


class RegisterRecipientSchema(_Person):
    """Who the recipient is."""

    wristband = fields.Text(max=WRISTBAND, load_default=None, allow_none=True, label=_("Wristband"))


class WristbandSchema(fields.Schema):
    """The wristband that was put on."""

    wristband = fields.Text(max=WRISTBAND, required=True, label=_("Wristband, scanned"))


class NumberSchema(fields.Schema):
    """The number that the hospital gave."""

    hospital_number = fields.Text(max=WRISTBAND, required=True, label=_("Hospital number"))


class CorrectSchema(fields.Schema):
    """Only what was entered wrongly."""

    family_name = fields.Text(max=NAME, load_default=None, allow_none=True, label=_("Family name"))
    given_name = fields.Text(max=NAME, load_default=None, allow_none=True, label=_("Given name"))
    born_on = fields.Day(load_default=None, allow_none=True, label=_("Birth date"))
    sex = fields.Choice(Sex, words=SEX_WORDS, load_default=None, allow_none=True, label=_("Sex"))


class ProtectionSchema(fields.Schema):
    """Whether a donor is under legal protection."""

    is_under_protection = fields.Flag(required=True, label=_("Under legal protection"))


class FindPersonSchema(fields.Schema):
    """Whom somebody looks for, by exact name or hospital number; accents and capitals do not count."""

    family_name = fields.Text(max=NAME, load_default=None, allow_none=True, label=_("Family name"))
    given_name = fields.Text(max=NAME, load_default=None, allow_none=True, label=_("Given name"))
    hospital_number = fields.Text(
        max=WRISTBAND, load_default=None, allow_none=True, label=_("Hospital number")
    )


class FoundPeopleSchema(fields.Schema):
    """The codes of the people of this name."""

    codes = ma.fields.List(ma.fields.String())


class ClaimSchema(fields.Schema):
    """What the donor is to the recipient, and what shows it."""

    donor = fields.Ref("donor", required=True, label=_("Donor"))
    recipient = fields.Ref("recipient", required=True, label=_("Recipient"))
    relation = fields.Choice(
        Relation, words=dict(RELATION_WORDS), required=True, label=_("The donor is the recipient's")
    )
    zygosity = fields.Choice(
        Zygosity, words=ZYGOSITY_WORDS, load_default=None, allow_none=True, label=_("Twins")
    )
    evidence = fields.Text(
        max=LONG, required=True, multiline=True, label=_("Evidence"),
        help=_("Which document shows it, for example the family record book or an HLA report."),
    )  # fmt: skip


class VerifySchema(fields.Schema):
    """What the second person saw."""

    evidence = fields.Text(max=LONG, required=True, multiline=True, label=_("Document that you saw yourself"))


class ConfirmSchema(fields.Schema):
    """Why the link is right although something does not fit."""

    why = fields.Text(max=LONG, required=True, multiline=True, label=_("Why the link is right all the same"))


class _Given(fields.Schema):
    form_version = fields.Text(max=FORM_LENGTH, required=True, label=_("Version of the form"))
    given_on = fields.Day(required=True, label=_("Signed on"))
    items = fields.Choices(ConsentItem, words=ITEM_WORDS, required=True, label=_("What it covers"))
    authority = fields.Text(
        max=NAME_LENGTH, required=True, label=_("Expressed before"),
        help=_("The person or the court before whom it was expressed."),
    )  # fmt: skip


class DonorConsentSchema(_Given):
    """What a donor agreed to."""

    donor = fields.Ref("donor", required=True, label=_("Donor"))
    names_recipient = fields.Ref(
        "recipient", load_default=None, allow_none=True, label=_("The relative whom it names")
    )


class RecipientConsentSchema(_Given):
    """What a recipient agreed to."""

    recipient = fields.Ref("recipient", required=True, label=_("Recipient"))


class WithdrawConsentSchema(fields.Schema):
    """When it was withdrawn."""

    withdrawn_on = fields.Day(
        load_default=None, allow_none=True, label=_("Withdrawn on"), help=_("Left empty: today.")
    )


class ScreenSchema(fields.Schema):
    """What the examination for inclusion found."""

    protocol = fields.Ref("protocol", required=True, label=_("Protocol"))
    screened_on = fields.Day(required=True, label=_("Examined on"))
    classification_score = fields.Count(max=30, required=True, label=_("2013 ACR/EULAR score"))
    subset = fields.Choice(Subset, words=SUBSET_WORDS, required=True, label=_("Subset"))
    skin_score = fields.Count(
        max=51, required=True, label=_("Modified Rodnan skin score"), help=_("17 sites, 0 to 3 each.")
    )
    organs = fields.Choices(Organ, words=ORGAN_WORDS, load_default=list, label=_("Severely involved organs"))
    prior_therapy = fields.Choice(
        PriorTherapy, words=PRIOR_WORDS, required=True, label=_("Conventional therapy")
    )
    prior_reason = fields.Text(max=LONG, load_default="", multiline=True, label=_("Which, and why"))
    has_severe_comorbidity = fields.Flag(load_default=False, label=_("Severe comorbidity"))
    comorbidity = fields.Text(
        max=LONG, load_default=None, allow_none=True, multiline=True, label=_("Which comorbidity")
    )


class EnrolSchema(fields.Schema):
    """When."""

    enrolled_on = fields.Day(
        load_default=None, allow_none=True, label=_("Enrolled on"), help=_("Left empty: today.")
    )


class LeaveSchema(fields.Schema):
    """When somebody left."""

    left_on = fields.Day(load_default=None, allow_none=True, label=_("On"), help=_("Left empty: today."))
