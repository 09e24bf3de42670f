"""The shapes of people, sites and tokens."""

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.access import ROLE_WORDS, Role
from mscbank.core.i18n import _
from mscbank.staff.models import FORMATS

FORM_HELP = _("9 a digit, A a letter, X either, all else as it stands: IPP-999999. Blank: anything.")


class PersonSchema(fields.ThingSchema):
    """An account."""

    printed_name = fields.Text()


class RegisterSchema(fields.Schema):
    """A new account."""

    login = fields.Text(max=40, required=True, label=_("Log-in"))
    printed_name = fields.Text(max=200, required=True, label=_("Name as printed"))


class RoleSchema(fields.Schema):
    """A role to give."""

    role = fields.Choice(Role, words=ROLE_WORDS, required=True, label=_("Role"))
    at = fields.Ref(
        "site", load_default=None, allow_none=True, label=_("Site"), help=_("Blank: for all sites")
    )
    ends_at = fields.When(load_default=None, allow_none=True, label=_("Until"))


class EndRoleSchema(fields.Schema):
    """A role to end."""

    role = fields.Choice(Role, words=ROLE_WORDS, required=True, label=_("Role"))
    at = fields.Ref("site", load_default=None, allow_none=True, label=_("Site"))


class EmergencySchema(fields.Schema):
    """A new emergency account."""

    login = fields.Text(max=40, required=True, label=_("Log-in"))
    printed_name = fields.Text(
        max=80, required=True, label=_("Name as printed"), help=_("For example: EMERGENCY 1")
    )
    roles = fields.Choices(Role, words=ROLE_WORDS, required=True, label=_("Roles"))


class FindingSchema(fields.Schema):
    """What the review of a use found."""

    finding = fields.Text(
        max=2000, required=True, label=_("What was done with it, and why it was needed"), multiline=True
    )


class SessionSchema(fields.Schema):
    """One of one's own sessions."""

    handle = fields.Text(
        max=16, load_default=None, allow_none=True, label=_("Session"), help=_("Blank: all the others")
    )


class TokenNumberSchema(fields.Schema):
    """One of somebody's API tokens."""

    number = fields.Count(min=1, max=1_000_000, required=True, label=_("Number of the token"))


class BadgeSchema(fields.ThingSchema):
    """A badge."""

    person = fields.Ref("person")
    expires_at = fields.When()
    revoked_at = fields.When(allow_none=True)


class IssueBadgeSchema(fields.Schema):
    """A badge to issue."""

    person = fields.Ref("person", required=True, label=_("Log-in of its bearer"))
    expires_at = fields.When(future=True, required=True, label=_("Until"))


class ReviewSchema(fields.Schema):
    """Every role that somebody else holds, each named once: log-in, a slash, the number of the role."""

    kept = fields.ListOf(fields.Text(max=60), max=5000, load_default=list, label=_("Confirmed"))
    taken = fields.ListOf(fields.Text(max=60), max=5000, load_default=list, label=_("To be taken away"))


class AccessReviewSchema(fields.ThingSchema):
    """A review of access."""

    reviewed_by = fields.Text()
    reviewed_at = fields.When()


class GrantSchema(fields.Schema):
    """A role that somebody holds or held."""

    number = fields.Count()
    role = fields.Choice(Role, words=ROLE_WORDS)
    site = fields.Text(allow_none=True)
    starts_at = fields.When()
    ends_at = fields.When(allow_none=True)


class GrantsSchema(fields.Schema):
    """All roles of somebody, ended ones too."""

    roles = ma.fields.List(ma.fields.Nested(GrantSchema))


class StationSchema(fields.Schema):
    """A shared station."""

    station = fields.Text(max=80, required=True, label=_("Station"))


class SiteSchema(fields.ThingSchema):
    """A site."""

    name = fields.Text()
    zone = fields.Text()
    wristband_format = fields.Text(allow_none=True)
    hospital_number_format = fields.Text(allow_none=True)


class FormatsSchema(fields.Schema):
    """What the identifiers of a site look like."""

    wristband_format = fields.Text(
        max=FORMATS, load_default=None, allow_none=True, label=_("Wristbands"), help=FORM_HELP
    )
    hospital_number_format = fields.Text(
        max=FORMATS, load_default=None, allow_none=True, label=_("Hospital numbers"), help=FORM_HELP
    )


class MasterKeySchema(fields.ThingSchema):
    """A master key by its fingerprint."""

    number = fields.Count()
    shares_read = fields.Text(allow_none=True)
    introduced_at = fields.When()
    finished_at = fields.When(allow_none=True)


class OpenSiteSchema(fields.Schema):
    """A new site."""

    code = fields.Text(max=11, required=True, label=_("Code"), help=_("2 to 11 capital letters and digits"))
    name = fields.Text(max=200, required=True, label=_("Name"))
    zone = fields.Text(max=60, required=True, label=_("Time zone"), help=_("For example Europe/Paris"))
