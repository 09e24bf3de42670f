"""The life of an account: it is disabled, never deleted."""

from enum import StrEnum

from mscbank.core.access import Role
from mscbank.core.i18n import _
from mscbank.core.lifecycle import Lifecycle, Move


class Account(StrEnum):
    """Whether somebody may sign in."""

    ACTIVE = "active"
    DISABLED = "disabled"


LIFE = Lifecycle(
    "person",
    (
        Move("disable", Account.ACTIVE, Account.DISABLED, Role.ADMIN, _("Disable the account")),
        Move("enable", Account.DISABLED, Account.ACTIVE, Role.ADMIN, _("Enable the account again")),
    ),
    start=Account.ACTIVE,
    words={Account.ACTIVE: _("Active"), Account.DISABLED: _("Disabled")},
    signs={Account.ACTIVE: ("check", "go"), Account.DISABLED: ("cross", "end")},
)
