"""The stage on which the replay acts: people, the movable clock, and signatures given as people give them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from mscbank.core import clock
from mscbank.core.access import Principal, operator
from mscbank.core.access import load as load_principal
from mscbank.core.acts import Action
from mscbank.core.signatures import Signer, prove
from mscbank.ops.demo.cast import CAST, PASSWORD, Person
from mscbank.release.trail import state_of
from mscbank.staff import actions as staff
from mscbank.staff import secrets

ZONE = "Europe/Paris"


def at(day: date, hour: int = 9, minute: int = 0) -> datetime:
    """An instant of a civil day at the hospital."""
    return datetime.combine(day, time(hour, minute), ZoneInfo(ZONE)).astimezone(UTC)


@dataclass
class Stage:
    """Who acts, and what time it is. The clock goes a minute on with every act."""

    now: datetime
    people: dict[str, Principal] = field(default_factory=dict)
    acts: int = 0

    def go_to(self, instant: datetime) -> None:
        """Move the clock, never backwards within one family's course."""
        self.now = instant

    @contextmanager
    def present(self) -> Iterator[None]:
        """The moment of one act."""
        self.acts += 1
        with clock.moved_to(self.now):
            yield
        self.now += timedelta(minutes=1)

    def principal(self, person: Person) -> Principal:
        """The person as the door knows them."""
        found = self.people.get(person.login)
        if found is None:
            loaded = load_principal(person.login)
            found = self.people[person.login] = loaded or Principal(person.login, person.printed_name)
        return found

    def do(self, action: Action, *subject: Any, by: Person, reason: str | None = None, **inputs: Any) -> Any:
        """Do an action as this person."""
        with self.present():
            return action(*subject, by=self.principal(by), reason=reason, **inputs)

    def trail(self, release: Any) -> str:
        """The digest of the audit trail of a batch as it stands: what whoever reviews it has read."""
        return state_of(release)

    def sign(
        self, action: Action, subject: Any, *signers: Person, reason: str | None = None, **inputs: Any
    ) -> Any:
        """Do an action that is signed: the first signer acts, the others witness, each by their secret."""
        arguments = () if action.creates else (subject,)
        with self.present():
            proofs = prove(
                action.name,
                subject if not action.creates else None,
                *(
                    Signer(self.principal(signer), meaning, PASSWORD)
                    for meaning, signer in zip(action.meanings, signers, strict=True)
                ),
                content=action.content,
                inputs=inputs,
            )
            return action(*arguments, by=self.principal(signers[0]), reason=reason, proofs=proofs, **inputs)


def seat(stage: Stage) -> None:
    """Give everybody of the cast an account, the roles and the demonstration's password."""
    host = operator("demonstration")
    for person in CAST:
        with stage.present():
            user = staff.register(by=host, login=person.login, printed_name=person.printed_name)
            for role in person.roles:
                staff.grant_role(user, by=host, role=role)
            secrets.prepare(person.login, PASSWORD)
            staff.set_password(user, by=host)
    stage.people.clear()
