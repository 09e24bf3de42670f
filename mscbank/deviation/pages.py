"""Deviations for people."""

from typing import Any

from mscbank.core import codes
from mscbank.core.access import Principal
from mscbank.core.i18n import _
from mscbank.core.web.filters import local, person
from mscbank.core.web.pages import Pages
from mscbank.deviation import actions
from mscbank.deviation.models import Deviation
from mscbank.deviation.schemas import (
    AcceptSchema,
    ClassifySchema,
    ConclusionSchema,
    DuplicateSchema,
    ExtendSchema,
    OpenSchema,
)
from mscbank.deviation.states import LIFE
from mscbank.deviation.views import named_by
from mscbank.deviation.words import severity_word


def _finding(deviation: Deviation) -> str:
    if deviation.blocks:
        return str(_("%(title)s: it blocks release", title=deviation.title))
    return deviation.title


def _context(deviation: Deviation, by: Principal) -> dict[str, Any]:
    facts = [
        (_("Severity"), severity_word(deviation.severity)),
        (_("Happened"), local(deviation.happened_at)),
        (_("Found"), local(deviation.found_at)),
        (_("Opened by"), person(deviation.opened_by)),
    ]
    if deviation.accepted_at:
        facts.append((_("Accepted"), f"{local(deviation.accepted_at)}, {person(deviation.accepted_by)}"))
    if deviation.closed_at:
        facts.append((_("Closed"), f"{local(deviation.closed_at)}, {person(deviation.closed_by)}"))
    texts = [
        (_("Description"), deviation.description),
        (_("What was done at once"), deviation.immediate_action),
        (_("Why it was accepted"), deviation.acceptance),
        (_("Root cause"), deviation.root_cause),
        (_("Impact on the product and on the patient"), deviation.impact),
        (_("Corrective and preventive action"), deviation.capa),
    ]
    return {
        "facts": facts,
        "texts": [pair for pair in texts if pair[1]],
        "about": [_subject(thing) for thing in named_by(deviation) if by.sees(thing.site)],
    }


def _subject(thing: Any) -> dict[str, Any]:
    found = codes.resolver(thing.kind)
    return {
        "kind": thing.kind.replace("_", " "),
        "code": thing.code,
        "title": found.title(thing) if found else thing.code,
        "url": found.page(thing) if found else None,
    }


pages = Pages("deviation", Deviation, path="deviations", title=_("Deviations"))
pages.lists(
    columns=[
        (_("Deviation"), lambda d: d.title),
        (_("Code"), lambda d: d.code),
        (_("Severity"), lambda d: severity_word(d.severity)),
        (_("Happened"), lambda d: local(d.happened_at)),
        (_("State"), lambda d: LIFE.word(d.state)),
    ]
)
pages.shows(context=_context, finding=_finding)
pages.creates(actions.open_deviation, OpenSchema, label=_("Report a deviation"))
pages.acts(actions.classify, ClassifySchema, label=_("Classify"))
pages.acts(actions.investigate)
pages.acts(actions.plan_capa, ConclusionSchema)
pages.acts(actions.accept, AcceptSchema, label=_("Accept for release"))
pages.acts(actions.close)
pages.acts(actions.extend, ExtendSchema, label=_("Add things it is about"))
pages.acts(actions.revise, ConclusionSchema, label=_("Correct the conclusion"))
pages.acts(actions.reject_as_duplicate, DuplicateSchema)

codes.resolves("deviation", page=pages.url, title=lambda deviation: deviation.title)
