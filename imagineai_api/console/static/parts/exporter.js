// Everything as a file: products, analyses or defects, as a spreadsheet and other programs read them.

import { file } from "../api.js";
import { h } from "../dom.js";
import { ask, choice, field } from "./dialog.js";

const TABLES = [
  ["products", "Products"], ["analyses", "Photos and what was found in them"], ["defects", "Defects"],
];
const FORMATS = [["csv", "CSV, for spreadsheets"], ["jsonl", "JSON Lines"], ["parquet", "Parquet"]];

/** Ask what to export, and save it. */
export function exportAll() {
  return ask("Export", {
    fields: [field("What", choice("table", TABLES, "products"), "Everything you have, a row for each"),
      field("As", choice("format", FORMATS, "csv"))],
    button: "Download",
    submit: async (form, signal) =>
      save(await file(`/exports/${form.get("table")}`, { format: form.get("format") }, { signal })),
  });
}

/** Have the browser keep a file. */
function save({ name, blob }) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  URL.revokeObjectURL(address);
}
