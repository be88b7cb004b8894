// Charts in SVG. Each has its numbers as words beside or behind it, so none is needed to understand the page.

import { h, svg } from "../dom.js";
import { number } from "../words.js";

const ROW = 34;

/** Horizontal bars: `[name, value, words?]` each; the largest fills its track, unless another end is named. */
export function bars(rows, label, end = 0) {
  const most = Math.max(...rows.map(([, value]) => value), 1e-9);
  const full = end || most;
  return h("ul", { class: "bars", "aria-label": label }, rows.map(([name, value, words]) =>
    h("li", {},
      h("span", { class: "bars-name" }, name),
      svg("svg", { class: "bars-bar", viewBox: "0 0 100 6", preserveAspectRatio: "none", "aria-hidden": "true" },
        svg("rect", { class: "track", width: 100, height: 6, rx: 3 }),
        svg("rect", { class: value === most ? "share most" : "share", height: 6, rx: 3,
          width: Math.max(1, (value / full) * 100) })),
      h("span", { class: "bars-value" }, words ?? number(value)))));
}

/** A ring of shares: `[name, value]` each, in the order of the colours `ring-0` to `ring-4`. */
export function ring(rows, label, middle) {
  const total = rows.reduce((sum, [, value]) => sum + value, 0);
  let before = 0;
  const arcs = rows.map(([, value], index) => {
    const share = total ? (value / total) * 100 : 0;
    const arc = svg("circle", { class: `arc ring-${index}`, cx: 21, cy: 21, r: 15.9155,
      "stroke-dasharray": `${share} ${100 - share}`, "stroke-dashoffset": 25 - before });
    before += share;
    return share ? arc : null;
  });
  return h("div", { class: "ring" },
    svg("svg", { viewBox: "0 0 42 42", "aria-hidden": "true" },
      svg("circle", { class: "arc track", cx: 21, cy: 21, r: 15.9155 }), arcs,
      svg("text", { x: 21, y: 22.5, class: "ring-middle" }, number(total)),
      svg("text", { x: 21, y: 26.6, class: "ring-words" }, middle)),
    h("ul", { class: "legend", "aria-label": label }, rows.map(([name, value], index) =>
      h("li", {}, h("span", { class: `key ring-${index}` }), name, h("strong", {}, number(value))))));
}

/** Columns over time: `{name, value, part, state}` each; `part` of the value was reached. */
export function columns(rows, label) {
  const most = Math.max(...rows.map(({ value }) => value), 4);
  const width = 100 / rows.length;
  const frame = { class: "columns", viewBox: `0 0 100 ${ROW}`, preserveAspectRatio: "none" };
  return svg("svg", { ...frame, role: "img", "aria-label": label },
    rows.map(({ value, part, state }, index) => {
      const x = index * width + width * 0.3;
      const bar = (many, name) => svg("rect", { class: name, x, width: width * 0.4, rx: 0.5,
        y: ROW - Math.max(0.6, (many / most) * ROW), height: Math.max(0.6, (many / most) * ROW) });
      return [bar(value, "track"), bar(part, `share ${state}`)];
    }));
}
