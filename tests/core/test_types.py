"""The column types keep what was put in, on both engines, or refuse it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, create_engine, func, insert, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError, StatementError

from mscbank.core.db import CONVENTION
from mscbank.core.types import (
    MAX_SCALED,
    Envelope,
    Exact,
    Id,
    Sealed,
    Utc,
    Word,
    as_text,
    decimal_of,
    iso,
)
from tests import postgres
from tests.conftest import COPIES
from tests.copies import Copies


class Colour(StrEnum):
    RED = "red"
    DARK_BLUE = "dark_blue"


TABLE = Table(
    "sample", MetaData(naming_convention=CONVENTION),
    Column("id", Id, primary_key=True), Column("amount", Exact(3)), Column("other", Exact(3)),
    Column("coarse", Exact(1)), Column("at", Utc), Column("colour", Word(Colour)), Column("name", Sealed),
)  # fmt: skip


@pytest.fixture(scope="module")
def connection(pytestconfig: pytest.Config, engine_kind: str) -> Iterator[Connection]:
    """A table of each of our types, and nothing else."""
    shared = pytestconfig.stash[COPIES]
    copies = Copies(shared.session, f"{shared.worker}_types")
    engine = create_engine(postgres.owner_url(copies.blank(engine_kind)))
    with engine.connect() as found:
        TABLE.create(found)
        found.commit()
        yield found
    engine.dispose()
    copies.drop_all()


def kept(connection: Connection, **values: Any) -> Any:
    """A row as it comes back; nothing stays."""
    with connection.begin_nested() as inner:
        key = connection.execute(insert(TABLE).values(values)).inserted_primary_key[0]
        row = connection.execute(select(TABLE).where(TABLE.c.id == key)).one()
        inner.rollback()
    connection.rollback()
    return row


SHARED = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    max_examples=60,
)


def instants(zones: Any) -> Any:
    return st.datetimes(FIRST, LAST, timezones=zones)


FIRST, LAST = datetime(1900, 1, 2), datetime(2200, 12, 30)  # noqa: DTZ001 - the strategy adds the zone
SCALED = st.integers(-MAX_SCALED, MAX_SCALED)


@pytest.mark.db
class TestExact:
    @SHARED
    @given(scaled=SCALED)
    def test_it_comes_back_as_it_went_in(self, connection: Connection, scaled: int):
        value = Decimal(scaled).scaleb(-3)
        found = kept(connection, amount=value).amount
        assert (found, str(found)) == (value, str(Exact(3).normal(value)))

    @SHARED
    @given(values=st.lists(st.integers(-(10**9), 10**9), min_size=2, max_size=6))
    def test_the_database_orders_compares_and_sums_it_rightly(
        self, connection: Connection, values: list[int]
    ):
        amounts = [Decimal(value).scaleb(-3) for value in values]
        connection.execute(insert(TABLE), [{"amount": amount, "other": amounts[0]} for amount in amounts])
        column, other = TABLE.c.amount, TABLE.c.other
        assert list(connection.scalars(select(column).order_by(column))) == sorted(amounts)
        assert connection.scalar(select(func.sum(column))) == sum(amounts)
        assert connection.scalar(select(func.max(column))) == max(amounts)
        above = connection.scalars(select(column).where(column >= amounts[0])).all()
        assert sorted(above) == sorted(a for a in amounts if a >= amounts[0])
        difference = connection.scalars(select(column - other)).all()
        assert sorted(difference) == sorted(a - amounts[0] for a in amounts)
        connection.rollback()

    @pytest.mark.parametrize(
        "wrong",
        [0.5, 1.0, "1.5", True, Decimal("1.2345"), Decimal("0.0001"), Decimal("NaN"), Decimal("Infinity"),
         Fraction(1, 2), Decimal(MAX_SCALED), 10**30],
    )  # fmt: skip
    def test_what_it_could_not_keep_is_refused(self, connection: Connection, wrong: Any):
        with pytest.raises((StatementError, TypeError, ValueError)):
            kept(connection, amount=wrong)
        connection.rollback()

    @pytest.mark.parametrize(
        "value", [Decimal("1.500"), Decimal("1.5"), Decimal("15E-1"), 0, -7, Decimal("-0.001")]
    )
    def test_the_same_number_is_written_the_same_way(self, connection: Connection, value: Any):
        assert str(kept(connection, amount=value).amount) == f"{Decimal(value):.3f}"

    @pytest.mark.parametrize(
        "expression",
        [
            lambda c: c.amount * 2, lambda c: c.amount / 2, lambda c: c.amount % 2, lambda c: 2 * c.amount,
            lambda c: c.amount + c.coarse, lambda c: c.amount > c.coarse, lambda c: c.amount.like("1%"),
            lambda c: c.amount.concat("x"),
        ],
    )  # fmt: skip
    def test_what_would_come_out_a_thousandfold_wrong_is_refused(self, engine_kind: str, expression: Any):
        with pytest.raises(TypeError):
            expression(TABLE.c)

    @pytest.mark.parametrize("places", [-1, 13])
    def test_places_have_limits(self, engine_kind: str, places: int):
        with pytest.raises(ValueError, match="places"):
            Exact(places)


@pytest.mark.db
class TestUtc:
    @SHARED
    @given(at=instants(st.timezones()))
    def test_it_comes_back_to_the_microsecond_in_utc(self, connection: Connection, at: datetime):
        found = kept(connection, at=at).at
        assert found == at.astimezone(UTC)
        assert found.tzinfo is UTC

    @SHARED
    @given(times=st.lists(instants(st.just(UTC)), min_size=2))
    def test_the_database_orders_it_by_time(self, connection: Connection, times: list[datetime]):
        connection.execute(insert(TABLE), [{"at": at} for at in times])
        assert list(connection.scalars(select(TABLE.c.at).order_by(TABLE.c.at))) == sorted(times)
        early = connection.scalars(select(TABLE.c.at).where(TABLE.c.at < times[0])).all()
        assert sorted(early) == sorted(at for at in times if at < times[0])
        connection.rollback()

    @pytest.mark.parametrize(
        "wrong",
        [
            FIRST, date(2026, 1, 1), "2026-01-01T00:00:00Z", 0,
            datetime(1899, 12, 31, 23, tzinfo=UTC), datetime(2201, 1, 1, tzinfo=UTC),
            datetime(1900, 1, 1, tzinfo=timezone(timedelta(hours=2))),
        ],
    )  # fmt: skip
    def test_what_is_no_instant_of_ours_is_refused(self, connection: Connection, wrong: Any):
        with pytest.raises((StatementError, TypeError, ValueError)):
            kept(connection, at=wrong)
        connection.rollback()

    @pytest.mark.parametrize(
        ("at", "written"),
        [
            (datetime(2026, 1, 2, 3, 4, 5, 6, UTC), "2026-01-02T03:04:05.000006Z"),
            (datetime(2026, 7, 1, tzinfo=timezone(timedelta(hours=2))), "2026-06-30T22:00:00.000000Z"),
            (datetime(1900, 1, 1, tzinfo=UTC), "1900-01-01T00:00:00.000000Z"),
        ],
    )
    def test_it_is_written_in_27_characters_that_sort(self, engine_kind: str, at: datetime, written: str):
        assert iso(at) == written
        assert len(written) == 27


@pytest.mark.db
class TestWord:
    def test_it_is_kept_by_its_value(self, connection: Connection):
        assert kept(connection, colour=Colour.DARK_BLUE).colour is Colour.DARK_BLUE
        assert kept(connection, colour="red").colour is Colour.RED
        assert kept(connection, colour=None).colour is None

    @pytest.mark.parametrize("wrong", ["green", "DARK_BLUE", "", 1])
    def test_another_word_is_refused(self, connection: Connection, wrong: Any):
        with pytest.raises((StatementError, ValueError)):
            kept(connection, colour=wrong)
        connection.rollback()

    def test_the_database_refuses_it_too_by_a_named_check(self, connection: Connection):
        with pytest.raises(DBAPIError, match="ck_sample_colour"):
            connection.execute(text("INSERT INTO sample (colour) VALUES ('green')"))
        connection.rollback()

    def test_all_words_have_one_length(self, engine_kind: str):
        assert isinstance(Word(Colour).impl, String)
        assert Word(Colour).impl.length == 40


@pytest.mark.db
class TestSealed:
    @SHARED
    @given(nonce=st.binary(min_size=1, max_size=20), ciphertext=st.binary(max_size=200))
    def test_an_envelope_comes_back(self, connection: Connection, nonce: bytes, ciphertext: bytes):
        made = Envelope("0123456789abcdef", nonce, ciphertext)
        assert kept(connection, name=made).name == made

    @pytest.mark.parametrize("wrong", ["Müller", b"x", 1, "1.k.AAAA.AAAA"])
    def test_nothing_but_an_envelope_goes_in(self, connection: Connection, wrong: Any):
        with pytest.raises((StatementError, TypeError)):
            kept(connection, name=wrong)
        connection.rollback()

    def test_an_unknown_version_is_not_guessed(self, engine_kind: str):
        with pytest.raises(ValueError, match="version"):
            Envelope.read("2.k.AAAA.AAAA")


class TestAsText:
    @pytest.mark.parametrize(
        ("column", "value", "written"),
        [
            ("amount", Decimal("1.5"), "1.500"), ("amount", 2, "2"), ("coarse", Decimal(0), "0.0"),
            ("at", datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00.000000Z"),
            ("colour", Colour.RED, "red"),
            ("name", Envelope("k", b"n", b"c"), "1.k.bg==.Yw=="), ("id", 7, "7"), ("id", None, None),
            ("id", True, True),
            ("id", date(2026, 1, 2), "2026-01-02"),
        ],
    )  # fmt: skip
    def test_the_record_writes_values_one_way(self, column: str, value: Any, written: Any):
        assert as_text(TABLE.c[column], value) == written


@pytest.mark.parametrize(
    ("value", "places", "shown"),
    [
        (Fraction(1, 3), 2, "0.33"), (Fraction(2, 3), 2, "0.67"), (Fraction(1, 2), 0, "1"),
        (Fraction(-1, 2), 0, "-1"),
        (Fraction(5, 1000), 2, "0.01"), (Fraction(49, 10000), 2, "0.00"), (Fraction(0), 1, "0.0"),
    ],
)  # fmt: skip
def test_a_fraction_is_shown_rounded_half_up(value: Fraction, places: int, shown: str):
    assert str(decimal_of(value, places)) == shown
