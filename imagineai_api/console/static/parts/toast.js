// A sentence that comes and goes, and is read out.

import { focusOn, h } from "../dom.js";

const STAYS_MS = 6000;

/** Say something for a few seconds. */
export function toast(sentence, isBad = false) {
  const shown = h("p", { class: isBad ? "toast bad" : "toast" }, sentence);
  document.getElementById("say").replaceChildren(shown);
  setTimeout(() => shown.remove(), STAYS_MS);
}

/** Say what went wrong with an action, in the service's words; to have left it is not wrong. */
export const complain = (error) => {
  if (error.name !== "AbortError") toast(error.message, true);
};

/** Wrap an action of a button: it is off while it runs, and complains where it fails. */
export function action(act) {
  return async (event) => {
    const button = event.currentTarget;
    const hadFocus = document.activeElement === button;
    const place = button.parentElement;
    button.disabled = true;
    try {
      await act(event);
    } catch (error) {
      complain(error);
    } finally {
      button.disabled = false;
      if (hadFocus) giveBack(button, place);
    }
  };
}

// A button that is off loses the focus. Where it was replaced the one in its place gets it, or the page's heading.
function giveBack(button, place) {
  if (![null, document.body].includes(document.activeElement)) return;
  const next = button.isConnected ? button : place.querySelector("button");
  const heading = document.querySelector("main h1");
  if (place.isConnected) next?.focus({ preventScroll: true });
  else if (heading) focusOn(heading);
}
