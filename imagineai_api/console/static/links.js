// Where pictures can be read: links for many pictures at once, kept until shortly before they lapse.

import { get } from "./api.js";
import * as session from "./session.js";

const AT_ONCE = 100;
const EARLY_S = 60;
const GATHER_MS = 30;
/** How long to wait for small pictures that are being made, and how often: all of them are asked for together. */
const AGAIN_MS = 1000;
const TRIES = 40;

/** The size that is sharp on a card. */
export const CARD = devicePixelRatio > 1.3 ? "medium" : "small";

const known = new Map();
const asked = new Map();
const gathering = new Map();
let later = [];

session.onEnd(() => known.clear());

/** Give the address of a picture in a size (full, medium, small), null where there is none to read. */
export function linkTo(imageId, size) {
  const key = `${size}/${imageId}`;
  const found = known.get(key);
  if (found && found.until > Date.now()) return Promise.resolve(found.url);
  if (!asked.has(key)) {
    const promise = { imageId, size, tries: 0 };
    promise.made = new Promise((resolve) => { promise.resolve = resolve; });
    asked.set(key, promise);
    gather(size);
  }
  return asked.get(key).made;
}

/** Forget a link that did not work. */
export const forget = (imageId, size) => known.delete(`${size}/${imageId}`);

function gather(size) {
  if (!gathering.has(size)) gathering.set(size, setTimeout(ask, GATHER_MS, size));
}

async function ask(size) {
  gathering.delete(size);
  const waiting = [...asked.values()].filter((one) => one.size === size && !one.sent);
  const now = waiting.slice(0, AT_ONCE);
  for (const one of now) one.sent = true;
  if (waiting.length > now.length) gather(size);
  const links = await get("/pictures", { image_id: now.map((one) => one.imageId), size }).catch(() => []);
  const told = new Map(links.map((link) => [link.image_id, link]));
  for (const one of now) settle(one, told.get(one.imageId));
}

function settle(one, link) {
  const isComing = link && !link.url;
  if (isComing && one.tries < TRIES && session.signedIn()) {
    one.tries += 1;
    later.push(one);
    if (later.length === 1) setTimeout(askAgain, AGAIN_MS);
    return;
  }
  const key = `${one.size}/${one.imageId}`;
  if (link?.url) known.set(key, { url: link.url, until: Date.now() + (link.expires_in - EARLY_S) * 1000 });
  asked.delete(key);
  one.resolve(link?.url ?? null);
}

function askAgain() {
  for (const one of later) {
    one.sent = false;
    gather(one.size);
  }
  later = [];
}
