"""Who may approve a protocol or an edition of a specification: quality assurance, never its author."""

from dataclasses import dataclass

from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.foureyes import FourEyes

OWN_PROTOCOL = FourEyes(
    "study.own_protocol",
    "You wrote this protocol: another person of quality assurance approves it.",
    Role.QA,
    first=("protocol.draft", "protocol.set_level", "protocol.set_visit"),
    second=("protocol.approve",),
    held_by=(
        "ck_protocol_approved_by_another",
        "guard_protocol_own_parts",
    ),
)
OWN_SPECIFICATION = FourEyes(
    "study.own_specification",
    "You wrote this edition: another person of quality assurance approves it.",
    Role.QA,
    first=("specification.draft", "specification.set_criterion"),
    second=("specification.approve",),
    held_by=(
        "ck_specification_approved_by_another",
        "guard_specification_own_parts",
    ),
)
NOTHING_TO_APPROVE = Refusal("study.nothing_to_approve", "It is empty: still missing are %(missing)s.")


@dataclass(frozen=True)
class ApprovalFacts:
    """What approval judges: who wrote it, and which parts are still missing."""

    authors: frozenset[str]
    missing: tuple[str, ...]


def nothing_to_approve(facts: ApprovalFacts, by: Principal) -> Obstacle | None:
    """An empty document is not approved."""
    return NOTHING_TO_APPROVE(missing=", ".join(facts.missing)) if facts.missing else None


def own_protocol(facts: ApprovalFacts, by: Principal) -> Obstacle | None:
    """Who wrote the protocol, or changed it, does not approve it (invariant 11)."""
    return OWN_PROTOCOL.stops(by, facts.authors)


def own_specification(facts: ApprovalFacts, by: Principal) -> Obstacle | None:
    """Who wrote the edition, or changed it, does not approve it (invariant 11)."""
    return OWN_SPECIFICATION.stops(by, facts.authors)
