"""How the positions of a box are named: rows by letter, columns by number, ``A1`` to ``Z30``."""

import string

MOST_ROWS = 26
MOST_COLUMNS = 30


def position_name(row: int, column: int) -> str:
    """The name of the position in row and column, both counted from 1."""
    return f"{string.ascii_uppercase[row - 1]}{column}"


def positions(rows: int, columns: int) -> list[tuple[int, int, str]]:
    """(row, column, name) of every position, along the rows."""
    return [
        (row, column, position_name(row, column))
        for row in range(1, rows + 1)
        for column in range(1, columns + 1)
    ]
