// How far two AIs agree: over time with its interval, as statistics, and where it fell.
import { ApiError, explain, request } from "../api.js";
import { byId, fill, h, options, redraw, table } from "../dom.js";
import { number, rfc3339, time } from "../format.js";
import { lineChart } from "../lines.js";
import { swatch } from "../plot.js";
import { refresher } from "../refresh.js";
import { utcDay } from "../ticks.js";
import { alertList } from "./alert_list.js";
import { headline, statisticsOf } from "./agreement_tables.js";
import { coefficient, percent } from "./ocean_words.js";

const RANGES = [["1", "last day", "1h"], ["7", "last 7 days", "1d"], ["30", "last 30 days", "1d"], ["90", "last 90 days", "1d"], ["365", "last year", "1w"]];
const STEPS = [["1h", "hour", 3600], ["1d", "day", 86400], ["1w", "week", 604800], ["1mo", "month", 2592000]];
const DAY_MS = 86_400_000;
const EVERY_MS = 30_000;
const DRIFT = "agreement_drift";

export function agreementPanel() {
  const range = h("select", { id: "agreement-range" }), step = h("select", { id: "agreement-step" });
  const said = h("p", { class: "dim" }), tiles = h("dl", { class: "stats", "aria-label": "Agreement in this range" });
  const box = h("div", { class: "chart", role: "img" }), rows = h("div"), numbers = h("div"), drifts = h("div"), problem = h("div");
  const shown = h("div", {}, box, h("details", {}, h("summary", { text: "Show as a table" }), rows));
  const chart = lineChart(box);
  const refresh = refresher(load, { everyMs: EVERY_MS });
  let turn = 0;

  options(range, RANGES.map(([value, label]) => [value, label]));
  options(step, STEPS.map(([value, label]) => [value, label]));
  range.value = "30";
  step.value = "1d";
  range.addEventListener("change", () => { step.value = RANGES.find(([days]) => days === range.value)[2]; again(); });
  step.addEventListener("change", again);
  fill(byId("panel-agreement"), problem, tiles,
    card("agreement-title", "Agreement of two AIs over time", h("div", { class: "controls" }, field("Range", range), field("By", step)), said, shown),
    card("drift-title", "Drift", drifts), numbers);

  function again() { turn += 1; refresh.now(); }

  async function load() {
    const mine = (turn += 1), end = Date.now(), start = end - Number(range.value) * DAY_MS;
    try {
      const [answer, alerts] = await Promise.all([
        request("/agreement", { query: { start: rfc3339(start), end: rfc3339(end), group_by: step.value } }),
        driftsSince(start)]);
      if (mine === turn) { fill(problem); draw(answer, alerts); }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn) fill(problem, h("p", { class: "card notice", role: "alert", text: explain(error) }));
    }
  }

  function draw({ report, periods, complete, covered_from: from }, alerts) {
    redraw(said, [complete, from, report.messages > 0], () => about(report, complete, from));
    redraw(tiles, report, () => headline(report));
    shown.hidden = !report.messages;
    if (report.messages) drawChart(periods, alerts);
    redraw(numbers, report, () => statisticsOf(report));
    redraw(drifts, alerts, () => (alerts.length ? alertList(alerts, null) : h("p", { class: "dim", text: "None in this range. An alert is made when the disagreement of 50 messages is certainly higher than before." })));
  }

  function drawChart(periods, alerts) {
    const stepS = STEPS.find(([name]) => name === step.value)[2];
    const times = periods.map((one) => Date.parse(one.start) / 1000);
    const label = (s) => (stepS < 86400 ? time(s * 1000).textContent : utcDay(s));
    const side = (i) => periods.map((one) => one.interval?.[i] ?? null);
    chart.show({ times, step: stepS, label, write: coefficient, tick: (value) => value.toFixed(2), ceiling: 1, floor: -1,
      layers: [{ name: "Mean agreement", colour: "--s1", values: periods.map((one) => one.agreement), low: side(0), high: side(1) },
        { name: "ICC", colour: "--s2", values: periods.map((one) => one.icc) }],
      marks: alerts.map((alert) => ({ at: Date.parse(alert.timestamp) / 1000, label: "drift", colour: "--bad" })) });
    const last = periods.at(-1);
    box.setAttribute("aria-label", `Agreement over ${periods.length} periods, ${percent(last.agreement)} in the last; alerts of drift: ${alerts.length}. A table follows.`);
    redraw(rows, periods, () => table({ columns: ["From (UTC)", "Messages", "Mean agreement", "95 % interval", "ICC"].map((text, i) => ({ label: text, numeric: i > 0 })), rowHeads: true, caption: "Agreement by period, newest first",
      rows: periods.map((one, i) => [label(times[i]), number(one.messages), coefficient(one.agreement), one.interval ? one.interval.map(coefficient).join(" to ") : "–", coefficient(one.icc)]).reverse() }));
  }

  return { open: () => refresh.start(), close: () => refresh.stop() };
}

// Alerts of drift come rarely: one page of the newest is enough.
async function driftsSince(start) {
  const { alerts } = await request("/alerts", { query: { since: rfc3339(start), limit: 1000 } });
  return alerts.filter((alert) => alert.alert_type === DRIFT);
}

function about(report, complete, from) {
  if (!report.messages) return ["No messages of two AIs in this range. They come from POST /agreement/messages, or from the queue."];
  const key = (variable, text) => h("span", { class: "key" }, swatch(variable), text);
  const legend = [key("--s1", "mean agreement with its 95 % interval"), key("--s2", "ICC(2,1) over all domains of the period")];
  return complete ? legend : [...legend, "There are too many messages for one report: it is of the newest, from ", time(from), " on."];
}

const field = (label, control) => h("div", {}, h("label", { for: control.id, text: label }), control);
const card = (id, title, ...parts) => h("section", { class: "card", "aria-labelledby": id }, h("h2", { id, text: title }), ...parts);
