// How far a photo is: its five steps, live.

import { fill, h, hidden } from "../dom.js";
import { STATES, STEP_NAMES } from "../words.js";
import { icon } from "./icons.js";

const SIGNS = { completed: "check", failed: "cross", skipped: "dash" };

/** A list of steps; `show(steps)` brings it up to date. */
export function stepList() {
  const list = h("ol", { class: "steps" });
  const show = (steps) => {
    fill(list, steps.map(({ name, status }) =>
      h("li", { "data-step": name, "data-state": status },
        h("span", { class: "dot" }, SIGNS[status] ? icon(SIGNS[status]) : null),
        h("span", { class: "step-name" }, STEP_NAMES[name]), hidden(`: ${STATES[status] ?? status}`))));
  };
  return { element: list, show };
}

/** A bar of progress with its words; `show(done, total, words)` brings it up to date. */
export function progressBar(label) {
  const filled = h("div", { class: "bar-filled" });
  const bar = h("div", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0 }, filled);
  const words = h("p", { class: "bar-words", role: "status" });
  const show = (done, total, said) => {
    bar.setAttribute("aria-valuemax", total);
    bar.setAttribute("aria-valuenow", done);
    filled.style.setProperty("--done", total ? done / total : 0);
    if (words.textContent !== said) words.textContent = said;
  };
  return { element: h("div", { class: "progress" }, bar, words), show };
}
