"""Families over JSON."""

from typing import Any

from mscbank.core import fields, sealed
from mscbank.core.errors import NotAllowed
from mscbank.core.web.api import Api
from mscbank.core.web.here import actor
from mscbank.family import actions, rules
from mscbank.family.enrolling import inclusion_checks
from mscbank.family.models import Consent, Donor, FamilyLink, Recipient
from mscbank.family.purposes import purpose_of
from mscbank.family.schemas import (
    ClaimSchema,
    ConfirmSchema,
    ConsentSchema,
    CorrectSchema,
    DonorConsentSchema,
    DonorSchema,
    EnrolSchema,
    FindPersonSchema,
    FoundPeopleSchema,
    IdentitySchema,
    InclusionSchema,
    LeaveSchema,
    LinkSchema,
    NumberSchema,
    ProtectionSchema,
    RecipientConsentSchema,
    RecipientSchema,
    RegisterDonorSchema,
    RegisterRecipientSchema,
    ScreenSchema,
    VerifySchema,
    WithdrawConsentSchema,
    WristbandSchema,
)
from mscbank.family.states import ConsentState, LinkState, RecipientState


def identity(person: Any) -> dict[str, Any]:
    """Name and birth date; the reading is recorded."""
    code = person.code
    by = actor()
    if not sealed.opens_to(by, [(person.kind, code)]):
        raise NotAllowed(sealed.CODES_ONLY())
    purpose = purpose_of(person, by, "asked over the API")
    return rules.identities([person], by=by, purpose=purpose)[code]


def checks(recipient: Any) -> dict[str, Any]:
    """The inclusion checks of the last examination."""
    made = inclusion_checks([recipient]).get(recipient.id, [])
    return {
        "checks": [
            {"name": c.name, "label": str(c.label), "passed": c.passed, "finding": str(c.finding)}
            for c in made
        ]
    }


donors = Api("family", Donor, DonorSchema, path="donors", doc="Relatives who give marrow")
donors.lists()
donors.shows()
donors.creates(actions.register_donor, RegisterDonorSchema)
donors.acts(actions.correct_donor, CorrectSchema, at="corrections")
donors.acts(actions.set_protection, ProtectionSchema)
donors.acts(actions.number_donor, NumberSchema, at="number")
donors.acts(actions.unseal_donor)
donors.acts(actions.anonymise_donor)
donors.reads("identity", identity, IdentitySchema)

recipients = Api("family", Recipient, RecipientSchema, path="recipients", doc="Those for whom cells are made")
recipients.lists(filters={"state": fields.Choice(RecipientState)})
recipients.shows()
recipients.creates(actions.register_recipient, RegisterRecipientSchema)
recipients.acts(actions.correct_recipient, CorrectSchema, at="corrections")
recipients.acts(actions.assign_wristband, WristbandSchema)
recipients.acts(actions.screen, ScreenSchema, at="screenings")
recipients.acts(actions.enrol, EnrolSchema)
for _leaving in (actions.withdraw, actions.die, actions.exclude, actions.lose, actions.complete):
    recipients.acts(_leaving, LeaveSchema)
recipients.acts(actions.number_recipient, NumberSchema, at="number")
recipients.acts(actions.unseal_recipient)
recipients.acts(actions.anonymise_recipient)
recipients.reads("identity", identity, IdentitySchema)
recipients.reads("inclusion", checks, InclusionSchema)

family_links = Api(
    "family", FamilyLink, LinkSchema, path="family-links", doc="Who is what to whom, with evidence"
)
family_links.lists(
    filters={
        "state": fields.Choice(LinkState),
        "donor": fields.Ref("donor"),
        "recipient": fields.Ref("recipient"),
    }
)
family_links.shows()
family_links.creates(actions.claim, ClaimSchema)
family_links.acts(actions.verify, VerifySchema)
family_links.acts(actions.confirm, ConfirmSchema)
family_links.acts(actions.refute)

consents = Api("family", Consent, ConsentSchema, path="consents", doc="What people agreed to")
consents.lists(
    filters={
        "state": fields.Choice(ConsentState),
        "donor": fields.Ref("donor"),
        "recipient": fields.Ref("recipient"),
    }
)
consents.shows()
consents.creates(actions.record_donor_consent, DonorConsentSchema, at="donor")
consents.creates(actions.record_recipient_consent, RecipientConsentSchema, at="recipient")
consents.acts(actions.withdraw_consent, WithdrawConsentSchema)


def _finds(api: Api, model: type[Donor] | type[Recipient]) -> None:
    """POST a name, so that it stands in no address and no log; the answer is codes."""

    @api.blueprint.route("/find", methods=["POST"])
    @api.blueprint.doc(
        summary=f"Find {api.path} by name; that somebody looked is recorded.",
        responses={str(status): "DEFAULT_ERROR" for status in (400, 401, 403, 413, 415, 422, 429)},
    )
    @api.blueprint.arguments(FindPersonSchema)
    @api.blueprint.response(200, FoundPeopleSchema)
    def find_by_name(data: dict[str, Any]) -> dict[str, Any]:
        return {"codes": [person.code for person in rules.find_people(model, by=actor(), **data)]}


_finds(donors, Donor)
_finds(recipients, Recipient)

apis = [donors, recipients, family_links, consents]
