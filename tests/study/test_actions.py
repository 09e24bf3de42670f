"""Protocols: written, approved, opened, paused."""

from typing import Any

import pytest

from mscbank.core.acts import action
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.study import actions
from mscbank.study.models import Protocol
from mscbank.study.states import ProtocolState
from tests import attack, make_study
from tests.people import ANA, BRUNO, EVA, QUENTIN, VERA, person, sign

pytestmark = pytest.mark.usefixtures("bank")


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A bigger act that opens a level, pauses and resumes, as the safety room does."""
    monkeypatch.setattr("mscbank.core.acts.ACTIONS", {})

    @action("protocol.gate", role=tuple(VERA.roles), kind="protocol")
    def opened(protocol: Protocol, *, by: Any, number: int) -> None:
        actions.open_level(protocol, by=by, number=number)

    @action("protocol.stop", role=tuple(VERA.roles), kind="protocol")
    def stopped(protocol: Protocol, *, by: Any, why: str | None) -> None:
        if why:
            actions.pause(protocol, by=by, why=why)
        else:
            actions.resume(protocol, by=by)

    return opened, stopped


class TestDraft:
    def test_it_begins_with_the_default_visits_and_bounds(self):
        made = make_study.protocol(ProtocolState.DRAFT)
        assert [visit.name for visit in made.visits][:3] == ["D0", "D1", "D10"]
        assert (made.age_min, made.age_max, made.skin_score_min) == (18, 70, 15)
        assert (made.gate_infused, made.gate_day, made.max_infusions) == (10, 10, 1)
        assert [(one.viable_cells_per_kg, one.places, one.opened_at) for one in made.levels] == [
            (1_000_000, 10, None),
            (3_000_000, 10, None),
        ]

    def test_or_without_them(self):
        assert make_study.protocol(ProtocolState.DRAFT, default_visits=False).visits == []

    @pytest.mark.parametrize("zone", ["Paris", "", "../etc", "Europe/Nowhere", "\0"])
    def test_the_zone_is_a_real_one(self, zone: str):
        with pytest.raises(Invalid) as refused:
            make_study.protocol(infusion_zone=zone)
        assert list(refused.value.faults) == ["infusion_zone"]

    def test_ages_stand_in_order(self):
        with pytest.raises(Invalid):
            make_study.protocol(age_min=70, age_max=18)

    @pytest.mark.db
    def test_a_registry_number_stands_once(self):
        first = make_study.protocol(ProtocolState.DRAFT)
        with pytest.raises(Refused, match=r"study\.registered"):
            make_study.protocol(registry_id=first.registry_id)

    def test_not_everybody_writes_protocols(self):
        with pytest.raises(NotAllowed):
            make_study.protocol(by=BRUNO)

    def test_a_level_and_a_visit_can_be_changed_before_approval(self):
        made = make_study.protocol(ProtocolState.DRAFT)
        actions.set_level(made, by=EVA, number=2, viable_cells_per_kg=2_000_000, places=6)
        actions.set_visit(made, by=EVA, name="M12", months=12, before_days=14, after_days=14)
        actions.set_visit(made, by=EVA, name="M36", months=36)
        assert (made.level(2).viable_cells_per_kg, made.level(2).places) == (2_000_000, 6)
        visits = {visit.name: visit for visit in made.visits}
        assert visits["M12"].after_days == 14
        assert visits["M36"].months == 36
        assert made.level(3) is None

    @pytest.mark.parametrize("when", [{}, {"days": 3, "months": 3}])
    def test_a_visit_is_counted_in_days_or_in_months(self, when: dict[str, int]):
        made = make_study.protocol(ProtocolState.DRAFT)
        with pytest.raises(Invalid):
            actions.set_visit(made, by=EVA, name="X", **when)


class TestApprove:
    def test_quality_assurance_signs(self):
        made = make_study.protocol(ProtocolState.APPROVED)
        assert (made.state, made.approved_by) == (ProtocolState.APPROVED, "ana")

    def test_invariant_11_never_the_author(self):
        both = person("zoe", "Zoë Both", *ANA.roles, *EVA.roles)
        made = make_study.protocol(ProtocolState.DRAFT, by=both)
        with pytest.raises(Refused, match=r"study\.own_protocol"):
            actions.approve_protocol(made, by=both)

    def test_invariant_11_nor_who_set_a_level(self):
        made = make_study.protocol(ProtocolState.DRAFT)
        actions.set_level(made, by=ANA, number=3, viable_cells_per_kg=5_000_000, places=2)
        with pytest.raises(Refused, match=r"study\.own_protocol"):
            sign(actions.approve_protocol, made, ANA)
        sign(actions.approve_protocol, made, QUENTIN)

    @pytest.mark.parametrize("levels", [(), ((1_000_000, 10),)])
    def test_an_empty_one_is_not_approved(self, levels: Any):
        made = make_study.protocol(ProtocolState.DRAFT, levels=levels, default_visits=bool(not levels))
        with pytest.raises(Refused, match=r"study\.nothing_to_approve"):
            sign(actions.approve_protocol, made, ANA)

    def test_levels_have_no_gap(self):
        made = make_study.protocol(ProtocolState.DRAFT, levels=((1_000_000, 10),))
        actions.set_level(made, by=EVA, number=3, viable_cells_per_kg=3_000_000, places=10)
        with pytest.raises(Refused, match=r"study\.nothing_to_approve"):
            sign(actions.approve_protocol, made, ANA)

    def test_what_is_approved_stays(self):
        made = make_study.protocol(ProtocolState.APPROVED)
        with pytest.raises(Refused, match=r"study\.not_draft"):
            actions.set_level(made, by=EVA, number=1, viable_cells_per_kg=9_000_000, places=10)
        with pytest.raises(Refused, match=r"study\.not_draft"):
            actions.set_visit(made, by=EVA, name="D10", days=9)

    @pytest.mark.db
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE protocol SET gate_infused = 1",
            "UPDATE protocol SET age_max = 99",
            "UPDATE dose_level SET viable_cells_per_kg = 9000000",
            "UPDATE dose_level SET places = 99",
            "UPDATE visit_plan SET after_days = 99",
            (
                "INSERT INTO dose_level (protocol_id, number, viable_cells_per_kg, places, set_by)"
                " SELECT id, 9, 1, 1, 'x' FROM protocol"
            ),
            (
                "INSERT INTO visit_plan (protocol_id, position, name, days, before_days, after_days, set_by)"
                " SELECT id, 99, 'D5', 5, 0, 0, 'x' FROM protocol"
            ),
        ],
    )
    def test_in_the_database_too(self, statement: str):
        make_study.protocol(ProtocolState.APPROVED)
        attack.refused(statement, "an approved protocol is not changed")


class TestOpen:
    def test_it_opens_at_its_first_level(self):
        made = make_study.protocol()
        assert made.state is ProtocolState.OPEN
        assert [one.opened_at is not None for one in made.levels] == [True, False]

    @pytest.mark.db
    def test_invariant_15_the_second_level_opens_only_by_the_gate(self, gate: Any):
        made = make_study.protocol()
        with pytest.raises(NotAllowed):
            actions.open_level(made, by=EVA, number=2)
        opened, _ = gate
        opened(made, by=VERA, number=2)
        assert made.level(2).opened_at is not None

    @pytest.mark.parametrize(
        ("number", "code"),
        [(1, "level_open"), (3, "level_before"), (4, "no_such_level"), (0, "no_such_level")],
    )
    def test_levels_open_in_order(self, gate: Any, number: int, code: str):
        made = make_study.protocol(levels=((1, 1), (2, 1), (3, 1)))
        with pytest.raises(Refused, match=rf"study\.{code}"):
            gate[0](made, by=VERA, number=number)

    def test_no_level_opens_before_the_protocol(self, gate: Any):
        made = make_study.protocol(ProtocolState.APPROVED)
        with pytest.raises(Refused, match=r"study\.not_open"):
            gate[0](made, by=VERA, number=1)

    def test_it_can_be_paused_and_go_on(self, gate: Any):
        made = make_study.protocol()
        _, stopped = gate
        stopped(made, by=VERA, why="a stopping event")
        assert made.paused_why == "a stopping event"
        with pytest.raises(Refused, match=r"study\.paused"):
            stopped(made, by=VERA, why="another")
        stopped(made, by=VERA, why=None)
        assert made.paused_at is None
        with pytest.raises(Refused, match=r"study\.not_paused"):
            stopped(made, by=VERA, why=None)

    def test_it_is_closed_for_good(self):
        made = make_study.protocol(ProtocolState.CLOSED)
        assert made.closed_at is not None
        with pytest.raises(Refused, match=r"lifecycle\.wrong_state"):
            actions.open_protocol(made, by=EVA)
