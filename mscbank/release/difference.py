"""What was certified, and how a later certification differs from it (Annex 11, 8.2; 21 CFR 11.70)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from mscbank.core.canonical import canonical
from mscbank.core.db import session
from mscbank.core.i18n import Sentence, _, say
from mscbank.core.reading import once_an_act
from mscbank.custody.models import Vial
from mscbank.deviation import rules as deviation_rules
from mscbank.release.judged import Judged, judged, signed_results
from mscbank.release.models import Certification, Release
from mscbank.release.trail import things
from mscbank.release.words import with_unit

HEADS: dict[str, Sentence] = {
    "recipient": _("Directed to"),
    "specification": _("Specification"),
    "donation": _("Donation (DIN)"),
    "vials": _("Vials filled"),
    "materials": _("Material lots"),
    "deviations": _("Deviations"),
}
"""What stands in a certification beside the results, in words."""


@dataclass(frozen=True)
class Difference:
    """One thing that was certified differently: what, as it was, as it is."""

    what: str
    was: str
    now: str


@once_an_act
def certified_content(release: Release) -> dict[str, Any]:
    """What a certification certifies, as things stand: identity, materials, deviations, every result."""
    batch = release.batch
    lots = {use.lot.code for use in batch.uses if use.struck_at is None}
    found = deviation_rules.about(things(release))
    deviations = {f"{one.code} {one.severity or ''}".strip() for listed in found.values() for one in listed}
    vials = session.scalars(select(Vial.id).where(Vial.batch_id == batch.id)).all()
    return {
        "recipient": batch.directed_to.code,
        "specification": f"{batch.specification.code} {batch.specification.edition}",
        "donation": batch.donation.din,
        "vials": len(vials),
        "materials": sorted(lots),
        "deviations": sorted(deviations),
        "results": signed_results(release),
    }


def kept(release: Release) -> str:
    """The same as the register keeps it."""
    return canonical(certified_content(release))


def compare(
    was: Mapping[str, Any], now: Mapping[str, Any], labels: Mapping[str, str] | None = None
) -> list[Difference]:
    """How two certified contents differ, in the order of the certificate. Pure; both canonical.

    ``labels``: attribute → how the specification calls the test.
    """
    found = [
        Difference(say(head), _words(was.get(name)), _words(now.get(name)))
        for name, head in HEADS.items()
        if was.get(name) != now.get(name)
    ]
    before, after = _by_test(was["results"]), _by_test(now["results"])
    for attribute in dict.fromkeys((*before, *after)):
        old, new = before.get(attribute, ""), after.get(attribute, "")
        if old != new:
            found.append(Difference((labels or {}).get(attribute, attribute), old or "–", new or "–"))
    return found


def _words(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(str(one) for one in value) or "–"
    return str(value)


def _by_test(results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Attribute → the results that count, with who entered and who reviewed them."""
    found: dict[str, list[str]] = {}
    for one in results:
        if one["standing"]:
            people = " / ".join(filter(None, (one["entered_by"], one["reviewed_by"])))
            found.setdefault(one["attribute"], []).append(
                f"{with_unit(one['value_text'], one['unit'])} ({people})"
            )
    return {attribute: " · ".join(listed) for attribute, listed in found.items()}


@dataclass(frozen=True)
class Compared:
    """Two states of a batch beside each other: the certification before, and the one after or now."""

    before: Certification
    after: Certification | None
    """``None``: as things stand now."""
    differences: list[Difference]


def compared(release: Release, listed: Sequence[Judged] | None = None) -> list[Compared]:
    """The last certification against the one before it, and what is now against the last, where they differ
    or where the record stands open again."""
    register = release.certifications
    if not register:
        return []
    lines = judged([release])[release.id] if listed is None else listed
    labels = {one.criterion.attribute: one.criterion.label for one in lines}
    found = []
    if len(register) > 1:
        before, after = register[-2:]
        both = (json.loads(before.certified), json.loads(after.certified))
        found.append(Compared(before, after, compare(*both, labels)))
    last = register[-1]
    now = compare(json.loads(last.certified), json.loads(kept(release)), labels)
    if now or release.certified_at is None:
        found.append(Compared(last, None, now))
    return found
