"""The trace graph: columns by step, a lane for each batch, what was asked for filled, its reach thick."""

from typing import Any

from flask import url_for
from markupsafe import Markup

from mscbank.core.i18n import _
from mscbank.core.links import Fact
from mscbank.core.pictures import trace_graph
from mscbank.core.pictures.trace import Node
from mscbank.trace.story import Story
from mscbank.trace.walk import Key

COLUMNS = (
    (_("Donor"), ("donor", "material_lot")),
    (_("Donation"), ("assessment", "donation")),
    (_("Batch"), ("batch",)),
    (_("Vials"), ("vial",)),
    (_("Dose"), ("allocation", "preparation")),
    (_("Infusion"), ("infusion",)),
    (_("Patient and events"), ("recipient", "adverse_event")),
)
LEFT_OUT = frozenset({"vial", "adverse_event"})
PARTS = (
    ("infused", "drop", "end", _("infused")),
    ("present", "check", "go", _("in stock or on the way")),
    ("qc_used", "half", "end", _("QC used")),
    ("retained", "box", "end", _("retained")),
    ("destroyed", "cross", "end", _("destroyed")),
    ("broken", "cross", "end", _("broken")),
    ("lost", "triangle", "stop", _("lost")),
)


def draw(story: Story) -> Markup:
    """The picture of a story; its table stands beneath it on the page."""
    columns = {kind: n for n, (_label, kinds) in enumerate(COLUMNS) for kind in kinds}
    lanes = _lanes(story)
    nodes = [
        _node(story, key, columns[key[0]], lanes.get(key))
        for key in sorted(story.way.things, key=lambda key: (columns.get(key[0], 0), key))
        if key[0] in columns and key[0] not in LEFT_OUT
    ]
    nodes += [
        _vials(story, code, columns["vial"], lanes.get(("batch", code))) for code in sorted(story.by_batch)
    ]
    known = {node.key for node in nodes}
    edges = sorted({e for e in _edges(story) if e[0] in known and e[1] in known})
    title = str(_("From donor to patient"))
    sentence = str(
        _(
            "%(things)s things on this way, %(reached)s of them reached by what was asked for.",
            things=len(story.way.things),
            reached=len(story.way.reached),
        )
    )
    return trace_graph(
        [str(label) for label, _kinds in COLUMNS], nodes, edges, title=title, sentence=sentence
    )


def _lanes(story: Story) -> dict[Key, int]:
    """Each batch has a lane; what belongs to one batch only stands in it."""
    batches = [("batch", code) for code in sorted(story.by_batch)] or [
        key for key in sorted(story.way.things) if key[0] == "batch"
    ]
    lanes: dict[Key, int] = {key: n for n, key in enumerate(batches)}
    if len(batches) == 1:
        return dict.fromkeys(story.way.things, 0)
    near: dict[Key, set[Key]] = {}
    for source, target in story.way.links:
        near.setdefault(source, set()).add(target)
        near.setdefault(target, set()).add(source)
    changed = True
    while changed:
        changed = False
        for key in sorted(story.way.things - lanes.keys()):
            if key[0] == "material_lot":
                continue
            found = {lanes[other] for other in near.get(key, ()) if other in lanes}
            if found:
                lanes[key] = min(found)
                changed = True
    return lanes


def _node(story: Story, key: Key, column: int, lane: int | None) -> Node:
    fact = story.facts.get(key)
    lines = [line for line in ([str(fact.state)] if fact and fact.state else []) + _lines(fact) if line]
    return Node(
        key=":".join(key),
        column=column,
        title=str(fact.title) if fact else key[1],
        lane=lane,
        lines=lines[:3],
        url=url_for("trace.show", text=key[1]),
        found=key == story.way.start,
    )


def _lines(fact: Fact | None) -> list[str]:
    return [f"{name} {value}" for name, value in list(fact.facts.items())[:2]] if fact else []


def _vials(story: Story, batch: str, column: int, lane: int | None) -> Node:
    balance = story.by_batch[batch]
    counts: list[Any] = [
        (sign, colour, getattr(balance, part), str(word))
        for part, sign, colour, word in PARTS
        if getattr(balance, part)
    ]
    title = str(_("%(number)s vials", number=balance.filled))
    return Node(
        key=f"vials:{batch}",
        column=column,
        title=title,
        lane=lane,
        counts=counts,
        found=story.way.start[0] == "vial",
    )


def _edges(story: Story) -> list[tuple[str, str, bool]]:
    """The links between what is drawn; vials are drawn as one stack a batch."""
    batch_of = {
        target: source for source, target in story.way.links if source[0] == "batch" and target[0] == "vial"
    }

    def shown(key: Key) -> str | None:
        if key[0] == "vial":
            batch = batch_of.get(key)
            return f"vials:{batch[1]}" if batch else None
        return ":".join(key)

    edges: dict[tuple[str, str], bool] = {}
    for source, target in story.way.links:
        a, b = shown(source), shown(target)
        if a and b and a != b:
            edges[(a, b)] = edges.get((a, b), False) or story.way.is_reached((source, target))
    return [(a, b, reached) for (a, b), reached in edges.items()]
