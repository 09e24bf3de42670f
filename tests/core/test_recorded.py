"""The record read in time: filters, pages, who reads whom; and plans that stay right as it grows."""

import statistics
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, func, select, text

from mscbank.core import browsing, db
from mscbank.core.access import Role
from mscbank.core.browsing import Only, Wanted
from mscbank.core.db import engines, session
from mscbank.core.errors import Invalid
from mscbank.core.record import ActTouch, Outcome, Record
from mscbank.core.types import iso
from tests.both_doors import Doors, doors
from tests.fixtures import Walked
from tests.people import person

__all__ = ["doors"]

EVERYTHING = {
    "all": Wanted(),
    "person": Wanted(person="lab"),
    "action": Wanted(action="custody.print_labels"),
    "blocked": Wanted(only=Only.BLOCKED),
    "failed": Wanted(only=Only.FAILED_LOG_INS),
    "signed": Wanted(only=Only.SIGNED),
    "days": Wanted(since=date(2026, 3, 1), until=date(2026, 3, 2)),
    "person_days": Wanted(person="lab", since=date(2026, 3, 1), until=date(2026, 3, 2)),
}


def all_of(wanted: Wanted, size: int = 7) -> list[str]:
    """The acts of a selection, page after page."""
    found, cursor = [], None
    while True:
        page = browsing.page(wanted, cursor, size=size)
        found += [row.act for row in page.acts]
        cursor = page.following
        if cursor is None:
            return found


def test_pages_show_every_outermost_act_once_newest_first(reserved: Walked):
    rows = session.execute(
        select(Record.act).where(Record.parent.is_(None)).order_by(Record.entered_at.desc(), Record.id.desc())
    )
    wanted = list(rows.scalars())
    assert all_of(Wanted(), size=50) == wanted
    few = Wanted(action="custody.print_labels")
    assert all_of(few, size=1) == all_of(few, size=50)
    assert len(all_of(few)) == 2


def test_each_filter_shows_what_it_says(reserved: Walked):
    def kept(wanted: Wanted) -> list[Record]:
        return list(session.scalars(browsing.select_of(wanted)))

    assert {row.actor_login for row in kept(Wanted(person="qa"))} == {"qa"}
    assert all(row.signature for row in kept(Wanted(only=Only.SIGNED)))
    assert len(kept(Wanted(only=Only.SIGNED))) > 10
    assert {row.outcome for row in kept(Wanted(only=Only.BLOCKED))} <= {Outcome.REFUSED}
    batch = reserved.first.batch
    about = kept(Wanted(thing=("batch", batch.code)))
    touched = select(ActTouch.act).where(ActTouch.kind == "batch", ActTouch.code == batch.code)
    acts = {row.parent or row.act for row in session.scalars(select(Record).where(Record.act.in_(touched)))}
    assert {row.act for row in about} == acts
    days = sorted({row.entered_at.astimezone(UTC).date() for row in about})
    one = kept(Wanted(thing=("batch", batch.code), since=days[1], until=days[1]))
    assert one
    assert {row.entered_at.date() for row in one} <= {days[1], days[1] - timedelta(days=1)}
    assert kept(Wanted(since=date(2199, 1, 1))) == []


def test_the_steps_of_an_act_come_with_it(reserved: Walked):
    page = browsing.page(Wanted(action="release.release"))
    assert all(len(page.steps[row.act]) >= 4 for row in page.acts), "each vial was freed"


@pytest.mark.parametrize("cursor", ["", "x", "2026-01-01T00:00:00Z/none", "none/none", "2026-01-01/none"])
def test_a_cursor_of_nowhere_is_refused(reserved: Walked, cursor: str):
    with pytest.raises(Invalid):
        browsing.page(Wanted(), cursor)


def test_who_reads_everybody():
    assert browsing.reads_all(person("a", "A", Role.AUDITOR))
    assert browsing.reads_all(person("a", "A", Role.QA))
    assert not browsing.reads_all(person("a", "A", Role.QA, site="S1"))
    assert not browsing.reads_all(person("a", "A", Role.LAB_TECH, Role.SPONSOR))


def test_over_the_api(doors: Doors):
    everything = doors.api("qa", "record", method="GET").json
    assert len(everything["items"]) == browsing.PAGE
    second = doors.api("qa", f"record?after={everything['next'].replace('+', '%2B')}", method="GET").json
    assert not {one["act"] for one in everything["items"]} & {one["act"] for one in second["items"]}
    freed = doors.api("qa", "record?action=release.release", method="GET").json["items"]
    assert all(one["steps"] >= 4 for one in freed)
    assert any(change["new"] for change in freed[0]["changes"])
    own = doors.api("lab", "record?person=qa", method="GET").json["items"]
    assert {one["login"] for one in own} == {"lab"}, "who reads only himself reads only himself"
    batch = doors.world.first.batch.code
    told = doors.api("lab", f"record?kind=batch&code={batch}&person=qa", method="GET").json["items"]
    assert {one["login"] for one in told} <= {"qa"}
    for path in ("record?since=yesterday", "record?show=nothing", "record?after=nowhere"):
        assert doors.api("qa", path, method="GET").status_code == 422
    assert doors.api("qa", "record?kind=batch&code=NONE", method="GET").status_code == 404
    assert doors.api("qa", "record?kind=nothing&code=NONE", method="GET").status_code == 404


def test_on_the_page(doors: Doors):
    browser = doors.browser("qa")
    refused = doors.api("lab", f"releases/{doors.world.first.release.code}/check", {"proofs": []}, version=1)
    assert refused.status_code == 403
    page = browser.get("/record?show=blocked").text
    assert "Check" in page
    assert "refused" in page
    page = browser.get("/record?person=lab&action=custody.print_labels").text
    assert "Noor Haddad" in page
    assert "Nothing in the record fits" in browser.get("/record?since=2199-01-01").text
    batch = doors.world.first.batch.code
    assert "whole history" in browser.get(f"/batches/{batch}").text
    assert batch in browser.get(f"/record?kind=batch&code={batch}").text
    assert browser.get("/record?since=never").status_code == 422
    assert 'name="person"' not in doors.browser("lab").get("/record").text


# --- as the record grows ---------------------------------------------------------------------------


def plan_of(wanted: Wanted) -> str:
    """How SQLite would read a page of a selection."""
    statements: list[tuple[str, object]] = []

    def keep(_connection, _cursor, statement, parameters, _context, _many):
        statements.append((statement, parameters))

    engine = engines().read
    event.listen(engine, "before_cursor_execute", keep)
    try:
        browsing.page(wanted)
    finally:
        event.remove(engine, "before_cursor_execute", keep)
    statement, parameters = next((s, p) for s, p in statements if "ORDER BY record.entered_at" in s)
    session.rollback()
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
    return "; ".join(str(row[-1]) for row in rows)


@pytest.mark.parametrize("name", EVERYTHING)
def test_no_page_is_sorted_or_read_through(reserved: Walked, name: str):
    plan = plan_of(EVERYTHING[name])
    assert "TEMP B-TREE" not in plan, plan
    served = {"blocked": "refused_when", "signed": "signed_when", "all": "when", "days": "when",
              "action": "action_when", "failed": "action_when"}  # fmt: skip
    assert f"ix_record_{served.get(name, 'person_when')} " in f"{plan} ", plan


def stuff(acts: int) -> None:
    """So many acts with three steps each, of a hundred people over a year, straight into the table."""
    began, apart = datetime(2025, 6, 1, tzinfo=UTC), timedelta(days=365) / acts
    names = [row[0] for row in session.execute(select(Record.action).distinct())]
    session.rollback()

    def row(n: int, step: int) -> dict[str, object]:
        at = iso(began + n * apart)
        refused, signed = n % 997 == 0, n % 11 == 0 and not step
        return {
            "act": f"s{n:015d}{step:016d}", "parent": f"s{n:015d}{0:016d}" if step else None,
            "outcome": "refused" if refused and not step else "done", "subject_kind": "synthetic",
            "subject_code": f"S{n % 20_000}", "chain_kind": "synthetic", "chain_code": f"S{n % 20_000}",
            "chain_sequence": (n // 20_000) * 4 + step + 1,
            "action": "person.failed_secret" if n % 499 == 0 else names[n % len(names)],
            "actor_login": "lab" if n % 100 == 0 else f"p{n % 100}", "actor_name": "Synthetic",
            "actor_role": "qa", "happened_at": at,
            "happened_zone": "UTC", "entered_at": at,
            "signature": "[]" if signed else None, "app_version": "x",
            "body": '{"changes":[],"ledger":{},"notes":{},"touched":[]}', "prev_hash": "0", "hash": "0",
        }  # fmt: skip

    columns = ", ".join(row(1, 0))
    marks = ", ".join(f":{name}" for name in row(1, 0))
    statement = text(f"INSERT INTO record ({columns}) VALUES ({marks})")
    with engines().write.begin() as connection, db.permitted(connection):
        for start in range(0, acts, 10_000):
            connection.execute(
                statement,
                [row(n, step) for n in range(start, min(start + 10_000, acts)) for step in range(4)],
            )


def seconds(wanted: Wanted) -> float:
    """The median time of a page in the middle of a selection."""
    spent = []
    for _ in range(7):
        session.rollback()
        began = time.perf_counter()
        session.execute(browsing.select_of(wanted).limit(browsing.PAGE + 1)).all()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_page_takes_as_long_of_a_million_rows_as_of_a_hundred_thousand(reserved: Walked):
    stuff(25_000)
    few = {name: seconds(wanted) for name, wanted in EVERYTHING.items()}
    with engines().write.begin() as connection, db.permitted(connection):
        guards = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars()
        for name in guards.all():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        connection.execute(text("DELETE FROM record WHERE subject_kind = 'synthetic'"))
    stuff(250_000)
    rows = session.scalar(select(func.count()).select_from(Record))
    session.rollback()
    assert rows > 1_000_000
    many = {name: seconds(wanted) for name, wanted in EVERYTHING.items()}
    slower = {name: many[name] / few[name] for name in many}
    assert max(slower.values()) < 5, (slower, many)
