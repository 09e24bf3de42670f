"""The study that the demonstration replays: the published totals (D §1.4), every row of it invented.

A row says what happened to one family; the figures of the report are counted from what the actions stored.
"""

from dataclasses import dataclass, field
from datetime import date

GATE_ON = date(2017, 5, 12)
DATA_CUT = date(2022, 1, 31)


@dataclass(frozen=True)
class Event:
    """An adverse event: days after the infusion, its term, how bad, what it led to."""

    day: int
    term: str
    grade: int
    serious: bool = True
    related: bool = False


@dataclass(frozen=True)
class Family:
    """One patient with the relative who gives, the course of the cells and what followed."""

    number: int
    woman: bool
    born: date
    weight: str
    relation: str
    donor_woman: bool
    donor_born: date
    enrolled: date
    follow_up_days: int
    fails_first: bool = False
    """The first batch fails release; the donor gives again."""
    events: tuple[Event, ...] = field(default_factory=tuple)


def _late(*events: tuple[int, str, int]) -> tuple[Event, ...]:
    return tuple(Event(day, term, grade) for day, term, grade in events)


FAMILIES = (
    Family(1, True, date(1968, 5, 2), "57.9", "full_sibling", True, date(1971, 3, 9), date(2014, 3, 24), 615),
    Family(
        2,
        True,
        date(1961, 11, 17),
        "62.4",
        "full_sibling",
        False,
        date(1965, 7, 21),
        date(2014, 7, 8),
        755,
        events=_late((400, "Pneumonia", 4), (487, "Skin ulcer infection", 3)),
    ),
    Family(
        3,
        False,
        date(1972, 2, 28),
        "71.2",
        "full_sibling",
        False,
        date(1975, 9, 14),
        date(2014, 11, 3),
        639,
        events=_late(
            (199, "Intestinal pseudo-obstruction", 3), (304, "Digital ischaemia", 3), (424, "Anaemia", 3)
        ),
    ),
    Family(
        4,
        True,
        date(1979, 8, 12),
        "54.6",
        "parent",
        True,
        date(1956, 1, 30),
        date(2015, 2, 16),
        377,
        events=(Event(0, "Flushing", 1, serious=False, related=True),),
    ),
    Family(
        5,
        True,
        date(1966, 4, 6),
        "66.8",
        "full_sibling",
        True,
        date(1963, 6, 25),
        date(2015, 5, 18),
        737,
        events=_late(
            (57, "Catheter site infection", 3),
            (387, "Dyspnoea", 3),
            (421, "Pulmonary hypertension", 3),
            (554, "Fracture", 3),
        ),
    ),
    Family(6, True, date(1981, 12, 19), "59.3", "parent", False, date(1958, 10, 11), date(2015, 9, 21), 740),
    Family(
        7,
        False,
        date(1970, 7, 7),
        "78.5",
        "full_sibling",
        True,
        date(1973, 2, 2),
        date(2016, 1, 11),
        587,
        fails_first=True,
        events=_late((242, "Renal crisis", 3), (487, "Pneumonia", 3), (548, "Cardiac failure", 3)),
    ),
    Family(
        8,
        True,
        date(1963, 9, 24),
        "60.7",
        "child",
        False,
        date(1988, 4, 15),
        date(2016, 5, 9),
        460,
        events=_late((58, "Respiratory failure", 4), (414, "Sepsis", 4)),
    ),
    Family(
        9,
        True,
        date(1976, 3, 13),
        "52.8",
        "full_sibling",
        False,
        date(1978, 8, 8),
        date(2016, 9, 5),
        755,
        events=(
            Event(0, "Nausea", 1, serious=False, related=True),
            Event(1, "Asthenia", 2, serious=False, related=True),
            *_late((330, "Digital ischaemia", 3), (432, "Skin ulcer infection", 3)),
        ),
    ),
    Family(
        10,
        True,
        date(1959, 6, 29),
        "68.1",
        "full_sibling",
        True,
        date(1962, 12, 5),
        date(2016, 12, 12),
        731,
        events=_late((47, "Ileus", 4), (247, "Dyspnoea", 3), (266, "Arrhythmia", 3)),
    ),
    Family(
        11,
        True,
        date(1974, 10, 3),
        "61.5",
        "full_sibling",
        False,
        date(1977, 5, 27),
        date(2017, 6, 19),
        737,
        events=_late((204, "Pneumonia", 3)),
    ),
    Family(
        12,
        False,
        date(1967, 1, 22),
        "81.35",
        "full_sibling",
        False,
        date(1964, 11, 18),
        date(2017, 9, 25),
        712,
    ),
    Family(
        13,
        True,
        date(1982, 5, 16),
        "55.2",
        "parent",
        True,
        date(1960, 2, 19),
        date(2018, 1, 15),
        727,
        events=_late(
            (44, "Catheter site infection", 3),
            (349, "Renal crisis", 4),
            (368, "Anaemia", 4),
            (495, "Malnutrition", 3),
        ),
    ),
    Family(
        14,
        False,
        date(1965, 8, 30),
        "74.9",
        "full_sibling",
        True,
        date(1969, 4, 4),
        date(2018, 4, 16),
        740,
        events=_late((298, "Cardiac failure", 4), (323, "Pericardial effusion", 4)),
    ),
    Family(
        15,
        True,
        date(1978, 12, 8),
        "58.4",
        "child",
        True,
        date(1999, 7, 13),
        date(2018, 7, 9),
        542,
        fails_first=True,
        events=_late((518, "Fracture", 3)),
    ),
    Family(
        16,
        False,
        date(1971, 4, 21),
        "83.7",
        "full_sibling",
        False,
        date(1974, 1, 6),
        date(2018, 10, 22),
        688,
        events=_late(
            (207, "Dyspnoea", 3),
            (229, "Digital ischaemia", 3),
            (545, "Arrhythmia", 4),
            (597, "Skin ulcer infection", 3),
            (651, "Pneumonia", 3),
        ),
    ),
    Family(
        17,
        False,
        date(1969, 11, 11),
        "76.0",
        "full_sibling",
        True,
        date(1972, 6, 1),
        date(2019, 2, 4),
        764,
        events=_late((187, "Pulmonary hypertension", 3), (219, "Anaemia", 3), (739, "Sepsis", 4)),
    ),
    Family(18, True, date(1984, 2, 14), "63.9", "parent", False, date(1961, 9, 9), date(2019, 5, 13), 770),
    Family(
        19,
        True,
        date(1973, 6, 18),
        "56.6",
        "full_sibling",
        True,
        date(1976, 10, 28),
        date(2019, 9, 16),
        758,
        events=_late((88, "Intestinal pseudo-obstruction", 3)),
    ),
    Family(
        20, False, date(1962, 3, 27), "79.4", "full_sibling", False, date(1966, 8, 17), date(2020, 1, 6), 743
    ),
)

MEDDRA = {"Flushing": "10016825", "Nausea": "10028813", "Asthenia": "10003549"}
