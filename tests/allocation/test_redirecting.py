"""A batch goes only to its own relative; inside the family it may be re-directed (invariant 14)."""

import pytest

from mscbank.allocation import actions, facts
from mscbank.allocation.states import State
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.family.states import LinkState
from mscbank.family.words import Relation
from tests import make_allocation, make_family
from tests.people import ANA, MARTA, PAULA, QUITERIA, sign

pytestmark = pytest.mark.db

REVIEW = {"serostatus_review": "markers of the donor reviewed, CMV of the recipient positive"}
WHY = "the first patient has died"


def refusal(code: str, does, *args, **kw):
    with pytest.raises(Refused) as refused:
        does(*args, **kw)
    assert refused.value.code == code, refused.value


def relative(batch, *, verified: bool = True, consented: bool = True):
    """Another relative of the donor, enrolled in the same study."""
    person = make_family.enrolled(batch.protocol)
    donor = batch.donation.donor
    state = LinkState.VERIFIED if verified else LinkState.CLAIMED
    make_family.link(donor, person, Relation.PARENT, state=state)
    if consented:
        make_family.donor_consent(donor, person)
    return person


def prescribed_for(batch, person):
    a = make_allocation.draft(batch, recipient=person)
    sign(actions.prescribe, a, MARTA)
    return a


def test_invariant_14_link_prescription_and_the_qualified_person_redirect_a_batch(stocked):
    a = prescribed_for(stocked, relative(stocked))
    refusal("allocation.other_patient", sign, actions.verify, a, PAULA)
    sign(actions.redirect, a, QUITERIA, reason=WHY, **REVIEW)
    session.expire_all()
    assert stocked.directed_to_id == a.recipient_id
    sign(actions.verify_and_reserve, a, PAULA)
    assert a.state is State.RESERVED


def test_invariant_14_without_a_verified_link_it_is_refused(stocked):
    a = prescribed_for(stocked, relative(stocked, verified=False))
    with pytest.raises(Refused):
        sign(actions.redirect, a, QUITERIA, reason=WHY, **REVIEW)
    session.expire_all()
    assert stocked.directed_to_id != a.recipient_id


def test_invariant_14_outside_the_family_it_is_refused(stocked):
    stranger = make_family.family(stocked.protocol).recipient
    a = prescribed_for(stocked, stranger)
    with pytest.raises(Refused):
        sign(actions.redirect, a, QUITERIA, reason=WHY, **REVIEW)


def test_invariant_14_without_the_donor_naming_the_relative_it_is_refused(stocked):
    a = prescribed_for(stocked, relative(stocked, consented=False))
    with pytest.raises(Refused):
        sign(actions.redirect, a, QUITERIA, reason=WHY, **REVIEW)


def test_a_new_prescription_comes_first(stocked):
    a = make_allocation.draft(stocked, recipient=relative(stocked))
    refusal("allocation.redirect_unprescribed", sign, actions.redirect, a, QUITERIA, reason=WHY, **REVIEW)


def test_what_is_held_for_the_first_patient_is_freed_first(stocked):
    first = make_allocation.allocation(State.RESERVED, stocked)
    a = prescribed_for(stocked, relative(stocked))
    refusal("allocation.redirect_held", sign, actions.redirect, a, QUITERIA, reason=WHY, **REVIEW)
    actions.cancel(first, by=PAULA, reason=WHY)
    sign(actions.redirect, a, QUITERIA, reason=WHY, **REVIEW)


def test_a_batch_is_not_redirected_to_whom_it_is_directed(stocked):
    a = make_allocation.allocation(State.PRESCRIBED, stocked)
    refusal("allocation.redirect_nothing", sign, actions.redirect, a, QUITERIA, reason=WHY, **REVIEW)


@pytest.mark.parametrize("by", [MARTA, PAULA, ANA])
def test_only_the_qualified_person_decides_with_a_reason(stocked, by):
    a = prescribed_for(stocked, relative(stocked))
    with pytest.raises(NotAllowed):
        sign(actions.redirect, a, by, reason=WHY, **REVIEW)
    with pytest.raises(Invalid):
        sign(actions.redirect, a, QUITERIA, **REVIEW)


def test_invariant_14_vials_of_another_patient_are_never_proposed(stocked):
    a = make_allocation.allocation(State.DRAFT, stocked, recipient=relative(stocked))
    assert facts.worked(a) is None
