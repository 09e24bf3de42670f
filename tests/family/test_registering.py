"""Donors and recipients: sealed on their way in, found without being opened, each reading recorded."""

from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from mscbank.core import codes, record, sealed
from mscbank.core.canonical import digest
from mscbank.core.db import session
from mscbank.core.errors import Invalid, NotAllowed, Refused
from mscbank.family import actions, identifiers, rules
from mscbank.family.models import Donor, Recipient
from mscbank.family.registering import today
from mscbank.family.words import Sex
from tests import make_family
from tests.people import ADA, ANA, BRUNO, EVA, LUCIE, NINA, OTTO, SAM, person

pytestmark = pytest.mark.usefixtures("bank")

WHO = {
    "family_name": "Dvořák", "given_name": "Zoë", "born_on": date(1980, 5, 17), "sex": Sex.FEMALE,
}  # fmt: skip


def years_ago(years: int, days: int = 0) -> date:
    now = today()
    return date(now.year - years, now.month, min(now.day, 28)) + timedelta(days=days)


class TestRegister:
    @pytest.mark.db
    def test_invariant_24_names_are_sealed_at_rest(self):
        donor = make_family.donor(**WHO)
        make_family.recipient(**WHO | {"given_name": "Odile"}, wristband="IPP-778812")
        for table in ("donor", "recipient", "record", "act_touch", "idempotency", "person_key"):
            rows = session.execute(text(f"SELECT * FROM {table}")).all()
            for hidden in ("Dvo", "Zoë", "Odile", "1980-05-17", "778812"):
                assert not any(hidden in str(row) for row in rows), (table, hidden)
        assert donor.code[0] == "D"

    @pytest.mark.db
    def test_invariant_24_reading_is_recorded_before_it_is_shown(self):
        donor = make_family.donor(**WHO)
        found = rules.identities([donor], by=LUCIE, purpose="to call her")[donor.code]
        assert found == {
            "family_name": "Dvořák", "given_name": "Zoë", "born_on": date(1980, 5, 17),
            "hospital_number": None,
        }  # fmt: skip
        read = session.scalars(record.history("donor", donor.code)).first()
        assert (read.action, read.actor_login, read.chain_kind) == ("core.read_identity", "lucie", "person")
        assert "to call her" in read.body

    def test_invariant_24_some_roles_see_codes_only(self):
        donor = make_family.donor()
        for who in (ADA, SAM, person("spo", "Spo Nsor", *[])):
            with pytest.raises(NotAllowed):
                rules.identities([donor], by=who, purpose="curiosity")

    def test_nobody_asked_nothing_read(self):
        assert rules.identities([], by=LUCIE, purpose="none") == {}

    @pytest.mark.parametrize(("years", "days", "passes"), [(18, 0, True), (18, 1, False), (17, 0, False)])
    def test_a_donor_is_an_adult(self, years: int, days: int, passes: bool):
        if passes:
            assert make_family.donor(born_on=years_ago(years, days))
            return
        with pytest.raises(Refused, match=r"family\.donor_too_young"):
            make_family.donor(born_on=years_ago(years, days))

    def test_a_recipient_may_be_a_child(self):
        assert make_family.recipient(born_on=years_ago(6))

    @pytest.mark.parametrize("shift", [1, -125 * 366])
    def test_birth_dates_are_possible(self, shift: int):
        with pytest.raises(Invalid) as refused:
            make_family.recipient(born_on=today() + timedelta(days=shift))
        assert list(refused.value.faults) == ["born_on"]

    def test_the_same_person_twice_is_noticed(self):
        first = make_family.donor(**WHO)
        with pytest.raises(Refused, match=r"family\.already_registered") as refused:
            make_family.donor(**WHO | {"family_name": "DVORAK"})
        assert first.code in refused.value.sentence
        assert make_family.donor(**WHO, is_another=True).code != first.code

    def test_somebody_may_be_donor_here_and_recipient_there(self):
        make_family.donor(**WHO)
        assert make_family.recipient(**WHO)

    @pytest.mark.parametrize("who", [BRUNO, ANA, NINA, OTTO, ADA, SAM])
    def test_not_everybody_registers(self, who: Any):
        with pytest.raises(NotAllowed):
            make_family.donor(by=who)


class TestWristband:
    def test_it_leads_to_its_recipient(self):
        person = make_family.recipient(wristband="IPP-0042")
        assert identifiers.by_wristband("ipp 0042") is person
        assert identifiers.by_wristband("IPP-0043") is None
        assert identifiers.by_wristband("--") is None

    @pytest.mark.db
    def test_it_belongs_to_one(self):
        make_family.recipient(wristband="IPP-0042")
        with pytest.raises(Refused, match=r"family\.wristband_taken"):
            make_family.recipient(wristband="IPP-0042")

    def test_another_one_needs_a_reason(self):
        person = make_family.recipient(wristband=None)
        actions.assign_wristband(person, by=NINA, wristband="IPP-1")
        with pytest.raises(Invalid):
            actions.assign_wristband(person, by=NINA, wristband="IPP-2")
        actions.assign_wristband(person, by=NINA, wristband="IPP-2", reason="torn in the shower")
        assert identifiers.by_wristband("IPP-2") is person
        assert identifiers.by_wristband("IPP-1") is None

    @pytest.mark.parametrize("text", ["-", "  .", "/"])
    def test_an_empty_one_is_refused(self, text: str):
        with pytest.raises(Invalid):
            make_family.recipient(wristband=text)


class TestCorrect:
    @pytest.mark.db
    def test_what_was_wrong_is_sealed_anew(self):
        donor = make_family.donor(**WHO)
        before = donor.family_name
        actions.correct_donor(donor, by=LUCIE, reason="typed wrongly", family_name="Dvořáková")
        assert donor.family_name != before
        found = rules.identities([donor], by=LUCIE, purpose="check")[donor.code]
        assert (found["family_name"], found["given_name"]) == ("Dvořáková", "Zoë")
        assert rules.by_name(Donor, "dvorakova") == [donor]
        assert rules.by_name(Donor, "Dvořák") == []

    def test_what_was_right_stays_as_it_was(self):
        donor = make_family.donor(**WHO)
        before = donor.given_name
        actions.correct_donor(donor, by=LUCIE, reason="typed wrongly", sex=Sex.MALE)
        assert donor.sex is Sex.MALE
        assert donor.given_name == before

    def test_a_reason_is_needed(self):
        with pytest.raises(Invalid):
            actions.correct_donor(make_family.donor(), by=LUCIE, family_name="X")

    def test_a_donor_does_not_become_a_child(self):
        with pytest.raises(Refused, match=r"family\.donor_too_young"):
            actions.correct_donor(make_family.donor(), by=LUCIE, reason="typed wrongly", born_on=years_ago(9))

    def test_nor_somebody_else_who_is_registered(self):
        make_family.recipient(**WHO)
        other = make_family.recipient(**WHO | {"given_name": "Odile"})
        with pytest.raises(Refused, match=r"family\.already_registered"):
            actions.correct_recipient(other, by=LUCIE, reason="typed wrongly", given_name="Zoë")

    def test_protection_is_said_apart(self):
        donor = make_family.donor()
        actions.set_protection(donor, by=EVA, reason="court order seen", is_under_protection=True)
        assert donor.is_under_protection


class TestFind:
    @pytest.mark.db
    def test_by_the_exact_name(self):
        donor = make_family.donor(**WHO)
        make_family.donor()
        for name in ("Dvořák", "dvorak", " DVORAK "):
            assert rules.find_people(Donor, by=LUCIE, family_name=name) == [donor]
        assert rules.find_people(Donor, by=LUCIE, family_name="Dvo") == []
        assert rules.find_people(Recipient, by=LUCIE, family_name="Dvořák") == []

    def test_by_both_names(self):
        donor = make_family.donor(**WHO)
        assert rules.find_people(Donor, by=LUCIE, family_name="Dvořák", given_name="Zoe") == [donor]
        assert rules.find_people(Donor, by=LUCIE, family_name="Dvořák", given_name="Odile") == []

    def test_invariant_24_that_somebody_looked_is_recorded(self):
        donor = make_family.donor(**WHO)
        rules.find_people(Donor, by=LUCIE, family_name="Dvořák")
        assert session.scalars(record.history("donor", donor.code)).first().action == "core.read_identity"

    def test_only_in_sight_and_only_for_who_sees_names(self):
        make_family.donor(**WHO, site="LYON")
        near = person("bea", "Bea Lind", *LUCIE.roles, site="PARIS")
        assert rules.find_people(Donor, by=near, family_name="Dvořák") == []
        with pytest.raises(NotAllowed):
            rules.find_people(Donor, by=ADA, family_name="Dvořák")


def test_a_destroyed_key_leaves_no_name():
    donor = make_family.donor(**WHO)
    envelope = donor.family_name
    assert sealed._open(None, ("donor", donor.code), "family_name", envelope) is None


def test_an_envelope_opens_only_for_its_person_and_field():
    donor, other = make_family.donor(**WHO), make_family.donor()
    wanted = [
        (("donor", donor.code), "given_name", donor.family_name),
        (("donor", other.code), "born_on", donor.born_on),
    ]
    assert set(sealed.reveal(wanted, by=LUCIE, purpose="test").values()) == {None}


def test_a_scanned_wristband_is_asked_of_the_family():
    codes.wristband_resolves(identifiers.by_wristband)
    person = make_family.recipient(wristband="IPP-0042")
    assert codes.by_wristband("IPP-0042") is person


@pytest.mark.db
def test_invariant_24_what_can_be_destroyed_stands_nowhere_else():
    """A destroyed key is gone: the record holds a digest of it, and of the hashes of names nothing at all."""
    donor = make_family.donor(**WHO)
    key = session.query(sealed.PersonKey).filter_by(person_code=donor.code).one()
    body = session.scalars(record.history("donor", donor.code)).first().body
    for hidden in (key.wrapped, donor.name_blind, donor.family_blind, donor.birth_blind):
        assert hidden not in body
        assert digest(str(hidden)) not in body or hidden == key.wrapped
    assert body.count("digest:") == 1
    assert body.count('"untold"') == 3
