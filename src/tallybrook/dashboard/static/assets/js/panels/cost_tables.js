// The figures of a cost report.
import { h, table } from "../dom.js";
import { dollars, number } from "../format.js";
import { percent } from "./ocean_words.js";

/** The four figures to begin with, as parts of a `<dl class="stats">`. */
export function costTiles(report) {
  const { projection, share_of_mrr: share } = report;
  return [
    tile("At list price", dollars(report.listed_usd), `over ${number(report.days_covered)} ${report.days_covered === 1 ? "day" : "days"} with records`),
    tile("To pay", dollars(report.payable_usd), `the free tier takes off ${dollars(report.free_usd)}`),
    tile("Projection", projection ? dollars(projection.usd) : "–", projection ? `for ${projection.month}${share === null ? "" : `, ${percent(share)} of the revenue`}` : "nothing to go by"),
    tile("Idle", dollars(report.idle_usd), "a month, whatever happens; not in the sum"),
  ];
}

const tile = (name, value, said) => h("div", {}, h("dt", { text: name }), h("dd", {}, value, h("small", { class: "dim", text: said })));

/** Functions, services, what would be otherwise, and advice. */
export function costTables(report) {
  const empty = !report.lines.length;
  return [
    empty ? null : card("Functions", region("Functions", table({ rowHeads: true, caption: "Cost by function", columns: heads("Function", "Cost", "Invocations", "Mean", "Memory", "Cold starts", "INIT", "Per invocation"),
      rows: [...report.functions].sort((a, b) => b.usd - a.usd).map((f) => [f.function, dollars(f.usd), number(Math.round(f.invocations)), ms(f.avg_duration_ms), f.avg_memory_mb === null ? "–" : `${number(Math.round(f.avg_memory_mb))} MB`, number(Math.round(f.cold_starts)), ms(f.init_ms), dollars(f.cost_per_invocation)]) }))),
    h("div", { class: "cols halves" },
      empty ? null : card("Services", region("Services", table({ rowHeads: true, caption: "Cost by service", columns: heads("Service", "Cost"), rows: report.by_service.map((s) => [s.name, dollars(s.usd)]) }))),
      card("A month, if", region("A month, if", table({ rowHeads: true, caption: "What a month would cost if something were otherwise", columns: heads("If", "A month"), rows: report.what_if.map((w) => [w.what, dollars(w.usd)]) })),
        report.advice.length ? [h("h3", { text: "Advice" }), h("ul", { class: "hints" }, report.advice.map((text) => h("li", { text })))] : [])),
  ];
}

/** What the chart shows, in figures; newest day first. */
export const byDayTable = (layers, days) => table({ rowHeads: true, caption: "Cost by day", columns: heads("UTC day", "Sum", ...layers.map((layer) => layer.name)),
  rows: days.map((d, i) => [d, dollars(layers.reduce((sum, layer) => sum + layer.values[i], 0)), ...layers.map((layer) => dollars(layer.values[i]))]).reverse() });

const ms = (value) => (value === null ? "–" : `${number(Math.round(value))} ms`);
const heads = (first, ...others) => [{ label: first }, ...others.map((label) => ({ label, numeric: true }))];
const card = (title, ...parts) => h("section", { class: "card" }, h("h2", { text: title }), ...parts.flat());
const region = (label, node) => h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, node);
