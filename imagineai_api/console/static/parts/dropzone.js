// Photos come in: dropped anywhere on the page, chosen from the disk, pasted.

import { h } from "../dom.js";
import { icon } from "./icons.js";

const TYPES = "image/jpeg,image/png,image/webp,image/gif";

/** A button that opens the file chooser. */
export function chooser(words, take, style = "button") {
  const unseen = { class: "unseen", tabindex: "-1", "aria-hidden": "true" };
  const input = h("input", { type: "file", accept: TYPES, multiple: true, ...unseen });
  input.addEventListener("change", () => {
    if (input.files.length) take([...input.files]);
    input.value = "";
  });
  const button = h("button", { class: style, type: "button", click: () => input.click() }, icon("photos"), words);
  return h("span", { class: "chooser" }, button, input);
}

/** Take photos that are dropped on the window or pasted, until the signal; a veil shows that they will be taken. */
export function dropAnywhere(take, signal, words = "Drop photos here") {
  const veil = h("div", { class: "veil", "aria-hidden": "true" }, h("p", {}, icon("photos"), words));
  const listen = (name, listener) => addEventListener(name, listener, { signal });
  listen("dragenter", (event) => { if (carriesFiles(event.dataTransfer)) document.body.append(veil); });
  listen("dragleave", (event) => { if (!event.relatedTarget) veil.remove(); });
  listen("drop", (event) => {
    veil.remove();
    receive(event.dataTransfer, take);
  });
  listen("paste", (event) => receive(event.clipboardData, take));
  signal.addEventListener("abort", () => veil.remove());
}

/** The invitation of an empty page. */
export function invitation(title, words, take) {
  return h("div", { class: "invitation" },
    h("div", { class: "invitation-picture" }, icon("photos")),
    h("h2", {}, title), h("p", {}, words), chooser("Choose photos", take),
    h("p", { class: "hint" }, "JPEG, PNG, WebP or GIF, up to 50 MB each"));
}

const carriesFiles = (data) => data?.types.includes("Files");

function receive(data, take) {
  const files = [...(data?.files ?? [])];
  if (files.length && !document.querySelector("dialog[open]")) take(files);
}
