"""Going round the door, and listening at it, as only a test may."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mscbank.core import messages
from mscbank.core.db import engines, permitted, session


def refused(statement: str, match: str, **values: Any) -> None:
    """The database itself refuses this statement, with these words."""
    with pytest.raises(DBAPIError, match=match), engines().write.begin() as connection, permitted(connection):
        connection.execute(text(statement), values)


def past_the_door(statement: str, **values: Any) -> None:
    """Change rows past the door, as somebody with the database's own keys could; its guards stand."""
    session.rollback()
    with engines().write.begin() as connection, permitted(connection):
        connection.execute(text(statement), values)
    session.expire_all()


def heard(monkeypatch: pytest.MonkeyPatch, name: str) -> list[dict[str, Any]]:
    """Everything that is announced under a name from now on, and nothing else follows from it."""
    told: list[dict[str, Any]] = []
    subscription = messages.Subscription(lambda **what: told.append(what), lambda touched: [])
    monkeypatch.setitem(messages._consequences, name, [subscription])
    return told
