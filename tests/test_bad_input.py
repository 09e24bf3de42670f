"""Bad input over both doors: each its own clear refusal, kept where the rules say so, and nothing changed.

The requests go to a bank in the middle of its work, with vials reserved for today. Before and after, the
whole database is read; only plumbing (sessions, keys, proofs) and the rows of refused acts may differ.
"""

import json
from datetime import date, timedelta
from typing import Any

import pytest

from mscbank.coding.short import ALPHABET, with_print
from mscbank.core import access
from mscbank.core.access import Role, operator
from mscbank.core.db import session
from mscbank.family import actions as family
from mscbank.family.words import Sex
from mscbank.ops.demo.cast import DIRECTOR, NURSE, PASSWORD, PHARMACIST, QA, SPONSOR, TECH, WARD
from mscbank.staff import actions as staff
from mscbank.staff import secrets
from tests import worlds
from tests.both_doors import (
    BIDI,
    NUL,
    SURROGATE,
    Doors,
    last_refused,
    refused,
    unchanged,
)
from tests.both_doors import doors as doors  # the fixture
from tests.browser import token_of

# --- codes ----------------------------------------------------------------------------------------


def misread(code: str) -> str:
    """The code with another check character."""
    return code[:-1] + ALPHABET[(ALPHABET.index(code[-1]) + 1) % len(ALPHABET)]


def test_a_wrong_check_character_is_no_code(doors: Doors) -> None:
    code = misread(doors.world.first.stock[0].code)
    with unchanged():
        refused(doors.api(TECH.login, f"vials/{code}", method="GET"), 404, "missing")
        scanned = refused(doors.api(TECH.login, "scan", {"code": code}), 404, "code.check_character")
        assert scanned["detail"] != "Nothing here has this code."
        body = {"vials": [code]}
        path = f"allocations/{doors.world.first.allocation.code}/pick"
        answer = doors.api(PHARMACIST.login, path, body, version=1)
        refused(answer, 422, "invalid", vials="Nothing here has this code")
        assert doors.browser(TECH.login).get(f"/vials/{code}").status_code == 404


def test_an_unknown_code_is_not_found_anywhere(doors: Doors) -> None:
    with unchanged():
        for code in ("VDD0099990X", "nothing", "%00", "a" * 300, "%ED%A0%80", "..%2F..%2Fetc", "💉"):
            answer = doors.api(TECH.login, f"vials/{code}", method="GET")
            assert answer.status_code == 404
            assert answer.json["code"] in ("missing", "http.404")
            assert doors.browser(TECH.login).get(f"/vials/{code}").status_code == 404
        refused(doors.api(TECH.login, "scan", {"code": "hello"}), 404, "code.not_ours")
        refused(doors.api(TECH.login, "trace/hello", method="GET"), 404, "trace.unknown")


def test_a_printed_code_addresses_nothing(doors: Doors) -> None:
    code = doors.world.first.stock[0].code
    printed = with_print(code, 1)
    with unchanged():
        refused(doors.api(TECH.login, f"vials/{printed}", method="GET"), 404, "code.is_a_print")


# --- families -------------------------------------------------------------------------------------


def test_another_familys_recipient_is_refused_and_kept(doors: Doors) -> None:
    first, second = doors.world.first, doors.world.second
    edition = first.batch.specification.code
    body = {"donation": first.donation.code, "directed_to": second.code, "protocol": first.protocol.code,
            "specification": edition}  # fmt: skip
    with unchanged(kept=1):
        answer = refused(doors.api(TECH.login, "batches", body), 409, "batch.link_not_verified")
        assert answer["record"]
        assert answer["obstacles"][0]["who"]
    assert "batch.link_not_verified" in last_refused()


def test_another_familys_recipient_is_refused_on_the_page(doors: Doors) -> None:
    first, second = doors.world.first, doors.world.second
    typed = {"donation": first.donation.code, "directed_to": second.code, "protocol": first.protocol.code,
             "specification": first.batch.specification.code}  # fmt: skip
    doors.browser(TECH.login)
    with unchanged(kept=1):
        answer = doors.form(TECH.login, "/batches/new", **typed)
        assert answer.status_code == 409
        assert "batch.link_not_verified" in answer.text


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dose", [1000000.5, "1e6", "1_000_000", "1000000.0", 10**30, -1, True, "١٠٠", None, [], {}]
)
def test_a_dose_is_a_whole_number(doors: Doors, dose: Any) -> None:
    code = doors.world.first.protocol.code
    body = {"number": 3, "viable_cells_per_kg": dose, "places": 10}
    with unchanged():
        answer = doors.api(DIRECTOR.login, f"protocols/{code}/levels", body, version=1)
        refused(answer, 422, "invalid", viable_cells_per_kg="")


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("62,4", "with a point"), ("62.", "with a point"), ("6.24e1", "with a point"),
        ("62.413", "with a point"),
        (62.4, "with a point"), (62, "with a point"), (" ", "with a point"), ("24.9", "between 25 and 250"),
        ("251", "between 25 and 250"), ("624", "between 25 and 250"), ("-62.4", "with a point"),
    ],
)  # fmt: skip
def test_a_weight_is_typed_as_the_scale_shows_it(doors: Doors, typed: Any, words: str) -> None:
    made = doors.world.first.allocation
    path, version = f"allocations/{made.code}/weights", made.version
    session.remove()
    with unchanged():
        body = {"weight": typed, "weighed_where": "Ward 3"}
        refused(doors.api(WARD.login, path, body, version=version), 422, "invalid", weight=words)


def test_a_weight_in_pounds_is_asked_again(doors: Doors) -> None:
    """137 is 62.4 kg in pounds: far from the last weight, so it is typed again and confirmed."""
    made = doors.world.first.allocation
    code, version = made.code, made.version
    body = {"weight": "137", "weighed_where": "Ward 3"}
    with unchanged():
        answer = doors.api(WARD.login, f"allocations/{code}/weights", body, version=version)
        refused(answer, 422, "invalid", weight="from the last weight", confirmed="Confirm")


def test_a_comma_in_a_weight_on_the_page(doors: Doors) -> None:
    code = doors.world.first.allocation.code
    doors.browser(WARD.login)
    with unchanged():
        answer = doors.form(WARD.login, f"/allocations/{code}/weights", weight="62,4", weighed_where="Ward 3")
        assert answer.status_code == 422
        assert "as the scale shows it" in answer.text
        assert 'value="62,4"' in answer.text


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1e400}', b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": ' + b"9" * 60 + b"}",
        b'{"a": 1, "a": 2}',
        b'{"a": "\xff\xfe"}', b"{" * 40, b"[" * 5000 + b"]" * 5000, b"{'a': 1}", b'{"a": }', b"\x00", b"{}{}",
        b'{"a": 0x10}', b'"\xed\xa0\x80"',
    ],
)  # fmt: skip
def test_what_is_no_json_is_malformed(doors: Doors, raw: bytes) -> None:
    with unchanged():
        answer = doors.api(TECH.login, "batches", raw=raw)
        assert answer.status_code in (400, 422), answer.text
        refused(answer, answer.status_code, "body.not_json" if answer.status_code == 400 else "invalid")


def test_a_body_that_breaks_off_is_malformed(doors: Doors) -> None:
    """The line is lost before the body is as long as was said."""
    longer = {"CONTENT_LENGTH": "500"}
    token, browser = {"Authorization": f"Bearer {doors.tokens[TECH.login]}"}, doors.browser(TECH.login)
    with unchanged():
        sent = doors.app.test_client().post(
            "/api/v1/scan", data=b'{"code": "V', content_type="application/json", headers=token,
            environ_overrides=longer,
        )  # fmt: skip
        refused(sent, 400, "malformed")
        page = browser.post("/scan", data={"code": "VDD"}, environ_overrides=longer)
        assert page.status_code == 400
        assert "malformed" in page.text


# --- time -----------------------------------------------------------------------------------------


def test_what_lies_in_the_future_has_not_happened(doors: Doors) -> None:
    first = doors.world.first
    vial, version = first.stock[0].code, first.stock[0].version
    tomorrow = worlds.today() + timedelta(days=2)
    who = {"family_name": "Forez", "given_name": "Ines", "sex": "female"}
    consent = {"donor": first.donor.code, "form_version": "2.0", "given_on": f"{tomorrow}",
               "items": ["traceability"], "authority": "the court"}  # fmt: skip
    with unchanged():
        refused(
            doors.api(QA.login, f"vials/{vial}/hold", {"reason": "Asked by somebody", "happened_at":
                      f"{tomorrow}T10:00:00Z"}, version=version),
            422, "invalid", happened_at="future",
        )  # fmt: skip
        refused(
            doors.api(NURSE.login, "donors", who | {"born_on": f"{tomorrow}"}), 422, "invalid", born_on=""
        )
        answer = doors.api(NURSE.login, "consents/donor", consent)
        refused(answer, 422, "invalid")
        for born in ("1899-01-01", "2201-01-01", "01/02/1980", "1980-2-3", "1980-02-30", 19800203, None):
            refused(doors.api(NURSE.login, "donors", who | {"born_on": born}), 422, "invalid", born_on="")


# --- size and shape -------------------------------------------------------------------------------


def test_ten_megabytes_are_too_large(doors: Doors) -> None:
    browser = doors.browser(TECH.login)
    with unchanged():
        refused(
            doors.api(TECH.login, "batches", raw=b'{"a": "' + b"x" * 10_000_000 + b'"}'), 413, "too_large"
        )
        answer = browser.post("/batches/new", data={"donation": "x" * 10_000_000})
        assert answer.status_code == 413
        assert "Traceback" not in answer.text
        assert browser.post("/scan", data={"code": "x" * 10_000_000}).status_code == 413


@pytest.mark.parametrize("body", [[], "text", 7, None, [1, 2], True])
def test_a_body_is_an_object(doors: Doors, body: Any) -> None:
    with unchanged():
        refused(doors.api(TECH.login, "batches", raw=json.dumps(body).encode()), 422, "invalid")


def test_missing_and_unknown_fields_are_all_named_at_once(doors: Doors) -> None:
    with unchanged():
        body = {"family_name": "Forez", "shoe_size": 41, "is_admin": True}
        refused(
            doors.api(NURSE.login, "donors", body), 422, "invalid", given_name="", born_on="", sex="",
            shoe_size="Unknown", is_admin="Unknown",
        )  # fmt: skip
        refused(doors.api(NURSE.login, "donors?site=X", {}), 422, "invalid")


def test_wrong_types_are_named(doors: Doors) -> None:
    with unchanged():
        body = {"family_name": 7, "given_name": ["Anne"], "born_on": {}, "sex": True, "is_another": "yes"}
        refused(
            doors.api(NURSE.login, "donors", body), 422, "invalid", family_name="text", given_name="text",
            born_on="date", sex="Choose", is_another="true or false",
        )  # fmt: skip


@pytest.mark.parametrize("text_", [NUL, SURROGATE, BIDI, "\x1b[31m", "x" * 10_000])
def test_characters_that_cannot_be_kept_are_refused(doors: Doors, text_: str) -> None:
    browser = doors.browser(TECH.login)
    with unchanged():
        body = {"family_name": text_, "given_name": "Anne", "born_on": "1980-02-03", "sex": "female"}
        refused(doors.api(NURSE.login, "donors", body), 422, "invalid", family_name="")
        refused(doors.api(NURSE.login, "donors/find", {"family_name": text_}), 422, "invalid", family_name="")
        answer = doors.api(TECH.login, "scan", {"code": text_})
        assert answer.status_code in (404, 422), answer.text
        proof = {"action": text_, "meaning": text_, "secret": PASSWORD}
        assert doors.api(TECH.login, "proofs", proof).status_code == 422
        sent = text_.encode("utf-8", "surrogatepass").decode("latin-1")
        assert browser.post("/scan", data={"code": sent}).status_code in (302, 303, 404)
        assert browser.post("/batches/new", data={"donation": sent}).status_code == 422
        assert browser.get("/vials/", query_string={"after": sent}).status_code in (200, 404, 422)


def test_a_log_in_that_is_none(doors: Doors) -> None:
    client = doors.app.test_client()
    with unchanged():
        for login in (NUL, "x" * 500, "", "' OR 1=1 --", "nobody"):
            answer = client.post("/sign-in", data={"login": login, "password": NUL})
            assert answer.status_code == 401, (login, answer.status)
            assert "Traceback" not in answer.text


# --- versions, keys, sites ------------------------------------------------------------------------


def test_a_version_that_is_missing_stale_or_no_version(doors: Doors) -> None:
    vial = doors.world.first.stock[0]
    path, version = f"vials/{vial.code}/hold", vial.version
    body = {"reason": "Asked by somebody"}
    with unchanged():
        refused(doors.api(QA.login, path, body), 428, "version_missing")
        refused(doors.api(QA.login, path, body, version=version - 1), 412, "stale")
        refused(doors.api(QA.login, path, body, version=10**17), 412, "stale")
        for header in ("3", '"x"', "*", '"1","2"', '"-1"', '""', '"' + "9" * 40 + '"'):
            refused(doors.api(QA.login, path, body, **{"If-Match": header}), 400, "if_match.unquoted")
        for key in ("", "with space", "x" * 201, "é"):
            answer = doors.api(QA.login, path, body, version=version, **{"Idempotency-Key": key})
            refused(answer, 400, "idempotency.key")


def test_a_stale_form_is_refused_with_what_was_typed(doors: Doors) -> None:
    vial = doors.world.first.stock[0].code
    browser = doors.browser(QA.login)
    typed = {"cause": "quality", "reason": "Asked by the pharmacy"}
    with unchanged():
        for version in ("1", "", "x", "9" * 30, "-1"):
            answer = browser.post(f"/vials/{vial}/hold", data=typed | {"version": version})
            assert answer.status_code == 412, version
            assert "Asked by the pharmacy" in answer.text


def test_a_key_that_was_used_for_something_else(doors: Doors) -> None:
    one, other = (vial.code for vial in doors.world.first.stock[:2])
    key = {"Idempotency-Key": "used"}
    seen = doors.world.first.stock[0].version
    body = {"reason": "Asked by somebody"}
    assert doors.api(QA.login, f"vials/{one}/hold", body, version=seen, **key).status_code == 200
    version = doors.world.first.stock[1].version
    with unchanged():
        again = doors.api(QA.login, f"vials/{one}/hold", body, version=seen, **key)
        assert again.status_code == 200
        assert again.headers["Idempotency-Replayed"] == "true"
    with unchanged(kept=1):
        answer = doors.api(QA.login, f"vials/{other}/hold", body, version=version, **key)
        refused(answer, 409, "idempotency.reused")


def test_a_thing_of_another_site_does_not_exist(doors: Doors) -> None:
    """Lyon's nurse sees nothing of Nice's donor; that she asked is kept."""
    who = {"family_name": "Forez", "given_name": "Ines", "born_on": date(1980, 2, 3), "sex": Sex.FEMALE}
    host = operator("tests")
    for site in ("LYON", "NICE"):
        made = staff.open_site(by=host, code=site, name=site.title(), zone="Europe/Paris")
        login = f"nurse.{site.lower()}"
        user = staff.register(by=host, login=login, printed_name=f"Nurse of {site}")
        staff.grant_role(user, by=host, role=Role.COLLECTION, at=made)
        secrets.prepare(login, PASSWORD)
        staff.set_password(user, by=host)
        doors.tokens[login] = token_of(login)
    nice = access.load("nurse.nice")
    assert nice is not None
    made = family.register_donor(by=nice, site="NICE", **who)
    code = made.code
    session.remove()
    assert doors.api("nurse.nice", f"donors/{code}", method="GET").status_code == 200
    lyon, browser = "nurse.lyon", doors.browser("nurse.lyon")
    with unchanged(kept=3):
        refused(doors.api(lyon, f"donors/{code}", method="GET"), 404, "missing")
        refused(doors.api(lyon, f"donors/{code}/corrections", {"reason": "Wrong"}, version=1), 404, "missing")
        assert browser.get(f"/donors/{code}").status_code == 404
    with unchanged():
        refused(doors.api(lyon, "scan", {"code": code}), 404, "code.unknown")
        claim = {
            "donor": code,
            "recipient": doors.world.first.code,
            "relation": "full_sibling",
            "evidence": "seen",
        }
        refused(doors.api(lyon, "family-links", claim), 422, "invalid", donor="Nothing here has this code")
        assert code not in doors.api(lyon, "donors", method="GET").text
        assert code not in browser.get("/donors/").text


def test_who_may_not_is_told_who_may_and_it_is_kept(doors: Doors) -> None:
    vial = doors.world.first.stock[0]
    code, version = vial.code, vial.version
    with unchanged(kept=1):
        body = {"reason": "I would like to", "immediate_action": "none"}
        answer = refused(doors.api(SPONSOR.login, f"vials/{code}/report-lost", body, version=version), 403,
                         "acts.role_needed")  # fmt: skip
        assert answer["obstacles"][0]["who"]
        assert answer["record"]
