// The photos that are being sent to a product: five steps each, live.

import { fill, h } from "../dom.js";
import { count, percent, size } from "../words.js";
import { cancelUpload, dismiss, hasEnded, isOver, onChange, sendAgain, stepsOf, uploadsOf } from "../work.js";
import { icon } from "./icons.js";
import { cancelButton } from "./jobpanel.js";
import { stepList } from "./steps.js";


/** Show a product's uploads until the signal; with null, those of every product that are not over yet. */
export function uploadList(productId, signal) {
  const before = productId === null ? new Set(uploadsOf(null).filter(isOver)) : new Set();
  const list = h("ul", { class: "uploads", "aria-label": "Photos on their way" });
  const summary = h("p", { class: "muted", role: "status" });
  const clear = smallButton("Clear the list", () => dismiss(productId));
  const panel = h("section", { class: "panel", "aria-label": "Uploads", hidden: true },
    h("div", { class: "row between" }, h("h3", {}, "On their way"), clear), summary, list);
  const rows = new Map();

  function show({ upload = null, job = null } = {}) {
    const all = uploadsOf(productId).filter((one) => !before.has(one));
    panel.hidden = !all.length;
    for (const one of all) if (!rows.has(one.key)) rows.set(one.key, row(one, list));
    if (upload || job) rows.get((upload ?? all.find((one) => one.job === job))?.key)?.show();
    else showAll(new Set(all.map((one) => one.key)));
    const over = all.filter(isOver);
    const words = told(all);
    if (summary.textContent !== words) summary.textContent = words;
    clear.hidden = !over.length;
  }

  function showAll(keys) {
    for (const [key, shown] of rows) {
      if (keys.has(key)) shown.show();
      else {
        shown.element.remove();
        rows.delete(key);
      }
    }
  }

  onChange((change) => {
    if (!change.upload || [null, change.upload.productId].includes(productId)) show(change);
  }, signal);
  show();
  return panel;
}

/** What became of the files, but for those that were cancelled. */
function told(uploads) {
  const wanted = uploads.filter((one) => one.state !== "cancelled");
  const done = wanted.filter(isOver).length;
  const refused = wanted.filter((one) => one.state === "refused").length;
  const photos = count(wanted.length, "photo");
  if (!wanted.length) return "Nothing is being sent.";
  return (done < wanted.length ? `${done} of ${photos} done` : `${photos}: all done`)
    + (refused ? `, ${refused} not taken` : "");
}

const smallButton = (words, click) => h("button", { class: "button small quiet", type: "button", click }, words);

function row(upload, list) {
  const steps = stepList();
  const bytes = h("progress", { class: "bytes", max: 1, "aria-label": `Sending ${upload.file.name}` });
  const said = h("p", { class: "upload-said" });
  const button = h("div", { class: "row" });
  const name = h("strong", {}, upload.file.name);
  const element = h("li", { class: "upload" },
    h("img", { class: "upload-picture", src: upload.preview, alt: "", decoding: "async" }),
    h("div", { class: "upload-main" },
      h("div", { class: "upload-name" }, name, h("span", { class: "muted" }, size(upload.file.size))),
      bytes, steps.element, said), button);
  list.append(element);
  const show = () => {
    const { state, job, error } = upload;
    const now = job ? stepsOf(job, upload.imageId) : [];
    element.dataset.state = job ? job.status : state;
    bytes.hidden = state !== "sending";
    if (upload.sent < 1) bytes.value = upload.sent;
    else bytes.removeAttribute("value"); // all is out: how long the service takes is not known
    steps.element.hidden = !job;
    steps.show(now);
    said.textContent = job ? outcome(job, now) : error ?? before(upload);
    offer(doable(upload));
  };
  // Who pressed the button that goes keeps the focus on the one that comes.
  function offer(name) {
    if (button.dataset.offers === name) return;
    button.dataset.offers = name;
    const hadFocus = button.contains(document.activeElement);
    fill(button, OFFERS[name](upload));
    if (hadFocus) button.firstElementChild?.focus();
  }
  return { upload, element, show };
}

const OFFERS = {
  stop: (upload) => smallButton([icon("stop"), "Cancel"], () => cancelUpload(upload)),
  again: (upload) => smallButton([icon("again"), "Send again"], () => sendAgain(upload)),
  cancel: ({ job }) => cancelButton(job),
  open: ({ productId, imageId }) =>
    h("a", { class: "button small quiet", href: `#/products/${productId}/photos/${imageId}` }, "Open"),
  nothing: () => null,
};

/** What can be done about a file now: the name of an offer. */
function doable({ state, sent, job }) {
  if (job) return job.status === "completed" ? "open" : hasEnded(job) ? "nothing" : "cancel";
  if (state === "refused" || state === "cancelled") return "again";
  return sent < 1 ? "stop" : "nothing";
}

function before({ state, sent, file }) {
  if (state === "waiting") return "Waiting to be sent";
  if (sent === 1) return "Sent; being checked…";
  return sent ? `${size(sent * file.size)} of ${size(file.size)} sent` : "Sending…";
}

function outcome(job, steps) {
  const found = steps[1].data;
  if (job.status === "completed") {
    return found ? `${found.classification_label}, ${percent(found.confidence)} sure` : "Done";
  }
  if (job.status === "cancelled") return "Cancelled";
  if (job.status === "failed") return job.error ?? "The analysis failed.";
  return job.status === "queued" ? "Waiting for its turn" : "Being looked at…";
}
