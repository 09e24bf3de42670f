"""What `verify` finds when somebody went past the door: every kind of tampering names its row."""

from collections.abc import Callable

import pytest
from sqlalchemy import create_engine, text

from mscbank.core import db
from mscbank.core.access import Role, operator
from mscbank.core.verify import verify
from mscbank.staff import actions
from tests import postgres

HOST = operator("test")
TAMPERED = [
    ("UPDATE record SET reason = 'other' WHERE action = 'site.open'", "was edited"),
    ("UPDATE record SET body = '{}' WHERE action = 'site.open'", "was edited"),
    (
        "UPDATE record SET entered_at = happened_at, actor_login = 'x' WHERE action = 'site.open'",
        "was edited",
    ),
    ("UPDATE site SET name = 'Elsewhere'", "reads otherwise"),
    ("UPDATE role_grant SET ends_at = starts_at", "reads otherwise"),
    ("DELETE FROM role_grant", "no longer in the table"),
    ("UPDATE chain_head SET sequence = sequence + 1 WHERE chain_kind = 'site'", "end of the chain"),
]


@pytest.fixture
def written(bank: str) -> str:
    """A bank in which something was done."""
    actions.open_site(by=HOST, code="SLS", name="Saint-Louis", zone="Europe/Paris")
    person = actions.register(by=HOST, login="ada", printed_name="Ada Moreau")
    actions.grant_role(person, by=HOST, role=Role.ADMIN)
    return bank


def past_the_door(url: str) -> Callable[[str], None]:
    """A connection of the owner, who can drop every guard."""

    def run(statement: str) -> None:
        engine = create_engine(postgres.owner_url(url))
        with engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                names = connection.execute(
                    text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
                ).scalars()
                for name in names.all():
                    connection.execute(text(f'DROP TRIGGER "{name}"'))
            else:
                tables = connection.execute(
                    text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
                )
                for table in tables.scalars().all():
                    connection.execute(text(f'ALTER TABLE "{table}" DISABLE TRIGGER USER'))
            connection.execute(text(statement))
        engine.dispose()

    return run


def findings() -> list[str]:
    db.session.remove()
    return [f"{kind} {code}: {sentence}" for _name, (kind, code, sentence) in verify()]


@pytest.mark.db
def test_nothing_is_found_where_nobody_tampered(written):
    assert findings() == []


@pytest.mark.db
@pytest.mark.parametrize(("statement", "said"), TAMPERED)
def test_what_was_tampered_with_is_named(written, statement, said):
    past_the_door(written)(statement)
    found = findings()
    assert any(said in line for line in found), found
    assert all("SLS" in line or "ada" in line for line in found), found


@pytest.mark.db
def test_a_removed_row_leaves_a_gap(written):
    past_the_door(written)(
        "DELETE FROM act_touch WHERE act = (SELECT act FROM record WHERE action = 'person.register')"
    )
    past_the_door(written)("DELETE FROM record WHERE action = 'person.register'")
    assert any("belongs" in line and "ada" in line for line in findings())


@pytest.mark.db
def test_a_cut_tail_is_seen(written):
    past_the_door(written)(
        "DELETE FROM act_touch WHERE act = (SELECT act FROM record WHERE action = 'person.grant_role')"
    )
    past_the_door(written)("DELETE FROM record WHERE action = 'person.grant_role'")
    found = findings()
    assert any("end of the chain" in line for line in found)


@pytest.mark.db
def test_a_row_that_no_act_made_is_seen(written):
    past_the_door(written)(
        "INSERT INTO site (code, version, name, zone) VALUES ('GHOST', 1, 'Nowhere', 'UTC')"
    )
    assert any("GHOST" in line and "no act made it" in line for line in findings())
