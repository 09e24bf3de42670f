"""What the pages of a batch and of a lot show: passages with their figures, the growth curve, materials."""

from fractions import Fraction
from typing import Any

from mscbank.batch import growth
from mscbank.batch.models import Batch, MaterialLot, MaterialUse, Passage
from mscbank.batch.rules import batch_facts, counts_of, unchecked
from mscbank.batch.states import BATCH, BatchState, LotState
from mscbank.batch.words import COUNTED_WORDS, MATERIAL_WORDS, STEP_WORDS
from mscbank.collection.views import spaced
from mscbank.core import clock, pictures
from mscbank.core.access import Principal
from mscbank.core.i18n import _
from mscbank.core.types import decimal_of
from mscbank.core.web.filters import day, local, million, num, percent

MILLION = 10**6
WEEK = 7


def _decimal(value: Fraction | None, places: int) -> Any:
    return None if value is None else decimal_of(value, places)


def _grown(batch: Batch) -> list[growth.Grown]:
    surfaces = {p.number: p.surface_cm2 for p in batch.passages if p.surface_cm2 is not None}
    return growth.grown(counts_of(batch.passages), surfaces)


def growth_of(batch: Batch) -> dict[str, Any]:
    """How the culture grew: doublings from P1, yields, days."""
    counts = counts_of(batch.passages)
    ends = [count.harvested_at for count in counts if count.harvested_at is not None]
    days = growth.days_between(min(c.seeded_at for c in counts), max(ends)) if ends else None
    return {
        "passages": [
            {
                "number": g.count.number,
                "seeded_cells": g.count.seeded,
                "harvested_cells": g.count.harvested,
                "viability_percent": g.count.viability_percent,
                "population_doublings": g.doublings,
                "cumulative_population_doublings": g.cumulative,
                "fold_expansion": _decimal(g.fold, 2),
                "cells_per_cm2": _decimal(g.yield_per_cm2, 0),
                "days": _decimal(g.days, 1),
            }
            for g in _grown(batch)
        ],
        "cumulative_population_doublings": growth.cumulative_doublings(counts),
        "days_in_culture": _decimal(days, 1),
    }


def _round_step(most: int, parts: int) -> int:
    """A round step of 1, 2 or 5 times a power of ten, so that ``most`` takes at most ``parts`` of them."""
    power = 1
    while True:
        for factor in (1, 2, 5):
            if factor * power * parts >= most:
                return factor * power
        power *= 10


def curve_of(batch: Batch) -> Any:
    """The growth curve as a picture; nothing before the first count of cells that grow."""
    points = growth.curve(counts_of(batch.passages))
    if not points:
        return None
    most = max(point.cells for point in points)
    last = max(point.days for point in points)
    step, stride = _round_step(max(most, 1), 4), max(WEEK * -(-int(last) // (WEEK * 6)), WEEK)
    harvests = [point for point in points if point.is_harvest]
    sentence = "; ".join(
        str(
            _(
                "P%(number)s %(cells)s on day %(days)s",
                number=p.passage,
                cells=million(p.cells),
                days=num(p.days, 0),
            )
        )
        for p in harvests
    )
    return pictures.growth_curve(
        [(point.days, point.cells) for point in points],
        title=str(_("Growth of batch %(batch)s", batch=batch.code)),
        sentence=sentence,
        labels=[f"P{p.passage}: {million(p.cells)}" if p.is_harvest else "" for p in points],
        x_ticks=[(at, num(at)) for at in range(0, int(last) + stride, stride)],
        y_ticks=[
            (at, num(Fraction(at, MILLION), 0 if step >= MILLION else 2))
            for at in range(0, most + step, step)
        ],
        x_name=str(_("days since the first seeding")),
        y_name=str(_("million cells")),
    )


def passage_rows(batch: Batch) -> list[dict[str, Any]]:
    """The passages as the page's table shows them."""
    by_number = {passage.number: passage for passage in batch.passages}
    return [_passage_row(by_number[g.count.number], g) for g in _grown(batch)]


def _passage_row(passage: Passage, g: growth.Grown) -> dict[str, Any]:
    harvested = passage.harvested_at is not None
    complete = passage.seeding_checked_by is not None and (
        not harvested or passage.harvest_checked_by is not None
    )
    return {
        "passage": f"P{passage.number}",
        "seeded": million(passage.seeded_cells),
        "seeded_at": local(passage.seeded_at),
        "harvested": million(passage.harvested_cells),
        "harvested_at": local(passage.harvested_at) if harvested else None,
        "viability": percent(passage.viability_percent) if harvested else "–",
        "doublings": num(g.doublings) if g.doublings is not None else "–",
        "cumulative": num(g.cumulative) if g.cumulative is not None else "–",
        "fold": num(g.fold, 1) if g.fold is not None and passage.number else "–",
        "days": num(g.days, 1) if g.days is not None else "–",
        "counted_by": ", ".join(dict.fromkeys(filter(None, (passage.seeded_by, passage.harvested_by)))),
        "checked_by": ", ".join(
            dict.fromkeys(filter(None, (passage.seeding_checked_by, passage.harvest_checked_by)))
        ),
        "complete": complete,
        "note": passage.seeding_note,
        "vessels": passage.vessels,
    }


def batch_page(batch: Batch, by: Principal) -> dict[str, Any]:
    """What the page of a batch shows."""
    facts: list[tuple[Any, ...]] = [
        (_("From the marrow"), spaced(batch.donation.din), day(batch.donation.donated_on)),
        (_("For"), batch.directed_to.called, _("no one else, unless a qualified person directs it anew")),
        (_("Protocol"), batch.protocol.called),
        (
            _("Judged by"),
            batch.specification.called,
            _("frozen at the start") if batch.started_at else _("frozen when the culture begins"),
        ),
        (_("Planned"), local(batch.planned_at), batch.planned_by),
    ]
    for label, when, who in (
        (_("Started"), batch.started_at, batch.started_by),
        (_("Harvested"), batch.harvested_at, batch.harvested_by),
        (_("Frozen"), batch.frozen_at, batch.frozen_by),
    ):
        if when is not None:
            facts.append((label, local(when), who))
    if batch.ended_because:
        facts.append((_("Given up because"), batch.ended_because))
    return {
        "facts": facts,
        "passages": passage_rows(batch),
        "cumulative": num(growth.cumulative_doublings(counts_of(batch.passages))),
        "curve": curve_of(batch),
        "uses": [_use_row(use) for use in batch.uses],
        "corrections": [
            {
                "what": f"P{c.passage_number}, {COUNTED_WORDS[c.counted]}",
                "before": million(c.before_cells),
                "after": million(c.after_cells),
                "by": f"{c.before_by} → {c.corrected_by}",
                "when": local(c.corrected_at),
                "reason": c.reason,
            }
            for c in batch.corrections
        ],
        "unchecked": unchecked(batch.passages),
        "donation": batch.donation,
    }


def _use_row(use: MaterialUse) -> dict[str, Any]:
    return {
        "number": use.number,
        "lot": use.lot,
        "material": f"{MATERIAL_WORDS[use.lot.material]}: {use.lot.name}",
        "supplier": f"{use.lot.supplier}, {use.lot.supplier_lot}",
        "expires_on": use.lot.expires_on,
        "step": f"{STEP_WORDS[use.step]}"
        + (f", P{use.passage_number}" if use.passage_number is not None else ""),
        "quantity": f"{num(use.quantity.normalize() + 0)} {use.unit}",
        "used": f"{local(use.used_at)}, {use.used_by}",
        "struck": use.struck_by,
        "as_happened": use.as_happened,
        "rejected": use.lot.state is LotState.REJECTED,
    }


def finding(batch: Batch) -> str:
    """The title of a batch's page: what is up."""
    if batch.state is BatchState.PLANNED:
        facts = batch_facts([batch])[batch.id]
        ready = facts.donation_accepted and facts.unacceptable is None and facts.recipient is None
        return str(_("Ready to start") if ready else _("Planned, not yet ready to start"))
    if batch.state is BatchState.IN_CULTURE:
        waiting = unchecked(batch.passages)
        if len(waiting) == 1:
            return str(_("A count waits for a second person"))
        if waiting:
            return str(_("%(count)s counts wait for a second person", count=len(waiting)))
        if batch.passages and batch.passages[-1].harvested_at is None:
            days = growth.days_between(batch.passages[-1].seeded_at, clock.now())
            return str(
                _(
                    "P%(number)s in culture for %(days)s days",
                    number=batch.passages[-1].number,
                    days=num(days, 0),
                )
            )
        return str(_("In culture"))
    if batch.state is BatchState.HARVESTED:
        return str(_("Harvested: %(cells)s to fill", cells=million(batch.passages[-1].harvested_cells)))
    return BATCH.word(batch.state)


def lot_finding(lot: MaterialLot) -> str:
    """The title of a lot's page."""
    if lot.state is LotState.RELEASED and clock.today(lot.zone) > lot.expires_on:
        return str(_("%(lot)s: expired on %(day)s", lot=lot.called, day=day(lot.expires_on)))
    return lot.called
