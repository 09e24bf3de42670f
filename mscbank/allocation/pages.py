"""The dose for people: the evidence line by line on the left, the decision and its signature on the right."""

from typing import Any

from flask import url_for
from sqlalchemy import select
from werkzeug.wrappers import Response

from mscbank.allocation import actions, deciding, dose, facts, prepared, rules, schemas, showing, stocklist
from mscbank.allocation.api import label_pdf
from mscbank.allocation.calculation import Worked
from mscbank.allocation.ledger import lines
from mscbank.allocation.models import Allocation, Preparation
from mscbank.allocation.states import PREPARATION_LIFE, State
from mscbank.batch.models import Batch
from mscbank.core import codes
from mscbank.core.access import Principal
from mscbank.core.db import session
from mscbank.core.i18n import _
from mscbank.core.web.filters import day, local, percent, person
from mscbank.core.web.here import actor, find
from mscbank.core.web.pages import Pages
from mscbank.custody.models import Vial
from mscbank.custody.states import RESERVATION
from mscbank.custody.views import where
from mscbank.family.models import Recipient
from mscbank.release.rules import stands_released
from mscbank.study.models import Protocol
from mscbank.study.states import ProtocolState

HELD_STATES = (State.RESERVED, State.DISPENSED, State.COMPLETED, State.NEEDS_REVIEW)


def _context(a: Allocation, by: Principal) -> dict[str, Any]:
    judged = facts.facts([a])[a.id]
    worked = facts.worked(a)
    weight = facts.weights([a]).get(a.id)
    moves = pages.moves(a, by)
    vials = _vials(a)
    context: dict[str, Any] = {
        "worked": worked, "small": _small(a), "checks": showing.checks(a, judged, worked),
        "signing": deciding.signing(a, worked, moves, by), "others": deciding.others(a, moves),
        "held": _held(a), "weights": _weights(a), "notes": _notes(a), "missing": _missing(judged, worked),
        "preparations": _preparations(a), "choose_url": _choose(a, moves),
    }  # fmt: skip
    if worked is not None:
        sources = showing.sources(a, weight, showing.results_of(a), worked)
        taken = {vial.code for vial in worked.vials}
        spare = [c for c in worked.proposal.order if c.code not in taken]
        context |= {
            "ledger": showing.ledger_rows(lines(worked, sources)), "gauge": showing.gauge(worked),
            "receives": showing.receives(worked), "proposed": stocklist.vial_rows(worked, vials),
            "left": stocklist.left_rows(worked, vials) + stocklist.other_batches(a), "spare": len(spare),
            "accept": percent(worked.given.limits.accept),
            "acknowledge": percent(worked.given.limits.acknowledge),
        }  # fmt: skip
    return context


def _choose(a: Allocation, moves: list[dict[str, Any]]) -> str | None:
    """Where other vials than the proposed ones are chosen."""
    names = ("allocation.verify_and_reserve", "allocation.reserve")
    found = next((m for m in moves if m["name"] in names and m["obstacle"] is None), None)
    return found["url"] if found else None


def _vials(a: Allocation) -> dict[str, Vial]:
    rows = session.scalars(select(Vial).where(Vial.batch_id == a.batch_id))
    return {vial.code: vial for vial in rows}


def _small(a: Allocation) -> list[str]:
    found = [str(_("prescription %(reference)s", reference=a.reference))] if a.reference else []
    if a.paper_on is not None:
        found.append(str(_("transcribed from paper")))
    return [*found, str(_("batch %(batch)s", batch=a.batch.code)),
            str(_("infusion %(day)s", day=day(a.infusion_on)))]  # fmt: skip


def _missing(judged: rules.Facts, worked: Worked | None) -> str | None:
    """Why there is no dose to show, if there is none."""
    if worked is not None:
        return None
    found = rules.weight_obstacle(judged) or rules.dose_obstacle(judged) or rules.NO_VIALS()
    return str(found.sentence)


def _held(a: Allocation) -> list[dict[str, Any]]:
    if a.state not in HELD_STATES:
        return []
    return [
        {
            "number": str(_("Vial %(number)s", number=row.vial.called)), "code": row.vial.code,
            "url": url_for("vials.show", code=row.vial.code), "where": where(row.vial),
            "spare": row.is_spare,
            "sign": (*RESERVATION.sign(row.vial.reservation), RESERVATION.word(row.vial.reservation)),
            "picked": _("picked by %(who)s, checked by %(second)s", who=person(row.picked_by),
                        second=person(row.pick_checked_by)) if row.picked_by else "",
        }
        for row in facts.held_rows([a])[a.id]
    ]  # fmt: skip


def _weights(a: Allocation) -> list[dict[str, Any]]:
    return [
        {
            "weight": row.weight_g, "when": row.weighed_at, "where": row.weighed_where,
            "entered": person(row.entered_by), "reviewed": person(row.reviewed_by),
            "acknowledged": person(row.acknowledged_by), "band": row.band.value,
            "change": _change(row.weight_g, row.last_weight_g),
        }
        for row in reversed(a.weighings)
    ]  # fmt: skip


def _change(weight_g: int, before_g: int | None) -> str:
    if before_g is None:
        return ""
    off = dose.percent_shown(dose.weight_change(weight_g, before_g))
    return f"{'+' if off > 0 else ''}{percent(off)}"


def _notes(a: Allocation) -> list[tuple[str, str]]:
    found = [(str(_("Fluid, kidney, heart")), a.fluid_note), (str(_("Passed the gate")), a.gate_passed),
             (str(_("Source")), a.source_document)]  # fmt: skip
    return [*showing.paper_facts(a), *((label, text) for label, text in found if text)]


def _preparations(a: Allocation) -> list[dict[str, Any]]:
    rows = session.scalars(
        select(Preparation).where(Preparation.allocation_id == a.id).order_by(Preparation.id)
    )
    return [
        {"code": p.code, "url": preparation_pages.url(p), "state": PREPARATION_LIFE.word(p.state),
         "sign": PREPARATION_LIFE.sign(p.state), "expires": p.expires_at}
        for p in rows
    ]  # fmt: skip


# --- choices ------------------------------------------------------------------------------------


def _patients(_thing: Any) -> list[tuple[str, str]]:
    rows = session.scalars(
        select(Recipient).where(Recipient.state == "enrolled").order_by(Recipient.id.desc())
    )
    return [(r.code, f"{r.called} · {r.code}") for r in rows]


def _protocols(_thing: Any) -> list[tuple[str, str]]:
    rows = session.scalars(select(Protocol).where(Protocol.state == ProtocolState.OPEN).order_by(Protocol.id))
    return [(p.code, p.called) for p in rows]


def _batches(_thing: Any) -> list[tuple[str, str]]:
    listed = session.scalars(select(Batch).order_by(Batch.id.desc())).all()
    usable = stands_released([b.id for b in listed])
    return [
        (b.code, str(_("%(batch)s, directed to %(who)s", batch=b.code, who=b.directed_to.called)))
        for b in listed
        if b.id in usable
    ]


def _held_choices(a: Allocation) -> list[tuple[str, str]]:
    return [
        (row.vial.code, f"{_('Vial')} {row.vial.called} · {where(row.vial)}")
        for row in facts.held_rows([a])[a.id]
    ]


def _plans(a: Allocation) -> list[tuple[str, str]]:
    return showing.offered_choices(facts.worked(a))


pages = Pages("allocation", Allocation, path="allocations", title=_("Prescriptions"))
pages.lists(
    columns=[
        (_("Patient"), lambda a: a.recipient.called),
        (_("Prescription"), lambda a: a.code),
        (_("Dose"), lambda a: f"{showing.per_kg_words(a.viable_cells_per_kg)}/kg"),
        (_("Batch"), lambda a: a.batch.code),
        (_("Infusion"), lambda a: day(a.infusion_on)),
        (_("State"), showing.state_words),
    ],
    empty=_("Nothing is prescribed."),
)
pages.creates(
    actions.draft, schemas.DraftSchema, label=_("Draft a prescription"),
    choices={"recipient": _patients, "protocol": _protocols, "batch": _batches},
)  # fmt: skip
pages.creates(
    actions.draft_from_paper, schemas.PaperDraftSchema, label=_("Transcribe a paper prescription"),
    choices={"recipient": _patients, "protocol": _protocols, "batch": _batches}, at="from-paper",
)  # fmt: skip
pages.shows(context=_context, finding=showing.title)
pages.acts(actions.record_weight, schemas.WeightSchema, at="weights", label=_("Record a weight"))
pages.acts(actions.review_weight, label=_("Review the weight"))
pages.acts(actions.acknowledge_weight, label=_("Acknowledge the changed weight"))
pages.acts(actions.amend, schemas.AmendSchema, label=_("Change the draft"), choices={"batch": _batches})
pages.acts(
    actions.amend_transcription, schemas.PaperAmendSchema, label=_("Correct the transcription"),
    choices={"batch": _batches},
)  # fmt: skip
pages.acts(actions.prescribe)
pages.acts(actions.transcribe, schemas.TranscribeSchema, choices={"scan": deciding.paper_choices})
pages.acts(
    actions.verify_and_reserve,
    schemas.VerifyReserveSchema,
    label=_("Verify and reserve"),
    choices={"plan": _plans},
)
pages.acts(actions.verify, schemas.PlanSchema, choices={"plan": _plans})
pages.acts(actions.acknowledge_dose, label=_("Acknowledge the dose"))
pages.acts(actions.reserve, schemas.ReserveSchema)
pages.acts(actions.pick, schemas.PickSchema, label=_("Pick"), choices={"vials": _held_choices})
pages.acts(actions.dispense, schemas.DispenseSchema)
pages.acts(actions.review, schemas.PlanSchema, choices={"plan": _plans})
pages.acts(actions.plan_again, schemas.PlanSchema, choices={"plan": _plans})
pages.acts(
    actions.take_back, schemas.TakeBackSchema, label=_("Take vials back"), choices={"vials": _held_choices}
)
pages.acts(actions.come_back)
pages.acts(actions.waste)
pages.acts(actions.redirect, schemas.RedirectSchema, label=_("Direct the batch to this patient"))
pages.acts(actions.send_back)
pages.acts(actions.cancel)


# --- preparations -------------------------------------------------------------------------------


preparation_pages = Pages("allocation", Preparation, path="preparations", title=_("Preparations"))
preparation_pages.lists(
    columns=[
        (_("Preparation"), lambda p: p.code),
        (_("For"), lambda p: p.allocation.recipient.called),
        (_("First thaw"), lambda p: local(p.first_thaw_at)),
        (_("Give before"), lambda p: local(p.expires_at)),
        (_("State"), lambda p: PREPARATION_LIFE.word(p.state)),
    ],
    empty=_("Nothing is thawed."),
)
preparation_pages.shows(
    context=lambda p, by: prepared.told(p, preparation_pages.moves(p, by)), finding=prepared.finding
)
preparation_pages.acts(
    actions.add_vials,
    schemas.AddVialsSchema,
    label=_("Put thawed vials in"),
    choices={"vials": prepared.thawed_choices},
)
preparation_pages.acts(actions.add_diluent, schemas.DiluentInSchema, label=_("Add a diluent"))
preparation_pages.acts(actions.finish, schemas.FinishSchema)
preparation_pages.acts(actions.print_label, label=_("Print the label"))
preparation_pages.acts(actions.record_count, schemas.CountSchema, at="counts", label=_("Record the count"))
preparation_pages.acts(actions.discard, schemas.DiscardSchema)


@preparation_pages.get("/<code>/label.pdf", endpoint="label")
def label(code: str) -> Response:
    """The label of a preparation, for the printer."""
    actor()
    return label_pdf(find(Preparation, code))


all_pages = [pages, preparation_pages]
codes.resolves("allocation", page=pages.url, title=lambda a: a.recipient.called)
codes.resolves("preparation", page=preparation_pages.url, title=lambda p: p.allocation.recipient.called)
