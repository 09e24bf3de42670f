"""The door: the only way to write. An action is one permission, one transaction, one entry in the record."""

import inspect as python_inspect
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, NoReturn

import structlog
from sqlalchemy import inspect, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError
from sqlalchemy.orm import object_session

from mscbank.core import clock, doing, idempotency, signatures
from mscbank.core.access import Kind, Principal, Role, system
from mscbank.core.access import load as load_principal
from mscbank.core.db import KINDS, Row, Thing, Unguarded, is_busy, permitted, session
from mscbank.core.entries import (
    TRIES,
    keep_blocked,
    keep_out_of_sight,
    keep_reading,
    request,
    write_down,
)
from mscbank.core.errors import (
    Busy,
    Missing,
    NotAllowed,
    Obstacle,
    Refusal,
    Refused,
    Stale,
    invalid,
    meaning_of,
)
from mscbank.core.flush import bump
from mscbank.core.frame import Frame, OpenAct
from mscbank.core.instance import instance
from mscbank.core.lifecycle import Judge, Lifecycle, Move, OpenMove
from mscbank.core.locks import Again, Shared, lock, shared
from mscbank.core.messages import Touched
from mscbank.core.naming import Key

__all__ = [
    "ACTIONS", "SUBJECTS", "Action", "Again", "Shared", "action", "current", "does", "keep_out_of_sight",
    "keep_reading", "open_moves", "reasoned", "request", "shared",
]  # fmt: skip

REASON_LENGTH = 5

NOT_OUTERMOST = Refusal("acts.not_by_itself", "“%(action)s” happens only as part of a larger act.")
ROLE_NEEDED = Refusal("acts.role_needed", "This is not for your role.")
SCOPE_NEEDED = Refusal("acts.scope_needed", "This token is not made for this.")
OUT_OF_SIGHT = Refusal("acts.out_of_sight", "There is no such thing.")
CLOCK_MOVED = Refusal("acts.clock_moved", "The clock is moved only in a demonstration.")
DATABASE_REFUSED = Refusal(
    "acts.database_refused", "A rule in the database refuses this. Nothing was changed."
)
ALREADY_THERE = Refusal("acts.already_there", "There is one like this already. Nothing was changed.")
UNCERTAIN = Refusal(
    "acts.uncertain",
    "The connection was lost while saving. Look whether it was done before you repeat it; with the same "
    "idempotency key it is not done twice.",
)
REASON_NEEDED = "Say why, in at least 5 characters."
FUTURE = "This lies in the future."
DOES_NOT_FIT = "A value does not fit where it is kept. Nothing was changed."

log = structlog.get_logger()


def reasoned(why: str | None) -> bool:
    """Whether somebody said why: at least 5 characters that are not blank (Annex 11, 9)."""
    return len("".join((why or "").split())) >= REASON_LENGTH


def current() -> OpenAct:
    """The act that is open."""
    act: OpenAct | None = session.registry().act
    if act is None:
        raise Unguarded("no act is open")
    return act


@dataclass(frozen=True)
class Action:
    """A use case. Call it with its subject (or, for a creation, without), ``by=`` and its inputs."""

    name: str
    body: Callable[..., Any]
    role: tuple[Role, ...] = ()
    kind: str | None = None
    """The kind of its subject; for a creation the kind that it makes."""
    creates: bool = False
    rule: str | None = None
    """The rule of the clockwork that starts it, in place of a role."""
    operator: bool = False
    reason: bool = False
    locks: Callable[..., Iterable[Any]] | None = None
    unless: tuple[Judge, ...] = ()
    needs: Callable[..., None] | None = None
    """Refuses when its subjects, judged together and with the inputs, are not fit for it."""
    meanings: tuple[str, ...] = ()
    by_badge: bool = False
    """Whether the second person, who is present at the station, may sign by scanning the own badge."""
    content: Callable[..., Any] | None = None
    announces: tuple[tuple[str, Callable[..., Touched]], ...] = ()
    life: Lifecycle | None = None
    move: Move | None = None

    @property
    def doc(self) -> str:
        """What it means, in one sentence."""
        return (python_inspect.getdoc(self.body) or "").split("\n", 1)[0]

    @cached_property
    def _wants(self) -> frozenset[str]:
        return frozenset(python_inspect.signature(self.body).parameters)

    def __call__(
        self, *subject: Any, by: Principal, reason: str | None = None, expected: int | None = None,
        proofs: Iterable[signatures.Proof] = (), key: str | None = None,
        happened_at: datetime | None = None, happened_zone: str | None = None, **inputs: Any,
    ) -> Any:  # fmt: skip
        thing = subject[0] if subject else None
        if self.creates is bool(subject) or len(subject) > 1:
            raise TypeError(f"{self.name} is called {'without a' if self.creates else 'with one'} subject")
        if session.registry().act is not None:
            return doing.child(current(), self, thing, by, reason, inputs)
        return _outermost(
            Call(self, thing, by, reason, expected, tuple(proofs), key, happened_at, happened_zone, inputs)
        )

    def each(self, things: Iterable[Any], *, by: Principal, reason: str | None = None, **inputs: Any) -> None:
        """Do it to several things as one step of the larger act: judged together, then done, then written.

        Refused before anything is done. Each does no more than change its own subject and what belongs to it.
        """
        doing.children(current(), self, list(things), by, reason, inputs)

    def run(self, thing: Any, by: Principal, reason: str | None, inputs: dict[str, Any]) -> Any:
        """The body, with what it asks for."""
        wants = self._wants
        extra: dict[str, Any] = {}
        if "by" in wants:
            extra["by"] = by
        if "reason" in wants:
            extra["reason"] = reason
        return self.body(*(() if self.creates else (thing,)), **extra, **inputs)


ACTIONS: dict[str, Action] = {}
"""Every action of the house, by name."""

SUBJECTS: dict[str, type[Row]] = {}
"""Kinds of which several rows share a code and the last made stands for it: what acts make, but no thing."""


def action(
    name: str, *, role: Role | tuple[Role, ...] | None = None, kind: str | None = None,
    creates: str | None = None, rule: str | None = None, operator: bool = False, reason: bool = False,
    locks: Callable[..., Iterable[Any]] | None = None, unless: Judge | tuple[Judge, ...] = (),
    needs: Callable[..., None] | None = None, signs: str | tuple[str, ...] | None = None,
    by_badge: bool = False, content: Callable[..., Any] | None = None,
    announces: dict[str, Callable[..., Touched]] | None = None, life: Lifecycle | None = None,
    move: Move | None = None,
) -> Callable[[Callable[..., Any]], Action]:  # fmt: skip
    """Make a use case of a function. Without role, rule and operator it is only a step of a bigger action."""

    def make(body: Callable[..., Any]) -> Action:
        if name in ACTIONS:
            raise ValueError(f"two actions are called {name}")
        made = Action(
            name=name, body=body, role=(role,) if isinstance(role, Role) else role or (),
            kind=creates or kind or name.split(".")[0], creates=creates is not None, rule=rule,
            operator=operator, reason=reason, locks=locks,
            unless=unless if isinstance(unless, tuple) else (unless,), needs=needs,
            meanings=() if signs is None else (signs,) if isinstance(signs, str) else signs,
            by_badge=by_badge, content=content, announces=tuple((announces or {}).items()), life=life,
            move=move,
        )  # fmt: skip
        ACTIONS[name] = made
        return made

    return make


def does(life: Lifecycle, move: str, **options: Any) -> Callable[[Callable[..., Any]], Action]:
    """Make the action of a move: role, rules, signature stand in the table; the state is set at the end."""
    found = life[move]
    options.setdefault("kind", life.kind)
    return action(
        f"{life.kind}.{move}",
        role=found.roles or None,
        signs=found.meanings or None,
        life=life,
        move=found,
        **options,
    )


@dataclass(frozen=True)
class Call:
    """One call of an outermost action."""

    action: Action
    thing: Any
    by: Principal
    reason: str | None
    expected: int | None
    proofs: tuple[signatures.Proof, ...]
    key: str | None
    happened_at: datetime | None
    zone: str | None
    inputs: dict[str, Any]

    @property
    def about(self) -> Key | None:
        """Kind and code of the subject, when it exists before the act."""
        return (self.thing.kind, self.thing.code) if isinstance(self.thing, Thing) else None


def _outermost(call: Call) -> Any:
    held = session.registry()
    if held.new or held.dirty or held.deleted:
        raise Unguarded("something was changed before the act began")
    held.info["replayed"] = False
    call = _at_home(call)
    _judge_call(call)
    for attempt in range(TRIES):
        try:
            return _attempt(call)
        except Refused as refused:
            raise keep_blocked(call, refused) from refused.__cause__
        except Again:
            held.rollback()
        except DBAPIError as error:
            held.rollback()
            _read_error(call, error)
        except BaseException:
            held.rollback()
            raise
        time.sleep(random.uniform(0.005, 0.03) * (attempt + 1))  # noqa: S311 - jitter, not a secret
    raise Busy


def _at_home(call: Call) -> Call:
    """The call with its things in this thread's session, whatever session they come from."""
    thing = _attached(call.thing)
    model = KINDS.get(call.action.kind or "")
    if not call.action.creates and model is not None and not isinstance(thing, model):
        raise TypeError(f"{call.action.name} acts on a {call.action.kind}, not on {type(thing).__name__}")
    inputs = {name: _attached_all(value) for name, value in call.inputs.items()}
    return replace(call, thing=thing, inputs=inputs)


def _attached(thing: Any) -> Any:
    if not isinstance(thing, Row) or object_session(thing) is session.registry():
        return thing
    identity = inspect(thing).identity
    found = session.get(type(thing), identity[0]) if identity else None
    if found is None:
        raise Unguarded(f"this {type(thing).__name__} was never saved")
    return found


def _attached_all(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_attached_all(item) for item in value)
    if isinstance(value, dict):
        return {name: _attached_all(item) for name, item in value.items()}
    return _attached(value)


def _judge_call(call: Call) -> None:
    if call.action.reason and not reasoned(call.reason):
        raise invalid(reason=[REASON_NEEDED])
    if call.happened_at is not None and call.happened_at > clock.now():
        raise invalid(happened_at=[FUTURE])


def _permission(call: Call) -> str:
    """The role in which it is done, as the record prints it; refused when there is none."""
    act, by = call.action, call.by
    site = getattr(call.thing, "site", None)
    if call.thing is not None and not by.sees(site):
        raise Missing(OUT_OF_SIGHT())
    if by.kind is Kind.SYSTEM:
        if act.rule is None or by.login != system(act.rule).login:
            raise NotAllowed(ROLE_NEEDED())
        return "system"
    if by.kind is Kind.OPERATOR:
        if not act.operator:
            raise NotAllowed(ROLE_NEEDED())
        return "operator"
    if not by.may_use(act.name):
        raise NotAllowed(SCOPE_NEEDED())
    if not act.role:
        raise NotAllowed(NOT_OUTERMOST(action=act.name))
    return _role_at(call, site)


def _role_at(call: Call, site: str | None) -> str:
    role = call.by.holds(call.action.role, site)
    if role is None and len(call.action.role) == len(Role):
        return "no role"  # it is open to everybody, who may have none yet
    if role is None:
        raise NotAllowed(replace(ROLE_NEEDED(), who=call.action.role))
    return role.value


def _attempt(call: Call) -> Any:
    held = session.registry()
    held.rollback()
    outer = Frame(call.action.name, call.thing, call.reason, "", None)
    held.act = OpenAct(call.by, None, outer, happened_at=call.happened_at)
    try:
        held.act.connection = held.connection()
        if clock.is_moved() and not instance().is_demonstration:
            raise Refused(CLOCK_MOVED())
        result = _inside(call, held.act)
        held.act.let_go()
        _commit()
        return result
    finally:
        held.act = None


def _commit() -> None:
    try:
        session.registry().commit_act()
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Busy(UNCERTAIN()) from error
        raise


def _inside(call: Call, act: OpenAct) -> Any:
    thing, inputs = call.thing, call.inputs
    if call.key is not None:
        replayed = idempotency.claim(act, call.key, call)
        if replayed is not None:
            _permission(call)
            return _find(*replayed)
    lock(act, call.action, thing, inputs)
    act.outer.role = _permission(call)
    if call.expected is not None and thing is not None and thing.version != call.expected:
        raise Stale
    doing.judge(call.action, [thing], call.by, inputs, child=False)
    signed = _use_proofs(call, act)
    result = call.action.run(thing, call.by, call.reason, inputs)
    if act.broken is not None:
        raise act.broken
    doing.arrive(act, call.action, thing)
    subject = act.outer.subject = result if call.action.creates else thing
    if isinstance(subject, Thing):
        bump(act, subject)
    session.flush()
    if call.action.creates and call.by.kind in (Kind.PERSON, Kind.DEVICE):
        _role_at(call, subject.site)
    if call.key is not None:
        idempotency.keep(act, call.key, call.by.login, subject)
    write_down(call, act, subject, signed)
    return subject if result is None else result


def _use_proofs(call: Call, act: OpenAct) -> list[signatures.Signed]:
    if not call.action.meanings:
        return []
    wanted = signatures.content_hash(call.action.name, call.thing, call.action.content, call.inputs)
    with permitted(act.own, plumbing=True):
        signed = signatures.use(
            act.own,
            act.outer.act,
            call.action.name,
            call.proofs,
            call.action.meanings,
            call.by,
            wanted,
            may_badge=call.action.by_badge,
        )
    _judge_badges(call, signed)
    act.signers = {one.meaning: one.login for one in signed}
    return signed


def _judge_badges(call: Call, signed: list[signatures.Signed]) -> None:
    """Who witnesses by badge could do the act: a role of the action, at the thing's site."""
    for one in signed:
        if one.given.means is not signatures.Means.BADGE:
            continue
        witness = load_principal(one.login)
        if witness is None or witness.holds(call.action.role, getattr(call.thing, "site", None)) is None:
            name = witness.printed_name if witness else one.login
            raise Refused(signatures.BADGE_ROLE(name=name))


def _find(kind: str, code: str) -> Any:
    session.info["replayed"] = True
    model: Any = KINDS.get(kind) or SUBJECTS[kind]
    return session.scalar(select(model).where(model.code == code).order_by(model.id.desc()).limit(1))


def _read_error(call: Call, error: DBAPIError) -> None:
    """Answers when it is worth another try; otherwise says in our words what the database refused."""
    if isinstance(error, IntegrityError):
        _refuse(call, _meaning(error), error)
    if isinstance(error, DataError):
        raise invalid(_schema=[DOES_NOT_FIT]) from error
    if not is_busy(error):
        raise error


def _refuse(call: Call, obstacle: Obstacle, error: Exception) -> NoReturn:
    raise keep_blocked(call, Refused(obstacle)) from error


def _meaning(error: IntegrityError) -> Obstacle:
    original: Any = error.orig
    diagnosis = getattr(original, "diag", None)
    words = str(original).split("\n", 1)[0]
    found = meaning_of(getattr(diagnosis, "constraint_name", None) or words)
    log.warning("constraint", known=found is not None, constraint=words)
    if found is not None:
        return found
    is_unique = getattr(original, "sqlstate", None) == "23505" or words.startswith("UNIQUE ")
    return ALREADY_THERE() if is_unique else DATABASE_REFUSED()


def open_moves(thing: Any, by: Principal) -> list[OpenMove]:
    """The moves of a thing's lives that stand open to a person, each with what stands in its way."""
    return [found for life in type(thing).lives.values() for found in life.open_to(thing, by)]
