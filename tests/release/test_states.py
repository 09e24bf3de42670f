"""The life of a release as a table."""

from mscbank.core.acts import ACTIONS
from mscbank.release import actions
from mscbank.release.states import LIFE, USABLE, State

UNSIGNED = {"suspend", "recall"}


def test_every_move_has_its_action_and_its_word():
    assert {ACTIONS[f"release.{move.name}"].move for move in LIFE.moves} == set(LIFE.moves)
    assert actions.release_batch.name == "release.release"
    assert set(LIFE.words) == set(LIFE.signs) == set(State)


def test_every_decision_is_signed_and_only_stopping_needs_no_password():
    assert {move.name for move in LIFE.moves if not move.signs} == UNSIGNED


def test_only_what_was_recalled_has_no_way_on():
    assert set(State) - {source for source, _ in LIFE.arrows} == {State.RECALLED}


def test_the_arrows_are_those_of_the_ground():
    after = {
        State.UNDER_REVIEW: {State.CHECKED, State.REJECTED, State.OOS_EXCEPTIONAL},
        State.CHECKED: {State.CERTIFIED, State.UNDER_REVIEW, State.REJECTED},
        State.CERTIFIED: {State.RELEASED, State.CONDITIONALLY_RELEASED, State.UNDER_REVIEW},
        State.RELEASED: {State.SUSPENDED, State.RECALLED},
        State.CONDITIONALLY_RELEASED: {State.RELEASED, State.REJECTED, State.SUSPENDED, State.RECALLED},
        State.OOS_EXCEPTIONAL: {State.SUSPENDED, State.RECALLED},
        State.SUSPENDED: {*USABLE, State.UNDER_REVIEW, State.RECALLED, State.REJECTED},
        State.REJECTED: {State.OOS_EXCEPTIONAL},
    }
    assert LIFE.arrows == {(before, state) for before, states in after.items() for state in states}
