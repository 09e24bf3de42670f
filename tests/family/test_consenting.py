"""Consents: who gave what for whom, and their withdrawal, heard at once."""

from datetime import date, timedelta

import pytest

from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.family import actions, rules
from mscbank.family.registering import today
from mscbank.family.rules import DONOR_NEEDS
from mscbank.family.states import ConsentState
from mscbank.family.words import ConsentItem
from tests import attack, make_family
from tests.people import BRUNO, EVA, LUCIE

pytestmark = pytest.mark.usefixtures("bank")


class TestDonor:
    @pytest.mark.db
    def test_it_names_the_relative(self):
        donor, recipient, other = make_family.donor(), make_family.recipient(), make_family.recipient()
        made = make_family.donor_consent(donor, recipient)
        assert made.person is donor
        assert set(made.items) == DONOR_NEEDS
        assert rules.consent_in_force([donor.id]) == {donor.id}
        assert rules.consent_in_force([donor.id], recipient_id=recipient.id) == {donor.id}
        assert rules.consent_in_force([donor.id], recipient_id=other.id) == set()

    @pytest.mark.parametrize("missing", sorted(DONOR_NEEDS - {ConsentItem.NAMED_RELATIVE}))
    def test_it_covers_all_that_is_needed(self, missing: ConsentItem):
        donor, recipient = make_family.donor(), make_family.recipient()
        make_family.donor_consent(donor, recipient, items=sorted(DONOR_NEEDS - {missing}))
        assert rules.consent_in_force([donor.id]) == set()

    def test_a_relative_and_the_item_belong_together(self):
        donor, recipient = make_family.donor(), make_family.recipient()
        for changes in ({"items": [ConsentItem.TESTING]}, {"names_recipient": None}):
            with pytest.raises(Invalid):
                make_family.donor_consent(donor, recipient, **changes)

    def test_without_a_relative_it_covers_only_itself(self):
        donor, recipient = make_family.donor(), make_family.recipient()
        items = [ConsentItem.TESTING]
        make_family.donor_consent(donor, recipient, items=items, names_recipient=None)
        assert rules.consent_in_force([donor.id]) == set()

    def test_a_protected_adult_gives_none(self):
        donor = make_family.donor(is_under_protection=True)
        with pytest.raises(Refused, match=r"family\.under_protection"):
            make_family.donor_consent(donor, make_family.recipient())

    def test_the_donor_was_an_adult_that_day(self):
        now = today()
        donor = make_family.donor(born_on=date(now.year - 19, 1, 1))
        with pytest.raises(Refused, match=r"family\.donor_too_young"):
            make_family.donor_consent(donor, make_family.recipient(), given_on=date(now.year - 2, 1, 1))

    def test_it_is_not_signed_tomorrow(self):
        with pytest.raises(Invalid):
            make_family.donor_consent(
                make_family.donor(), make_family.recipient(), given_on=today() + timedelta(days=1)
            )

    def test_it_covers_something(self):
        with pytest.raises(Invalid):
            make_family.recipient_consent(make_family.recipient(), items=[])

    def test_the_same_item_twice_counts_once(self):
        items = [ConsentItem.TESTING, ConsentItem.TESTING]
        made = make_family.recipient_consent(make_family.recipient(), items=items)
        assert made.items == [ConsentItem.TESTING]

    def test_not_everybody_records_consents(self):
        with pytest.raises(NotAllowed):
            actions.record_recipient_consent(
                by=BRUNO, recipient=make_family.recipient(), form_version="R-2", given_on=today(),
                items=[ConsentItem.INFUSION], authority="x",
            )  # fmt: skip


@pytest.mark.db
class TestWithdraw:
    def test_it_ends_at_once_and_everybody_hears(self, monkeypatch: pytest.MonkeyPatch):
        donor, recipient = make_family.donor(), make_family.recipient()
        made = make_family.donor_consent(donor, recipient)
        told = attack.heard(monkeypatch, "consent.withdrawn")
        actions.withdraw_consent(made, by=LUCIE, reason="she telephoned")
        assert made.state is ConsentState.WITHDRAWN
        assert (made.withdrawn_on, made.withdrawn_recorded_by) == (today(), "lucie")
        assert rules.consent_in_force([donor.id]) == set()
        assert told == [
            {
                "touched": [("donor", donor.code)], "consent": made.code, "named": recipient.code,
                "why": "she telephoned",
            }
        ]  # fmt: skip

    def test_of_a_recipient(self, monkeypatch: pytest.MonkeyPatch):
        recipient = make_family.recipient()
        made = make_family.recipient_consent(recipient)
        told = attack.heard(monkeypatch, "consent.withdrawn")
        actions.withdraw_consent(made, by=EVA, reason="he wrote a letter")
        assert told[0]["touched"] == [("recipient", recipient.code)]
        assert told[0]["named"] is None
        assert rules.recipient_consents([recipient.id]) == {}

    def test_another_consent_still_holds(self):
        donor, recipient = make_family.donor(), make_family.recipient()
        made, _ = (make_family.donor_consent(donor, recipient) for _ in range(2))
        actions.withdraw_consent(made, by=LUCIE, reason="replaced by a newer form")
        assert rules.consent_in_force([donor.id], recipient_id=recipient.id) == {donor.id}

    @pytest.mark.parametrize("shift", [-40, 1])
    def test_after_it_was_given_and_not_in_the_future(self, shift: int):
        made = make_family.recipient_consent(make_family.recipient(), given_on=today() - timedelta(days=30))
        with pytest.raises(Invalid):
            actions.withdraw_consent(
                made, by=LUCIE, reason="she telephoned", withdrawn_on=today() + timedelta(days=shift)
            )
        actions.withdraw_consent(
            made, by=LUCIE, reason="she telephoned", withdrawn_on=today() - timedelta(days=30)
        )

    def test_once_is_for_ever(self):
        made = make_family.recipient_consent(make_family.recipient())
        actions.withdraw_consent(made, by=LUCIE, reason="she telephoned")
        with pytest.raises(Refused, match=r"lifecycle\.wrong_state"):
            actions.withdraw_consent(made, by=LUCIE, reason="once more")
        attack.refused("UPDATE consent SET state = 'in_force', withdrawn_on = NULL", "no such move")

    def test_what_it_covered_is_not_rewritten(self):
        make_family.recipient_consent(make_family.recipient())
        attack.refused("UPDATE consent_cover SET item = 'testing'", "append-only|permission denied")
        attack.refused("DELETE FROM consent_cover", "append-only|permission denied")


class TestDirected:
    @pytest.mark.db
    def test_nothing_stands_in_the_way(self):
        found = make_family.family()
        pair = (found.donor, found.recipient)
        assert rules.directed_obstacles([pair]) == {(found.donor.id, found.recipient.id): None}

    @pytest.mark.parametrize("code", ["no_verified_link", "no_donor_consent", "no_recipient_consent"])
    def test_it_says_what_is_missing(self, code: str):
        found = make_family.family()
        if code == "no_verified_link":
            actions.refute(found.link, by=EVA, reason="forged papers")
        else:
            person = found.donor if code == "no_donor_consent" else found.recipient
            actions.withdraw_consent(person.consents[0], by=LUCIE, reason="said so by telephone")
        obstacle = rules.directed_obstacles([(found.donor, found.recipient)])[
            (found.donor.id, found.recipient.id)
        ]
        assert obstacle is not None
        assert obstacle.code == f"family.{code}"
