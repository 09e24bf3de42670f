"""The tables of this step, in one list; they stand in the modules beside it."""

from mscbank.release.register import Certification, TrailReview
from mscbank.release.tables import (
    ALREADY_OPEN,
    HASH_LENGTH,
    JUSTIFICATION_LENGTH,
    RESULT_PLACES,
    TWICE_REVIEWED,
    Cause,
    ExceptionalUse,
    Finding,
    Investigation,
    Release,
    Result,
    ResultInvalidation,
    ResultReview,
    Suspension,
    TwoStepPlan,
)

__all__ = [
    "ALREADY_OPEN",
    "HASH_LENGTH",
    "JUSTIFICATION_LENGTH",
    "RESULT_PLACES",
    "TWICE_REVIEWED",
    "Cause",
    "Certification",
    "ExceptionalUse",
    "Finding",
    "Investigation",
    "Release",
    "Result",
    "ResultInvalidation",
    "ResultReview",
    "Suspension",
    "TrailReview",
    "TwoStepPlan",
]
