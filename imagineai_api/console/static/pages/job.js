// One job: how far it is, what failed and why, how long its steps took.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { back } from "../parts/back.js";
import { bars } from "../parts/charts.js";
import { chip } from "../parts/chip.js";
import { jobPanel } from "../parts/jobpanel.js";
import { failure, pairs, panel } from "../parts/panel.js";
import { picture } from "../parts/picture.js";
import { go } from "../router.js";
import { count, date, duration, STEP_NAMES, STEPS } from "../words.js";
import { hasEnded, known, onChange } from "../work.js";

const PICTURES = 24;

export async function show({ main, ids: [id], signal }) {
  const head = h("div", {});
  const progress = h("div", {});
  const more = h("div", { class: "stack" });
  let followed = null;

  async function load() {
    const job = await get(`/jobs/${id}`, {}, { signal });
    const product = job.product_id ? await get(`/products/${job.product_id}`, {}, { signal }).catch(() => null) : null;
    const title = job.job_type === "batch" ? `Batch of ${count(job.total_images, "photo")}` : "One photo";
    fill(head, ...heading(job, product, title));
    fill(more, ...details(job, product));
    if (followed) return;
    followed = known(job);
    const place = (imageId) => placeOf(product, imageId);
    const replaced = (next) => go(`#/activity/${next.id}`);
    fill(progress, jobPanel(followed, { title: "Progress", place, replaced, signal }));
  }

  onChange(({ job }) => { if (job && job === followed && hasEnded(job)) load().catch(() => {}); }, signal);
  await load();
  fill(main, head, progress, more);
}

function heading(job, product, title) {
  return [back("#/activity", "Activity"),
    h("header", { class: "head" }, h("div", {}, h("h1", {}, title),
      h("p", { class: "facts" }, chip(job.status),
        product ? h("a", { href: `#/products/${product.id}` }, product.title) : null,
        h("span", {}, date(job.created_at)))))];
}

function details(job, product) {
  const took = new Date(job.completed_at) - new Date(job.started_at);
  const facts = pairs([
    ["Succeeded", `${job.processed_images} of ${job.total_images}`],
    ["Failed", String(job.failed_images)],
    ["Began", job.started_at ? date(job.started_at) : null],
    ["Took", job.started_at && job.completed_at ? duration(took) : null],
    ["Flow run", job.celery_task_id],
  ]);
  const measured = job.steps.filter((step) => step.duration_ms !== null);
  const times = STEPS.map((name) => [name, measured.filter((step) => step.step_name === name)])
    .filter(([, steps]) => steps.length)
    .map(([name, steps]) => [name, steps.reduce((sum, step) => sum + step.duration_ms, 0) / steps.length]);
  const shown = times.map(([name, ms]) => [STEP_NAMES[name], ms, duration(ms)]);
  return [
    job.error_message ? failure("Why it failed", h("p", {}, job.error_message)) : null,
    pictures(job, product),
    h("div", { class: "two" }, panel("In numbers", facts),
      shown.length ? panel("A photo's steps took", bars(shown, "Mean duration of each step")) : null),
  ];
}

/** The photos of a job that are still there. */
function pictures(job, product) {
  const ids = [...new Set(job.steps.map((step) => step.product_image_id))]
    .filter((id) => product?.images.some((image) => image.id === id));
  if (!ids.length) return null;
  const links = ids.slice(0, PICTURES).map((id) => {
    const { name, address } = placeOf(product, id);
    return h("li", {}, h("a", { class: "thumb", href: address, "aria-label": name, title: name }, picture(id, "")));
  });
  const more = ids.length - links.length;
  return panel("Photos", h("ul", { class: "strip", "aria-label": "Photos" }, links),
    more ? h("p", { class: "muted" }, `And ${count(more, "more", "more")}.`) : null);
}

function placeOf(product, imageId) {
  const image = product?.images.find((one) => one.id === imageId);
  const address = product ? `#/products/${product.id}/photos/${imageId}` : null;
  return { name: image?.original_filename ?? "A photo", address };
}
