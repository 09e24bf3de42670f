"""Where one decides about a dose: the statement that is signed, what it needs, and what else may be done."""

from typing import Any
from uuid import uuid4

from mscbank.allocation import prescribing, redirecting, reserving, rules, showing, transcribing, weighing
from mscbank.allocation.calculation import Worked
from mscbank.allocation.models import Allocation
from mscbank.allocation.states import State
from mscbank.core.access import Principal
from mscbank.core.i18n import _
from mscbank.core.web.filters import day, local
from mscbank.core.web.history import signatures_on
from mscbank.core.web.signing import signing_fields

PRIMARY: dict[State, tuple[str, ...]] = {
    State.DRAFT: ("prescribe", "transcribe"),
    State.PRESCRIBED: ("verify_and_reserve",),
    State.VERIFIED: ("reserve",),
    State.NEEDS_REVIEW: ("review",),
    State.RESERVED: ("pick", "dispense"),
    State.RETURNED: ("plan_again",),
    State.WASTED: ("plan_again",),
}
"""What a state waits for: it stands in the panel where one signs."""
OUT_OF_SEASON = frozenset(
    refusal.code
    for refusal in (
        prescribing.NOT_A_DRAFT, prescribing.NOT_BETWEEN, redirecting.HIS_ALREADY, redirecting.NOT_PRESCRIBED,
        rules.ON_PAPER, rules.NOT_ON_PAPER,
        reserving.NO_RETURN, reserving.PICK_LATER, weighing.NO_WEIGHT_NOW, weighing.NOTHING_OPEN,
        weighing.REVIEWED,
    )
)  # fmt: skip
SIGNED = {
    "prescription": _("Prescribed by"),
    "transcription": _("Transcribed by"),
    "verification": _("Verified by"),
    "dose acknowledged": _("Dose acknowledged by"),
    "weight change acknowledged": _("Weight acknowledged by"),
}
IN_PANEL = frozenset({"prescribe", "transcribe", "verify_and_reserve", "review", "plan_again"})


def _statement(name: str, a: Allocation, worked: Worked | None) -> str:
    who, amount = a.recipient.called, showing.per_kg_words(a.viable_cells_per_kg)
    count = worked.plan.vials if worked else 0
    sentences = {
        "prescribe": _("I prescribe %(dose)s viable cells per kg for %(who)s, to be infused on %(day)s.",
                       dose=amount, who=who, day=day(a.infusion_on)),
        "transcribe": _(
            "I have transcribed the paper that %(prescriber)s signed on %(signed)s: %(dose)s viable cells"
            " per kg for %(who)s, to be infused on %(day)s.",
            prescriber=a.paper_prescriber, signed=day(a.paper_on), dose=amount, who=who,
            day=day(a.infusion_on)),
        "verify_and_reserve": _(
            "I have checked the patient, the weight, each line of the dose and these %(count)s vials."
            " From this signature nobody else can take them.", count=count),
        "review": _("I have checked the patient, the new weight and each line of the dose again."),
        "plan_again": _("I have checked the patient, the weight and each line of the dose again."),
    }  # fmt: skip
    return str(sentences[name])


def paper_choices(a: Allocation) -> list[tuple[str, str]]:
    """What is attached and may be the signed paper."""
    return [(str(one.number), f"{one.number} · {one.title}") for one in transcribing.papers(a)]


def _label(name: str, label: str, worked: Worked | None) -> str:
    if name == "verify_and_reserve" and worked is not None:
        return str(_("Verify and reserve %(count)s vials", count=worked.plan.vials))
    return label


def signing(
    a: Allocation, worked: Worked | None, moves: list[dict[str, Any]], by: Principal
) -> dict[str, Any] | None:
    """The panel where this person signs: what the state waits for, off with its reason or open."""
    offered = {move["name"].split(".")[1]: move for move in moves}
    offered.pop("prescribe" if a.paper_on is not None else "transcribe", None)
    name = next((n for n in PRIMARY.get(a.state, ()) if n in offered and n in IN_PANEL), None)
    if name is None:
        return None
    move = offered[name]
    fields: list[Any] = []
    if name in ("review", "plan_again"):
        fields.append({"name": "reason", "label": str(_("Reason")), "kind": "textarea", "required": True})
    if name == "transcribe":
        fields.append({"name": "scan", "label": str(_("The signed paper, as attached")), "kind": "select",
                       "choices": paper_choices(a), "required": True,
                       "help": str(_("Attach it first, as a PDF or a picture."))})  # fmt: skip
    elif name != "prescribe" and a.paper_on is not None:
        fields.append({"name": "compared", "kind": "checkbox", "required": True,
                       "label": str(_("I have compared every line with the signed paper."))})  # fmt: skip
    choices = showing.offered_choices(worked)
    if choices and name not in ("prescribe", "transcribe"):
        fields.append({"name": "plan", "label": str(_("How the dose is given")), "kind": "select",
                       "choices": choices, "required": True, "value": choices[0][0]})  # fmt: skip
    if name == "verify_and_reserve" and worked is not None and not choices:
        shown = " ".join(vial.code for vial in worked.vials)
        fields.append({"name": "vials", "kind": "hidden", "value": shown})
    fields += signing_fields(("",), by, say_meaning=False)
    signs = {"prescribe": _("Prescribed by"), "transcribe": _("Transcribed by"),
             "verify_and_reserve": _("Verified by")}  # fmt: skip
    return {
        "title": str(_("Verify and reserve")) if name == "verify_and_reserve" else move["label"],
        "statement": _statement(name, a, worked), "url": move["url"], "key": move.get("key") or uuid4().hex,
        "move": {**move, "name": None, "label": _label(name, move["label"], worked),
                 "sign": "diamond" if name == "verify_and_reserve" else None},
        "fields": fields, "signer": (str(signs.get(name, _("Signs now:"))), by.printed_name),
        "earlier": [(str(SIGNED.get(s.meaning, _(s.meaning))), s.printed_name, local(s.signed_at), s.holds)
                    for s in signatures_on("allocation", a.code)],
        "note": _until(a),
    }  # fmt: skip


def _until(a: Allocation) -> str | None:
    if a.reserved_until is None:
        return None
    return str(_("Reserved until %(until)s, then it is shown as overdue.", until=local(a.reserved_until)))


def in_season(moves: list[dict[str, Any]], out_of_season: frozenset[str]) -> list[dict[str, Any]]:
    """The moves whose time it is: what is off only because its time has passed or not come is left out."""
    return [m for m in moves if m["obstacle"] is None or m["obstacle"]["code"] not in out_of_season]


def others(a: Allocation, moves: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Everything else that this person may do; the next step stands first and filled."""
    wanted = PRIMARY.get(a.state, ())
    rest = [
        m for m in in_season(moves, OUT_OF_SEASON) if m["name"].split(".")[1] not in IN_PANEL & set(wanted)
    ]
    first = [m for m in rest if m["name"].split(".")[1] in wanted]
    later = [m | {"filled": False} for m in rest if m not in first]
    seen_open = False
    for move in first:
        move["filled"] = move["obstacle"] is None and not seen_open
        seen_open |= bool(move["filled"])
    return [*first, *later]
