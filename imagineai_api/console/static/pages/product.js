// One product: its photos, what is on its way, and a batch over a selection.

import { get, patch, post, remove } from "../api.js";
import { fill, h } from "../dom.js";
import { back } from "../parts/back.js";
import { chip } from "../parts/chip.js";
import { copyButton } from "../parts/copy.js";
import { ask, choice, field } from "../parts/dialog.js";
import { chooser, dropAnywhere, invitation } from "../parts/dropzone.js";
import { icon } from "../parts/icons.js";
import { jobPanel } from "../parts/jobpanel.js";
import { noPicture, picture } from "../parts/picture.js";
import { action, toast } from "../parts/toast.js";
import { uploadList } from "../parts/uploads.js";
import { go } from "../router.js";
import { CATEGORIES, count, percent, PRODUCT_STATES, title } from "../words.js";
import { follow, hasEnded, isOver, jobsOf, onChange, resume, stepsOf, upload, uploadsOf } from "../work.js";

const INVITATION = "As many as you like at once. You see each step as it happens.";
const GATHER_MS = 1500;
const MAX_BATCH = 1000;

export async function show({ main, ids: [id], signal }) {
  const chosen = new Set();
  const cards = new Map();
  const head = h("div", {});
  const jobs = h("div", { class: "stack" });
  const photos = h("ul", { class: "grid photos", "aria-label": "Photos" });
  const bar = selectionBar(chosen, cards, analyse);
  const empty = h("div", {});
  const take = (files) => upload(id, files);
  let product = null;

  async function load() {
    const [now, analyses] = await Promise.all([
      get(`/products/${id}`, {}, { signal }), get(`/products/${id}/analysis`, {}, { signal }),
    ]);
    product = now;
    const found = new Map(analyses.map((one) => [one.product_image_id, one]));
    fill(head, heading(product, take, load));
    for (const image of product.images) {
      if (!cards.has(image.id)) cards.set(image.id, photoCard(id, image, chosen, bar.show, photos));
      cards.get(image.id).show(found.get(image.id));
    }
    invite();
    bar.show();
  }

  // Not while the first ones are on their way.
  function invite() {
    const isInvited = !product.images.length && !uploadsOf(id).some((one) => !isOver(one));
    if (isInvited === Boolean(empty.children.length)) return;
    fill(empty, isInvited ? invitation("Drop photos here", INVITATION, take) : null);
  }

  async function analyse() {
    const imageIds = [...chosen];
    const job = await post("/batch", { product_id: id, image_ids: imageIds });
    addPanel(follow(job.id, { productId: id, imageIds, isBatch: true }));
    chosen.clear();
    cards.forEach((card) => card.pick(false));
    bar.show();
  }

  function addPanel(job) {
    const place = (imageId) => placeOf(product, imageId);
    const words = `Batch of ${count(job.progress.total, "photo")}`;
    const panel = jobPanel(job, { title: words, place, replaced: addPanel, signal });
    jobs.prepend(panel);
    panel.scrollIntoView({ block: "nearest" });
  }

  let gathering = null;
  onChange(({ job, upload: sent, event }) => {
    if (job && event?.image_id) cards.get(event.image_id)?.follow(job, event.image_id);
    if (product && sent?.productId === id) invite();
    const isDone = job?.productId === id && hasEnded(job);
    const isNew = sent?.productId === id && sent.imageId && !cards.has(sent.imageId);
    if (isDone || isNew) {
      gathering ??= setTimeout(() => {
        gathering = null;
        load().catch(() => {});
      }, GATHER_MS);
    }
  }, signal);

  await load();
  await resume(id, signal);
  fill(main, head, uploadList(id, signal), jobs, bar.element, photos, empty);
  jobsOf(id).filter((job) => job.isBatch).forEach(addPanel);
  dropAnywhere(take, signal, "Drop photos to add them");
}

function heading(product, take, load) {
  const text = h("p", {}, product.ai_description);
  return [
    back("#/products", "Products"),
    h("header", { class: "head" },
      h("div", {}, h("h1", {}, product.title),
        h("p", { class: "facts" }, chip(product.status),
          h("span", {}, product.category ? title(product.category) : "No category yet"),
          product.subcategory ? h("span", {}, title(product.subcategory)) : null,
          h("span", {}, count(product.images.length, "photo")))),
      h("div", { class: "row" },
        chooser("Add photos", take),
        h("button", { class: "button quiet", type: "button", click: action(() => edit(product, load)) },
          icon("edit"), "Edit"),
        h("button", { class: "icon-button bordered", type: "button", click: action(() => erase(product)),
          "aria-label": "Delete the product", title: "Delete the product" }, icon("trash")))),
    product.description ? h("p", { class: "lead" }, product.description) : null,
    product.ai_description
      ? h("section", { class: "quote", "aria-label": "Found in the photos" },
        text, copyButton(() => product.ai_description, text)) : null,
  ];
}

function photoCard(productId, image, chosen, changed, list) {
  const pick = h("input", { type: "checkbox", "aria-label": `Select ${image.original_filename}`, change: () => {
    pick.checked ? chosen.add(image.id) : chosen.delete(image.id);
    changed();
  } });
  const name = h("strong", { class: "card-title" });
  const facts = h("p", { class: "card-facts" });
  const isThere = image.upload_status === "uploaded";
  const element = h("li", { class: "card", "data-photo": image.id },
    h("a", { href: `#/products/${productId}/photos/${image.id}` },
      h("span", { class: "thumb" }, isThere ? picture(image.id, "") : noPicture()), name),
    facts, isThere ? h("span", { class: "pick" }, pick) : null);
  list.append(element);
  return {
    isThere,
    pick(isPicked) {
      pick.checked = isPicked;
      isPicked ? chosen.add(image.id) : chosen.delete(image.id);
    },
    show(analysis) {
      name.textContent = analysis?.classification_label ? title(analysis.classification_label) : image.original_filename;
      fill(facts, said(image, analysis));
    },
    follow(job, imageId) {
      if (hasEnded(job)) return;
      const running = stepsOf(job, imageId).find((step) => step.status === "running");
      if (running) fill(facts, chip("processing"));
    },
  };
}

function said(image, analysis) {
  if (!analysis) return [h("span", {}, image.upload_status === "failed" ? "Could not be used" : "Not uploaded yet")];
  if (analysis.status !== "completed") return [chip(analysis.status)];
  const defects = analysis.detected_defects.length;
  return [h("span", {}, `${percent(analysis.classification_confidence)} sure`),
    defects ? h("span", { class: "flag" }, icon("warning"), count(defects, "defect")) : null];
}

function selectionBar(chosen, cards, analyse) {
  const words = h("p", { role: "status" });
  const everything = h("button", { class: "button small quiet", type: "button", click: () => {
    const all = [...cards.values()].filter((card) => card.isThere).slice(0, MAX_BATCH);
    const isAll = chosen.size === all.length;
    all.forEach((card) => card.pick(!isAll));
    show();
  } });
  const go = h("button", { class: "button small", type: "button", click: action(analyse) }, icon("again"), "Analyse again");
  const element = h("div", { class: "selection", role: "group", "aria-label": "Selection" },
    words, h("div", { class: "row" }, everything, go));
  function show() {
    const all = [...cards.values()].filter((card) => card.isThere).length;
    element.hidden = !all;
    words.textContent = chosen.size ? `${chosen.size} of ${count(all, "photo")} selected` : count(all, "photo");
    everything.textContent = chosen.size && chosen.size === Math.min(all, MAX_BATCH) ? "Select none" : "Select all";
    go.hidden = !chosen.size;
    element.classList.toggle("active", chosen.size > 0);
  }
  return { element, show };
}

function placeOf(product, imageId) {
  const image = product.images.find((one) => one.id === imageId);
  return { name: image?.original_filename ?? "A photo", address: `#/products/${product.id}/photos/${imageId}` };
}

async function edit(product, load) {
  const own = !product.category || CATEGORIES.includes(product.category) ? [] : [product.category];
  const words = [...CATEGORIES, ...own].map((word) => [word, title(word)]);
  const saved = await ask("Edit the product", {
    fields: [
      field("Title", h("input", { name: "title", required: true, maxlength: 500, value: product.title, autofocus: true })),
      field("Category", choice("category", [["", "None"], ...words], product.category ?? "")),
      field("Status", choice("status", PRODUCT_STATES.map((word) => [word, title(word)]), product.status)),
      field("Description", h("textarea", { name: "description", rows: 5 }, product.description ?? "")),
    ],
    button: "Save",
    submit: (form, signal) => patch(`/products/${product.id}`, changed(product, Object.fromEntries(form)), { signal }),
  });
  if (saved) await load();
}

// Only what was changed is sent: a category that is sent counts as the user's own.
function changed(product, said) {
  const wanted = { ...said, category: said.category || null, description: said.description || null };
  return Object.fromEntries(Object.entries(wanted).filter(([name, value]) => value !== product[name]));
}

async function erase(product) {
  const photos = count(product.images.length, "photo");
  const done = await ask("Delete this product?", {
    fields: [h("p", {}, `“${product.title}”, its ${photos} and all that was found in them will be gone for good.`)],
    button: "Delete", danger: true,
    submit: async (_, signal) => {
      await remove(`/products/${product.id}`, { signal });
      return true;
    },
  });
  if (!done) return;
  toast("The product is deleted.");
  go("#/products");
}
