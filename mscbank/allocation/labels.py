"""The label of a preparation: whose it is, what is in it, and until which minute it may be given (D §4.6)."""

from zoneinfo import ZoneInfo

from mscbank.allocation.models import Preparation
from mscbank.allocation.preparing import vials_of
from mscbank.coding.sheets import VialLabel, label_pdf
from mscbank.coding.short import with_print
from mscbank.coding.stock import STOCKS
from mscbank.core.errors import Refusal, Refused
from mscbank.core.instance import instance

STOCK = "a4-24"
STATEMENTS = (
    "PROPERLY IDENTIFY INTENDED RECIPIENT AND PRODUCT",
    "DO NOT IRRADIATE",
    "NO LEUKOREDUCTION FILTER",
)

NOT_PRINTED = Refusal(
    "preparation.not_printed",
    "No label is printed yet: print it first, with its number, then take the sheet.",
)


def label_of(p: Preparation) -> VialLabel:
    """What the last print of its label says; no names of persons."""
    if not p.labels:
        raise Refused(NOT_PRINTED())
    a = p.allocation
    end = p.expires_at.astimezone(ZoneInfo(a.protocol.infusion_zone))
    return VialLabel(
        code=with_print(p.code, p.labels[-1].print_number),
        number="",
        directed_to=f"FOR {a.recipient.called.upper()}",
        identifier=f"RX {a.code}",
        lines=(
            f"LOT {a.batch.code}, {len(vials_of(p))} vials",
            f"{p.volume_ml.normalize():f} mL" if p.volume_ml is not None else "",
            f"GIVE BEFORE {end:%Y-%m-%d %H:%M} {end.tzname()}",
            "15 to 25 °C",
        ),
        warnings=STATEMENTS,
        demonstration=instance().is_demonstration,
    )


def label_sheet(p: Preparation) -> bytes:
    """The label as a page for the printer."""
    return label_pdf([label_of(p)], STOCKS[STOCK], title=f"Label {p.code}")
