// What is around every page: the way to the other pages, who is signed in, the operators' pages.

import { get, signOut } from "../api.js";
import { fill, h } from "../dom.js";
import * as session from "../session.js";
import { icon, mark } from "./icons.js";
import { toast } from "./toast.js";

const PLACES = [
  ["products", "Products"],
  ["activity", "Activity"],
  ["dashboard", "Dashboard"],
  ["model", "Model"],
];

/** Build the frame; gives a function that makes the element which a page fills. */
export function shell(root) {
  const main = h("main", { id: "main", tabindex: "-1" });
  let frame = null;
  session.onEnd(() => { frame = null; });
  return (place, isOpen) => {
    if (isOpen) {
      frame = null;
      root.className = "outside";
      fill(root, fill(main));
    } else {
      frame ??= build(root, main);
      frame(place);
      fill(main);
    }
    return main;
  };
}

function build(root, main) {
  const links = PLACES.map(([place, name]) =>
    [place, h("a", { href: `#/${place}` }, icon(place), h("span", {}, name))]);
  const name = h("span", { class: "who" });
  get("/auth/me").then((me) => fill(name, me.full_name)).catch(() => fill(name, "Signed in"));
  root.className = "inside";
  fill(root,
    h("button", { class: "skip", type: "button", click: () => main.focus() }, "Skip to the page"),
    h("header", { class: "side" },
      h("a", { class: "brand", href: "#/products" }, mark(), "ImagineAI"),
      h("nav", { class: "places", "aria-label": "Pages" }, links.map(([, link]) => link)),
      operators(),
      h("div", { class: "account" }, name,
        h("button", { class: "icon-button", type: "button", title: "Sign out", "aria-label": "Sign out",
          click: leave }, icon("out")))),
    main);
  return (place) => links.forEach(([here, link]) =>
    here === place ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));
}

const leave = () => signOut().catch((error) =>
  toast(`You are signed out here, but the service was not told: ${error.message}`, true));

// The service names those that this visitor may see in the page's head.
function operators() {
  const pages = [...document.head.querySelectorAll('link[rel="related"]')];
  if (!pages.length) return null;
  return h("nav", { class: "operators", "aria-label": "For operators" },
    h("p", {}, "For operators"),
    pages.map((page) => h("a", { href: page.href, target: "_blank", rel: "noreferrer" }, page.title, icon("away"))));
}
