"""The record of every act: who, what, why, old and new, chained from the first row (invariant 22)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import inspect, select

from mscbank.core import acts, clock, record, sealed
from mscbank.core.access import Role, operator
from mscbank.core.canonical import canonical
from mscbank.core.db import session
from mscbank.core.errors import Missing, NotAllowed, Refused
from mscbank.core.record import GENESIS, HASHED, Outcome, Record, hash_of
from mscbank.core.version import VERSION
from mscbank.staff import actions, presence
from mscbank.staff.models import RoleGrant, User
from tests.core.acting import RENAME, creates, does, records, someone, somewhere
from tests.people import ADA, BRUNO, MARTA, SAM, person

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]


def body(row: Record) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.body)
    assert canonical_again(found) == row.body, "the body is not canonical"
    return found


def canonical_again(found: object) -> str:
    return canonical(found)


def changes(row: Record) -> dict[str, dict[str, list[Any]]]:
    return {" ".join(change["thing"]): change["fields"] for change in body(row)["changes"]}


def test_a_creation_keeps_every_value():
    someone("bruno", "Bruno Lang")
    row = records("person", "bruno")[0]
    assert (row.subject_kind, row.subject_code, row.action) == ("person", "bruno", "person.register")
    assert (row.actor_login, row.actor_name, row.actor_role) == ("ada", "Ada Moreau", "admin")
    assert (row.outcome, row.parent, row.app_version) == (Outcome.DONE, None, VERSION)
    assert changes(row) == {
        "person bruno": {
            "code": [None, "bruno"], "is_emergency": [None, False], "printed_name": [None, "Bruno Lang"],
            "state": [None, "active"], "version": [None, "1"],
        }
    }  # fmt: skip


def test_a_change_keeps_old_and_new_and_why():
    bruno = someone()
    actions.disable(bruno, by=ADA, reason="left the house")
    row = records("person", "bruno")[1]
    assert row.reason == "left the house"
    assert changes(row) == {"person bruno": {"state": ["active", "disabled"], "version": ["1", "2"]}}


def test_over_several_flushes_the_first_old_and_the_last_new_value_count():
    bruno = someone()

    def thrice(user: User) -> None:
        for name in ("Bruno A", "Bruno B", "Bruno C"):
            user.printed_name = name
            session.flush()

    does(thrice)(bruno, by=ADA)
    assert changes(records("person", "bruno")[1]) == {
        "person bruno": {"printed_name": ["Bruno Lang", "Bruno C"], "version": ["1", "2"]}
    }
    assert bruno.version == 2


def test_made_and_changed_in_one_act_it_has_no_old_value():
    def made_then_named() -> User:
        user = User(code="tomas", printed_name="T")
        session.add(user)
        session.flush()
        user.printed_name = "Tomás Ferreira"
        return user

    creates(made_then_named)(by=ADA)
    fields = changes(records("person", "tomas")[0])["person tomas"]
    assert fields["printed_name"] == [None, "Tomás Ferreira"]
    assert fields["version"] == [None, "1"]


def test_a_foreign_key_stands_there_as_kind_and_code():
    bruno, paris = someone(), somewhere()
    actions.grant_role(bruno, by=ADA, role=Role.LAB_TECH, at=paris)
    found = changes(records("person", "bruno")[1])
    assert found["role_grant bruno/1"]["person_id"] == [None, ["person", "bruno"]]
    assert found["role_grant bruno/1"]["site_id"] == [None, ["site", "PARIS"]]
    assert found["person bruno"] == {"version": ["1", "2"]}
    assert "id" not in found["role_grant bruno/1"]


def test_a_relationship_set_anew_shows_both_keys():
    bruno, tomas = someone(), someone("tomas", "Tomás")
    badge = presence.issue_badge(by=ADA, person=bruno, expires_at=clock.now() + timedelta(days=90))

    def pass_on(badge: Any, *, to: User) -> None:
        badge.person = to

    does(pass_on, kind="badge")(badge, by=ADA, to=tomas)
    assert changes(records("badge", badge.code)[1])[f"badge {badge.code}"] == {
        "person_id": [["person", "bruno"], ["person", "tomas"]],
        "version": ["1", "2"],
    }


def test_the_chain_can_be_recomputed_from_the_rows():
    bruno = someone()
    for number in range(5):
        RENAME(bruno, by=ADA, to=f"Bruno {number}")
    previous = GENESIS
    for sequence, row in enumerate(records("person", "bruno"), 1):
        assert row.chain_sequence == sequence
        assert row.prev_hash == previous
        assert hash_of({name: getattr(row, name) for name in HASHED}) == row.hash
        previous = row.hash


def test_the_hash_covers_every_column():
    assert set(HASHED) == {a.key for a in inspect(Record).column_attrs} - {"id", "hash"}
    someone()
    row = {name: getattr(records("person", "bruno")[0], name) for name in HASHED}
    for name in HASHED:
        changed = row | {name: clock.now() if name.endswith("_at") else "something else"}
        assert hash_of(changed) != hash_of(row), f"{name} may be changed unseen"


def test_children_follow_their_parent_in_the_chain_of_its_subject():
    bruno, paris = someone(), somewhere()

    def welcome(user: User) -> None:
        actions.grant_role(user, by=ADA, role=Role.LAB_TECH)
        presence.issue_badge(by=ADA, person=user, expires_at=clock.now() + timedelta(days=90))
        user.printed_name = "Bruno L."

    does(welcome, name="test.welcome", locks=lambda user: [user, paris])(bruno, by=ADA, reason="first day")
    parent, role, badge = records("person", "bruno")[1:]
    assert [row.action for row in (parent, role, badge)] == [
        "test.welcome",
        "person.grant_role",
        "badge.issue",
    ]
    assert (role.parent, badge.parent, parent.parent) == (parent.act, parent.act, None)
    assert badge.subject_kind == "badge"
    assert {row.chain_code for row in (parent, role, badge)} == {"bruno"}
    assert {row.reason for row in (parent, role, badge)} == {"first day"}
    assert changes(parent) == {"person bruno": {"printed_name": ["Bruno Lang", "Bruno L."]}}
    versions = [changes(row).get("person bruno", {}).get("version") for row in (parent, role, badge)]
    assert [version for version in versions if version] == [["1", "2"]], "counted once an act"
    assert bruno.version == 2


def test_it_stands_in_the_history_of_everything_it_touched():
    bruno = someone()
    badge = presence.issue_badge(by=ADA, person=bruno, expires_at=clock.now() + timedelta(days=90))
    session.rollback()
    newest = session.scalars(record.history("person", "bruno")).first()
    assert newest is not None
    assert (newest.action, newest.subject_code) == ("badge.issue", badge.code)
    assert [row.action for row in session.scalars(record.history("badge", badge.code))] == ["badge.issue"]


def test_notes_and_further_touches_are_kept():
    bruno, paris = someone(), somewhere()

    def noted(user: User) -> None:
        acts.current().note(shown={"dose": 3}, gate="none")
        acts.current().note(shown={"more": "x"})
        acts.current().touch(paris)

    does(noted)(bruno, by=ADA)
    session.rollback()
    newest = session.scalars(record.history("site", "PARIS")).first()
    assert newest is not None
    assert body(newest)["notes"] == {"gate": "none", "shown": {"dose": "3", "more": "x"}}


def test_event_time_and_entry_time_are_two_things():
    bruno = someone()
    before = clock.now() - timedelta(hours=30)
    RENAME(bruno, by=ADA, to="B", happened_at=before, happened_zone="America/New_York")
    row = records("person", "bruno")[1]
    assert row.happened_at == before
    assert row.happened_zone == "America/New_York"
    assert row.entered_at - row.happened_at >= timedelta(hours=30)
    assert records("person", "bruno")[0].happened_zone == "Europe/Paris"


def test_the_request_is_kept_with_every_act():
    with acts.request("r" * 32):
        someone()
    assert records("person", "bruno")[0].request == "r" * 32


# --- What was refused --------------------------------------------------------------------------------------


def blocked(kind: str, code: str) -> Record:
    row = records(kind, code)[-1]
    assert row.outcome is Outcome.REFUSED
    assert body(row)["changes"] == []
    return row


def test_invariant_6_an_act_without_the_role_leaves_a_row():
    bruno = someone()
    with pytest.raises(NotAllowed) as caught:
        actions.grant_role(bruno, by=SAM, role=Role.ADMIN)
    row = blocked("person", "bruno")
    assert row.act == caught.value.blocked_as
    assert (row.action, row.actor_login) == ("person.grant_role", "sam")
    assert body(row)["notes"]["obstacles"] == [{"code": "acts.role_needed", "values": {}}]
    session.rollback()
    assert session.scalars(record.history("person", "sam")).first().act == row.act  # type: ignore[union-attr]


def test_invariant_6_a_refused_creation_is_kept_with_whoever_tried():
    with pytest.raises(NotAllowed):
        actions.register(by=BRUNO, login="x1", printed_name="X")
    assert blocked("person", "bruno").action == "person.register"


def test_invariant_6_what_the_state_refuses_leaves_a_row_with_its_values():
    bruno = someone()
    with pytest.raises(Refused) as caught:
        actions.enable(bruno, by=ADA, reason="a mistake")
    assert caught.value.status == 409
    row = blocked("person", "bruno")
    assert row.reason == "a mistake"
    obstacle = body(row)["notes"]["obstacles"][0]
    assert obstacle["code"] == "lifecycle.wrong_state"
    assert obstacle["values"]["state"] == "Active"


def test_invariant_6_a_thing_of_another_site_is_missing_and_the_try_is_kept():
    lyon = somewhere("LYON")

    def at_lyon() -> User:
        user = User(code="remote", printed_name="R", site=lyon.code)
        session.add(user)
        return user

    user = creates(at_lyon)(by=ADA)
    with pytest.raises(Missing):
        RENAME(user, by=person("anna", "Anna", Role.ADMIN, site="PARIS"), to="x")
    assert body(blocked("person", "remote"))["notes"]["obstacles"][0]["code"] == "acts.out_of_sight"


def test_wrong_input_and_a_stale_version_leave_no_row():
    bruno = someone()
    for wrong in (
        lambda: actions.disable(bruno, by=ADA, reason="no"),
        lambda: RENAME(bruno, by=ADA, to="x", expected=7),
        lambda: RENAME(bruno, by=ADA, to="x", happened_at=clock.now() + timedelta(minutes=1)),
    ):
        with pytest.raises(Refused):
            wrong()
    assert len(records("person", "bruno")) == 1


# --- Readings ----------------------------------------------------------------------------------------------


@pytest.fixture
def sealed_name() -> sealed.Envelope:
    bruno = someone()
    made: list[sealed.Envelope] = []

    def with_key(user: User) -> None:
        sealed.make_key(("donor", "D1"))
        made.append(sealed.seal(("donor", "D1"), "family_name", "Müller"))

    does(with_key)(bruno, by=ADA)
    return made[0]


def test_invariant_24_a_reading_is_recorded_in_the_chain_of_the_reader(sealed_name: sealed.Envelope):
    wanted = [(("donor", "D1"), "family_name", sealed_name)]
    assert sealed.reveal(wanted, by=MARTA, purpose="the bedside") == {
        (("donor", "D1"), "family_name"): "Müller"
    }
    row = records("person", "marta")[-1]
    assert row.action == "core.read_identity"
    assert body(row)["notes"] == {"people": [["donor", "D1"]], "purpose": "the bedside"}
    assert "Müller" not in row.body
    session.rollback()
    assert session.scalars(record.history("donor", "D1")).first().act == row.act  # type: ignore[union-attr]


def test_invariant_24_nothing_is_shown_that_could_not_be_recorded(
    sealed_name: sealed.Envelope, monkeypatch: pytest.MonkeyPatch
):
    def broken(*_args: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(record, "append", broken)
    with pytest.raises(OSError, match="full"):
        sealed.reveal([(("donor", "D1"), "family_name", sealed_name)], by=MARTA, purpose="p")


@pytest.mark.parametrize(
    "reader", [person("mo", "Mo", Role.MONITOR), person("sp", "S", Role.SPONSOR), ADA, SAM]
)
def test_invariant_24_who_sees_codes_only_reads_no_name(sealed_name: sealed.Envelope, reader: acts.Principal):
    with pytest.raises(NotAllowed):
        sealed.reveal([(("donor", "D1"), "family_name", sealed_name)], by=reader, purpose="p")


def test_invariant_24_the_record_holds_ciphertext_and_the_chain_survives_a_destroyed_key(
    sealed_name: sealed.Envelope,
):
    rows = records("person", "bruno")
    assert "Müller" not in "".join(row.body for row in rows)
    assert "person_key donor.D1" in changes(rows[1])


def test_an_operator_is_recorded_by_the_systems_user_name():
    someone("eva", "Eva", by=operator("root"))
    row = records("person", "eva")[0]
    assert (row.actor_login, row.actor_role) == ("operator:root", "operator")


def test_roles_ended_keep_their_rows():
    bruno = someone()
    actions.grant_role(bruno, by=ADA, role=Role.LAB_TECH)
    actions.end_role(bruno, by=ADA, role=Role.LAB_TECH, reason="moved on")
    assert session.scalar(select(RoleGrant.ends_at)) is not None
    assert set(changes(records("person", "bruno")[2])) == {"person bruno", "role_grant bruno/1"}
