"""Degrees of relation, and what does not fit between birth dates and a relation."""

from datetime import date

import pytest

from mscbank.family import kinship
from mscbank.family.kinship import Born, Doubt
from mscbank.family.words import Relation, Sex, Zygosity

GAP = 12


def woman(born_on: date) -> Born:
    return Born(born_on, Sex.FEMALE)


def man(born_on: date) -> Born:
    return Born(born_on, Sex.MALE)


def doubts(relation: Relation, donor: Born, recipient: Born, zygosity: Zygosity | None = None) -> list[Doubt]:
    return kinship.doubts(relation, zygosity, donor, recipient, parent_gap_years=GAP)


@pytest.mark.parametrize(
    ("degree", "relations"),
    [
        (1, {Relation.PARENT, Relation.CHILD, Relation.FULL_SIBLING}),
        (
            2,
            {
                Relation.HALF_SIBLING, Relation.GRANDPARENT, Relation.GRANDCHILD, Relation.AUNT_UNCLE,
                Relation.NIECE_NEPHEW,
            },
        ),
        (
            3,
            {
                Relation.FIRST_COUSIN, Relation.GREAT_GRANDPARENT, Relation.GREAT_GRANDCHILD,
                Relation.GREAT_AUNT_UNCLE, Relation.GREAT_NIECE_NEPHEW,
            },
        ),
        (0, {Relation.SPOUSE_PARTNER, Relation.STEP_RELATIVE, Relation.IN_LAW, Relation.ADOPTIVE}),
    ],
)  # fmt: skip
def test_degrees(degree: int, relations: set[Relation]):
    assert {relation for relation in Relation if kinship.degree(relation) == degree} == relations
    assert all(kinship.is_blood(relation) is (degree > 0) for relation in relations)


@pytest.mark.parametrize("relation", Relation)
def test_every_relation_has_its_words(relation: Relation):
    assert str(kinship.RELATION_WORDS[relation])
    assert str(kinship.called(relation, Sex.FEMALE)) != str(kinship.called(relation, Sex.MALE))


def test_a_sister_is_called_a_sister():
    assert str(kinship.called(Relation.FULL_SIBLING, Sex.FEMALE)) == "sister"
    assert str(kinship.called(Relation.FULL_SIBLING, Sex.MALE)) == "brother"


@pytest.mark.parametrize(
    ("relation", "donor", "recipient", "fits"),
    [
        (Relation.PARENT, date(1960, 5, 1), date(1972, 5, 1), True),
        (Relation.PARENT, date(1960, 5, 1), date(1972, 4, 30), False),
        (Relation.PARENT, date(1980, 5, 1), date(1960, 5, 1), False),
        (Relation.CHILD, date(1972, 5, 1), date(1960, 5, 1), True),
        (Relation.CHILD, date(1972, 4, 30), date(1960, 5, 1), False),
        (Relation.CHILD, date(1960, 5, 1), date(1980, 5, 1), False),
        (Relation.GRANDPARENT, date(1950, 1, 1), date(1974, 1, 1), True),
        (Relation.GRANDPARENT, date(1950, 1, 1), date(1973, 12, 31), False),
        (Relation.GRANDCHILD, date(1974, 1, 1), date(1950, 1, 1), True),
        (Relation.GREAT_GRANDPARENT, date(1940, 1, 1), date(1976, 1, 1), True),
        (Relation.GREAT_GRANDPARENT, date(1940, 1, 1), date(1975, 12, 31), False),
        (Relation.PARENT, date(1960, 2, 29), date(1972, 2, 29), True),
        (Relation.PARENT, date(1960, 2, 29), date(1972, 2, 28), False),
        (Relation.AUNT_UNCLE, date(1990, 1, 1), date(1960, 1, 1), True),
        (Relation.FIRST_COUSIN, date(1990, 1, 1), date(1960, 1, 1), True),
        (Relation.SPOUSE_PARTNER, date(1990, 1, 1), date(1990, 1, 1), True),
    ],
)
def test_generations_are_twelve_years_apart(relation: Relation, donor: date, recipient: date, fits: bool):
    assert doubts(relation, woman(donor), man(recipient)) == ([] if fits else [Doubt.GENERATION_GAP])


class TestTwins:
    DAY = date(1970, 6, 6)

    def test_they_fit(self):
        assert doubts(Relation.FULL_SIBLING, woman(self.DAY), woman(self.DAY), Zygosity.MONOZYGOTIC) == []

    def test_midnight_may_lie_between_them(self):
        other = woman(date(1970, 6, 7))
        assert doubts(Relation.FULL_SIBLING, woman(self.DAY), other, Zygosity.MONOZYGOTIC) == []

    def test_they_were_born_apart(self):
        other = woman(date(1970, 6, 8))
        assert doubts(Relation.FULL_SIBLING, woman(self.DAY), other, Zygosity.DIZYGOTIC) == [
            Doubt.TWINS_APART
        ]

    def test_identical_twins_are_of_one_sex(self):
        found = doubts(Relation.FULL_SIBLING, woman(self.DAY), man(self.DAY), Zygosity.MONOZYGOTIC)
        assert found == [Doubt.TWINS_OF_TWO_SEXES]

    def test_fraternal_twins_need_not_be(self):
        assert doubts(Relation.FULL_SIBLING, woman(self.DAY), man(self.DAY), Zygosity.DIZYGOTIC) == []

    def test_one_birthday_and_nothing_said(self):
        found = doubts(Relation.FULL_SIBLING, woman(self.DAY), woman(self.DAY))
        assert found == [Doubt.TWINS_UNSAID]

    def test_half_siblings_of_one_day_are_no_twins(self):
        assert doubts(Relation.HALF_SIBLING, woman(self.DAY), woman(self.DAY)) == []


@pytest.mark.parametrize("doubt", Doubt)
def test_every_doubt_is_a_sentence_without_dates(doubt: Doubt):
    assert not any(c.isdigit() for c in str(kinship.DOUBT_WORDS[doubt]))
