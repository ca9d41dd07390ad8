"use strict";
(() => {
  // Numbers by value, texts by alphabet, unknown values last in either direction, equal values in the order of the file.
  const sort = (table, column, ascending) => {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const key = (row) => {
      const cell = row.cells[column];
      if (cell.dataset.value !== undefined) return Number(cell.dataset.value);
      return cell.textContent === "" ? null : cell.textContent;
    };
    const order = (a, b) => {
      const [u, v] = [key(a), key(b)];
      if (u === null || v === null) return (u === null) - (v === null) || a.dataset.row - b.dataset.row;
      const compared = typeof u === "string" || typeof v === "string"
        ? String(u).localeCompare(String(v), "en", { numeric: true })
        : u - v;
      return (ascending ? compared : -compared) || a.dataset.row - b.dataset.row;
    };
    body.replaceChildren(...rows.sort(order));
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    table.tHead.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const head = button.parentElement;
      const ascending = head.getAttribute("aria-sort") !== "ascending";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
      sort(table, head.cellIndex, ascending);
    });
  }
})();
