// What is on its way: files that are sent and jobs that run. It outlives pages, so uploads go on while you look around.

import { get, remove, send } from "./api.js";
import { watch } from "./live.js";
import * as session from "./session.js";
import { STEPS } from "./words.js";

const SENT_AT_ONCE = 3;
const ACCEPTED = new Set(["image/jpeg", "image/png", "image/webp", "image/gif"]);
const CANCELLED = "You cancelled it.";
const OTHER_TYPE = "This is not a JPEG, PNG, WebP or GIF picture.";
const ENDED = new Set(["completed", "failed", "cancelled"]);
const JOB_OF = "imagineai.job.";

const changes = new EventTarget();
const jobs = new Map();
let uploads = [];
let sending = 0;
let lastKey = 0;

session.onEnd(() => {
  uploads.forEach((one) => one.stop.abort());
  uploads = [];
  jobs.clear();
});

/** Hear of every change until the signal; `listener({job, upload})`. */
export function onChange(listener, signal) {
  changes.addEventListener("change", (event) => listener(event.detail), { signal });
}

/** The uploads of a product, or all of them. */
export const uploadsOf = (productId) => uploads.filter((one) => productId === null || one.productId === productId);
export const isOver = (one) => ["refused", "cancelled"].includes(one.state) || Boolean(one.job && hasEnded(one.job));
export const jobsOf = (productId) => [...jobs.values()].filter((job) => job.productId === productId);
export const hasEnded = (job) => ENDED.has(job.status);
export const jobOfImage = (imageId) => sessionStorage.getItem(JOB_OF + imageId);

/** Send files to a product, a few at a time; each has its own job. */
export function upload(productId, files) {
  const added = [...files].map((file) => ({
    key: (lastKey += 1), productId, file, state: "waiting", preview: URL.createObjectURL(file),
    sent: 0, stop: new AbortController(),
  }));
  uploads.push(...added);
  for (const one of added) if (!ACCEPTED.has(one.file.type)) leave(one, "refused", OTHER_TYPE);
  added.forEach((one) => tell({ upload: one }));
  sendNext();
}

/** Do not send a file, or no more of it. */
export function cancelUpload(one) {
  one.stop.abort();
  leave(one, "cancelled", CANCELLED);
  tell({ upload: one });
}

/** Send a file again that was refused or cancelled. */
export function sendAgain(one) {
  Object.assign(one, { state: "waiting", error: null, sent: 0, stop: new AbortController() });
  tell({ upload: one });
  sendNext();
}

/** Take what is over from the list. */
export function dismiss(productId) {
  const over = uploadsOf(productId).filter(isOver);
  over.forEach((one) => URL.revokeObjectURL(one.preview));
  uploads = uploads.filter((one) => !over.includes(one));
  tell({});
}

/** Follow a job from here on, once however many ask. */
export function follow(jobId, { productId = null, imageIds = [], isBatch = imageIds.length > 1 } = {}) {
  if (jobs.has(jobId)) return jobs.get(jobId);
  const job = {
    id: jobId, productId, imageIds, status: "queued", progress: { completed: 0, total: imageIds.length || 1 },
    steps: new Map(imageIds.map((id) => [id, {}])), error: null, isBatch,
  };
  jobs.set(jobId, job);
  imageIds.forEach((id) => sessionStorage.setItem(JOB_OF + id, jobId));
  watch(jobId, (event) => hear(job, event));
  return job;
}

/** Follow what already runs on a product: begun elsewhere, or before this page was opened anew. */
export async function resume(productId, signal) {
  for (const status of ["queued", "processing"]) {
    const { items } = await get("/jobs", { status, limit: 100 }, { signal });
    for (const { id, product_id, job_type, total_images } of items) {
      if (product_id === productId) {
        const job = follow(id, { productId, isBatch: job_type === "batch" });
        if (job.isBatch) job.progress.total = total_images;
      }
    }
  }
}

/** What the service says of a job: followed where it runs, as it stands where it has ended. */
export function known(said) {
  const imageIds = [...new Set(said.steps.map((step) => step.product_image_id))];
  const isBatch = said.job_type === "batch";
  if (!hasEnded(said) || jobs.has(said.id)) return follow(said.id, { productId: said.product_id, imageIds, isBatch });
  const done = said.processed_images + said.failed_images;
  return {
    id: said.id, status: said.status, error: said.error_message, isBatch, steps: new Map(),
    progress: { completed: done, total: said.total_images },
  };
}

/** Cancel a job; what the socket says next is that it ended. */
export const cancel = (job) => remove(`/batch/${job.id}`);

/** Steps of an image in order: name, state, what was found. */
export function stepsOf(job, imageId) {
  const known = job.steps.get(imageId) ?? {};
  return STEPS.map((name) => ({ name, status: known[name]?.status ?? "pending", data: known[name]?.data ?? null }));
}

/** Read which images of a job failed, and why: the socket tells the end only. */
export async function failuresOf(jobId, signal) {
  const job = await get(`/jobs/${jobId}`, {}, { signal });
  return job.steps.filter((step) => step.status === "failed");
}

function sendNext() {
  while (sending < SENT_AT_ONCE) {
    const next = uploads.find((one) => one.state === "waiting");
    if (!next) return;
    next.state = "sending";
    sending += 1;
    tell({ upload: next });
    sendOne(next).finally(() => {
      sending -= 1;
      sendNext();
    });
  }
}

async function sendOne(one) {
  const form = new FormData();
  form.append("product_id", one.productId);
  form.append("file", one.file, one.file.name);
  const { signal } = one.stop;
  const progress = (sent, total) => {
    one.sent = sent / total;
    tell({ upload: one });
  };
  try {
    const started = await send("/uploads/direct", form, { signal, progress });
    one.imageId = started.image_id;
    one.job = follow(started.job_id, { productId: one.productId, imageIds: [started.image_id] });
    one.state = "started";
  } catch (error) {
    if (signal.aborted) return; // cancelled, or signed out
    leave(one, "refused", error.message);
  }
  tell({ upload: one, job: one.job });
}

function leave(one, state, sentence) {
  Object.assign(one, { state, error: sentence });
}

function hear(job, event) {
  if (event.type === "gone") job.status = "cancelled";
  if (event.progress) job.progress = event.progress;
  if (event.type === "step_update") {
    job.status = "processing";
    if (!job.steps.has(event.image_id)) job.steps.set(event.image_id, {});
    job.steps.get(event.image_id)[event.step] = { status: event.status, data: event.data };
  } else if (event.type === "job_complete") {
    job.status = "completed";
  } else if (event.type === "job_failed") {
    job.status = event.status === "cancelled" ? "cancelled" : "failed";
    job.error = event.data?.error ?? null;
  }
  tell({ job, event });
}

function tell(detail) {
  changes.dispatchEvent(new CustomEvent("change", { detail }));
}
