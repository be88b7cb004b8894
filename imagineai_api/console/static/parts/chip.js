// A state in a word, with a colour.

import { h } from "../dom.js";
import { state } from "../words.js";

/** A chip that says a state. */
export const chip = (word) => h("span", { class: "chip", "data-state": word }, state(word));
