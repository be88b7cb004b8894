// Icons, drawn here: strokes on a 24 by 24 grid, in the colour of the text. They say nothing to screen readers.

import { svg } from "../dom.js";

const DRAWN = {
  products: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  activity: "M3 12h4l3-7 4 14 3-7h4",
  dashboard: "M5 20v-6M12 20V5M19 20v-9",
  model: "M12 3l8 4.5v9L12 21l-8-4.5v-9zM4 7.5l8 4.5 8-4.5M12 12v9",
  plus: "M12 5v14M5 12h14",
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5L20 20",
  photos: "M4 7h13v12H4zM7.5 4H20v12M4 16l4-4 3 3 2-2 4 4",
  check: "M5 12.5l4.5 4.5L19 7.5",
  cross: "M6 6l12 12M18 6L6 18",
  dash: "M7 12h10",
  again: "M20 11a8 8 0 1 0-2.3 6.2M20 5v6h-6",
  stop: "M7 7h10v10H7z",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  edit: "M4 20l1-4L16.5 4.5l3 3L8 19zM14 7l3 3",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  back: "M14 6l-6 6 6 6",
  forward: "M10 6l6 6-6 6",
  out: "M10 5H5v14h5M14 8l4 4-4 4M18 12H9",
  away: "M14 5h5v5M19 5l-8 8M17 14v5H5V7h5",
  up: "M12 15V4M7 8.5L12 3.5l5 5M5 20h14",
  down: "M12 4v11M7 10.5l5 5 5-5M5 20h14",
  warning: "M12 4l9 16H3zM12 10v4.5M12 17.2v.3",
};

/** Draw an icon. */
export function icon(name) {
  return svg("svg", { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: DRAWN[name] }));
}

/** The mark of ImagineAI: a viewfinder that has found something. */
export function mark() {
  return svg("svg", { class: "mark", viewBox: "0 0 32 32", "aria-hidden": "true", focusable: "false" },
    svg("rect", { width: 32, height: 32, rx: 9 }),
    svg("path", { d: "M9 12V9h3M20 9h3v3M23 20v3h-3M12 23H9v-3" }),
    svg("circle", { cx: 16, cy: 16, r: 3.2 }));
}
