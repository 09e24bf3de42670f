"""Anonymising: not while anything asks who it was; then the key is gone, everywhere, and the record holds."""

import base64
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from mscbank.core import clock, jobs, record, sealed
from mscbank.core import verify as proof
from mscbank.core.access import Grant, Principal, Role
from mscbank.core.db import session
from mscbank.core.errors import NotAllowed, Refused
from mscbank.core.sealed import PersonKey
from mscbank.family import actions, identifiers, registry, rules
from mscbank.family.anonymising import Standing, kept_until, obstacle, stands_in_the_way, years_later
from mscbank.family.models import Donor, Recipient
from mscbank.staff import actions as staff
from tests import make_family
from tests.core.stuffed import as_owner
from tests.doors import Service
from tests.fixtures import Walked
from tests.people import ANA, BRUNO, EVA, LUCIE, MARTA, QUENTIN, sign

WHY = "asked in writing to be forgotten"
ON = date(2026, 3, 1)


def standing(**changes: Any) -> Standing:
    return Standing(
        **{
            "is_gone": False, "is_in_study": False, "consents_unused": False, "last_use": None,
            "left_trial_on": None,
        } | changes
    )  # fmt: skip


def excluded(**who: Any) -> Recipient:
    """Somebody who was registered, never enrolled, and is out of the study."""
    person = make_family.recipient(**who)
    actions.exclude(person, by=MARTA, reason="not the disease")
    return person


def anonymise(person: Any, second: Principal = ANA) -> None:
    does = actions.anonymise_donor if person.kind == "donor" else actions.anonymise_recipient
    sign(does, person, EVA, second, reason=WHY)


class TestRule:
    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({}, None),
            ({"is_gone": True}, "family.anonymised"),
            ({"is_in_study": True}, "family.still_in_study"),
            ({"consents_unused": True}, "family.still_consents"),
            ({"last_use": date(1996, 3, 1)}, "family.identity_is_kept"),
            ({"last_use": date(1996, 2, 29)}, "family.identity_is_kept"),
            ({"last_use": date(1996, 2, 28)}, None),
            ({"left_trial_on": date(2001, 3, 1)}, "family.identity_is_kept"),
            ({"left_trial_on": date(2001, 2, 28)}, None),
            ({"left_trial_on": date(1990, 1, 1), "last_use": date(2020, 1, 1)}, "family.identity_is_kept"),
        ],
    )
    def test_thirty_years_of_traceability_and_25_of_the_trial(self, changes: Any, code: str | None):
        found = obstacle(standing(**changes), ON, 30, 25)
        assert (found and found.code) == code

    def test_the_later_end_counts(self):
        both = standing(last_use=date(2020, 5, 1), left_trial_on=date(2026, 5, 1))
        assert kept_until(both, 30, 25) == date(2051, 5, 1)
        assert kept_until(standing(), 30, 25) is None
        assert years_later(date(2024, 2, 29), 1) == date(2025, 3, 1)


@pytest.mark.usefixtures("bank")
class TestAct:
    @pytest.mark.db
    def test_nothing_is_left_and_the_record_holds(self):
        person = excluded(family_name="Dvořák", given_name="Zoë", wristband="IPP-7", hospital_number="N-1")
        blinds = (person.name_blind, person.family_blind, person.birth_blind)
        anonymise(person)
        assert person.anonymised_at is not None
        (key,) = session.scalars(select(PersonKey).where(PersonKey.person_code == person.code))
        assert key.wrapped is None
        assert rules.identities([person], by=LUCIE, purpose="test")[person.code] == {
            "family_name": None, "given_name": None, "born_on": None, "hospital_number": None,
        }  # fmt: skip
        for found in (
            rules.find_people(Recipient, by=LUCIE, family_name="Dvořák"),
            rules.find_people(Recipient, by=LUCIE, hospital_number="N-1"),
            [one for one in [identifiers.by_wristband("IPP-7")] if one],
        ):
            assert found == []
        bodies = " ".join(row.body for row in session.scalars(select(record.Record)))
        assert not any(blind in bodies for blind in blinds)
        assert list(proof.findings()) == []

    def test_a_wristband_and_a_name_may_be_given_again(self):
        anonymise(excluded(family_name="Dvořák", given_name="Zoë", born_on=date(1980, 5, 17), wristband="W1"))
        other = make_family.recipient(
            family_name="Dvořák", given_name="Zoë", born_on=date(1980, 5, 17), wristband="W1"
        )
        assert identifiers.by_wristband("W1") is other

    def test_two_people_sign_and_the_second_is_qualified(self):
        person = excluded()
        with pytest.raises(Refused, match="signature"):
            anonymise(person, EVA)
        with pytest.raises(Refused, match=r"family\.second_not_qualified"):
            anonymise(person, BRUNO)
        with pytest.raises(NotAllowed):
            sign(actions.anonymise_recipient, person, ANA, QUENTIN, reason=WHY)
        assert person.anonymised_at is None

    def test_not_who_is_in_the_study(self):
        with pytest.raises(Refused, match=r"family\.still_in_study"):
            anonymise(make_family.recipient())

    def test_not_a_donor_who_consents(self):
        related = make_family.family()
        with pytest.raises(Refused, match=r"family\.still_consents"):
            anonymise(related.donor)

    def test_a_donor_who_never_gave(self):
        donor = make_family.donor(family_name="Dvořák")
        anonymise(donor)
        assert rules.by_name(Donor, "Dvořák") == []

    def test_who_was_enrolled_is_kept_for_the_trial(self):
        person = make_family.enrolled()
        actions.withdraw(person, by=MARTA, reason="changed her mind")
        with pytest.raises(Refused, match=r"family\.identity_is_kept"):
            anonymise(person)

    def test_nothing_is_entered_afterwards(self):
        person = excluded()
        anonymise(person)
        for again in (
            lambda: actions.assign_wristband(person, by=LUCIE, wristband="W2", reason="another"),
            lambda: actions.correct_recipient(person, by=LUCIE, reason="typed wrongly", given_name="X"),
            lambda: actions.number_recipient(person, by=LUCIE, hospital_number="N2", reason="another"),
            lambda: anonymise(person),
        ):
            with pytest.raises(Refused, match=r"family\.anonymised"):
                again()

    @pytest.mark.db
    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE recipient SET anonymised_at = NULL",
            "UPDATE recipient SET name_blind = 'x'",
            "UPDATE person_key SET wrapped = 'x', destroyed_at = NULL",
        ],
    )
    def test_it_is_for_good_in_the_database_too(self, database_url: str, statement: str):
        anonymise(excluded())
        session.rollback()
        owner = as_owner(database_url)
        with pytest.raises(DBAPIError), owner.begin() as connection:
            connection.execute(text(statement))
        owner.dispose()

    def test_no_copy_of_the_key_is_left_in_the_files(self, database_url: str):
        person = excluded()
        (key,) = session.scalars(select(PersonKey).where(PersonKey.person_code == person.code))
        wrapped = key.wrapped or ""
        assert wrapped.encode() in everything(database_url)
        anonymise(person)
        session.rollback()
        jobs.deliver_due()
        left = everything(database_url)
        for form in (wrapped.encode(), base64.b64decode(wrapped)):
            assert form not in left


def everything(url: str) -> bytes:
    """The bytes of an embedded database, its log included."""
    file = str(make_url(url).database)
    return b"".join(
        Path(file + end).read_bytes() for end in ("", "-wal", "-shm") if Path(file + end).exists()
    )


@pytest.mark.db
def test_who_gave_and_who_received_stay_known(infused: Walked):
    """Thirty years from the last expiry or infusion, whatever is asked for; then both may be forgotten."""
    donor, recipient = infused.first.donor, infused.first.recipient
    last = max(vial.expires_on for vial in infused.first.vials)
    assert registry.last_use("donor", [donor.code]) == {donor.code: last}
    assert registry.last_use("recipient", [recipient.code]) == {recipient.code: last}
    decides = Principal("eva", "Dr Eva Novák", frozenset({Grant(Role.RESPONSIBLE_PERSON)}))
    found = stands_in_the_way(donor, decides)
    assert found is not None
    assert (found.code, found.values["until"]) == (
        "family.identity_is_kept",
        years_later(last, 30).isoformat(),
    )
    assert (stands_in_the_way(recipient, decides) or found).code == "family.still_in_study"
    with clock.moved_to(clock.now() + timedelta(days=366 * 45)):
        assert stands_in_the_way(donor, decides) is None


@pytest.mark.usefixtures("bank")
class TestDoors:
    def test_the_page_says_anonymised_and_the_search_finds_nobody(self, service: Service):
        person = excluded(family_name="Dvořák")
        anonymise(person)
        code = person.code
        session.remove()
        caller = service.call(LUCIE)
        page = caller.page(f"/recipients/{code}")
        assert "anonymised" in page
        assert "Dvo" not in page
        found = caller.form("/recipients/find", family_name="Dvořák")
        assert "Nobody of this name" in found.text
        assert caller.read(f"recipients/{code}")["anonymised_at"]
        assert caller.read(f"recipients/{code}/identity")["family_name"] is None


INSPECTOR = Principal("ivo", "Ivo Kern", frozenset({Grant(Role.INSPECTOR)}))


@pytest.mark.usefixtures("bank")
class TestUnsealing:
    @pytest.mark.db
    def test_an_inspector_sees_a_name_only_after_an_act_with_a_reason(self):
        donor, other = make_family.donor(family_name="Dvořák"), make_family.donor()
        with pytest.raises(NotAllowed):
            rules.identities([donor], by=INSPECTOR, purpose="inspection")
        actions.unseal_donor(donor, by=INSPECTOR, reason="traceability exercise 4")
        found = rules.identities([donor], by=INSPECTOR, purpose="inspection")
        assert found[donor.code]["family_name"] == "Dvořák"
        with pytest.raises(NotAllowed):
            rules.identities([donor, other], by=INSPECTOR, purpose="inspection")
        other_inspector = Principal("iva", "Iva", frozenset({Grant(Role.INSPECTOR)}))
        with pytest.raises(NotAllowed):
            rules.identities([donor], by=other_inspector, purpose="inspection")
        rows = session.scalars(record.history("donor", donor.code)).all()
        assert [row.action for row in rows][:2] == ["core.read_identity", "donor.unseal"]

    def test_a_reason_is_needed_and_others_do_not_unseal(self):
        donor = make_family.donor()
        with pytest.raises(Refused):
            actions.unseal_donor(donor, by=INSPECTOR)
        with pytest.raises(NotAllowed):
            actions.unseal_donor(donor, by=ANA, reason="traceability exercise 4")

    def test_it_lasts_an_hour(self, service: Service):
        donor = make_family.donor(family_name="Dvořák")
        code = donor.code
        caller = service.call(INSPECTOR)
        assert "unseal it with a reason" in caller.page(f"/donors/{code}")
        assert caller.get(f"/api/v1/donors/{code}/identity").status_code == 403
        answer = caller.form(f"/donors/{code}/unseal", reason="traceability exercise 4")
        assert answer.status_code == 302, answer.text
        assert "DVOŘÁK" in caller.page(f"/donors/{code}")
        with clock.moved_to(clock.now() + timedelta(minutes=61)):
            assert "DVOŘÁK" not in caller.page(f"/donors/{code}")


@pytest.mark.usefixtures("bank")
class TestPurpose:
    def test_it_is_the_task_that_waits(self, service: Service):
        person = make_family.recipient()
        code = person.code
        session.remove()
        service.call(MARTA).page(f"/recipients/{code}")
        row = session.scalars(record.history("recipient", code)).first()
        assert row.action == "core.read_identity"
        assert '"purpose":"task: Examine for inclusion"' in row.body

    def test_without_a_task_it_is_the_work_of_the_reader(self, service: Service):
        donor = make_family.donor()
        code = donor.code
        session.remove()
        service.call(ANA).page(f"/donors/{code}")
        assert '"purpose":"page of the person, as quality assurance"' in (
            session.scalars(record.history("donor", code)).first().body
        )
        service.call(LUCIE).read(f"donors/{code}/identity")
        assert "asked over the API, as collection nurse" in (
            session.scalars(record.history("donor", code)).first().body
        )
        session.remove()


def site(code: str, **forms: str) -> str:
    made = staff.open_site(by=ADMIN, code=code, name=f"Hospital {code}", zone="Europe/Paris")
    sign(staff.set_formats, made, ANA, reason="as the hospital prints them", **forms)
    return code


ADMIN = Principal("ada", "Ada Moreau", frozenset({Grant(Role.ADMIN)}))


@pytest.mark.usefixtures("bank")
class TestSites:
    @pytest.mark.db
    def test_two_hospitals_may_give_the_same_number(self):
        site("LYON")
        site("PARIS")
        one = make_family.recipient(site="LYON", wristband="0042", hospital_number="777")
        two = make_family.recipient(site="PARIS", wristband="0042", hospital_number="777")
        near = Principal("bea", "Bea Lind", frozenset({Grant(Role.NURSE, "PARIS")}))
        assert identifiers.by_wristband("0042", near.sees) is two
        assert identifiers.by_wristband("0042") is None
        assert identifiers.wears(one, "00 42")
        assert not identifiers.wears(one, "0043")
        assert rules.find_people(Recipient, by=near, hospital_number="777") == [two]

    @pytest.mark.db
    def test_at_one_hospital_a_number_is_given_once(self):
        site("LYON")
        make_family.recipient(site="LYON", hospital_number="777")
        for make in (make_family.recipient, make_family.donor):
            with pytest.raises(Refused, match=r"family\.number_taken"):
                make(site="LYON", hospital_number="777")

    def test_it_has_the_form_of_its_site_when_it_is_entered_and_when_it_is_read(self):
        site("LYON", wristband_format="IPP-9999", hospital_number_format="A999")
        with pytest.raises(Refused) as refused:
            make_family.recipient(site="LYON", wristband="42")
        assert "IPP-9999" in str(refused.value.faults)
        with pytest.raises(Refused):
            make_family.recipient(site="LYON", hospital_number="42")
        person = make_family.recipient(site="LYON", wristband="ipp-0042", hospital_number="q042")
        assert identifiers.by_wristband("IPP-0042") is person
        assert identifiers.by_wristband("IPP0042") is None

    def test_another_number_needs_a_reason(self):
        person = make_family.recipient(hospital_number="1")
        with pytest.raises(Refused):
            actions.number_recipient(person, by=LUCIE, hospital_number="2")
        actions.number_recipient(person, by=LUCIE, hospital_number="2", reason="typed wrongly")
        assert rules.find_people(Recipient, by=LUCIE, hospital_number="2") == [person]

    def test_whoever_looks_says_for_what(self):
        with pytest.raises(Refused):
            rules.find_people(Recipient, by=LUCIE)


def test_hidden_values_are_random():
    assert sealed.nobody() != sealed.nobody()
