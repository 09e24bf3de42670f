"""Prescriptions and preparations over JSON."""

from typing import Any

from flask import Response, make_response

from mscbank.allocation import actions, dose, facts, rules, schemas, showing
from mscbank.allocation.labels import label_sheet
from mscbank.allocation.ledger import lines
from mscbank.allocation.models import Allocation, Preparation
from mscbank.allocation.preparing import diluents_of, rows_of
from mscbank.allocation.states import PreparationState, State
from mscbank.core import fields
from mscbank.core.errors import Refused
from mscbank.core.types import decimal_of
from mscbank.core.web.api import Api


def told(a: Allocation) -> dict[str, Any]:
    """The dose as it stands, line by line, with the vials proposed and those that are not."""
    found = facts.worked(a)
    if found is None:
        judged = facts.facts([a])[a.id]
        raise Refused(rules.weight_obstacle(judged) or rules.dose_obstacle(judged) or rules.NO_VIALS())
    weight = facts.weights([a]).get(a.id)
    sources = showing.sources(a, weight, showing.results_of(a), found)
    return {
        "lines": [
            {"number": n, "label": str(one.label), "value": f"{one.number:f}", "unit": str(one.unit),
             "source": one.source, "kind": one.kind.value}
            for n, one in enumerate(lines(found, sources), start=1)
        ],
        "offered": [
            {"kind": plan.kind, "vials": plan.vials, "planned_viable": decimal_of(plan.planned_viable, 3),
             "difference_percent": dose.percent_shown(plan.difference), "band": plan.band}
            for plan in found.offered
        ],
        "proposed": [vial.code for vial in found.vials],
        "excluded": [
            {"vial": c.code, "code": c.obstacle.code, "sentence": str(c.obstacle.sentence)}
            for c in found.proposal.excluded
            if c.obstacle is not None
        ],
        "target_viable": decimal_of(found.target, 3),
        "planned_viable": decimal_of(found.plan.planned_viable, 3),
        "per_kg": decimal_of(found.per_kg, 3),
        "difference_percent": dose.percent_shown(found.plan.difference),
        "band": found.plan.band,
        "volume_to_give_ml": decimal_of(found.volume_ml, 3),
        "dmso_g_per_kg": decimal_of(found.dmso_per_kg, 6),
        "endotoxin_eu_per_kg_h": None if found.endotoxin is None else decimal_of(found.endotoxin, 3),
    }  # fmt: skip


def weighings(a: Allocation) -> dict[str, Any]:
    """Every weight recorded for it, oldest first."""
    return {"items": a.weighings}


def held(a: Allocation) -> dict[str, Any]:
    """Every vial that was held for it, in order."""
    return {"items": a.vials}


def contents(p: Preparation) -> dict[str, Any]:
    """The vials and diluents of a preparation."""
    return {"vials": rows_of(p), "diluents": diluents_of(p)}


def label_pdf(p: Preparation) -> Response:
    """The label of a preparation as PDF: its last print."""
    answer = make_response(label_sheet(p))
    answer.headers["Content-Type"] = "application/pdf"
    answer.headers["Content-Disposition"] = f'inline; filename="label-{p.code}.pdf"'
    return answer


api = Api(
    "allocation",
    Allocation,
    schemas.AllocationSchema,
    path="allocations",
    doc="Prescriptions and their vials",
)
api.lists(
    filters={
        "state": fields.Choice(State), "recipient": fields.Ref("recipient"), "batch": fields.Ref("batch"),
        "protocol": fields.Ref("protocol"),
    }
)  # fmt: skip
api.shows()
api.creates(actions.draft, schemas.DraftSchema)
api.reads("dose", told, schemas.DoseSchema)
api.reads("weights", weighings, schemas.WeighingsSchema)
api.reads("vials", held, schemas.HeldsSchema)
api.acts(actions.amend, schemas.AmendSchema)
api.acts(actions.record_weight, schemas.WeightSchema, at="weights")
api.acts(actions.review_weight)
api.acts(actions.acknowledge_weight)
api.creates(actions.draft_from_paper, schemas.PaperDraftSchema, at="from-paper")
api.acts(actions.amend_transcription, schemas.PaperAmendSchema)
api.acts(actions.transcribe, schemas.TranscribeSchema)
api.acts(actions.prescribe)
api.acts(actions.send_back)
api.acts(actions.verify, schemas.PlanSchema)
api.acts(actions.verify_and_reserve, schemas.VerifyReserveSchema)
api.acts(actions.acknowledge_dose)
api.acts(actions.reserve, schemas.ReserveSchema)
api.acts(actions.pick, schemas.PickSchema)
api.acts(actions.dispense, schemas.DispenseSchema)
api.acts(actions.take_back, schemas.TakeBackSchema)
api.acts(actions.come_back)
api.acts(actions.waste)
api.acts(actions.review, schemas.PlanSchema)
api.acts(actions.plan_again, schemas.PlanSchema)
api.acts(actions.redirect, schemas.RedirectSchema)
api.acts(actions.cancel)

preparations = Api(
    "allocation", Preparation, schemas.PreparationSchema, path="preparations", doc="Thawed cells on their way"
)
preparations.lists(filters={"state": fields.Choice(PreparationState), "allocation": fields.Ref("allocation")})
preparations.shows()
preparations.reads("contents", contents, schemas.ContentsSchema)
preparations.sends("label.pdf", label_pdf, "application/pdf")
preparations.acts(actions.add_vials, schemas.AddVialsSchema)
preparations.acts(actions.add_diluent, schemas.DiluentInSchema)
preparations.acts(actions.finish, schemas.FinishSchema)
preparations.acts(actions.record_count, schemas.CountSchema, at="counts")
preparations.acts(actions.print_label)
preparations.acts(actions.discard, schemas.DiscardSchema)

apis = [api, preparations]
