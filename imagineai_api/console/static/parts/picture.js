// A stored picture: its link is asked for when it comes near the screen.

import { h } from "../dom.js";
import { CARD, forget, linkTo } from "../links.js";
import { icon } from "./icons.js";

const NEAR = "600px";

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) {
    if (isIntersecting) {
      near.unobserve(target);
      load(target);
    }
  }
}, { rootMargin: NEAR });

/** A small image of a picture; `words` say what it shows, "" where that is said beside it. */
export const picture = (imageId, words) => observed(imageId, words, CARD);

/** An image of a picture as it was uploaded; until that is there, a smaller one. */
export const fullPicture = (imageId, words, { width, height }) => observed(imageId, words, "full", { width, height });

/** What stands where there is no picture. */
export const noPicture = (words = "") =>
  h("span", { class: "no-picture", role: words ? "img" : null, "aria-label": words || null }, icon("photos"));

function observed(imageId, words, size, measures = {}) {
  const image = h("img", { alt: words, decoding: "async", "data-image": imageId, "data-size": size, ...measures });
  near.observe(image);
  return image;
}

async function load(image, isSecond = false) {
  const { image: id, size } = image.dataset;
  if (size === "full" && !isSecond) preview(image, id);
  const url = await linkTo(id, size);
  if (url && (await isReadable(url))) return show(image, url);
  forget(id, size);
  url && !isSecond ? load(image, true) : image.replaceWith(noPicture(image.alt));
}

async function preview(image, id) {
  const url = await linkTo(id, "medium");
  if (url && !image.src) show(image, url);
}

function show(image, url) {
  image.src = url;
  image.classList.add("shown");
}

/** Read and decode a picture beside the page, so that it replaces what is shown at once. */
async function isReadable(url) {
  const read = new Image();
  read.src = url;
  return read.decode().then(() => true, () => false);
}
