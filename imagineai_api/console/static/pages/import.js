// One import, as it goes on and with the rows that failed.

import { get, post } from "../api.js";
import { fill, h } from "../dom.js";
import { back } from "../parts/back.js";
import { chip } from "../parts/chip.js";
import { icon } from "../parts/icons.js";
import { morePages } from "../parts/more.js";
import { pairs, panel } from "../parts/panel.js";
import { progressBar } from "../parts/steps.js";
import { action, complain } from "../parts/toast.js";
import { count, date, number } from "../words.js";
import { hasEnded } from "../work.js";
import { done } from "./imports.js";

const ROWS_AT_ONCE = 50;
const LOOK_MS = 1000;
const VERBS = { start: ["again", "Go on"], cancel: ["stop", "Cancel"] };

export async function show({ main, ids: [id], signal }) {
  const name = h("h1", {});
  const facts = h("p", { class: "facts" });
  const bar = progressBar("Rows done");
  const buttons = h("div", { class: "row" });
  const progress = h("section", { class: "panel job", "aria-label": "Progress" },
    h("div", { class: "row between" }, h("h2", {}, "Progress"), buttons), bar.element);
  const more = h("div", { class: "stack" });
  let wait = null;
  signal.addEventListener("abort", () => clearTimeout(wait));

  async function load() {
    const one = await get(`/imports/${id}`, {}, { signal });
    name.textContent = one.kind === "prefix" ? `My folder: ${one.name || "all of it"}` : one.name;
    fill(facts, chip(one.status), h("span", {}, date(one.created_at)));
    progress.dataset.status = one.status;
    bar.show(done(one), one.total_rows ?? 0, sentence(one));
    offer(hasEnded(one) ? one.status !== "completed" && "start" : "cancel");
    fill(more, hasEnded(one) && [numbers(one), one.failed_rows > 0 && await failures(id, signal)]);
    if (!hasEnded(one)) later();
  }

  // The button stays the same element for as long as it does the same, so that it keeps the focus.
  function offer(verb) {
    if (buttons.dataset.offers === String(verb)) return;
    buttons.dataset.offers = verb;
    const hadFocus = buttons.contains(document.activeElement);
    fill(buttons, verb && button(verb, async () => {
      await post(`/imports/${id}/${verb}`);
      await load();
    }));
    if (hadFocus) buttons.firstElementChild?.focus();
  }

  function again(error) {
    if (signal.aborted) return;
    complain(error);
    later();
  }

  function later() {
    clearTimeout(wait);
    wait = setTimeout(() => load().catch(again), LOOK_MS);
  }

  await load();
  fill(main, back("#/activity/imports", "Imports"), h("header", { class: "head" }, h("div", {}, name, facts)),
    progress, more);
}

function sentence(one) {
  if (one.status === "pending") return "Its file has not been sent, or it was not started.";
  if (one.status === "queued") return "Waiting to begin.";
  if (one.status === "failed") return one.error_message ?? "It failed.";
  if (one.total_rows === null) return one.status === "cancelled" ? "Cancelled before it began." : "Reading the rows…";
  const rows = `${number(done(one))} of ${count(one.total_rows, "row")}`;
  if (one.status === "cancelled") return `Cancelled after ${rows}. What is there stays.`;
  return one.status === "completed" ? `Done: ${count(one.total_rows, "row")}.` : `${rows} done.`;
}

function button(verb, act) {
  const [sign, words] = VERBS[verb];
  return h("button", { class: "button small quiet", type: "button", click: action(act) }, icon(sign), words);
}

function numbers(one) {
  return panel("In numbers", pairs([
    ["Imported", number(one.imported_rows)],
    ["Known already", number(one.skipped_rows)],
    ["Failed", number(one.failed_rows)],
    ["Flow run", one.flow_run_id],
  ]), h("p", {}, h("a", { href: "#/products" }, "The products")));
}

/** Which rows failed, and why. */
async function failures(id, signal) {
  const rows = h("tbody", {});
  const ask = (page) => get(`/imports/${id}/rows`, { status: "failed", page, page_size: ROWS_AT_ONCE }, { signal });
  const next = morePages(ask, ({ items }) => {
    rows.append(...items.map(({ number: place, title, image, reason }) =>
      h("tr", {}, [place, title, image, reason].map((word) => h("td", {}, String(word))))));
  });
  await next.load();
  const heads = ["Row", "Title", "Picture", "Why"].map((word) => h("th", { scope: "col" }, word));
  return panel("Rows that failed",
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Rows that failed" },
      h("table", {}, h("thead", {}, h("tr", {}, heads)), rows)), next.element);
}
