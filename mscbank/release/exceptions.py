"""Which entries of an audit trail a reviewer looks at first (Annex 11, 9; review by exception). Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from mscbank.core.i18n import Sentence, _

FAILED_SIGNINGS = frozenset(
    {"person.failed_secret", "person.failed_code", "person.failed_passkey", "person.failed_badge"}
)
"""What is recorded when somebody could not prove to be who signs."""


class Why(StrEnum):
    """Why an entry is picked out, the gravest first."""

    BLOCKED = "blocked"
    FAILED_SIGNATURE = "failed_signature"
    AS_HAPPENED = "as_happened"
    OVERRIDE = "override"
    CORRECTION = "correction"
    CHANGED = "changed"
    LATE = "late"


WHY_WORDS: dict[Why, Sentence] = {
    Why.BLOCKED: _("Blocked"),
    Why.FAILED_SIGNATURE: _("Failed signature"),
    Why.AS_HAPPENED: _("Happened past a gate"),
    Why.OVERRIDE: _("Override"),
    Why.CORRECTION: _("Correction"),
    Why.CHANGED: _("Changed value"),
    Why.LATE: _("Late entry"),
}

OVERRIDES = frozenset(
    {
        "assessment.accept_risk", "assessment.permit_directed", "donation.clear", "deviation.accept",
        "deviation.extend", "vial.lift_hold", "vial.report_found", "custody.lift_batch_hold",
        "release.decide_investigation", "release.lift", "release.prepare_two_step", "release.except",
        "batch.redirect", "release.release_conditionally",
    }
)  # fmt: skip
"""Acts by which somebody lets pass, on his word, what a rule had stopped."""

CORRECTING = (
    "correct", "strike", "revise", "reassess", "replan", "reopen", "refute", "withdraw",
    "reject_as_duplicate",
)  # fmt: skip
"""How the acts begin by which a record that existed is put right."""

KEPT_BY_LEDGER = frozenset(
    {"version", "code", "events", "holder_code", "holder_kind", "position_id", "is_gone"}
)
"""Fields that mirror a ledger: where a vial is, not what was entered about it."""


@dataclass(frozen=True)
class Entry:
    """What the rule looks at in one entry of the record."""

    action: str
    refused: bool
    happened_at: datetime
    entered_at: datetime
    body: Mapping[str, Any]


def why(entry: Entry, lives: Mapping[str, Iterable[str]], late: timedelta) -> tuple[Why, ...]:
    """Why an entry is picked out, the gravest first; empty when it is ordinary.

    ``lives``: kind → its columns that are a state; a move of a state is no changed value. ``late``: how long
    after the event an entry may be made before it is late.
    """
    verb = entry.action.partition(".")[2]
    codes = [str(one.get("code", "")) for one in entry.body["notes"].get("obstacles") or ()]
    failed = entry.action in FAILED_SIGNINGS or any(code.startswith("signature.") for code in codes)
    found = {
        Why.FAILED_SIGNATURE: failed,
        Why.BLOCKED: entry.refused and not failed,
        Why.AS_HAPPENED: "happened" in verb,
        Why.OVERRIDE: entry.action in OVERRIDES,
        Why.CORRECTION: verb.startswith(CORRECTING),
        Why.CHANGED: _changed(entry.body, lives),
        Why.LATE: entry.entered_at - entry.happened_at > late,
    }
    return tuple(reason for reason in Why if found[reason])


def _changed(body: Mapping[str, Any], lives: Mapping[str, Iterable[str]]) -> bool:
    return any(
        old is not None and old != new and name not in KEPT_BY_LEDGER and name not in lives.get(kind, ())
        for kind, fields in ((change["thing"][0], change["fields"]) for change in body["changes"])
        for name, (old, new) in fields.items()
    )
