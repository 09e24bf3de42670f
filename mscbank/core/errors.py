"""What is refused, and how it is said: obstacles, and the small family of exceptions that carries them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mscbank.core.access import ROLE_WORDS, Role
from mscbank.core.i18n import Sentence, _

CODES: dict[str, str] = {}
"""Every stable code with its sentence, for ``docs/errors.md``; filled as obstacles are declared."""
DECLARED: dict[str, "Refusal"] = {}
"""Every refusal by its code."""


@dataclass(frozen=True)
class Obstacle:
    """Why something cannot be done now: a stable code, one sentence, who can resolve it, the values in it."""

    code: str
    sentence: Sentence
    who: Role | tuple[Role, ...] | None = None
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[Role, ...]:
        """The roles that can resolve it."""
        return () if self.who is None else (self.who,) if isinstance(self.who, Role) else self.who

    @property
    def who_words(self) -> list[str]:
        """Who can resolve it, in words."""
        return [str(ROLE_WORDS[role]) for role in self.roles]

    def as_json(self) -> dict[str, Any]:
        """The obstacle as the API shows it."""
        return {"code": self.code, "sentence": str(self.sentence), "who": [r.value for r in self.roles]}

    def as_words(self) -> dict[str, Any]:
        """The obstacle as pages show it: the sentence, who can lift it in words, the stable code."""
        return {"code": self.code, "sentence": str(self.sentence), "who": self.who_words}


@dataclass(frozen=True)
class Refusal:
    """An obstacle's declaration, written once beside its rule; calling it with values gives the obstacle."""

    code: str
    msgid: str
    who: Role | tuple[Role, ...] | None = None
    held_by: tuple[str, ...] = ()
    """The guards and constraints of the database that hold the same, by name."""

    def __post_init__(self) -> None:
        if CODES.setdefault(self.code, self.msgid) != self.msgid:
            raise ValueError(f"two sentences for {self.code}")
        DECLARED.setdefault(self.code, self)

    def __call__(self, **values: Any) -> Obstacle:
        return Obstacle(self.code, _(self.msgid, **values), self.who, values)


class Refused(Exception):
    """The state of things refuses it; nothing was changed."""

    status: ClassVar[int] = 409
    title: ClassVar[Sentence] = _("Not possible now")
    default: ClassVar[Refusal | None] = None
    """What is said where nothing else is; without it a refusal always names what stands in the way."""

    def __init__(self, *obstacles: Obstacle, faults: Mapping[str, Any] | None = None) -> None:
        if not obstacles:
            if self.default is None:
                raise ValueError(f"{type(self).__name__} names what stands in the way")
            obstacles = (self.default(),)
        self.obstacles: tuple[Obstacle, ...] = obstacles
        self.faults: dict[str, Any] = dict(faults or {})
        self.blocked_as: str | None = None
        super().__init__(self.obstacles[0].code, str(self.obstacles[0].sentence))

    @property
    def code(self) -> str:
        """The stable code of the first obstacle."""
        return self.obstacles[0].code

    @property
    def sentence(self) -> str:
        """The first obstacle in words."""
        return str(self.obstacles[0].sentence)


class Malformed(Refused):
    """The request cannot be read."""

    status, title = 400, _("Not readable")
    default = Refusal("malformed", "The request could not be read.")


class SignIn(Refused):
    """Nobody is there, or the secret is wrong."""

    status, title = 401, _("Please sign in")
    default = Refusal("sign_in", "Sign in first.")


class NotAllowed(Refused):
    """This person may not do it."""

    status, title = 403, _("Not yours to do")


class Missing(Refused):
    """There is no such thing, or not for this person."""

    status, title = 404, _("Not found")
    default = Refusal("missing", "There is no such thing.")


class Stale(Refused):
    """Somebody else was faster."""

    status, title = 412, _("Changed meanwhile")
    default = Refusal(
        "stale", "Somebody changed this meanwhile. Look at it again, then repeat what is still right."
    )


class TooLarge(Refused):
    """The body is larger than the limit."""

    status, title = 413, _("Too large")
    default = Refusal("too_large", "The request is larger than is accepted here.")


class WrongMedia(Refused):
    """The body is of another kind than is read here."""

    status, title = 415, _("Not this kind of body")
    default = Refusal("wrong_media", "Send the body as application/json.")


DOES_NOT_FIT = Refusal("invalid", "Some fields need a correction.")


class Invalid(Refused):
    """The input does not fit; ``faults`` names every field and what to do."""

    status, title = 422, _("Please correct the form")
    default = DOES_NOT_FIT


class VersionMissing(Refused):
    """An act on an existing thing needs the version that the person saw."""

    status, title = 428, _("Version missing")
    default = Refusal("version_missing", "Say with If-Match which version you saw.")


class TooMany(Refused):
    """Too many requests, or too many wrong secrets."""

    status, title = 429, _("Too many tries")
    default = Refusal("too_many", "Too many tries. Wait a little, then try again.")


class Busy(Refused):
    """The database could not take it now."""

    status, title = 503, _("Try again")
    default = Refusal("busy", "The bank is busy. Nothing was changed: try again.")


def invalid(*why: Obstacle, **faults: Any) -> Invalid:
    """An ``Invalid`` with its faults by field; ``why``: the refusals behind them that have a code."""
    return Invalid(DOES_NOT_FIT(), *why, faults=faults)


def first(obstacles: Iterable[Obstacle | None]) -> Obstacle | None:
    """The first obstacle that stands, if any."""
    return next((obstacle for obstacle in obstacles if obstacle is not None), None)


_unique: dict[str, Callable[[], Obstacle]] = {}
UNIQUE_KEYS: dict[str, str] = {}
"""Unique index → the code of the refusal that it means."""


def unique_means(index: str, table: str, columns: tuple[str, ...], refusal: Refusal) -> None:
    """Say what a violated unique index means: PostgreSQL names the index, SQLite its columns."""
    UNIQUE_KEYS[index] = refusal.code
    _unique[index] = refusal
    _unique["UNIQUE constraint failed: " + ", ".join(f"{table}.{column}" for column in columns)] = refusal
    _unique[f"UNIQUE constraint failed: index '{index}'"] = refusal


def meaning_of(violation: str) -> Obstacle | None:
    """The obstacle behind a violated index's name or SQLite's words for it."""
    made = _unique.get(violation)
    return made() if made else None
