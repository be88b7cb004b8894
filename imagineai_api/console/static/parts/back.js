// The way up from a page.

import { h } from "../dom.js";
import { icon } from "./icons.js";

/** A link to the page above, by its name. */
export const back = (address, name) => h("a", { class: "back", href: address }, icon("back"), name);
