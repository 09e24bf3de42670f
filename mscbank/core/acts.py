"""The door: the only way to write. An action is one permission, one transaction, one entry in the record."""

import inspect as python_inspect
import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import insert, inspect, select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import object_session

from mscbank.core import clock, idempotency, record, signatures
from mscbank.core.access import Kind, Principal, Role
from mscbank.core.access import load as load_principal
from mscbank.core.canonical import canonical, digest
from mscbank.core.db import KINDS, Row, Thing, Unguarded, any_of, engines, is_sqlite, permitted, session
from mscbank.core.errors import Busy, Missing, NotAllowed, Refusal, Refused, Stale, invalid, meaning_of
from mscbank.core.frame import Frame, OpenAct, bump
from mscbank.core.instance import instance, instance_or_none
from mscbank.core.lifecycle import Judge, Lifecycle, Move, OpenMove
from mscbank.core.lockorder import lock_order
from mscbank.core.messages import Touched, consequence_locks
from mscbank.core.version import VERSION

REASON_LENGTH = 5
TRIES = 3

NOT_OUTERMOST = Refusal("acts.not_by_itself", "“%(action)s” happens only as part of a larger act.")
ROLE_NEEDED = Refusal("acts.role_needed", "This is not for your role.")
SCOPE_NEEDED = Refusal("acts.scope_needed", "This token is not made for this.")
OUT_OF_SIGHT = Refusal("acts.out_of_sight", "There is no such thing.")
CLOCK_MOVED = Refusal("acts.clock_moved", "The clock is moved only in a demonstration.")
DATABASE_REFUSED = Refusal(
    "acts.database_refused", "A rule in the database refuses this. Nothing was changed."
)
REASON_NEEDED = "Say why, in at least 5 characters."
FUTURE = "This lies in the future."


class Again(Exception):
    """What had to be locked changed while it was being locked."""


@dataclass(frozen=True)
class Shared:
    """A thing upstream that is only read: locked against change, not for change."""

    thing: Any


def shared(*things: Any) -> list[Any]:
    """Mark things as only read, for an action's ``locks``."""
    return [Shared(thing) for thing in things if thing is not None]


_request: ContextVar[str | None] = ContextVar("request_id", default=None)


@contextmanager
def request(identifier: str) -> Iterator[None]:
    """Everything inside belongs to one request; its id is kept with every act."""
    token = _request.set(identifier)
    try:
        yield
    finally:
        _request.reset(token)


def current() -> OpenAct:
    """The act that is open."""
    act = session.registry().act
    if act is None:
        raise Unguarded("no act is open")
    return act  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Action:
    """A use case. Call it with its subject (or, for a creation, without), ``by=`` and its inputs."""

    name: str
    body: Callable[..., Any]
    role: tuple[Role, ...] = ()
    kind: str | None = None
    """The kind of its subject; for a creation the kind that it makes."""
    creates: bool = False
    rule: bool = False
    operator: bool = False
    reason: bool = False
    locks: Callable[..., Iterable[Any]] | None = None
    unless: tuple[Judge, ...] = ()
    meanings: tuple[str, ...] = ()
    content: Callable[..., Any] | None = None
    announces: tuple[tuple[str, Callable[..., Touched]], ...] = ()
    life: Lifecycle | None = None
    move: Move | None = None

    @property
    def doc(self) -> str:
        """What it means, in one sentence."""
        return (python_inspect.getdoc(self.body) or "").split("\n", 1)[0]

    def __call__(
        self, *subject: Any, by: Principal, reason: str | None = None, expected: int | None = None,
        proofs: Iterable[signatures.Proof] = (), key: str | None = None,
        happened_at: datetime | None = None, zone: str | None = None, **inputs: Any,
    ) -> Any:  # fmt: skip
        thing = subject[0] if subject else None
        if session.registry().act is not None:
            return _child(self, thing, by, reason, inputs)
        call = Call(self, thing, by, reason, expected, tuple(proofs), key, happened_at, zone, inputs)
        return _outermost(call)

    def run(self, thing: Any, by: Principal, reason: str | None, inputs: dict[str, Any]) -> Any:
        """The body, with what it asks for."""
        wants = python_inspect.signature(self.body).parameters
        extra: dict[str, Any] = {}
        if "by" in wants:
            extra["by"] = by
        if "reason" in wants:
            extra["reason"] = reason
        return self.body(*(() if self.creates else (thing,)), **extra, **inputs)


ACTIONS: dict[str, Action] = {}
"""Every action of the house, by name."""


def action(
    name: str, *, role: Role | tuple[Role, ...] | None = None, kind: str | None = None,
    creates: str | None = None, rule: bool = False, operator: bool = False, reason: bool = False,
    locks: Callable[..., Iterable[Any]] | None = None, unless: Judge | tuple[Judge, ...] = (),
    signs: str | tuple[str, ...] | None = None, content: Callable[..., Any] | None = None,
    announces: dict[str, Callable[..., Touched]] | None = None,
    life: Lifecycle | None = None, move: Move | None = None,
) -> Callable[[Callable[..., Any]], Action]:  # fmt: skip
    """Make a use case of a function. Without role, rule and operator it is only a step of a bigger action."""

    def make(body: Callable[..., Any]) -> Action:
        if name in ACTIONS:
            raise ValueError(f"two actions are called {name}")
        made = Action(
            name=name, body=body, role=(role,) if isinstance(role, Role) else role or (),
            kind=creates or kind or name.split(".")[0], creates=creates is not None, rule=rule,
            operator=operator, reason=reason, locks=locks, unless=unless if isinstance(unless, tuple) else (unless,),
            meanings=() if signs is None else (signs,) if isinstance(signs, str) else signs, content=content,
            announces=tuple((announces or {}).items()), life=life, move=move,
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


def _outermost(call: Call) -> Any:
    held = session.registry()
    if held.new or held.dirty or held.deleted:
        raise Unguarded("something was changed before the act began")
    _judge_call(call)
    for attempt in range(TRIES):
        try:
            return _attempt(call)
        except Refused as refused:
            held.rollback()
            _keep_blocked(call, refused)
            raise
        except Again:
            held.rollback()
        except IntegrityError as error:
            held.rollback()
            raise _keep_blocked(call, _read_violation(error)) from error
        except DBAPIError as error:
            held.rollback()
            if not _is_busy(error):
                raise
        except BaseException:
            held.rollback()
            raise
        time.sleep(random.uniform(0.005, 0.03) * (attempt + 1))  # noqa: S311 - jitter, not a secret
    raise Busy


def _judge_call(call: Call) -> None:
    now = clock.now()
    if call.action.reason and len("".join((call.reason or "").split())) < REASON_LENGTH:
        raise invalid(reason=[REASON_NEEDED])
    if call.happened_at is not None and call.happened_at > now:
        raise invalid(happened_at=[FUTURE])


def _permission(call: Call) -> str:
    """The role in which it is done, as the record prints it; refused when there is none."""
    act, by = call.action, call.by
    site = getattr(call.thing, "site", None)
    if call.thing is not None and not by.sees(site):
        raise Missing(OUT_OF_SIGHT())
    if by.kind is Kind.SYSTEM:
        if not act.rule:
            raise NotAllowed(ROLE_NEEDED())
        return "system"
    if by.kind is Kind.OPERATOR:
        if not act.operator:
            raise NotAllowed(ROLE_NEEDED())
        return "operator"
    if by.scopes is not None and not by.scopes & {"write", act.name, act.name.split(".")[0]}:
        raise NotAllowed(SCOPE_NEEDED())
    if not act.role:
        raise NotAllowed(NOT_OUTERMOST(action=act.name))
    role = by.holds(act.role, site)
    if role is None:
        raise NotAllowed(replace(ROLE_NEEDED(), who=act.role))
    return role.value


def _attempt(call: Call) -> Any:
    held = session.registry()
    held.rollback()
    held.expire_all()
    role = _permission(call)
    outer = Frame(call.action.name, call.thing, call.reason, role, None)
    held.act = OpenAct(call.by, None, outer, happened_at=call.happened_at)  # type: ignore[arg-type]
    try:
        held.act.connection = held.connection()
        if clock.is_moved() and not instance().is_demonstration:
            raise Refused(CLOCK_MOVED())
        result = _inside(call, held.act)
        held.commit_act()
        return result
    finally:
        held.act = None


def _inside(call: Call, act: OpenAct) -> Any:
    outer = act.outer
    if call.key is not None:
        replayed = idempotency.claim(act, call.key, call.action.name, call.thing, call.inputs)
        if replayed is not None:
            return _find(*replayed)
    thing = _attached(call.thing)
    inputs = {name: _attached_all(value) for name, value in call.inputs.items()}
    _lock(act, call.action, thing, inputs)
    if call.expected is not None and thing is not None and thing.version != call.expected:
        raise Stale
    _judge(call.action, thing, call.by, child=False)
    signed: list[signatures.Signed] = []
    if call.action.meanings:
        wanted = signatures.content_hash(call.action.name, thing, call.action.content, inputs)
        with permitted(act.connection):
            signed = signatures.use(
                act.connection,
                outer.act,
                call.action.name,
                call.proofs,
                call.action.meanings,
                call.by,
                wanted,
            )
        act.signers = {one.meaning: one.login for one in signed}
    result = call.action.run(thing, call.by, call.reason, inputs)
    _arrive(act, call.action, thing)
    session.flush()
    subject = outer.subject = result if call.action.creates else thing
    if isinstance(subject, Thing):
        bump(act, subject)
    session.flush()
    _write_down(call, act, subject, signed)
    return subject if result is None else result


def _find(kind: str, code: str) -> Any:
    session.info["replayed"] = True
    model = KINDS[kind]
    return session.scalar(select(model).where(model.code == code))


def _attached(thing: Any) -> Any:
    """The thing in this thread's session, whatever session it came from."""
    if isinstance(thing, Row) and object_session(thing) is not session.registry():
        identity = inspect(thing).identity
        return session.get(type(thing), identity[0] if identity else None)
    return thing


def _attached_all(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return type(value)(_attached(item) for item in value)
    return _attached(value)


def _lock(act: OpenAct, does: Action, thing: Any, inputs: dict[str, Any]) -> None:
    wanted = _wanted(does, thing, inputs)
    _take(act, wanted)
    if not is_sqlite() and not _wanted(does, thing, inputs).keys() <= wanted.keys():
        raise Again


def _wanted(does: Action, thing: Any, inputs: dict[str, Any]) -> dict[tuple[type, int], bool]:
    things: list[Any] = [] if does.creates or thing is None else [thing]
    arguments = () if does.creates else (thing,)
    if does.locks:
        things += does.locks(*arguments, **inputs)
    for name, touched in does.announces:
        things += consequence_locks(name, touched(*arguments, **inputs))
    wanted: dict[tuple[type, int], bool] = {}
    for item in things:
        row, write = (item.thing, False) if isinstance(item, Shared) else (item, True)
        if row is not None:
            wanted[(type(row), row.id)] = wanted.get((type(row), row.id), False) or write
    return wanted


def _take(act: OpenAct, wanted: dict[tuple[type, int], bool]) -> None:
    """Lock all in ONE order: kinds as their steps stand, then by key; of a kind the written before the shared."""
    for model in sorted({model for model, _ in wanted}, key=lock_order):
        for write in (True, False):
            keys = sorted(key for (cls, key), w in wanted.items() if cls is model and w is write)
            if not keys:
                continue
            statement = select(model).where(any_of(model.id, keys)).order_by(model.id)
            statement = statement.with_for_update(read=not write, key_share=write)
            session.scalars(statement.execution_options(populate_existing=True)).all()
            (act.locked if write else act.shared).update((model, key) for key in keys)


def _judge(does: Action, thing: Any, by: Principal, *, child: bool) -> None:
    if does.life is not None and does.move is not None:
        facts = does.life.facts_of([thing])[thing.id]
        if found := does.life.obstacle(does.move, thing, facts, by, child=child):
            raise Refused(found)
    for rule in does.unless:
        if found := rule(thing, by):
            raise Refused(found)


def _arrive(act: OpenAct, does: Action, thing: Any) -> None:
    if does.life is not None and does.move is not None and len(does.move.targets) == 1:
        act.lead(thing, does.move.targets[0], does.life.column)


def _child(does: Action, thing: Any, by: Principal, reason: str | None, inputs: dict[str, Any]) -> Any:
    act = current()
    session.flush()
    if thing is not None and not does.creates and not act.holds(thing):
        raise Unguarded(
            f"{does.name}: {thing.kind} {thing.code} is not among the locks of {act.outer.action}"
        )
    frame = Frame(does.name, thing, reason or act.frame.reason, act.outer.role, act.outer.act)
    act.frames.append(frame)
    act.stack.append(frame)
    try:
        _judge(does, thing, by, child=True)
        result = does.run(thing, by, reason or act.frame.reason, inputs)
        _arrive(act, does, thing)
        session.flush()
        frame.subject = result if does.creates else thing
        if isinstance(frame.subject, Thing):
            bump(act, frame.subject)
            session.flush()
    finally:
        act.stack.pop()
    return frame.subject if result is None else result


def _write_down(call: Call, act: OpenAct, subject: Any, signed: list[signatures.Signed]) -> None:
    entered = clock.now()
    zone = call.zone or instance().zone
    marks = [f"{s.meaning}:{s.login}" for s in signed]
    entries = []
    for frame in act.frames:
        about = frame.subject if frame.subject is not None else subject
        key = (about.kind, about.code)
        values = _values(frame, key, call, entered, zone, record.Outcome.DONE)
        values["signature"] = canonical(marks) if marks else None
        entries.append(record.Entry(values, frozenset(frame.touched | {key})))
    act.recording = True
    if call.key is not None:
        idempotency.keep(act, call.key, call.by.login, subject)
    record.append(act.connection, (subject.kind, subject.code), entries)
    for one in signed:
        signer = call.by if one.login == call.by.login else load_principal(one.login) or call.by
        held = canonical(call.action.content(subject) if call.action.content else None)
        act.connection.execute(
            insert(signatures.Signature).values(
                act=act.outer.act, action=call.action.name, subject_kind=subject.kind,
                subject_code=subject.code, login=one.login, printed_name=signer.printed_name,
                role=signer.role_label, meaning=one.meaning, signed_at=entered, content_hash=one.content_hash, held_hash=digest(held), held=held,
            )
        )  # fmt: skip


def _values(
    frame: Frame, key: tuple[str, str], call: Call, entered: datetime, zone: str, outcome: record.Outcome
) -> dict[str, Any]:
    return {
        "act": frame.act, "parent": frame.parent, "outcome": outcome, "subject_kind": key[0],
        "subject_code": key[1],
        "action": frame.action, "actor_login": call.by.login, "actor_name": call.by.printed_name,
        "actor_role": frame.role, "reason": frame.reason, "happened_at": call.happened_at or entered,
        "happened_zone": zone, "entered_at": entered, "request": _request.get(), "idempotency_key": call.key,
        "signature": None, "app_version": VERSION, "body": frame.body(),
    }  # fmt: skip


def _keep_blocked(call: Call, refused: Refused) -> Refused:
    """A row among the blocked actions, in a short transaction of its own after the rollback."""
    if refused.status not in (403, 404, 409) or instance_or_none() is None:
        return refused
    thing = call.thing
    key = (thing.kind, thing.code) if isinstance(thing, Thing) else ("person", call.by.login)
    frame = Frame(call.action.name, None, call.reason, call.by.role_label or call.by.kind.value, None)
    frame.notes["obstacles"] = [
        {"code": o.code, "values": {k: str(v) for k, v in o.values.items()}} for o in refused.obstacles
    ]
    entered = clock.now()
    zone = call.zone or instance().zone
    session.rollback()
    values = _values(frame, key, replace(call, key=None), entered, zone, record.Outcome.REFUSED)
    with engines().write.begin() as connection, permitted(connection):
        record.append(connection, key, [record.Entry(values, frozenset({key, ("person", call.by.login)}))])
    refused.blocked_as = frame.act
    return refused


def _read_violation(error: IntegrityError) -> Refused:
    original: Any = error.orig
    name = getattr(getattr(original, "diag", None), "constraint_name", None) or str(original)
    return Refused(meaning_of(name) or DATABASE_REFUSED())


def _is_busy(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    return state in ("40P01", "40001", "55P03") or "database is locked" in str(error.orig)


def open_moves(thing: Any, by: Principal) -> list[OpenMove]:
    """The moves of a thing's lives that stand open to a person, each with what stands in its way."""
    return [found for life in type(thing).lives.values() for found in life.open_to(thing, by)]


def keep_reading(
    by: Principal, action_name: str, notes: dict[str, Any], touched: set[tuple[str, str]]
) -> None:
    """Record that an identity is about to be read: a short transaction whose chain is the reader."""
    frame = Frame(action_name, None, None, by.role_label or by.kind.value, None)
    frame.notes.update(notes)
    key = ("person", by.login)
    session.rollback()
    entered, zone = clock.now(), instance().zone
    session.rollback()
    call = Call(_READING, None, by, None, None, (), None, None, zone, {})
    values = _values(frame, key, call, entered, zone, record.Outcome.DONE)
    with engines().write.begin() as connection, permitted(connection):
        record.append(connection, key, [record.Entry(values, frozenset(touched | {key}))])


_READING = Action(name="core.read_identity", body=lambda: None)
