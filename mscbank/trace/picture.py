"""The trace graph: columns by step, a lane for each batch, what was asked for filled, its reach thick."""

from collections.abc import Callable
from typing import Any

from flask import url_for
from markupsafe import Markup

from mscbank.core.i18n import _
from mscbank.core.pictures import Node, trace_graph
from mscbank.trace import labels
from mscbank.trace.labels import Write
from mscbank.trace.story import Story
from mscbank.trace.walk import BESIDE, CONTEXT, Key

COLUMNS = (
    (_("Donor"), ("donor",)),
    (_("Donation"), ("donation", "material_lot", "assessment", "family_link", "consent")),
    (_("Batch"), ("batch", "release", "deviation", "protocol", "specification", "place")),
    (_("Vials"), ("vial",)),
    (_("Dose"), ("allocation", "preparation")),
    (_("Infusion"), ("infusion",)),
    (_("Patient and events"), ("recipient", "adverse_event")),
)
ON_DEMAND = ("allocation", "preparation")
"""The column that stands only when one of its things was asked for."""
DRAWN = frozenset({"donor", "donation", "batch", "infusion", "recipient", "adverse_event"})
"""What is always drawn. Other things are drawn when they are what was asked for, or else passed through;
all of them stand in the table."""
PARTS = (
    ("infused", "drop", "end", _("infused")),
    ("present", "check", "go", _("in stock or on the way")),
    ("qc_used", "half", "end", _("QC used")),
    ("retained", "box", "end", _("retained")),
    ("destroyed", "cross", "end", _("destroyed")),
    ("broken", "cross", "end", _("broken")),
    ("lost", "triangle", "stop", _("lost")),
)

Links = dict[tuple[Key, Key], bool]
"""From one drawn thing to the next, and whether what was asked for reached along it."""


def draw(story: Story, write: Write) -> Markup:
    """The picture of a story; its table stands beneath it on the page."""
    shown = drawn(story)
    links = contracted(story, shown)
    steps = [step for step in COLUMNS if step[1] != ON_DEMAND or any(key[0] in ON_DEMAND for key in shown)]
    columns = {kind: n for n, (_label, kinds) in enumerate(steps) for kind in kinds}
    lanes = lanes_of(story, shown, links)
    nodes: list[Node] = []
    for key in sorted(shown, key=lambda key: (columns.get(key[0], 0), key)):
        if key[0] == "vial":
            nodes.append(_vials(story, key[1], columns["vial"], lanes.get(key)))
        elif key[0] != "adverse_event":
            column = columns.get(key[0], 0)
            nodes.append(_node(story, key, column, lanes.get(key), write))
            nodes += _hung(story, key, column, lanes.get(key), write)
    return trace_graph(
        [str(label) for label, _kinds in steps],
        nodes,
        [(name(a), name(b), reached) for (a, b), reached in sorted(links.items())],
        title=str(_("From donor to patient")),
        sentence=str(
            _(
                "%(things)s things on this way, %(reached)s of them reached by what was asked for.",
                things=len(story.way.things),
                reached=len(story.way.reached),
            )
        ),
    )


def name(key: Key) -> str:
    """A thing's key in the picture."""
    return ":".join(key)


def drawn(story: Story) -> set[Key]:
    """What is drawn: the things of the way, the vials of a batch as one stack, and what was asked for.

    The materials of a single batch are drawn too; of several batches only the one that was asked for.
    """
    shown = {key for key in story.way.things if key[0] in DRAWN}
    shown |= {("vial", code) for code, balance in story.by_batch.items() if balance.filled}
    if len(story.by_batch) == 1:
        shown |= {key for key in story.way.things if key[0] == "material_lot"}
    return shown | ({story.way.start} if story.way.start[0] != "vial" else set())


def contracted(story: Story, shown: set[Key]) -> Links:
    """The links between what is drawn, passing through what carries cells and is not; events hang from their
    patient. An infusion that is only planned is linked, thinly, through its prescription."""
    leads = _leads(story)
    links: Links = {}
    for start in sorted(shown):
        _pass(start, leads, shown, links, lambda key: key[0] not in BESIDE)
    ends = {target for _source, target in links}
    for start in sorted(key for key in shown if key[0] == "vial"):
        planned: Links = {}
        _pass(start, leads, shown, planned, lambda key: key[0] == "allocation")
        links |= {link: False for link in planned if link[1][0] == "infusion" and link[1] not in ends}
    return links


def _leads(story: Story) -> dict[Key, set[tuple[Key, bool]]]:
    """From each thing to the next, and whether it was reached along; the vials of a batch are one stack."""
    batch_of = {t: s for s, t in story.way.links if s[0] == "batch" and t[0] == "vial"}
    leads: dict[Key, set[tuple[Key, bool]]] = {}
    for source, target in story.way.links:
        a, b = _stacked(source, batch_of), _stacked(target, batch_of)
        if a is not None and b is not None and a != b and b[0] != "adverse_event":
            leads.setdefault(a, set()).add((b, story.way.is_reached((source, target))))
    return leads


def _pass(
    start: Key, leads: dict[Key, set[tuple[Key, bool]]], shown: set[Key], links: Links,
    lets_pass: Callable[[Key], bool],
) -> None:  # fmt: skip
    """Link a drawn thing with the next drawn ones."""
    seen: set[tuple[Key, bool]] = set()
    fresh = sorted(leads.get(start, ()))
    while fresh:
        following: list[tuple[Key, bool]] = []
        for key, reached in fresh:
            if key in shown:
                links[(start, key)] = links.get((start, key), False) or reached
            elif (key, reached) not in seen and lets_pass(key):
                seen.add((key, reached))
                following += [(far, reached and thick) for far, thick in sorted(leads.get(key, ()))]
        fresh = following


def _stacked(key: Key, batch_of: dict[Key, Key]) -> Key | None:
    """A vial stands for the stack of its batch."""
    if key[0] != "vial":
        return key
    batch = batch_of.get(key)
    return ("vial", batch[1]) if batch else None


def lanes_of(story: Story, shown: set[Key], links: Links) -> dict[Key, int]:
    """Each batch has a lane; what belongs to one batch only stands in it, materials between the lanes."""
    batches = [key for key in sorted(shown) if key[0] == "batch"]
    lanes = {key: n for n, key in enumerate(batches)}
    near: dict[Key, set[Key]] = {}
    for source, target in links:
        near.setdefault(source, set()).add(target)
        near.setdefault(target, set()).add(source)
    free = {key for key in shown if key not in lanes and key[0] not in CONTEXT}
    changed = True
    while changed and batches:
        changed = False
        for key in sorted(free - lanes.keys()):
            found = {lanes[other] for other in near.get(key, ()) if other in lanes}
            if found:
                lanes[key] = min(found)
                changed = True
    for key in free - lanes.keys():
        lanes[key] = 0
    return lanes


def _node(story: Story, key: Key, column: int, lane: int | None, write: Write) -> Node:
    sign, colour = labels.sign(story, key)
    return Node(
        key=name(key),
        column=column,
        title=labels.title(story, key, write),
        lane=lane,
        lines=labels.lines(story, key, write),
        sign=sign,
        colour=colour,
        url=url_for("trace.show", text=key[1]),
        found=key == story.way.start,
    )


def _hung(story: Story, person: Key, column: int, lane: int | None, write: Write) -> list[Node]:
    """The events of a person, beneath it."""
    events = sorted(t for s, t in story.way.links if s == person and t[0] == "adverse_event")
    return [
        Node(
            key=name(key),
            column=column,
            title=labels.title(story, key, write),
            lane=lane,
            lines=labels.lines(story, key, write),
            url=url_for("trace.show", text=key[1]),
            found=key == story.way.start,
            under=name(person),
            grade=labels.event_box(story, key),
        )
        for key in events
    ]


def _vials(story: Story, batch: str, column: int, lane: int | None) -> Node:
    balance = story.by_batch[batch]
    counts: list[Any] = [
        (sign, colour, getattr(balance, part), str(word))
        for part, sign, colour, word in PARTS
        if getattr(balance, part)
    ]
    start = story.way.start
    asked = start[0] == "vial" and (("batch", batch), start) in story.way.links
    return Node(
        key=name(("vial", batch)),
        column=column,
        title=str(_("%(number)s vials", number=balance.filled)),
        lane=lane,
        lines=[story.title(start)] if asked else [],
        counts=counts,
        found=asked,
    )
