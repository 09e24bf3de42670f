"""A batch is planned for one relative, started once everything stands, and frozen in what it is made of."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from mscbank.batch import actions, registry
from mscbank.batch.gates import Fill
from mscbank.batch.models import Batch
from mscbank.batch.states import BatchState as B
from mscbank.collection import actions as collection_actions
from mscbank.collection.panel import Marker, Outcome
from mscbank.collection.states import AssessmentState, DonationState
from mscbank.collection.windows import Profile
from mscbank.core import clock, db
from mscbank.core.access import Role
from mscbank.core.acts import Action
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.core.record import ActTouch, Record
from mscbank.family import actions as family_actions
from mscbank.family.models import Recipient
from mscbank.family.words import Relation
from mscbank.study import actions as study_actions
from mscbank.study.states import SpecificationState
from tests import make_collection, make_family, make_study
from tests.batch.conftest import from_here
from tests.make_batch import grow
from tests.make_family import Family
from tests.people import ANA, BRUNO, EVA, LUCIE, MARTA, QUITERIA, TOMAS, sign


def refused(code: str):
    return pytest.raises(Refused, match=code)


def plan(**changes) -> Batch:
    return actions.plan(by=BRUNO, **from_here(**changes))


# --- planning ----------------------------------------------------------------------------------------------


@pytest.mark.db
def test_a_batch_is_planned_from_accepted_marrow_for_a_verified_relative(accepted: Family):
    made = plan()
    assert (made.state, made.planned_by, made.link.code) == (B.PLANNED, "bruno", accepted.link.code)
    assert made.called == made.code
    told = session.scalars(
        select(ActTouch.code).join(Record, Record.act == ActTouch.act).where(Record.action == "batch.plan")
    ).all()
    assert set(told) == {made.code, made.donation.code, accepted.recipient.code}


@pytest.mark.parametrize(
    "state", [DonationState.COLLECTED, DonationState.RECEIVED, DonationState.QUARANTINED]
)
def test_marrow_that_the_laboratory_has_not_accepted_is_no_start(accepted: Family, state: DonationState):
    with refused("batch.donation_not_accepted"):
        plan(donation=make_collection.donation(accepted, state))


def test_invariant_14_nobody_outside_the_family_gets_a_batch(accepted: Family):
    stranger = make_family.recipient()
    with refused("batch.link_not_verified"):
        plan(directed_to=stranger)
    make_family.link(accepted.donor, stranger, Relation.HALF_SIBLING, state=None)
    with refused("batch.link_not_verified"):
        plan(directed_to=stranger)


def test_invariant_14_the_donors_consent_names_the_relative(accepted: Family):
    other = make_family.recipient()
    make_family.link(accepted.donor, other, Relation.HALF_SIBLING)
    with refused("family.no_donor_consent"):
        plan(directed_to=other)
    make_family.donor_consent(accepted.donor, other)
    with refused("family.no_recipient_consent"):
        plan(directed_to=other)
    make_family.recipient_consent(other)
    assert plan(directed_to=other).directed_to.code == other.code


def test_who_left_the_study_gets_no_batch(accepted: Family):
    family_actions.exclude(accepted.recipient, by=MARTA, reason="an exclusion was found")
    with refused("batch.recipient_left"):
        plan()


def test_a_permission_for_one_relative_is_no_permission_for_another(accepted: Family):
    permitted = make_collection.assessment(
        accepted, AssessmentState.PERMITTED_DIRECTED, profile=Profile.FDA_MARROW,
        outcomes={Marker.HCV_NAT: Outcome.REACTIVE},
    )  # fmt: skip
    marrow = make_collection.donation(permitted)
    other = make_family.recipient()
    make_family.link(accepted.donor, other, Relation.HALF_SIBLING)
    make_family.donor_consent(accepted.donor, other)
    make_family.recipient_consent(other)
    with refused("batch.permitted_for_another"):
        plan(donation=marrow, directed_to=other)


@pytest.mark.parametrize("state", [SpecificationState.DRAFT, SpecificationState.RETIRED])
def test_only_an_approved_specification_of_the_same_protocol(accepted: Family, state: SpecificationState):
    with refused("batch.specification_not_approved"):
        plan(specification=make_study.specification(accepted.protocol, state, name="Other"))
    with refused("batch.other_protocol"):
        plan(specification=make_study.specification())


def test_another_edition_may_be_chosen_before_the_start_and_not_after(accepted: Family):
    made = plan()
    other = make_study.specification(accepted.protocol, name="Other")
    actions.replan(made, by=BRUNO, reason="the new panel counts", specification=other)
    assert made.specification.code == other.code
    actions.start(made, by=BRUNO)
    with refused("batch.not_planned"):
        actions.replan(made, by=BRUNO, reason="the old one after all", specification=other)


# --- the start ---------------------------------------------------------------------------------------------


@pytest.mark.db
def test_the_start_keeps_who_when_and_by_which_specification(accepted: Family):
    made = plan()
    actions.start(made, by=TOMAS)
    assert (made.state, made.started_by) == (B.IN_CULTURE, "tomas")
    note = session.scalars(select(Record.body).where(Record.action == "batch.start")).one()
    assert made.specification.called in note


@pytest.mark.parametrize(
    ("upset", "code"),
    [
        (
            lambda who, b: collection_actions.open_lookback(
                b.donation.assessment, by=EVA, reason="the donor fell ill"
            ),
            "collection.not_determined",
        ),
        (
            lambda who, b: family_actions.withdraw_consent(
                b.donation.consent, by=LUCIE, reason="changed her mind"
            ),
            "collection.consent_withdrawn",
        ),
        (
            lambda who, b: study_actions.retire(b.specification, by=ANA, reason="a new edition came"),
            "batch.specification_not_approved",
        ),
        (
            lambda who, b: sign(study_actions.close_protocol, b.protocol, EVA, reason="the study is over"),
            "batch.protocol_not_open",
        ),
        (
            lambda who, b: family_actions.refute(b.link, by=EVA, reason="adopted, it turned out"),
            "batch.link_not_verified",
        ),
        (
            lambda who, b: family_actions.exclude(who.recipient, by=MARTA, reason="an exclusion was found"),
            "batch.recipient_left",
        ),
    ],
)
def test_invariant_9_what_fell_between_plan_and_start_stops_the_start(accepted: Family, upset, code: str):
    made = plan()
    upset(accepted, made)
    session.expire_all()
    with refused(code):
        actions.start(made, by=BRUNO)
    assert made.state is B.PLANNED


def test_with_the_american_rules_the_culture_starts_before_the_verdict(accepted: Family):
    waiting = make_collection.assessment(accepted, AssessmentState.CONSENTED, profile=Profile.FDA_MARROW)
    made = plan(donation=make_collection.donation(waiting))
    actions.start(made, by=BRUNO)
    assert made.state is B.IN_CULTURE


def test_a_culture_begins_after_the_marrow_was_taken_and_not_in_the_future(accepted: Family):
    made = plan()
    for wrong in (made.donation.ended_at - timedelta(seconds=1), clock.now() + timedelta(minutes=5)):
        with pytest.raises(Invalid) as error:
            actions.start(made, by=BRUNO, started_at=wrong)
        assert set(error.value.faults) == {"started_at"}
    actions.start(made, by=BRUNO, started_at=made.donation.ended_at)


@pytest.mark.db
@pytest.mark.parametrize("column", ["donation_id", "specification_id", "protocol_id"])
def test_invariant_10_what_a_started_batch_is_made_of_is_frozen_in_the_database(culture: Batch, column: str):
    with pytest.raises(DBAPIError, match="frozen|another donor"), as_owner() as connection:
        connection.execute(text(f"UPDATE batch SET {column} = {column} + 1"))


@pytest.mark.db
def test_invariant_14_the_database_keeps_link_and_relative_together(culture: Batch):
    other = make_family.recipient()
    with pytest.raises(DBAPIError, match="another recipient"), as_owner() as connection:
        connection.execute(text(f"UPDATE batch SET directed_to_id = {other.id}"))


def as_owner():
    """A connection past the guard of the session, as a stray script would have it."""
    session.rollback()

    class Opened:
        def __enter__(self):
            self.begun = db.engines().write.begin()
            connection = self.begun.__enter__()
            self.permit = db.permitted(connection)
            self.permit.__enter__()
            return connection

        def __exit__(self, *error):
            self.permit.__exit__(*error)
            return self.begun.__exit__(*error)

    return Opened()


# --- re-direction ------------------------------------------------------------------------------------------


def _redirect(batch: Batch, *, by, reason, recipient: Recipient) -> None:
    actions.redirect(batch, by=by, reason=reason, recipient=recipient)


redirect_within = Action(
    name="test.redirect",
    body=_redirect,
    role=(Role.QP,),
    kind="batch",
    reason=True,
    locks=lambda batch, *, recipient: [recipient],
)
"""It stands for the bigger act of the allocation, of which a re-direction is a step."""


def test_invariant_14_a_redirection_is_only_part_of_a_bigger_act(culture: Batch):
    with pytest.raises(NotAllowed):
        actions.redirect(culture, by=QUITERIA, reason="the first one died", recipient=culture.directed_to)


def test_invariant_14_a_redirection_stays_in_the_family(culture: Batch):
    other = make_family.recipient()
    for prepare, code in (
        (lambda: None, "batch.link_not_verified"),
        (
            lambda: make_family.link(culture.donation.donor, other, Relation.HALF_SIBLING),
            "family.no_donor_consent",
        ),
        (lambda: make_family.donor_consent(culture.donation.donor, other), "family.no_recipient_consent"),
    ):
        prepare()
        with refused(code):
            redirect_within(culture, by=QUITERIA, reason="the first one died", recipient=other)
    make_family.recipient_consent(other)
    first = culture.directed_to
    redirect_within(culture, by=QUITERIA, reason="the first one died", recipient=other)
    assert (culture.directed_to.code, culture.link.recipient.code) == (other.code, other.code)
    act = session.scalar(select(Record.act).where(Record.action == "batch.redirect"))
    touched = session.scalars(select(ActTouch.code).where(ActTouch.act == act)).all()
    assert {first.code, other.code, culture.code, culture.donation.code} <= set(touched)
    with refused("batch.same_recipient"):
        redirect_within(culture, by=QUITERIA, reason="the first one died", recipient=other)


def test_what_was_given_up_is_directed_to_nobody(culture: Batch):
    sign(actions.abandon, culture, ANA, reason="contaminated")
    with refused("batch.over"):
        redirect_within(culture, by=QUITERIA, reason="the first one died", recipient=culture.directed_to)


# --- the ends ----------------------------------------------------------------------------------------------


def test_a_plan_is_cancelled_and_a_culture_abandoned_with_reasons(accepted: Family):
    made = plan()
    actions.cancel(made, by=BRUNO, reason="the donor fell ill")
    assert (made.state, made.ended_because) == (B.CANCELLED, "the donor fell ill")
    with refused("lifecycle.wrong_state"):
        actions.start(made, by=BRUNO)
    other = plan()
    actions.start(other, by=BRUNO)
    with pytest.raises(NotAllowed):
        sign(actions.abandon, other, BRUNO, reason="contaminated")
    sign(actions.abandon, other, ANA, reason="contaminated at P1")
    assert other.state is B.ABANDONED


def test_invariant_7_the_fill_closes_at_zero_difference_and_not_empty(
    harvested: Batch, monkeypatch: pytest.MonkeyPatch
):
    counted = {"fill": Fill(0, 0)}
    monkeypatch.setattr(registry, "_fills", [lambda batches: {b.id: counted["fill"] for b in batches}])
    with refused("batch.nothing_filled"):
        actions.cryopreserve(harvested, by=BRUNO)
    counted["fill"] = Fill(24, 1)
    with refused("batch.fill_differs") as error:
        actions.cryopreserve(harvested, by=BRUNO)
    assert "24 vials filled, 1 not accounted for" in error.value.sentence
    counted["fill"] = Fill(24, 0)
    actions.cryopreserve(harvested, by=BRUNO)
    assert (harvested.state, harvested.frozen_by) == (B.CRYOPRESERVED, "bruno")


def test_nothing_counts_as_filled_while_nobody_says_so(harvested: Batch, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registry, "_fills", [])
    assert registry.fills([harvested]) == {harvested.id: Fill(0, 0)}


def test_who_worked_on_a_batch_is_known_also_from_later_steps(
    culture: Batch, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(registry, "_workers", [lambda batch: {"custodian"}])
    grow(culture)
    assert culture.executors() == {"bruno", "tomas"}
    assert registry.executors(culture) == {"bruno", "tomas", "custodian"}
