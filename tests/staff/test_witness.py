"""A second person signs by badge where that person has opened presence, and nowhere else (decision 34)."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from werkzeug.test import TestResponse

from mscbank.core import clock, db, verify
from mscbank.core.acts import ACTIONS
from mscbank.core.db import engines, permitted, session
from mscbank.core.errors import Refused
from mscbank.core.record import Outcome, Record
from mscbank.core.signatures import Means, Proof, Signature, Signer, prove
from mscbank.core.web import history
from mscbank.custody import actions as custody
from mscbank.custody.models import Place
from mscbank.ops.demo.cast import ADMIN, AUDITOR, PASSWORD, QA, TECH, TECH_2
from mscbank.staff import actions, factors, people, presence
from mscbank.staff.models import Badge, CodeTries, Presence
from tests.both_doors import Doors, refused, unchanged
from tests.both_doors import doors as doors  # the fixture
from tests.browser import token_of
from tests.core.tampering import edited
from tests.make_badge import badge_of, stand, user
from tests.make_factor import enrolled

pytestmark = pytest.mark.db

BY_BADGE = {
    "allocation.pick", "batch.record_use_as_happened", "custody.fill", "custody.hand_over_all",
    "donation.record_as_happened", "infusion.check", "infusion.complete", "infusion.confirm_ready",
    "infusion.record_as_happened", "infusion.thaw", "place.count", "preparation.add_vials",
    "preparation.discard", "vial.destroy", "vial.hand_over", "vial.record_as_happened", "vial.retain",
    "vial.take_for_qc",
}  # fmt: skip
NOTHING = "Nothing was signed"


@pytest.fixture
def bench(doors: Doors) -> FlaskClient:
    """The browser of the laboratory, in which a technician is signed in and another one is present."""
    browser = doors.browser(TECH.login)
    assert stand(browser, TECH_2.login).status_code == 302
    return browser


@pytest.fixture
def badge(doors: Doors) -> str:
    return badge_of(TECH_2.login)


def box(doors: Doors) -> str:
    found = str(doors.world.second.stock[0].position.parent.code)
    session.remove()
    return found


def count(doors: Doors, badge: str, by: str = TECH.login, **more: str) -> TestResponse:
    """Count a box; the badge of a second person is scanned."""
    typed = {"counted": "5", "login_0": by, "secret_0": PASSWORD, "badge_1": badge}
    return doors.form(by, f"/places/{box(doors)}/count", **typed | more)


def failed() -> list[Record]:
    """What is recorded of badges that did not witness."""
    session.remove()
    return list(session.scalars(select(Record).where(Record.action == "person.failed_badge")))


def signed() -> list[Signature]:
    session.remove()
    wanted = select(Signature).where(Signature.action == "place.count").order_by(Signature.id)
    return list(session.scalars(wanted))


def raw(statement: str, **values: object) -> None:
    """A statement past the door."""
    with engines().write.begin() as connection, permitted(connection):
        connection.execute(text(statement), values)


def test_whoever_is_present_witnesses_by_badge(doors: Doors, bench: FlaskClient, badge: str) -> None:
    form = bench.get(f"/places/{box(doors)}/count").text
    assert "Present at bench 2: Tomás Ferreira" in form
    assert 'name="badge_1"' in form
    answer = count(doors, badge)
    assert answer.status_code == 302, answer.text
    first, second = signed()
    assert (first.login, first.means, first.badge, first.station) == (TECH.login, Means.PASSWORD, None, None)
    assert (second.login, second.meaning, second.means) == (TECH_2.login, "checked", Means.BADGE)
    assert (second.badge, second.station, second.presence) == (badge, "bench 2", f"{TECH_2.login}/1")
    row = session.scalars(select(Record).where(Record.act == second.act)).one()
    marks = json.loads(row.signature or "[]")
    assert [(one["means"], one["station"], one["presence"]) for one in marks] == [
        ("password", None, None), ("badge", "bench 2", f"{TECH_2.login}/1"),
    ]  # fmt: skip
    assert json.loads(row.body)["notes"]["checked_by"] == TECH_2.login
    words = [one.words for one in history.signatures_on("place", second.subject_code)]
    assert words == ["counted, Noor Haddad", "checked, Tomás Ferreira, witnessed by badge at station bench 2"]
    assert "witnessed by badge at station bench 2" in bench.get(answer.location).text
    assert not list(verify.whole())
    assert not failed()


def test_a_badge_that_was_made_a_password_afterwards_shows(
    doors: Doors, bench: FlaskClient, badge: str
) -> None:
    """Whoever rules the host changes how a signature was given: the chain says otherwise."""
    assert count(doors, badge).status_code == 302
    plain = "UPDATE signature SET means = 'password', badge = NULL, station = NULL, presence = NULL"
    edited(doors.world.url, lambda connection: connection.execute(text(plain)))
    db.connect(doors.world.url)
    found = [why for _kind, _code, why in verify.whole()]
    assert any("are not those that it was done with" in why for why in found)


def test_typed_by_another_layout_it_is_read_all_the_same(
    doors: Doors, bench: FlaskClient, badge: str
) -> None:
    """A gun set to an American keyboard types into a French one; people type small letters and spaces."""
    french = badge.translate(str.maketrans("0123456789", "à&é\"'(-è_ç"))
    for typed in (french, f" {badge.lower()} "):
        assert count(doors, typed).status_code == 302, typed


def test_the_password_of_a_second_person_still_signs(doors: Doors, bench: FlaskClient) -> None:
    answer = count(doors, "", signer_1=QA.login, secret_1=PASSWORD)
    assert answer.status_code == 302, answer.text
    assert [one.means for one in signed()] == [Means.PASSWORD, Means.PASSWORD]
    answer = count(doors, "scanned by mistake", signer_1=QA.login, secret_1=PASSWORD)
    assert answer.status_code == 302, "who typed the password meant it"


def _revoked(badge: str) -> None:
    found = session.scalars(select(Badge).where(Badge.code == badge)).one()
    presence.revoke_badge(found, by=people.load(ADMIN.login), reason="it was lost")


def _expired(badge: str) -> None:
    raw("UPDATE badge SET expires_at = :now WHERE code = :code", now=_column(-1), code=badge)


def _over(_badge: str) -> None:
    raw("UPDATE presence SET closes_at = :now", now=_column(-1))


def _column(minutes: int) -> object:
    """An instant as the table keeps it."""
    at = clock.now() + timedelta(minutes=minutes)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if engines().write.dialect.name == "sqlite" else at


def _left(_badge: str) -> None:
    presence.close_presence(user(TECH_2.login), by=people.load(TECH_2.login), station="bench 2")


def _signed_out(_badge: str) -> None:
    witness = people.load(TECH_2.login)
    assert witness is not None
    presence.end_on_leaving(witness)


def _disabled(_badge: str) -> None:
    actions.disable(user(TECH_2.login), by=people.load(ADMIN.login), reason="left the house")


def _sessions_ended(_badge: str) -> None:
    people.open_session(TECH_2.login, "-")
    actions.end_sessions(user(TECH_2.login), by=people.load(ADMIN.login), reason="a telephone was stolen")


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (_revoked, "was revoked, has expired"), (_expired, "was revoked, has expired"),
        (_disabled, "was revoked, has expired"), (_over, "is not present at this station, or no longer"),
        (_left, "is not present at this station"), (_signed_out, "is not present at this station"),
        (_sessions_ended, "is not present at this station"),
    ],
)  # fmt: skip
def test_a_badge_that_no_longer_counts(
    doors: Doors, bench: FlaskClient, badge: str, done: Callable[[str], None], words: str
) -> None:  # fmt: skip
    assert count(doors, badge).status_code == 302
    done(badge)
    session.remove()
    answer = count(doors, badge)
    assert (answer.status_code, words in answer.text, NOTHING in answer.text) == (409, True, True), (
        answer.text
    )
    assert len(signed()) == 2
    (row,) = failed()
    assert (row.actor_login, row.outcome) == (TECH.login, Outcome.DONE)
    assert json.loads(row.body)["notes"]["signing"] == "place.count"
    about = [list(one) for one in json.loads(row.body)["touched"]]
    assert ["badge", badge] in about
    assert ["person", TECH_2.login] in about
    assert ["place", box(doors)] in about


def test_it_counts_at_the_station_where_presence_was_opened(
    doors: Doors, bench: FlaskClient, badge: str
) -> None:  # fmt: skip
    """Another browser is another station, whatever it is called, and one stands at one station only."""
    answer = count(doors, badge, by=QA.login)
    assert answer.status_code == 409
    assert "Tomás Ferreira is present at bench 2, not here" in answer.text
    assert "Nobody else is present at this station" in doors.browser(QA.login).get(
        f"/places/{box(doors)}/count"
    ).text  # fmt: skip
    same = stand(doors.browser(QA.login), AUDITOR.login)
    assert (same.status_code, "in another browser" in same.text) == (409, True)
    assert stand(doors.browser(QA.login), TECH_2.login, "bench 9").status_code == 302
    assert count(doors, badge, by=QA.login).status_code == 302
    answer = count(doors, badge)
    assert (answer.status_code, "is present at bench 9, not here" in answer.text) == (409, True)
    assert stand(bench, QA.login, "bench 2").status_code == 302, "nobody stands at bench 2 any more"


@pytest.mark.parametrize(
    "scanned", ["HELLO", "correct horse battery staple", "HT112345678", "\0", "x" * 5000]
)
def test_what_is_no_badge_of_ours_is_refused_and_not_kept(
    doors: Doors, bench: FlaskClient, scanned: str
) -> None:  # fmt: skip
    """A secret typed into the wrong field must not stand in the record."""
    answer = count(doors, scanned)
    assert (answer.status_code, "This is no badge of this house" in answer.text) == (409, True)
    assert scanned[:40] not in answer.text or scanned == "\0"
    (row,) = failed()
    assert scanned not in row.body


def test_nobody_witnesses_for_himself(doors: Doors, bench: FlaskClient) -> None:
    """Four eyes: the own badge is none, present or not; a badge takes the place of no first signature."""
    own = badge_of(TECH.login)
    assert stand(bench, TECH.login).status_code == 302
    answer = count(doors, own)
    assert (answer.status_code, "Two different people must sign this" in answer.text) == (409, True)
    assert len(failed()) == 1
    other = badge_of(TECH_2.login)
    for typed in ({"secret_0": "", "badge_0": other}, {"secret_0": other}, {"login_0": other}):
        assert count(doors, other, **typed).status_code in (401, 422), typed
    assert not signed()


def test_it_takes_a_role_that_may_do_the_act(doors: Doors, bench: FlaskClient) -> None:
    for login in (ADMIN.login, AUDITOR.login):
        badge = badge_of(login)
        assert stand(bench, login).status_code == 302
        with unchanged(kept=1):
            answer = count(doors, badge)
        assert (answer.status_code, "holds no role that may do this" in answer.text) == (409, True)
    assert not signed()


def test_of_whom_a_second_factor_is_demanded(doors: Doors, bench: FlaskClient) -> None:
    """Presence is opened with the code too, and a badge does not go round what is demanded."""
    badge = badge_of(QA.login)
    assert stand(bench, QA.login).status_code == 302
    factors.demand("qa")
    try:
        answers = count(doors, badge), stand(bench, QA.login)
    finally:
        factors.demand(factors.NOBODY)
    assert [one.status_code for one in answers] == [403, 403]
    assert all("works here with a second factor" in one.text for one in answers)
    telephone, _codes = enrolled(QA.login)
    answer = stand(bench, QA.login)
    assert (answer.status_code, "its code is asked for too" in answer.text) == (401, True)
    answer = stand(bench, QA.login, code="000000")
    assert (answer.status_code, "The code is not right" in answer.text) == (401, True)
    assert session.scalars(select(CodeTries.failures).where(CodeTries.login == QA.login)).one() == 1
    assert stand(bench, QA.login, code=telephone.fresh()).status_code == 302
    assert count(doors, badge).status_code == 302


def test_only_what_is_witnessed_at_the_bench_and_bedside(doors: Doors, badge: str) -> None:
    """No decision is signed by badge, and nothing over the API: where a program runs, no badge is seen."""
    assert {one.name for one in ACTIONS.values() if one.by_badge} == BY_BADGE
    assert all(len(ACTIONS[name].meanings) == 2 for name in BY_BADGE)
    asked = {"action": "place.count", "subject": box(doors), "meaning": "checked", "inputs": {"counted": 5}}
    refused(doors.api(TECH.login, "proofs", asked | {"badge": badge}), 422, "invalid", badge="Unknown")
    refused(doors.api(TECH.login, "proofs", asked | {"secret": badge, "login": TECH_2.login}), 401,
            "signature.wrong_secret")  # fmt: skip


def test_the_database_holds_it_too(doors: Doors, bench: FlaskClient, badge: str) -> None:
    """A row that says badge without badge, station and an open presence there is refused by the database."""
    assert count(doors, badge).status_code == 302
    session.remove()
    copy = (
        "INSERT INTO signature (id, act, action, subject_kind, subject_code, login, printed_name, role,"
        " meaning, signed_at, content_hash, held_hash, held, means, badge, station, presence)"
        " SELECT id + 100, act, action, subject_kind, subject_code, login, printed_name, role, :meaning,"
        " signed_at, content_hash, held_hash, held, means, {badge}, {station}, {presence} FROM signature"
        " WHERE means = 'badge'"
    )
    kept = {"badge": "badge", "station": "station", "presence": "presence"}
    for number, wrong in enumerate((
        {"badge": "NULL"}, {"station": "NULL"}, {"presence": "NULL"}, {"station": "'bench 3'"},
        {"presence": f"'{TECH.login}/1'"}, {"presence": f"'{TECH_2.login}/2'"}, {"badge": "'HT112345678'"},
    )):  # fmt: skip
        with pytest.raises(DBAPIError):
            raw(copy.format(**kept | wrong), meaning=f"m{number}")
    with pytest.raises(DBAPIError):
        raw(copy.replace(" held, means,", " held, 'password',").format(**kept), meaning="password with badge")
    with pytest.raises(DBAPIError):
        raw("UPDATE presence SET station = 'bench 3'")
    with pytest.raises(DBAPIError):
        raw("UPDATE presence SET closes_at = :at", at=_column(60 * 24))
    raw(copy.format(**kept), meaning="as it was")
    _over(badge)
    with pytest.raises(DBAPIError):
        raw(copy.format(**kept).replace("id + 100", "id + 101"), meaning="when presence was over")


def test_a_station_is_one_browser_in_the_database_too(doors: Doors, bench: FlaskClient) -> None:
    copy = (
        "INSERT INTO presence (id, person_id, number, station, browser, opened_at, closes_at)"
        " SELECT id + 50, (SELECT id FROM person WHERE code = 'qa'), 1, {station}, {browser}, opened_at,"
        " closes_at FROM presence"
    )
    for wrong in ({"station": "'bench 3'", "browser": "browser"}, {"station": "station", "browser": "'b'"}):
        with pytest.raises(DBAPIError):
            raw(copy.format(**wrong))
    raw(copy.format(station="station", browser="browser"))


# --- the page of the station ----------------------------------------------------------------------


def test_presence_is_opened_beside_whoever_is_signed_in(doors: Doors, bench: FlaskClient) -> None:
    page = bench.get("/station").text
    assert "Station bench 2" in page
    assert "Tomás Ferreira" in page
    assert doors.browser(QA.login).get("/station").text.count("Tomás Ferreira") == 0
    wrong = stand(bench, QA.login, secret="wrong")
    assert (wrong.status_code, "The password is not right" in wrong.text) == (401, True)
    assert "bench 2" in wrong.text
    assert stand(bench, "nobody-here").status_code == 401
    assert stand(bench, QA.login, "").status_code == 422
    assert stand(bench, QA.login, "x" * 81).status_code == 422
    other = stand(bench, QA.login, "bench 7")
    assert (other.status_code, "is called bench 2" in other.text) == (409, True)
    assert stand(bench, QA.login).status_code == 302
    session.remove()
    (row,) = session.scalars(
        select(Record).where(
            Record.action == "person.open_presence", Record.actor_login == QA.login,
            Record.outcome == Outcome.DONE,
        )
    ).all()  # fmt: skip
    assert json.loads(row.signature or "[]")[0]["login"] == QA.login, "it is the act of who stands here"


def test_at_the_station_presence_of_somebody_who_went_away_is_ended(
    doors: Doors, bench: FlaskClient
) -> None:  # fmt: skip
    assert doors.browser(QA.login).post("/station/leave", data={"login": TECH_2.login}).status_code == 302
    assert people.present_at("bench 2") == [TECH_2.login], "not from another browser"
    session.remove()
    assert bench.post("/station/leave", data={"login": TECH_2.login}).status_code == 302
    assert people.present_at("bench 2") == []
    session.remove()
    last = select(Record).where(Record.action == "person.close_presence").order_by(Record.id.desc())
    ended = session.scalars(last).first()
    assert ended is not None
    assert (ended.actor_login, ended.subject_code) == (TECH.login, TECH_2.login)


def test_presence_over_the_api_is_at_no_browser(doors: Doors, badge: str) -> None:
    """Where a program stands cannot be seen: such presence lets no badge witness."""
    doors.tokens[TECH_2.login] = token_of(TECH_2.login)
    asked = {"action": "person.open_presence", "subject": TECH_2.login, "meaning": "present",
             "inputs": {"station": "bench 2"}, "secret": PASSWORD}  # fmt: skip
    proof = doors.api(TECH_2.login, "proofs", asked).json["proof"]
    version = doors.api(TECH_2.login, f"people/{TECH_2.login}", method="GET").json["version"]
    body = {"station": "bench 2", "proofs": [proof]}
    done = doors.api(TECH_2.login, f"people/{TECH_2.login}/presence", body, version=version)
    assert done.status_code == 200, done.text
    answer = count(doors, badge)
    assert (answer.status_code, "is present at bench 2, not here" in answer.text) == (409, True)


def test_an_old_proof_does_not_outlive_presence(doors: Doors, bench: FlaskClient, badge: str) -> None:
    """The badge was scanned, presence ended before the act: the database refuses the signature."""
    browser = session.scalars(select(Presence.browser)).one()
    session.remove()
    place = session.scalars(select(Place).where(Place.code == box(doors))).one()
    by = people.load(TECH.login)
    assert by is not None
    proofs = prove(
        "place.count", place, Signer(by, "counted", PASSWORD),
        Signer(None, "checked", badge=badge, browser=browser), content=custody.count.content,
        inputs={"counted": 5},
    )  # fmt: skip
    _left(badge)
    place = session.scalars(select(Place).where(Place.code == box(doors))).one()
    with pytest.raises(Refused) as caught:
        custody.count(place, by=by, proofs=proofs, counted=5)
    assert caught.value.code == "acts.database_refused"
    assert not signed()


@pytest.mark.usefixtures("bench")
def test_the_door_takes_no_badge_where_none_counts(doors: Doors, badge: str) -> None:
    """Neither as the first signature nor for an act that is a decision, whatever page or program asks."""
    by, browser = people.load(TECH.login), session.scalars(select(Presence.browser)).one()
    assert by is not None
    session.remove()

    def proofs(*signers: Signer) -> list[Proof]:
        place = session.scalars(select(Place).where(Place.code == box(doors))).one()
        content = custody.count.content
        return prove("place.count", place, *signers, content=content, inputs={"counted": 5})

    own, other = Signer(by, "counted", PASSWORD), Signer(None, "checked", badge=badge, browser=browser)
    with pytest.raises(Refused) as caught:
        proofs(Signer(None, "counted", badge=badge, browser=browser), other)
    assert caught.value.code == "signature.not_by_badge"
    decision = replace(custody.count, by_badge=False)
    given = proofs(own, other)
    place = session.scalars(select(Place).where(Place.code == box(doors))).one()
    with unchanged(kept=1), pytest.raises(Refused) as caught:
        decision(place, by=by, proofs=given, counted=5)
    assert caught.value.code == "signature.not_by_badge"
    assert not signed()
