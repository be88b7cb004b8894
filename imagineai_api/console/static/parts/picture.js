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
  const isShown = url && (await (size === "full" ? replaced(image, url) : read(image, url)));
  if (isShown) return;
  forget(id, size);
  url && !isSecond ? load(image, true) : image.replaceWith(noPicture(image.alt));
}

async function preview(image, id) {
  const url = await linkTo(id, "medium");
  if (url && !image.src) read(image, url);
}

/** Read a picture into its place; says whether it could be. */
function read(image, url) {
  return new Promise((resolve) => {
    image.addEventListener("load", () => {
      image.classList.add("shown");
      resolve(true);
    }, { once: true });
    image.addEventListener("error", () => resolve(false), { once: true });
    image.src = url;
  });
}

/** Read and decode a large picture beside the page, so that it takes the smaller one's place at once. */
async function replaced(image, url) {
  const large = new Image();
  large.src = url;
  const isReadable = await large.decode().then(() => true, () => false);
  return isReadable && read(image, url);
}
