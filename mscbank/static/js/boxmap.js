// Arrow keys move through a box; one stop for the tab key.

for (const map of document.querySelectorAll("[data-boxmap]")) {
  const cells = () => [...map.querySelectorAll("a.cell, button.cell")];
  const all = cells();
  const first = map.querySelector(".next, .placed, .found") ?? all[0];
  for (const cell of all) cell.tabIndex = cell === first ? 0 : -1;
  map.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    const here = event.target.closest("td");
    if (!step || !here) return;
    event.preventDefault();
    let row = here.parentElement.rowIndex;
    let column = here.cellIndex;
    // Step over positions that hold nothing to press.
    for (;;) {
      row += step[0];
      column += step[1];
      const cell = map.rows[row]?.cells[column];
      if (!cell || cell.tagName !== "TD") return;
      const next = cell.querySelector("a.cell, button.cell");
      if (!next) continue;
      for (const other of cells()) other.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
      return;
    }
  });
}
