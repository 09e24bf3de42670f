"""The review of access: every role of others is decided, what is not confirmed ends in the same act."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mscbank.core import clock
from mscbank.core.access import Grant, Principal, Role
from mscbank.core.db import engines, permitted, session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.links import waiting_for
from mscbank.core.record import Record
from mscbank.core.signatures import Signature
from mscbank.staff import actions, people, reviewing
from mscbank.staff.models import User
from tests.core.acting import somewhere
from tests.house import HOST, House, employ
from tests.people import ANA, BRUNO, QUENTIN, SECRET, sign

ADA_OF_ALL = Principal("ada", "Ada", frozenset({Grant(Role.ADMIN)}))


@pytest.fixture
def staffed(office: str) -> str:
    """Ana and Quentin review; Bruno and an administrator are there to be reviewed."""
    for person in (ANA, QUENTIN, BRUNO, ADA_OF_ALL):
        employ(person.login, person.printed_name, *person.grants)
    return office


def handles(by: Principal = ANA) -> list[str]:
    session.rollback()
    return [line.handle for line in reviewing.lines_for(by)]


def reviewed(by: Principal = ANA, taken: tuple[str, ...] = ()) -> reviewing.AccessReview:
    kept = [one for one in handles(by) if one not in taken]
    found: reviewing.AccessReview = sign(reviewing.sign, None, by, kept=kept, taken=list(taken))
    return found


def roles(login: str) -> set[Role]:
    session.rollback()
    found = people.load(login)
    return set(found.roles) if found else set()


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ((2026, 1, 31), 1, (2026, 2, 28)), ((2024, 1, 31), 1, (2024, 2, 29)),
        ((2026, 8, 31), 6, (2027, 2, 28)), ((2026, 12, 1), 1, (2027, 1, 1)),
        ((2026, 6, 15), 12, (2027, 6, 15)), ((2026, 3, 1), 0, (2026, 3, 1)),
    ],
)  # fmt: skip
def test_months_are_those_of_the_calendar(start, months, end):
    assert reviewing.months_after(datetime(*start, 9, tzinfo=UTC), months) == datetime(*end, 9, tzinfo=UTC)


@pytest.mark.db
@pytest.mark.usefixtures("staffed")
class TestReview:
    def test_everybody_but_the_reviewer_is_on_the_list(self):
        assert handles() == ["ada/1", "bruno/1", "quentin/1"]
        assert handles(QUENTIN) == ["ada/1", "ana/1", "bruno/1"]

    def test_an_ended_role_is_not_and_a_delegation_shows_its_end(self):
        bruno = session.scalars(select(User).where(User.code == "bruno")).one()
        until = clock.now() + timedelta(days=3)
        actions.grant_role(bruno, by=HOST, role=Role.NURSE, ends_at=until)
        actions.end_role(bruno, by=HOST, role=Role.LAB_TECH, reason="moved on")
        (line,) = [one for one in reviewing.lines_for(ANA) if one.grant.person.code == "bruno"]
        assert (line.grant.role, line.grant.ends_at) == (Role.NURSE, until)

    def test_a_reviewer_of_one_site_sees_its_roles_only(self):
        paris = somewhere(by=HOST)
        bruno = session.scalars(select(User).where(User.code == "bruno")).one()
        actions.grant_role(bruno, by=HOST, role=Role.NURSE, at=paris)
        local = Principal("qa2", "Q", frozenset({Grant(Role.QA, "PARIS")}))
        assert handles(local) == ["bruno/2"]
        assert handles(BRUNO) == []

    def test_what_is_confirmed_is_due_again_six_months_later(self):
        before = {line.handle: line for line in reviewing.lines_for(ANA)}
        assert all(line.confirmed_at is None for line in before.values())
        review = reviewed()
        for line in reviewing.lines_for(ANA):
            assert line.confirmed_at == review.reviewed_at
            assert line.due_at == reviewing.months_after(review.reviewed_at, 6)
        assert [(one.login, one.is_kept) for one in review.lines] == [
            ("ada", True), ("bruno", True), ("quentin", True),
        ]  # fmt: skip

    def test_what_is_marked_ends_in_the_same_act_and_is_signed(self):
        people.open_session("bruno", "s")
        review = reviewed(taken=("bruno/1",))
        assert roles("bruno") == set()
        assert roles("quentin") == {Role.QA}
        rows = session.scalars(select(Record).where(Record.chain_code == review.code)).all()
        assert [row.action for row in rows] == ["access_review.sign", "person.end_role"]
        assert rows[1].reason == reviewing.TAKEN
        assert len({row.act for row in rows if row.parent is None}) == 1
        signature = session.scalars(select(Signature).where(Signature.subject_code == review.code)).one()
        assert (signature.login, signature.meaning) == ("ana", "access reviewed")
        lines = {one.login: one for one in review.lines}
        assert not lines["bruno"].is_kept
        assert lines["bruno"].last_log_in is not None
        assert handles() == ["ada/1", "quentin/1"]

    def test_every_line_is_decided_once(self):
        for kept, taken, field in (
            ([], [], "kept"), (["ada/1", "bruno/1"], [], "kept"),
            (["ada/1", "bruno/1", "quentin/1"], ["bruno/1"], "taken"),
        ):  # fmt: skip
            with pytest.raises(Invalid) as caught:
                sign(reviewing.sign, None, ANA, kept=kept, taken=taken)
            assert set(caught.value.faults) == {field}
        with pytest.raises(Refused) as refused:
            sign(reviewing.sign, None, ANA, kept=[*handles(), "ana/1"], taken=[])
        assert refused.value.code == "access_review.changed"
        assert session.scalars(select(reviewing.AccessReview)).all() == []

    def test_the_last_administrator_is_not_taken_away_and_nothing_is_done(self):
        with pytest.raises(Refused) as caught:
            reviewed(taken=("ada/1", "bruno/1"))
        assert caught.value.code == "person.last_admin"
        assert roles("bruno") == {Role.LAB_TECH}
        assert session.scalars(select(reviewing.AccessReview)).all() == []

    def test_only_quality_assurance_reviews(self):
        for by in (BRUNO, ADA_OF_ALL):
            with pytest.raises(NotAllowed):
                sign(reviewing.sign, None, by, kept=["quentin/1"], taken=[])

    @pytest.mark.parametrize(
        "statement", ["UPDATE access_review_line SET is_kept = NOT is_kept", "DELETE FROM access_review_line"]
    )
    def test_what_was_decided_stays(self, statement: str):
        reviewed()
        with pytest.raises(DBAPIError), engines().write.begin() as connection, permitted(connection):
            connection.execute(text(statement))


class TestPages:
    def test_it_waits_for_quality_assurance_from_a_month_before(self, house: House, monkeypatch):
        assert not [t for t in waiting_for(ANA) if t.step == "staff"]
        with house.app.test_request_context("/"):
            for days, waits in ((150, False), (160, True), (200, True)):
                later = clock.now() + timedelta(days=days)
                monkeypatch.setattr("mscbank.staff.views.clock.now", lambda later=later: later)
                found = [t for t in waiting_for(ANA) if t.step == "staff"]
                assert bool(found) is waits, days
                assert not [t for t in waiting_for(BRUNO) if t.step == "staff"]
                monkeypatch.undo()

    def test_by_the_page(self, house: House):
        ana = house.client_of("ana")
        page = ana.get("/access-reviews/review")
        assert page.status_code == 200
        assert 'value="bruno/1"' in page.text
        assert 'value="ana/1"' not in page.text
        kept = [one for one in handles() if one != "bruno/1"]
        sent = {"kept": kept, "taken": ["bruno/1"], "login_0": "ana", "secret_0": SECRET}
        wrong = ana.post("/access-reviews/review", data=sent | {"secret_0": "wrong"})
        assert wrong.status_code == 401
        assert roles("bruno") == {Role.LAB_TECH}
        part = ana.post("/access-reviews/review", data=sent | {"taken": []})
        assert part.status_code == 422
        assert "Not decided yet: bruno/1." in part.text
        done = ana.post("/access-reviews/review", data=sent)
        assert done.status_code == 302, done.text
        shown = ana.get(done.location).text
        assert "taken away" in shown
        assert "Bruno Lang" in shown
        assert roles("bruno") == set()
        assert house.client_of("otto").get(done.location).status_code == 200
        assert house.client_of("bruno").get("/access-reviews/review").status_code == 403

    def test_by_the_api(self, house: House):
        ana = house.api_of("ana")
        grants = ana.get("/api/v1/people/bruno/grants").json["roles"]
        assert [(one["number"], one["role"], one["site"]) for one in grants] == [(1, "lab_tech", None)]
        inputs = {"kept": handles(), "taken": []}
        asked = {
            "action": "access_review.sign",
            "meaning": "access reviewed",
            "inputs": inputs,
            "secret": SECRET,
        }
        proof = ana.post("/api/v1/proofs", json=asked).json["proof"]
        made = ana.post("/api/v1/access-reviews", json=inputs | {"proofs": [proof]})
        assert made.status_code == 201, made.text
        assert made.json["reviewed_by"] == "ana"
