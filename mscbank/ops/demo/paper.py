"""A prescription as a physician of another hospital writes it: on paper, signed by hand, scanned."""

from collections.abc import Sequence
from io import BytesIO

from reportlab.lib.pagesizes import A5
from reportlab.pdfgen.canvas import Canvas

from mscbank.coding import typeface
from mscbank.coding.typeface import Face

LEFT, TOP, LINE = 48, A5[1] - 64, 22
STROKES = ((0, 4), (12, 30), (20, 2), (34, 24), (40, 6), (58, 18), (66, 8), (96, 14), (150, 10))


def prescription(title: str, lines: Sequence[str], signed_by: str) -> bytes:
    """The scan, as a PDF of one page."""
    typeface.register()
    out = BytesIO()
    with typeface.PRESS:
        page = Canvas(out, pagesize=A5, invariant=1)
        page.setFont(Face.BOLD, 14)
        page.drawString(LEFT, TOP, title)
        page.setFont(Face.REGULAR, 11)
        for number, line in enumerate(lines, 2):
            page.drawString(LEFT, TOP - number * LINE, line)
        foot = TOP - (len(lines) + 5) * LINE
        stroke = page.beginPath()
        stroke.moveTo(LEFT, foot)
        for across, up in STROKES:
            stroke.lineTo(LEFT + across, foot + up)
        page.drawPath(stroke)
        page.drawString(LEFT, foot - LINE, signed_by)
        page.save()
    return out.getvalue()
