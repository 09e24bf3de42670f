"""What the study tells the trace and other steps."""

import pytest

from mscbank.core import links
from mscbank.study import defaults, views
from mscbank.study.states import ProtocolState, SpecificationState
from tests import make_study

pytestmark = pytest.mark.usefixtures("bank")


def test_visits_are_those_of_the_schedule():
    assert tuple(views.visits_of(make_study.protocol())) == defaults.VISITS


def test_only_open_protocols_and_editions_in_force():
    protocol = make_study.protocol()
    make_study.protocol(ProtocolState.APPROVED)
    make_study.specification(protocol)
    second = make_study.specification(protocol)
    make_study.specification(protocol, SpecificationState.DRAFT)
    assert views.open_protocols() == [protocol]
    assert views.approved_specifications(protocol) == [second]


@pytest.mark.db
def test_they_are_told_and_linked():
    made = make_study.specification()
    protocol = made.protocol
    (told,) = links.told("protocol", [protocol.code])
    assert (told.title, told.state) == (protocol.registry_id, "In progress")
    (told,) = links.told("specification", [made.code])
    assert (told.title, told.state) == ("MSC(M), edition 1", "In force")
    assert links.reach("protocol", [protocol.code], "specification") == [made.code]
