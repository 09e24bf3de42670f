"""The vials that are proposed, those that are not, and why: as the page of a dose lists them."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from flask import url_for
from sqlalchemy import func, select

from mscbank.allocation import ledger, showing
from mscbank.allocation.calculation import Worked
from mscbank.allocation.models import Allocation
from mscbank.batch.models import Batch
from mscbank.core.db import any_of, session
from mscbank.core.errors import Obstacle
from mscbank.core.i18n import _
from mscbank.core.web.filters import day, num, person
from mscbank.custody.facts import open_holds
from mscbank.custody.models import CustodyEvent, Hold, Vial
from mscbank.custody.states import USABLE_QUALITY, Condition, Reservation
from mscbank.custody.views import sign_of, where
from mscbank.family.models import Recipient

MOST_BATCHES = 4


def vial_rows(worked: Worked, vials: dict[str, Vial]) -> list[dict[str, Any]]:
    """The vials of the plan: number, code, place, cells, volume, expiry, quality."""
    held = open_holds(vials.values())
    return [
        {
            "number": str(_("Vial %(number)s", number=f"{one.number:02d}")), "code": one.code,
            "url": url_for("vials.show", code=one.code),
            "where": where(vials[one.code]), "viable": showing.millions(worked.viable[one.code]),
            "volume": num(ledger.plain(Fraction(one.volume_ml), 3)), "expires": day(one.expires_on),
            "sign": sign_of(vials[one.code], held[vials[one.code].id]),
        }
        for one in worked.vials
    ]  # fmt: skip


@dataclass(frozen=True)
class Left:
    """Vials that are not proposed, for one and the same reason."""

    numbers: tuple[int, ...]
    sign: tuple[str, str, str]
    why: str
    until: str

    @property
    def called(self) -> str:
        """Vial 05, or vials 01, 02."""
        said = ", ".join(f"{n:02d}" for n in self.numbers)
        return str(_("Vial %(n)s", n=said) if len(self.numbers) == 1 else _("Vials %(n)s", n=said))


def left_rows(worked: Worked, vials: dict[str, Vial]) -> list[dict[str, Any]]:
    """Every vial of the batch that cannot be taken: its state, why, and who can change it, if anybody."""
    shown = [c for c in worked.proposal.excluded if c.code not in {v.code for v in worked.vials}]
    rows = [vials[c.code] for c in shown]
    held, last = open_holds(rows), _last_events(rows)
    groups: dict[tuple[tuple[str, str, str], str, str], list[int]] = {}
    for candidate, vial in zip(shown, rows, strict=True):
        sign = sign_of(vial, held[vial.id])
        why, until = _why(vial, candidate.obstacle, held[vial.id], last.get(vial.id))
        groups.setdefault((sign, why, until), []).append(candidate.number)
    found = [Left(tuple(numbers), sign, why, until) for (sign, why, until), numbers in groups.items()]
    return [
        {"number": one.called, "sign": one.sign, "why": one.why, "until": one.until}
        for one in sorted(found, key=lambda one: (one.until == str(_("final")), one.numbers))
    ]


def _why(
    vial: Vial, obstacle: Obstacle | None, holds: list[Hold], event: CustodyEvent | None
) -> tuple[str, str]:
    if vial.is_gone or vial.condition is Condition.RETAINED:
        return (event.detail if event and event.detail else ""), str(_("final"))
    if holds:
        return holds[0].reason, f"{person(holds[0].placed_by)}, {day(holds[0].placed_at.date())}"
    if vial.reservation is not Reservation.NONE and vial.reserved_by:
        return str(_("kept for prescription %(code)s", code=vial.reserved_by)), ""
    if obstacle is None:
        return "", ""
    return str(obstacle.sentence), ", ".join(obstacle.who_words)


def _last_events(vials: list[Vial]) -> dict[int, CustodyEvent]:
    rows = session.scalars(
        select(CustodyEvent)
        .where(any_of(CustodyEvent.vial_id, [vial.id for vial in vials]))
        .order_by(CustodyEvent.sequence)
    )
    return {row.vial_id: row for row in rows}


def _directed(recipient: Recipient) -> str:
    return str(_("Directed to %(who)s; a batch goes only to its own relative", who=recipient.called))


def other_batches(a: Allocation) -> list[dict[str, Any]]:
    """Other batches with usable stock: each goes only to its own relative (invariant 14)."""
    rows = session.execute(
        select(Batch.code, Batch.directed_to_id, func.count(Vial.id))
        .join(Vial, Vial.batch_id == Batch.id)
        .where(
            Batch.protocol_id == a.protocol_id, Batch.id != a.batch_id, Vial.quality.in_(USABLE_QUALITY),
            Vial.condition == Condition.FROZEN,
        )
        .group_by(Batch.id, Batch.code, Batch.directed_to_id)
        .order_by(Batch.id.desc())
    ).all()  # fmt: skip
    wanted, other, own = rows[:MOST_BATCHES], _("Other patient"), _("A dose comes from one batch")
    keys = {row[1] for row in wanted}
    people_of = {r.id: r for r in session.scalars(select(Recipient).where(any_of(Recipient.id, keys)))}
    found = [
        {
            "number": str(_("%(batch)s, %(count)s vials", batch=code, count=count)),
            "sign": ("octagon", "stop", str(other)) if whose != a.recipient_id
            else ("ring", "end", str(_("Other batch"))),
            "why": _directed(people_of[whose]) if whose != a.recipient_id else str(own),
            "until": str(_("final")) if whose != a.recipient_id else "",
        }
        for code, whose, count in wanted
    ]  # fmt: skip
    if len(rows) > MOST_BATCHES:
        more = len(rows) - MOST_BATCHES
        sign = ("octagon", "stop", str(other))
        found.append(
            {"number": str(_("%(count)s more batches", count=more)), "sign": sign, "why": "", "until": ""}
        )
    return found
