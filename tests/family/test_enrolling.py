"""Examination and enrolment: checks, numbers, levels, places; leaving frees a place only before infusion."""

import threading
from datetime import date, timedelta
from typing import Any

import pytest

from mscbank.core import clock
from mscbank.core.acts import action
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.lifecycle import open_to
from mscbank.family import actions, registry
from mscbank.family.enrolling import inclusion_checks
from mscbank.family.models import Recipient
from mscbank.family.registering import today
from mscbank.family.states import RecipientState
from mscbank.study import actions as study
from mscbank.study.models import Protocol
from mscbank.study.states import ProtocolState
from tests import attack, make_family, make_study
from tests.people import EVA, LUCIE, MARTA, NINA, VERA, sign

pytestmark = pytest.mark.usefixtures("bank")

SMALL = ((1_000_000, 2), (3_000_000, 2))


@pytest.fixture
def infused(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Into whom cells have gone, as a later step would tell."""
    done: set[int] = set()
    monkeypatch.setattr(registry, "_infused", [])
    registry.infused_check(lambda ids: done & set(ids))
    return done


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The signed gate and the pause, as the safety room does them."""
    monkeypatch.setattr("mscbank.core.acts.ACTIONS", {})

    @action("protocol.gate", role=tuple(VERA.roles), kind="protocol")
    def gate(protocol: Protocol, *, by: Any, number: int | None = None, why: str | None = None) -> None:
        if number is None:
            study.pause(protocol, by=by, why=why)
        else:
            study.open_level(protocol, by=by, number=number)

    return gate


class TestScreen:
    def test_the_age_is_that_of_the_consent(self):
        person = make_family.recipient(born_on=date(1980, 6, 15))
        make_family.recipient_consent(person, given_on=date(2024, 6, 14))
        make_family.screen(person, make_study.protocol())
        assert person.screenings[-1].age_years == 43

    def test_consent_comes_first(self):
        person = make_family.recipient()
        with pytest.raises(Refused, match=r"family\.consent_first"):
            make_family.screen(person, make_study.protocol())
        make_family.recipient_consent(person)
        with pytest.raises(Refused, match=r"family\.consent_first"):
            make_family.screen(person, make_study.protocol(), screened_on=today() - timedelta(days=1))

    @pytest.mark.db
    def test_a_later_examination_stands_beside_the_first(self):
        protocol = make_study.protocol()
        person = make_family.screened(protocol, skin_score=3)
        make_family.screen(person, protocol)
        assert [one.number for one in person.screenings] == [1, 2]
        assert all(check.passed for check in inclusion_checks([person])[person.id])
        attack.refused("UPDATE screening SET skin_score = 51", "append-only|permission denied")

    def test_a_comorbidity_has_a_name(self):
        with pytest.raises(Invalid):
            make_family.screened(make_study.protocol(), has_severe_comorbidity=True)

    def test_it_is_not_tomorrow(self):
        with pytest.raises(Invalid):
            make_family.screened(make_study.protocol(), screened_on=today() + timedelta(days=1))

    def test_only_before_enrolment(self):
        protocol = make_study.protocol()
        person = make_family.enrolled(protocol)
        with pytest.raises(Refused, match=r"family\.not_registered"):
            make_family.screen(person, protocol)

    def test_only_by_an_investigator(self):
        person = make_family.recipient()
        make_family.recipient_consent(person)
        with pytest.raises(NotAllowed):
            actions.screen(
                person, by=NINA, protocol=make_study.protocol(), screened_on=today(), classification_score=9,
                subset="diffuse", skin_score=20, prior_therapy="neither",
            )  # fmt: skip


class TestEnrol:
    @pytest.mark.db
    def test_invariant_15_order_gives_number_level_and_place(self, gate: Any):
        protocol = make_study.protocol(levels=SMALL)
        people = [make_family.enrolled(protocol) for _ in range(2)]
        assert [(p.study_number, p.enrolment.level, p.enrolment.place) for p in people] == [
            ("01", 1, 1),
            ("02", 1, 2),
        ]
        third = make_family.screened(protocol)
        with pytest.raises(Refused, match=r"family\.no_place"):
            actions.enrol(third, by=MARTA)
        assert third.state is RecipientState.REGISTERED
        gate(protocol, by=VERA, number=2)
        actions.enrol(third, by=MARTA)
        assert (third.study_number, third.enrolment.level, third.enrolment.place) == ("03", 2, 1)
        assert third.called == "patient 03"

    def test_a_full_study_takes_nobody(self):
        protocol = make_study.protocol(levels=((1_000_000, 1),))
        make_family.enrolled(protocol)
        with pytest.raises(Refused, match=r"family\.study_full"):
            make_family.enrolled(protocol)

    def test_each_protocol_counts_for_itself(self):
        make_family.enrolled(make_study.protocol())
        assert make_family.enrolled(make_study.protocol()).study_number == "01"

    def test_nobody_is_enrolled_unexamined(self):
        with pytest.raises(Refused, match=r"family\.not_screened"):
            actions.enrol(make_family.recipient(), by=MARTA)

    def test_the_checks_are_listed(self):
        person = make_family.screened(make_study.protocol(), skin_score=14, organs=[])
        with pytest.raises(Refused, match=r"family\.not_included") as refused:
            actions.enrol(person, by=MARTA)
        assert "skin score 14" in refused.value.sentence
        assert "neither lung, heart nor kidney" in refused.value.sentence
        assert refused.value.blocked_as is not None

    def test_a_consent_withdrawn_meanwhile_counts(self):
        person = make_family.screened(make_study.protocol())
        actions.withdraw_consent(person.consents[0], by=LUCIE, reason="she telephoned")
        with pytest.raises(Refused, match=r"family\.not_included"):
            actions.enrol(person, by=MARTA)

    @pytest.mark.parametrize("state", [ProtocolState.DRAFT, ProtocolState.APPROVED, ProtocolState.CLOSED])
    def test_only_an_open_protocol_takes_people(self, state: ProtocolState):
        with pytest.raises(Refused, match=r"family\.protocol_not_open"):
            make_family.enrolled(make_study.protocol(state))

    def test_a_pause_stops_enrolment(self, gate: Any):
        protocol = make_study.protocol()
        person = make_family.screened(protocol)
        gate(protocol, by=VERA, why="a stopping event")
        with pytest.raises(Refused, match=r"family\.protocol_paused") as refused:
            actions.enrol(person, by=MARTA)
        assert "a stopping event" in refused.value.sentence

    @pytest.mark.parametrize("shift", [-1, 1])
    def test_after_the_examination_and_not_in_the_future(self, shift: int):
        person = make_family.screened(make_study.protocol())
        with pytest.raises(Invalid):
            actions.enrol(person, by=MARTA, enrolled_on=clock.today("Europe/Paris") + timedelta(days=shift))

    def test_only_by_an_investigator(self):
        person = make_family.screened(make_study.protocol())
        with pytest.raises(NotAllowed):
            actions.enrol(person, by=EVA)

    def test_the_page_shows_what_stands_in_the_way(self):
        person = make_family.screened(make_study.protocol(), skin_score=3)
        moves = {move.name: move.obstacle for move in open_to(person, MARTA)}
        assert moves["enrol"].code == "family.not_included"
        assert moves["withdraw"] is None


class TestLeave:
    @pytest.mark.db
    def test_invariant_15_before_infusion_the_place_is_free_again(self, infused: set[int]):
        protocol = make_study.protocol(levels=SMALL)
        first, second = make_family.enrolled(protocol), make_family.enrolled(protocol)
        actions.withdraw(first, by=MARTA, reason="moved abroad")
        assert first.state is RecipientState.WITHDRAWN
        assert first.enrolment.freed_why == "moved abroad"
        third = make_family.enrolled(protocol)
        assert (third.study_number, third.enrolment.level, third.enrolment.place) == ("03", 1, 1)
        assert second.enrolment.place == 2

    @pytest.mark.parametrize("leave", [actions.withdraw, actions.die, actions.exclude, actions.lose])
    def test_after_infusion_it_is_not(self, infused: set[int], leave: Any):
        protocol = make_study.protocol(levels=((1_000_000, 1),))
        person = make_family.enrolled(protocol)
        infused.add(person.id)
        leave(person, by=MARTA, reason="as it happened")
        assert person.enrolment.freed_at is None
        with pytest.raises(Refused, match=r"family\.study_full"):
            make_family.enrolled(protocol)

    def test_only_who_was_infused_completes(self, infused: set[int]):
        person = make_family.enrolled()
        with pytest.raises(Refused, match=r"family\.not_infused"):
            actions.complete(person, by=MARTA, reason="month 24 done")
        infused.add(person.id)
        actions.complete(person, by=MARTA, reason="month 24 done")
        assert person.state is RecipientState.COMPLETED
        assert person.has_left

    def test_everybody_hears(self, infused: set[int], monkeypatch: pytest.MonkeyPatch):
        told = attack.heard(monkeypatch, "recipient.left")
        person = make_family.enrolled()
        actions.exclude(person, by=EVA, reason="infection found")
        assert told == [
            {"touched": [("recipient", person.code)], "state": RecipientState.EXCLUDED, "freed": True}
        ]

    def test_somebody_who_was_never_enrolled_holds_no_place(self, infused: set[int]):
        person = make_family.recipient()
        actions.exclude(person, by=EVA, reason="screening failure")
        assert person.enrolment is None
        assert (person.left_on, person.left_why) == (today(), "screening failure")

    def test_the_day_is_possible(self, infused: set[int]):
        person = make_family.enrolled()
        for shift in (-1, 1):
            with pytest.raises(Invalid):
                actions.withdraw(
                    person, by=MARTA, reason="moved abroad", left_on=today() + timedelta(days=shift)
                )

    @pytest.mark.db
    def test_nobody_comes_back(self, infused: set[int]):
        person = make_family.enrolled()
        actions.lose(person, by=MARTA, reason="letter returned")
        with pytest.raises(Refused, match=r"lifecycle\.wrong_state"):
            actions.withdraw(person, by=MARTA, reason="moved abroad")
        attack.refused("UPDATE recipient SET state = 'enrolled', left_on = NULL", "no such move")

    def test_a_reason_is_needed(self, infused: set[int]):
        with pytest.raises(Invalid):
            actions.withdraw(make_family.enrolled(), by=MARTA)


@pytest.mark.db
class TestInTheDatabase:
    @pytest.mark.parametrize(
        ("statement", "match"),
        [
            ("UPDATE enrolment SET number = 1", "(?i)unique|number"),
            ("UPDATE enrolment SET place = 1", "(?i)unique|place"),
            ("UPDATE enrolment SET freed_at = :at WHERE number = 1", "(?i)check|freeing"),
        ],
    )
    def test_invariant_15_numbers_and_live_places_are_unique(self, statement: str, match: str):
        protocol = make_study.protocol()
        make_family.enrolled(protocol)
        make_family.enrolled(protocol)
        values = {"at": "2026-01-01T00:00:00.000000Z"} if ":at" in statement else {}
        attack.refused(statement, match, **values)


@pytest.mark.db
def test_invariant_15_of_ten_at_once_each_place_goes_once():
    protocol = make_study.protocol(levels=((1_000_000, 4),))
    waiting = [make_family.screened(protocol).code for _ in range(10)]
    answers: list[str] = []
    start = threading.Barrier(len(waiting))

    def enrol(code: str) -> None:
        person = session.query(Recipient).filter_by(code=code).one()
        start.wait()
        try:
            actions.enrol(person, by=MARTA)
            answers.append("enrolled")
        except Refused as refused:
            answers.append(refused.code)
        finally:
            session.remove()

    threads = [threading.Thread(target=enrol, args=(code,)) for code in waiting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["enrolled"] * 4 + ["family.study_full"] * 6
    session.rollback()
    session.expire_all()
    enrolled = [p for p in session.query(Recipient) if p.state is RecipientState.ENROLLED]
    assert sorted(p.enrolment.number for p in enrolled) == [1, 2, 3, 4]
    assert sorted(p.enrolment.place for p in enrolled) == [1, 2, 3, 4]


def test_a_closed_protocol_is_signed():
    protocol = make_study.protocol()
    sign(study.close_protocol, protocol, EVA, reason="the last visit is over")
    with pytest.raises(Refused, match=r"family\.protocol_not_open"):
        make_family.enrolled(protocol)
