// Dialogs: the browser's own element, so focus, Escape and the page behind are its business.

import { h } from "../dom.js";
import { icon } from "./icons.js";

/**
 * Ask for something in a dialog. `submit(form data, signal)` runs at the button; what it throws is shown and the dialog
 * stays. The signal aborts where the dialog is left. Gives what submit gave, null where the dialog was left.
 */
export function ask(title, { fields = [], button, danger = false, submit }) {
  const problem = h("p", { class: "problem", role: "alert" });
  const doing = h("button", { class: danger ? "button danger" : "button", type: "submit" }, button);
  const leave = () => dialog.close();
  const left = new AbortController();
  let outcome = null;
  const form = h("form", { class: "form" }, fields, problem, h("div", { class: "row end" },
    h("button", { class: "button quiet", type: "button", click: leave }, "Cancel"), doing));
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" },
    h("header", { class: "row between" }, h("h2", { id: "dialog-title" }, title),
      h("button", { class: "icon-button", type: "button", "aria-label": "Close", click: leave }, icon("cross"))),
    form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    doing.disabled = true;
    try {
      outcome = await submit(new FormData(form), left.signal);
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      doing.disabled = false;
    }
  });
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      left.abort();
      dialog.remove();
      resolve(outcome);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** A labelled field of a form; `control` is an input, a select or a textarea with a name. */
export function field(label, control, hint) {
  const id = `field-${control.getAttribute("name")}`;
  control.id = id;
  if (hint) control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" },
    h("label", { for: id }, label), control, hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null);
}

/** A select of words; each option is `[value, words]`. */
export function choice(name, options, chosen, properties = {}) {
  return h("select", { name, ...properties },
    options.map(([value, words]) => h("option", { value, selected: value === chosen }, words)));
}
