"""Whether the record still is what was written, and whether every row still is what the record says.

It reads only, page by page, and may run while others work: what differs is looked at once more before it is
told.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, inspect, select

from mscbank.core import checkpoint_check, keeping
from mscbank.core.canonical import canonical, digest, plain
from mscbank.core.checkpoints import Checkpoint
from mscbank.core.checks import CHECKS, Fault, check
from mscbank.core.db import Part, Plumbing, Row, any_of, session
from mscbank.core.guards import models
from mscbank.core.instance import instance
from mscbank.core.lockorder import lock_order
from mscbank.core.naming import Key, key_of, link_of, values_of
from mscbank.core.record import GENESIS, HASHED, ActTouch, ChainHead, Outcome, Record, hash_of
from mscbank.core.signatures import MARKS, Signature
from mscbank.core.tally import Tally

PAGE = 2000
SKEW = timedelta(minutes=2)
"""How far the clocks of two hosts may be apart."""
LATE = 5000
"""An act may be committed after acts whose rows have higher keys; so far back it is looked for."""

Progress = Callable[[str], None]
RECORD = "core.record"


@dataclass
class Book:
    """What the record says: the end of each chain, and of every row what its fields sum up to."""

    last: int = 0
    recent: set[int] = field(default_factory=set)
    """The keys of the last rows that were read."""
    ends: dict[Key, tuple[int, str]] = field(default_factory=dict)
    entered: dict[Key, datetime] = field(default_factory=dict)
    """When the last entry of each chain was made."""
    clock_moves: bool = False
    """In a demonstration, where nothing follows from the time of an entry."""
    rows: Tally = field(default_factory=Tally)
    ledgers: dict[str, int] = field(default_factory=dict)

    def follow(self, row: Any) -> Iterator[Fault]:
        """Put the next record row behind the others of its chain; what does not fit is a fault."""
        chain = (row.chain_kind, row.chain_code)
        sequence, previous = self.ends.get(chain, (0, GENESIS))
        if row.chain_sequence != sequence + 1:
            yield (
                *chain,
                f"entry {row.chain_sequence} of its record follows entry {sequence}: entries are missing",
            )
        elif row.prev_hash != previous:
            yield (*chain, f"entry {row.chain_sequence} of its record does not follow the one before it")
        if hash_of({name: getattr(row, name) for name in HASHED}) != row.hash:
            yield (*chain, f"entry {row.chain_sequence} of its record (act {row.act}) was changed")
        if row.entered_at < self.entered.get(chain, row.entered_at) - SKEW:
            yield (*chain, f"entry {row.chain_sequence} of its record is dated before the one before it")
        self.ends[chain] = (row.chain_sequence, row.hash)
        if not self.clock_moves:
            self.entered[chain] = row.entered_at

    def note(self, keys: Iterable[int]) -> None:
        """Take down which rows were read."""
        self.recent.update(keys)
        self.last = max(self.recent)
        self.recent = {key for key in self.recent if key > self.last - LATE}

    def fold(self, body: dict[str, Any]) -> None:
        """Take over what an act changed."""
        for change in body["changes"]:
            self.rows.fold(change)
        for table, digests in body["ledger"].items():
            self.ledgers[table] = self.ledgers.get(table, 0) + len(digests)


@check(RECORD)
def whole(progress: Progress = lambda _what: None) -> Iterator[Fault]:
    """Every chain is unbroken, every row is what the record says, every signature is its act's."""
    progress("chains")
    heads = {(h.chain_kind, h.chain_code): (h.sequence, h.hash) for h in _all(ChainHead)}
    book = Book(clock_moves=instance().is_demonstration)
    yield from _read_on(book)
    yield from _ends(book, heads)
    heads.clear()
    yield from _rows(book, progress)
    yield from _ledgers(book, progress)
    progress("signatures and histories")
    yield from _signatures()
    yield from _lost_touches()


def _all(model: type[Any]) -> Iterator[Any]:
    """Every row of a table, page by page."""
    last = 0
    while page := session.scalars(select(model).where(model.id > last).order_by(model.id).limit(PAGE)).all():
        yield from page
        last = page[-1].id
        session.expunge_all()


def _read_on(book: Book) -> Iterator[Fault]:
    """Follow the record from where the book ends, and what was committed late before that."""
    after = max(book.last - LATE, 0)
    asked = select(Record.id, Record.hash, *(getattr(Record, name) for name in HASHED))
    while listed := session.execute(asked.where(Record.id > after).order_by(Record.id).limit(PAGE)).all():
        after = listed[-1].id
        page = [row for row in listed if row.id not in book.recent]
        book.note(row.id for row in listed)
        touched: dict[str, set[Key]] = {}
        touches = select(ActTouch.act, ActTouch.kind, ActTouch.code)
        for act, kind, code in session.execute(
            touches.where(any_of(ActTouch.act, [row.act for row in page]))
        ):
            touched.setdefault(act, set()).add((kind, code))
        for row in page:
            yield from book.follow(row)
            body = _body(row)
            if body is None:  # it was edited, which its hash has told already
                continue
            yield from _histories(row, {(k, c) for k, c in body["touched"]}, touched.get(row.act, set()))
            if row.outcome is Outcome.DONE:
                book.fold(body)
        session.expunge_all()


def _body(row: Any) -> dict[str, Any] | None:
    """What an act kept, or nothing when it cannot be read any more."""
    try:
        body = json.loads(row.body)
        kept = {name: body[name] for name in ("changes", "ledger", "touched")}
    except (ValueError, TypeError, KeyError):
        return None
    return kept


def _histories(row: Any, said: set[Key], there: set[Key]) -> Iterator[Fault]:
    """An act that is missing from the history of something, or stands in one where it does not belong."""
    for kind, code in sorted(said - there):
        yield kind, code, f"act {row.act} ({row.action}) is missing from its history"
    for kind, code in sorted(there - said):
        yield kind, code, f"act {row.act} ({row.action}) does not belong into its history"


def _ends(book: Book, heads: dict[Key, tuple[int, str]]) -> Iterator[Fault]:
    for chain, (sequence, hash_) in heads.items():
        end = book.ends.get(chain)
        if end is None or end[0] < sequence:
            yield (*chain, f"its record ends before entry {sequence}: entries are missing at the end")
        elif end[0] == sequence and end[1] != hash_:
            yield (*chain, f"the end of its record, entry {sequence}, is not the one that was written")
    for chain in sorted(book.ends.keys() - heads.keys()):
        yield (*chain, "its record has no end on file")


# --- rows against the record -----------------------------------------------------------------------------


def _kept() -> list[type[Row]]:
    """The tables whose rows the record keeps value by value, upstream first."""
    found = [m for m in models() if not (issubclass(m, Plumbing) or m.by_door or getattr(m, "ledger", False))]
    return sorted(found, key=lock_order)


def _rows(book: Book, progress: Progress) -> Iterator[Fault]:
    doubtful: dict[Key, tuple[type[Row], int]] = {}
    for model in _kept():
        progress(model.__tablename__)
        for page in _pages(model):
            for row in page:
                key = key_of(row)
                if not book.rows.holds(key, plain(values_of(row))):
                    doubtful[key] = (model, row.id)
    gone = set(book.rows.unseen())
    for _ in _read_on(book):  # somebody may have worked meanwhile; its own faults are told another time
        pass
    session.expunge_all()
    doubtful = {
        key: (model, row_id)
        for key, (model, row_id) in doubtful.items()
        if (row := session.get(model, row_id)) is None or not book.rows.holds(key, plain(values_of(row)))
    }
    if not doubtful and not gone:
        return
    said = _told_of({book.rows.name(key) for key in doubtful} | gone, book)
    for key, (model, row_id) in doubtful.items():
        row = session.get(model, row_id)
        why = difference(said.get(key), plain(values_of(row))) if row is not None else "is gone"
        if why is not None:
            yield (*key, why)
    for key in sorted(key for key in said if book.rows.name(key) in gone):
        yield (*key, "is gone, or was given another name")


def _told_of(names: set[int], book: Book) -> dict[Key, dict[str, Any]]:
    """The last value of every field of a few rows, read once more from the whole record."""
    found: dict[Key, dict[str, Any]] = {}
    after = 0
    while page := session.execute(
        select(Record.id, Record.body)
        .where(Record.id > after, Record.outcome == Outcome.DONE)
        .order_by(Record.id)
        .limit(PAGE)
    ).all():
        after = page[-1].id
        for row in page:
            for change in (_body(row) or {"changes": ()})["changes"]:
                kind, code = change["thing"]
                if book.rows.name((kind, code)) in names:
                    kept = found.setdefault((kind, code), {})
                    kept.update({name: new for name, (_old, new) in change["fields"].items()})
    return found


def difference(recorded: dict[str, Any] | None, found: dict[str, Any]) -> str | None:
    """Why a row is not what the record says; ``None`` when it is."""
    if recorded is None:
        return "is not in the record"
    there = {name: value for name, value in found.items() if value is not None}
    said = {name: value for name, value in recorded.items() if value is not None}
    names = sorted(name for name in there.keys() | said.keys() if there.get(name) != said.get(name))
    if not names:
        return None
    return f"differs from the record in {', '.join(names)}"


def _pages(model: type[Row]) -> Iterator[list[Any]]:
    """The rows of a table with all that their names need, page by page."""
    last = 0
    while page := list(
        session.scalars(select(model).where(model.id > last).order_by(model.id).limit(PAGE)).all()
    ):
        last = page[-1].id
        kept = _with_targets(page)
        yield page
        del kept
        session.expunge_all()


def _with_targets(rows: Iterable[Any]) -> list[Any]:
    """The things and parts to which rows lead, a statement a table; held by the caller while it reads."""
    kept: list[Any] = []
    fresh = list(rows)
    while fresh:
        wanted: dict[type[Row], set[int]] = {}
        for row in fresh:
            for model, key in _leads_to(row):
                wanted.setdefault(model, set()).add(key)
        fresh = []
        for model, keys in wanted.items():
            missing = [
                key
                for key in keys
                if inspect(model).identity_key_from_primary_key((key,)) not in session.identity_map
            ]
            if missing:
                fresh += session.scalars(select(model).where(any_of(model.id, missing))).all()
        kept += fresh
        fresh = [row for row in fresh if isinstance(row, Part)]
    return kept


def _leads_to(row: Any) -> Iterator[tuple[type[Row], int]]:
    mapper = inspect(type(row))
    for attribute in mapper.column_attrs:
        column = attribute.columns[0]
        value = getattr(row, attribute.key)
        if value is not None and column.foreign_keys and column.type.python_type is int:
            yield mapper.relationships[link_of(type(row), attribute.key)].mapper.class_, value


# --- ledgers, signatures, touches ------------------------------------------------------------------------


def _ledgers(book: Book, progress: Progress) -> Iterator[Fault]:
    """Every row of a ledger stands in the body of its act by its digest, and none is missing."""
    for model in (m for m in models() if getattr(m, "ledger", False)):
        table, count = model.__tablename__, 0
        progress(table)
        for page in _pages(model):
            count += len(page)
            yield from _unrecorded(table, page)
        if count < book.ledgers.get(table, 0):
            missing = book.ledgers[table] - count
            yield table, "-", f"{missing} of {book.ledgers[table]} recorded rows are gone"


def _unrecorded(table: str, page: list[Any]) -> Iterator[Fault]:
    acts = {row.act for row in page}
    bodies = {
        act: set(json.loads(body)["ledger"].get(table, ()))
        for act, body in session.execute(
            select(Record.act, Record.body).where(any_of(Record.act, list(acts)))
        )
    }
    for row in page:
        if digest(canonical(values_of(row))) not in bodies.get(row.act, set()):
            kind, code = key_of(row)
            yield kind, code, f"row {row.id} is not the one that act {row.act} wrote"


def _signatures() -> Iterator[Fault]:
    """Every signature is the one that its act names, and every one that an act names is there."""
    found: dict[str, list[Any]] = {}
    for one in _all(Signature):
        found.setdefault(one.act, []).append(one)
        if digest(one.held) != one.held_hash:
            yield one.subject_kind, one.subject_code, f"what {one.login} signed in act {one.act} was changed"
    marks = select(
        Record.act,
        Record.signature,
        Record.subject_kind,
        Record.subject_code,
        Record.action,
        Record.entered_at,
    ).where(Record.signature.is_not(None), Record.parent.is_(None))
    for act, text, kind, code, *done in session.execute(marks):
        signed = found.pop(act, [])
        there = sorted([str(getattr(one, name)) for name in MARKS] for one in signed)
        about = [kind, code, *done]
        if _marks(text) != there or any(
            [one.subject_kind, one.subject_code, one.action, one.signed_at] != about for one in signed
        ):
            yield kind, code, f"the signatures of act {act} are not those that it was done with"
    for act, loose in found.items():
        yield (
            loose[0].subject_kind,
            loose[0].subject_code,
            f"a signature names act {act}, which was not signed",
        )


def _marks(text: str | None) -> list[list[str]]:
    """The marks of the signatures that a row of the record names; none where they cannot be read."""
    try:
        return sorted([str(one[name]) for name in MARKS] for one in json.loads(text or "[]"))
    except (ValueError, TypeError, KeyError):
        return []


def _lost_touches() -> Iterator[Fault]:
    lost = select(ActTouch.kind, ActTouch.code, ActTouch.act).outerjoin(Record, Record.act == ActTouch.act)
    for kind, code, act in session.execute(lost.where(Record.id.is_(None))):
        yield kind, code, f"its history names act {act}, which is not in the record"


@check(checkpoint_check.NAME)
def checkpoints(against: Iterable[Mapping[str, Any]] = ()) -> Iterator[Fault]:
    """Every checkpoint is signed, stands on the chains as they are, and none that was kept is missing."""
    used = keeping.way()
    yield from checkpoint_check.whole([*against, *(used.kept() if used is not None else ())])
    yield from keeping.receipts()


# --- all together ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Finding:
    """Something that does not hold: which check found it, what it is about, and why."""

    check: str
    kind: str
    code: str
    sentence: str

    @property
    def line(self) -> str:
        """One line for a person."""
        return f"{self.kind} {self.code}: {self.sentence}"


def findings(
    *names: str, progress: Progress = lambda _what: None, against: Iterable[Mapping[str, Any]] = ()
) -> Iterator[Finding]:
    """Run the named checks, or all of them, and tell what each looks at.

    ``against`` are checkpoints that were kept outside, beside those that the way in use can read by itself.
    """
    for name in names or tuple(CHECKS):
        if name != RECORD:
            progress(name)
        if name == RECORD:
            found = whole(progress)
        elif name == checkpoint_check.NAME:
            found = checkpoints(against)
        else:
            found = CHECKS[name].run()
        for kind, code, sentence in found:
            yield Finding(name, kind, code, sentence)
        session.rollback()
        session.expunge_all()


def size() -> dict[str, int]:
    """How much there is to verify: entries, chains, signatures."""
    return {
        "entries": session.scalar(select(func.count()).select_from(Record)) or 0,
        "chains": session.scalar(select(func.count()).select_from(ChainHead)) or 0,
        "signatures": session.scalar(select(func.count()).select_from(Signature)) or 0,
        "checkpoints": session.scalar(select(func.count()).select_from(Checkpoint)) or 0,
    }
