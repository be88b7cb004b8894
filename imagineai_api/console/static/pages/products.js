// Products as pictures: searched, filtered, loaded as they are scrolled to.

import { get, post } from "../api.js";
import { fill, h } from "../dom.js";
import { CARD, linkTo } from "../links.js";
import { chip } from "../parts/chip.js";
import { ask, choice, field } from "../parts/dialog.js";
import { chooser, dropAnywhere, invitation } from "../parts/dropzone.js";
import { exportAll } from "../parts/exporter.js";
import { icon } from "../parts/icons.js";
import { importFile, isImportable } from "../parts/importer.js";
import { noPicture, picture } from "../parts/picture.js";
import { complain } from "../parts/toast.js";
import { uploadList } from "../parts/uploads.js";
import { go, rename } from "../router.js";
import { CATEGORIES, count, PRODUCT_STATES, title } from "../words.js";
import { hasEnded, onChange, upload } from "../work.js";

const PAGE_SIZE = 24;
const FILTERS = ["search", "category", "status"];
const TYPING_MS = 250;
const NEAR = "900px";
const GATHER_MS = 400;
const FIRST = "They become your first product. Each photo is looked at within a second or so: what it shows,"
  + " its colours, its defects, and a description.";

let left = { address: null, count: 0, y: 0 };

export async function show({ main, query, signal }) {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  const grid = h("ul", { class: "grid", "aria-label": "Products" });
  const total = h("p", { class: "muted", role: "status" });
  const end = h("div", { class: "end" });
  const empty = h("div", {});
  const add = (files) => {
    const table = [...files].find(isImportable);
    const note = files.length > 1 ? `Only ${table?.name} is taken: an import is one file.` : "";
    (table ? importFile(table, note) : newProduct(files)).catch(complain);
  };
  fill(main,
    h("header", { class: "head" },
      h("div", {}, h("h1", {}, "Products"), total),
      h("div", { class: "row" },
        h("button", { class: "button quiet", type: "button", click: () => importFile() }, icon("up"), "Import"),
        h("button", { class: "button quiet", type: "button", click: exportAll }, icon("down"), "Export"),
        h("button", { class: "button", type: "button", click: () => add([]) }, icon("plus"), "New product"))),
    filterBar(filters, () => begin()), uploadList(null, signal), grid, empty, end);
  dropAnywhere(add, signal, "Drop photos to make a product of them");

  let loading = null;
  const more = new IntersectionObserver(([entry]) => entry.isIntersecting && loading?.next(), { rootMargin: NEAR });
  more.observe(end);
  signal.addEventListener("abort", () => more.disconnect());

  function begin() {
    loading?.stop();
    rename(address(filters));
    loading = pages(filters, signal, ({ items, total: all, isFirst }) => {
      if (isFirst) {
        fill(grid);
        total.textContent = all ? count(all, "product") : "";
        fill(empty, all ? null : nothing(filters, add));
      }
      grid.append(...items.map(card));
      left = { address: address(filters), count: grid.children.length, y: 0 };
      // What is still in sight has not been left, so the observer would not call again by itself.
      more.unobserve(end);
      more.observe(end);
    });
    return loading.next();
  }

  /** What uploads and jobs changed lies on the first page: the newest products. */
  let gathering = null;
  onChange(({ upload: sent, job }) => {
    if (!sent?.imageId && !(job && hasEnded(job))) return;
    clearTimeout(gathering);
    gathering = setTimeout(() => renew().catch(complain), GATHER_MS);
  }, signal);

  async function renew() {
    const { items } = await get("/products", { ...filters, page_size: PAGE_SIZE }, { signal });
    for (const item of items) grid.querySelector(`[data-product="${item.id}"]`)?.replaceWith(card(item));
  }

  // Whoever comes back finds the list as it was left.
  const back = left.address === address(filters) ? left : { count: 0, y: 0 };
  signal.addEventListener("abort", () => { left.y = lastY; });
  let lastY = 0;
  addEventListener("scroll", () => { lastY = scrollY; }, { signal, passive: true });
  await begin();
  while (grid.children.length < back.count && (await loading.next()));
  return back.y;
}

/** Load page after page; `next()` says whether one came, and asks once however many call at a time. */
function pages(filters, signal, take) {
  let page = 0;
  let last = Infinity;
  let running = null;
  async function load() {
    if (page >= last) return false;
    try {
      const answer = await get("/products", { ...filters, page: page + 1, page_size: PAGE_SIZE }, { signal });
      if (page >= last) return false;
      page += 1;
      last = answer.pages;
      take({ ...answer, isFirst: page === 1 });
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      if (page === 0) throw error;
      complain(error);
      return false;
    }
  }
  return {
    stop: () => { last = 0; },
    next: () => running ??= load().finally(() => { running = null; }),
  };
}

function filterBar(filters, change) {
  let typing = null;
  const set = (name) => (event) => {
    filters[name] = event.target.value;
    clearTimeout(typing);
    typing = setTimeout(() => change().catch(complain), name === "search" ? TYPING_MS : 0);
  };
  const search = h("input", {
    type: "search", value: filters.search, placeholder: "Search title and description", "aria-label": "Search products",
    input: set("search"),
  });
  const own = CATEGORIES.includes(filters.category) || !filters.category ? [] : [filters.category];
  const words = [...CATEGORIES, ...own].map((word) => [word, title(word)]);
  const category = choice("category", [["", "Every category"], ...words], filters.category,
    { "aria-label": "Category", change: set("category") });
  const status = choice("status", [["", "Every status"], ...PRODUCT_STATES.map((word) => [word, title(word)])],
    filters.status, { "aria-label": "Status", change: set("status") });
  return h("search", { class: "filters" }, h("span", { class: "search" }, icon("search"), search), category, status);
}

function card(product) {
  const main = product.images.find((image) => image.is_primary && image.upload_status === "uploaded")
    ?? product.images.find((image) => image.upload_status === "uploaded");
  if (main) linkTo(main.id, CARD); // those of a page are asked for together
  return h("li", { class: "card", "data-product": product.id },
    h("a", { href: `#/products/${product.id}` },
      h("span", { class: "thumb" }, main ? picture(main.id, "") : noPicture(),
        product.images.length > 1 ? h("span", { class: "badge" }, icon("photos"), String(product.images.length)) : null),
      h("strong", { class: "card-title" }, product.title)),
    h("p", { class: "card-facts" }, h("span", {}, product.category ? title(product.category) : "No category"),
      product.status === "active" ? null : chip(product.status)));
}

function nothing(filters, add) {
  if (filters.search || filters.category || filters.status) {
    return h("section", { class: "empty" }, h("h2", {}, "Nothing matches"),
      h("p", {}, "No product has these words, this category and this status. Fewer of them find more."),
      h("a", { class: "button quiet", href: "#/products?" }, "Show all products"));
  }
  return invitation("Drop photos here", FIRST, add);
}

/** Ask for a new product and send it its photos. */
async function newProduct(files) {
  const photos = [...files];
  const suggested = photos[0] ? nameOf(photos[0]) : "";
  const name = h("input", { name: "title", required: true, maxlength: 500, value: suggested, autofocus: true });
  const chosen = h("p", { class: "hint" });
  const each = h("label", { class: "check" },
    h("input", { type: "checkbox", name: "each" }), "One product for each photo, named after its file");
  const told = () => {
    const many = count(photos.length, "photo");
    chosen.textContent = photos.length ? `${many} will be sent.` : "Photos can be added now or later.";
    each.hidden = photos.length < 2;
  };
  told();
  const choose = chooser("Choose photos", (more) => {
    photos.push(...more);
    name.value ||= nameOf(photos[0]);
    told();
  }, "button quiet");
  const words = CATEGORIES.map((word) => [word, title(word)]);
  const category = choice("category", [["", "As found in the photos"], ...words], "");
  const made = [];
  const only = await ask("New product", {
    fields: [field("Title", name), field("Category", category),
      field("Description", h("textarea", { name: "description", rows: 3 }), "Optional; the search finds its words"),
      h("div", { class: "row" }, choose, chosen), each],
    button: "Create product",
    submit: (form, signal) => create(form, photos, made, signal),
  });
  if (only) go(`#/products/${only}`);
  else if (made.length) dispatchEvent(new HashChangeEvent("hashchange")); // also those made before it was left
}

/** Make one product and give its id, or one for each photo; `made` takes the ids. */
async function create(form, photos, made, signal) {
  const about = { category: form.get("category") || null, description: form.get("description").trim() || null };
  async function makeFor(files, called) {
    const product = await post("/products", { title: called, ...about }, { signal });
    signal.throwIfAborted();
    made.push(product.id);
    upload(product.id, files);
  }
  if (!form.get("each")) {
    await makeFor(photos, form.get("title"));
    return made.at(-1);
  }
  while (photos.length) { // what was made is not made again by a second press
    await makeFor([photos[0]], nameOf(photos[0]));
    photos.shift();
  }
  return null;
}

const nameOf = (file) => {
  const words = file.name.replace(/\.\w+$/, "").replace(/[_-]+/g, " ").trim() || "Product";
  return words[0].toUpperCase() + words.slice(1);
};

function address(filters) {
  const said = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  return said.size ? `#/products?${said}` : "#/products";
}
