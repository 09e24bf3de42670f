"""The tables of this step, in one list; they stand in the modules beside it."""

from mscbank.allocation.preparations import Diluent, Preparation, PreparationLabel, PreparationVial
from mscbank.allocation.prescriptions import Allergies, AllocatedVial, Allocation, Dose, Weighing

__all__ = [
    "Allergies",
    "AllocatedVial",
    "Allocation",
    "Diluent",
    "Dose",
    "Preparation",
    "PreparationLabel",
    "PreparationVial",
    "Weighing",
]
