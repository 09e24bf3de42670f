"""How an action is judged and carried out inside the act that is open: by itself, as a step, for several."""

from typing import TYPE_CHECKING, Any

from mscbank.core.access import Principal
from mscbank.core.db import Thing, Unguarded, session
from mscbank.core.errors import Refusal, Refused
from mscbank.core.flush import bump
from mscbank.core.frame import Frame, OpenAct

if TYPE_CHECKING:
    from mscbank.core.acts import Action

TWICE = Refusal("acts.twice", "%(thing)s stands in the list twice. Scan each once.")


def judge(does: "Action", things: list[Any], by: Principal, inputs: dict[str, Any], *, child: bool) -> None:
    """Whether its move, its rules and its needs allow it; the facts of all are loaded together."""
    if does.life is not None and does.move is not None:
        facts = does.life.facts_of(things)
        for thing in things:
            if found := does.life.obstacle(does.move, thing, facts[thing.id], by, child=child):
                raise Refused(found)
    for rule in does.unless:
        for thing in things:
            if found := rule(thing, by):
                raise Refused(found)
    if does.needs is not None:
        does.needs(things, **inputs)


def arrive(act: OpenAct, does: "Action", thing: Any) -> None:
    """Set the state to which its move leads, where it leads to one alone."""
    if does.life is not None and does.move is not None and len(does.move.targets) == 1:
        act.lead(thing, does.move.targets[0], does.life.column)


def child(
    act: OpenAct, does: "Action", thing: Any, by: Principal, reason: str | None, inputs: dict[str, Any]
) -> Any:
    """Do it as a step of the act that is open; what was changed so far is not its own."""
    _flush_for(act, does, [thing] if thing is not None else [])
    frame = _frame_of(act, does, thing, reason)
    act.frames.append(frame)
    act.stack.append(frame)
    try:
        _judge_child(act, does, [thing], [frame], by, inputs)
        _carry_out(act, frame, does, by, inputs)
        _write_out(act)
    finally:
        act.stack.pop()
    return frame.subject if frame.result is None else frame.result


def children(
    act: OpenAct, does: "Action", things: list[Any], by: Principal, reason: str | None, inputs: dict[str, Any]
) -> None:
    """Do it to several things: judged together, then done, then written, each put down to its own act."""
    if not things:
        return
    if twice := next((thing for number, thing in enumerate(things) if thing in things[:number]), None):
        raise Refused(TWICE(thing=twice.code))
    _flush_for(act, does, things)
    frames = [_frame_of(act, does, thing, reason) for thing in things]
    act.frames += frames
    _judge_child(act, does, things, frames, by, inputs)
    with act.side_by_side(frames):
        for frame in frames:
            act.stack.append(frame)
            try:
                _carry_out(act, frame, does, by, inputs)
            finally:
                act.stack.pop()
        _write_out(act)


def _flush_for(act: OpenAct, does: "Action", things: list[Any]) -> None:
    """What was changed so far is written, and is not the child's; its subjects are locked."""
    session.flush()
    for thing in things:
        if not act.holds(thing):
            raise Unguarded(
                f"{does.name}: {thing.kind} {thing.code} is not among the locks of {act.outer.action}"
            )


def _frame_of(act: OpenAct, does: "Action", thing: Any, reason: str | None) -> Frame:
    return Frame(does.name, thing, reason or act.frame.reason, act.outer.role, act.outer.act)


def _judge_child(
    act: OpenAct,
    does: "Action",
    things: list[Any],
    frames: list[Frame],
    by: Principal,
    inputs: dict[str, Any],
) -> None:
    """Refused here, nothing was changed yet: the larger act may go on without it."""
    try:
        judge(does, things, by, inputs, child=True)
    except Refused:
        act.frames = [frame for frame in act.frames if frame not in frames]
        raise


def _carry_out(act: OpenAct, frame: Frame, does: "Action", by: Principal, inputs: dict[str, Any]) -> None:
    """Broken off here, something may be half done: the larger act can only fail."""
    thing = frame.subject
    try:
        frame.result = does.run(thing, by, frame.reason, inputs)
        arrive(act, does, thing)
        frame.subject = frame.result if does.creates else thing
        if isinstance(frame.subject, Thing):
            bump(act, frame.subject)
    except BaseException as error:
        act.broken = act.broken or error
        raise


def _write_out(act: OpenAct) -> None:
    try:
        session.flush()
    except BaseException as error:
        act.broken = act.broken or error
        raise
