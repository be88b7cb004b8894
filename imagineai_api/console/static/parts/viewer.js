// A photo with the defects drawn on it, and the threshold that says which of them are shown.

import { fill, h, svg } from "../dom.js";
import { percent, title } from "../words.js";
import { fullPicture, noPicture } from "./picture.js";

/** Build the viewer: the photo, the slider, and the list of defects. `show(analysis)` brings it up to date. */
export function viewer(image) {
  const width = image.width ?? 1;
  const height = image.height ?? 1;
  const layer = svg("svg", { class: "boxes", viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const list = h("ul", { class: "defects", "aria-label": "Defects" });
  const said = h("p", { class: "hint", role: "status" });
  const output = h("output", { for: "threshold" });
  const slider = h("input", { id: "threshold", type: "range", min: 0, max: 100, step: 1, value: 0, input: apply });
  const control = h("div", { class: "threshold", hidden: true },
    h("label", { for: "threshold" }, "Show defects from a confidence of"), output, slider);
  let defects = [];

  function apply() {
    const least = Number(slider.value) / 100;
    const shown = defects.filter(({ found }) => found.confidence >= least);
    for (const { found, box, item } of defects) {
      const isShown = found.confidence >= least;
      box.classList.toggle("gone", !isShown);
      item.hidden = !isShown;
    }
    output.textContent = percent(least);
    slider.setAttribute("aria-valuetext", percent(least));
    said.textContent = sentence(shown.length, defects.length);
  }

  function show(analysis) {
    defects = analysis.detected_defects.map((found, index) => drawn(found, index + 1, Math.max(width, height)));
    fill(layer, defects.map(({ box }) => box));
    fill(list, defects.map(({ item }) => item));
    control.hidden = !defects.length;
    apply();
    if (!defects.length) said.textContent = analysis.status === "completed" ? "No defects were found." : "";
  }

  const isThere = image.upload_status === "uploaded";
  const frame = h("div", { class: "frame", vars: { "--ratio": `${width} / ${height}`, "--wide": width / height } },
    isThere ? fullPicture(image.id, image.original_filename, { width, height }) : noPicture(), layer);
  return { frame, findings: h("div", { class: "stack" }, control, said, list), show };
}

function drawn(found, place, side) {
  const { x, y, width, height } = found.bounding_box;
  const unit = side / 36;
  const box = svg("g", { class: "box", "data-severity": found.severity },
    svg("rect", { x, y, width, height, rx: unit / 6 }),
    svg("circle", { cx: x, cy: y, r: unit * 0.8 }),
    svg("text", { x, y: y + unit * 0.34, "font-size": unit }, String(place)));
  const light = (isOn) => () => box.classList.toggle("lit", isOn);
  const [on, off] = [light(true), light(false)];
  const item = h("li", { tabindex: "0", mouseenter: on, mouseleave: off, focus: on, blur: off },
    h("span", { class: "place", "data-severity": found.severity }, String(place)),
    h("div", {}, h("strong", {}, title(found.defect_type)), h("span", { class: "muted" }, ` · ${found.severity} severity`),
      h("p", {}, found.description)),
    h("span", { class: "figure" }, percent(found.confidence)));
  return { found, box, item };
}

function sentence(shown, all) {
  if (shown === all) return all === 1 ? "1 defect was found." : `${all} defects were found.`;
  return `${shown} of ${all} defects shown; the others are less certain.`;
}
