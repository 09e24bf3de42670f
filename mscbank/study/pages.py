"""Protocols and specifications for people."""

from typing import Any

from mscbank.core import codes
from mscbank.core.access import Principal
from mscbank.core.i18n import Sentence, _
from mscbank.core.web.filters import local, million, person
from mscbank.core.web.pages import Pages
from mscbank.study import actions
from mscbank.study.models import Protocol, Specification, VisitPlan
from mscbank.study.schemas import (
    DraftProtocolSchema,
    DraftSpecificationSchema,
    SetCriterionSchema,
    SetLevelSchema,
    SetVisitSchema,
)
from mscbank.study.states import PROTOCOL_LIFE, SPECIFICATION_LIFE
from mscbank.study.views import approved_specifications
from mscbank.study.words import STAGE_WORDS, limit


def _after(visit: VisitPlan) -> Sentence:
    if visit.months is not None:
        return _("%(months)s months", months=visit.months)
    return _("%(days)s days", days=visit.days)


def _window(visit: VisitPlan) -> str:
    if not visit.before_days and not visit.after_days:
        return str(_("on the day"))
    return str(_("−%(before)s to +%(after)s days", before=visit.before_days, after=visit.after_days))


def _protocol(protocol: Protocol, by: Principal) -> dict[str, Any]:
    facts = [
        (_("Registry number"), protocol.registry_id),
        (_("Sponsor's study code"), protocol.sponsor_code),
        (_("Time zone of the infusion site"), protocol.infusion_zone),
        (_("Age"), _("%(low)s to %(high)s years", low=protocol.age_min, high=protocol.age_max)),
        (_("Least skin score"), protocol.skin_score_min),
        (
            _("Gate to the next level"),
            _("%(count)s infused, day %(day)s passed", count=protocol.gate_infused, day=protocol.gate_day),
        ),
        (_("Infusions for one recipient"), protocol.max_infusions),
        (_("Written by"), person(protocol.written_by)),
    ]
    if protocol.approved_at:
        facts.append((_("Approved"), f"{local(protocol.approved_at)}, {person(protocol.approved_by)}"))
    levels = [
        (level.number, million(level.viable_cells_per_kg), level.places, local(level.opened_at))
        for level in protocol.levels
    ]
    visits = [(visit.name, _after(visit), _window(visit)) for visit in protocol.visits]
    return {
        "facts": facts,
        "levels": levels,
        "visits": visits,
        "editions": [(s, specification_pages.url(s)) for s in approved_specifications(protocol)],
    }


def _protocol_finding(protocol: Protocol) -> str:
    if protocol.paused_at:
        return str(_("%(title)s: paused", title=protocol.title))
    return protocol.title


def _specification(specification: Specification, by: Principal) -> dict[str, Any]:
    facts = [
        (_("Protocol"), specification.protocol.called),
        (_("Edition"), specification.edition),
        (_("Written by"), person(specification.written_by)),
    ]
    if specification.approved_at:
        approved = f"{local(specification.approved_at)}, {person(specification.approved_by)}"
        facts.append((_("Approved"), approved))
    lines = [
        {
            "label": line.label,
            "limit": limit(line),
            "method": f"{line.method} ({line.edition})" if line.edition else line.method,
            "stage": STAGE_WORDS[line.stage],
            "days": line.turnaround_days,
            "blocking": line.blocking,
            "may_be_pending": line.may_be_pending,
        }
        for line in specification.criteria
    ]
    return {"facts": facts, "lines": lines}


protocol_pages = Pages("study", Protocol, path="protocols", title=_("Protocols"))
protocol_pages.lists(
    columns=[
        (_("Registry number"), lambda p: p.registry_id),
        (_("Title"), lambda p: p.title),
        (_("Places"), lambda p: sum(level.places for level in p.levels)),
        (_("State"), lambda p: PROTOCOL_LIFE.word(p.state)),
    ]
)
protocol_pages.shows(context=_protocol, finding=_protocol_finding)
protocol_pages.creates(actions.draft_protocol, DraftProtocolSchema, label=_("Draft a protocol"))
protocol_pages.acts(actions.approve_protocol)
protocol_pages.acts(actions.open_protocol)
protocol_pages.acts(actions.set_level, SetLevelSchema, label=_("Set a dose level"), at="levels")
protocol_pages.acts(actions.set_visit, SetVisitSchema, label=_("Set a visit"), at="visits")
protocol_pages.acts(actions.close_protocol)

specification_pages = Pages("study", Specification, path="specifications", title=_("Specifications"))
specification_pages.lists(
    columns=[
        (_("Name"), lambda s: s.name),
        (_("Edition"), lambda s: s.edition),
        (_("Protocol"), lambda s: s.protocol.called),
        (_("State"), lambda s: SPECIFICATION_LIFE.word(s.state)),
    ]
)
specification_pages.shows(context=_specification)
specification_pages.creates(
    actions.draft_specification, DraftSpecificationSchema, label=_("Draft an edition")
)
specification_pages.acts(actions.approve_specification)
specification_pages.acts(actions.set_criterion, SetCriterionSchema, label=_("Set a criterion"), at="criteria")
specification_pages.acts(actions.retire)

codes.resolves("protocol", page=protocol_pages.url, title=lambda protocol: protocol.called)
codes.resolves("specification", page=specification_pages.url, title=lambda one: one.called)

all_pages = [protocol_pages, specification_pages]
