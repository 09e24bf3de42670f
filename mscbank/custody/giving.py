"""What the step that infuses tells about vials: which of them are being given to a patient now."""

from collections.abc import Callable, Iterable

GivenNow = Callable[[list[int]], set[int]]
_given_now: list[GivenNow] = []


def given_now_check(check: GivenNow) -> GivenNow:
    """Register how one learns what is being given: vial ids → those of an infusion that has begun.

    Called by the step that infuses; an infusion has begun from its start until its record is closed.
    """
    _given_now.append(check)
    return check


def given_now(vial_ids: Iterable[int]) -> set[int]:
    """The vials among these that are being given to a patient."""
    listed = list(vial_ids)
    return {found for check in _given_now for found in check(listed)} if listed else set()
