// The model that answers, and its card.

import { get } from "../api.js";
import { fill, h } from "../dom.js";
import { markdown } from "../parts/markdown.js";
import { failure, pairs, panel } from "../parts/panel.js";
import { date, number } from "../words.js";

export async function show({ main, signal }) {
  const [models, card] = await Promise.all([
    get("/models", {}, { signal }),
    get("/models/card", {}, { signal }).catch((error) => ({ problem: error.message })),
  ]);
  const { name, champion, previous, problem } = models;
  fill(main,
    h("header", { class: "head" }, h("div", {}, h("h1", {}, "Model"),
      h("p", { class: "muted" }, champion ? `${name}, version ${champion.version}, answers.` : "No model answers yet."))),
    problem ? failure("The registry is not followed", h("p", { role: "alert" }, problem)) : null,
    h("div", { class: "two" }, version("It answers", champion), version("Before it", previous)),
    h("section", { class: "panel card-text", "aria-label": "Model card" },
      card.markdown ? markdown(card.markdown, 2) : h("p", { class: "muted" }, card.problem)));
}

function version(title, model) {
  if (!model) return null;
  return panel(title, pairs([
    ["Version", model.version],
    ["Since", date(model.since)],
    ["Labels", number(model.labels)],
    ["Runs on", model.device.toUpperCase()],
    ["MLflow run", code(model.run_id)],
    ["Commit", code(model.git_commit?.slice(0, 12))],
    ["SHA-256", code(model.bundle_sha256)],
  ]));
}

const code = (value) => value ? h("code", {}, value) : null;
