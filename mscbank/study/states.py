"""The lives of a protocol and of a specification."""

from enum import StrEnum

from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move
from mscbank.study.approval import nothing_to_approve, own_protocol, own_specification


class ProtocolState(StrEnum):
    """Where a protocol stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    OPEN = "open"
    CLOSED = "closed"


class SpecificationState(StrEnum):
    """Where an edition of a specification stands."""

    DRAFT = "draft"
    APPROVED = "approved"
    RETIRED = "retired"


PROTOCOL_LIFE = Lifecycle(
    "protocol",
    [
        Move(
            "approve",
            ProtocolState.DRAFT,
            ProtocolState.APPROVED,
            Role.QA,
            _("Approve the protocol"),
            unless=(nothing_to_approve, own_protocol),
            signs="protocol approval",
        ),
        Move(
            "open", ProtocolState.APPROVED, ProtocolState.OPEN, Role.MEDICAL_DIRECTOR, _("Open for enrolment")
        ),
        Move(
            "close",
            (ProtocolState.APPROVED, ProtocolState.OPEN),
            ProtocolState.CLOSED,
            Role.MEDICAL_DIRECTOR,
            _("Close the protocol"),
            signs="protocol closure",
        ),
    ],
    start=ProtocolState.DRAFT,
    words={
        ProtocolState.DRAFT: _("Draft"),
        ProtocolState.APPROVED: _("Approved"),
        ProtocolState.OPEN: _("In progress"),
        ProtocolState.CLOSED: _("Closed"),
    },
    signs={
        ProtocolState.DRAFT: ("ring", "end"),
        ProtocolState.APPROVED: ("check", "move"),
        ProtocolState.OPEN: ("check", "go"),
        ProtocolState.CLOSED: ("box", "end"),
    },
    ends=frozenset({ProtocolState.CLOSED}),
)

SPECIFICATION_LIFE = Lifecycle(
    "specification",
    [
        Move(
            "approve",
            SpecificationState.DRAFT,
            SpecificationState.APPROVED,
            Role.QA,
            _("Approve the specification"),
            unless=(nothing_to_approve, own_specification),
            signs="specification approval",
        ),
        Move(
            "retire",
            (SpecificationState.DRAFT, SpecificationState.APPROVED),
            SpecificationState.RETIRED,
            Role.QA,
            _("Retire this edition"),
        ),
    ],
    start=SpecificationState.DRAFT,
    words={
        SpecificationState.DRAFT: _("Draft"),
        SpecificationState.APPROVED: _("In force"),
        SpecificationState.RETIRED: _("Retired"),
    },
    signs={
        SpecificationState.DRAFT: ("ring", "end"),
        SpecificationState.APPROVED: ("check", "go"),
        SpecificationState.RETIRED: ("box", "end"),
    },
    ends=frozenset({SpecificationState.RETIRED}),
)
