"""The whole permission matrix, as the code says it: the administrator, the readers, the auditor."""

import pytest

from mscbank.app import load_steps
from mscbank.core.access import CODES_ONLY, READ_ONLY, Grant, Principal, Role
from mscbank.core.acts import ACTIONS, Action
from mscbank.core.web.api import INPUTS
from tests.both_doors import Doors
from tests.both_doors import doors as doors  # the fixture
from tests.browser import api_kinds, page_kinds, things, token_of
from tests.test_roles import employed

load_steps()
EVERYBODY = set(Role)
ACCOUNTS = {"site", "person", "badge", "access_review"}
"""Kinds of things about people: what the administrator's office is."""
UNSEALS = {"donor.unseal", "recipient.unseal"}
"""What an inspector does: the names of one person are opened to him for an hour, with the reason."""
FOR_ONESELF = {
    "person.enrol_app", "person.renew_recovery_codes", "person.remove_app", "person.add_passkey",
    "person.remove_passkey", "person.link_identity", "person.open_seal",
    "person.set_password", "person.end_own_sessions", "person.issue_token", "person.revoke_token",
    "person.open_presence", "person.close_presence",
}  # fmt: skip


def outermost() -> list[Action]:
    ours = [action for action in ACTIONS.values() if action.body.__module__.startswith("mscbank.")]
    return [action for action in ours if action.role]


@pytest.mark.parametrize("action", outermost(), ids=lambda action: action.name)
def test_the_administrator_has_no_right_on_gmp_data(action: Action):
    assert Role.ADMIN not in action.role or action.kind in ACCOUNTS


@pytest.mark.parametrize("action", outermost(), ids=lambda action: action.name)
def test_those_who_only_read_do_nothing_but_for_themselves(action: Action):
    if set(action.role) == EVERYBODY:
        assert action.name in FOR_ONESELF
    elif action.name not in UNSEALS:
        assert not set(action.role) & READ_ONLY


def test_what_everybody_may_is_about_oneself():
    assert {action.name for action in outermost() if set(action.role) == EVERYBODY} >= {
        "person.set_password", "person.open_presence",
    }  # fmt: skip
    for name in FOR_ONESELF & set(ACTIONS):
        assert ACTIONS[name].kind == "person"


def test_only_the_system_and_the_host_do_without_a_role():
    for action in ACTIONS.values():
        if action.rule is not None:
            assert not action.meanings, f"{action.name}: the clockwork never signs"
        if action.operator:
            assert action.kind in ACCOUNTS | {"checkpoint_key", "checkpoint", "master_key"}, action.name


@pytest.mark.parametrize("role", [Role.ADMIN, *sorted(CODES_ONLY)], ids=lambda role: role.value)
def test_names_of_donors_and_recipients_are_not_for(role: Role):
    assert not Principal("x", "X", frozenset({Grant(role)})).sees_names


def test_the_auditor_sees_every_page_and_every_resource(doors: Doors):
    """Lists, things and what is read about them, of every kind that the world has, at both doors."""
    codes, login = things(doors.world), employed(Role.AUDITOR)
    doors.tokens[login] = token_of(login)
    browser, kinds = doors.browser(login), page_kinds() | api_kinds()
    refused, seen = [], 0
    for rule in doors.app.url_map.iter_rules():
        blueprint, _point, verb = rule.endpoint.partition(".")
        kind = kinds.get(blueprint)
        is_read = verb in ("list", "show") or verb.startswith("get_")
        if kind is None or not is_read or ("<code>" in rule.rule and kind not in codes):
            continue
        path = rule.rule.replace("<code>", codes.get(kind, ""))
        if "<" in path:
            continue
        seen += 1
        if path.startswith("/api/v1/"):
            status = doors.api(login, path.removeprefix("/api/v1/"), method="GET").status_code
        else:
            status = browser.get(path).status_code
        if status not in (200, 404):
            refused.append((path, status))
        if status == 404 and verb in ("list", "show", "get_list", "get_show", "get_one"):
            refused.append((path, status))
    assert not refused, refused
    assert seen > 60


def test_the_auditor_does_nothing_over_the_api(doors: Doors):
    """Every act is sent as it would have to be; each is refused for the role, or because it asks for more."""
    codes, login = things(doors.world), employed(Role.AUDITOR)
    auditor = Principal(login, "Only auditor", frozenset({Grant(Role.AUDITOR)}))
    for name in INPUTS:
        action = ACTIONS[name]
        assert auditor.holds(action.role) is None or name in FOR_ONESELF, name
    doors.tokens[login] = token_of(login)
    answer = doors.api(login, f"batches/{codes['batch']}/abandon", {"reason": "none of mine"}, version=1)
    assert answer.status_code == 403
