"""The label papers: how a page is cut. Lengths in millimetres, from the top left corner of the page."""

from __future__ import annotations

from dataclasses import dataclass

from mscbank.coding.errors import CodeError

A4 = (210.0, 297.0)
LETTER = (215.9, 279.4)


@dataclass(frozen=True, slots=True)
class LabelStock:
    """A page of labels: its size, columns, rows, the label's size, the margins and the pitch.

    ``padding`` stays free within each label; labels that reach the paper's edge need a printer's margin.
    """

    name: str
    page: tuple[float, float]
    columns: int
    rows: int
    label: tuple[float, float]
    margin: tuple[float, float]
    pitch: tuple[float, float]
    padding: float = 0.8

    @property
    def cells(self) -> int:
        """Labels on one page."""
        return self.columns * self.rows

    def corner(self, cell: int) -> tuple[float, float]:
        """Left and top of a cell in mm; cells count from 1, along the rows. CodeError ``label.cell``."""
        if not 1 <= cell <= self.cells:
            raise CodeError("label.cell", stock=self.name, most=self.cells, cell=cell)
        row, column = divmod(cell - 1, self.columns)
        return self.margin[0] + column * self.pitch[0], self.margin[1] + row * self.pitch[1]


def roll(width: float, height: float) -> LabelStock:
    """A roll for a label printer: one label a page."""
    return LabelStock(f"roll-{width:g}x{height:g}", (width, height), 1, 1, (width, height), (0, 0), (0, 0))


STOCKS: dict[str, LabelStock] = {
    stock.name: stock
    for stock in (
        LabelStock("a4-65", A4, 5, 13, (38.1, 21.2), (4.75, 10.7), (40.6, 21.2)),
        LabelStock("a4-24", A4, 3, 8, (70.0, 37.0), (0.0, 0.5), (70.0, 37.0), padding=4.5),
        LabelStock("letter-80", LETTER, 4, 20, (44.45, 12.7), (7.2, 12.7), (52.3, 12.7)),
        LabelStock("letter-30", LETTER, 3, 10, (66.7, 25.4), (4.8, 12.7), (69.9, 25.4)),
        roll(38, 21),
        roll(51, 25),
    )
}
"""The papers that we know by name. Measure a plain test page before loading an expensive one."""
