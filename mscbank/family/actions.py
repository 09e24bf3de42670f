"""Everything that people do with families, in one place for the doors and for later steps."""

from mscbank.family.anonymising import anonymise_donor, anonymise_recipient
from mscbank.family.consenting import record_donor_consent, record_recipient_consent, withdraw_consent
from mscbank.family.enrolling import complete, die, enrol, exclude, lose, screen, withdraw
from mscbank.family.registering import (
    assign_wristband,
    correct_donor,
    correct_recipient,
    number_donor,
    number_recipient,
    register_donor,
    register_recipient,
    set_protection,
)
from mscbank.family.relating import claim, confirm, refute, verify
from mscbank.family.unsealing import unseal_donor, unseal_recipient

__all__ = [
    "anonymise_donor", "anonymise_recipient", "assign_wristband", "claim", "complete", "confirm",
    "correct_donor", "correct_recipient", "die", "enrol", "exclude", "lose", "number_donor",
    "number_recipient", "record_donor_consent", "record_recipient_consent", "refute", "register_donor",
    "register_recipient", "screen", "set_protection", "unseal_donor", "unseal_recipient", "verify",
    "withdraw", "withdraw_consent",
]  # fmt: skip
