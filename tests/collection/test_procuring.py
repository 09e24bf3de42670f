"""Marrow under its number: taken, received, accepted, and asked for at every step after."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mscbank.coding.din import check_character, format_din
from mscbank.coding.isbt import format_compound, parse_typed_din
from mscbank.collection import actions
from mscbank.collection.models import DinEntry, Donation
from mscbank.collection.news import UNACCEPTABLE
from mscbank.collection.panel import PANEL, Marker, Outcome, Topic
from mscbank.collection.rules import acceptable
from mscbank.collection.states import AssessmentState as A
from mscbank.collection.states import DonationState as D
from mscbank.collection.windows import Profile
from mscbank.core import clock, codes, db, messages
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.deviation.models import Deviation
from mscbank.deviation.severity import Severity
from mscbank.family import actions as family_actions
from tests import attack, make_family
from tests.make_collection import RECEIPT, RENEE, assessment, din, donation, report, taken, today
from tests.make_family import Family
from tests.people import ANA, BRUNO, EVA, LUCIE, PEOPLE, SAM, sign


@pytest.fixture(autouse=True)
def _cast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEOPLE, RENEE.login, RENEE)


def refused(code: str):
    return pytest.raises(Refused, match=code)


def take(of: Any, **changes: Any) -> Donation:
    return actions.procure(by=LUCIE, **taken(of, **changes))


def unacceptable(made: Donation, **how: Any) -> str | None:
    found = acceptable([made.id], **how)[made.id]
    return found.code if found else None


# --- the number --------------------------------------------------------------------------------------------


def test_a_scanned_number_needs_no_check_character(family: Family):
    number = din()
    made = take(assessment(family), din=format_din(number, "00"))
    assert (made.din, made.din_entry, made.called) == (number, DinEntry.SCANNED, number)
    assert codes.by_din(number).id == made.id
    assert codes.by_din(din()) is None


def test_a_typed_number_comes_with_its_check_character(family: Family):
    number = din()
    typed = f"{number[:5]} {number[5:7]} {number[7:]} {check_character(number)}".lower()
    made = take(assessment(family), din=typed)
    assert (made.din, made.din_entry) == (parse_typed_din(typed).value, DinEntry.TYPED)


def test_invariant_1_what_is_no_products_number_is_refused_with_the_reason(family: Family):
    made, number = assessment(family), din()
    for wrong, words in (
        (number, "ends with its boxed check character"),
        (number + ("B" if check_character(number) == "A" else "A"), "does not fit"),
        (format_din(number, "06"), "tube or a record"),
        (format_din(number, "10"), "tube or a record"),
        (f"={number}98", "reserved"),
        (f"={number}00X", "15 characters"),
        ("=<S1234400", "something else"),
        (made.code, "something else"),
        ("hello", ""),
        ("\u0000", ""),
    ):
        with pytest.raises(Invalid) as error:
            take(made, din=wrong)
        assert words in error.value.faults["din"][0], wrong
    assert session.scalars(select(Donation)).all() == []


def test_the_number_is_found_in_a_compound_message(family: Family):
    number = din()
    made = take(assessment(family), din=format_compound([format_din(number, "00"), "=<S1234400"]))
    assert made.din == number


@pytest.mark.db
def test_invariant_1_a_number_is_used_once(family: Family):
    number = format_din(din())
    take(assessment(family), din=number)
    with refused("collection.din_taken"):
        take(assessment(family), din=number)


@pytest.mark.db
def test_an_assessment_binds_to_one_donation(family: Family):
    made = assessment(family)
    take(made)
    with refused("collection.assessment_bound"):
        take(made)


@pytest.mark.db
@pytest.mark.parametrize(
    "change", ["din = 'A999926000000'", "donor_id = donor_id + 1", "assessment_id = assessment_id + 1"]
)
def test_invariant_1_the_database_keeps_a_donations_identity(family: Family, change: str):
    take(assessment(family))
    with pytest.raises(DBAPIError), db.engines().write.begin() as connection, db.permitted(connection):
        connection.execute(text(f"UPDATE donation SET {change}"))


# --- the gate ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [A.CONSENTED, A.TESTED, A.INELIGIBLE, A.DEFERRED, A.LOOKBACK])
def test_in_europe_marrow_is_taken_after_the_verdict(family: Family, state: A):
    with refused("collection.verdict_missing"):
        take(assessment(family, state))


def test_the_true_date_is_judged_and_not_the_planned_one(family: Family):
    sampled = today() - timedelta(days=31)
    made = assessment(
        family, planned_on=today() - timedelta(days=1), sampled_on=sampled, reported_on=sampled
    )  # fmt: skip
    with refused("collection.not_for_this_day") as error:
        take(made)
    assert "Sample this marker again" in error.value.sentence
    yesterday = clock.now() - timedelta(days=1)
    done = take(made, started_at=yesterday, ended_at=yesterday)
    assert done.donated_on == today() - timedelta(days=1)
    assert unacceptable(done) is None


@pytest.mark.db
def test_the_civil_date_is_that_of_the_site(family: Family):
    late = datetime.combine(today() - timedelta(days=2), datetime.min.time(), clock.now().tzinfo) + timedelta(
        hours=23, minutes=30
    )
    made = take(assessment(family), started_at=late, ended_at=late)
    assert made.donated_on == today() - timedelta(days=1)


def test_marrow_needs_the_consent_in_force_and_given_before(family: Family):
    made = assessment(family)
    early = clock.now() - timedelta(days=90)
    with refused("collection.consent_later"):
        take(made, started_at=early, ended_at=early)
    family_actions.withdraw_consent(made.consent, by=LUCIE, reason="changed her mind")
    with refused("collection.verdict_missing"):
        take(made)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ended_at": timedelta(hours=1)}, "ended_at"),
        ({"started_at": timedelta(minutes=-10), "ended_at": timedelta(minutes=-20)}, "ended_at"),
    ],
)
def test_times_lie_in_order_and_not_in_the_future(family: Family, changes: dict[str, timedelta], field: str):
    now = clock.now()
    with pytest.raises(Invalid) as error:
        take(assessment(family), **{name: now + shift for name, shift in changes.items()})
    assert set(error.value.faults) == {field}


def test_only_collection_takes_marrow(family: Family):
    for by in (SAM, BRUNO, EVA):
        with pytest.raises(NotAllowed):
            actions.procure(by=by, **taken(assessment(family)))


# --- the American rules: the results may come after the marrow ----------------------------------------------


def test_with_the_american_rules_the_marrow_may_come_before_the_results(family: Family):
    made = assessment(family, A.CONSENTED, profile=Profile.FDA_MARROW)
    done = take(made)
    assert unacceptable(done) == "collection.not_determined"
    assert unacceptable(done, pending=True) is None
    report(made, PANEL, sampled_on=today(), reported_on=today())
    actions.record_history(made, by=LUCIE)
    actions.close_testing(made, by=LUCIE)
    assert unacceptable(done, pending=True) is None
    sign(actions.find_eligible, made, EVA)
    assert unacceptable(done) is None


def test_a_finding_against_the_donor_ends_the_waiting(family: Family):
    made = assessment(family, A.CONSENTED, profile=Profile.FDA_MARROW)
    done = take(made)
    report(made, [Marker.HCV_NAT], Outcome.REACTIVE)
    assert unacceptable(done, pending=True) == "collection.not_determined"
    with refused("collection.not_for_this_day"):
        other = assessment(family, A.CONSENTED, profile=Profile.FDA_MARROW)
        actions.record_history(other, by=LUCIE, present=[Topic.PREGNANCY])
        take(other)


@pytest.mark.db
def test_invariant_18_the_database_keeps_donor_assessment_and_donation_together(family: Family):
    made, other = assessment(family), make_family.family()
    attack.refused(
        "UPDATE assessment SET donor_id = :other", "an assessment keeps its donor", other=other.donor.id
    )
    done = take(made)
    names = ", ".join(c.name for c in Donation.__table__.columns if c.name not in ("id", "donor_id"))
    attack.refused(
        f"INSERT INTO donation (donor_id, {names}) SELECT :other, {names} FROM donation",
        "the assessment is of another donor", other=other.donor.id,
    )  # fmt: skip
    assert done.donor_id == family.donor.id


# --- asked again at every later step -----------------------------------------------------------------------


@pytest.mark.db
def test_invariant_9_a_result_that_comes_in_later_is_seen_at_once(family: Family):
    made = assessment(family)
    done = take(made)
    assert unacceptable(done) is None
    report(made, [Marker.CMV_ANTIBODY], Outcome.REACTIVE)
    assert unacceptable(done) is None
    report(made, [Marker.HTLV_ANTIBODY], Outcome.REACTIVE)
    assert unacceptable(done) == "collection.determination_overtaken"
    report(made, [Marker.HTLV_ANTIBODY], Outcome.NON_REACTIVE, is_confirmatory=True)
    assert unacceptable(done) is None


def test_a_new_risk_overtakes_a_verdict_with_a_risk_assessment(family: Family):
    made = assessment(family, A.ELIGIBLE_WITH_RA, outcomes={Marker.HBC_ANTIBODY: Outcome.REACTIVE})
    done = take(made)
    assert unacceptable(done) is None
    actions.record_history(made, by=LUCIE, present=[Topic.MALIGNANCY])
    assert unacceptable(done) == "collection.determination_overtaken"


def test_invariant_9_news_that_overturn_a_verdict_are_told_in_the_same_act(
    family: Family, monkeypatch: pytest.MonkeyPatch
):
    heard: list[Any] = []
    listening = messages.Subscription(lambda **said: heard.append(said["touched"]), lambda touched: [])
    monkeypatch.setitem(messages._consequences, UNACCEPTABLE, [listening])
    made = assessment(family, A.ELIGIBLE_WITH_RA, outcomes={Marker.HBC_ANTIBODY: Outcome.REACTIVE})
    done = take(made)
    report(made, [Marker.HCV_NAT], Outcome.NON_REACTIVE, kit="another kit")
    heard.clear()
    actions.record_history(made, by=LUCIE, present=[Topic.MALIGNANCY])
    report(made, [Marker.HIV_NAT], Outcome.REACTIVE)
    actions.open_lookback(made, by=EVA, reason="the donor fell ill")
    assert heard == [[("donation", done.code)]] * 3


@pytest.mark.parametrize(
    ("upset", "code"),
    [
        (
            lambda a: actions.open_lookback(a, by=EVA, reason="the donor fell ill"),
            "collection.not_determined",
        ),
        (lambda a: actions.reassess(a, by=EVA, reason="something was learnt"), "collection.not_determined"),
        (
            lambda a: family_actions.withdraw_consent(a.consent, by=LUCIE, reason="changed her mind"),
            "collection.consent_withdrawn",
        ),
    ],
)
def test_invariant_9_a_verdict_or_a_consent_that_falls_blocks(family: Family, upset: Any, code: str):
    made = assessment(family)
    done = take(made)
    upset(made)
    session.expire_all()
    assert unacceptable(done) == code


def test_a_permission_for_a_relative_bears_what_it_was_given_for(family: Family):
    made = assessment(family, A.PERMITTED_DIRECTED, profile=Profile.FDA_MARROW,
                      outcomes={Marker.HCV_NAT: Outcome.REACTIVE})  # fmt: skip
    done = take(made)
    assert unacceptable(done) is None
    report(made, [Marker.HIV_NAT], Outcome.REACTIVE)
    assert unacceptable(done) == "collection.determination_overtaken"


@pytest.mark.db
def test_many_donations_are_asked_for_in_a_constant_number_of_statements(family: Family):
    made = [take(assessment(family)) for _ in range(3)]

    def statements(ids: list[int]) -> int:
        seen: list[str] = []
        listen = lambda *args: seen.append(args[2])  # noqa: E731 - a listener
        db.event.listen(db.engines().read, "before_cursor_execute", listen)
        session.expire_all()
        session.rollback()
        acceptable(ids)
        db.event.remove(db.engines().read, "before_cursor_execute", listen)
        return len(seen)

    assert statements([made[0].id]) == statements([d.id for d in made]) <= 10


# --- receipt -----------------------------------------------------------------------------------------------


@pytest.mark.db
def test_marrow_is_received_with_its_limits_and_accepted(family: Family):
    made = donation(family, D.COLLECTED)
    actions.receive(made, by=BRUNO, label=format_din(made.din), **RECEIPT)
    found = made.receipt
    assert (found.received_by, found.label_matches, found.passes) == ("bruno", True, True)
    assert (found.allowed_low_c, found.allowed_high_c) == (Decimal("2.0"), Decimal("25.0"))
    actions.accept(made, by=BRUNO)
    assert made.state is D.ACCEPTED


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"is_intact": False}, "container not intact"),
        ({"documents_present": False}, "documents missing"),
        ({"label": None}, "label does not match"),
        ({"label": format_din("A999926999999")}, "label does not match"),
        ({"lowest_c": Decimal("1.9")}, "transport at 1.9"),
        ({"highest_c": Decimal("25.1")}, "25.1 °C"),
    ],
)
def test_what_the_inspection_found_goes_to_quality_assurance(
    family: Family, changes: dict[str, Any], words: str
):
    made = donation(family, D.COLLECTED)
    actions.receive(made, by=BRUNO, **({"label": format_din(made.din)} | RECEIPT | changes))
    with refused("collection.inspection_failed") as error:
        actions.accept(made, by=BRUNO)
    assert words in error.value.sentence
    actions.quarantine(made, by=BRUNO, reason="as the inspection found")
    with pytest.raises(NotAllowed):
        sign(actions.clear, made, BRUNO, reason="looks fine to me")
    sign(actions.clear, made, ANA, reason="the logger was read again")
    assert made.state is D.ACCEPTED


@pytest.mark.parametrize(("low", "high"), [("2.0", "25.0"), ("2.0", "2.0"), ("25.0", "25.0")])
def test_both_ends_of_the_transport_range_are_in_it(family: Family, low: str, high: str):
    made = donation(family, D.COLLECTED)
    limits = {"lowest_c": Decimal(low), "highest_c": Decimal(high)}
    actions.receive(made, by=BRUNO, label=format_din(made.din), **(RECEIPT | limits))
    assert made.receipt.passes


def test_a_receipt_lies_after_the_procurement_and_its_temperatures_in_order(family: Family):
    made = donation(family, D.COLLECTED)
    for field, changes in (
        ("received_at", {"received_at": made.ended_at - timedelta(seconds=1)}),
        ("received_at", {"received_at": clock.now() + timedelta(minutes=1)}),
        ("highest_c", {"highest_c": Decimal("3.0"), "lowest_c": Decimal("4.0")}),
        ("label", {"label": "nonsense"}),
    ):
        with pytest.raises(Invalid) as error:
            actions.receive(made, by=BRUNO, **({"label": None} | RECEIPT | changes))
        assert set(error.value.faults) == {field}


def test_quality_assurance_rejects_with_a_signature_and_a_reason(family: Family):
    for state in (D.RECEIVED, D.QUARANTINED):
        made = donation(family, state)
        with pytest.raises(Invalid):
            sign(actions.reject, made, ANA)
        sign(actions.reject, made, ANA, reason="the container leaked")
        assert made.state is D.REJECTED


# --- gate and fact -----------------------------------------------------------------------------------------


def happened(of: Any, *signers: Any, **changes: Any) -> Donation:
    return sign(
        actions.record_as_happened, None, *signers, reason="taken at night, the verdict was forgotten",
        source_document="Theatre log 2026-14", **taken(of, **changes),
    )  # fmt: skip


@pytest.mark.db
def test_marrow_taken_past_the_gate_is_recorded_with_a_critical_deviation(family: Family):
    made = happened(assessment(family, A.TESTED), LUCIE, EVA)
    assert (made.as_happened, made.source_document) == (True, "Theatre log 2026-14")
    deviation = session.scalars(select(Deviation)).one()
    assert deviation.severity is Severity.CRITICAL
    assert made.code in {subject.code for subject in deviation.subjects}
    assert "declared eligible" in deviation.description
    assert unacceptable(made) == "collection.not_determined"


def test_two_people_sign_for_what_happened(family: Family):
    made = assessment(family, A.TESTED)
    with pytest.raises(Refused, match="signature.same_person"):
        happened(made, LUCIE, LUCIE)
    assert session.scalars(select(Donation)).all() == []
    assert session.scalars(select(Deviation)).all() == []


def test_what_happened_still_needs_a_true_number_and_a_consent_on_record(family: Family):
    with pytest.raises(Invalid):
        happened(assessment(family, A.TESTED), LUCIE, EVA, din="=A99992600000106")
    with refused("collection.no_consent_in_force"):
        happened(assessment(family, A.DRAFT), LUCIE, EVA)


def test_every_gate_that_was_passed_is_named(family: Family):
    made = assessment(family)
    family_actions.withdraw_consent(made.consent, by=LUCIE, reason="changed her mind")
    early = clock.now() - timedelta(days=90)
    done = happened(made, LUCIE, EVA, started_at=early, ended_at=early)
    written = session.scalars(select(Deviation)).one().description
    for words in ("declared eligible", "not in force", "was given on"):
        assert words in written
    assert unacceptable(done) == "collection.consent_withdrawn"
