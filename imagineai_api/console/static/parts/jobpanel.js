// A job of many photos: its bar, what failed and why, and what can be done about it.

import { get, post } from "../api.js";
import { fill, h } from "../dom.js";
import { count, STEP_NAMES } from "../words.js";
import { cancel, failuresOf, hasEnded, known, onChange } from "../work.js";
import { icon } from "./icons.js";
import { progressBar } from "./steps.js";
import { action } from "./toast.js";

/** Show a job until the signal. `place(imageId)` gives `{name, address}`; `replaced(job)` hears of a retry. */
export function jobPanel(job, { title, place, replaced, signal }) {
  const bar = progressBar(title);
  const failures = h("div", {});
  const buttons = h("div", { class: "row" });
  const panel = h("section", { class: "panel job", "aria-label": title, "data-job": job.id },
    h("div", { class: "row between" }, h("h3", {}, title), buttons), bar.element, failures);

  async function show() {
    const { completed, total } = job.progress;
    bar.show(completed, total, sentence(job));
    panel.dataset.status = job.status;
    if (!hasEnded(job)) {
      if (!buttons.children.length) fill(buttons, cancelButton(job));
      return;
    }
    fill(buttons);
    const failed = await failuresOf(job.id, signal);
    if (failed.length) {
      fill(buttons, h("button", { class: "button small", type: "button", click: action(async () => {
        replaced(await retryFailed(job));
      }) }, icon("again"), "Retry the failed"));
    }
    if (failed.length) bar.show(completed, total, `${sentence(job)} ${count(failed.length, "photo")} failed.`);
    fill(failures, failed.length ? failureList(failed, place) : null);
  }

  onChange((change) => { if (change.job === job) show().catch(() => {}); }, signal);
  show().catch(() => {});
  return panel;
}

/** A button that cancels a job. */
export function cancelButton(job, style = "button small quiet") {
  return h("button", { class: style, type: "button", click: action(() => cancel(job)) }, icon("stop"), "Cancel");
}

/** Which photos failed, at which step, in the service's words. */
export function failureList(failed, place) {
  return h("ul", { class: "failures", "aria-label": "What failed" }, failed.map((step) => {
    const { name, address } = place(step.product_image_id);
    return h("li", {}, icon("warning"), h("div", {},
      address ? h("a", { href: address }, name) : h("strong", {}, name),
      h("span", { class: "muted" }, ` · at “${STEP_NAMES[step.step_name]}”`),
      h("p", {}, step.error_message)));
  }));
}

async function retryFailed(job) {
  const again = await post(`/jobs/${job.id}/retry`);
  return known(await get(`/jobs/${again.id}`));
}

function sentence({ status, progress: { completed, total }, error }) {
  if (status === "queued") return "Waiting to begin.";
  if (status === "processing") return `${completed} of ${total} done.`;
  if (status === "cancelled") return `Cancelled after ${completed} of ${total}.`;
  if (status === "failed") return error ?? "Failed.";
  return `Done: ${count(total, "photo")}.`;
}
