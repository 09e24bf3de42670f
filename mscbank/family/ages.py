"""Ages in whole years, on civil dates."""

from datetime import date


def whole_years(born_on: date, on: date) -> int:
    """Completed years on a day; who was born on 29 February completes a year on 1 March of a common year."""
    return on.year - born_on.year - ((on.month, on.day) < (born_on.month, born_on.day))
