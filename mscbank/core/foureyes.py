"""Four eyes: two acts that two people do (invariant 11; Annex 11, 6; 21 CFR 11.10(g)).

Each pair is declared once. The same object refuses in the pages, in the API and at the command line, whoever
holds which roles, and stands in the documentation. Where both people act at one moment, the act itself asks
for two signatures, which are never of one person.
"""

from collections.abc import Collection
from dataclasses import dataclass

from mscbank.core.access import Principal
from mscbank.core.errors import Obstacle, Refusal, Refused


@dataclass(frozen=True)
class FourEyes(Refusal):
    """Who did one of the first acts does none of the second: the refusal, and both sides by their names."""

    first: tuple[str, ...] = ()
    second: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        PAIRS[self.code] = self

    def stops(self, by: Principal, did: str | Collection[str] | None) -> Obstacle | None:
        """Why somebody does not do the second act: he is, by login, among those who did the first."""
        logins = (did,) if isinstance(did, str) else did or ()
        return self() if by.login in logins else None

    def refuse(self, by: Principal, did: str | Collection[str] | None) -> None:
        """The same for the body of an act: refused."""
        if found := self.stops(by, did):
            raise Refused(found)


PAIRS: dict[str, FourEyes] = {}
"""Every pair of the house, by the code of its refusal."""
