"""Every role at every address of both doors: each answer is one that the rules know, none a fault of ours."""

import pytest

from mscbank.core.access import Role, operator
from mscbank.core.db import session
from mscbank.ops.demo.cast import PASSWORD
from mscbank.staff import actions as staff
from mscbank.staff import secrets
from tests.both_doors import Doors, state
from tests.both_doors import doors as doors  # the fixture
from tests.browser import addresses, api_kinds, page_kinds, things, token_of

READS, WRITES = {200, 302, 403, 404}, {400, 403, 404, 409, 412, 413, 422, 428}

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def employed(role: Role) -> str:
    """Somebody who holds this role and no other."""
    host, login = operator("tests"), f"only-{role.value.replace('_', '-')}"
    user = staff.register(by=host, login=login, printed_name=f"Only {role.value}")
    staff.grant_role(user, by=host, role=role)
    secrets.prepare(login, PASSWORD)
    staff.set_password(user, by=host)
    session.remove()
    return login


@pytest.mark.parametrize("role", list(Role), ids=lambda role: role.value)
def test_no_role_meets_a_fault_of_ours(doors: Doors, role: Role) -> None:
    """Pages and resources are read, acts are sent empty: known answers only, and nothing is changed."""
    codes, login = things(doors.world), employed(role)
    doors.tokens[login] = token_of(login)
    browser, kinds = doors.browser(login), page_kinds() | api_kinds()
    before, wrong, tried = state(), [], 0
    for rule in doors.app.url_map.iter_rules():
        kind = kinds.get(rule.endpoint.partition(".")[0])
        path = rule.rule.replace("<code>", codes.get(kind or "", "<code>"))
        if "GET" not in (rule.methods or ()) or "<" in path or path.startswith(("/static/", "/sign-out")):
            continue
        tried += 1
        if path.startswith("/api/v1/"):
            answer = doors.api(login, path.removeprefix("/api/v1/"), method="GET")
        else:
            answer = browser.get(path)
        if answer.status_code not in READS:
            wrong.append((path, answer.status, answer.text[:300]))
    for (kind, _verb), address in sorted(addresses(doors.app).items()):
        if "<code>" in address and kind not in codes:
            continue
        tried += 1
        answer = doors.api(login, address.replace("<code>", codes.get(kind, "")), {}, version=1)
        if answer.status_code not in WRITES:
            wrong.append((address, answer.status, answer.text[:300]))
    assert not wrong, "\n".join(map(str, wrong[:30]))
    assert tried > 400
    assert state() == before
