// What it costs: by day and function, beside the budget, with a projection and advice.
import { ApiError, allowed, explain, request } from "../api.js";
import { barChart } from "../charts.js";
import { byId, fill, h, options, redraw } from "../dom.js";
import { dollars, rfc3339 } from "../format.js";
import { swatch } from "../plot.js";
import { refresher } from "../refresh.js";
import { budgetBar } from "./budget.js";
import { byDayTable, costTables, costTiles } from "./cost_tables.js";

const DAY_S = 86400;
const RANGES = [["7", "last 7 days"], ["30", "last 30 days"], ["90", "last 90 days"]];
const PARTS = [["function", "function"], ["service", "service"]];
const COLOURS = 8;
const EVERY_MS = 60_000;

export function costsPanel() {
  const range = h("select", { id: "costs-range" }), part = h("select", { id: "costs-part" });
  const budget = h("div"), tiles = h("dl", { class: "stats", "aria-label": "Cost in this range" }), said = h("p", { class: "dim" });
  const box = h("div", { class: "chart", role: "img" }), legend = h("ul", { class: "legend still", "aria-label": "Parts in the chart" }), rows = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Cost by day" });
  const budgetCard = h("section", { class: "card", "aria-label": "Budget" }, budget);
  const shown = h("div", {}, box, legend, h("details", {}, h("summary", { text: "Show as a table" }), rows));
  const tables = h("div"), problem = h("div");
  const chart = barChart(box);
  const refresh = refresher(load, { everyMs: EVERY_MS });
  let turn = 0, last = null;

  options(range, RANGES);
  options(part, PARTS);
  range.value = "30";
  range.addEventListener("change", () => { turn += 1; refresh.now(); });
  part.addEventListener("change", () => { if (last) drawChart(last); });
  fill(byId("panel-costs"), problem, budgetCard, tiles,
    h("section", { class: "card", "aria-labelledby": "costs-title" }, h("h2", { id: "costs-title", text: "Cost by day" }),
      h("div", { class: "controls" }, field("Range", range), field("By", part)), said, shown), tables);

  async function load() {
    const mine = (turn += 1), today = day(Date.now()), start = day(Date.now() - (Number(range.value) - 1) * DAY_S * 1000);
    try {
      const [report, standing] = await Promise.all([request("/costs/report", { query: { start, end: today } }), allowed("/costs/budget")]);
      if (mine === turn) { fill(problem); draw(report, standing); }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn) fill(problem, h("p", { class: "card notice", role: "alert", text: explain(error) }));
    }
  }

  function draw(report, standing) {
    last = report;
    budgetCard.hidden = !standing;
    if (standing) drawBudget(standing);
    redraw(tiles, report, () => costTiles(report));
    redraw(said, report, () => [about(report)]);
    shown.hidden = !report.lines.length;
    if (report.lines.length) drawChart(report);
    redraw(tables, report, () => costTables(report));
  }

  const drawBudget = (standing) => redraw(budget, standing, () => budgetBar(standing, drawBudget));

  function drawChart({ lines, listed_usd: sum, start, end }) {
    const days = daysOf(start, end < day(Date.now()) ? end : day(Date.now()));
    const layers = layersOf(lines, part.value, days);
    chart.show({ times: days.map((d) => Date.parse(d) / 1000), step: DAY_S, write: dollars, tick: (usd) => `$${Number(usd.toPrecision(3))}`, label: (s) => day(s * 1000), layers });
    box.setAttribute("aria-label", `Cost by day and ${part.value}: ${dollars(sum)} in ${days.length} days. A table follows.`);
    redraw(legend, layers, () => layers.map((layer) => h("li", { class: "key" }, swatch(layer.colour), h("span", { class: "name", text: layer.name }), h("b", { text: dollars(layer.total) }))));
    redraw(rows, [layers, days], () => byDayTable(layers, days));
  }

  return { open: () => refresh.start(), close: () => refresh.stop() };
}

const day = (ms) => rfc3339(ms).slice(0, 10);
const field = (label, control) => h("div", {}, h("label", { for: control.id, text: label }), control);

function daysOf(start, end) {
  const found = [];
  for (let s = Date.parse(start); s <= Date.parse(end); s += DAY_S * 1000) found.push(day(s));
  return found;
}

// The dearest eight by themselves, the rest together.
function layersOf(lines, by, days) {
  const place = new Map(days.map((d, i) => [d, i])), found = new Map();
  for (const line of lines) {
    const values = found.get(line[by]) ?? days.map(() => 0);
    if (place.has(line.day)) values[place.get(line.day)] += line.usd;
    found.set(line[by], values);
  }
  const all = [...found].map(([name, values]) => ({ name, values, total: values.reduce((a, b) => a + b, 0) })).sort((a, b) => b.total - a.total);
  const named = all.slice(0, COLOURS).map((layer, i) => ({ ...layer, colour: `--s${i + 1}` })), rest = all.slice(COLOURS);
  if (!rest.length) return named;
  return [...named, { name: `${rest.length} others`, colour: "--s-other", values: days.map((_, i) => rest.reduce((sum, one) => sum + one.values[i], 0)), total: rest.reduce((sum, one) => sum + one.total, 0) }];
}

function about({ measured, reason, prices_as_of: as, region }) {
  if (reason) return `No cost yet: ${reason}.`;
  const what = measured ? "What the functions measured of themselves" : "What this work would have cost on AWS: it is counted here and priced as the stack would have done it";
  return `${what}, at list prices of ${as} in ${region}.`;
}
