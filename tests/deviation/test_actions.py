"""Opening, classifying, accepting and closing deviations on a real database."""

from datetime import timedelta
from typing import Any

import pytest

from mscbank.core import clock, record
from mscbank.core.acts import action
from mscbank.core.codes import new_code
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused, SignIn, Stale
from mscbank.core.signatures import Signer, prove
from mscbank.deviation import actions
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity, State
from tests import attack, make_deviation, make_family
from tests.make_deviation import CONCLUSION
from tests.people import ADA, ANA, BRUNO, EVA, OTTO, QUENTIN, SAM, person, sign

pytestmark = pytest.mark.usefixtures("bank")


class TestOpen:
    @pytest.mark.db
    def test_it_names_what_it_is_about(self):
        donor, other = make_family.donor(), make_family.donor()
        made = make_deviation.deviation(donor, other)
        assert {(s.kind, s.code) for s in made.subjects} == {("donor", donor.code), ("donor", other.code)}
        assert made.state is State.OPEN
        assert made.severity is None
        assert not made.blocks
        assert made.opened_by == "bruno"

    @pytest.mark.db
    def test_the_subject_shows_it_in_its_history(self):
        donor = make_family.donor()
        make_deviation.deviation(donor)
        newest = session.scalars(record.history("donor", donor.code)).first()
        assert newest.action == "deviation.open"

    def test_one_code_twice_is_one_subject(self):
        donor = make_family.donor()
        made = make_deviation.deviation(about=[donor.code, f" {donor.code.lower()} "])
        assert len(made.subjects) == 1

    def test_nothing_need_be_named(self):
        assert make_deviation.deviation().subjects == []

    @pytest.mark.parametrize("code", ["", "V", "DT19999990K", "not a code", "\0", "D" * 500])
    def test_an_unknown_code_is_refused(self, code: str):
        with pytest.raises(Invalid) as refused:
            make_deviation.deviation(about=[code])
        assert list(refused.value.faults) == ["about"]

    def test_a_label_is_not_the_thing(self):
        donor = make_family.donor()
        from_print = donor.code[:-2] + "1" + "0"
        with pytest.raises(Invalid):
            make_deviation.deviation(about=[from_print])

    def test_what_one_cannot_see_one_cannot_name(self):
        elsewhere = make_family.donor(site="LYON")
        near = person("bea", "Bea Lind", *BRUNO.roles, site="PARIS")
        with pytest.raises(Invalid):
            make_deviation.deviation(elsewhere, by=near)

    def test_it_belongs_to_the_site_of_its_subject(self):
        elsewhere = make_family.donor(site="LYON")
        assert make_deviation.deviation(elsewhere).site == "LYON"
        near = person("bea", "Bea Lind", *BRUNO.roles, site="PARIS")
        assert make_deviation.deviation(by=near).site == "PARIS"

    @pytest.mark.parametrize(
        ("field", "changes"),
        [
            ("occurred_at", {"occurred_at": timedelta(minutes=5)}),
            ("found_at", {"occurred_at": timedelta(hours=-1), "found_at": timedelta(hours=-2)}),
            ("found_at", {"occurred_at": timedelta(hours=-1), "found_at": timedelta(hours=1)}),
        ],
    )
    def test_time_runs_forward(self, field: str, changes: dict[str, timedelta]):
        with pytest.raises(Invalid) as refused:
            make_deviation.deviation(**{name: clock.now() + shift for name, shift in changes.items()})
        assert list(refused.value.faults) == [field]

    @pytest.mark.parametrize("who", [OTTO, ADA, SAM])
    def test_readers_and_strangers_open_none(self, who: Any):
        with pytest.raises(NotAllowed):
            make_deviation.deviation(by=who)


class TestClassify:
    def test_quality_assurance_says_how_bad_it_is(self):
        made = make_deviation.deviation(severity=Severity.CRITICAL)
        assert made.severity is Severity.CRITICAL
        assert made.severity_by == "ana"
        assert made.blocks

    def test_nobody_else_does(self):
        made = make_deviation.deviation()
        with pytest.raises(NotAllowed):
            actions.classify(made, by=BRUNO, reason="I was there", severity=Severity.MINOR)

    def test_it_needs_a_reason(self):
        made = make_deviation.deviation()
        with pytest.raises(Invalid):
            actions.classify(made, by=ANA, severity=Severity.MINOR)

    def test_it_is_announced(self, monkeypatch: pytest.MonkeyPatch):
        donor = make_family.donor()
        opened = attack.heard(monkeypatch, "deviation.opened")
        classified = attack.heard(monkeypatch, "deviation.classified")
        made = make_deviation.deviation(donor, severity=Severity.MAJOR)
        touched = [("donor", donor.code)]
        assert opened == [{"touched": touched, "severity": None, "deviation": made.code}]
        assert classified == [{"touched": touched, "severity": Severity.MAJOR, "deviation": made.code}]

    def test_a_new_severity_ends_the_acceptance(self):
        made = make_deviation.accepted(make_deviation.deviation(severity=Severity.MAJOR))
        actions.classify(made, by=ANA, reason="worse than thought", severity=Severity.CRITICAL)
        assert made.accepted_at is None
        assert made.blocks

    def test_what_is_settled_stays(self):
        made = make_deviation.deviation(severity=Severity.MAJOR, state=State.CLOSED)
        with pytest.raises(Refused, match=r"deviation\.settled"):
            actions.classify(made, by=ANA, reason="once more", severity=Severity.MINOR)


class TestExtend:
    def test_more_things_join(self, monkeypatch: pytest.MonkeyPatch):
        donor, other = make_family.donor(), make_family.donor()
        made = make_deviation.accepted(make_deviation.deviation(donor, severity=Severity.MAJOR))
        told = attack.heard(monkeypatch, "deviation.classified")
        actions.extend(made, by=ANA, reason="it is wider", about=[donor.code, other.code])
        assert {s.code for s in made.subjects} == {donor.code, other.code}
        assert told == [
            {"touched": [("donor", other.code)], "severity": Severity.MAJOR, "deviation": made.code}
        ]
        assert made.blocks

    def test_the_same_again_is_refused(self):
        donor = make_family.donor()
        made = make_deviation.deviation(donor)
        with pytest.raises(Invalid):
            actions.extend(made, by=ANA, reason="once more", about=[donor.code])


class TestAccept:
    @pytest.mark.db
    def test_it_no_longer_blocks(self):
        made = make_deviation.accepted(make_deviation.deviation(severity=Severity.CRITICAL))
        assert not made.blocks
        assert made.state is State.OPEN
        assert (made.accepted_by, made.acceptance) == ("ana", "the vials never left the vapour")

    def test_it_needs_the_password(self):
        made = make_deviation.deviation(severity=Severity.MAJOR)
        with pytest.raises(Refused, match=r"signature\.missing"):
            actions.accept(made, by=ANA, acceptance="fine")
        with pytest.raises(SignIn):
            prove(
                "deviation.accept", made, Signer(ANA, "quality acceptance", "wrong"),
                content=actions.what_is_accepted, inputs={"acceptance": "fine"},
            )  # fmt: skip

    def test_invariant_13_what_changed_meanwhile_is_not_signed(self):
        made = make_deviation.deviation(severity=Severity.MAJOR)
        (proof,) = prove(
            "deviation.accept", made, Signer(ANA, "quality acceptance", "a long enough secret 42"),
            content=actions.what_is_accepted, inputs={"acceptance": "fine"},
        )  # fmt: skip
        actions.classify(made, by=ANA, reason="worse than thought", severity=Severity.CRITICAL)
        with pytest.raises(Stale):
            actions.accept(made, by=ANA, acceptance="fine", proofs=[proof])

    def test_invariant_11_who_opened_it_does_not_accept_it(self):
        made = make_deviation.deviation(severity=Severity.MAJOR, by=ANA, qa=QUENTIN)
        with pytest.raises(Refused, match=r"deviation\.own"):
            sign(actions.accept, made, ANA, acceptance="fine")
        make_deviation.accepted(made, by=QUENTIN)

    def test_only_what_blocks_is_accepted(self):
        with pytest.raises(Refused, match=r"deviation\.minor"):
            make_deviation.accepted(make_deviation.deviation(severity=Severity.MINOR))
        with pytest.raises(Refused, match=r"deviation\.not_classified"):
            make_deviation.accepted(make_deviation.deviation())

    def test_once_is_enough(self):
        made = make_deviation.accepted(make_deviation.deviation(severity=Severity.MAJOR))
        with pytest.raises(Refused, match=r"deviation\.accepted"):
            make_deviation.accepted(made)


class TestClose:
    def test_the_whole_way(self):
        made = make_deviation.deviation(severity=Severity.MAJOR, state=State.CLOSED)
        assert made.state is State.CLOSED
        assert made.closed_by == "ana"
        assert not made.blocks

    def test_it_is_classified_before_it_is_concluded(self):
        made = make_deviation.deviation(state=State.INVESTIGATING)
        with pytest.raises(Refused, match=r"deviation\.not_classified"):
            actions.plan_capa(made, by=ANA, **CONCLUSION)

    def test_invariant_6_no_step_is_skipped(self):
        made = make_deviation.deviation(severity=Severity.MAJOR)
        with pytest.raises(Refused, match=r"lifecycle\.wrong_state") as refused:
            sign(actions.close, made, ANA)
        assert refused.value.blocked_as is not None
        assert made.state is State.OPEN

    def test_invariant_11_who_opened_it_does_not_close_it(self):
        made = make_deviation.deviation(severity=Severity.MAJOR, state=State.CAPA, by=ANA, qa=QUENTIN)
        with pytest.raises(Refused, match=r"deviation\.own"):
            sign(actions.close, made, ANA)
        sign(actions.close, made, QUENTIN)

    def test_what_was_not_concluded_is_not_corrected(self):
        with pytest.raises(Refused, match=r"deviation\.not_concluded"):
            actions.revise(make_deviation.deviation(), by=ANA, reason="too early", **CONCLUSION)

    def test_a_conclusion_can_be_corrected_until_then(self):
        made = make_deviation.deviation(severity=Severity.MAJOR, state=State.CAPA)
        better = CONCLUSION | {"root_cause": "the hinge was loose"}
        actions.revise(made, by=ANA, reason="seen by the engineer", **better)
        assert made.root_cause == "the hinge was loose"
        sign(actions.close, made, ANA)
        with pytest.raises(Refused, match=r"deviation\.settled"):
            actions.revise(made, by=ANA, reason="once more", **CONCLUSION)

    @pytest.mark.parametrize("left_out", sorted(CONCLUSION))
    def test_not_without_cause_impact_and_measures(self, left_out: str):
        made = make_deviation.deviation(severity=Severity.MAJOR, state=State.INVESTIGATING)
        actions.plan_capa(made, by=ANA, **CONCLUSION | {left_out: ""})
        with pytest.raises(Refused, match=r"deviation\.not_explained"):
            sign(actions.close, made, ANA)
        assert made.state is State.CAPA

    @pytest.mark.db
    def test_the_database_holds_time_and_state_together(self):
        make_deviation.deviation(severity=Severity.MAJOR, state=State.CLOSED)
        attack.refused("UPDATE deviation SET closed_at = NULL, closed_by = NULL", "(?i)check|closed")
        attack.refused("UPDATE deviation SET state = 'open'", "no such move")


class TestDuplicate:
    @pytest.mark.db
    def test_the_other_one_stands_for_it(self):
        donor = make_family.donor()
        original = make_deviation.deviation(donor, severity=Severity.CRITICAL)
        made = make_deviation.deviation(donor, severity=Severity.MAJOR)
        actions.reject_as_duplicate(made, by=ANA, reason="the same event", original=original)
        assert made.state is State.DUPLICATE
        assert made.duplicate_of.id == original.id
        assert not made.blocks

    def test_never_so_that_something_stops_blocking(self):
        donor = make_family.donor()
        original = make_deviation.deviation(donor, severity=Severity.MINOR)
        made = make_deviation.deviation(donor, severity=Severity.CRITICAL)
        with pytest.raises(Refused, match=r"deviation\.other_milder"):
            actions.reject_as_duplicate(made, by=ANA, reason="the same event", original=original)
        assert made.blocks

    def test_never_of_one_that_is_settled(self):
        donor = make_family.donor()
        original = make_deviation.deviation(donor, severity=Severity.MAJOR, state=State.CLOSED)
        made = make_deviation.deviation(donor, severity=Severity.MAJOR)
        with pytest.raises(Refused, match=r"deviation\.other_settled"):
            actions.reject_as_duplicate(made, by=ANA, reason="the same event", original=original)
        assert made.blocks

    def test_never_of_one_that_names_less(self):
        donor, other = make_family.donor(), make_family.donor()
        original = make_deviation.deviation(donor, severity=Severity.MAJOR)
        made = make_deviation.deviation(donor, other, severity=Severity.MAJOR)
        with pytest.raises(Refused, match=r"deviation\.other_narrower") as refused:
            actions.reject_as_duplicate(made, by=ANA, reason="the same event", original=original)
        assert other.code in refused.value.sentence
        actions.extend(original, by=ANA, reason="it was about both", about=[other.code])
        actions.reject_as_duplicate(made, by=ANA, reason="the same event", original=original)

    def test_not_of_itself(self):
        made = make_deviation.deviation()
        with pytest.raises(Refused, match=r"deviation\.duplicate_of_itself"):
            actions.reject_as_duplicate(made, by=ANA, reason="the same event", original=made)


@pytest.mark.db
class TestBiggerActs:
    def test_a_rule_opens_a_critical_one_in_the_same_breath(self, opens_beside: Any):
        donor = make_family.donor()
        opens_beside(donor, by=EVA, reason="given although it was late")
        made = session.query(Deviation).one()
        assert made.severity is Severity.CRITICAL
        assert made.blocks
        assert made.opened_by == "eva"

    def test_it_is_never_opened_so_by_itself(self):
        with pytest.raises(NotAllowed):
            actions.open_classified(
                by=ANA, subjects=[], severity=Severity.MINOR, title="t", description="d",
                occurred_at=clock.now(), immediate_action="none",
            )  # fmt: skip


@pytest.fixture
def opens_beside(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bigger act that opens a critical deviation on its subject."""
    monkeypatch.setattr("mscbank.core.acts.ACTIONS", {})

    @action(
        "donor.happened", role=tuple(EVA.roles), kind="donor", reason=True,
        locks=lambda donor: actions.opening_locks([donor]),
    )  # fmt: skip
    def happened(donor: Any, *, by: Any, reason: str) -> None:
        actions.open_classified(
            by=by, subjects=[donor], severity=Severity.CRITICAL, title="As happened", description=reason,
            occurred_at=clock.now(), immediate_action="written down",
        )  # fmt: skip

    return happened


def test_codes_are_never_used_again():
    first, second = make_deviation.deviation(), make_deviation.deviation()
    assert first.code != second.code
    with pytest.raises(RuntimeError):
        new_code("deviation")
