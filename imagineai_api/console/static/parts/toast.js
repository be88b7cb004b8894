// A sentence that comes and goes, and is read out.

import { h } from "../dom.js";

const STAYS_MS = 6000;

/** Say something for a few seconds. */
export function toast(sentence, isBad = false) {
  const shown = h("p", { class: isBad ? "toast bad" : "toast" }, sentence);
  document.getElementById("say").replaceChildren(shown);
  setTimeout(() => shown.remove(), STAYS_MS);
}

/** Say what went wrong with an action, in the service's words. */
export const complain = (error) => toast(error.message, true);

/** Wrap an action of a button: it is off while it runs, and complains where it fails. */
export function action(act) {
  return async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      await act(event);
    } catch (error) {
      if (error.name !== "AbortError") complain(error);
    } finally {
      button.disabled = false;
    }
  };
}
