// What was asked for and what came of it: the jobs.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { chip } from "../parts/chip.js";
import { choice } from "../parts/dialog.js";
import { icon } from "../parts/icons.js";
import { more } from "../parts/more.js";
import { complain } from "../parts/toast.js";
import { count, since, state } from "../words.js";

const AT_ONCE = 30;
const NONE = "No jobs here. Each photo that you upload becomes one.";
const STATUSES = ["queued", "processing", "completed", "failed", "cancelled"];

export async function show({ main, signal }) {
  const list = h("ul", { class: "jobs", "aria-label": "Jobs" });
  const total = h("p", { class: "muted", role: "status" });
  const status = choice("status", [["", "Every status"], ...STATUSES.map((word) => [word, state(word)])], "",
    { "aria-label": "Status", change: () => { fill(list); next.load().catch(complain); } });

  // One page of products names most of what was worked on lately.
  const products = await get("/products", { page_size: 100 }, { signal });
  const titles = new Map(products.items.map((product) => [product.id, product.title]));

  const ask = () => get("/jobs", { status: status.value, limit: AT_ONCE, offset: list.children.length }, { signal });
  const next = more(ask, (answer) => {
    list.append(...answer.items.map((job) => row(job, titles.get(job.product_id))));
    total.textContent = count(answer.total, "job");
    if (!answer.total) fill(list, h("li", { class: "empty" }, h("p", {}, NONE)));
    return list.children.length < answer.total;
  });

  await next.load();
  fill(main, h("header", { class: "head" }, h("div", {}, h("h1", {}, "Activity"), total),
    h("a", { class: "button quiet", href: "#/activity/imports" }, icon("up"), "Imports")),
    h("div", { class: "filters" }, status), list, next.element);
}

/** A job in a line, with the title of its product where it is known. */
export function row(job, title) {
  const failed = job.failed_images ?? (job.status === "completed" ? job.total_images - job.processed_images : 0);
  const words = job.job_type === "batch" ? `Batch of ${count(job.total_images, "photo")}` : "One photo";
  return h("li", {}, h("a", { class: "job-row", href: `#/activity/${job.id}` },
    h("span", { class: "job-name" }, h("strong", {}, words), title ? h("span", { class: "muted" }, title) : null),
    chip(job.status),
    failed ? h("span", { class: "flag" }, icon("warning"), `${failed} of ${job.total_images} failed`)
      : h("span", { class: "muted" }, `${job.processed_images} of ${job.total_images}`),
    h("time", { class: "muted", datetime: job.created_at }, since(job.created_at))));
}
