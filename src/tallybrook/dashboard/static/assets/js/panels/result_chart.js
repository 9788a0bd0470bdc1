// A query's answer as a chart: bars or lines over time where its first column is one, else a bar for each row.
import { barChart } from "../charts.js";
import { h } from "../dom.js";
import { number, utc } from "../format.js";
import { lineChart } from "../lines.js";
import { swatch } from "../plot.js";

const TIME = /^(date|timestamp)/i;
const NUMERIC = /^(u?(tiny|small|big|huge)?int(eger)?|u?int\d*|long|real|float|double|decimal|numeric)/i;
const MOST_LAYERS = 6, MOST_BARS = 40;

export const isNumeric = (type) => NUMERIC.test(type);

/** What can be drawn of an answer, or null: `{x, values}` are places of columns. */
export function drawable({ columns, rows }) {
  const values = columns.map((_, i) => i).filter((i) => isNumeric(columns[i].type) && i !== 0);
  if (rows.length < 2 || !values.length) return null;
  return { x: 0, values: values.slice(0, MOST_LAYERS), overTime: TIME.test(columns[0].type) && distinct(rows) };
}

// Several rows of one instant cannot stand beside each other in time.
const distinct = (rows) => new Set(rows.map((row) => row[0])).size === rows.length && rows.every((row) => row[0] !== null);

/** The chart as nodes; `after()` is to be called once they are on the page. */
export function resultChart(answer) {
  const what = drawable(answer);
  return what.overTime ? overTime(answer, what) : bars(answer, what);
}

function overTime({ columns, rows }, { values }) {
  const ordered = rows.map((row) => [instant(row[0]), row]).sort(([a], [b]) => a - b);
  const times = ordered.map(([at]) => at);
  const step = Math.max(1, Math.min(...times.slice(1).map((at, i) => at - times[i])));
  const layers = values.map((i, n) => ({ name: columns[i].name, colour: `--s${n + 1}`, values: ordered.map(([, row]) => Number(row[i] ?? 0)) }));
  const box = h("div", { class: "chart", role: "img", "aria-label": `${layers.map((l) => l.name).join(", ")} over ${times.length} periods; the table has the same figures.` });
  const label = (s) => (step >= 86400 ? utc(s * 1000).slice(0, 10) : utc(s * 1000));
  const key = h("p", {}, layers.map((layer) => h("span", { class: "key" }, swatch(layer.colour), layer.name)));
  // Bars on top of each other would add up what need not belong together.
  const draw = layers.length === 1 ? barChart : lineChart;
  return { node: h("div", {}, box, key), after: () => draw(box).show({ times, step, layers, label, write: number }) };
}

// Instants come as RFC 3339, days as `2026-03-01`; without a zone they are UTC.
function instant(text) {
  const plain = String(text).replace(" ", "T");
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(plain) || plain.length === 10 ? plain : `${plain}Z`) / 1000;
}

function bars({ columns, rows }, { values }) {
  const at = values[0], shown = rows.slice(0, MOST_BARS);
  const highest = Math.max(...shown.map((row) => Math.abs(Number(row[at] ?? 0))), Number.MIN_VALUE);
  const items = shown.map((row) => {
    const filled = h("span", { class: "filled" });
    filled.style.width = `${(Math.abs(Number(row[at] ?? 0)) / highest) * 100}%`;
    return h("li", {}, h("span", { class: "name", title: String(row[0]), text: row[0] === null ? "null" : String(row[0]) }), h("span", { class: "room" }, filled), h("b", { text: row[at] === null ? "null" : number(Number(row[at])) }));
  });
  const cut = rows.length > MOST_BARS ? h("p", { class: "dim", text: `The first ${MOST_BARS} of ${number(rows.length)} rows.` }) : null;
  return { node: h("div", {}, h("h3", { text: `${columns[at].name} by ${columns[0].name}` }), h("ul", { class: "bars" }, items), cut), after() {} };
}
