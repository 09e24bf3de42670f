"""What the first symbol of a short code says. A symbol is never used again for another kind of thing."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TYPES: Mapping[str, str] = MappingProxyType(
    {
        "0": "job",
        "1": "family_link",
        "2": "consent",
        "3": "station",
        "4": "specimen",
        "5": "bag",
        "6": "equipment",
        "7": "recall",
        "8": "report",  # reports and checkpoints
        "9": "downtime_form",
        "B": "batch",
        "C": "release",
        "D": "donor",
        "E": "adverse_event",
        "F": "deviation",
        "G": "specification",
        "H": "badge",
        "J": "infusion",
        "K": "allocation",
        "L": "material_lot",
        "N": "donation",  # its scan is the DIN
        "P": "place",  # positions, boxes, racks and tanks alike
        "R": "recipient",
        "S": "assessment",
        "T": "protocol",
        "U": "action_card",
        "V": "vial",
        "X": "shipper",
        "Y": "preparation",
    }
)

LETTERS: Mapping[str, str] = MappingProxyType({kind: symbol for symbol, kind in TYPES.items()})
