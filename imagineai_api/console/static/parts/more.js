// A list that comes in parts.

import { h } from "../dom.js";
import { action } from "./toast.js";

/**
 * A button that asks for the next part, for as long as `take(answer)`, which shows one, says that there is more.
 * `load()` gets the first; where it is called again before the answer is there, only the last answer is taken.
 */
export function more(ask, take) {
  let latest = 0;
  const button = h("button", { class: "button quiet", type: "button", click: action(load) }, "Show more");
  async function load() {
    latest += 1;
    const mine = latest;
    const answer = await ask();
    if (mine === latest) button.hidden = !take(answer);
  }
  return { load, element: h("div", { class: "row centred" }, button) };
}

/** The same for lists that count in pages. */
export function morePages(ask, take) {
  let page = 0;
  return more(() => ask(page + 1), (answer) => {
    page += 1;
    take(answer);
    return page < answer.pages;
  });
}
