"""A life is written once, as a table: from, move, to, who, what may stand in the way, what it signs.

The table drives the action's check, the buttons, the API's moves, the trigger in the database and the
diagram in ``docs/states.md``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mscbank.core.access import Principal, Role
from mscbank.core.errors import Obstacle, Refusal
from mscbank.core.i18n import Sentence

Judge = Callable[[Any, Principal], Obstacle | None]
"""A rule: (facts that the step loaded in bulk, who wants it) → the obstacle, or ``None``."""

WRONG_STATE = Refusal("lifecycle.wrong_state", "“%(move)s” is not open here: it stands at “%(state)s”.")
ROLE_NEEDED = Refusal("lifecycle.role_needed", "“%(move)s” is not for your role.")


@dataclass(frozen=True)
class Move:
    """One arrow of a life. ``role=None``: only a step of a bigger action."""

    name: str
    source: StrEnum | tuple[StrEnum, ...]
    target: StrEnum | tuple[StrEnum, ...]
    """Where it leads; several when the body decides (it then calls ``act.lead(thing, state)``)."""
    role: Role | tuple[Role, ...] | None
    label: Sentence
    unless: Judge | tuple[Judge, ...] = ()
    signs: str | tuple[str, ...] | None = None
    """The meaning of the signature it needs; several meanings, several signers, the first one acts."""
    fields: bool = False
    """Whether it asks for more than a reason: its button leads to a form."""

    @property
    def sources(self) -> tuple[StrEnum, ...]:
        return self.source if isinstance(self.source, tuple) else (self.source,)

    @property
    def targets(self) -> tuple[StrEnum, ...]:
        return self.target if isinstance(self.target, tuple) else (self.target,)

    @property
    def judges(self) -> tuple[Judge, ...]:
        return self.unless if isinstance(self.unless, tuple) else (self.unless,)

    @property
    def meanings(self) -> tuple[str, ...]:
        return () if self.signs is None else (self.signs,) if isinstance(self.signs, str) else self.signs

    @property
    def roles(self) -> tuple[Role, ...]:
        return () if self.role is None else (self.role,) if isinstance(self.role, Role) else self.role


@dataclass(frozen=True)
class OpenMove:
    """A move as a page or the API shows it to one person: possible, or off with its obstacle."""

    move: Move
    thing: Any
    obstacle: Obstacle | None

    @property
    def name(self) -> str:
        return self.move.name

    @property
    def label(self) -> str:
        return str(self.move.label)

    @property
    def signs(self) -> bool:
        return bool(self.move.meanings)

    def as_json(self) -> dict[str, Any]:
        """The move as the API shows it."""
        return {
            "name": self.name,
            "label": self.label,
            "signs": list(self.move.meanings),
            "obstacle": self.obstacle.as_json() if self.obstacle else None,
        }


@dataclass
class Lifecycle:
    """The life of one column of one kind."""

    kind: str
    moves: Sequence[Move]
    start: StrEnum
    column: str = "state"
    words: dict[StrEnum, Sentence] = field(default_factory=dict)
    signs: dict[StrEnum, tuple[str, str]] = field(default_factory=dict)
    """State → (silhouette, colour) of the status vocabulary."""
    ends: frozenset[StrEnum] = frozenset()
    facts: Callable[[list[Any]], dict[int, Any]] | None = None
    """Loads, for many things at once, the facts that the rules judge: id → facts. Set by ``actions.py``."""

    def __post_init__(self) -> None:
        LIVES[(self.kind, self.column)] = self
        names = [move.name for move in self.moves]
        if len(names) != len(set(names)):
            raise ValueError(f"two moves of {self.kind}.{self.column} share a name")

    def __getitem__(self, name: str) -> Move:
        return next(move for move in self.moves if move.name == name)

    @property
    def arrows(self) -> set[tuple[StrEnum, StrEnum]]:
        """Every (from, to) that may happen."""
        return {(s, t) for move in self.moves for s in move.sources for t in move.targets if s is not t}

    def word(self, state: StrEnum) -> str:
        """A state in the reader's language."""
        return str(self.words.get(state, state.value.replace("_", " ")))

    def sign(self, state: StrEnum) -> tuple[str, str]:
        """Silhouette and colour of a state."""
        return self.signs.get(state, ("ring", "end"))

    def facts_of(self, things: Iterable[Any]) -> dict[int, Any]:
        """The facts of several things, loaded in bulk; the thing itself where the step declares none."""
        listed = list(things)
        return self.facts(listed) if self.facts else {thing.id: thing for thing in listed}

    def obstacle(
        self, move: Move, thing: Any, facts: Any, by: Principal, *, child: bool = False
    ) -> Obstacle | None:
        """Why ``by`` cannot make this move now; ``None`` when nothing is in the way."""
        state = getattr(thing, self.column)
        if state not in move.sources:
            return WRONG_STATE(move=move.label, state=self.word(state))
        if not child and (move.role is None or by.holds(move.role, thing.site) is None):
            return Obstacle(ROLE_NEEDED.code, ROLE_NEEDED(move=move.label).sentence, move.role)
        for judge in move.judges:
            if found := judge(facts, by):
                return found
        return None

    def open_to(self, thing: Any, by: Principal, *, facts: Any = None) -> list[OpenMove]:
        """The moves that lead on from here and have a role, each with what stands in its way."""
        if facts is None:
            facts = self.facts_of([thing])[thing.id]
        state = getattr(thing, self.column)
        return [
            OpenMove(move, thing, self.obstacle(move, thing, facts, by))
            for move in self.moves
            if state in move.sources and move.role is not None
        ]


LIVES: dict[tuple[str, str], Lifecycle] = {}
"""Every life, by kind and column."""


def open_to(thing: Any, by: Principal) -> list[OpenMove]:
    """The moves of all lives of a thing that are open, or off with a reason, to this person."""
    return [found for life in type(thing).lives.values() for found in life.open_to(thing, by)]
