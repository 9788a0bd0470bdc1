// The last days of one entity: facts a day with the borders of the windows, and values over time.
import { barChart } from "../charts.js";
import { fill, h, redraw, table } from "../dom.js";
import { number, time, utc } from "../format.js";
import { spark } from "../spark.js";
import { valueText, words } from "./entity_words.js";

const DAY_S = 86400;
const SPARK_DAYS = 90;

/**
 * `node` holds it; `reset(type)` before another entity, `show(history, asOf)` draws. A day is 24
 * hours that end as the last one does.
 */
export function historyChart() {
  const kinds = h("div", { class: "segmented", role: "group", "aria-label": "Kind of fact" });
  const box = h("div", { class: "chart small", role: "img" });
  const sums = h("p", { class: "dim" });
  const rows = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Facts by day" });
  const details = h("details", {}, h("summary", { text: "Show as a table" }), rows);
  const told = h("div", { class: "told" });
  const chart = barChart(box);
  let windows = [], chosen = "", last = null;

  function reset(type) {
    windows = [...new Set(type.metrics.flatMap((m) => m.days))].sort((a, b) => a - b);
    chosen = type.metrics.find((m) => m.kind === "count")?.of ?? type.facts[0];
    last = null;
    for (const part of [kinds, sums, rows]) fill(part);
    redraw(told, null, () => []);
    details.open = false;
  }

  function show(history, asOf) {
    last = { history, end: Date.parse(asOf) / 1000 };
    draw();
  }

  function draw() {
    const { history, end } = last;
    drawKinds(history.facts);
    const counts = history.facts.find((facts) => facts.name === chosen).counts;
    const starts = counts.map((_, i) => end - (counts.length - i) * DAY_S);
    const borders = windows.filter((d) => d <= counts.length);
    const inside = borders.map((d) => `${d} days: ${number(counts.slice(-d).reduce((a, b) => a + b, 0))}`).join(" · ");
    fill(sums, borders.length ? `Facts inside ${inside}. The lines are where the windows begin; a day here is 24 hours up to the instant shown.` : "");
    box.setAttribute("aria-label", `${words(chosen)}: facts a day over ${counts.length} days. ${inside}. A table follows.`);
    chart.show({ times: starts.map((s) => s + DAY_S / 2), step: DAY_S, whole: true, label: (s) => spanText(s - DAY_S / 2),
      layers: [{ name: words(chosen), colour: "--s1", values: counts }], marks: borders.map((d) => ({ at: end - d * DAY_S, label: `${d} d` })) });
    if (details.open) drawRows(counts, starts);
    redraw(told, history.told, () => drawAllTold(history.told));
  }

  function drawKinds(facts) {
    if (!kinds.childElementCount) {
      fill(kinds, facts.map(({ name }) => h("button", { type: "button", data: { kind: name }, on: { click: () => { chosen = name; draw(); } } })));
    }
    for (const [i, button] of [...kinds.children].entries()) {
      button.textContent = `${words(facts[i].name)} ${number(facts[i].counts.reduce((a, b) => a + b, 0))}`;
      button.setAttribute("aria-pressed", String(facts[i].name === chosen));
    }
  }

  function drawAllTold(all) {
    const open = [...told.querySelectorAll("details[open]")].map((one) => one.dataset.metric);
    return all.map((one) => drawTold(one, open.includes(one.metric)));
  }

  function drawRows(counts, starts) {
    fill(rows, table({ columns: [{ label: "24 hours from" }, { label: words(chosen), numeric: true }], rowHeads: true,
      rows: counts.map((n, i) => [time(starts[i] * 1000), number(n)]).reverse(), caption: "Facts by day, newest first" }));
  }

  details.addEventListener("toggle", () => { if (details.open && last) draw(); });
  const node = h("div", {}, h("header", { class: "card-head history-head" }, h("h3", { text: "Facts a day" }), kinds), box, sums, details, told);
  return { node, reset, show };
}

const spanText = (start) => `${utc(start * 1000).slice(0, 16)} and 24 h on`;

function drawTold({ metric, steps }, open) {
  if (!steps.length) return null;
  const values = steps.map((step) => step.value);
  const line = values.length > 1 && values.every((v) => typeof v === "number") ? spark(values, Math.max(2, Math.min(values.length, SPARK_DAYS))) : null;
  const rows = steps.map((step) => [time(step.at), valueText(step.value)]).reverse();
  return h("details", { class: "told-one", open, data: { metric } },
    h("summary", {}, `${words(metric)}: ${steps.length} reported, the last `, h("b", { text: valueText(values.at(-1)) }), line),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${words(metric)} over time` },
      table({ columns: [{ label: "From" }, { label: words(metric) }], rows, rowHeads: true, caption: `${words(metric)}, newest first` })));
}
