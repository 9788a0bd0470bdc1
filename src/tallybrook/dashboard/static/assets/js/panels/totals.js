// Totals of a metric over a range, from /analytics.
import { explain, request } from "../api.js";
import { barChart } from "../charts.js";
import { byId, fill, h, options, table } from "../dom.js";
import { number, time, utc } from "../format.js";
import { GROUPS, PRESETS, STEP_S, rangeOf } from "./ranges.js";

export function totalsPanel() {
  const chart = barChart(byId("totals-chart"));
  let abort = null, started = false;

  options(byId("preset"), PRESETS.map((p) => [p.name, p.label]));
  options(byId("group"), GROUPS);
  byId("preset").value = "7d";
  byId("group").value = "1d";
  byId("preset").addEventListener("change", presetChanged);
  byId("metric").addEventListener("change", metricChanged);
  byId("totals-form").addEventListener("submit", (event) => { event.preventDefault(); run(); });

  async function run() {
    abort?.abort();
    abort = new AbortController();
    byId("totals-result").classList.add("waiting");
    try {
      const asked = ask();
      draw(await request("/analytics", { query: asked, signal: abort.signal }), chart);
      abort = null;
    } catch (error) {
      if (error.name === "AbortError") return;
      abort = null;
      hideChart();
      fill(byId("totals-result"), h("p", { class: "error", text: explain(error) }), faults(error));
    }
    byId("totals-result").classList.remove("waiting");
  }

  return {
    async open() {
      await fillMetrics();
      if (!started && byId("metric").value) { started = true; run(); }
    },
    // What is given up in the middle is asked again when the tab is opened again.
    close() {
      if (!abort) return;
      abort.abort();
      abort = null;
      started = false;
      byId("totals-result").classList.remove("waiting");
    },
  };
}

const faults = (error) => h("ul", {}, (error.problem?.errors ?? []).map((e) => h("li", { text: `${e.pointer || "input"}: ${e.detail}` })));

function ask() {
  const metric = byId("metric").value, property = byId("property").value.trim();
  const name = metric.endsWith(":") ? metric + property : metric;
  return { ...filters(byId("where").value), metric: name, ...rangeOf(byId("preset").value, byId("from").value, byId("to").value), group_by: byId("group").value };
}

// `event_type=purchase, properties.country=NL`: each must hold.
function filters(text) {
  const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
  return Object.fromEntries(parts.map((part) => {
    const at = part.indexOf("=");
    if (at < 1) throw new Error(`"${part}": write name=value, as in event_type=purchase or properties.country=NL.`);
    return [part.slice(0, at).trim(), part.slice(at + 1).trim()];
  }));
}

function presetChanged() {
  const preset = PRESETS.find((p) => p.name === byId("preset").value);
  for (const node of document.querySelectorAll(".custom-range")) node.hidden = preset.name !== "custom";
  if (preset.group) byId("group").value = preset.group;
}

function metricChanged() {
  const needs = byId("metric").value.endsWith(":");
  byId("property-field").hidden = !needs;
  byId("property").required = needs;
}

async function fillMetrics() {
  const select = byId("metric"), kept = select.value;
  let series;
  try { ({ series } = await request("/series")); } catch (error) {
    fill(byId("totals-result"), h("p", { class: "error", text: explain(error) }));
    return;
  }
  const of = (kind, label) => {
    const found = series.filter((s) => s.kind === kind);
    return found.length ? h("optgroup", { label }, found.map((s) => h("option", { value: s.series, text: `${s.series} (${number(s.count)})` }))) : null;
  };
  fill(select, of("event", "Events"), of("record", "Records"), h("optgroup", { label: "Of events" },
    h("option", { value: "unique_users", text: "Unique users" }),
    h("option", { value: "sum:", text: "Sum of a property…" }),
    h("option", { value: "avg:", text: "Average of a property…" })));
  if ([...select.options].some((o) => o.value === kept)) select.value = kept;
  metricChanged();
}

function hideChart() {
  byId("totals-chart").hidden = true;
  byId("totals-table").hidden = true;
}

function draw(answer, chart) {
  const times = answer.series.map((p) => Date.parse(p.start) / 1000);
  fill(byId("totals-result"), h("p", { class: "explained" },
    h("strong", { class: "big", text: number(answer.total) }), ` ${answer.metric} `,
    h("span", { class: "dim" }, "from ", time(answer.start), " to ", time(answer.end)), " ",
    h("span", { class: "tag", data: { tone: "good" }, title: answer.source === "counters" ? "Read from the stored buckets" : "Counted over the events" }, `from ${answer.source}`),
    answer.complete ? null : h("span", { class: "tag", data: { tone: "busy" }, text: "still running" })));
  hideChart();
  if (!times.length) return;
  byId("totals-chart").hidden = false;
  byId("totals-chart").setAttribute("aria-label", `${answer.metric}: total ${number(answer.total)} in ${times.length} steps. A table follows.`);
  const step = STEP_S[answer.group_by] ?? 86400;
  const label = (s) => (step < 86400 ? time(s * 1000).textContent : utc(s * 1000).slice(0, 10));
  chart.show({ times, step, label, whole: answer.series.every((p) => p.value === null || Number.isInteger(p.value)),
    layers: [{ name: answer.metric, colour: "--s1", values: answer.series.map((p) => p.value ?? 0) }] });
  byId("totals-table").hidden = false;
  fill(byId("totals-table").querySelector(".scroll"), table({
    columns: [{ label: step < 86400 ? "From" : "From (UTC day)" }, { label: answer.metric, numeric: true }], rowHeads: true,
    rows: answer.series.map((p, i) => [step < 86400 ? time(p.start) : label(times[i]), number(p.value)]).reverse(), caption: "Totals, newest first" }));
}
