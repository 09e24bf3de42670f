"""Who is there and what is asked for: the small helpers of both doors."""

import unicodedata
from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import flash, g, has_request_context, request
from sqlalchemy import select

from mscbank.coding import short
from mscbank.coding.errors import CodeError
from mscbank.core import fields
from mscbank.core.access import Principal
from mscbank.core.acts import SCOPE_NEEDED, keep_out_of_sight
from mscbank.core.codes import IS_A_PRINT
from mscbank.core.db import Thing, session
from mscbank.core.errors import Missing, NotAllowed, SignIn

LONGEST_CODE = 80

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
    """Who is there; 401 when nobody is, 403 when a token not made for reading reads."""
    found = actor_or_none()
    if found is None:
        raise SignIn
    if request.method in ("GET", "HEAD") and not found.may_read:
        raise NotAllowed(SCOPE_NEEDED())
    return found


def find(model: type[T], code: str) -> T:
    """The thing with this code in the reader's sight; 404 otherwise, and 404 for a printed form.

    Somebody without any role sees nobody but himself; a thing of another site is asked for on the record.
    """
    by = actor()
    if is_print(code):
        raise Missing(IS_A_PRINT())
    found = session.scalar(select(model).where(model.code == code)) if is_storable(code) else None
    if found is not None and not by.sees(found.site):
        missing = Missing()
        missing.blocked_as = keep_out_of_sight(by, found)
        raise missing
    if found is None or not (by.grants or found.code == by.login):
        raise Missing
    return found


def is_print(code: str) -> bool:
    """Whether it is the code of a printed label, which addresses nothing."""
    try:
        return len(code) <= LONGEST_CODE and short.is_wellformed(code) and bool(short.parse(code).print_)
    except CodeError:
        return False


def is_storable(code: str) -> bool:
    """Whether a text from an address can be asked for at all."""
    return len(code) <= LONGEST_CODE and not any(unicodedata.category(char) in ("Cc", "Cs") for char in code)


def answer_with(kind: str, line: str, *, facts: str = "", following: str = "") -> None:
    """Show on the next page how the house answered: what is true now, the facts, the one thing to do next."""
    flash(cast("Any", {"line": line, "facts": facts, "next": following}), kind)


def _in_sight(thing: Any) -> bool:
    by = actor_or_none() if has_request_context() else None
    return by is None or by.sees(thing.site)


fields.sight(_in_sight)
