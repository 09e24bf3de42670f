"""The master key: two shares read back, another one taking over while people work, the yearly check."""

import base64
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from mscbank.core import clock, db, links, masters, record, sealed, shares
from mscbank.core import verify as proof
from mscbank.core.access import operator
from mscbank.core.db import engines, permitted, session
from mscbank.core.errors import NotAllowed, Refused
from mscbank.core.masters import MasterKey
from mscbank.core.sealed import PersonKey
from mscbank.family import identifiers, rules
from mscbank.family.models import Donor, Recipient
from mscbank.ops import keys as ceremonies
from mscbank.staff import keys, masks
from mscbank.staff.models import KeyCheck
from tests import attack, make_family, worlds
from tests.core.stuffed import as_owner
from tests.doors import Service
from tests.doors import service as service  # the fixture
from tests.people import ANA, EVA, LUCIE, NINA, sign

HOST = operator("root")
FIRST = worlds.MASTER_KEY

pytestmark = pytest.mark.usefixtures("bank")


def live(key: str = FIRST) -> MasterKey:
    """The key of the tests, in force."""
    return keys.introduce(by=HOST, secret=key, shares_read="1 3")


def other() -> str:
    return masters.new_key()


def name_of(donor: Donor) -> str:
    return rules.identities([donor], by=LUCIE, purpose="test")[donor.code]["family_name"]


def wrapped_by() -> set[str]:
    return set(session.scalars(select(PersonKey.master)))


class TestGoingLive:
    @pytest.mark.db
    def test_it_is_recorded_with_the_shares_that_were_read(self):
        made = live()
        assert (made.number, made.shares_read, made.finished_at) == (1, "1 3", made.introduced_at)
        row = session.scalars(record.history("master_key", made.code)).first()
        assert row.actor_login == "operator:root"
        assert FIRST not in row.body
        assert made.search not in row.body

    def test_not_without_two_shares_read_back(self):
        with pytest.raises(Refused, match=r"keys\.unread"):
            keys.introduce(by=HOST, secret=FIRST)

    def test_not_twice(self):
        live()
        with pytest.raises(Refused, match=r"keys\.stands"):
            live()

    @pytest.mark.parametrize("who", [EVA, ANA])
    def test_by_the_host_alone(self, who: Any):
        with pytest.raises(NotAllowed):
            keys.introduce(by=who, secret=FIRST, shares_read="1 2")

    def test_who_was_registered_before_is_still_found(self):
        donor = make_family.donor(family_name="Dvořák")
        live()
        assert name_of(donor) == "Dvořák"
        assert rules.by_name(Donor, "dvorak") == [donor]


class TestFit:
    def test_without_a_key_that_was_read_back_nothing_is_served(self):
        assert "keys init" in (keys.unfit() or "")
        live()
        assert keys.unfit() is None

    def test_another_key_is_named(self):
        live()
        make_family.donor()
        sealed.open_master(other())
        why = keys.unfit() or ""
        assert masters.fingerprint_of(masters.read_key(FIRST)) in why
        assert masters.fingerprint_of(masters.the_set()) in why

    def test_a_key_that_does_not_open_what_is_stored(self):
        live()
        donor = make_family.donor()
        with engines().write.begin() as connection, permitted(connection):
            connection.execute(
                update(PersonKey)
                .where(PersonKey.person_code == donor.code)
                .values(wrapped=masters.wrap(bytes(32), bytes(32), "else"))
            )
        session.rollback()
        assert donor.code in (keys.unfit() or "")

    def test_a_key_of_somebody_else_that_is_missing(self):
        live()
        donor = make_family.donor()
        with engines().write.begin() as connection, permitted(connection):
            connection.execute(
                update(PersonKey).where(PersonKey.person_code == donor.code).values(master="f" * 16)
            )
        session.rollback()
        assert "f" * 16 in (keys.unfit() or "")
        with pytest.raises(masters.Closed):
            name_of(donor)


@pytest.mark.db
class TestTakingOver:
    def test_everybody_is_read_and_found_throughout(self, monkeypatch: pytest.MonkeyPatch):
        """With either key, before, in the middle and after; whoever is registered meanwhile too."""
        monkeypatch.setattr(keys, "AT_ONCE", 1)
        live()
        people = [make_family.donor(family_name=f"Dvořák{n}") for n in range(3)]
        second = other()
        master = live(second)

        def all_there() -> None:
            for key in (FIRST, second):
                sealed.open_master(key)
                for number, donor in enumerate(people):
                    assert name_of(donor) == f"Dvořák{number}"
                    assert rules.by_name(Donor, f"dvorak{number}") == [donor]

        all_there()
        going = keys.take_over_all(master, HOST)
        assert next(going) == 1
        all_there()
        sealed.open_master(FIRST)
        people.append(make_family.donor(family_name="Dvořák3"))
        all_there()
        with pytest.raises(Refused, match=r"keys\.left"):
            keys.finish(master, by=HOST)
        assert sum(keys.take_over_all(master, HOST)) == 2
        assert wrapped_by() == {master.code}
        all_there()
        sealed.open_master(FIRST)
        with pytest.raises(Refused, match=r"keys\.not_set"):
            keys.finish(master, by=HOST)
        sealed.open_master(second)
        keys.finish(master, by=HOST)
        assert keys.unfit() is None
        assert [name_of(donor) for donor in people] == [f"Dvořák{n}" for n in range(4)]
        sealed.open_master(FIRST)
        assert keys.unfit() is not None
        assert [fault for fault in proof.findings() if fault.check == "core.record"] == []

    def test_no_third_key_before_the_second_has_taken_over(self):
        live()
        make_family.donor()
        live(other())
        with pytest.raises(Refused, match=r"keys\.unfinished"):
            live(other())

    def test_what_has_come_over_is_not_finished_again(self):
        master = live()
        with pytest.raises(Refused, match=r"keys\.finished"):
            keys.finish(master, by=HOST)
        assert master.finished_at == master.introduced_at

    def test_twice_one_after_the_other(self):
        live()
        donor = make_family.donor(family_name="Dvořák")
        for _ in range(2):
            key = other()
            master = live(key)
            list(keys.take_over_all(master, HOST))
            sealed.open_master(key)
            keys.finish(master, by=HOST)
        assert name_of(donor) == "Dvořák"
        assert rules.by_name(Donor, "dvorak") == [donor]
        with pytest.raises(Refused, match=r"keys\.not_the_last"):
            keys.take_over(masters.all_keys()[0], by=HOST)

    def test_a_finished_change_is_not_undone_in_the_database(self, database_url: str):
        live()
        key = other()
        master = live(key)
        sealed.open_master(key)
        keys.finish(master, by=HOST)
        owner = as_owner(database_url)
        session.rollback()
        with pytest.raises(DBAPIError), owner.begin() as connection:
            connection.execute(text("UPDATE master_key SET finished_at = NULL WHERE number = 2"))
        with pytest.raises(DBAPIError), owner.begin() as connection:
            connection.execute(text("UPDATE master_key SET search = 'x' WHERE number = 2"))
        owner.dispose()


def holders(*texts: str) -> Callable[[str], str]:
    told = iter(texts)
    return lambda _question: next(told)


class TestCeremony:
    def test_the_shares_that_are_printed_are_the_ones_that_are_read(self):
        lines: list[str] = []

        def ask(question: str) -> str:
            wanted = "Share 3" if "first" in question else "Share 1"
            return next(line.split("\n", 2)[2] for line in lines if line.startswith("\n" + wanted))

        raw = masters.read_key(FIRST)
        made = ceremonies.go_live(raw, by=HOST, ask=ask, tell=lines.append)
        assert made.shares_read == "1 3"
        assert not any(FIRST in line for line in lines)

    def test_a_mistyped_share_is_named_and_asked_again(self):
        made, told = shares.split(masters.read_key(FIRST)), []
        wrong = str(made[0])[:-1] + ("A" if str(made[0])[-1] != "A" else "B")
        raw, which = ceremonies.read_key(holders(wrong, str(made[0]), str(made[1])), told.append)
        assert (masters.write_key(raw), which) == (FIRST, "1 2")
        assert told == ["The first share: line 4 is mistyped."]

    def test_three_times_wrong_ends_it_and_nothing_is_live(self):
        with pytest.raises(ceremonies.NotRead):
            ceremonies.go_live(
                masters.read_key(FIRST), by=HOST, ask=holders("x", "y", "z"), tell=lambda _line: None
            )
        assert masters.in_force() is None

    def test_shares_of_another_key_do_not_count(self):
        strange = shares.split(bytes(32))
        with pytest.raises(ceremonies.NotRead, match="another key"):
            ceremonies.go_live(
                masters.read_key(FIRST), by=HOST, ask=holders(str(strange[0]), str(strange[1])),
                tell=lambda _line: None,
            )  # fmt: skip
        assert masters.in_force() is None


def checked(with_shares: bool = True) -> KeyCheck:
    made = shares.split(masters.read_key(FIRST))
    return ceremonies.check(
        masters.in_force(), by=HOST, with_shares=with_shares, ask=holders(str(made[1]), str(made[2])),
        tell=lambda _line: None,
    )  # fmt: skip


@pytest.mark.db
class TestCheck:
    def test_what_holds_is_signed_once(self):
        master = live()
        make_family.recipient()
        found = checked()
        assert (found.people, found.opened, found.faults, found.shares) == (1, 1, None, "2 3")
        sign(keys.sign_check, master, EVA)
        assert found.signed_by == "eva"
        with pytest.raises(Refused, match=r"keys\.nothing_to_sign"):
            sign(keys.sign_check, master, ANA)

    def test_a_swapped_hash_is_found(self, database_url: str):
        """A hash that leads to somebody else would take the wrong patient for the right one."""
        live()
        one, two = make_family.recipient(), make_family.recipient()
        with engines().write.begin() as connection, permitted(connection):
            connection.execute(
                update(Recipient).where(Recipient.id == one.id).values(name_blind=two.name_blind)
            )
        session.rollback()
        found = checked()
        assert found.opened == 1
        assert one.code in (found.faults or "")
        with pytest.raises(Refused, match=r"keys\.does_not_hold"):
            sign(keys.sign_check, masters.in_force(), EVA)
        assert any(fault.check == "family.found_by_name" for fault in proof.findings())

    def test_without_shares_it_is_not_signed(self):
        master = live()
        checked(with_shares=False)
        with pytest.raises(Refused, match=r"keys\.does_not_hold"):
            sign(keys.sign_check, master, EVA)

    def test_shares_of_another_key_are_a_fault(self):
        master = live()
        strange = shares.split(bytes(32))
        found = ceremonies.check(
            master, by=HOST, with_shares=True, ask=holders(str(strange[0]), str(strange[1])),
            tell=lambda _line: None,
        )  # fmt: skip
        assert found.shares is None
        assert "not the key in force" in (found.faults or "")

    def test_not_by_everybody(self):
        master = live()
        checked()
        with pytest.raises(NotAllowed):
            sign(keys.sign_check, master, NINA)

    def test_what_it_found_stays_in_the_database(self):
        live()
        make_family.recipient()
        checked()
        for column in ("people", "opened"):
            attack.refused(f"UPDATE key_check SET {column} = 0", "what a check of the keys found stays")

    def test_a_signed_check_stays_in_the_database(self, database_url: str):
        master = live()
        checked()
        sign(keys.sign_check, master, EVA)
        session.rollback()
        owner = as_owner(database_url)
        with pytest.raises(DBAPIError), owner.begin() as connection:
            connection.execute(text("UPDATE key_check SET signed_by = 'somebody'"))
        owner.dispose()


class TestWorklist:
    def test_due_after_a_year_for_who_signs(self, service: Service):
        live()
        session.remove()
        assert "yearly check" not in service.call(EVA).page("/")
        with clock.moved_to(clock.now() + timedelta(days=340)):
            assert "Sign the yearly check of the keys" in service.call(EVA).page("/")
            assert "yearly check" not in service.call(NINA).page("/")
        with service.app.test_request_context(), clock.moved_to(clock.now() + timedelta(days=400)):
            (task,) = [one for one in links.waiting_for(ANA) if one.step == "staff"]
            assert task.due < clock.now().date()
            session.remove()

    def test_the_page_and_the_api_tell_no_key(self, service: Service):
        master = live()
        make_family.donor()
        code, wrapped = master.code, master.search
        checked()
        session.remove()
        caller = service.call(EVA)
        page = caller.page(f"/keys/{code}")
        assert "1 of 1 keys opened" in page
        shown = caller.read(f"keys/{code}")
        for text_ in (page, str(shown)):
            for hidden in (FIRST, wrapped, base64.b64decode(FIRST).hex()):
                assert hidden not in text_
        assert shown["shares_read"] == "1 3"
        proofs = caller.proofs("master_key.sign_check", code, keys.SIGNED)
        answer = caller.api(f"keys/{code}/sign-check", {"proofs": proofs}, version=shown["version"])
        assert answer.status_code == 200, answer.text
        session.remove()
        assert db.session.scalars(select(KeyCheck.signed_by)).all() == ["eva"]


class TestForms:
    @pytest.mark.parametrize(
        ("formats", "text_", "holds"),
        [
            (None, "anything", True), ("IPP-999999", "ipp-004213", True), ("IPP-999999", "IPP-4213", False),
            ("IPP-999999 AX99", "Q742", True), ("9999", "12345", False), ("9999", "٠١٢٣", False),
            ("9.9", "1x2", False), ("9.9", "1.2", True),
        ],
    )  # fmt: skip
    def test_an_identifier_has_one_of_the_forms(self, formats: str | None, text_: str, holds: bool):
        assert masks.fits(formats, text_) is holds

    @pytest.mark.parametrize("formats", ["(9+)+", "abc", "IPP", " ".join(["9"] * 11)])
    def test_what_is_no_form(self, formats: str):
        assert masks.fault(formats)

    def test_identifiers_of_no_site_take_any_form(self):
        assert identifiers.by_wristband("nobody's") is None
