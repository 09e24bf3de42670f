"""Four eyes: one person with every role walks the way through the API and is stopped at every pair.

Whatever she may do by her roles she does alone. Where the rule of two people stops her, whoever should do it
does it, and she goes on.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import pytest
from werkzeug.test import TestResponse

from mscbank.app import create_app, load_steps
from mscbank.core import clock, db
from mscbank.core.access import Grant, Principal, Role
from mscbank.core.acts import ACTIONS, Action
from mscbank.core.errors import Refused
from mscbank.core.foureyes import PAIRS, FourEyes
from mscbank.ops.demo.cast import Person
from mscbank.ops.demo.stage import at
from tests import worlds
from tests.browser import config, everybody, token_of
from tests.copies import Copies
from tests.test_journeys_api import Program, lab, pharmacy

load_steps()

ALONE = Person("everybody", "Every Body", tuple(Role))
TOGETHER = "signature.same_person"


class Alone(Program):
    """A program in which one person with every role does all that she is allowed to."""

    tries: Callable[[str], bool] = staticmethod(lambda name: True)
    stopped: set[tuple[str, str]]

    def send_act(
        self,
        action: Action,
        subject: Any,
        people: tuple[Person, ...],
        reason: str | None,
        inputs: dict[str, Any],
    ) -> Any:
        self.acts += 1
        for those in self._whoever(action, people):
            answer = self.attempt(action, subject, those, reason, dict(inputs))
            if answer.status_code in (200, 201):
                return self.done(action, subject, answer)
            assert ALONE in those, (action.name, answer.text[:2000])
            self._stop(action, answer)
        raise AssertionError(f"nobody did {action.name}")

    def _whoever(self, action: Action, people: tuple[Person, ...]) -> Iterator[tuple[Person, ...]]:
        """She alone, she as the first of several, then those who should."""
        if self.tries(action.name):
            yield (ALONE,) * len(people)
            if len(people) > 1:
                yield (ALONE, *people[1:])
        yield people

    def _stop(self, action: Action, answer: TestResponse) -> None:
        code = answer.json["code"]
        assert answer.status_code == 409, (action.name, answer.text[:2000])
        assert code == TOGETHER or action.name in PAIRS[code].second, (action.name, answer.text[:2000])
        assert code != TOGETHER or len(action.meanings) > 1
        assert answer.json["record"], "it stands among the blocked actions"
        self.stopped.add((code, action.name))


@pytest.fixture
def alone(copies: Copies, engine_kind: str) -> Iterator[Alone]:
    url = copies.of(worlds.STAFFED, engine_kind)
    worlds.employ_staff()
    app = create_app(config(url))
    app.config.update(TESTING=True)
    began = at(worlds.opened_on(), 8)
    with clock.moved_to(began):
        everybody()
        token = token_of("everybody")
    program = Alone(app, began)
    program.tokens["everybody"] = token
    db.session.remove()
    program.stopped = set()
    yield program
    db.disconnect()


WHOLE = {
    ("study.own_protocol", "protocol.approve"), ("study.own_specification", "specification.approve"),
    ("batch.own_lot", "material_lot.release"), ("family.claimed_by_self", "family_link.verify"),
    ("collection.own_entry", "assessment.find_eligible"), ("batch.own_count", "batch.check_count"),
    (TOGETHER, "custody.fill"), (TOGETHER, "vial.take_for_qc"), (TOGETHER, "vial.retain"),
    ("release.own_result", "release.review_results"), ("release.own_work", "release.check"),
    ("release.own_work", "release.review_trail"),
    ("release.own_work", "release.certify"), ("allocation.own_entry", "allocation.review_weight"),
    ("allocation.own_prescription", "allocation.verify_and_reserve"), (TOGETHER, "allocation.pick"),
    ("allocation.own_pick", "allocation.dispense"), (TOGETHER, "infusion.confirm_ready"),
    (TOGETHER, "infusion.thaw"), (TOGETHER, "preparation.add_vials"), (TOGETHER, "infusion.check"),
    (TOGETHER, "infusion.complete"),
}  # fmt: skip


@pytest.mark.db
@pytest.mark.timeout(300)
def test_with_every_role_the_whole_way_stops_at_each_pair(alone: Alone) -> None:
    house, course = lab(alone)
    pharmacy(alone, house, course)
    assert alone.stopped == WHOLE


@pytest.mark.db
@pytest.mark.long
@pytest.mark.parametrize(
    ("mine", "stops"),
    [
        ({"release.enter_results", "release.review_results", "release.check", "release.certify"},
         {("release.own_result", "release.review_results"), ("release.own_results", "release.check"),
          ("release.own_results", "release.certify")}),
        ({"release.review_results", "release.certify"}, {("release.own_results", "release.certify")}),
        ({"release.check", "release.certify"}, {("release.own_check", "release.certify")}),
        ({"custody.fill", "release.certify"},
         {(TOGETHER, "custody.fill"), ("release.own_work", "release.certify")}),
    ],
)  # fmt: skip
def test_whoever_began_later_is_stopped_by_the_later_pairs(
    alone: Alone, mine: set[str], stops: set[tuple[str, str]]
) -> None:
    alone.tries = lambda name: name in mine  # type: ignore[method-assign]
    lab(alone)
    assert alone.stopped == stops


# --- the rule itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_no_pair_of_roles_makes_two_people_of_one(pair: FourEyes) -> None:
    for first, second in product(Role, repeat=2):
        one = Principal("bruno", "Bruno", frozenset({Grant(first, None), Grant(second, None)}))
        assert pair.stops(one, "bruno") is not None
        assert pair.stops(one, {"ines", "bruno"}) is not None
        assert pair.stops(one, "ines") is None
        assert pair.stops(one, None) is None
    with pytest.raises(Refused) as refused:
        pair.refuse(one, ["bruno"])
    assert refused.value.code == pair.code
    pair.refuse(one, ["ines"])


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS.keys())
def test_both_sides_are_acts_of_the_house(pair: FourEyes) -> None:
    assert pair.first
    assert pair.second
    assert {*pair.first, *pair.second} <= ACTIONS.keys()
    assert not {*pair.first} & {*pair.second} or pair.code == "release.own_results"
    assert all(ACTIONS[name].role for name in (*pair.first, *pair.second))


def test_every_signature_of_two_is_known() -> None:
    assert {name for name, one in ACTIONS.items() if len(one.meanings) > 1} >= {
        name for code, name in WHOLE if code == TOGETHER
    }
