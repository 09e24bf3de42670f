"""What ``mscbank verify`` recomputes: each step registers its checks here, and nobody knows them all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

Fault = tuple[str, str, str]
"""Kind and code of the thing that does not hold, and one sentence that says why."""
Check = Callable[[], Iterator[Fault]]
C = TypeVar("C", bound=Check)


@dataclass(frozen=True)
class Registered:
    """A check by its name, with the first line of its documentation."""

    name: str
    run: Check

    @property
    def meaning(self) -> str:
        """What holds when it finds nothing."""
        return (self.run.__doc__ or self.name).strip().split("\n", 1)[0]


CHECKS: dict[str, Registered] = {}


def check(name: str) -> Callable[[C], C]:
    """Register a check: it reads, and yields (kind, code, sentence) for every thing that does not hold."""

    def register(run: C) -> C:
        if name in CHECKS:
            raise ValueError(f"two checks are called {name}")
        CHECKS[name] = Registered(name, run)
        return run

    return register


def run(*names: str) -> Iterator[tuple[str, Fault]]:
    """Run the named checks, or all of them; name and fault of everything that does not hold."""
    for name in names or tuple(CHECKS):
        for fault in CHECKS[name].run():
            yield name, fault
