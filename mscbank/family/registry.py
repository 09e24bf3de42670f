"""What later steps tell about recipients: whether somebody has been infused."""

from collections.abc import Callable

Infused = Callable[[list[int]], set[int]]
_infused: list[Infused] = []


def infused_check(check: Infused) -> Infused:
    """Register how one learns who was infused: recipient ids → those among them into whom cells have gone.

    Called by the step that infuses. What has happened counts, not what is planned: an infusion that was
    started, also one that was recorded afterwards.
    """
    _infused.append(check)
    return check


def infused(recipient_ids: list[int]) -> set[int]:
    """The recipients among these who were infused."""
    return {found for check in _infused for found in check(recipient_ids)} if recipient_ids else set()
