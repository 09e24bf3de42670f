"""Facts are read once while an act is open, and again as soon as the act has written something."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from mscbank.core.db import session

P = ParamSpec("P")
T = TypeVar("T")


def once_an_act(find: Callable[P, T]) -> Callable[P, T]:
    """Keep what a loader of facts found, for the same question in the same act; nobody changes the answer.

    What it rests on is locked, or was read after the locks; a write of the act itself makes it ask again.
    """

    @wraps(find)
    def found(*args: P.args, **kwargs: P.kwargs) -> T:
        act = session.registry().act
        if act is None:
            return find(*args, **kwargs)
        session.flush()
        asked: Any = tuple(_fixed(value) for value in args)
        key = (find, act.written.total(), asked, tuple(sorted(kwargs.items())))
        if key not in act.memo:
            act.memo[key] = find(*asked, **kwargs)
        answer: T = act.memo[key]
        return answer

    return found


def _fixed(value: Any) -> Any:
    """An argument as it can be remembered by: what is listed as a tuple, a set as a set."""
    if isinstance(value, (set, frozenset)):
        return frozenset(value)
    return tuple(value) if isinstance(value, Iterable) and not isinstance(value, (str, bytes)) else value
