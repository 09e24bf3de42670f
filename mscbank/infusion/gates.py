"""What the acts of an infusion share: who signs second, what is signed, what every gate reads again."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from mscbank.allocation import preparing, signed
from mscbank.allocation.models import Preparation
from mscbank.core import access, acts
from mscbank.core.access import Principal, Role
from mscbank.core.acts import shared
from mscbank.core.errors import Refused, invalid
from mscbank.custody.models import Vial
from mscbank.deviation import actions as deviations
from mscbank.deviation.severity import Severity
from mscbank.infusion import facts, rules
from mscbank.infusion.models import (
    Infusion,
)


def second_person(meaning: str, roles: tuple[Role, ...], site: str | None) -> str:
    """The login of who signed with this meaning; refused unless that person holds one of the roles."""
    login = acts.current().signers[meaning]
    person = access.load(login)
    if person is None or person.holds(roles, site) is None:
        raise Refused(rules.NOT_QUALIFIED())
    return login


def for_whom(one: Infusion) -> dict[str, Any]:
    """What is signed before anything is warm: the infusion, its patient, its prescription."""
    return {
        "infusion": one.code,
        "recipient": one.recipient.code,
        "allocation": one.allocation.code,
        "planned_on": one.planned_on,
    }


def what_is_given(one: Infusion) -> dict[str, Any]:
    """What is signed at the bedside: patient, prescription, every preparation with its vials and expiry."""
    return {
        "infusion": one.code, "recipient": one.recipient.code, "allocation": one.allocation.code,
        "preparations": [
            {"code": p.code, "expires_at": p.expires_at, "vials": [v.code for v in preparing.vials_of(p)]}
            for p in facts.preparations_of(one)
        ],
    }  # fmt: skip


def vials_in(preparations: Iterable[Preparation]) -> list[Vial]:
    """The vials of several preparations."""
    return [vial for p in preparations for vial in preparing.vials_of(p)]


def read_again(one: Infusion, **_inputs: Any) -> list[Any]:
    """What every gate reads again: prescription, patient, study, batch, preparations and their vials."""
    prepared = facts.preparations_of(one)
    return [*signed.upstream(one.allocation), *shared(one.allocation, *prepared, *vials_in(prepared))]


def with_deviation(one: Infusion, **_inputs: Any) -> list[Any]:
    """What every gate reads again, and what a deviation on this infusion locks."""
    return [*read_again(one), *deviations.opening_locks([one])]


def deviate(one: Infusion, by: Principal, title: str, what: str, done: str) -> None:
    """Open a minor deviation about this infusion; quality assurance may raise it."""
    deviations.open_classified(
        by=by, subjects=[one], severity=Severity.MINOR, title=title, description=what,
        occurred_at=acts.current().time, immediate_action=done,
    )  # fmt: skip


def not_before(when: datetime, earliest: datetime | None) -> datetime:
    """The time of an event; refused when it lies before what came before it."""
    if earliest is not None and when < earliest:
        raise invalid(happened_at=["This lies before what came before it."])
    return when
