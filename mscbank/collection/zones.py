"""In which zone the civil dates of a thing are meant: that of its site, or of the bank where it has none."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select

from mscbank.core.db import session
from mscbank.core.instance import instance
from mscbank.staff.models import Site


def zone_at(site: str | None) -> str:
    """The IANA zone of a site."""
    found = session.scalar(select(Site.zone).where(Site.code == site)) if site is not None else None
    return found or instance().zone


def civil(instant: datetime, zone: str) -> date:
    """The civil date of an instant in an IANA zone."""
    return instant.astimezone(ZoneInfo(zone)).date()
