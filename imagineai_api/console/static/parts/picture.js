// A stored picture: its link is asked for when it comes near the screen.

import { h } from "../dom.js";
import { forget, linkTo } from "../links.js";
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

/** An image of a picture; `words` say what it shows, "" where that is said beside it. */
export function picture(imageId, words, { width, height } = {}) {
  const image = h("img", { alt: words, decoding: "async", "data-image": imageId, width, height });
  near.observe(image);
  return image;
}

/** What stands where there is no picture. */
export const noPicture = () => h("span", { class: "no-picture" }, icon("photos"));

async function load(image, isSecond = false) {
  const url = await linkTo(image.dataset.image);
  if (!url) return image.replaceWith(noPicture());
  image.addEventListener("load", () => image.classList.add("shown"), { once: true });
  image.addEventListener("error", () => {
    forget(image.dataset.image);
    isSecond ? image.replaceWith(noPicture()) : load(image, true);
  }, { once: true });
  image.src = url;
}
