// What is around every page: the way to the other pages, who is signed in, the operators' page.

import { me, signOut } from "../api.js";
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
  const related = h("div", { class: "related" });
  fill(related, operators());
  me().then((who) => {
    fill(name, who.full_name);
    fill(related, operators(who.operators));
  }).catch(() => fill(name, "Signed in"));
  root.className = "inside";
  fill(root,
    h("button", { class: "skip", type: "button", click: () => main.focus() }, "Skip to the page"),
    h("header", { class: "side" },
      h("a", { class: "brand", href: "#/products" }, mark(), "ImagineAI"),
      h("nav", { class: "places", "aria-label": "Pages" }, links.map(([, link]) => link)),
      related,
      h("div", { class: "account" }, name,
        h("button", { class: "icon-button", type: "button", title: "Sign out", "aria-label": "Sign out",
          click: leave }, icon("out")))),
    main);
  return (place) => links.forEach(([here, link]) =>
    here === place ? link.setAttribute("aria-current", "page") : link.removeAttribute("aria-current"));
}

const leave = () => signOut().catch((error) =>
  toast(`You are signed out here, but the service was not told: ${error.message}`, true));

// The page's head names the API's documentation in development; the service names an admin the operators' page.
function operators(address) {
  const pages = [...document.head.querySelectorAll('link[rel="related"]')].map(({ title, href }) => [title, href]);
  if (address) pages.push(["Operators' page", address]);
  if (!pages.length) return null;
  return h("nav", { class: "operators", "aria-label": "For operators" },
    h("p", {}, "For operators"),
    pages.map(([title, href]) => h("a", { href, target: "_blank", rel: "noreferrer" }, title, icon("away"))));
}
