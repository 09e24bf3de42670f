"""From a thing, along the registered edges, to what it touches."""

import pytest
from sqlalchemy import literal, select

from mscbank.core import links


class Pairs(links.Edge):
    """An edge whose pairs are given, not asked for."""

    def __init__(self, source: str, target: str, pairs: list[tuple[str, str]]) -> None:
        super().__init__(source, target, select(literal(1)))
        object.__setattr__(self, "given", pairs)

    def forward(self, codes: list[str]) -> list[tuple[str, str]]:
        return [pair for pair in self.given if pair[0] in codes]

    def backward(self, codes: list[str]) -> list[tuple[str, str]]:
        return [pair for pair in self.given if pair[1] in codes]


@pytest.fixture
def way(monkeypatch: pytest.MonkeyPatch) -> None:
    edges = [
        Pairs("donor", "donation", [("D1", "N1"), ("D1", "N2"), ("D2", "N3")]),
        Pairs("donation", "batch", [("N1", "B1"), ("N2", "B2"), ("N3", "B3")]),
        Pairs("material_lot", "batch", [("L1", "B1"), ("L1", "B3")]),
        Pairs("batch", "vial", [("B1", "V1"), ("B1", "V2"), ("B2", "V3")]),
        Pairs("vial", "infusion", [("V1", "J1"), ("V3", "J1")]),
        Pairs("infusion", "recipient", [("J1", "R1")]),
    ]
    monkeypatch.setattr(links, "EDGES", edges)


@pytest.mark.usefixtures("way")
class TestReach:
    def test_down_the_way(self):
        assert links.reach("donor", ["D1"], "batch") == ["B1", "B2"]
        assert links.reach("material_lot", ["L1"], "batch") == ["B1", "B3"]

    def test_up_the_way(self):
        assert links.reach("vial", ["V1", "V2"], "batch") == ["B1"]
        assert links.reach("recipient", ["R1"], "batch") == ["B1", "B2"]

    def test_it_never_turns_round(self):
        assert links.reach("vial", ["V3"], "batch") == ["B2"]
        assert links.reach("vial", ["V1"], "vial") == ["V1"]

    def test_a_thing_reaches_itself(self):
        assert links.reach("batch", ["B1"], "batch") == ["B1"]

    def test_each_start_keeps_its_own(self):
        assert links.reach_each("vial", ["V1", "V3", "V9"], "batch") == {"V1": ["B1"], "V3": ["B2"], "V9": []}

    def test_nothing_leads_there(self):
        assert links.reach("station", ["X"], "batch") == []
        assert links.reach("vial", [], "batch") == []

    def test_a_circle_ends(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(links, "EDGES", [*links.EDGES, Pairs("batch", "donation", [("B1", "N1")])])
        assert links.reach("donation", ["N1"], "batch") == ["B1"]
