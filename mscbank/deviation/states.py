"""The life of a deviation (D §4.8, §10)."""

from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move
from mscbank.deviation.severity import State, not_classified, not_explained, opened_by_self

LIFE = Lifecycle(
    "deviation",
    [
        Move("investigate", State.OPEN, State.INVESTIGATING, Role.QA, _("Start the investigation")),
        Move(
            "plan_capa",
            State.INVESTIGATING,
            State.CAPA,
            Role.QA,
            _("Conclude and set the CAPA"),
            unless=not_classified,
            fields=True,
        ),
        Move(
            "close",
            State.CAPA,
            State.CLOSED,
            Role.QA,
            _("Close the deviation"),
            unless=(not_classified, not_explained, opened_by_self),
            signs="deviation closure",
        ),
        Move(
            "reject_as_duplicate",
            (State.OPEN, State.INVESTIGATING),
            State.DUPLICATE,
            Role.QA,
            _("Reject as a duplicate"),
            fields=True,
        ),
    ],
    start=State.OPEN,
    words={
        State.OPEN: _("In progress"),
        State.INVESTIGATING: _("Under investigation"),
        State.CAPA: _("CAPA under way"),
        State.CLOSED: _("Closed"),
        State.DUPLICATE: _("Duplicate"),
    },
    signs={
        State.OPEN: ("triangle", "wait"),
        State.INVESTIGATING: ("arrow", "move"),
        State.CAPA: ("arrow", "move"),
        State.CLOSED: ("check", "end"),
        State.DUPLICATE: ("cross", "end"),
    },
    ends=frozenset({State.CLOSED, State.DUPLICATE}),
)
