// A part of a page with a title, and pairs of a name and a value in it.

import { h } from "../dom.js";

/** A section on a card. */
export const panel = (title, ...children) =>
  h("section", { class: "panel", "aria-label": title }, h("h2", {}, title), children);

/** A section that tells of a failure. */
export const failure = (title, ...children) =>
  h("section", { class: "panel failed", "aria-label": title }, h("h2", {}, title), children);

/** Names with their values; those without a value are left out. */
export const pairs = (rows) => h("dl", { class: "pairs" },
  rows.filter(([, value]) => value).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
