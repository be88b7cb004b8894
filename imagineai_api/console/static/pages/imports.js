// The imports, newest first.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { back } from "../parts/back.js";
import { chip } from "../parts/chip.js";
import { icon } from "../parts/icons.js";
import { importFile } from "../parts/importer.js";
import { morePages } from "../parts/more.js";
import { count, number, since } from "../words.js";

const AT_ONCE = 30;
const NONE = "No imports here. A zip of photos or a CSV brings many products at once.";

export async function show({ main, signal }) {
  const rows = h("ul", { class: "jobs", "aria-label": "Imports" });
  const total = h("p", { class: "muted", role: "status" });
  const ask = (page) => get("/imports", { page, page_size: AT_ONCE }, { signal });
  const next = morePages(ask, (answer) => {
    rows.append(...answer.items.map(row));
    total.textContent = count(answer.total, "import");
    if (!answer.total) fill(rows, h("li", { class: "empty" }, h("p", {}, NONE)));
  });
  await next.load();
  fill(main, back("#/activity", "Activity"),
    h("header", { class: "head" }, h("div", {}, h("h1", {}, "Imports"), total),
      h("button", { class: "button", type: "button", click: () => importFile() }, icon("up"), "Import")),
    rows, next.element);
}

/** How many of its rows were looked at. */
export const done = (one) => one.imported_rows + one.skipped_rows + one.failed_rows;

function row(one) {
  const told = one.failed_rows
    ? h("span", { class: "flag" }, icon("warning"), `${number(one.failed_rows)} failed`)
    : h("span", { class: "muted" }, one.total_rows === null ? "" : `${number(done(one))} of ${number(one.total_rows)}`);
  return h("li", {}, h("a", { class: "job-row", href: `#/activity/imports/${one.id}` },
    h("span", { class: "job-name" }, h("strong", {}, one.name || "My folder")), chip(one.status), told,
    h("time", { class: "muted", datetime: one.created_at }, since(one.created_at))));
}
