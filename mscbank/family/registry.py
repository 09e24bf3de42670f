"""What later steps tell about people: whether somebody has been infused, until when cells were of use."""

from collections.abc import Callable
from datetime import date

Infused = Callable[[list[int]], set[int]]
_infused: list[Infused] = []


LastUse = Callable[[str, list[str]], dict[str, date]]
_last_use: list[LastUse] = []


def last_use_check(check: LastUse) -> LastUse:
    """Register how one learns until when cells of, or for, people were used or can be.

    Called by each step in which cells are taken, kept or given: kind and codes of people → code → last day.
    """
    _last_use.append(check)
    return check


def last_use(kind: str, codes: list[str]) -> dict[str, date]:
    """Code → the last day on which cells of a donor, or for a recipient, were used or can be."""
    found: dict[str, date] = {}
    for check in _last_use:
        for code, day in check(kind, codes).items():
            found[code] = max(day, found.get(code, day))
    return found


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
