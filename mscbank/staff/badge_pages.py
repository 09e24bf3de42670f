"""Badges for people: issued with an end, printed as a symbol, revoked."""

from typing import Any

from markupsafe import Markup

from mscbank.coding import qr
from mscbank.core.access import Principal
from mscbank.core.clock import now
from mscbank.core.i18n import _
from mscbank.core.web.filters import local
from mscbank.core.web.pages import Pages
from mscbank.staff import presence, schemas
from mscbank.staff.models import Badge


def stands(badge: Badge) -> str:
    """In words: in use, expired or revoked."""
    if badge.revoked_at is not None:
        return str(_("revoked"))
    return str(_("expired")) if badge.expires_at <= now() else str(_("in use"))


def _shown(badge: Badge, _by: Principal) -> dict[str, Any]:
    symbol = Markup(qr.svg(badge.code))  # noqa: S704 - drawn by coding, the text in it is a short code
    return {
        "facts": [
            (str(_("Name")), badge.person.printed_name), (str(_("Log-in")), badge.person.code),
            (str(_("Until")), local(badge.expires_at)), (str(_("State")), stands(badge)),
        ],
        "symbol": symbol if badge.revoked_at is None else None,
    }  # fmt: skip


badges = Pages("staff", Badge, path="badges", title=_("Badges"))
badges.lists(
    columns=[(_("Code"), lambda b: b.code), (_("Name"), lambda b: b.person.printed_name),
             (_("Until"), lambda b: local(b.expires_at)), (_("State"), stands)],
)  # fmt: skip
badges.shows(context=_shown, finding=lambda b: _("Badge of %(name)s", name=b.person.printed_name))
badges.creates(presence.issue_badge, schemas.IssueBadgeSchema, label=_("Issue a badge"))
badges.acts(presence.revoke_badge, at="revoke", label=_("Revoke the badge"))
