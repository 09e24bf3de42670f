"""Identifiers that a hospital gives: unique at their site, found by a keyed hash of site and text.

Two hospitals may give the same number to two people; a scanned wristband then leads to nobody by itself.
"""

from collections.abc import Callable, Iterable

from sqlalchemy import select

from mscbank.core import sealed
from mscbank.core.db import any_of, session
from mscbank.core.errors import Refusal, Refused, invalid, unique_means
from mscbank.core.i18n import _
from mscbank.family.models import Donor, Person, Recipient
from mscbank.staff import masks
from mscbank.staff.models import Site

WRISTBAND = "wristband"
NUMBER = "hospital_number"
EMPTY = {
    WRISTBAND: _("Scan the wristband again."),
    NUMBER: _("A hospital number has letters or digits."),
}

WRISTBAND_TAKEN = Refusal("family.wristband_taken", "This wristband belongs to another recipient.")
NUMBER_TAKEN = Refusal("family.number_taken", "At this site the hospital number belongs to somebody else.")

unique_means("uq_recipient_wristband_blind", "recipient", ("wristband_blind",), WRISTBAND_TAKEN)
for _model in (Donor, Recipient):
    unique_means(
        f"uq_{_model.kind}_hospital_number_blind", _model.kind, ("hospital_number_blind",), NUMBER_TAKEN
    )


def blind_at(site: str | None, field: str, text: str) -> str:
    """The keyed hash by which an identifier of a site is found."""
    return sealed.blind(f"{field}@{site or ''}", text)


def assign(person: Person, field: str, text: str) -> None:
    """Give a person a wristband or hospital number of their site; refused when it has not the site's form."""
    if not any(c.isalnum() for c in text):
        raise invalid(**{field: [str(EMPTY[field])]})
    site = session.scalar(select(Site).where(Site.code == person.site)) if person.site else None
    formats = getattr(site, f"{field}_format") if site is not None else None
    if site is not None and not masks.fits(formats, text):
        why = _("At %(site)s it looks like %(formats)s.", site=site.name, formats=formats)
        raise invalid(**{field: [str(why)]})
    blind = blind_at(person.site, field, text)
    if field == NUMBER and any(
        session.scalar(select(model.code).where(model.hospital_number_blind == blind))
        for model in (Donor, Recipient)
        if not isinstance(person, model)
    ):
        raise Refused(NUMBER_TAKEN())
    setattr(person, field, sealed.seal((person.kind, person.code), field, text))
    setattr(person, f"{field}_blind", blind)


def wears(recipient: Recipient, text: str) -> bool:
    """Whether this is the wristband that this recipient wears."""
    return recipient.wristband_blind is not None and recipient.wristband_blind == blind_at(
        recipient.site, WRISTBAND, text
    )


def _blinds(field: str, text: str, sees: Callable[[str | None], bool]) -> list[str]:
    """The keyed hashes of an identifier at every site that a reader sees and whose form it has."""
    if not any(c.isalnum() for c in text):
        return []
    places: dict[str | None, str | None] = {None: None}
    places.update({row.code: getattr(row, f"{field}_format") for row in session.scalars(select(Site))})
    return [
        blind_at(site, field, text)
        for site, known in places.items()
        if sees(site) and masks.fits(known, text)
    ]


def _everywhere(_site: str | None) -> bool:
    return True


def by_wristband(text: str, sees: Callable[[str | None], bool] = _everywhere) -> Recipient | None:
    """Whose wristband this is, in the reader's sight; nobody when it is worn at two of the reader's sites."""
    found = session.scalars(
        select(Recipient).where(any_of(Recipient.wristband_blind, _blinds(WRISTBAND, text, sees)))
    ).all()
    return found[0] if len(found) == 1 else None


def by_number(
    model: type[Person], text: str, sees: Callable[[str | None], bool] = _everywhere
) -> Iterable[Person]:
    """The people with this hospital number, one at most at each site."""
    condition = any_of(model.hospital_number_blind, _blinds(NUMBER, text, sees))
    return session.scalars(select(model).where(condition).order_by(model.id)).all()
