"""The numbers of D §6 that no standard fixes: tolerance, weight, DMSO, endotoxin (PD-40 to PD-43)."""

from decimal import Decimal

from mscbank.core import parameters

ACCEPT = parameters.declare(
    "dose.accept_percent", 10, unit="%", source="PD-40",
    meaning="Largest difference of the planned from the prescribed dose that is accepted as it is",
    most=100, not_above="dose.acknowledge_percent",
)  # fmt: skip
ACKNOWLEDGE = parameters.declare(
    "dose.acknowledge_percent", 20, unit="%", source="PD-40",
    meaning="Largest difference of the planned from the prescribed dose that the prescriber may acknowledge",
    most=100,
)  # fmt: skip
MEASURED_FLOOR = parameters.declare(
    "dose.measured_floor_percent", 80, unit="%", source="PD-40",
    meaning="Below this share of the prescribed dose, counted after the thaw, the prescriber decides",
    most=100,
)  # fmt: skip
WEIGHT_DAYS = parameters.declare(
    "weight.oldest_days", 7, unit="days", source="PD-41",
    meaning="Oldest weight, in days before the day of infusion", most=365,
)  # fmt: skip
CHANGE_INFORMATION = parameters.declare(
    "weight.information_percent", 5, unit="%", source="PD-41",
    meaning="Largest change of weight after the prescription that is information only",
    most=100, not_above="weight.acknowledge_percent",
)  # fmt: skip
CHANGE_ACKNOWLEDGE = parameters.declare(
    "weight.acknowledge_percent", 10, unit="%", source="PD-41",
    meaning="Largest change of weight that the pharmacist may acknowledge; beyond it there is a review",
    most=100,
)  # fmt: skip
DMSO_LIMIT = parameters.declare(
    "dmso.limit_g_per_kg", Decimal(1), unit="g/kg per day", source="PD-43",
    meaning="Most DMSO per kg and day, summed over all products of that day", most=Decimal(10),
)  # fmt: skip
ENDOTOXIN_LIMIT = parameters.declare(
    "endotoxin.limit_eu_per_kg_h", Decimal(5), unit="EU/kg/h", source="PD-43",
    meaning="Most endotoxin per kg and hour, intravenous; an infusion shorter than an hour counts as one",
    most=Decimal(5),
)  # fmt: skip
