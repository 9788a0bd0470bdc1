// Entities of a type as a table that is sorted by its headings, or as a grid of its two keys.
import { h } from "../dom.js";
import { idParts, metricWords, TONE, severityOf, valueNode, valueText } from "./entity_words.js";

/** `sort` is a metric, with `-` in front for the largest first; `on.sort(metric)`, `on.open(id)`. */
export function entityTable(type, entities, sort, on) {
  const columns = shownMetrics(type);
  const head = h("tr", {}, h("th", { scope: "col", text: words(type.id) }), columns.map((metric) => heading(metric, sort, on.sort)));
  const rows = entities.map((entity) => h("tr", {},
    h("th", { scope: "row" }, entityButton(entity.entity_id, on.open)),
    columns.map((metric) => h("td", { class: metric.type === "number" ? "num" : null }, valueNode(type, metric, entity.metrics)))));
  return h("table", { class: "entities" }, h("caption", { class: "sr-only", text: `${type.type}: sorted by ${sort.replace(/^-/, "")}` }),
    h("thead", {}, head), h("tbody", {}, rows));
}

const words = (keys) => keys.map((key) => key.replace(/_id$/, "")).join(" : ");

// What says where a value comes from stands beside that value.
const shownMetrics = (type) => {
  const shown = type.metrics.filter((metric) => metric.kind !== "source");
  const first = type.sort.replace(/^-/, "");
  return [...shown.filter((m) => m.name === first), ...shown.filter((m) => m.name !== first)];
};

function heading(metric, sort, choose) {
  const chosen = sort.replace(/^-/, "") === metric.name;
  const down = sort.startsWith("-");
  const button = h("button", { type: "button", class: "sort", data: { metric: metric.name }, on: { click: () => choose(metric.name) } },
    metricWords(metric), h("span", { class: "arrow", "aria-hidden": "true", text: chosen ? (down ? "▼" : "▲") : "" }));
  return h("th", { scope: "col", class: metric.type === "number" ? "num" : null, "aria-sort": chosen ? (down ? "descending" : "ascending") : null }, button);
}

/** A button that opens an entity. */
export const entityButton = (id, open, text = id) =>
  h("button", { type: "button", class: "link", data: { entityId: id }, title: id, text, on: { click: () => open(id) } });

/** Rows by the first key, columns by the second; each cell shows one metric and opens its entity. */
export function entityGrid(type, entities, metric, open) {
  const cells = new Map(entities.map((entity) => [entity.entity_id, entity]));
  const byParts = new Map([...cells.keys()].map((id) => [JSON.stringify(idParts(id)), id]));
  const of = (i) => [...new Set([...cells.keys()].map((id) => idParts(id)[i] ?? ""))].sort();
  const cell = (row, column) => {
    const entity = cells.get(byParts.get(JSON.stringify([row, column])));
    return h("td", {}, entity ? gridCell(type, entity, metric, open) : h("span", { class: "dim", text: "–" }));
  };
  const columns = of(1);
  return h("table", { class: "entities grid" }, h("caption", { class: "sr-only", text: `${metricWords(metric)} by ${type.id.join(" and ")}` }),
    h("thead", {}, h("tr", {}, h("th", { scope: "col", text: type.id.join(" / ") }), columns.map((name) => h("th", { scope: "col", text: name })))),
    h("tbody", {}, of(0).map((row) => h("tr", {}, h("th", { scope: "row", text: row }), columns.map((column) => cell(row, column))))));
}

function gridCell(type, entity, metric, open) {
  const severity = severityOf(type, metric.name, entity.metrics);
  const others = type.metrics.filter((m) => m !== metric && m.kind !== "source").map((m) => `${metricWords(m)}: ${valueText(entity.metrics[m.name], m.unit)}`);
  return h("button", { type: "button", class: "cell", data: { entityId: entity.entity_id, tone: severity ? TONE[severity] : "" }, title: others.join("\n"), on: { click: () => open(entity.entity_id) } },
    h("span", { class: "sr-only", text: `${idParts(entity.entity_id).join(", ")}: ` }), valueText(entity.metrics[metric.name], metric.unit).replaceAll("_", " "));
}

/** What to do when a list is empty. */
export function emptyList({ type, filtered, asOf }) {
  if (filtered) return h("p", { class: "dim", text: "None that the filter lets in." });
  if (asOf) return h("p", { class: "dim", text: `Nothing was known of any ${type.type} by then.` });
  return firstSteps(`Nothing is known of any ${type.type} yet. Entities are made of what is sent to /ingest. To see some, let a made-up stream in:`);
}

/** A text, and the line that brings something to look at. */
export const firstSteps = (text) => h("div", { class: "empty" }, h("p", { text }),
  h("pre", { class: "code", tabindex: "0" }, h("code", { text: `TALLYBROOK_KEY=YOUR_KEY tallybrook simulate --days 30 --url ${location.origin}` })));
