// The numbers of the catalogue.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { bars, columns, ring } from "../parts/charts.js";
import { panel } from "../parts/panel.js";
import { count, duration, number, PRODUCT_STATES, title } from "../words.js";
import { row } from "./activity.js";

const MOST = 8;

export async function show({ main, signal }) {
  const read = (path, query) => get(path, query, { signal });
  const [stats, recent, categories, ...states] = await Promise.all([
    read("/dashboard/stats"), read("/dashboard/recent"), read("/dashboard/category-distribution"),
    ...PRODUCT_STATES.map((status) => read("/products", { status, page_size: 1 })),
  ]);
  fill(main, h("header", { class: "head" }, h("h1", {}, "Dashboard")), tiles(stats),
    stats.total_products ? h("div", { class: "two" },
      panel("Products by status",
        ring(PRODUCT_STATES.map((word, index) => [title(word), states[index].total]), "Products by status", "products")),
      panel("Products by category", distribution(categories)),
      h("div", { class: "wide" }, panel("The last jobs", lastJobs(recent))))
      : h("section", { class: "empty" }, h("h2", {}, "No numbers yet"), h("p", {}, "They come with the first photos."),
        h("a", { class: "button", href: "#/products" }, "Drop photos")));
}

function tiles(stats) {
  const shown = [
    ["Products", number(stats.total_products)],
    ["Photos", number(stats.total_images)],
    ["Analysed", number(stats.completed_analyses)],
    ["Defects", number(stats.total_defects)],
    ["Jobs running", number(stats.active_jobs)],
    ["A photo takes", stats.avg_processing_time_ms === null ? "–" : duration(stats.avg_processing_time_ms)],
  ];
  return h("dl", { class: "tiles" }, shown.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

function distribution(categories) {
  if (!categories.length) return h("p", { class: "muted" }, "No product has a category yet.");
  const rest = categories.slice(MOST).reduce((sum, { count: many }) => sum + many, 0);
  const rows = categories.slice(0, MOST).map(({ category, count: many }) => [title(category), many]);
  return bars(rest ? [...rows, ["All others", rest]] : rows, "Products by category");
}

function lastJobs(recent) {
  if (!recent.length) return h("p", { class: "muted" }, "No jobs yet.");
  const rows = [...recent].reverse()
    .map((job) => ({ value: job.total_images, part: job.processed_images, state: job.status }));
  const words = rows.map(({ part, value }) => `${part} of ${value}`).join(", ");
  return [columns(rows, `Photos of the last ${count(rows.length, "job")}, oldest first: ${words}`),
    h("ul", { class: "jobs" }, recent.map((job) => row(job)))];
}
