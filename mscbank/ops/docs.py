"""The pages of ``docs/`` that are read off the code: lives, refusals, permissions, settings, parameters.

They are kept in the repository, so that a change of a rule shows in its review; ``./run fix`` writes them
again and a test compares. The steps must be loaded.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mscbank import config
from mscbank.coding.errors import SENTENCES
from mscbank.core.access import ROLE_WORDS, Role
from mscbank.core.acts import ACTIONS, Action
from mscbank.core.errors import DECLARED, Refusal, Refused
from mscbank.core.foureyes import PAIRS
from mscbank.core.lifecycle import LIVES, Judge, Lifecycle, Move
from mscbank.core.lockorder import STEPS
from mscbank.core.parameters import PARAMETERS, Parameter, Type
from mscbank.ops import asvs, components, requirements
from mscbank.ops.markdown import anchor, code, codes, page, said, table

HEAD = "<!-- Written by `mscbank docs` from the code. Change the code, then run `./run fix`. -->"
MARK = "●"


def words(roles: Iterable[Role]) -> str:
    """Roles in words."""
    return ", ".join(str(ROLE_WORDS[role]) for role in roles)


# --- lives --------------------------------------------------------------------------------------


def states() -> str:
    """Every life: its states, its moves as a table, and a diagram."""
    lives = list(LIVES.values())
    about = said("""
        Each life is one table in its step's `states.py`. The table drives the check of the action, the
        buttons and the API's `moves`, a trigger in the database, and this page. A move that nobody can
        make by itself happens as a step of a larger act; the diagrams show it in brackets.""")
    contents = "\n".join(f"- [{named(life)}](#{anchor(named(life))})" for life in lives)
    return page(HEAD, "# Lives", about, contents, *map(_life, lives))


def named(life: Lifecycle) -> str:
    """How a life is called: by its kind, and by its column where a kind has several."""
    kind = life.kind.replace("_", " ")
    return f"{kind}: {life.column}" if life.column != "state" else kind


def _life(life: Lifecycle) -> str:
    heads = ("Move", "Label", "From", "To", "Who", "What must hold", "Signed as")
    places = [(code(s.value), life.word(s), _place(life, s.value)) for s in type(life.start)]
    moves = table(heads, map(_move, life.moves))
    return "\n\n".join(
        [
            f"## {named(life)}",
            table(("State", "In words", ""), places),
            moves,
            f"```mermaid\n{diagram(life)}\n```",
        ]
    )


def _place(life: Lifecycle, state: str) -> str:
    return "start" if state == life.start else "end" if state in life.ends else ""


def _move(move: Move) -> tuple[str, ...]:
    return (
        code(move.name),
        str(move.label),
        codes(state.value for state in move.sources),
        codes(state.value for state in move.targets),
        words(move.roles) or "only within a larger act",
        " ".join(map(_rule, move.judges)),
        ", ".join(move.meanings),
    )


def _rule(judge: Judge) -> str:
    return (inspect.getdoc(judge) or f"{code(judge.__name__)}.").split("\n\n", 1)[0]


def diagram(life: Lifecycle) -> str:
    """The life as a Mermaid state diagram; brackets mark what happens only within a larger act."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_drawn(life.word(state))}" as {state.value}' for state in type(life.start)]
    lines.append(f"    [*] --> {life.start.value}")
    for move in life.moves:
        label = _drawn(str(move.label)) if move.role is not None else f"({_drawn(str(move.label))})"
        lines += [f"    {a.value} --> {b.value}: {label}" for a in move.sources for b in move.targets]
    lines += [f"    {state.value} --> [*]" for state in type(life.start) if state in life.ends]
    return "\n".join(lines)


def _drawn(text: str) -> str:
    return text.replace(":", " –").replace('"', "'").replace(";", ",")


# --- refusals -----------------------------------------------------------------------------------


def errors() -> str:
    """Every stable code with its sentence and who can resolve it."""
    kinds: tuple[type[Refused], ...] = (Refused, *Refused.__subclasses__())
    plain = {kind.default.code for kind in kinds if kind.default is not None}
    own = sorted((name, refusal) for name, refusal in refusals().items() if name not in plain)
    about = said("""
        Everything that is refused has a stable code. Pages show it under the sentence, the API sends it as
        `code` in `application/problem+json`; the command line prints the sentence and ends with 2. Codes
        stay as they are, sentences may be reworded and are translated. `%(state)s` and its like stand for
        values.""")
    status = table(
        ("Status", "Code", "Title", "Sentence when nothing more is said"),
        sorted(map(_by_status, kinds)),
    )
    reading = table(
        ("Code", "Sentence"), ((code(name), _plain(text)) for name, text in sorted(SENTENCES.items()))
    )
    return page(
        *(HEAD, "# What may be refused", about, "## By status"),
        "What the framework refuses by itself carries one of these codes, or `http.` and the status.",
        *(status, "## By step", *_by_step(own), "## In reading codes"),
        *("A scanned or typed code that cannot be read says why.", reading),
    )


def _by_status(kind: type[Refused]) -> tuple[str, ...]:
    said = kind.default
    told = (
        (code(said.code), said.msgid) if said else ("the rule's own", "always names what stands in the way")
    )
    return str(kind.status), told[0], str(kind.title), told[1]


def refusals() -> dict[str, Refusal]:
    """The refusals of the house; what the framework refuses by its number is left out."""
    return {name: one for name, one in DECLARED.items() if not name.startswith("http.")}


def _by_step(listed: list[tuple[str, Refusal]]) -> Iterator[str]:
    groups: dict[str, list[tuple[str, str, str]]] = {}
    for name, refusal in listed:
        line = (code(name), _plain(refusal.msgid), words(_who(refusal)))
        groups.setdefault(name.split(".")[0], []).append(line)
    for group, lines in sorted(groups.items()):
        yield f"### {group.replace('_', ' ')}"
        yield table(("Code", "Sentence", "Who can resolve it"), lines)


def _who(refusal: Refusal) -> tuple[Role, ...]:
    return () if refusal.who is None else (refusal.who,) if isinstance(refusal.who, Role) else refusal.who


def _plain(sentence: str) -> str:
    return sentence.replace("%%", "%")


# --- permissions --------------------------------------------------------------------------------


def permissions() -> str:
    """Who may do what: a matrix of actions and roles for each step."""
    groups: dict[str, list[Action]] = {}
    for action in ACTIONS.values():
        groups.setdefault(step_of(action), []).append(action)
    order = [step for step in (*STEPS, *sorted(groups.keys() - set(STEPS))) if step in groups]
    about = said("""
        Who may do something is said on the action or the move, nowhere else. A role is held for one site or
        for all. A rule may still stand in the way of somebody who holds the role ([lives](states.md),
        [refusals](errors.md)): nobody reviews what he entered, nobody certifies what he made.""")
    marks = said("""
        **R** after an action: it asks for a reason. **S**: it is signed with the password; **S2**: by two
        people. *everybody*: every role, its holder for himself. *system*: a rule of the clockwork does it.
        *operator*: the command line of the host does it.""")
    return page(
        HEAD,
        "# Who may do what",
        about,
        marks,
        *(text for step in order for text in _matrix(step, groups[step])),
        "## Four eyes",
        said("""
            Two acts that two people do. Who did one of the first is refused the second, by the same rule in
            the pages, in the API and at the command line, whichever roles he holds."""),
        table(("First", "Second", "Refused with"), _pairs()),
        said("""
            These acts are signed by different people at one moment; one person is refused both
            (`signature.same_person`):""")
        + f" {codes(action.name for action in ACTIONS.values() if len(action.meanings) > 1)}.",
        said("""
            Of these, the second person who is present at the station may sign by badge
            ([decision 34](decisions/0034-a-second-person-witnesses-by-badge.md)):""")
        + f" {codes(action.name for action in ACTIONS.values() if action.by_badge)}.",
    )


def _pairs() -> Iterator[list[str]]:
    """Every pair of acts that two people do."""
    for pair in PAIRS.values():
        yield [codes(pair.first), codes(pair.second), f"{code(pair.code)} {_plain(pair.msgid)}"]


def step_of(action: Action) -> str:
    """The step in whose room an action stands."""
    parts = action.body.__module__.split(".")
    return parts[1] if len(parts) > 1 else "core"


def _doers(action: Action) -> list[str]:
    """Everybody who does it outermost, as the matrix heads its columns."""
    everybody = set(action.role) == set(Role)
    found = ["everybody"] if everybody else [role.value.replace("_", " ") for role in action.role]
    others = [("system", action.rule), ("operator", action.operator)]
    return found + [name for name, does in others if does]


def _matrix(step: str, actions: list[Action]) -> Iterator[str]:
    yield f"## {step}"
    own = [action for action in actions if _doers(action)]
    order = ["everybody", *(role.value.replace("_", " ") for role in Role), "system", "operator"]
    columns = [doer for doer in order if any(doer in _doers(action) for action in own)]
    if own:
        rows = (_permission(action, columns) for action in own)
        yield table(["Action", "What it means", *columns], rows, middle=len(columns))
    inner = [action.name for action in actions if action not in own]
    if inner:
        yield f"Only within a larger act: {codes(inner)}."


def _permission(action: Action, columns: list[str]) -> list[str]:
    signed = {0: "", 1: " **S**"}.get(len(action.meanings), f" **S{len(action.meanings)}**")
    reason = " **R**" if action.reason else ""
    doers = _doers(action)
    return [code(action.name) + reason + signed, action.doc, *(MARK if c in doers else "" for c in columns)]


# --- settings and parameters --------------------------------------------------------------------


def settings() -> str:
    """The settings of a process."""
    about = said("""
        Environment variables, or lines `NAME=value` in the file that `MSCBANK_SETTINGS_FILE` names; the
        environment wins over the file, an option of the command line over both. Outside a demonstration the
        service refuses to start when a secret is missing, short, or the built-in one, or when its transport
        is open ([security](security.md#what-it-talks-to)). `mscbank secrets` prints fresh ones but for the
        [master key](keys.md), which `mscbank keys init` makes.""")
    others = said("""
        Numbers that belong to the science or the clinic are not settings: they are
        [parameters](parameters.md), changed by a signed act, or stand in a protocol or a specification.""")
    return page(HEAD, "# Settings", about, config.table(), others)


def parameters() -> str:
    """The parameters with their defaults and sources."""
    about = said("""
        Numbers that no standard fixes. Each has a default and its source; quality assurance changes one from
        a date on, with a reason and a signature (`parameter.set`), on the page `/parameters` or over
        `/api/v1/parameters`, and every act keeps the values that it used. Of two values from the same
        instant the one set later holds. Dose levels, gate and visits belong to the protocol, limits to the
        specification.""")
    rows = (
        (
            code(p.key),
            str(p.default),
            p.unit or ("text" if isinstance(p.default, str) else ""),
            _range(p),
            p.meaning,
            p.source,
        )
        for p in sorted(PARAMETERS.values(), key=lambda p: p.key)
    )
    return page(
        HEAD,
        "# Parameters",
        about,
        table(("Parameter", "Default", "Unit", "May be", "Meaning", "Source"), rows),
    )


def _range(p: Parameter) -> str:
    """What values a parameter may have."""
    if p.type is Type.TEXT:
        return ", ".join(code(word) for word in p.words) or "any of its form"
    bounds = p.bounds
    return f"{bounds[0]} to {bounds[1]}" + (f", never above {code(p.not_above)}" if p.not_above else "")


# --- keeping them -------------------------------------------------------------------------------

PAGES: dict[str, Callable[[], str]] = {
    "states.md": states,
    "errors.md": errors,
    "permissions.md": permissions,
    "settings.md": settings,
    "parameters.md": parameters,
    requirements.PAGE: requirements.validation,
    "asvs.md": asvs.table_of_all,
    "components.md": components.listed,
    "sbom.cdx.json": components.bill,
}
"""File of ``docs/`` → what writes it."""


def stale(folder: Path) -> list[str]:
    """The generated pages of a folder that do not say what the code says."""
    return [name for name, write_page in PAGES.items() if _held(folder / name) != write_page()]


def _held(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.is_file() else None


def write(folder: Path) -> list[str]:
    """Write the pages that are not current; answers which."""
    written = stale(folder)
    for name in written:
        (folder / name).write_text(PAGES[name](), encoding="utf-8")
    return written
