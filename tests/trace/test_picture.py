"""What is drawn of a way, and how what is not drawn is passed through."""

from typing import Any

import pytest

from mscbank.trace import labels, picture
from mscbank.trace.picture import contracted, drawn, lanes_of
from mscbank.trace.story import Story, tell
from tests.fixtures import Walked


def story_of(thing: Any) -> Story:
    return tell((thing.kind, thing.code))


def links(story: Story) -> set[tuple[str, str]]:
    """The kinds that are linked in the picture."""
    return {(source[0], target[0]) for source, target in contracted(story, drawn(story))}


def test_the_way_of_a_vial_is_drawn_from_donor_to_patient(infused: Walked):
    story = story_of(infused.first.vials[0])
    kinds = {kind for kind, _code in drawn(story)}
    assert kinds == {
        "donor", "donation", "material_lot", "batch", "vial", "infusion", "recipient", "adverse_event",
    }  # fmt: skip
    assert {
        ("donor", "donation"),
        ("donation", "batch"),
        ("batch", "vial"),
        ("infusion", "recipient"),
    } <= links(story)
    assert ("vial", "infusion") in links(story), "the preparation is passed through"
    assert ("batch", "infusion") not in links(story), "the prescription is no way for cells"
    assert ("recipient", "adverse_event") not in links(story), "events hang from their patient"


def test_what_was_asked_for_is_drawn_in_any_case(infused: Walked):
    story = story_of(infused.first.preparation)
    assert story.way.start in drawn(story)
    assert {("vial", "preparation"), ("preparation", "infusion")} <= links(story)
    assert ("vial", "infusion") not in links(story)


def test_of_several_batches_only_the_lot_that_was_asked_for(infused: Walked):
    whole = story_of(infused.first.batch)
    lots = sorted(key for key in whole.way.things if key[0] == "material_lot")
    assert set(lots) <= drawn(whole)
    story = tell(lots[0])
    assert [key for key in drawn(story) if key[0] == "material_lot"] == [lots[0]]


def test_each_batch_has_its_lane_and_a_shared_lot_none(infused: Walked):
    whole = story_of(infused.first.batch)
    lot = next(key for key in sorted(whole.way.things) if key[0] == "material_lot")
    story = tell(lot)
    shown = drawn(story)
    lanes = lanes_of(story, shown, contracted(story, shown))
    first, second = infused.first, infused.second
    assert lot not in lanes
    assert lanes[("batch", first.batch.code)] != lanes[("batch", second.batch.code)]
    assert lanes[("donor", first.donor.code)] == lanes[("batch", first.batch.code)]
    assert lanes[("recipient", first.recipient.code)] == lanes[("batch", first.batch.code)]


def test_only_what_was_reached_is_thick(infused: Walked):
    kept = next(vial for vial in infused.first.vials if vial.condition == "retained")
    story = story_of(kept)
    thick = {(a[0], b[0]) for (a, b), reached in contracted(story, drawn(story)).items() if reached}
    assert ("batch", "vial") in thick
    assert ("vial", "infusion") not in thick
    assert ("infusion", "recipient") not in thick


def plain(value: Any) -> str:
    return str(value)


def test_a_thing_carries_what_matters(infused: Walked):
    one = infused.first
    story = story_of(one.vials[0])
    batch, infusion = ("batch", one.batch.code), ("infusion", one.infusion.code)
    assert labels.sign(story, batch) == ("check", "go")
    assert any("Released" in line for line in labels.lines(story, batch, plain))
    assert labels.title(story, infusion, plain) == str(one.infusion.infused_on)
    assert "vials" in labels.lines(story, infusion, plain)[0]
    event = ("adverse_event", one.event.code)
    assert labels.lines(story, event, plain) == ["day 3, related, not serious"]
    box = labels.event_box(story, event)
    assert box is not None
    assert (box.grade, box.serious, box.related) == (2, False, True)
    assert "0 adverse events" not in labels.lines(story, ("recipient", one.recipient.code), plain)


def test_a_lot_beside_the_way_claims_nothing_about_other_batches(infused: Walked):
    whole = story_of(infused.first.batch)
    lot = next(key for key in sorted(whole.way.things) if key[0] == "material_lot")
    assert not any("used in" in line for line in labels.lines(whole, lot, plain))
    assert labels.lines(tell(lot), lot, plain) == ["used in 2 batches"]


@pytest.mark.parametrize("kind", [kind for _label, kinds in picture.COLUMNS for kind in kinds])
def test_every_kind_stands_in_one_column(kind: str):
    assert sum(kind in kinds for _label, kinds in picture.COLUMNS) == 1
