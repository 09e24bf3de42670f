"""An assessment from the first line to the verdict and after it."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from mscbank.collection import actions
from mscbank.collection.models import Assessment
from mscbank.collection.panel import PANEL, Marker, Outcome, Topic
from mscbank.collection.states import AssessmentState as A
from mscbank.collection.windows import Profile
from mscbank.core import clock, parameters
from mscbank.core.access import Role
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.record import Outcome as Recorded
from mscbank.core.record import Record
from mscbank.family import actions as family_actions
from mscbank.family.rules import DONOR_NEEDS
from mscbank.family.words import ConsentItem, Relation
from tests import make_family
from tests.make_collection import RENEE, RISK, assessment, report, today
from tests.make_family import Family
from tests.people import ANA, BRUNO, EVA, LUCIE, PEOPLE, YUSUF, person, sign

BOTH = person("bea", "Bea Both", Role.MEDICAL_DIRECTOR, Role.COLLECTION, Role.RESPONSIBLE_PERSON)


@pytest.fixture(autouse=True)
def _cast(monkeypatch: pytest.MonkeyPatch) -> None:
    for who in (RENEE, BOTH):
        monkeypatch.setitem(PEOPLE, who.login, who)


def refused(code: str):
    return pytest.raises(Refused, match=code)


def opened(family: Family, **changes):
    inputs = {"donor": family.donor, "recipient": family.recipient, "planned_on": today()} | changes
    return actions.open_assessment(by=LUCIE, **inputs)


def consent_of(family: Family):
    return family.donor.consents[0]


# --- before the verdict ------------------------------------------------------------------------------------


def test_an_unrelated_recipient_is_refused(family: Family):
    stranger = make_family.recipient()
    with refused("collection.not_related"):
        opened(family, recipient=stranger)


def test_a_donor_under_legal_protection_is_refused(family: Family):
    family_actions.set_protection(
        family.donor, by=LUCIE, reason="a guardian was named", is_under_protection=True
    )
    with refused("collection.donor_protected"):
        opened(family)


def test_the_rules_are_those_of_the_bank_unless_said_otherwise(family: Family):
    assert opened(family).profile is Profile.EU_MARROW
    assert opened(family, profile=Profile.FDA_MARROW).profile is Profile.FDA_MARROW
    sign(
        parameters.set_value, None, ANA, reason="a study under American rules",
        parameter="collection.profile", value="FDA_MARROW",
    )  # fmt: skip
    assert opened(family).profile is Profile.FDA_MARROW


def test_nothing_is_sampled_or_asked_before_the_consent(family: Family):
    made = opened(family)
    with refused("collection.no_consent_yet"):
        report(made)
    with refused("collection.no_consent_yet"):
        actions.record_history(made, by=LUCIE)


def test_a_consent_must_be_the_donors_name_the_relative_cover_everything_and_be_in_force(family: Family):
    made = opened(family)
    other = make_family.family(family.protocol)
    thin = make_family.donor_consent(
        family.donor, family.recipient, items=sorted(DONOR_NEEDS - {ConsentItem.TESTING})
    )
    gone = make_family.donor_consent(family.donor, family.recipient)
    family_actions.withdraw_consent(gone, by=LUCIE, reason="changed her mind", withdrawn_on=today())
    for wrong, words in (
        (consent_of(other), "not a consent of this donor"),
        (thin, "does not cover: testing"),
        (gone, "withdrawn"),
    ):
        with pytest.raises(Invalid) as error:
            actions.consent(made, by=LUCIE, consent=wrong, identity_checked=True)
        assert words in " ".join(map(str, error.value.faults["consent"]))
    with pytest.raises(Invalid) as unchecked:
        actions.consent(made, by=LUCIE, consent=consent_of(family), identity_checked=False)
    assert set(unchecked.value.faults) == {"identity_checked"}
    actions.consent(made, by=LUCIE, consent=consent_of(family), identity_checked=True)
    assert made.state is A.CONSENTED


def test_a_consent_that_names_another_relative_is_refused(family: Family):
    other = make_family.recipient()
    make_family.link(family.donor, other, Relation.HALF_SIBLING)
    made = opened(family, recipient=other)
    with pytest.raises(Invalid) as error:
        actions.consent(made, by=LUCIE, consent=consent_of(family), identity_checked=True)
    assert "does not name the recipient" in " ".join(map(str, error.value.faults["consent"]))


@pytest.mark.parametrize(
    ("sampled", "reported", "field"), [(1, 1, "sampled_on"), (-3, -4, "reported_on"), (-3, 1, "reported_on")]
)
def test_dates_of_a_result_lie_in_order_and_not_in_the_future(family: Family, sampled, reported, field):
    made = assessment(family, A.CONSENTED)
    days = {
        "sampled_on": today() + timedelta(days=sampled), "reported_on": today() + timedelta(days=reported),
    }  # fmt: skip
    with pytest.raises(Invalid) as error:
        report(made, **days)
    assert set(error.value.faults) == {field}


def test_a_report_without_markers_is_a_fault(family: Family):
    with pytest.raises(Invalid) as error:
        report(assessment(family, A.CONSENTED), [])
    assert set(error.value.faults) == {"markers"}


def test_testing_closes_with_the_whole_panel_and_the_history(family: Family):
    made = assessment(family, A.CONSENTED)
    report(made, PANEL[1:])
    with refused("collection.panel_missing") as error:
        actions.close_testing(made, by=LUCIE)
    assert "HIV-1/2 antibody" in error.value.sentence
    report(made, PANEL[:1])
    with refused("collection.history_missing"):
        actions.close_testing(made, by=LUCIE)
    actions.record_history(made, by=LUCIE)
    actions.close_testing(made, by=BRUNO)
    assert made.state is A.TESTED


@pytest.mark.db
def test_invariant_12_a_repeat_stands_beside_the_first_result(family: Family):
    made = assessment(family, A.CONSENTED)
    report(made, [Marker.HIV_NAT], Outcome.REACTIVE)
    report(made, [Marker.HIV_NAT], Outcome.NON_REACTIVE)
    assert [(r.number, r.outcome) for r in made.results] == [(1, Outcome.REACTIVE), (2, Outcome.NON_REACTIVE)]


def test_the_latest_answer_counts_and_the_first_stays(family: Family):
    made = assessment(family, A.TESTED, present=[Topic.FEVER])
    with refused("collection.not_eligible"):
        sign(actions.find_eligible, made, EVA)
    actions.record_history(made, by=LUCIE, note="no fever any more")
    sign(actions.find_eligible, made, EVA)
    assert len(made.answers) == 2 * len(Topic)


# --- the verdict -------------------------------------------------------------------------------------------


@pytest.mark.db
def test_the_verdict_is_signed_and_keeps_what_it_rests_on(tested: list[Assessment]):
    made = tested[0]
    sign(actions.find_eligible, made, EVA)
    verdict = made.determinations[-1]
    assert (verdict.verdict, verdict.decided_by, verdict.findings) == (A.ELIGIBLE, "eva", "")
    assert (verdict.up_to_result, verdict.up_to_answer) == (len(PANEL), len(Topic))


def test_invariant_11_who_entered_the_results_does_not_decide_on_them(tested: list[Assessment]):
    made = tested[0]
    actions.record_history(made, by=BOTH)
    with refused("collection.own_entry"):
        sign(actions.find_eligible, made, BOTH)
    sign(actions.find_eligible, made, EVA)


def test_only_the_medical_director_decides(tested: list[Assessment]):
    with pytest.raises(NotAllowed):
        sign(actions.find_eligible, tested[0], LUCIE)
    assert tested[0].state is A.TESTED


@pytest.mark.db
def test_a_risk_takes_the_responsible_persons_word_and_the_directors(tested: list[Assessment]):
    made = tested[1]
    with refused("collection.not_eligible"):
        sign(actions.find_eligible, made, EVA)
    with refused("collection.no_risk_asked"):
        sign(actions.assess_risk, made, RENEE, text=RISK, is_acceptable=True)
    sign(actions.require_risk_assessment, made, EVA)
    with refused("collection.risk_unwritten"):
        sign(actions.accept_risk, made, EVA)
    with pytest.raises(Invalid):
        sign(actions.assess_risk, made, RENEE, text="fine   by    me", is_acceptable=True)
    sign(actions.assess_risk, made, RENEE, text=RISK, is_acceptable=False)
    with refused("collection.risk_refused"):
        sign(actions.accept_risk, made, EVA)
    sign(actions.assess_risk, made, RENEE, text=RISK + " A second NAT agrees.", is_acceptable=True)
    sign(actions.accept_risk, made, EVA)
    assert made.state is A.ELIGIBLE_WITH_RA
    assert [r.is_acceptable for r in made.risk_assessments] == [False, True]


def test_invariant_11_who_wrote_the_risk_assessment_does_not_accept_it(tested: list[Assessment]):
    made = tested[1]
    sign(actions.require_risk_assessment, made, EVA)
    sign(actions.assess_risk, made, BOTH, text=RISK, is_acceptable=True)
    with refused("collection.own_risk_assessment"):
        sign(actions.accept_risk, made, BOTH)


def test_a_risk_assessment_does_not_cover_what_came_in_after_it(tested: list[Assessment]):
    made = tested[1]
    sign(actions.require_risk_assessment, made, EVA)
    sign(actions.assess_risk, made, RENEE, text=RISK, is_acceptable=True)
    report(made, [Marker.CMV_ANTIBODY], Outcome.REACTIVE)
    with refused("collection.risk_outdated"):
        sign(actions.accept_risk, made, EVA)


def test_a_risk_assessment_lifts_no_exclusion_and_fills_no_gap(tested: list[Assessment]):
    for made in (tested[0], tested[2]):
        with refused("collection.no_risk"):
            sign(actions.require_risk_assessment, made, EVA)
    made = tested[1]
    sign(actions.require_risk_assessment, made, EVA)
    report(made, [Marker.HBS_ANTIGEN], Outcome.REACTIVE)
    sign(actions.assess_risk, made, RENEE, text=RISK, is_acceptable=True)
    with refused("collection.no_risk"):
        sign(actions.accept_risk, made, EVA)


def test_the_director_may_be_stricter_than_the_rules_with_a_reason(tested: list[Assessment]):
    with pytest.raises(Invalid):
        sign(actions.find_ineligible, tested[0], EVA)
    sign(actions.find_ineligible, tested[0], EVA, reason="frail, advised against it")
    assert tested[0].state is A.INELIGIBLE


def test_a_deferral_ends_on_its_day_and_not_before(tested: list[Assessment]):
    made = tested[0]
    with pytest.raises(Invalid):
        sign(actions.defer, made, EVA, reason="fever last week", until=today())
    sign(actions.defer, made, EVA, reason="fever last week", until=today() + timedelta(days=1))
    with refused("collection.still_deferred"):
        actions.resume(made, by=EVA)
    assert made.state is A.DEFERRED


@pytest.mark.db
def test_an_ineligible_donor_is_permitted_for_close_blood_under_the_american_rules(family: Family):
    made = assessment(family, A.PERMITTED_DIRECTED, profile=Profile.FDA_MARROW,
                      outcomes={Marker.HBC_ANTIBODY: Outcome.REACTIVE})  # fmt: skip
    assert made.link.code == family.link.code
    assert made.physician_informed == "Dr Marta Rinaldi"
    assert made.determinations[-1].verdict is A.PERMITTED_DIRECTED


TOLD = {"physician": "Dr Marta Rinaldi"}


def permit(made: Assessment):
    return sign(
        actions.permit_directed, made, EVA, reason="no other donor",
        physician_informed_at=clock.now() - timedelta(hours=1), **TOLD,
    )  # fmt: skip


def test_the_permission_does_not_exist_under_the_european_rules(family: Family):
    with refused("collection.permission_by_profile"):
        permit(assessment(family, A.INELIGIBLE, outcomes={Marker.HIV_NAT: Outcome.REACTIVE}))


@pytest.mark.parametrize(
    ("relation", "allowed"),
    [
        (Relation.PARENT, True),
        (Relation.HALF_SIBLING, True),
        (Relation.AUNT_UNCLE, True),
        (Relation.FIRST_COUSIN, False),
        (Relation.SPOUSE_PARTNER, False),
        (Relation.IN_LAW, False),
    ],
)
def test_the_permission_reaches_to_the_second_degree_of_blood(
    family: Family, relation: Relation, allowed: bool
):
    recipient = make_family.recipient(born_on=family_birth(relation))
    link = make_family.link(family.donor, recipient, relation, state=None)
    make_family.donor_consent(family.donor, recipient)
    related = Family(family.donor, recipient, link, family.protocol)
    made = assessment(related, A.INELIGIBLE, profile=Profile.FDA_MARROW,
                      outcomes={Marker.HCV_NAT: Outcome.REACTIVE})  # fmt: skip
    with refused("collection.not_close_blood"):
        permit(made)
    verify(link)
    if allowed:
        permit(made)
        assert made.state is A.PERMITTED_DIRECTED
    else:
        with refused("collection.not_close_blood"):
            permit(made)


def family_birth(relation: Relation):
    """A birth date of the recipient that fits a donor born in 1975."""
    return today().replace(year=2002 if relation is Relation.PARENT else 1980, day=1)


def verify(link):
    family_actions.verify(link, by=EVA, evidence="the record book itself")


def test_the_permission_needs_a_named_relative_and_a_told_physician(family: Family):
    made = opened(family, recipient=None, profile=Profile.FDA_MARROW)
    actions.consent(made, by=LUCIE, consent=consent_of(family), identity_checked=True)
    report(made, PANEL, Outcome.NON_REACTIVE)
    report(made, [Marker.HCV_NAT], Outcome.REACTIVE)
    actions.record_history(made, by=LUCIE)
    actions.close_testing(made, by=LUCIE)
    sign(actions.find_ineligible, made, EVA, reason="HCV was found")
    with refused("collection.no_recipient"):
        permit(made)
    named = assessment(family, A.INELIGIBLE, profile=Profile.FDA_MARROW,
                       outcomes={Marker.HCV_NAT: Outcome.REACTIVE})  # fmt: skip
    with pytest.raises(Invalid) as error:
        sign(actions.permit_directed, named, EVA, reason="no other donor",
             physician_informed_at=clock.now() + timedelta(hours=1), **TOLD)  # fmt: skip
    assert set(error.value.faults) == {"physician_informed_at"}


# --- after the verdict -------------------------------------------------------------------------------------


def test_a_lookback_returns_to_the_verdict_that_stood(tested: list[Assessment]):
    made = tested[1]
    sign(actions.require_risk_assessment, made, EVA)
    sign(actions.assess_risk, made, RENEE, text=RISK, is_acceptable=True)
    sign(actions.accept_risk, made, EVA)
    actions.open_lookback(made, by=YUSUF, reason="the donor reported jaundice")
    sign(actions.close_lookback, made, EVA, reason="drug-induced, HBV and HCV negative")
    assert made.state is A.ELIGIBLE_WITH_RA
    assert [d.verdict for d in made.determinations][-1] is A.ELIGIBLE_WITH_RA


def test_a_lookback_that_found_something_closes_only_as_ineligible(tested: list[Assessment]):
    made = tested[0]
    sign(actions.find_eligible, made, EVA)
    actions.open_lookback(made, by=EVA, reason="the donor fell ill")
    report(made, [Marker.HIV_NAT], Outcome.REACTIVE)
    with refused("collection.findings_against"):
        sign(actions.close_lookback, made, EVA, reason="nothing was found")
    sign(actions.confirm_lookback, made, EVA, reason="HIV was found")
    assert made.state is A.INELIGIBLE


def test_a_verdict_can_be_opened_again_and_signed_anew(tested: list[Assessment]):
    made = tested[0]
    sign(actions.find_eligible, made, EVA)
    actions.reassess(made, by=EVA, reason="a sister reported CJD")
    assert made.state is A.TESTED
    sign(actions.find_eligible, made, EVA)
    assert [d.verdict for d in made.determinations] == [A.ELIGIBLE, A.ELIGIBLE]


@pytest.mark.db
def test_a_withdrawn_consent_ends_every_assessment_that_rests_on_it(tested: list[Assessment]):
    consent = tested[0].consent
    sign(actions.find_eligible, tested[0], EVA)
    family_actions.withdraw_consent(consent, by=LUCIE, reason="changed her mind", withdrawn_on=today())
    session.expire_all()
    assert {a.state for a in tested} == {A.CONSENT_WITHDRAWN}
    record = session.scalars(select(Record).where(Record.action == "assessment.lose_consent")).all()
    assert len(record) == 3
    assert {r.parent for r in record} == {
        session.scalar(select(Record.act).where(Record.action == "consent.withdraw"))
    }


def test_nobody_makes_an_assessment_lose_its_consent_by_hand(tested: list[Assessment]):
    with pytest.raises(NotAllowed):
        actions.lose_consent(tested[0], by=EVA)


@pytest.mark.db
def test_invariant_6_a_refused_move_leaves_a_row_among_the_blocked_actions(tested: list[Assessment]):
    with refused("collection.not_eligible"):
        sign(actions.find_eligible, tested[2], EVA)
    row = session.scalars(select(Record).where(Record.outcome == Recorded.REFUSED)).one()
    assert (row.action, row.subject_code) == ("assessment.find_eligible", tested[2].code)
