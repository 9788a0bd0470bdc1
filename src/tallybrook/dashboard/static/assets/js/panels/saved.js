// Saved queries in the order of their categories; a press puts one into the console with its parameters.
import { allowed } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { words } from "./entity_words.js";

const TYPES = { integer: "number", double: "number", boolean: "boolean" };

/** `choose(query, presets)` is called with the query that was picked; `presets` as parameters take them. */
export function savedQueries(choose) {
  const box = byId("saved");
  let shown = false;

  /** Read once; a key that may not is shown nothing. */
  async function load() {
    if (shown) return;
    const found = await allowed("/queries");
    byId("saved-card").hidden = !found?.queries.length;
    if (!found) return;
    shown = true;
    const ordered = [...found.queries].sort((a, b) => (a.category < b.category ? -1 : Number(a.category > b.category)));
    fill(box, h("ul", { class: "saved" }, ordered.map(item)), found.broken.map(({ file, reason }) => h("p", { class: "error", text: `${file} is no saved query: ${reason}` })));
  }

  const item = (query) => h("li", {}, h("button", { type: "button", data: { queryId: query.id }, on: { click: () => choose(query, presets(query)) } },
    h("b", { text: query.name }), h("span", { class: "tag", title: "Category, and how often the clock runs it", text: query.refresh === "never" ? words(query.category) : `${words(query.category)}, ${query.refresh}` }), h("span", { class: "dim", text: query.description })));

  return { load };
}

const presets = ({ parameters }) => Object.fromEntries(parameters.map((p) => [p.name,
  { value: p.default ?? "", type: p.default === null && !p.required ? "null" : TYPES[p.type] ?? "text", description: p.description }]));
