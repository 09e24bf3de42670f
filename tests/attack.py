"""Going round the door, and listening at it, as only a test may."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from mscbank.core import messages
from mscbank.core.db import engines, permitted


def refused(statement: str, match: str, **values: Any) -> None:
    """The database itself refuses this statement, with these words."""
    with pytest.raises(DBAPIError, match=match), engines().write.begin() as connection, permitted(connection):
        connection.execute(text(statement), values)


def heard(monkeypatch: pytest.MonkeyPatch, name: str) -> list[dict[str, Any]]:
    """Everything that is announced under a name from now on, and nothing else follows from it."""
    told: list[dict[str, Any]] = []
    subscription = messages.Subscription(lambda **what: told.append(what), lambda touched: [])
    monkeypatch.setitem(messages._consequences, name, [subscription])
    return told
