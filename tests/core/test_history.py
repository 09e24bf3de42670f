"""The record in words: states and people as pages name them, fields as their form labels them."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select

from mscbank.app import create_app
from mscbank.core import record
from mscbank.core.db import session
from mscbank.core.errors import Refused
from mscbank.core.web.history import Told, told
from mscbank.custody import actions as custody
from mscbank.ops.demo.cast import TECH
from mscbank.safety.models import AdverseEvent
from mscbank.safety.words import CAUSALITY_WORDS
from tests import worlds
from tests.browser import config
from tests.fixtures import Walked


@pytest.fixture
def world(infused: Walked) -> Iterator[Walked]:
    """The world in which everything has happened, within a request of the service."""
    app = create_app(config(infused.url))
    worlds.employ_staff()
    with app.test_request_context():
        yield infused


def history_of(kind: str, code: str) -> dict[str, Told]:
    """Action → its last line in the history of a thing."""
    rows = list(session.scalars(record.history(kind, code, limit=200)))
    return {row.action: line for row, line in zip(rows, told(rows, (kind, code)), strict=True)}


def test_states_people_and_times_are_read_as_pages_show_them(world: Walked):
    lines = history_of("batch", world.first.batch.code)
    changed = {name: (old, new) for name, old, new in lines["batch.start"].changes}
    assert changed["state"] == ("Planned", "In culture")
    assert changed["started by"] == (None, "Noor Haddad")
    assert lines["batch.start"].who == "Noor Haddad"
    assert lines["batch.start"].role == "lab technician"
    assert ":" in changed["Began"][1]


def test_fields_are_called_as_their_form_calls_them(world: Walked):
    lines = history_of("batch", world.first.batch.code)
    named = {name: new for name, _old, new in lines["batch.add_passage"].changes}
    label = next(name for name in named if name.endswith("Cells seeded"))
    assert label.startswith("passage ")
    assert named[label] == "180,000,000"


def test_words_of_a_form_are_read_as_the_form_shows_them(world: Walked):
    event = session.scalars(select(AdverseEvent)).one()
    lines = history_of("adverse_event", event.code)
    changed = {name: new for name, _old, new in lines["adverse_event.assess"].changes}
    assert changed["Related to the study"] == str(CAUSALITY_WORDS[event.causality]), changed
    assert changed["Related to the study"] != event.causality.value


def test_an_identity_is_shown_as_sealed_only(world: Walked):
    lines = history_of("donor", world.first.donor.code)
    values = [new for name, _old, new in lines["donor.register"].changes if "name" in name.lower()]
    assert values
    assert set(values) == {"sealed", "untold"}, "neither the names nor the digests by which they are found"


def test_a_vials_history_says_what_became_of_it(world: Walked):
    vial = world.first.allocation.vials[0].vial
    lines = history_of("vial", vial.code)
    changed = {name: (old, new) for name, old, new in lines["vial.infuse"].changes}
    assert changed["condition"] == ("In preparation", "Infused")
    assert lines["vial.infuse"].signatures == []
    assert not lines["vial.infuse"].refused


def test_a_refused_act_stands_in_the_history_with_its_code(world: Walked):
    vial = world.first.allocation.vials[0].vial
    with pytest.raises(Refused):
        world.stage.do(custody.take_out, vial, by=TECH)
    line = history_of("vial", vial.code)["vial.take_out"]
    assert line.refused
    assert (line.sign, line.code) == ("octagon", "custody.ended")
