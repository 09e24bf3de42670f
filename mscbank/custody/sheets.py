"""The label sheets of a batch as PDF: what stands on each vial's label (D §4.6, §5)."""

from decimal import Decimal
from fractions import Fraction

from mscbank.batch.models import Batch
from mscbank.coding.errors import CodeError
from mscbank.coding.product import SEE_DIVISIONS
from mscbank.coding.sheets import VialLabel, label_pdf
from mscbank.coding.short import with_print
from mscbank.coding.stock import STOCKS
from mscbank.collection.warnings import INTENDED_RECIPIENT
from mscbank.core.errors import Refusal, Refused, invalid
from mscbank.core.instance import instance
from mscbank.core.types import decimal_of
from mscbank.custody.filling import statements_of, what_is_labelled
from mscbank.custody.models import Vial
from mscbank.custody.views import vials_of
from mscbank.custody.words import Purpose

STOCK = "a4-24"
MILLION = 10**6
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")

NOTHING_PRINTED = Refusal(
    "custody.nothing_printed",
    "No label of this kind is printed yet: print labels first, then take the sheet.",
)

TOO_SMALL = Refusal(
    "custody.label_too_small", "Not even a partial label fits on %(stock)s. Choose larger paper."
)
DOES_NOT_FIT = "label.does_not_fit"


def label_of(vial: Vial, print_number: int, total: int, warnings: tuple[str, ...]) -> list[VialLabel]:
    """What one print of a vial's label says, whole first, then shorter; no names of persons.

    A small vial's partial label keeps identifier, name and recipient; the rest accompanies it (D §3.5, §4.6).
    """
    day = vial.expires_on
    cells = decimal_of(_millions(vial.tnc), 1)
    lot = f"LOT {vial.batch.code}"
    expiry = f"EXP {day.day:02d} {MONTHS[day.month - 1]} {day.year}"
    content = f"{cells} million cells, {_plain(vial.volume_ml)} mL, DMSO {_plain(vial.dmso_percent)} %"
    whole = (lot, expiry, content, "Store at -150 °C or colder")
    said = (INTENDED_RECIPIENT, *warnings)
    product = f"{vial.product_code}{vial.collection_type}{SEE_DIVISIONS}"
    shorter = ((lot, expiry), said), ((lot, expiry), warnings), ((expiry,), ())
    return [
        VialLabel(
            code=with_print(vial.code, print_number),
            number=f"{vial.number} / {total}",
            directed_to=f"FOR {vial.batch.directed_to.called.upper()}",
            identifier=f"{vial.din}  {product}  {vial.division}",
            lines=lines,
            warnings=statements,
            demonstration=instance().is_demonstration,
        )
        for lines, statements in ((whole, said), *shorter)
    ]


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _millions(cells: int) -> Fraction:
    return Fraction(cells, MILLION)


def sheet(batch: Batch, *, purpose: Purpose = Purpose.VIAL, stock: str = STOCK, start: int = 1) -> bytes:
    """The last valid print of every vial of a batch, as PDF, the first in cell ``start`` of the paper."""
    paper = STOCKS.get(stock)
    if paper is None:
        raise invalid(stock=[f"One of: {', '.join(STOCKS)}."])
    if not 1 <= start <= paper.cells:
        raise invalid(start=[f"Between 1 and {paper.cells}."])
    vials = vials_of(batch)
    printed = what_is_labelled(vials, purpose)
    if not printed:
        raise Refused(NOTHING_PRINTED())
    found = statements_of([batch])[batch.id]
    legend = ("BIOHAZARD",) if found.biohazard else ()
    forms = [label_of(vial, one.print_number, len(vials), (*legend, *found.lines)) for vial, one in printed]
    for labels in zip(*forms, strict=True):
        try:
            return label_pdf(labels, paper, start=start, title=f"Labels {batch.code}")
        except CodeError as error:
            if error.code != DOES_NOT_FIT:
                raise
    raise Refused(TOO_SMALL(stock=stock))
