"""The completeness figure: how many of the vials on a way are accounted for, and how."""

from collections.abc import Iterable
from dataclasses import dataclass

from mscbank.custody.balance import Balance

PARTS = ("infused", "present", "qc_used", "retained", "destroyed", "broken", "lost")
"""The ways in which a vial is accounted for, in the order in which people read them."""


@dataclass(frozen=True)
class Completeness:
    """Filled, accounted for, and the sum written out."""

    filled: int
    parts: dict[str, int]

    @property
    def accounted(self) -> int:
        """How many vials are somewhere or ended in a known way."""
        return sum(self.parts.values())

    @property
    def is_complete(self) -> bool:
        """Whether not one vial is missing."""
        return self.filled == self.accounted


def add_up(balances: Iterable[Balance]) -> Completeness:
    """The figure over several batches."""
    listed = list(balances)
    return Completeness(
        filled=sum(balance.filled for balance in listed),
        parts={part: sum(getattr(balance, part) for balance in listed) for part in PARTS},
    )
