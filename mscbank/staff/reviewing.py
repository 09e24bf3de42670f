"""The periodic review of access: who has what, confirmed or taken away, by a signature.

EU GMP Annex 11, 12.3; 21 CFR 11.10(d).

Every role that somebody holds is due again some months after it was given or last confirmed. A reviewer
judges everybody's roles but his own.
"""

import calendar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Boolean, ForeignKey, String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, joinedload, mapped_column, relationship

from mscbank.core import clock, parameters
from mscbank.core.access import ROLE_WORDS, Principal, Role
from mscbank.core.acts import action
from mscbank.core.codes import new_code
from mscbank.core.db import NAME_LENGTH, Part, Thing, any_of, session
from mscbank.core.errors import Refusal, Refused, invalid
from mscbank.core.i18n import _
from mscbank.core.types import Id, Utc
from mscbank.staff import actions, sessions
from mscbank.staff.models import RoleGrant, User

TAKEN = "not confirmed in the periodic review of access"

MONTHS = parameters.declare(
    "staff.access_review_months",
    6,
    unit="months",
    meaning="Each role that somebody holds is confirmed again within this time",
    source="ours; EU GMP Annex 11, 12.3",
    least=1,
    most=24,
)
CHANGED = Refusal(
    "access_review.changed",
    "Roles were given or ended meanwhile. Look at the list again: each line is confirmed or taken away.",
)


class AccessReview(Thing):
    """One review: who looked at whose roles, and when; the signature stands in the record."""

    __tablename__ = "access_review"
    kind: ClassVar[str] = "access_review"

    reviewed_by: Mapped[str] = mapped_column(String(NAME_LENGTH))
    reviewed_at: Mapped[datetime] = mapped_column(Utc)
    lines: Mapped[list["AccessReviewLine"]] = relationship(
        back_populates="review", order_by="AccessReviewLine.id"
    )


class AccessReviewLine(Part):
    """What was decided about one role of one person."""

    __tablename__ = "access_review_line"
    append_only = True
    owner: ClassVar[str] = "review"
    key: ClassVar[tuple[str, ...]] = ("login", "number")

    review_id: Mapped[int] = mapped_column(ForeignKey("access_review.id"), index=True)
    review: Mapped[AccessReview] = relationship(back_populates="lines")
    grant_id: Mapped[int] = mapped_column(ForeignKey("role_grant.id"), index=True)
    grant: Mapped[RoleGrant] = relationship()
    login: Mapped[str] = mapped_column(String(NAME_LENGTH))
    number: Mapped[int] = mapped_column(Id)
    is_kept: Mapped[bool] = mapped_column(Boolean)
    last_log_in: Mapped[datetime | None] = mapped_column(Utc)

    __table_args__ = (
        UniqueConstraint("review_id", "grant_id"),
        UniqueConstraint("review_id", "login", "number"),
    )


@dataclass(frozen=True)
class Line:
    """A role that somebody holds, as the reviewer sees it."""

    grant: RoleGrant
    last_log_in: datetime | None
    confirmed_at: datetime | None
    due_at: datetime

    @property
    def handle(self) -> str:
        """How the line is named in a form and over the API: the log-in and the number of the role."""
        return f"{self.grant.person.code}/{self.grant.number}"

    @property
    def role_word(self) -> str:
        return str(ROLE_WORDS[self.grant.role])


def months_after(instant: datetime, months: int) -> datetime:
    """The same day so many months later, the last of its month where there is no such day."""
    year, month = divmod(instant.year * 12 + instant.month - 1 + months, 12)
    day = min(instant.day, calendar.monthrange(year, month + 1)[1])
    return instant.replace(year=year, month=month + 1, day=day)


def lines_for(by: Principal) -> list[Line]:
    """Every role held now that this person may review: nobody's own, and those of the sites of his office."""
    now = clock.now()
    held = session.scalars(
        select(RoleGrant)
        .join(User, RoleGrant.person_id == User.id)
        .where((RoleGrant.ends_at.is_(None)) | (RoleGrant.ends_at > now), User.code != by.login)
        .options(joinedload(RoleGrant.person), joinedload(RoleGrant.at))
        .order_by(User.code, RoleGrant.number)
    ).all()
    mine = [grant for grant in held if _is_in_sight(grant, by)]
    confirmed = dict(
        session.execute(
            select(AccessReviewLine.grant_id, func.max(AccessReview.reviewed_at))
            .join(AccessReview, AccessReviewLine.review_id == AccessReview.id)
            .where(AccessReviewLine.is_kept)
            .group_by(AccessReviewLine.grant_id)
        ).all()
    )
    seen = sessions.last_log_ins(sorted({grant.person.code for grant in mine}))
    months = parameters.value(MONTHS)
    return [
        Line(
            grant, seen.get(grant.person.code), confirmed.get(grant.id),
            months_after(confirmed.get(grant.id) or grant.starts_at, months),
        )
        for grant in mine
    ]  # fmt: skip


def _is_in_sight(grant: RoleGrant, by: Principal) -> bool:
    return any(
        held.role is Role.QA and (held.site is None or (grant.at is not None and held.site == grant.at.code))
        for held in by.grants
    )


def due_at(by: Principal) -> datetime | None:
    """When the first of the roles that this person reviews is due again."""
    return min((line.due_at for line in lines_for(by)), default=None)


def _holders(*, taken: list[str], **_inputs: Any) -> list[User]:
    """Whoever loses a role, and all administrators, of whom one must stay."""
    logins = sorted({handle.partition("/")[0] for handle in taken})
    found = session.scalars(select(User).where(any_of(User.code, logins))).all() if logins else []
    return [*found, *actions.all_admins()] if found else []


@action("access_review.sign", role=Role.QA, creates="access_review", signs="access reviewed", locks=_holders)
def sign(*, by: Principal, kept: list[str], taken: list[str]) -> AccessReview:
    """Confirm who has which role; what is not confirmed is taken away at once."""
    lines = {line.handle: line for line in lines_for(by)}
    decided = [*kept, *taken]
    if not decided:
        raise invalid(kept=[_("Confirm each line or mark it to be taken away.")])
    if twice := sorted(set(kept) & set(taken)):
        raise invalid(taken=[_("Both confirmed and taken away: %(lines)s.", lines=", ".join(twice))])
    if missing := sorted(set(lines) - set(decided)):
        raise invalid(kept=[_("Not decided yet: %(lines)s.", lines=", ".join(missing))])
    if set(decided) != set(lines):
        raise Refused(CHANGED())
    review = AccessReview(code=new_code("report"), reviewed_by=by.login, reviewed_at=clock.now())
    session.add(review)
    for handle, line in lines.items():
        session.add(
            AccessReviewLine(
                review=review, grant=line.grant, login=line.grant.person.code, number=line.grant.number,
                is_kept=handle in kept, last_log_in=line.last_log_in,
            )
        )  # fmt: skip
    for handle in dict.fromkeys(taken):
        grant = lines[handle].grant
        actions.end_role(grant.person, by=by, reason=TAKEN, role=grant.role, at=grant.at)
    return review
