"""The shapes of people, sites and tokens."""

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
