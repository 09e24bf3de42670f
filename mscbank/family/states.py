"""The lives of a recipient, of a family link and of a consent."""

from enum import StrEnum

from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move
from mscbank.family.standing import (
    claimed_by_self,
    family_in_doubt,
    not_enrolled_in_open_protocol,
    not_infused,
)

CLINICAL = (Role.INVESTIGATOR, Role.MEDICAL_DIRECTOR)


class RecipientState(StrEnum):
    """Where a recipient stands in the study."""

    REGISTERED = "registered"
    ENROLLED = "enrolled"
    WITHDRAWN = "withdrawn"
    DIED = "died"
    EXCLUDED = "excluded"
    LOST = "lost_to_follow_up"
    COMPLETED = "completed"


class LinkState(StrEnum):
    """Whether a family link stands."""

    CLAIMED = "claimed"
    VERIFIED = "verified"
    REFUTED = "refuted"


class ConsentState(StrEnum):
    """Whether a consent holds."""

    IN_FORCE = "in_force"
    WITHDRAWN = "withdrawn"


LEFT = frozenset(
    {
        RecipientState.WITHDRAWN,
        RecipientState.DIED,
        RecipientState.EXCLUDED,
        RecipientState.LOST,
        RecipientState.COMPLETED,
    }
)

_HERE = (RecipientState.REGISTERED, RecipientState.ENROLLED)

RECIPIENT_LIFE = Lifecycle(
    "recipient",
    [
        Move(
            "enrol",
            RecipientState.REGISTERED,
            RecipientState.ENROLLED,
            Role.INVESTIGATOR,
            _("Enrol"),
            unless=not_enrolled_in_open_protocol,
        ),
        Move("withdraw", _HERE, RecipientState.WITHDRAWN, CLINICAL, _("Record withdrawal"), fields=True),
        Move("die", _HERE, RecipientState.DIED, CLINICAL, _("Record death"), fields=True),
        Move("exclude", _HERE, RecipientState.EXCLUDED, CLINICAL, _("Exclude"), fields=True),
        Move(
            "lose",
            RecipientState.ENROLLED,
            RecipientState.LOST,
            CLINICAL,
            _("Lost to follow-up"),
            fields=True,
        ),
        Move(
            "complete",
            RecipientState.ENROLLED,
            RecipientState.COMPLETED,
            CLINICAL,
            _("Complete the follow-up"),
            unless=not_infused,
            fields=True,
        ),
    ],
    start=RecipientState.REGISTERED,
    words={
        RecipientState.REGISTERED: _("Registered"),
        RecipientState.ENROLLED: _("Enrolled"),
        RecipientState.WITHDRAWN: _("Withdrawn"),
        RecipientState.DIED: _("Died"),
        RecipientState.EXCLUDED: _("Excluded"),
        RecipientState.LOST: _("Lost to follow-up"),
        RecipientState.COMPLETED: _("Completed"),
    },
    signs={
        RecipientState.REGISTERED: ("ring", "move"),
        RecipientState.ENROLLED: ("check", "go"),
        RecipientState.WITHDRAWN: ("cross", "end"),
        RecipientState.DIED: ("cross", "end"),
        RecipientState.EXCLUDED: ("cross", "end"),
        RecipientState.LOST: ("triangle", "wait"),
        RecipientState.COMPLETED: ("box", "end"),
    },
    ends=LEFT,
)

LINK_LIFE = Lifecycle(
    "family_link",
    [
        Move(
            "verify",
            LinkState.CLAIMED,
            LinkState.VERIFIED,
            (Role.COLLECTION, *CLINICAL),
            _("Verify the link"),
            unless=(claimed_by_self, family_in_doubt),
            fields=True,
        ),
        Move(
            "refute",
            (LinkState.CLAIMED, LinkState.VERIFIED),
            LinkState.REFUTED,
            CLINICAL,
            _("Refute the link"),
        ),
    ],
    start=LinkState.CLAIMED,
    words={
        LinkState.CLAIMED: _("Claimed, waits for verification"),
        LinkState.VERIFIED: _("Verified"),
        LinkState.REFUTED: _("Refuted"),
    },
    signs={
        LinkState.CLAIMED: ("ring", "move"),
        LinkState.VERIFIED: ("check", "go"),
        LinkState.REFUTED: ("octagon", "stop"),
    },
    ends=frozenset({LinkState.REFUTED}),
)

CONSENT_LIFE = Lifecycle(
    "consent",
    [
        Move(
            "withdraw",
            ConsentState.IN_FORCE,
            ConsentState.WITHDRAWN,
            (Role.COLLECTION, *CLINICAL),
            _("Record the withdrawal"),
            fields=True,
        ),
    ],
    start=ConsentState.IN_FORCE,
    words={ConsentState.IN_FORCE: _("In force"), ConsentState.WITHDRAWN: _("Withdrawn")},
    signs={ConsentState.IN_FORCE: ("check", "go"), ConsentState.WITHDRAWN: ("octagon", "stop")},
    ends=frozenset({ConsentState.WITHDRAWN}),
)
