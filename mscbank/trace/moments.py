"""The milestones of a way in time: few words each; acts of the same sort on one day are told as one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from mscbank.core.i18n import Sentence, _

MILESTONES: Mapping[str, Sentence] = {
    "donation.procure": _("Marrow %(thing)s taken"),
    "donation.record_as_happened": _("Marrow %(thing)s taken, recorded afterwards"),
    "donation.reject": _("Marrow %(thing)s rejected"),
    "batch.start": _("%(thing)s put into culture"),
    "batch.abandon": _("%(thing)s abandoned"),
    "custody.fill": _("Vials of %(thing)s filled"),
    "batch.cryopreserve": _("%(thing)s frozen, every vial accounted for"),
    "batch.redirect": _("%(thing)s directed to another relative"),
    "release.certify": _("%(thing)s certified"),
    "release.release": _("%(thing)s released"),
    "release.release_conditionally": _("%(thing)s released in step 1"),
    "release.except": _("%(thing)s let out by exception"),
    "release.reject": _("%(thing)s rejected"),
    "release.suspend": _("%(thing)s suspended"),
    "release.recall": _("%(thing)s recalled"),
    "infusion.complete": _("%(thing)s completed"),
    "infusion.record_as_happened": _("%(thing)s happened past a gate"),
    "adverse_event.report": _("%(thing)s reported"),
    "adverse_event.draft_error": _("%(thing)s drafted"),
    "adverse_event.submit": _("%(thing)s submitted to the authority"),
    "deviation.open": _("Deviation: %(thing)s"),
    "deviation.open_classified": _("Deviation: %(thing)s"),
}
"""The acts that are milestones, by name, and how each is told; all other acts stand under ``all``."""


@dataclass(frozen=True)
class Act:
    """One act that touched a way: what, when, by whom, on which thing."""

    act: str
    action: str
    happened_at: datetime
    who: str
    kind: str
    code: str


@dataclass
class Moment:
    """Acts of one sort on one day: the first one's time, everybody who acted, the things."""

    action: str
    at: datetime
    who: list[str]
    things: list[tuple[str, str]]


def gather(acts: Iterable[Act]) -> list[Moment]:
    """Neighbouring acts of one sort on one day become one moment; the order of time stays."""
    found: list[Moment] = []
    for act in acts:
        last = found[-1] if found else None
        if last is None or last.action != act.action or last.at.date() != act.happened_at.date():
            found.append(Moment(act.action, act.happened_at, [act.who], [(act.kind, act.code)]))
            continue
        if act.who not in last.who:
            last.who.append(act.who)
        if (act.kind, act.code) not in last.things:
            last.things.append((act.kind, act.code))
    return found
