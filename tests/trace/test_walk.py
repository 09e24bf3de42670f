"""The walk over a small made-up way: the same whole from everywhere, and the reach one way only."""

from dataclasses import dataclass

import pytest

from mscbank.trace.walk import BESIDE, CONTEXT, flow, reach, whole


@dataclass(frozen=True)
class Leads:
    """An edge over pairs in memory."""

    source: str
    target: str
    pairs: tuple[tuple[str, str], ...]

    def pairs_from(self, codes: list[str], *, forward: bool) -> list[tuple[str, str]]:
        """(here, there) for many codes at once."""
        ends = self.pairs if forward else tuple((b, a) for a, b in self.pairs)
        return [(here, there) for here, there in ends if here in codes]


EDGES = [
    Leads("donor", "donation", (("D1", "N1"), ("D2", "N2"))),
    Leads("donor", "family_link", (("D1", "L1"), ("D2", "L2"), ("D1", "L3"))),
    Leads("family_link", "recipient", (("L1", "R1"), ("L2", "R2"))),
    Leads("donation", "batch", (("N1", "B1"), ("N2", "B2"))),
    Leads("material_lot", "batch", (("M1", "B1"), ("M1", "B2"), ("M2", "B2"))),
    Leads("batch", "release", (("B1", "C1"),)),
    Leads("batch", "vial", (("B1", "V1"), ("B1", "V2"), ("B2", "V3"))),
    Leads("batch", "allocation", (("B1", "K1"),)),
    Leads("vial", "allocation", (("V1", "K1"), ("V2", "K1"))),
    Leads("vial", "preparation", (("V1", "Y1"),)),
    Leads("allocation", "infusion", (("K1", "J1"),)),
    Leads("preparation", "infusion", (("Y1", "J1"),)),
    Leads("infusion", "recipient", (("J1", "R1"),)),
    Leads("recipient", "adverse_event", (("R1", "E1"),)),
    Leads("batch", "deviation", (("B1", "F1"), ("B2", "F1"))),
]
FIRST = {
    ("donor", "D1"), ("donation", "N1"), ("family_link", "L1"), ("family_link", "L3"), ("batch", "B1"),
    ("material_lot", "M1"), ("release", "C1"), ("vial", "V1"), ("vial", "V2"), ("allocation", "K1"),
    ("preparation", "Y1"), ("infusion", "J1"), ("recipient", "R1"), ("adverse_event", "E1"),
    ("deviation", "F1"),
}  # fmt: skip


@pytest.mark.parametrize("start", sorted(FIRST - {("material_lot", "M1"), ("deviation", "F1")}))
def test_the_whole_is_the_same_from_everywhere_on_it(start):
    assert whole(start, EDGES).things == FIRST


def test_what_many_ways_share_is_shown_and_not_walked_through():
    way = whole(("vial", "V1"), EDGES)
    assert ("material_lot", "M1") in way.things
    assert ("batch", "B2") not in way.things
    assert ("deviation", "F1") in way.things


def test_what_was_asked_for_is_walked_through_even_when_many_share_it():
    way = whole(("material_lot", "M1"), EDGES)
    assert {("batch", "B1"), ("batch", "B2"), ("recipient", "R1")} <= way.things
    assert ("material_lot", "M2") in way.things
    assert way.reached_of("batch") == ["B1", "B2"]
    assert way.reached_of("material_lot") == ["M1"], "another lot of the same batch is context"
    assert way.reached_of("recipient") == ["R1"]


def test_a_vial_reaches_its_batch_and_donor_and_not_its_sisters_patient():
    infused, kept = whole(("vial", "V1"), EDGES), whole(("vial", "V2"), EDGES)
    assert infused.reached_of("recipient") == ["R1"]
    assert infused.reached_of("adverse_event") == ["E1"]
    assert kept.reached_of("recipient") == [], "it was reserved for the patient and never prepared"
    assert kept.reached_of("donor") == infused.reached_of("donor") == ["D1"]
    assert infused.reached_of("vial") == ["V1"]


def test_kinship_carries_no_cells():
    way = whole(("donor", "D2"), EDGES)
    assert ("recipient", "R2") in way.things
    assert way.reached_of("recipient") == []


def test_from_the_event_the_way_leads_back_to_the_lot():
    way = whole(("adverse_event", "E1"), EDGES)
    assert way.reached_of("material_lot") == ["M1"]
    assert way.reached_of("vial") == ["V1"]
    assert way.is_reached((("vial", "V1"), ("preparation", "Y1")))
    assert not way.is_reached((("batch", "B1"), ("vial", "V2")))


def test_nothing_flows_through_an_infusion_that_never_happened():
    way = whole(("vial", "V1"), EDGES)
    found = reach(way, {("infusion", "J1")})
    assert ("infusion", "J1") in found
    assert ("recipient", "R1") not in found


def test_a_batch_flows_to_its_patients():
    way = whole(("donor", "D1"), EDGES)
    assert ("recipient", "R1") in flow(way, ("batch", "B1"), forward=True)
    assert ("donor", "D1") in flow(way, ("batch", "B1"), forward=False)


def test_a_thing_without_links_is_its_own_way():
    way = whole(("vial", "V9"), EDGES)
    assert (way.things, way.links, way.reached) == ({("vial", "V9")}, set(), {("vial", "V9")})


def test_materials_are_context_and_carry_cells_all_the_same():
    assert "material_lot" in CONTEXT
    assert "material_lot" not in BESIDE
