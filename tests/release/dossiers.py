"""Dossiers for the tests of the pure rules: one in which everything stands, and ways to spoil it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from mscbank.core.access import Grant, Principal, Role
from mscbank.release.criteria import Limit, Reported, judge
from mscbank.release.readiness import Assay, Dossier, Material

TODAY = date(2026, 7, 24)


def person(login: str, *roles: Role) -> Principal:
    """Somebody for a pure rule."""
    return Principal(login, login.title(), frozenset(Grant(role) for role in roles))


QP = person("quiteria", Role.QP)
QA = person("ana", Role.QA)


def day(offset: int) -> date:
    """A day before or after today."""
    return TODAY + timedelta(days=offset)


def assay(
    attribute: str, *results: Reported, due: int | None = 4, operator: str = "at_least", **limit: Any
) -> Assay:
    """One line of the specification with its results."""
    if operator == "at_least":
        limit.setdefault("low", Decimal(70))
    if operator == "equals":
        limit.setdefault("expected_text", "no growth")
    row = Limit(attribute, operator, "%" if operator == "at_least" else "", **limit)
    shown = results[-1].text if results else "no result"
    return Assay(
        attribute.replace("_", " "), "≥ 70 %", shown, judge(row, results), None if due is None else day(due)
    )


def percent(text: str, *, reviewed: bool = True) -> Reported:
    """A reviewed result in percent."""
    return Reported(text, Decimal(text), unit="%", reviewed=reviewed)


def words(text: str, *, reviewed: bool = True) -> Reported:
    """A reviewed result in words."""
    return Reported(text, reviewed=reviewed)


VIABILITY = assay("viability_post_thaw", percent("88"))
STERILITY = assay("sterility_final", words("no growth"), operator="equals", may_be_pending=True)
STERILITY_OUT = assay("sterility_final", operator="equals", may_be_pending=True)
STERILITY_GROWS = assay("sterility_final", words("growth"), operator="equals", may_be_pending=True)
GRAM = assay("gram", words("no growth"), operator="equals")
REPORT = assay("hla_dr", percent("11.6"), operator="report", blocking=False)

ALL_DONE = Dossier(
    today=TODAY,
    batch_state="Frozen",
    assays=(VIABILITY, STERILITY, GRAM, REPORT),
    donor="D1",
    recipient="R1",
    materials=(Material("L1"), Material("L2")),
    filled=24,
    executors=frozenset({"bruno", "tomas"}),
    entered=frozenset({"ines"}),
    reviewed=frozenset({"pieter"}),
    checked_by="ana",
)


def dossier(**changes: Any) -> Dossier:
    """The good dossier with these changes."""
    return replace(ALL_DONE, **changes)
