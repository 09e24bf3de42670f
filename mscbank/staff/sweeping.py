"""When the sessions, challenges and paper codes of people have served their purpose."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from mscbank.core.sweeping import swept
from mscbank.staff.models import Challenge, RecoveryCode, SignOn, WebSession


@swept(Challenge, kept=timedelta(days=1))
def challenges(before: datetime) -> Any:
    """A passkey answers a challenge within two minutes, once."""
    return Challenge.expires_at < before


@swept(SignOn, kept=timedelta(days=1))
def sign_ons(before: datetime) -> Any:
    """The provider answers within minutes, once; who was recognised stands in the record."""
    return SignOn.expires_at < before


@swept(RecoveryCode, kept=timedelta(days=90))
def spent_codes(before: datetime) -> Any:
    """A code that was used, or in whose place newer ones came, opens nothing."""
    return RecoveryCode.spent_at < before


@swept(WebSession, kept=timedelta(days=90))
def sessions(before: datetime) -> Any:
    """Nobody returns to a session unused for so long; the last of each log-in stays: access is reviewed."""
    later = aliased(WebSession)
    newer = select(later.id).where(later.login == WebSession.login, later.opened_at > WebSession.opened_at)
    return (WebSession.seen_at < before) & newer.exists()
