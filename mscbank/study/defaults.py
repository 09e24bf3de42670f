"""What a new protocol and a new specification start from: data for the factories, changed by people.

Sources: visits D §1.5 (PD-03), release specification D §2.2 (PD-10), pending list D §4.3 (PD-11), gate D §1.3
(PD-01), inclusion bounds D §1.2. No dose stands here: dose levels belong to a protocol.
"""

from dataclasses import dataclass
from decimal import Decimal

from mscbank.study.limits import Operator, Stage
from mscbank.study.schedule import Visit

AGE_MIN = 18
AGE_MAX = 70
SKIN_SCORE_MIN = 15
GATE_INFUSED = 10
GATE_DAY = 10

VISITS = (
    Visit("D0", 0, None),
    Visit("D1", 1, None, 0, 1),
    Visit("D10", 10, None, 0, 3),
    Visit("M1", None, 1, 7, 7),
    Visit("M3", None, 3, 14, 14),
    Visit("M6", None, 6, 14, 14),
    Visit("M9", None, 9, 14, 14),
    Visit("M12", None, 12, 30, 30),
    Visit("M18", None, 18, 30, 30),
    Visit("M24", None, 24, 30, 30),
)
"""D10 is never early: it would close the primary endpoint before its last day."""

PH_EUR = "Ph. Eur. "
CURRENT = "11"


@dataclass(frozen=True)
class Line:
    """One line of a specification, before anybody has approved it."""

    attribute: str
    label: str
    method: str
    edition: str | None
    stage: Stage
    unit: str
    operator: Operator
    low: Decimal | None
    high: Decimal | None
    expected_text: str | None
    blocking: bool
    may_be_pending: bool
    turnaround_days: int


def _number(
    attribute: str, label: str, method: str, stage: Stage, unit: str, days: int, *,
    low: str | None = None, high: str | None = None, edition: str | None = CURRENT, blocking: bool = True,
) -> Line:  # fmt: skip
    operator = Operator.BETWEEN if low and high else Operator.AT_LEAST if low else Operator.AT_MOST
    return Line(
        attribute, label, method, edition, stage, unit, operator, Decimal(low) if low else None,
        Decimal(high) if high else None, None, blocking, False, days,
    )  # fmt: skip


def _word(
    attribute: str, label: str, method: str, stage: Stage, expected: str, days: int, *,
    edition: str | None = CURRENT, blocking: bool = True, may_be_pending: bool = False,
) -> Line:  # fmt: skip
    return Line(
        attribute, label, method, edition, stage, "", Operator.EQUALS, None, None, expected, blocking,
        may_be_pending, days,
    )  # fmt: skip


def _report(attribute: str, label: str, method: str, stage: Stage, unit: str, days: int) -> Line:
    return Line(
        attribute, label, method, None, stage, unit, Operator.REPORT, None, None, None, False, False, days
    )


_CELLS = PH_EUR + "2.7.29"
_FLOW = "flow cytometry"
_STERILITY = PH_EUR + "2.6.27"

SPECIFICATION = (
    _number("viability_fill", "Viability at fill", _CELLS, Stage.HARVEST, "%", 0, low="80"),
    _number("viability_post_thaw", "Viability post-thaw", _CELLS, Stage.TEST_THAW, "%", 0, low="70"),
    _number("viable_recovery", "Viable recovery post-thaw", _CELLS, Stage.TEST_THAW, "%", 0, low="60"),
    _report("tnc_recovery", "Recovery of nucleated cells post-thaw", _CELLS, Stage.TEST_THAW, "%", 0),
    _number(
        "tnc_per_vial", "Nucleated cells a vial", _CELLS, Stage.FILL, "% of nominal", 0, low="80", high="120"
    ),
    _number("cd73", "CD73", _FLOW, Stage.HARVEST, "%", 2, low="95", edition=None),
    _number("cd90", "CD90", _FLOW, Stage.HARVEST, "%", 2, low="95", edition=None),
    _number("cd105", "CD105", _FLOW, Stage.HARVEST, "%", 2, low="95", edition=None),
    _number("cd34", "CD34", _FLOW, Stage.HARVEST, "%", 2, high="2", edition=None),
    _number("cd45", "CD45", _FLOW, Stage.HARVEST, "%", 2, high="2", edition=None),
    _number("cd14", "CD14 or CD11b", _FLOW, Stage.HARVEST, "%", 2, high="2", edition=None),
    _number("cd19", "CD19 or CD79a", _FLOW, Stage.HARVEST, "%", 2, high="2", edition=None),
    _report("hla_dr", "HLA-DR", _FLOW, Stage.HARVEST, "%", 2),
    _word("sterility_marrow", "Sterility, marrow", _STERILITY, Stage.MARROW, "no growth", 14, blocking=False),
    _word("sterility_in_process", "Sterility, in process", _STERILITY, Stage.IN_PROCESS, "no growth", 14),
    _word(
        "sterility_final",
        "Sterility, final product",
        _STERILITY,
        Stage.FINAL,
        "no growth",
        14,
        may_be_pending=True,
    ),
    _word("gram", "Gram stain", "Gram stain", Stage.FINAL, "negative", 1, edition=None),
    _word(
        "mycoplasma",
        "Mycoplasma, last supernatant with cells",
        PH_EUR + "2.6.7",
        Stage.HARVEST,
        "absent",
        28,
        may_be_pending=True,
    ),
    _number(
        "endotoxin", "Endotoxin at the intended dose", PH_EUR + "2.6.14", Stage.FINAL, "EU/kg/h", 1, high="5"
    ),
    _word("donor_identity", "Donor identity", "STR profile", Stage.HARVEST, "match", 7, edition=None),
    _word(
        "karyotype",
        "Karyotype, at least 20 metaphases",
        "G-banding",
        Stage.HARVEST,
        "no clonal abnormality",
        28,
        edition=None,
    ),
    _number("passage", "Passage at harvest", "batch record", Stage.HARVEST, "P", 0, high="3", edition=None),
    _report(
        "population_doublings", "Cumulative population doublings", "batch record", Stage.HARVEST, "PD", 0
    ),
    _report("cfu_f", "CFU-F", "colony assay", Stage.P0, "per million", 14),
    _report("potency", "Inhibition of T-cell proliferation", "co-culture", Stage.HARVEST, "%", 7),
    _report("differentiation", "Differentiation in three lineages", "staining", Stage.VALIDATION, "", 28),
    _report("residuals", "Residual DMSO, albumin and antibiotics", "calculation", Stage.FILL, "", 0),
)
"""D §2.2 line by line. A positive marrow sterility is a deviation with a risk evaluation, so it blocks
nothing by itself. Endotoxin is compared in EU: 1 IU = 1 EU."""
