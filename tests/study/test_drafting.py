"""Specifications: written, approved by another, never changed again."""

from decimal import Decimal
from typing import Any

import pytest

from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.study import actions, defaults
from mscbank.study.limits import Operator, Stage
from mscbank.study.models import Specification
from mscbank.study.states import ProtocolState, SpecificationState
from tests import attack, make_study
from tests.people import ANA, BRUNO, INES, PIETER, QUENTIN, sign

pytestmark = pytest.mark.usefixtures("bank")

LINE = {
    "attribute": "viability_fill",
    "label": "Viability at fill",
    "method": "Ph. Eur. 2.7.29",
    "stage": Stage.HARVEST,
    "operator": Operator.AT_LEAST,
    "low": Decimal(85),
    "unit": "%",
    "blocking": True,
    "turnaround_days": 0,
}


def draft() -> Specification:
    return make_study.specification(state=SpecificationState.DRAFT)


class TestDraft:
    def test_the_first_edition_has_the_default_lines(self):
        made = draft()
        assert made.edition == 1
        assert [line.attribute for line in made.criteria] == [one.attribute for one in defaults.SPECIFICATION]
        assert made.called == "MSC(M), edition 1"

    @pytest.mark.db
    def test_the_next_edition_has_the_lines_in_force(self):
        first = draft()
        actions.set_criterion(first, by=INES, **LINE)
        sign(actions.approve_specification, first, ANA)
        second = make_study.specification(first.protocol, SpecificationState.DRAFT)
        assert second.edition == 2
        assert next(one for one in second.criteria if one.attribute == "viability_fill").low == Decimal(85)

    def test_another_name_counts_for_itself(self):
        first = make_study.specification()
        assert make_study.specification(first.protocol, name="MSC(M) fresh").edition == 1

    def test_a_closed_protocol_gets_none(self):
        with pytest.raises(Refused, match=r"study\.protocol_closed"):
            make_study.specification(make_study.protocol(ProtocolState.CLOSED))

    def test_not_everybody_writes_specifications(self):
        with pytest.raises(NotAllowed):
            make_study.specification(by=BRUNO)

    def test_a_line_is_changed_or_added(self):
        made = draft()
        count = len(made.criteria)
        actions.set_criterion(made, by=PIETER, **LINE)
        assert len(made.criteria) == count
        actions.set_criterion(made, by=PIETER, **LINE | {"attribute": "viability_other"})
        assert len(made.criteria) == count + 1
        assert made.criteria[-1].position == count + 1

    @pytest.mark.parametrize(
        ("changes", "fields"),
        [
            ({"low": None}, {"low"}),
            ({"high": Decimal(99)}, {"high"}),
            ({"expected_text": "absent"}, {"expected_text"}),
            ({"operator": Operator.AT_MOST}, {"low", "high"}),
            ({"operator": Operator.BETWEEN}, {"high"}),
            ({"operator": Operator.BETWEEN, "high": Decimal(80)}, {"high"}),
            ({"operator": Operator.EQUALS}, {"low", "expected_text"}),
            ({"operator": Operator.REPORT}, {"low"}),
            ({"operator": Operator.REPORT, "low": None}, {"blocking"}),
        ],
    )
    def test_the_limit_fits_the_comparison(self, changes: dict[str, Any], fields: set[str]):
        with pytest.raises(Invalid) as refused:
            actions.set_criterion(draft(), by=INES, **LINE | changes)
        assert set(refused.value.faults) == fields


class TestApprove:
    def test_quality_assurance_signs(self):
        made = make_study.specification()
        assert (made.state, made.approved_by) == (SpecificationState.APPROVED, "ana")
        assert actions.in_force(made.protocol_id, made.name) is made

    def test_invariant_11_never_the_author(self):
        made = make_study.specification(state=SpecificationState.DRAFT, by=ANA)
        with pytest.raises(Refused, match=r"study\.own_specification"):
            sign(actions.approve_specification, made, ANA)
        sign(actions.approve_specification, made, QUENTIN)

    def test_invariant_11_nor_who_changed_a_line(self):
        made = draft()
        actions.set_criterion(made, by=ANA, **LINE)
        with pytest.raises(Refused, match=r"study\.own_specification"):
            sign(actions.approve_specification, made, ANA)

    @pytest.mark.db
    def test_the_edition_before_retires(self):
        first = make_study.specification()
        second = make_study.specification(first.protocol)
        assert first.state is SpecificationState.RETIRED
        assert second.state is SpecificationState.APPROVED
        assert actions.in_force(first.protocol_id, first.name) is second

    def test_a_draft_can_be_given_up(self):
        made = draft()
        actions.retire(made, by=ANA, reason="begun by mistake")
        assert made.state is SpecificationState.RETIRED

    def test_invariant_10_an_approved_edition_is_not_changed(self):
        made = make_study.specification()
        with pytest.raises(Refused, match=r"study\.specification_frozen"):
            actions.set_criterion(made, by=INES, **LINE)

    @pytest.mark.db
    @pytest.mark.parametrize("state", [SpecificationState.APPROVED, SpecificationState.RETIRED])
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE specification SET edition = 9",
            "UPDATE specification SET name = 'another'",
            "UPDATE specification SET approved_by = 'somebody'",
            "UPDATE criterion SET low = 0 WHERE attribute = 'viability_fill'",
            "UPDATE criterion SET blocking = (1 = 0)",
            (
                "INSERT INTO criterion (specification_id, position, attribute, label, method, stage, unit,"
                " operator, blocking, may_be_pending, turnaround_days, set_by) SELECT id, 99, 'x', 'x',"
                " 'x', 'fill', '', 'report', (1 = 0), (1 = 0), 0, 'x' FROM specification"
            ),
        ],
    )
    def test_invariant_10_in_the_database_too(self, state: SpecificationState, statement: str):
        make_study.specification(state=state)
        attack.refused(statement, "an approved specification is not changed")

    @pytest.mark.db
    def test_invariant_10_nothing_is_taken_away(self):
        make_study.specification()
        attack.refused("DELETE FROM criterion", "not changed|permission denied")

    @pytest.mark.db
    def test_a_line_does_not_wander_into_an_approved_edition(self):
        first = make_study.specification()
        make_study.specification(first.protocol, SpecificationState.DRAFT)
        attack.refused(
            "UPDATE criterion SET specification_id = :to, attribute = 'wanderer', position = 99"
            " WHERE attribute = 'cfu_f' AND specification_id <> :to",
            "an approved specification is not changed",
            to=first.id,
        )
