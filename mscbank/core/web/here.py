"""Who is there and what is asked for: the small helpers of both doors."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import flash, g, has_request_context
from sqlalchemy import select

from mscbank.coding import short
from mscbank.coding.errors import CodeError
from mscbank.core import fields
from mscbank.core.access import Principal
from mscbank.core.codes import IS_A_PRINT
from mscbank.core.db import Thing, session
from mscbank.core.errors import Missing, SignIn

T = TypeVar("T", bound=Thing)

_identify: list[Callable[[], Principal | None]] = []


def identified_by(identify: Callable[[], Principal | None]) -> None:
    """``staff`` says who sent the request: by bearer token under the API, by session on pages."""
    _identify[:] = [identify]


def actor_or_none() -> Principal | None:
    """Who is there, if anybody; asked once a request."""
    if "actor" not in g:
        g.actor = _identify[0]() if _identify else None
    found: Principal | None = g.actor
    return found


def actor() -> Principal:
    """Who is there; 401 when nobody is."""
    found = actor_or_none()
    if found is None:
        raise SignIn
    return found


def find(model: type[T], code: str) -> T:
    """The thing with this code in the reader's sight; 404 otherwise, and 404 for a printed form."""
    if len(code) <= 80:
        try:
            if short.is_wellformed(code) and short.parse(code).print_:
                raise Missing(IS_A_PRINT())
        except CodeError:
            pass
    found = (
        session.scalar(select(model).where(model.code == code))
        if len(code) <= 80 and "\0" not in code
        else None
    )
    if found is None or not actor().sees(found.site):
        raise Missing
    return found


def answer_with(kind: str, line: str, *, facts: str = "", following: str = "") -> None:
    """Show on the next page how the house answered: what is true now, the facts, the one thing to do next."""
    flash(cast("Any", {"line": line, "facts": facts, "next": following}), kind)


def _in_sight(thing: Any) -> bool:
    by = actor_or_none() if has_request_context() else None
    return by is None or by.sees(thing.site)


fields.sight(_in_sight)
