// As much Markdown as a model card uses: headings, paragraphs, lists, tables, code, bold, links. Made as elements.

import { h } from "../dom.js";

const INLINE = /`([^`]+)`|\*\*([^*]+)\*\*|\[([^\]]+)\]\((https?:[^)\s]+)\)/g;
const BLOCKS = [
  { begins: /^#{1,5} /, goesOn: () => false, make: heading },
  { begins: /^\|/, goesOn: (line) => line.startsWith("|"), make: table },
  { begins: /^[-*] /, goesOn: (line) => /^([-*] |\s+\S)/.test(line), make: list },
  { begins: /\S/, goesOn: (line) => line.trim() && !/^(#{1,5} |\||[-*] )/.test(line), make: paragraph },
];

/** Turn Markdown into elements; its first heading becomes one of this level. */
export function markdown(text, level) {
  const lines = text.split("\n");
  const made = [];
  while (lines.length) {
    const line = lines.shift();
    const kind = BLOCKS.find(({ begins }) => begins.test(line));
    if (!kind) continue;
    const block = [line];
    while (lines.length && kind.goesOn(lines[0])) block.push(lines.shift());
    made.push(kind.make(block, level));
  }
  return made;
}

function heading([line], level) {
  const depth = line.match(/^#+/)[0].length;
  return h(`h${Math.min(6, depth + level - 1)}`, {}, inline(line.slice(depth + 1)));
}

function paragraph(lines) {
  return h("p", {}, inline(lines.join(" ")));
}

function list(lines) {
  const items = [];
  for (const line of lines) {
    if (/^[-*] /.test(line)) items.push(line.slice(2));
    else items.push(`${items.pop()} ${line.trim()}`);
  }
  return h("ul", {}, items.map((item) => h("li", {}, inline(item))));
}

function table(lines) {
  const cells = (line) => line.replace(/^\||\|\s*$/g, "").split("|").map((cell) => inline(cell.trim()));
  const [head, , ...rows] = lines;
  return h("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, cells(head).map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, cells(row).map((cell) => h("td", {}, cell)))))));
}

function inline(text) {
  const made = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const [all, code, bold, words, address] = found;
    made.push(text.slice(end, found.index));
    if (code) made.push(h("code", {}, code));
    else if (bold) made.push(h("strong", {}, bold));
    else made.push(h("a", { href: address, target: "_blank", rel: "noreferrer" }, words));
    end = found.index + all.length;
  }
  return [...made, text.slice(end)];
}
