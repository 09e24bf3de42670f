"""A vial is valid to the end of its last day, where its batch was made."""

from datetime import UTC, date, datetime

from mscbank.custody.filling import end_of


def test_expiry_is_the_end_of_the_civil_day():
    assert end_of(date(2028, 10, 28), "Europe/Paris") == datetime(2028, 10, 28, 22, tzinfo=UTC)


def test_the_night_in_which_the_clocks_change():
    assert end_of(date(2028, 10, 29), "Europe/Paris") == datetime(2028, 10, 29, 23, tzinfo=UTC)
    assert end_of(date(2028, 3, 26), "Europe/Paris") == datetime(2028, 3, 26, 22, tzinfo=UTC)


def test_leap_day():
    assert end_of(date(2028, 2, 29), "UTC") == datetime(2028, 3, 1, tzinfo=UTC)
