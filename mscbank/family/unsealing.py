"""An inspector sees codes, and unseals one person by an act with a reason: the name shows for one hour."""

from datetime import timedelta

from sqlalchemy import select

from mscbank.core import clock, parameters, sealed
from mscbank.core.access import Principal, Role
from mscbank.core.acts import action, current
from mscbank.core.db import any_of, session
from mscbank.core.errors import Obstacle
from mscbank.core.record import Outcome, Record
from mscbank.family.models import Donor, Person, Recipient
from mscbank.family.registering import gone

MINUTES = parameters.declare(
    "family.unseal_minutes", 60, unit="minutes",
    meaning="So long an inspector who unsealed a person sees the name",
    source="house rule; GDPR art. 5(1)(c)", least=1, most=1440,
)  # fmt: skip
UNSEALS = ("donor.unseal", "recipient.unseal")


def _is_gone(person: Person, by: Principal) -> Obstacle | None:
    return gone() if person.anonymised_at is not None else None


def _note() -> None:
    minutes = parameters.value(MINUTES)
    current().note(until=clock.now() + timedelta(minutes=minutes))


@action("donor.unseal", role=Role.INSPECTOR, kind="donor", reason=True, unless=_is_gone)
def unseal_donor(donor: Donor) -> None:
    """Unseal a donor's identity for an inspection, for one hour; every reading is recorded besides."""
    _note()


@action("recipient.unseal", role=Role.INSPECTOR, kind="recipient", reason=True, unless=_is_gone)
def unseal_recipient(recipient: Recipient) -> None:
    """Unseal a recipient's identity for an inspection, for one hour; every reading is recorded besides."""
    _note()


@sealed.unsealing
def unsealed(by: Principal, people: set[sealed.Person]) -> set[sealed.Person]:
    """Those among these people whom this reader unsealed within the hour."""
    since = clock.now() - timedelta(minutes=parameters.value(MINUTES))
    rows = session.execute(
        select(Record.chain_kind, Record.chain_code).where(
            any_of(Record.chain_kind, sorted({kind for kind, _ in people})),
            any_of(Record.chain_code, sorted({code for _, code in people})),
            Record.action.in_(UNSEALS), Record.actor_login == by.login, Record.outcome == Outcome.DONE,
            Record.entered_at >= since,
        )
    )  # fmt: skip
    return {(kind, code) for kind, code in rows} & people
