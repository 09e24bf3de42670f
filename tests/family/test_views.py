"""What families tell the trace and other steps: codes and numbers, never a name."""

import pytest

from mscbank.core import links
from mscbank.family import actions, views
from mscbank.family.words import Relation
from tests import make_family, make_study
from tests.people import EVA, MARTA, OTTO

pytestmark = pytest.mark.usefixtures("bank")


@pytest.mark.db
def test_they_are_told_without_a_name():
    found = make_family.family(relation=Relation.FULL_SIBLING)
    waiting = make_family.recipient()
    facts = [
        *links.told("donor", [found.donor.code]),
        *links.told("recipient", [found.recipient.code, waiting.code]),
        *links.told("family_link", [found.link.code]),
        *links.told("consent", [found.donor.consents[0].code]),
    ]
    assert [fact.title for fact in facts] == [found.donor.code, "patient 01", waiting.code, "sister", "D-3"]
    assert facts[1].facts["level"] == 1
    assert facts[2].facts == {}
    assert facts[3].facts["degree"] == 1
    assert "Dvo" not in str(facts)


@pytest.mark.db
def test_a_donor_leads_to_the_relatives():
    found = make_family.family()
    assert links.reach("donor", [found.donor.code], "recipient") == [found.recipient.code]
    assert links.reach("recipient", [found.recipient.code], "donor") == [found.donor.code]
    assert len(links.reach("recipient", [found.recipient.code], "consent")) == 1


def test_places_are_counted_as_they_are_held():
    protocol = make_study.protocol(levels=((1_000_000, 2), (3_000_000, 2)))
    assert views.places_of(protocol, OTTO) is None
    first, _ = make_family.enrolled(protocol), make_family.enrolled(protocol)
    actions.exclude(first, by=EVA, reason="infection found")
    panel = views.places_of(protocol, OTTO)
    assert panel.context["levels"] == [(1, 1, 2), (2, 0, 2)]
    assert [(row["number"], row["place"]) for row in panel.context["rows"]] == [("01", None), ("02", 2)]


@pytest.mark.parametrize(("degree", "words"), [(0, "not by blood"), (1, "degree 1"), (3, "degree 3")])
def test_degrees_in_words(degree: int, words: str):
    assert str(views.degree_words(degree)) == words


def test_a_reader_waits_for_nothing():
    make_family.screened(make_study.protocol())
    assert views.waiting(OTTO) == []
    assert MARTA.roles
