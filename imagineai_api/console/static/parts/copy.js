// A text that can be taken along.

import { h } from "../dom.js";
import { icon } from "./icons.js";
import { toast } from "./toast.js";

/** A button that copies `text()`; where the browser refuses, the text is selected to be copied by hand. */
export function copyButton(text, element) {
  return h("button", { class: "button small quiet", type: "button", click: async () => {
    try {
      await navigator.clipboard.writeText(text());
      toast("The description is copied.");
    } catch {
      getSelection().selectAllChildren(element);
      toast("Press Ctrl+C to copy the description.");
    }
  } }, icon("copy"), "Copy");
}
