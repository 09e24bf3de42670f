"""Everything that people do with families, in one place for the doors and for later steps."""

from mscbank.family.consenting import record_donor_consent, record_recipient_consent, withdraw_consent
from mscbank.family.enrolling import complete, die, enrol, exclude, lose, screen, withdraw
from mscbank.family.registering import (
    assign_wristband,
    correct_donor,
    correct_recipient,
    register_donor,
    register_recipient,
    set_protection,
)
from mscbank.family.relating import claim, confirm, refute, verify

__all__ = [
    "assign_wristband", "claim", "complete", "confirm", "correct_donor", "correct_recipient", "die", "enrol",
    "exclude", "lose", "record_donor_consent", "record_recipient_consent", "refute", "register_donor",
    "register_recipient", "screen", "set_protection", "verify", "withdraw", "withdraw_consent",
]  # fmt: skip
