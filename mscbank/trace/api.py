"""The trace over the API: any code, back to the donor and forward to every patient and event."""

from dataclasses import asdict
from typing import Any

from mscbank.core.db import Thing
from mscbank.core.errors import Missing, Refusal
from mscbank.core.web.api import Blueprints
from mscbank.core.web.here import actor
from mscbank.core.web.scan import read
from mscbank.trace import schemas
from mscbank.trace.story import Story, tell

NO_WAY = Refusal("trace.unknown", "Nothing here has this code, so there is no way to show.")

api = Blueprints("api_trace", __name__, url_prefix="/api/v1/trace", description="The way of any code")


def as_json(story: Story) -> dict[str, Any]:
    """The story as the API shows it."""
    way = story.way
    things = []
    for kind, code in sorted(way.things):
        fact = story.facts.get((kind, code))
        things.append(
            {
                "kind": kind,
                "code": code,
                "title": str(fact.title) if fact else code,
                "state": str(fact.state) if fact else "",
                "facts": _plain(fact.facts) if fact else {},
                "reached": (kind, code) in way.reached,
            }
        )
    links = [
        {"source": ends[0][1], "target": ends[1][1], "reached": way.is_reached(ends)}
        for ends in sorted(way.links)
    ]
    total = story.completeness
    return {
        "kind": way.start[0],
        "code": way.start[1],
        "things": things,
        "links": links,
        "completeness": {
            "filled": total.filled,
            "accounted": total.accounted,
            "complete": total.is_complete,
            "parts": total.parts,
        },
        "batches": {code: asdict(balance) for code, balance in sorted(story.by_batch.items())},
        "acts": story.act_count,
        "signatures": story.signatures,
        "signatures_holding": story.signatures_holding,
        "chain_rows": story.chain_rows,
        "chain_intact": story.chain_intact,
    }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {
        str(name): value if isinstance(value, (int, bool)) else str(value) for name, value in values.items()
    }


@api.route("/<path:text>", methods=["GET"])
@api.doc(responses={str(c): "DEFAULT_ERROR" for c in (401, 404, 429)})
@api.response(200, schemas.TraceSchema)
def show(text: str) -> dict[str, Any]:
    """Show the whole way of any code: vial, DIN, donor, batch, preparation, recipient, material lot."""
    actor()
    thing = read(text, wristbands=False).thing
    if not isinstance(thing, Thing):
        raise Missing(NO_WAY())
    return as_json(tell((thing.kind, thing.code)))
