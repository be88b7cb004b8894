// Small functions that make elements. Text is always text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg";

/** Make an HTML element. Properties that are functions are listeners; `vars` sets style properties. */
export function h(tag, properties = {}, ...children) {
  return filled(document.createElement(tag), properties, children);
}

/** Make an SVG element. */
export function svg(tag, properties = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), properties, children);
}

/** Replace what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...kept(children));
  return element;
}

/** Words for screen readers alone. */
export const hidden = (words) => h("span", { class: "unseen" }, words);

/** Move the focus to a heading, where no Tab leads. */
export function focusOn(heading) {
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

function filled(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.replace(/^on/, ""), value);
    else if (name === "vars") for (const [key, one] of Object.entries(value)) element.style.setProperty(key, one);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...kept(children));
  return element;
}

const kept = (children) => children.flat(Infinity).filter((child) => child || child === 0);
