"""The report in words: zeros printed, units said, nothing merged."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from mscbank.safety.gate import GateFacts
from mscbank.safety.lines import dose_words, finding, gate_words, lines, patients_of, shorter
from mscbank.safety.models import GateDecision
from mscbank.safety.table import Count, tabulate
from mscbank.safety.words import Decision
from tests.safety.test_table import PATIENTS, TABLE


def test_the_table_line_by_line():
    shown = [(str(line.label), line.figure, line.said) for line in lines(TABLE)]
    assert shown == [
        ("Enrolled", "20", "2014-03-24 to 2020-01-06"),
        ("Infused", "20", "13 women, 7 men"),
        ("At 1 million/kg", "10", ""),
        ("At 3 million/kg", "10", ""),
        ("Day 0 to day 10", "", ""),
        ("Infusion-related, severe", "0", "0 of 20, 0 %"),
        ("Infusion-related, all", "3", "2 of 20, 10 %"),
        ("Flushing, grade 1", "1", "patient 04"),
        ("Nausea, grade 1", "1", "patient 09"),
        ("Asthenia, grade 2", "1", "patient 09"),
        ("After day 10", "", ""),
        ("Treatment-related", "0", "0 of 20, 0 %"),
        ("Severe, not treatment-related", "36", "14 of 20, 70 %"),
        ("Serious, not treatment-related", "36", "14 of 20, 70 %"),
        ("Follow-up, months", "24.1", "median, quartiles 20.8 and 24.5"),
    ]


def test_nobody_yet():
    table = tabulate([], [])
    assert finding(table) == "Nobody has been infused yet"
    assert [line.figure for line in lines(table)][-1] == "–"


def test_the_finding_is_what_the_reader_must_know():
    assert finding(TABLE) == "No treatment-related serious event in 20 patients"
    worse = replace(TABLE, related_serious=Count(3, 2, 20))
    assert finding(worse) == "3 treatment-related serious events in 2 of 20 patients"
    one = replace(TABLE, related_serious=Count(1, 1, 1), infused=1)
    assert finding(one) == "1 treatment-related serious event in 1 of 1 patient"


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (1_000_000, "1 million/kg"),
        (3_000_000, "3 million/kg"),
        (2_500_000, "2.5 million/kg"),
        (10**7, "10 million/kg"),
    ],
)
def test_doses_are_said_in_millions(cells, words):
    assert dose_words(cells) == words


def test_a_third_keeps_its_decimal():
    assert patients_of(Count(4, 1, 3)) == "1 of 3, 33.3 %"
    assert shorter(Decimal("70.0")) == 70


def test_several_patients_of_one_term_are_named():
    two = tabulate(PATIENTS, [])
    assert all("patients" not in line.said for line in lines(two))


SHUT = GateFacts(1, 2, 10, (date(2024, 1, 1),), 1, 0, date(2024, 6, 1))


@pytest.mark.parametrize(
    ("facts", "decision", "words"),
    [
        (SHUT, None, "Gate closed: 2 conditions are open"),
        (replace(SHUT, unreviewed=0), None, "Gate closed: 1 condition is open"),
        (replace(SHUT, unreviewed=0, wanted=1), None, "Gate closed: it waits for the reviewer's signature"),
        (SHUT, GateDecision(decision=Decision.HOLD, opens_level=2), "Gate closed: 2 conditions are open"),
        (SHUT, GateDecision(decision=Decision.ESCALATE, opens_level=2), "Gate open: level 2 may start"),
    ],
)
def test_the_gate_says_where_it_stands(facts, decision, words):
    assert gate_words(facts, decision) == words
