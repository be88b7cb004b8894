// Which page an address shows. Addresses live behind #, so that every path but / stays what the API says it is.

import { fill, focusOn, h } from "./dom.js";
import * as session from "./session.js";
import { isOver, uploadsOf } from "./work.js";

const ID = "([0-9a-f-]{36})";
const PAGES = [
  ["sign-in", () => import("./pages/sign.js"), "signIn", "open"],
  ["sign-up", () => import("./pages/sign.js"), "signUp", "open"],
  ["products", () => import("./pages/products.js"), "show"],
  [`products/${ID}`, () => import("./pages/product.js"), "show"],
  [`products/${ID}/photos/${ID}`, () => import("./pages/photo.js"), "show"],
  ["activity", () => import("./pages/activity.js"), "show"],
  ["activity/imports", () => import("./pages/imports.js"), "show"],
  [`activity/imports/${ID}`, () => import("./pages/import.js"), "show"],
  [`activity/${ID}`, () => import("./pages/job.js"), "show"],
  ["dashboard", () => import("./pages/dashboard.js"), "show"],
  ["model", () => import("./pages/model.js"), "show"],
];
const HOME = "#/products";
const NOT_LOADED = "This page could not be loaded. Check the connection, then try again.";

let leaving = new AbortController();
let wanted = "";

/** Go somewhere. */
export const go = (address) => { location.hash = address; };

/** Change the address without showing the page again. */
export const rename = (address) => history.replaceState(null, "", address);

/** Show pages from now on; `frame(page)` gives the element that a page fills. */
export function start(frame) {
  const show = () => render(frame);
  addEventListener("hashchange", show);
  session.onEnd((why) => {
    if (!location.hash.startsWith("#/sign-")) wanted = location.hash;
    leaveNote(why);
    location.hash === "#/sign-in" ? show() : go("#/sign-in");
  });
  return show();
}

/** Where to go after signing in. */
export function goOn() {
  const next = wanted || HOME;
  wanted = "";
  go(next);
}

let note = "";
const leaveNote = (words) => { note = words; };
export const takeNote = () => [note, (note = "")][0];

async function render(frame) {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const tried = PAGES.map(([pattern, ...rest]) => [new RegExp(`^${pattern}$`).exec(path), ...rest]);
  const found = tried.find(([match]) => match);
  if (!found) return go(session.signedIn() ? HOME : "#/sign-in");
  const [match, load, name, isOpen] = found;
  if (!isOpen && !session.signedIn()) {
    wanted = location.hash;
    return go("#/sign-in");
  }
  if (isOpen && session.signedIn()) return go(HOME);
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const main = frame(path.split("/")[0], Boolean(isOpen));
  let y = 0;
  const again = async () => {
    const isLoaded = await load().then(() => true, () => false);
    if (!isLoaded && await mayBeLoadedAnew()) location.reload();
    else await render(frame);
  };
  try {
    const page = await load().catch((error) => { throw new Error(NOT_LOADED, { cause: error }); });
    if (signal.aborted) return;
    y = await page[name]({ main, ids: match.slice(1), query: new URLSearchParams(query), signal });
  } catch (error) {
    if (signal.aborted) return;
    fill(main, problem(error, again));
  }
  if (signal.aborted) return;
  const title = main.querySelector("h1");
  document.title = title ? `${title.textContent} · ImagineAI` : "ImagineAI";
  arrive(title, y ?? 0);
}

// Some browsers remember that a module could not be fetched until the document is loaded anew; nothing is sent on then.
async function mayBeLoadedAnew() {
  const isThere = await fetch("/health", { cache: "no-store" }).then((answer) => answer.ok, () => false);
  return isThere && uploadsOf(null).every((one) => one.job || isOver(one));
}

function arrive(title, y) {
  scrollTo(0, y);
  if (!title || document.activeElement?.matches("input, textarea, [autofocus]")) return;
  focusOn(title);
}

function problem(error, again) {
  const isMissing = error.status === 404;
  return h("section", { class: "empty" },
    h("h1", {}, isMissing ? "Not here" : "That did not work"),
    h("p", {}, error.message),
    h("div", { class: "row centred" },
      isMissing ? null : h("button", { class: "button", type: "button", click: again }, "Try again"),
      h("a", { class: isMissing ? "button" : "button quiet", href: HOME }, "All products")));
}
