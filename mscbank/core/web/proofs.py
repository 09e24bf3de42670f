"""Signing over the API: a re-authentication gives a one-use proof, the act takes it."""

from typing import Any

import marshmallow as ma

from mscbank.core import fields
from mscbank.core.access import load as load_principal
from mscbank.core.acts import ACTIONS
from mscbank.core.errors import SignIn, invalid
from mscbank.core.signatures import LIFETIME, WRONG_SECRET, Signer, prove
from mscbank.core.web.api import INPUTS, Blueprints, load
from mscbank.core.web.here import actor, find

api = Blueprints("api_proofs", __name__, url_prefix="/api/v1/proofs", description="Signatures")


class ProofInput(fields.Schema):
    """What is to be signed, by whom, with which meaning."""

    action = fields.Text(max=80, required=True, help="the action's name, for example release.certify")
    subject = fields.Text(
        max=80, load_default=None, allow_none=True, help="the code of its subject; none for a creation"
    )
    meaning = fields.Text(max=80, required=True, help="one of the meanings that the action needs")
    inputs = ma.fields.Dict(
        load_default=dict, metadata={"description": "the act's own inputs, as they will be sent"}
    )
    login = fields.Text(max=80, load_default=None, allow_none=True, help="a second person at this station")
    secret = fields.Secret(required=True)
    code = fields.Secret(
        load_default=None,
        allow_none=True,
        help="the code of the second factor, wherever the signer has one: from the authenticator app, each "
        "good once, or a recovery code. A request over the API stands alone, so all components are asked "
        "for at each signing (21 CFR 11.200(a)(1)(ii))",
    )


class ProofGiven(fields.Schema):
    """A one-use token for exactly this act; it lives two minutes."""

    proof = ma.fields.String()
    lives_seconds = ma.fields.Integer()


@api.route("", methods=["POST"])
@api.doc(responses={str(c): "DEFAULT_ERROR" for c in (400, 404, 422)})
@api.arguments(ProofInput)
@api.response(201, ProofGiven)
def give(data: dict[str, Any]) -> dict[str, Any]:
    """Verify the components of whoever signs and give the proof."""
    by = actor()
    action = ACTIONS.get(data["action"])
    if action is None or action.name not in INPUTS:
        raise invalid(action=["There is no such action here."])
    if data["meaning"] not in action.meanings:
        raise invalid(
            meaning=["This action is signed as: " + (", ".join(action.meanings) or "nothing") + "."]
        )
    schema, model = INPUTS[action.name]
    subject = find(model, data["subject"] or "") if model is not None else None
    inputs = load(schema or fields.Schema, data["inputs"])
    signer = by if data["login"] in (None, by.login) else load_principal(data["login"])
    if signer is None:
        raise SignIn(WRONG_SECRET())
    signing = Signer(signer, data["meaning"], data["secret"], code=data["code"] or "")
    (proof,) = prove(action.name, subject, signing, content=action.content, inputs=inputs)
    return {"proof": proof.token, "lives_seconds": int(LIFETIME.total_seconds())}
