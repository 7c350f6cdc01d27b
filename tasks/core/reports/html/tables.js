// Tables: sorted by a click on a head; that of the tiles filtered by state and text. Without scripts they stay as they are.
"use strict";

(function () {
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

  // Figures as figures, what is not known last whichever way.
  function compare(one, other, column, sign) {
    const [a, b] = [one.cells[column], other.cells[column]];
    const [x, y] = [a.dataset.sort, b.dataset.sort];
    if (x === undefined && y === undefined) return sign * collator.compare(a.textContent, b.textContent);
    if (x === "" || y === "") return (x === "") - (y === "");
    return sign * (Number(x) - Number(y));
  }

  function sort(table, column, head) {
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((one, other) => compare(one, other, column, descending ? -1 : 1));
    body.append(...rows);
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = head.textContent;
      button.addEventListener("click", () => sort(table, column, head));
      head.replaceChildren(button);
    });
  }

  const tiles = document.getElementById("tile-table");
  if (!tiles) return;
  const rows = [...tiles.tBodies[0].rows].map((row) => ({
    row,
    state: row.cells[1].textContent,
    words: row.textContent.toLowerCase(),
  }));

  function labelled(words, field) {
    const label = document.createElement("label");
    label.append(words, " ", field);
    return label;
  }

  const states = document.createElement("select");
  states.append(new Option("all", ""));
  for (const state of new Set(rows.map((one) => one.state))) {
    states.append(new Option(`${state} (${rows.filter((one) => one.state === state).length})`, state));
  }
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "part of a name or error";
  const count = document.createElement("output");

  function filter() {
    const wanted = search.value.trim().toLowerCase();
    let left = 0;
    for (const { row, state, words } of rows) {
      row.hidden = (states.value !== "" && state !== states.value) || !words.includes(wanted);
      left += !row.hidden;
    }
    count.textContent = `${left.toLocaleString("en")} of ${rows.length.toLocaleString("en")} rows`;
  }

  states.addEventListener("change", filter);
  search.addEventListener("input", filter);
  const bar = document.createElement("div");
  bar.className = "filter";
  bar.append(labelled("State", states), labelled("Search", search), count);
  tiles.parentElement.before(bar);
  filter();
})();
