"""Which deviations stand in the way of which things."""

import pytest

from mscbank.deviation import rules
from mscbank.deviation.severity import Severity, State
from tests import make_deviation, make_family

pytestmark = [pytest.mark.db, pytest.mark.usefixtures("bank")]


def test_only_what_blocks_and_only_for_what_it_names():
    donor, other, third = make_family.donor(), make_family.donor(), make_family.donor()
    major = make_deviation.deviation(donor, severity=Severity.MAJOR)
    critical = make_deviation.deviation(donor, other, severity=Severity.CRITICAL)
    make_deviation.deviation(donor, severity=Severity.MINOR)
    make_deviation.deviation(donor)
    make_deviation.deviation(donor, severity=Severity.MAJOR, state=State.CLOSED)
    make_deviation.accepted(make_deviation.deviation(donor, severity=Severity.CRITICAL))
    keys = [("donor", one.code) for one in (donor, other, third)]
    assert rules.blocking(keys) == {keys[0]: [major, critical], keys[1]: [critical], keys[2]: []}
    assert len(rules.about(keys)[keys[0]]) == 6
    assert rules.blocking([]) == {}


def test_kind_and_code_belong_together():
    donor = make_family.donor()
    make_deviation.deviation(donor, severity=Severity.MAJOR)
    assert rules.blocking([("recipient", donor.code)]) == {("recipient", donor.code): []}


def test_it_reaches_along_the_links():
    found = make_family.family()
    stranger = make_family.enrolled(found.protocol)
    made = make_deviation.deviation(found.donor, severity=Severity.MAJOR)
    unknown = make_deviation.deviation(found.link)
    codes = [found.recipient.code, stranger.code]
    assert rules.blocking_reach("recipient", codes) == {found.recipient.code: [made], stranger.code: []}
    assert rules.unclassified_reach("recipient", codes) == {
        found.recipient.code: [unknown],
        stranger.code: [],
    }
