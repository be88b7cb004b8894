// One photo: the picture with its defects, and everything that was found in it.

import { get, post, Refusal } from "../api.js";
import { fill, h } from "../dom.js";
import { back } from "../parts/back.js";
import { bars } from "../parts/charts.js";
import { chip } from "../parts/chip.js";
import { copyButton } from "../parts/copy.js";
import { icon } from "../parts/icons.js";
import { cancelButton } from "../parts/jobpanel.js";
import { failure, pairs, panel } from "../parts/panel.js";
import { stepList } from "../parts/steps.js";
import { action, complain } from "../parts/toast.js";
import { viewer } from "../parts/viewer.js";
import { COLORS, date, duration, percent, plain, title } from "../words.js";
import { follow, hasEnded, jobOfImage, onChange, resume, stepsOf } from "../work.js";

const CANDIDATES = 5;
const SURE = 0.6;
const TRY_AGAIN = "“Analyse again” tries once more. Where the picture itself is the trouble, upload another one.";

export async function show({ main, ids: [productId, imageId], signal }) {
  const read = () => get(`/analysis/${imageId}`, {}, { signal });
  const [product, first] = await Promise.all([get(`/products/${productId}`, {}, { signal }), read()]);
  const image = product.images.find((one) => one.id === imageId);
  if (!image) throw new Refusal(404, "There is no such photo in this product.");
  const view = viewer(image);
  const heading = h("div", {});
  const found = h("div", { class: "stack" });
  const steps = stepList();
  const buttons = h("div", { class: "row" });
  const live = panel("Steps", steps.element);
  const defects = panel("Defects", view.findings);
  const status = h("p", { class: "unseen", role: "status" });

  function display(analysis) {
    fill(heading, ...headline(analysis, image));
    view.show(analysis);
    defects.hidden = analysis.status !== "completed";
    fill(found, ...findings(analysis));
    status.textContent = analysis.status === "completed" ? `Done: ${analysis.classification_label}` : "";
  }

  function showJob(job) {
    live.hidden = false;
    steps.show(stepsOf(job, imageId));
    const shown = hasEnded(job) ? "again" : job.id;
    if (buttons.dataset.shown === shown) return;
    buttons.dataset.shown = shown;
    // Who pressed the button that goes keeps the focus on the one that comes.
    const hadFocus = buttons.contains(document.activeElement);
    fill(buttons, hasEnded(job) ? againButton() : cancelButton(job, "button quiet"));
    if (hadFocus) buttons.firstElementChild.focus();
  }

  const againButton = () => h("button", { class: "button", type: "button", click: action(async () => {
    const { job_id } = await post(`/analysis/${imageId}/retry`);
    showJob(follow(job_id, { productId, imageIds: [imageId] }));
  }) }, icon("again"), "Analyse again");

  onChange(({ job }) => {
    if (!job?.steps.has(imageId)) return;
    showJob(job);
    if (hasEnded(job)) read().then(display).catch(complain);
  }, signal);

  display(first);
  live.hidden = true;
  fill(buttons, againButton());
  const known = jobOfImage(imageId);
  if (["pending", "processing"].includes(first.status)) {
    const job = known && follow(known, { productId, imageIds: [imageId] });
    if (job) showJob(job);
    if (!job || hasEnded(job)) {
      await resume(productId, signal); // their events name this image
      display(await read()); // as its job may have ended before anybody here heard of it
    }
  }
  fill(main,
    back(`#/products/${productId}`, product.title),
    h("header", { class: "head" }, heading, h("div", { class: "row" }, neighbours(product, imageId), buttons)),
    h("div", { class: "photo-page" },
      h("div", { class: "stack" }, view.frame, live, defects),
      found), status);
}

function headline(analysis, image) {
  if (analysis.status !== "completed") {
    return [h("h1", {}, image.original_filename), h("p", { class: "facts" }, chip(analysis.status))];
  }
  const { classification_label: found } = analysis;
  const label = found === "other" ? "Not recognised with confidence" : title(found);
  return [h("h1", {}, label), h("p", { class: "facts" },
    h("strong", { class: analysis.classification_confidence < SURE ? null : "sure" }, `${percent(analysis.classification_confidence)} sure`),
    analysis.category ? h("span", {}, title(analysis.category)) : null,
    analysis.subcategory ? h("span", {}, title(analysis.subcategory)) : null,
    h("span", {}, image.original_filename))];
}

function findings(analysis) {
  if (analysis.status === "failed") {
    return [failure("The analysis failed",
      h("p", {}, analysis.error_message ?? "The service gave no reason."),
      h("p", { class: "hint" }, TRY_AGAIN))];
  }
  if (analysis.status !== "completed") {
    return [panel("On its way", h("p", { class: "muted" }, "This photo is being looked at. What is found appears here."))];
  }
  const text = h("p", { class: "description" }, analysis.description_text);
  const colors = analysis.extracted_attributes.filter((one) => one.attribute_name === "color");
  const others = analysis.extracted_attributes.filter((one) => one.attribute_name !== "color");
  const scores = Object.entries(analysis.classification_scores).sort(([, one], [, two]) => two - one);
  const candidates = scores.slice(0, CANDIDATES).map(([label, share]) => [title(label), share, percent(share)]);
  return [
    h("section", { class: "panel", "aria-label": "Description" },
      h("div", { class: "row between" },
        h("h2", {}, "Description"), copyButton(() => analysis.description_text, text)), text),
    panel("What it could be", bars(candidates, "Candidates with their probability", 1)),
    panel("Colours and attributes",
      colors.length ? h("ul", { class: "colors", "aria-label": "Colours" }, colors.map(color)) : null,
      others.length ? pairs(others.map((one) => [title(one.attribute_name),
        [title(one.attribute_value), h("span", { class: "muted" }, ` ${percent(one.confidence)}`)]])) : null,
      colors.length + others.length ? null : h("p", { class: "muted" }, "Nothing that is certain enough to say.")),
    about(analysis),
  ];
}

function color({ attribute_value: name, confidence }) {
  return h("li", {}, h("span", { class: "swatch", vars: { background: COLORS[name] ?? "none" } }),
    h("span", {}, title(plain(name))), h("span", { class: "muted" }, percent(confidence)));
}

function about(analysis) {
  return panel("Who answered", pairs([
    ["Model", h("a", { href: "#/model" }, `Version ${analysis.model_version}`)],
    ["Text by", analysis.description_model],
    ["Took", analysis.processing_time_ms === null ? null : duration(analysis.processing_time_ms)],
    ["Chance of a defect", analysis.defect_score === null ? null : percent(analysis.defect_score)],
    ["Looked at", date(analysis.updated_at)],
  ]));
}

function neighbours(product, imageId) {
  const ids = product.images.map((image) => image.id);
  const place = ids.indexOf(imageId);
  const link = (id, words, name) => {
    const address = `#/products/${product.id}/photos/${id}`;
    const said = { "aria-label": words, title: words };
    return id ? h("a", { class: "icon-button bordered", href: address, ...said }, icon(name)) : null;
  };
  return [link(ids[place - 1], "Previous photo", "back"), link(ids[place + 1], "Next photo", "forward")];
}
