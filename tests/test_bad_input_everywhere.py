"""Nasty values at every address of both doors: never a fault of ours, never a change."""

import re
from typing import Any

import marshmallow as ma
import pytest

from mscbank.core.acts import ACTIONS
from mscbank.core.web.api import INPUTS
from tests.both_doors import NUL, SURROGATE, Doors, state
from tests.both_doors import doors as doors  # the fixture
from tests.browser import addresses, everybody, page_kinds, things, token_of

NASTY: tuple[Any, ...] = (
    None,
    NUL,
    SURROGATE,
    10**30,
    -1,
    1.5,
    True,
    [[]],
    {"a": {}},
    "",
    "x" * 3000,
    [None, 1, ""],
)


def names_of(kind: str, verb: str) -> list[str]:
    """The fields that an act asks for."""
    schema, _model = INPUTS.get(f"{kind}.{verb}", (None, None))
    made: ma.Schema | None = schema() if schema is not None else None
    return [*(made.fields if made else ()), "reason", "happened_at", "proofs"]


@pytest.mark.timeout(300)
def test_no_act_answers_nasty_values_with_a_fault_of_ours(doors: Doors) -> None:
    """Every address of an act, every field of it, each nasty value: refused, never a 5xx, nothing changed."""
    codes, login = things(doors.world), everybody()
    doors.tokens[login] = token_of(login)
    tried, wrong = 0, []
    before = state()
    for (kind, verb), address in sorted(addresses(doors.app).items()):
        if "<code>" in address and kind not in codes:
            continue
        path = address.replace("<code>", codes.get(kind, ""))
        for value in NASTY:
            body = dict.fromkeys(names_of(kind, verb), value)
            answer = doors.api(login, path, body, version=1)
            tried += 1
            if answer.status_code < 400 or answer.status_code >= 500:
                wrong.append((path, value, answer.status, answer.text[:200]))
    assert not wrong, wrong
    assert tried > 1000
    assert state() == before
    assert ACTIONS


@pytest.mark.timeout(300)
def test_no_form_answers_nasty_values_with_a_fault_of_ours(doors: Doors) -> None:
    """Every form of every page, sent with nasty values in the fields that it shows: shown again, no 5xx."""
    codes, browser = things(doors.world), doors.browser(everybody())
    before, wrong, tried = state(), [], 0
    kinds = page_kinds()
    for rule in doors.app.url_map.iter_rules():
        kind = kinds.get(rule.endpoint.partition(".")[0])
        if "POST" not in (rule.methods or ()) or ("<code>" in rule.rule and kind not in codes):
            continue
        path = rule.rule.replace("<code>", codes.get(kind or "", ""))
        if kind is None or "<" in path:
            continue
        shown = browser.get(path)
        assert shown.status_code in (200, 405), (path, shown.status, shown.text[:300])
        names = set(re.findall(r'<(?:input|select|textarea)[^>]* name="(\w+)"', shown.text))
        for value in ("Zer\0o", "9" * 40, "62,4"):
            tried += 1
            answer = browser.post(path, data=dict.fromkeys(names - {"code"}, value))
            if answer.status_code >= 500 or "Traceback" in answer.text:
                wrong.append((path, value, answer.status, answer.text[:200]))
    assert not wrong, wrong
    assert tried > 100
    assert state() == before
