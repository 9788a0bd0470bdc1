// One entity: its metrics by window, what was reported, its last 45 days, its alerts.
import { ApiError, explain, request } from "../api.js";
import { fill, h, redraw, table } from "../dom.js";
import { time } from "../format.js";
import { alertList } from "./alert_list.js";
import { historyChart } from "./entity_history.js";
import { groupWords, metricWords, valueNode, valueText, words } from "./entity_words.js";

const DAYS = 45;

/** `on.back()` leaves; `on.asOf()` is the instant to show, or "" for now. */
export function entityDetail(box, on) {
  const chart = historyChart();
  let type = null, id = null, turn = 0, parts = null;

  async function open(newType, newId) {
    [type, id] = [newType, newId];
    parts = frame();
    box.hidden = false;
    const read = load();
    parts.title.focus();
    await read;
  }

  function frame() {
    const title = h("h2", { tabindex: "-1", class: "entity-title" }, h("span", { class: "dim", text: `${words(type.type)} ` }), id);
    const made = { title, as: h("span", { class: "dim" }), problem: h("p", { class: "error", role: "alert" }),
      metrics: h("div"), reported: h("div"), alerts: h("div") };
    chart.reset(type);
    fill(box,
      h("header", { class: "card-head" }, title, made.as, h("button", { type: "button", text: "← Back to the list", on: { click: on.back } })),
      made.problem, h("div", { class: "cols" },
        h("div", {}, h("h3", { text: "Computed" }), made.metrics),
        h("div", {}, h("h3", { text: "Reported" }), made.reported)),
      chart.node, h("h3", { text: "Alerts" }), made.alerts);
    return made;
  }

  async function load() {
    const mine = (turn += 1), shown = parts;
    try {
      const query = { history: DAYS, as_of: on.asOf() || undefined };
      const entity = await request(`/entities/${encodeURIComponent(type.type)}/${encodeURIComponent(id)}`, { query });
      if (mine === turn && shown === parts) draw(entity);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn && shown === parts) fill(parts.problem, explain(error));
    }
  }

  function draw({ metrics, reported, history, as_of: asOf }) {
    fill(parts.problem);
    fill(parts.as, "as at ", time(asOf));
    redraw(parts.metrics, metrics, () => [windows(type, metrics), others(type, metrics)]);
    redraw(parts.reported, reported, () => reportedList(reported));
    chart.show(history, asOf);
    redraw(parts.alerts, history.alerts, () => (history.alerts.length ? alertList(history.alerts, null) : h("p", { class: "dim", text: "None in this time." })));
  }

  return { open, load, shows: () => !box.hidden, close() { box.hidden = true; turn += 1; parts = null; fill(box); } };
}

const inWindows = (type) => type.metrics.filter((m) => m.days.length === 1);

// A row for each that is measured, a column for each window.
function windows(type, metrics) {
  const days = [...new Set(inWindows(type).flatMap((m) => m.days))].sort((a, b) => a - b);
  if (!days.length) return null;
  const groups = [...new Map(inWindows(type).map((m) => [groupWords(m), m.group]))];
  const cell = (name, d) => {
    const metric = inWindows(type).find((m) => groupWords(m) === name && m.days[0] === d);
    return metric ? valueNode(type, metric, metrics) : "";
  };
  const columns = [{ label: "Metric" }, ...days.map((d) => ({ label: `${d} days`, numeric: true }))];
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "By window" },
    table({ columns, rows: groups.map(([name]) => [name, ...days.map((d) => cell(name, d))]), rowHeads: true, caption: "Metrics by window" }));
}

function others(type, metrics) {
  const found = type.metrics.filter((m) => m.days.length !== 1 && m.kind !== "source");
  return h("dl", { class: "facts" }, found.map((m) => h("div", {}, h("dt", { text: metricWords(m) }), h("dd", {}, valueNode(type, m, metrics)))));
}

// As it was told, not computed here; the two may differ and neither overwrites the other.
function reportedList(reported) {
  const { reported_at: at, ...values } = reported;
  if (!at) return h("p", { class: "dim", text: "Nothing was ever reported." });
  return [h("p", { class: "dim" }, "at ", time(at)),
    h("dl", { class: "pairs" }, Object.entries(values).map(([name, value]) => h("div", {}, h("dt", { text: words(name) }), h("dd", { text: valueText(value) }))))];
}
