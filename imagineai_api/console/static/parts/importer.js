// Many products at once: a file that was chosen or dropped goes to the storage, and its import is started.

import { post, put } from "../api.js";
import { h } from "../dom.js";
import { go } from "../router.js";
import { size } from "../words.js";
import { ask, field } from "./dialog.js";

const TYPES = ".csv,.zip";
const WHAT = "A zip of photos, a folder in it for each product; or a CSV with the columns title and image, and where"
  + " wanted description, category and key, in a zip with its photos or with photos that lie in your folder in S3.";
const EARLIER = "Earlier imports";

/** Whether a file is one that an import is made of. */
export const isImportable = (file) => /\.(csv|zip)$/i.test(file.name);

/** Ask for a file, one may be given with something to say of it; leads to its import once that is started. */
export async function importFile(given = null, note = "") {
  const bytes = h("progress", { class: "bytes", max: 1, value: 0, "aria-label": "Sending", hidden: true });
  const said = h("p", { class: "hint", role: "status" }, note);
  const input = h("input", { type: "file", name: "file", accept: TYPES, required: true, autofocus: true });
  if (given) input.files = listOf(given);
  const progress = (sent, total) => {
    bytes.hidden = false;
    bytes.value = sent / total;
    said.textContent = `${size(sent)} of ${size(total)} sent`;
  };
  const earlier = h("a", { href: "#/activity/imports", click: (event) => event.target.closest("dialog").close() }, EARLIER);
  const made = await ask("Import products", {
    fields: [field("File", input, WHAT), bytes, said, h("p", {}, earlier)],
    button: "Import",
    submit: (form, signal) => sendAndStart(form.get("file"), { signal, progress }),
  });
  if (made) go(`#/activity/imports/${made}`);
}

async function sendAndStart(file, options) {
  const made = await post("/imports", { filename: file.name, file_size_bytes: file.size });
  try {
    await put(made.upload_url, file, made.content_type, options);
    await post(`/imports/${made.id}/start`, undefined, { signal: options.signal });
  } catch (error) {
    // Another try is another import. Where this one cannot be told so, it lapses by itself.
    await post(`/imports/${made.id}/cancel`).catch(() => {});
    throw error;
  }
  return made.id;
}

function listOf(file) {
  const data = new DataTransfer();
  data.items.add(file);
  return data.files;
}
