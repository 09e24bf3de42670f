"""Protocols and specifications in words."""

from decimal import Decimal
from typing import Protocol as Shape

from mscbank.core.i18n import Sentence, _
from mscbank.study.limits import Operator, Stage

STAGE_WORDS: dict[Stage, Sentence] = {
    Stage.MARROW: _("marrow"),
    Stage.P0: _("first culture (P0)"),
    Stage.IN_PROCESS: _("in process"),
    Stage.HARVEST: _("harvest"),
    Stage.FILL: _("fill"),
    Stage.FINAL: _("final product"),
    Stage.TEST_THAW: _("test thaw"),
    Stage.VALIDATION: _("process validation"),
}

OPERATOR_WORDS: dict[Operator, Sentence] = {
    Operator.AT_LEAST: _("at least"),
    Operator.AT_MOST: _("at most"),
    Operator.BETWEEN: _("between"),
    Operator.EQUALS: _("is"),
    Operator.REPORT: _("is only reported"),
}


class Limited(Shape):
    """What has a limit: a criterion, or a line that will become one."""

    operator: Operator
    low: Decimal | None
    high: Decimal | None
    expected_text: str | None
    unit: str


def number(value: Decimal | None) -> str:
    """A limit as it is written: without zeros behind the point."""
    return "–" if value is None else f"{value.normalize():f}"


def limit(line: Limited) -> str:
    """The limit of a criterion as people read it: ``≥ 80 %``."""
    unit = f" {line.unit}" if line.unit else ""
    match line.operator:
        case Operator.AT_LEAST:
            return f"≥ {number(line.low)}{unit}"
        case Operator.AT_MOST:
            return f"≤ {number(line.high)}{unit}"
        case Operator.BETWEEN:
            return f"{number(line.low)}–{number(line.high)}{unit}"
        case Operator.EQUALS:
            return line.expected_text or "–"
        case Operator.REPORT:
            return str(_("reported"))
