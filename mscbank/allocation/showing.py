"""How a dose looks: the ledger, the gauge, the vials proposed and those not, what the patient receives."""

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flask import url_for
from markupsafe import Markup

from mscbank.allocation import dose, facts, ledger, rules
from mscbank.allocation.calculation import StockVial, Worked
from mscbank.allocation.ledger import Line, Sources
from mscbank.allocation.models import Allergies, Allocation, Weighing
from mscbank.allocation.potency import Measured, Tested, people, tested
from mscbank.allocation.schemas import ALLERGY_WORDS, PLAN_WORDS
from mscbank.allocation.stability import WINDOW
from mscbank.allocation.states import LIFE
from mscbank.allocation.tolerances import WEIGHT_DAYS
from mscbank.collection.zones import civil
from mscbank.core import parameters
from mscbank.core.errors import Obstacle
from mscbank.core.i18n import _
from mscbank.core.pictures import band_gauge
from mscbank.core.types import decimal_of
from mscbank.core.web.filters import day, kg, local, num, percent, person
from mscbank.family import kinship
from mscbank.release.rules import releases_of

NBSP = "\u00a0"
GAUGE = 22
"""Percent to either side that the gauge shows: the tolerances and a little more."""


def millions(cells: Fraction | int, places: int = 3) -> str:
    """Cells in millions, with their places, by language."""
    return num(dose.millions(Fraction(cells), places))


def per_kg_words(viable_cells_per_kg: int) -> str:
    """The dose per kg as it is said: 1 million."""
    amount = ledger.plain(Fraction(viable_cells_per_kg, dose.MILLION), 6)
    return f"{num(amount)} {_('million')}"


def title(a: Allocation) -> str:
    """Patient, weight and dose per kg: whoever reads only the title knows what is to be given."""
    weight = facts.weights([a]).get(a.id)
    who = a.recipient.called
    return str(
        _(
            "%(who)s, %(weight)s, %(dose)s MSC per kg",
            who=who[:1].upper() + who[1:],
            weight=kg(weight.weight_g) if weight else _("no weight yet"),
            dose=per_kg_words(a.viable_cells_per_kg),
        )
    )


# --- the ledger ---------------------------------------------------------------------------------


def sources(a: Allocation, weight: Weighing | None, results: Tested, worked: Worked) -> Sources:
    """Where each entered number comes from, in words, and whether a second person reviewed it."""
    level = _("dose level %(level)s", level=a.dose_level.number)
    prescribed = str(level)
    if a.prescribed_by:
        prescribed = f"{person(a.prescribed_by)}, {local(a.prescribed_at)} · {level}"
    elif a.paper_on is not None:
        prescribed = f"{_signed_paper(a)} · {level}"
    return Sources(
        prescribed=prescribed,
        weight=_weight_source(a, weight) if weight else "",
        cells=_cells_source(worked.vials),
        recovery=_test_source(results.recovery),
        viability=_viability_source(results),
        is_prescribed=True if a.prescribed_by or a.is_compared else None,
        is_weight_reviewed=weight is not None and (weight.reviewed_by or weight.acknowledged_by) is not None,
        is_tested=results.potency is not None,
    )


def _viability_source(results: Tested) -> str:
    first, second = results.recovery, results.viability
    if first and second and first.line.result.tested_at == second.line.result.tested_at:
        return str(_("same test thaw · counted once only"))
    return _test_source(second)


def _weight_source(a: Allocation, weight: Weighing) -> str:
    days = (a.infusion_on - weight.weighed_on).days
    oldest: int = parameters.value(WEIGHT_DAYS)
    said = _("%(days)s days before infusion, limit %(limit)s", days=days, limit=oldest)
    return f"{weight.weighed_where}, {local(weight.weighed_at)} · {said}"


def _cells_source(vials: Iterable[StockVial]) -> str:
    listed = sorted(vials, key=lambda v: v.number)
    if not listed:
        return ""
    numbers = (
        f"{listed[0].number:02d}–{listed[-1].number:02d}" if len(listed) > 1 else f"{listed[0].number:02d}"
    )
    low, high = min(v.tnc for v in listed), max(v.tnc for v in listed)
    said = _("batch record, vials %(numbers)s", numbers=numbers)
    if low == high:
        return f"{said}: {_('each the same')}"
    return f"{said}: {millions(low, 1)}–{millions(high, 1)}"


def _test_source(measured: Measured | None) -> str:
    if measured is None:
        return ""
    who, reviewer = people(measured.line)
    said = _("%(who)s, reviewed %(reviewer)s", who=who, reviewer=reviewer)
    return f"{_('test thaw')}, {day(measured.line.result.tested_at.date())} · {said}"


def ledger_rows(found: list[Line]) -> list[dict[str, Any]]:
    """The lines as the ledger shows them."""
    return [
        {
            "label": str(line.label), "value": num(line.number), "unit": str(line.unit),
            "source": line.source, "kind": line.kind.value, "reviewed": line.reviewed,
        }
        for line in found
    ]  # fmt: skip


# --- the paper ----------------------------------------------------------------------------------


def _signed_paper(a: Allocation) -> str:
    return str(_("%(who)s, on paper of %(day)s", who=a.paper_prescriber, day=day(a.paper_on)))


def scan_url(a: Allocation) -> str | None:
    """Where the signed paper is looked at."""
    return url_for("attachments.view", code=a.code, number=a.scan.number) if a.scan else None


LINKED = Markup('<a href="{}" target="_blank" rel="noopener">{}</a> <span class="code">{}…</span>')


def paper_facts(a: Allocation) -> list[tuple[str, Any]]:
    """Of a transcribed prescription: who signed the paper, who transcribed it, and the paper itself."""
    if a.paper_on is None:
        return []
    found: list[tuple[str, Any]] = [(str(_("Signed on paper")), _signed_paper(a))]
    if a.scan is not None:
        by = f"{person(a.transcribed_by)}, {local(a.transcribed_at)}"
        paper = LINKED.format(scan_url(a), a.scan.title, a.scan.digest[:16])
        found += [(str(_("Transcribed by")), by), (str(_("The signed paper")), paper)]
    return found


def _compared(a: Allocation) -> dict[str, Any]:
    """Whether the transcription was compared with the paper, as a line of what was looked up."""
    known = a.is_compared
    return {
        "what": str(_("Transcribed from paper")),
        "note": str(_("compared with the paper by %(who)s", who=person(a.verified_by)) if known
                    else _("compare it with the signed paper")),
        "sign": "check" if known else "triangle", "colour": "go" if known else "wait", "url": scan_url(a),
    }  # fmt: skip


def state_words(a: Allocation) -> str:
    """The state as lists show it, marked where it was transcribed."""
    word = LIFE.word(a.state)
    return f"{word} · {_('transcribed from paper')}" if a.paper_on is not None else word


# --- the gauge ----------------------------------------------------------------------------------


def gauge(worked: Worked) -> Markup:
    """The planned dose in its tolerance bands, with the limits written."""
    limits = worked.given.limits
    accept, acknowledge = Decimal(limits.accept), Decimal(limits.acknowledge)
    edge = max(acknowledge + 2, Decimal(GAUGE))
    off = dose.percent_shown(worked.plan.difference)
    said = {
        "accept": _("accepted"),
        "acknowledge": _("the prescriber must acknowledge"),
        "refuse": _("refused"),
    }[worked.plan.band.value]
    signed = _off(worked.plan.difference)
    bands = [
        (-edge, -acknowledge, "stop"), (-acknowledge, -accept, "wait"), (-accept, accept, "go"),
        (accept, acknowledge, "wait"), (acknowledge, edge, "stop"),
    ]  # fmt: skip
    ticks = [(at, f"{'+' if at > 0 else ''}{percent(at)}") for at in
             (-acknowledge, -accept, Decimal(0), accept, acknowledge)]  # fmt: skip
    return band_gauge(
        off, bands, ticks, label=f"{signed}, {said}", title=str(_("Difference from the prescription")),
        sentence=str(_("%(off)s from the prescribed dose: %(said)s.", off=signed, said=said)),
    )  # fmt: skip


# --- what the patient receives, what is checked -------------------------------------------------


def receives(worked: Worked) -> list[tuple[str, str]]:
    """What the patient gets, in the words of the ward."""
    plan, limits = worked.plan, worked.given.limits
    whole = plan.share == 1
    count = (
        _("%(count)s whole vials", count=plan.vials)
        if whole
        else _("%(count)s vials, in part", count=plan.vials)
    )
    volume = num(ledger.plain(Fraction(decimal_of(worked.volume_ml, 2)), 2))
    left = num(ledger.plain(Fraction(decimal_of(worked.pooled_ml - worked.volume_ml, 2)), 2))
    rest = _("nothing discarded") if whole else _("%(left)s mL discarded", left=left)
    grams = num(ledger.plain(worked.dmso_g, 2))
    return [
        (str(_("Vials")), str(count)),
        (str(_("Viable cells")), f"{millions(plan.planned_viable)} {_('million')}"),
        (str(_("Dose")), str(_("%(dose)s million per kg", dose=millions(worked.per_kg, 2)))),
        (str(_("Volume to give")), f"{volume}{NBSP}mL, {rest}"),
        (str(_("DMSO")), f"{num(worked.dmso_per_kg, 3)}{NBSP}g/kg, {grams}{NBSP}g; "
         + str(_("limit %(limit)s g/kg a day", limit=num(limits.dmso_g_per_kg)))),
    ]  # fmt: skip


def against(found: Iterable[Obstacle]) -> list[dict[str, Any]]:
    """Obstacles as red lines, each once, with who can lift it."""
    once = {one.code: one for one in found}
    return [
        {"sign": "octagon", "colour": "stop", "what": str(o.sentence), "note": ", ".join(o.who_words)}
        for o in once.values()
    ]


def checks(a: Allocation, judged: rules.Facts, worked: Worked | None) -> list[dict[str, Any]]:
    """What was looked up for the pharmacist; what stands against it comes first, with its reason."""
    more = [rules.weight_obstacle(judged), facts.judge_dose(a, worked) if worked is not None else None]
    red = against(one for one in (*judged.patient, *judged.chain, *more) if one is not None)
    return [*red, *_green(a, judged, worked)]


def _green(a: Allocation, judged: rules.Facts, worked: Worked | None) -> list[dict[str, Any]]:
    window: int = parameters.value(WINDOW)
    found: list[dict[str, Any]] = [_compared(a)] if a.paper_on is not None else []
    if not judged.chain:
        found += [_kinship(a), _released(a)]
    if not judged.patient:
        found.append({"what": str(_("No earlier infusion")), "note": str(_("protocol allows one"))})
    asked = a.allergies is not Allergies.NOT_ASKED
    found.append(
        {
            "what": str(_("Allergies")), "note": a.allergy_note or str(ALLERGY_WORDS[a.allergies]),
            "sign": "check" if a.allergies is Allergies.NONE_KNOWN else "triangle" if asked else "octagon",
            "colour": "go" if a.allergies is Allergies.NONE_KNOWN else "wait" if asked else "stop",
        }
    )  # fmt: skip
    if worked is not None and worked.endotoxin is not None and worked.endotoxin_ok:
        limit = num(worked.given.limits.endotoxin_eu_per_kg_h)
        load = num(ledger.plain(worked.endotoxin, 2))
        found.append({"what": str(_("Endotoxin")), "note": f"{load} EU/kg/h, {_('limit')} {limit}"})
    found.append({"what": str(_("Thaw to end of infusion")), "note": f"{window}{NBSP}min"})
    return found


def _kinship(a: Allocation) -> dict[str, Any]:
    link = a.batch.link
    word = str(kinship.called(link.relation, link.donor.sex))
    said = _("%(relation)s of %(who)s", relation=word[:1].upper() + word[1:], who=a.recipient.called)
    on = day(link.verified_at.date()) if link.verified_at else "–"
    return {"what": str(said), "note": str(_("link verified %(day)s", day=on))}


def _released(a: Allocation) -> dict[str, Any]:
    release = releases_of([a.batch_id]).get(a.batch_id)
    when = release.released_at or release.certified_at if release else None
    who = person(release.released_by or release.certified_by) if release else ""
    on = day(civil(when, a.batch.zone)) if when else "–"
    return {"what": str(_("Batch released")), "note": f"{who}, {on}"}


def _vials(count: int) -> str:
    return str(_("%(count)s vials", count=count) if count != 1 else _("1 vial"))


def _off(difference: Fraction) -> str:
    off = dose.percent_shown(difference)
    return f"{'+' if off > 0 else ''}{percent(off)}"


def offered_choices(worked: Worked | None) -> list[tuple[str, str]]:
    """The ways of giving the dose, where there is a choice."""
    if worked is None or len(worked.offered) < 2:
        return []
    return [
        (plan.kind.value, f"{PLAN_WORDS[plan.kind]}: {_vials(plan.vials)}, {_off(plan.difference)}")
        for plan in worked.offered
    ]


def results_of(a: Allocation) -> Tested:
    """The results of the batch from which the dose follows."""
    return tested([a.batch_id]).get(a.batch_id, Tested())
