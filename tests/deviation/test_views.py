"""What deviations tell the trace, other pages and quality assurance."""

import pytest

from mscbank.core import links
from mscbank.deviation import views
from mscbank.deviation.severity import Severity, State
from tests import make_deviation, make_family
from tests.doors import Service
from tests.people import ANA, BRUNO, person


@pytest.mark.db
@pytest.mark.usefixtures("bank")
def test_it_is_told_and_linked():
    donor = make_family.donor()
    made = make_deviation.deviation(donor, severity=Severity.MAJOR)
    (told,) = links.told("deviation", [made.code])
    assert (told.title, told.state, told.facts["severity"]) == (made.title, "In progress", "major")
    assert links.reach("donor", [donor.code], "deviation") == [made.code]


@pytest.mark.usefixtures("bank")
def test_what_blocks_stands_first_in_a_panel():
    donor = make_family.donor()
    closed = make_deviation.deviation(donor, severity=Severity.MAJOR, state=State.CLOSED)
    major = make_deviation.deviation(donor, severity=Severity.MAJOR)
    accepted = make_deviation.accepted(make_deviation.deviation(donor, severity=Severity.MAJOR))
    (panel,) = [found for found in links.panels(donor, ANA) if str(found.title) == "Deviations"]
    rows = panel.context["rows"]
    assert [row["code"] for row in rows] == [major.code, accepted.code, closed.code]
    assert [row["colour"] for row in rows] == ["wait", "end", "end"]
    assert rows[1]["state"] == "accepted, still open"


@pytest.mark.usefixtures("bank")
def test_no_panel_where_there_is_nothing():
    assert not [found for found in links.panels(make_family.donor(), ANA) if str(found.title) == "Deviations"]


def test_the_gravest_waits_first(service: Service):
    minor = make_deviation.deviation(severity=Severity.MINOR)
    unknown = make_deviation.deviation()
    capa = make_deviation.deviation(severity=Severity.MAJOR, state=State.CAPA)
    critical = make_deviation.deviation(severity=Severity.CRITICAL)
    make_deviation.deviation(severity=Severity.MAJOR, state=State.CLOSED)
    accepted = make_deviation.accepted(make_deviation.deviation(severity=Severity.CRITICAL))
    with service.app.test_request_context():
        tasks = views.waiting(ANA)
        assert views.waiting(BRUNO) == []
    assert [task.thing[1] for task in tasks] == [
        critical.code, unknown.code, capa.code, minor.code, accepted.code,
    ]  # fmt: skip
    assert [str(task.title).split(":")[0] for task in tasks[:3]] == [
        "Investigate a deviation",
        "Classify a deviation",
        "Close a deviation",
    ]


def test_another_site_is_not_told(service: Service):
    donor = make_family.donor(site="LYON")
    make_deviation.deviation(donor, severity=Severity.CRITICAL)
    near = person("bea", "Bea Lind", *ANA.roles, site="PARIS")
    with service.app.test_request_context():
        assert views.waiting(near) == []
        assert not [found for found in links.panels(donor, near) if str(found.title) == "Deviations"]


@pytest.mark.usefixtures("bank")
def test_what_it_is_about_in_the_order_of_naming():
    first, second = make_family.donor(), make_family.recipient()
    made = make_deviation.deviation(second, first)
    assert views.named_by(made) == [second, first]
