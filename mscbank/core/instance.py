"""What this installation is: its code prefix, its zone, and whether it is a demonstration for ever."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, CheckConstraint, String, select
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.core.db import Row, engines, session
from mscbank.core.types import Utc

DEMONSTRATION_PREFIX = "DD"
NOT_FOR_HUMAN_USE = "DEMONSTRATION – NOT FOR HUMAN USE"


class Instance(Row):
    """One row. A demonstration never becomes production: the row is append-only."""

    __tablename__ = "instance"
    append_only = True
    by_door = True

    prefix: Mapped[str] = mapped_column(String(2))
    name: Mapped[str] = mapped_column(String(200))
    zone: Mapped[str] = mapped_column(String(60))
    is_demonstration: Mapped[bool] = mapped_column(Boolean)
    created_at: Mapped[datetime] = mapped_column(Utc)

    __table_args__ = (
        CheckConstraint("id = 1", name="only_one"),
        CheckConstraint(
            f"(prefix = '{DEMONSTRATION_PREFIX}') = is_demonstration", name="demonstration_prefix"
        ),
    )


_known: dict[int, tuple[Any, Instance]] = {}


def instance() -> Instance:
    """The instance row; written once, when the database is made, so it is read once a connection pool."""
    opened = engines()
    held = _known.get(id(opened))
    if held is not None and held[0] is opened:
        return held[1]
    found: Instance | None = session.scalar(select(Instance))
    if found is None:
        raise RuntimeError("the database has no instance row: run `mscbank db upgrade`")
    session.expunge(found)
    _known.clear()
    _known[id(opened)] = (opened, found)
    return found


def instance_or_none() -> Instance | None:
    """The instance row, where there is one."""
    return session.scalar(select(Instance))
