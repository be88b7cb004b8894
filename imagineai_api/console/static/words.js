// How the console says things: steps, states, numbers, times.

export const STEPS = ["preprocess", "classify", "extract_attributes", "detect_defects", "generate_description"];
export const STEP_NAMES = {
  preprocess: "Read",
  classify: "Recognise",
  extract_attributes: "Attributes",
  detect_defects: "Defects",
  generate_description: "Describe",
};
export const STATES = {
  pending: "waiting", running: "running", completed: "done", failed: "failed", skipped: "skipped",
  queued: "waiting", processing: "running", cancelled: "cancelled",
  draft: "draft", active: "active", archived: "archived",
};
export const CATEGORIES = [
  "electronics", "clothing", "footwear", "furniture", "jewelry", "toys", "sports", "home_garden", "automotive",
  "books", "other",
];
export const PRODUCT_STATES = ["draft", "processing", "active", "archived"];
export const COLORS = {
  black: "#1b1b1d", white: "#ffffff", gray: "#8c8c90", red: "#c9302c", orange: "#e8812b", yellow: "#f0c93a",
  green: "#3f8f4f", blue: "#2f63b8", purple: "#7a4bb0", pink: "#e58aae", brown: "#7a5236", beige: "#dcc8a6",
  multicolor: "conic-gradient(#c9302c, #f0c93a, #3f8f4f, #2f63b8, #7a4bb0, #c9302c)",
};

const whole = new Intl.NumberFormat("en");
const dates = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });
const ago = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const SPANS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

export const number = (value) => whole.format(value);
export const percent = (share) => `${Math.round(share * 100)} %`;
export const plain = (word) => word.replaceAll("_", " ");
export const title = (word) => plain(word).replace(/^./, (first) => first.toUpperCase());
export const count = (many, one, more = `${one}s`) => `${number(many)} ${many === 1 ? one : more}`;
export const date = (moment) => dates.format(new Date(moment));
export const state = (word) => title(STATES[word] ?? word);

/** 1234 ms reads "1.2 s". */
export const duration = (ms) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

/** "3 minutes ago", a date from the second day on. */
export function since(moment) {
  const seconds = (Date.now() - new Date(moment)) / 1000;
  const [unit, length] = SPANS.find(([, one]) => seconds >= one) ?? ["second", 1];
  if (unit === "day" && seconds > 2 * length) return date(moment);
  return unit === "second" ? "just now" : ago.format(-Math.floor(seconds / length), unit);
}

/** 2500000 bytes read "2.5 MB". */
export function size(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
