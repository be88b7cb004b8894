// Where pictures can be read: links for many pictures at once, kept until shortly before they lapse.

import { get } from "./api.js";
import * as session from "./session.js";

const AT_ONCE = 100;
const EARLY_S = 60;
const GATHER_MS = 15;

const known = new Map();
const asked = new Map();
let gathering = null;

session.onEnd(() => known.clear());

/** Give the address of a picture, null where there is none to read. */
export function linkTo(imageId) {
  const found = known.get(imageId);
  if (found && found.until > Date.now()) return Promise.resolve(found.url);
  if (!asked.has(imageId)) {
    const promise = {};
    promise.made = new Promise((resolve) => { promise.resolve = resolve; });
    asked.set(imageId, promise);
    gathering ??= setTimeout(ask, GATHER_MS);
  }
  return asked.get(imageId).made;
}

/** Forget a link that did not work. */
export const forget = (imageId) => known.delete(imageId);

async function ask() {
  gathering = null;
  const ids = [...asked.keys()].filter((id) => !asked.get(id).sent).slice(0, AT_ONCE);
  for (const id of ids) asked.get(id).sent = true;
  if ([...asked.values()].some((one) => !one.sent)) gathering = setTimeout(ask, GATHER_MS);
  const links = await get("/pictures", { image_id: ids }).catch(() => []);
  for (const { image_id, url, expires_in } of links) {
    known.set(image_id, { url, until: Date.now() + (expires_in - EARLY_S) * 1000 });
  }
  for (const id of ids) {
    asked.get(id).resolve(known.get(id)?.url ?? null);
    asked.delete(id);
  }
}
