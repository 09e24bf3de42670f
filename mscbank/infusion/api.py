"""Infusions over JSON."""

from typing import Any

from mscbank.core import fields
from mscbank.core.web.api import Api
from mscbank.infusion import actions, facts, schemas
from mscbank.infusion.models import Infusion
from mscbank.infusion.states import State


def checks(one: Infusion) -> dict[str, Any]:
    """What the ward confirmed, what two people checked, and which preparations are for it."""
    return {
        "is_ready": facts.is_ready(one), "ready": one.ready_checks, "bedside": one.bedside_checks,
        "preparations": one.preparations,
    }  # fmt: skip


def run(one: Infusion) -> dict[str, Any]:
    """Observations and interruptions, oldest first."""
    return {"observations": one.observations, "pauses": one.pauses}


api = Api(
    "infusion",
    Infusion,
    schemas.InfusionSchema,
    path="infusions",
    doc="From the ward's word to the last drop",
)
api.lists(
    filters={
        "state": fields.Choice(State), "recipient": fields.Ref("recipient"),
        "protocol": fields.Ref("protocol"), "allocation": fields.Ref("allocation"),
    }
)  # fmt: skip
api.shows()
api.creates(actions.plan, schemas.PlanSchema)
api.creates(actions.record_as_happened, schemas.HappenedSchema, at="as-happened")
api.reads("checks", checks, schemas.ChecksSchema)
api.reads("run", run, schemas.RunSchema)
api.acts(actions.replan, schemas.ReplanSchema)
api.acts(actions.confirm_ready, schemas.ReadySchema, at="ready")
api.acts(actions.thaw, schemas.ThawSchema)
api.acts(actions.check, schemas.CheckSchema)
api.acts(actions.check_again)
api.acts(actions.decide_window)
api.acts(actions.choose_low_dose, schemas.LowDoseSchema)
api.acts(actions.start)
api.acts(actions.observe, schemas.ObserveSchema, at="observations")
api.acts(actions.interrupt, schemas.GivenSchema)
api.acts(actions.resume)
api.acts(actions.stop, schemas.GivenSchema)
api.acts(actions.complete, schemas.CompleteSchema)
api.acts(actions.cancel)
