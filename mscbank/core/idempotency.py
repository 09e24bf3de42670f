"""A repeated request with the same key acts once; the row keeps no response body."""

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import String, UniqueConstraint, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core import clock, masters
from mscbank.core.canonical import canonical
from mscbank.core.db import Plumbing, Thing, is_sqlite
from mscbank.core.errors import Refusal, Refused
from mscbank.core.frame import OpenAct
from mscbank.core.record import ACT_LENGTH
from mscbank.core.types import WORD_LENGTH, Id, Utc

if TYPE_CHECKING:
    from mscbank.core.acts import Call

REUSED = Refusal(
    "idempotency.reused", "This idempotency key was used for a different request. Take a new one."
)
KEY_LENGTH = 200


class Idempotency(Plumbing):
    """Key, principal, route, body hash, act and subject of a request that was done."""

    __tablename__ = "idempotency"

    key: Mapped[str] = mapped_column(String(KEY_LENGTH))
    login: Mapped[str] = mapped_column(String(80))
    route: Mapped[str] = mapped_column(String(200))
    body_hash: Mapped[str] = mapped_column(String(64))
    """Keyed: a name that was typed could be found from a plain digest by trying."""
    act: Mapped[str] = mapped_column(String(ACT_LENGTH))
    subject_kind: Mapped[str | None] = mapped_column(String(WORD_LENGTH))
    subject_code: Mapped[str | None] = mapped_column(String(80))
    status: Mapped[int | None] = mapped_column(Id)
    created_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("login", "key"),)


def claim(act: OpenAct, key: str, call: "Call") -> tuple[str, str] | None:
    """Take the key for this act; taken before for the same request: the subject of what was done then."""
    route = f"{call.action.name} {call.about[1]}" if call.about else call.action.name
    body_hash = masters.keyed("idempotency", canonical([call.inputs, call.reason, call.happened_at]))
    dialect = sqlite if is_sqlite() else postgresql
    statement = (
        dialect.insert(Idempotency)
        .values(
            key=key,
            login=act.by.login,
            route=route,
            body_hash=body_hash,
            act=act.outer.act,
            created_at=clock.now(),
        )
        .on_conflict_do_nothing(index_elements=["login", "key"])
        .returning(Idempotency.id)
    )
    if act.plumb(statement).one_or_none() is not None:
        return None
    row = act.own.execute(
        select(Idempotency).where(Idempotency.login == act.by.login, Idempotency.key == key)
    ).one()
    if (row.route, row.body_hash) != (route, body_hash):
        raise Refused(REUSED())
    return row.subject_kind, row.subject_code


def keep(act: OpenAct, key: str, login: str, subject: Thing) -> None:
    """Say what the keyed act was about, so that a repetition can answer with it."""
    act.plumb(
        update(Idempotency)
        .where(Idempotency.login == login, Idempotency.key == key)
        .values(subject_kind=subject.kind, subject_code=subject.code, status=200)
    )
