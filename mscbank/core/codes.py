"""Short codes are given here, and what a code stands for is registered here by each step."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from sqlalchemy import String, UniqueConstraint, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from mscbank.coding import short
from mscbank.coding.types import TYPES
from mscbank.core.db import KINDS, Base, Plumbing, Thing, is_sqlite, session
from mscbank.core.errors import Missing, Obstacle, Refusal
from mscbank.core.instance import instance
from mscbank.core.types import WORD_LENGTH, Id

LETTERS = {kind: symbol for symbol, kind in TYPES.items()}
IS_A_PRINT = Refusal(
    "code.is_a_print",
    "This is a printed label's code. Scan it in the scan box; here only the code itself counts.",
)
NOT_HERE = Refusal("code.unknown", "Nothing here has the code %(code)s.")


class CodeCounter(Plumbing):
    """The last number given for each kind; codes are never reused."""

    __tablename__ = "code_counter"

    kind: Mapped[str] = mapped_column(String(WORD_LENGTH))
    last: Mapped[int] = mapped_column(Id)

    __table_args__ = (UniqueConstraint("kind"),)


def _next(dialect: ModuleType) -> Any:
    """Count a kind up, from nothing where it has no code yet; the answer is the last number given."""
    counters = Base.metadata.tables["code_counter"]
    made = dialect.insert(counters)
    counted = made.on_conflict_do_update(
        index_elements=["kind"], set_={"last": counters.c.last + made.excluded.last}
    )
    return counted.returning(counters.c.last)


_NEXT = {True: _next(sqlite), False: _next(postgresql)}


def new_codes(kind: str, count: int = 1) -> list[str]:
    """The next ``count`` short codes of a kind, inside the act that is open."""
    act = session.registry().act
    if act is None:
        raise RuntimeError("a code is given inside an act")
    last = act.plumb(_NEXT[is_sqlite()], {"kind": kind, "last": count}).scalar_one()
    prefix = instance().prefix
    return [short.make(LETTERS[kind], prefix, number) for number in range(last - count + 1, last + 1)]


def new_code(kind: str) -> str:
    """The next short code of a kind."""
    return new_codes(kind)[0]


@dataclass(frozen=True)
class Resolver:
    """What a kind of scanned thing leads to: its model and the page that shows it."""

    kind: str
    page: Callable[[Any], str]
    """A function from the thing to the URL of its page."""
    title: Callable[[Any], str]


_resolvers: dict[str, Resolver] = {}
_din: list[Callable[[str], Any]] = []


def resolves(
    kind: str, *, page: Callable[[Any], str], title: Callable[[Any], str] = lambda thing: thing.called
) -> None:
    """Say where a scanned thing of this kind leads. Called by the step's ``pages.py``."""
    _resolvers[kind] = Resolver(kind, page, title)


def resolver(kind: str) -> Resolver | None:
    """What a kind leads to."""
    return _resolvers.get(kind)


def din_resolves(find_donation: Callable[[str], Any]) -> None:
    """``collection`` says which donation carries a 13-character DIN."""
    _din[:] = [find_donation]


def by_din(din: str) -> Any:
    """The donation of a DIN, or ``None``."""
    return _din[0](din) if _din else None


_wristband: list[Callable[[str, Callable[[str | None], bool]], Any]] = []
_prints: dict[str, Callable[[Any, int], Obstacle | None]] = {}


def wristband_resolves(find_person: Callable[[str, Callable[[str | None], bool]], Any]) -> None:
    """``family`` says whose wristband this is, at the sites that a reader sees."""
    _wristband[:] = [find_person]


def by_wristband(text: str, sees: Callable[[str | None], bool] = lambda _site: True) -> Any:
    """The person of a wristband, or ``None``."""
    return _wristband[0](text, sees) if _wristband and text else None


def prints_judged(kind: str, judge: Callable[[Any, int], Obstacle | None]) -> None:
    """``custody`` says whether a printed label of a thing is void or unknown, and notes the scan."""
    _prints[kind] = judge


def print_alarm(thing: Any, print_: int | None) -> Obstacle | None:
    """What is wrong with the printed label that was scanned, if anything."""
    judge = _prints.get(thing.kind)
    return judge(thing, print_) if judge and print_ else None


def by_code(code: str) -> Thing:
    """The thing with this code, whatever it is; a printed form and an unknown one are refused."""
    parsed = short.parse(code)
    if parsed.print_:
        raise Missing(IS_A_PRINT())
    model = KINDS.get(TYPES[parsed.letter])
    thing = session.scalar(select(model).where(model.code == code)) if model else None
    if thing is None:
        raise Missing(NOT_HERE(code=code))
    return thing
