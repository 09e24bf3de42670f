"""The words of a specification's lines: when something is tested, and how it is compared."""

from enum import StrEnum


class Stage(StrEnum):
    """When in the making a criterion is tested."""

    MARROW = "marrow"
    P0 = "p0"
    IN_PROCESS = "in_process"
    HARVEST = "harvest"
    FILL = "fill"
    FINAL = "final"
    TEST_THAW = "test_thaw"
    VALIDATION = "validation"


class Operator(StrEnum):
    """How a result is compared with the limit."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    BETWEEN = "between"
    EQUALS = "equals"
    REPORT = "report"
