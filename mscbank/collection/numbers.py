"""Donation numbers as they come in: scanned or typed, and to which donation they belong."""

from sqlalchemy import select

from mscbank.coding.compound import Compound
from mscbank.coding.din import Din, require_product
from mscbank.coding.errors import CodeError
from mscbank.coding.reader import Unknown, read
from mscbank.collection.models import DinEntry, Donation
from mscbank.core import codes
from mscbank.core.db import session
from mscbank.core.errors import invalid
from mscbank.core.i18n import _


def find_by_din(din: str) -> Donation | None:
    """The donation that carries this number."""
    return session.scalar(select(Donation).where(Donation.din == din))


codes.din_resolves(find_by_din)


def read_din(text: str, field: str = "din") -> tuple[str, DinEntry]:
    """The 13 characters of a scanned or typed number; what is no product's number is refused with the reason.

    A typed number needs its check character; tube labels, other identifiers and trailing data are refused.
    """
    reading = read(text)
    if isinstance(reading, Compound) and reading.din is not None:
        reading = reading.din
    if isinstance(reading, Unknown):
        raise invalid(**{field: [str(_(reading.reason.sentence, **reading.reason.values))]})
    if not isinstance(reading, Din):
        raise invalid(**{field: [str(_("This is a code of something else, not a donation number."))]})
    try:
        require_product(reading)
    except CodeError as error:
        raise invalid(**{field: [str(_(error.sentence, **error.values))]}) from None
    return reading.value, DinEntry.SCANNED if reading.flag else DinEntry.TYPED
