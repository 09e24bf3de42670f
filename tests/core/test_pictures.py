"""Pictures are well-formed, say what they show, carry no inline style, and draw what they were given."""

import re
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from mscbank.core.pictures import (
    Cell,
    Event,
    Gate,
    Lane,
    Level,
    Node,
    band_gauge,
    box_map,
    escalation_board,
    grade_box,
    growth_curve,
    limit_bar,
    segmented_bar,
    swimmer_plot,
    trace_graph,
)

STATIC = Path(__file__).parents[2] / "mscbank" / "static"
SAID = {"title": "What it is", "sentence": "What is seen in it."}
BANDS = [(-20, -10, "wait"), (-10, 10, "go"), (10, 20, "wait")]
WAY = [
    Node("donor", 0, "Donor D07", 0, ["sister of patient 07"]),
    Node("lot", 1, "Lot 2604-11", None, found=True),
    Node("batch", 1, "MSC26007", 0, sign="check", colour="go", url="/batches/B"),
    Node("vials", 2, "24 vials", 0, counts=[("drop", "end", 4, "infused"), ("check", "go", 20, "in stock")]),
    Node("event", 2, "AE-27-004", 0, under="vials", grade=Event(0, 3, serious=True)),
]


def picture(name):
    return {
        "gauge": lambda: band_gauge(3, BANDS, [(0, "0 %")], label="+3 %", **SAID),
        "limits": lambda: limit_bar([66, 88], start=50, end=100, low=70, **SAID),
        "spark": lambda: growth_curve([(0, 2), (26, 412)], **SAID),
        "growth": lambda: growth_curve(
            [(0, 2), (26, 412)], labels=["2", "412"], x_ticks=[(0, "0")], y_ticks=[(400, "400")], **SAID
        ),
        "segments": lambda: segmented_bar([(17, "go", "17 done"), (2, "wait", "2 waiting")], **SAID),
        "box": lambda: box_map(2, 2, {"A1": Cell("01", "Quarantine", "lock", "/v/1")}, free="free", **SAID),
        "swimmer": lambda: swimmer_plot(
            [
                ("1 million/kg", None, [Lane("01", 20, [Event(3, 2)])]),
                ("3", "move", [Lane("11", 4, (), True)]),
            ],
            [(0, "0"), (12, "12")],
            unit="months",
            **SAID,
        ),
        "board": lambda: escalation_board(
            [Level("Level 1", "3 of 3", [("01", "check", "go", "past day 10")]), Level("Level 2", "0 of 3")],
            [Gate("Gate closed", "nobody has signed", "padlock", "wait", [("check", "go", "3 infused")])],
            **SAID,
        ),
        "trace": lambda: trace_graph(["Donor", "Batch", "Vials"], WAY, [("donor", "batch", True)], **SAID),
    }[name]()


ALL = ["gauge", "limits", "spark", "growth", "segments", "box", "swimmer", "board", "trace"]


@pytest.mark.parametrize("name", ALL)
def test_it_is_well_formed_and_passes_the_content_policy(name):
    drawn = str(picture(name))
    for element in ET.fromstring(drawn).iter():
        assert not {a for a in element.attrib if a == "style" or a.startswith("on")}
        assert element.tag not in {"script", "style"}


@pytest.mark.parametrize("name", ALL)
def test_it_says_what_it_shows(name):
    drawn = str(picture(name))
    assert "What it is" in drawn
    assert "What is seen in it." in drawn


@pytest.mark.parametrize("name", ALL)
def test_its_signs_exist(name):
    shapes = set(re.findall(r'id="([^"]+)"', (STATIC / "icons" / "signs.svg").read_text()))
    assert set(re.findall(r"signs\.svg#([a-z-]+)", str(picture(name)))) <= shapes


def test_words_are_escaped():
    drawn = band_gauge(0, BANDS, [(0, "<b>")], label='"&', title="<i>", sentence="'")
    assert "<b>" not in drawn
    assert "<i>" not in drawn
    ET.fromstring(str(drawn))


def test_a_value_beyond_its_bands_stands_at_the_edge_and_is_marked():
    inside, outside = (band_gauge(v, BANDS, [], label="x", **SAID) for v in (20, 35))
    assert "beyond" not in inside
    assert "beyond" in outside
    assert re.search(r'd="M[^"]+"', inside).group() == re.search(r'd="M[^"]+"', outside).group()


def test_a_value_at_its_limit_passes_and_one_outside_is_a_diamond():
    assert "dot out" not in limit_bar([70], start=50, end=100, low=70, **SAID)
    assert "dot out" in limit_bar([Fraction(699, 10)], start=50, end=100, low=70, **SAID)
    assert "dot out" in limit_bar([101], start=50, end=120, high=100, **SAID)


def test_segments_are_as_long_as_their_counts_and_nothing_is_drawn_for_none():
    drawn = segmented_bar([(3, "go", "3"), (0, "stop", "0"), (1, "end", "1")], **SAID)
    widths = [Fraction(w) for w in re.findall(r'<rect[^>]* width="([0-9.]+)"', drawn)]
    assert len(widths) == 2
    assert widths[0] == 3 * widths[1]


def test_nothing_at_all_still_draws():
    assert growth_curve([], **SAID)
    assert segmented_bar([], **SAID)
    assert swimmer_plot([], [], unit="months", **SAID)
    assert trace_graph(["Donor"], [], [], **SAID)


def test_a_box_names_every_position_and_links_the_vials():
    drawn = box_map(9, 9, {"B5": Cell("14", "Available", "go", "/v/14", "placed")}, free="free", **SAID)
    assert drawn.count('aria-hidden="true"') == 80
    assert 'href="/v/14"' in drawn
    assert 'aria-label="B5, 14, Available"' in drawn
    assert "cell go placed" in drawn


def test_a_box_with_a_field_offers_each_position_as_an_answer():
    drawn = box_map(2, 2, {"A1": Cell("01", "Quarantine")}, free="free", field="position", **SAID)
    assert re.findall(r'name="position" value="(\w\d)"', drawn) == ["A1", "A2", "B1", "B2"]
    assert 'aria-label="A2, free"' in drawn


def test_grade_seriousness_and_relation_are_three_marks():
    assert 'class="ae"' in grade_box(Event(0, 3), 10, 10)
    assert 'class="ae serious"' in grade_box(Event(0, 3, serious=True), 10, 10)
    related = grade_box(Event(0, 3, related=True, url="/ae", words="nausea"), 10, 10)
    assert 'class="ae related"' in related
    assert "<line" in related
    assert 'aria-label="nausea"' in related


def test_nodes_of_a_trace_do_not_overlap_and_reached_edges_are_thick():
    drawn = picture("trace")
    frames = [
        tuple(map(int, found))
        for found in re.findall(r'<rect x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)" rx="6"', drawn)
    ]
    assert len(frames) == len(WAY)
    for n, (x, y, w, h) in enumerate(frames):
        for x2, y2, w2, h2 in frames[n + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    assert "edge reached" in drawn
    assert 'role="group"' in drawn


def test_a_trace_with_many_vials_counts_them_without_little_bars():
    many = [Node("v", 0, "60 vials", 0, counts=[("check", "go", 60, "in stock")])]
    assert "bar-one" not in trace_graph(["Vials"], many, [], **SAID)
    dozen = [Node("v", 0, "12 vials", 0, counts=[("drop", "end", 12, "infused")])]
    assert trace_graph(["Vials"], dozen, [], **SAID).count("bar-one") == 12


def test_an_edge_may_run_backwards():
    nodes = [Node("a", 0, "a", 0), Node("b", 1, "b", 0)]
    assert "edge" in trace_graph(["A", "B"], nodes, [("b", "a", False)], **SAID)


def test_every_vendored_file_stands_in_the_list():
    listed = (STATIC / "vendor" / "VENDORED.md").read_text()
    for path in [
        *STATIC.glob("fonts/*.woff2"),
        *STATIC.glob("vendor/*/*.js"),
        *STATIC.glob("vendor/*/*.wasm"),
    ]:
        assert path.name in listed


def test_no_asset_asks_another_host_or_floats_a_style():
    for path in [*STATIC.glob("css/*.css"), *STATIC.glob("js/*.js")]:
        assert not re.search(r"https?://(?!www\.w3\.org)|@import", path.read_text())
    for path in (Path(__file__).parents[2] / "templates").rglob("*.html"):
        source = path.read_text()
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script(?![^>]*\ssrc=)|https?://", source), path
