"""What stands on a thing in the picture: its title, its lines, its sign."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from mscbank.core.i18n import _
from mscbank.core.pictures import Event
from mscbank.release.states import LIFE as RELEASE
from mscbank.trace.story import Story
from mscbank.trace.walk import Key

MILLION = 1_000_000
MOST_LINES = 3

Write = Callable[[Any], str]
"""How a date or a number is written in the reader's language."""


def title(story: Story, key: Key, write: Write) -> str:
    """What a thing is called in the picture; an infusion is called by its day."""
    if key[0] == "infusion" and (one := story.infusions.get(key[1])) is not None:
        return write(one.infused_on or one.planned_on)
    named = story.title(key)
    if key[0] == "donor":
        return str(_("Donor %(code)s", code=named))
    return named[:1].upper() + named[1:] if key[0] in ("recipient", "adverse_event") else named


def lines(story: Story, key: Key, write: Write) -> list[str]:
    """Two or three lines of what matters on the way; the rest stands in the table."""
    made = _LINES.get(key[0], _plain)(story, key, write)
    return [line for line in made if line][:MOST_LINES]


def sign(story: Story, key: Key) -> tuple[str | None, str]:
    """The silhouette of a batch is that of its release; other things carry theirs in words."""
    if key[0] == "batch" and (release := story.releases.get(key[1])) is not None:
        return RELEASE.sign(release.state)
    return None, "ink"


def event_box(story: Story, key: Key) -> Event | None:
    """An adverse event as a boxed number: grade, filled when serious, underlined when related."""
    fact = story.facts.get(key)
    grade = fact.facts.get("grade") if fact else None
    if fact is None or grade is None:
        return None
    return Event(0, grade, serious=bool(fact.facts["serious"]), related=bool(fact.facts["related"]))


def _donor(story: Story, key: Key, write: Write) -> list[str]:
    links = [target for source, target in story.way.links if source == key and target[0] == "family_link"]
    related = [story.title(link) for link in sorted(links)]
    return related or _plain(story, key, write)


def _donation(story: Story, key: Key, write: Write) -> list[str]:
    facts = _facts(story, key)
    parts = [write(facts[name]) for name in ("donated_on",) if facts.get(name)]
    if facts.get("volume_ml"):
        parts.append(f"{write(facts['volume_ml'])} ml")
    return [", ".join(parts), _happened(facts)]


def _batch(story: Story, key: Key, write: Write) -> list[str]:
    facts, release = _facts(story, key), story.releases.get(key[1])
    shown = []
    if facts.get("frozen"):
        shown.append(str(_("frozen %(day)s", day=write(facts["frozen"]))))
    if release is not None:
        said = RELEASE.word(release.state)
        shown.append(f"{said}, {write(release.released_at)}" if release.released_at else said)
    return shown or _plain(story, key, write)


def _infusion(story: Story, key: Key, write: Write) -> list[str]:
    one = story.infusions.get(key[1])
    if one is None or one.delivered_viable is None:
        return _plain(story, key, write)
    prepared = {s for s, t in story.way.links if t == key and s[0] == "preparation"}
    vials = {s for s, t in story.way.links if t in prepared and s[0] == "vial"}
    dose = write((one.delivered_viable / MILLION).quantize(Decimal("0.001")).normalize() + 0)
    said = _("%(vials)s vials, %(dose)s million", vials=len(vials), dose=dose)
    return [str(said), str(_("happened past a gate")) if one.as_happened else ""]


def _recipient(story: Story, key: Key, write: Write) -> list[str]:
    fact = story.facts.get(key)
    shown = [str(fact.state)] if fact and fact.state else []
    if not story.events_of(key[1]):
        shown.append(str(_("0 adverse events")))
    return shown


def _event(story: Story, key: Key, write: Write) -> list[str]:
    facts = _facts(story, key)
    words = [] if facts.get("day") is None else [str(_("day %(day)s", day=facts["day"]))]
    if facts.get("assessed"):
        words.append(str(_("related") if facts.get("related") else _("not related")))
    else:
        words.append(str(_("not assessed yet")))
    words.append(str(_("serious") if facts.get("serious") else _("not serious")))
    return [", ".join(words)]


def _lot(story: Story, key: Key, write: Write) -> list[str]:
    if key != story.way.start:
        facts = _facts(story, key)
        expires = str(_("expires %(day)s", day=write(facts["expires_on"]))) if facts.get("expires_on") else ""
        return [str(facts.get("supplier") or ""), expires]
    batches = {target for source, target in story.way.links if source == key and target[0] == "batch"}
    if len(batches) == 1:
        return [str(_("used in 1 batch"))]
    return [str(_("used in %(n)s batches", n=len(batches)))]


def _plain(story: Story, key: Key, write: Write) -> list[str]:
    fact = story.facts.get(key)
    if fact is None:
        return []
    told = [f"{name.replace('_', ' ')} {write(value)}" for name, value in fact.facts.items() if value]
    return [str(fact.state), *told]


_LINES: dict[str, Callable[[Story, Key, Write], list[str]]] = {
    "donor": _donor,
    "donation": _donation,
    "batch": _batch,
    "infusion": _infusion,
    "recipient": _recipient,
    "adverse_event": _event,
    "material_lot": _lot,
}


def _facts(story: Story, key: Key) -> dict[str, Any]:
    fact = story.facts.get(key)
    return fact.facts if fact else {}


def _happened(facts: dict[str, Any]) -> str:
    return str(_("happened past a gate")) if facts.get("as_happened") else ""
