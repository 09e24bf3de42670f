"""Family links: claimed by one, verified by another, doubted where birth dates do not fit."""

from datetime import date
from typing import Any

import pytest

from mscbank.core import record
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.family import actions, rules
from mscbank.family.models import FamilyLink
from mscbank.family.relating import doubts_of
from mscbank.family.states import LinkState
from mscbank.family.words import Relation, Sex, Zygosity
from tests import attack, make_family
from tests.people import BRUNO, EVA, LUCIE, MARTA, OTTO

pytestmark = pytest.mark.usefixtures("bank")


def claimed(relation: Relation = Relation.FULL_SIBLING, **changes: Any) -> FamilyLink:
    donor, recipient = make_family.donor(), make_family.recipient()
    return make_family.link(donor, recipient, relation, state=LinkState.CLAIMED, **changes)


def mother_and_daughter(years: int) -> FamilyLink:
    mother = make_family.donor(born_on=date(1960, 5, 1))
    daughter = make_family.recipient(born_on=date(1960 + years, 5, 1))
    return make_family.link(mother, daughter, Relation.PARENT, state=LinkState.CLAIMED)


class TestClaim:
    @pytest.mark.parametrize(
        ("relation", "degree", "is_blood"),
        [
            (Relation.FULL_SIBLING, 1, True),
            (Relation.HALF_SIBLING, 2, True),
            (Relation.FIRST_COUSIN, 3, True),
            (Relation.SPOUSE_PARTNER, 0, False),
        ],
    )
    def test_the_degree_follows_from_the_relation(self, relation: Relation, degree: int, is_blood: bool):
        made = claimed(relation)
        assert (made.degree, made.is_blood, made.state) == (degree, is_blood, LinkState.CLAIMED)

    def test_nobody_gives_to_themself(self):
        same = {"family_name": "Novák", "given_name": "Ema", "born_on": date(1980, 1, 2)}
        donor, recipient = make_family.donor(**same), make_family.recipient(**same)
        with pytest.raises(Refused, match=r"family\.same_person"):
            make_family.link(donor, recipient)

    @pytest.mark.db
    def test_one_link_between_two(self):
        made = claimed()
        with pytest.raises(Refused, match=r"family\.linked"):
            make_family.link(made.donor, made.recipient, Relation.HALF_SIBLING)

    @pytest.mark.db
    def test_a_refuted_one_makes_room(self):
        made = claimed()
        actions.refute(made, by=EVA, reason="other papers came")
        assert make_family.link(made.donor, made.recipient, Relation.HALF_SIBLING).state is LinkState.VERIFIED

    def test_only_siblings_are_twins(self):
        with pytest.raises(Invalid):
            claimed(Relation.CHILD, zygosity=Zygosity.MONOZYGOTIC)

    def test_twins_are_recorded(self):
        born = date(1979, 9, 9)
        donor, recipient = make_family.donor(born_on=born), make_family.recipient(born_on=born)
        made = make_family.link(donor, recipient, zygosity=Zygosity.MONOZYGOTIC)
        assert made.zygosity is Zygosity.MONOZYGOTIC
        assert made.doubts is None

    def test_both_see_it_in_their_history(self):
        made = claimed()
        for kind, code in (("donor", made.donor.code), ("recipient", made.recipient.code)):
            newest = session.scalars(record.history(kind, code)).first()
            assert newest.action == "family_link.claim"

    def test_the_birth_dates_stay_sealed_in_the_record(self):
        made = mother_and_daughter(11)
        body = session.scalars(record.history("family_link", made.code)).first().body
        assert "born_on" in body
        assert "1960-05-01" not in body

    @pytest.mark.parametrize("who", [BRUNO, OTTO])
    def test_not_everybody_claims(self, who: Any):
        with pytest.raises(NotAllowed):
            actions.claim(
                by=who, donor=make_family.donor(), recipient=make_family.recipient(),
                relation=Relation.CHILD, evidence="hearsay",
            )  # fmt: skip


class TestVerify:
    def test_a_second_person_saw_the_document(self):
        made = claimed()
        actions.verify(made, by=EVA, evidence="record book")
        assert (made.state, made.verified_by, made.verified_evidence) == (
            LinkState.VERIFIED, "eva", "record book",
        )  # fmt: skip

    @pytest.mark.db
    def test_invariant_11_never_who_claimed_it(self):
        made = claimed()
        with pytest.raises(Refused, match=r"family\.claimed_by_self"):
            actions.verify(made, by=LUCIE, evidence="record book")
        attack.refused(
            "UPDATE family_link SET state = 'verified', verified_by = claimed_by, verified_at = :at",
            "(?i)check|verified", at="2026-01-01T00:00:00.000000Z",
        )  # fmt: skip

    def test_a_doubt_needs_somebodys_word(self):
        made = mother_and_daughter(11)
        with pytest.raises(Refused, match=r"family\.in_doubt") as refused:
            actions.verify(made, by=EVA, evidence="record book")
        assert "too close together" in refused.value.sentence
        actions.confirm(made, by=EVA, why="adult at birth by the hospital's file; typing error there")
        actions.verify(made, by=EVA, evidence="record book")
        assert made.confirmed_by == "eva"

    def test_twelve_years_are_enough(self):
        assert doubts_of(mother_and_daughter(12)) == []

    def test_only_a_doubt_is_confirmed(self):
        with pytest.raises(Refused, match=r"family\.no_doubt"):
            actions.confirm(claimed(), by=EVA, why="all is well")

    def test_only_the_medical_director_vouches(self):
        with pytest.raises(NotAllowed):
            actions.confirm(mother_and_daughter(11), by=MARTA, why="I believe it")


class TestRefute:
    def test_a_verified_one_is_announced(self, monkeypatch: pytest.MonkeyPatch):
        told = attack.heard(monkeypatch, "family_link.refuted")
        made = make_family.link(make_family.donor(), make_family.recipient())
        actions.refute(made, by=EVA, reason="forged papers")
        touched = [("donor", made.donor.code), ("recipient", made.recipient.code)]
        assert told == [{"touched": touched, "link": made.code, "why": "forged papers"}]
        assert rules.verified_link(made.donor, made.recipient) is None

    def test_a_claimed_one_is_nobodys_business(self, monkeypatch: pytest.MonkeyPatch):
        told = attack.heard(monkeypatch, "family_link.refuted")
        made = claimed()
        actions.refute(made, by=EVA, reason="other papers came")
        assert told == []
        with pytest.raises(Refused, match=r"family\.link_refuted"):
            actions.confirm(made, by=EVA, why="all is well")

    def test_a_reason_is_needed(self):
        with pytest.raises(Invalid):
            actions.refute(claimed(), by=EVA)


@pytest.mark.db
def test_links_are_asked_in_bulk():
    first = make_family.link(make_family.donor(), make_family.recipient())
    second = make_family.link(first.donor, make_family.recipient(sex=Sex.MALE), state=LinkState.CLAIMED)
    pairs = [(first.donor_id, first.recipient_id), (second.donor_id, second.recipient_id)]
    assert rules.verified_links(pairs) == {pairs[0]: first}
    assert rules.verified_links([]) == {}
