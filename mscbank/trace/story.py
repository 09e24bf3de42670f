"""What a way holds in words: its things told by their steps, its time, its numbers, its record."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from mscbank.batch.models import Batch
from mscbank.core.db import any_of, session
from mscbank.core.links import Fact, told
from mscbank.core.record import GENESIS, ActTouch, ChainHead, Outcome, Record, hash_of
from mscbank.core.signatures import Signature
from mscbank.core.web.history import holds
from mscbank.custody.balance import Balance, balances
from mscbank.custody.models import Hold, Vial
from mscbank.infusion.models import Infusion
from mscbank.infusion.states import GIVEN
from mscbank.release.models import Release
from mscbank.trace.completeness import Completeness, add_up
from mscbank.trace.moments import MILESTONES, Act, Moment, gather
from mscbank.trace.walk import CONTEXT, Key, Way, flow, reach, whole

BATCHED = 500
"""Of how many things the record is read and hashed at once."""


@dataclass
class Held:
    """A hold that stands open on something present: which, and how many vials it keeps."""

    batch: str
    vial: str | None
    cause: str
    vials: int


@dataclass
class Story:
    """A way with everything that its page, its JSON and its printed form show."""

    way: Way
    facts: dict[Key, Fact]
    by_batch: dict[str, Balance]
    completeness: Completeness
    moments: list[Moment]
    acts: list[Act]
    signatures: int
    signatures_holding: int
    chain_rows: int
    chain_intact: bool
    infusions: dict[str, Infusion] = field(default_factory=dict)
    releases: dict[str, Release] = field(default_factory=dict)
    """Batch code → its release."""
    patients: dict[str, list[str]] = field(default_factory=dict)
    """Batch code → the patients into whom its cells went."""
    holds: list[Held] = field(default_factory=list)

    @property
    def act_count(self) -> int:
        """How many acts touched this way."""
        return len(self.acts)

    def title(self, key: Key) -> str:
        """What a thing is called."""
        fact = self.facts.get(key)
        return str(fact.title) if fact else key[1]

    def events_of(self, recipient: str) -> list[str]:
        """The adverse events of a patient."""
        return sorted(
            target[1]
            for source, target in self.way.links
            if source == ("recipient", recipient) and target[0] == "adverse_event"
        )


def tell(start: Key) -> Story:
    """Walk the way of a thing and tell it."""
    way = whole(start)
    facts = {(fact.kind, fact.code): fact for kind in _kinds(way) for fact in told(kind, way.of(kind))}
    infusions = _by_code(Infusion, way.of("infusion"))
    stopped = {("infusion", code) for code, one in infusions.items() if one.state not in GIVEN}
    way.reached = reach(way, stopped)
    rows = session.execute(select(Batch.id, Batch.code).where(any_of(Batch.code, way.of("batch"))))
    ids: dict[int, str] = dict(rows.all())
    by_batch = {ids[key]: balance for key, balance in balances(sorted(ids)).items()}
    acts = _acts(way)
    signed = _signatures(way)
    chain_rows, intact = _chains(way)
    return Story(
        way=way,
        facts=facts,
        by_batch=by_batch,
        completeness=add_up(by_batch.values()),
        moments=gather(act for act in acts if act.action in MILESTONES),
        acts=acts,
        signatures=len(signed),
        signatures_holding=sum(holds(one) for one in signed),
        chain_rows=chain_rows,
        chain_intact=intact,
        infusions=infusions,
        releases={ids[one.batch_id]: one for one in _releases(ids)},
        patients={
            code: sorted(
                found
                for kind, found in flow(way, ("batch", code), forward=True, stopped=stopped)
                if kind == "recipient"
            )
            for code in by_batch
        },
        holds=_holds(ids),
    )


def _kinds(way: Way) -> list[str]:
    return sorted({kind for kind, _ in way.things})


def _own(way: Way) -> list[tuple[str, list[str]]]:
    """The things of the way by kind, without what many ways share unless it was asked for."""
    kinds = [(kind, way.of(kind)) for kind in _kinds(way) if kind not in CONTEXT]
    return [*kinds, (way.start[0], [way.start[1]])] if way.start[0] in CONTEXT else kinds


def _by_code(model: Any, codes: list[str]) -> dict[str, Any]:
    return {one.code: one for one in session.scalars(select(model).where(any_of(model.code, codes)))}


def _releases(ids: dict[int, str]) -> list[Release]:
    return list(session.scalars(select(Release).where(any_of(Release.batch_id, sorted(ids)))))


def _holds(ids: dict[int, str]) -> list[Held]:
    """The open holds on batches and vials of the way."""
    of_vials = session.execute(
        select(Hold, Vial)
        .join(Vial, Vial.id == Hold.vial_id)
        .where(any_of(Vial.batch_id, sorted(ids)), Hold.lifted_at.is_(None))
        .order_by(Hold.id)
    ).all()
    of_batches = session.scalars(
        select(Hold).where(any_of(Hold.batch_id, sorted(ids)), Hold.lifted_at.is_(None)).order_by(Hold.id)
    ).all()
    present = {key: one.present for key, one in balances(sorted(ids)).items()}
    return [
        *(Held(ids[h.batch_id or 0], None, h.cause.value, present[h.batch_id or 0]) for h in of_batches),
        *(Held(ids[vial.batch_id], vial.called, hold.cause.value, 1) for hold, vial in of_vials),
    ]


def _acts(way: Way) -> list[Act]:
    """The acts that touched the way, oldest first; readings of names are kept elsewhere."""
    acts: set[str] = set()
    for kind, codes in _own(way):
        acts.update(
            session.scalars(select(ActTouch.act).where(ActTouch.kind == kind, any_of(ActTouch.code, codes)))
        )
    columns = (Record.act, Record.action, Record.happened_at, Record.actor_name, Record.subject_kind,
               Record.subject_code)  # fmt: skip
    done = select(*columns).where(
        any_of(Record.act, sorted(acts)), Record.outcome == Outcome.DONE, Record.parent.is_(None),
        Record.chain_kind != "person",
    )  # fmt: skip
    return [Act(*row) for row in session.execute(done.order_by(Record.happened_at, Record.id))]


def _signatures(way: Way) -> list[Signature]:
    return [
        one
        for kind, codes in _own(way)
        for one in session.scalars(
            select(Signature).where(Signature.subject_kind == kind, any_of(Signature.subject_code, codes))
        )
    ]


def _batched(kinds: Iterable[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """As many things at a time as fit into memory; PostgreSQL streams nothing outside a transaction."""
    for kind, codes in kinds:
        for first in range(0, len(codes), BATCHED):
            yield kind, codes[first : first + BATCHED]


def _chains(way: Way) -> tuple[int, bool]:
    """How many record rows stand in the chains of this way, and whether every chain is what it says."""
    columns = list(Record.__table__.columns)
    count, intact = 0, True
    for kind, codes in _batched(_own(way)):
        last: dict[str, tuple[int, str]] = {}
        statement = (
            select(*columns)
            .where(Record.chain_kind == kind, any_of(Record.chain_code, codes))
            .order_by(Record.chain_code, Record.chain_sequence)
        )
        for row in session.execute(statement):
            count += 1
            sequence, previous = last.get(row.chain_code, (0, GENESIS))
            stands = (row.chain_sequence, row.prev_hash) == (sequence + 1, previous)
            intact = intact and stands and hash_of(dict(row._mapping)) == row.hash
            last[row.chain_code] = (row.chain_sequence, row.hash)
        heads = session.execute(
            select(ChainHead.chain_code, ChainHead.sequence, ChainHead.hash).where(
                ChainHead.chain_kind == kind, any_of(ChainHead.chain_code, codes)
            )
        )
        intact = intact and {code: (sequence, digest_) for code, sequence, digest_ in heads} == last
    return count, intact
