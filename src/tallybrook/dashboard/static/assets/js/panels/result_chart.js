// A query's answer as a chart: bars or lines over time where the x axis is one, else a bar a row.
import { barChart } from "../charts.js";
import { fill, h, options } from "../dom.js";
import { number, utc } from "../format.js";
import { lineChart } from "../lines.js";
import { swatch } from "../plot.js";
import { drawable, firstAxis, instant, numbersOf, overTime } from "./result_axes.js";

const MOST_LAYERS = 6, MOST_BARS = 40;
const ALL = "all";

/** `{node, draw(page)}` with the choice of the axes, which holds for every page; null where nothing can be drawn. */
export function resultChart(answer) {
  if (!drawable(answer)) return null;
  const { columns } = answer;
  const x = h("select", { id: "chart-x" }), y = h("select", { id: "chart-y" }), shown = h("div");
  let page = answer;

  options(x, columns.map((column, i) => [i, column.name]).filter(([i]) => numbersOf(columns, i).length));
  x.value = String(firstAxis(columns));
  x.addEventListener("change", () => { offer(); draw(page); });
  y.addEventListener("change", () => draw(page));

  // Several at once only as lines over time: bars of different things side by side say nothing.
  function offer() {
    const kept = y.value, numbers = numbersOf(columns, Number(x.value)), several = numbers.length > 1 && overTime(page, Number(x.value));
    options(y, [...(several ? [[ALL, numbers.length > MOST_LAYERS ? `the first ${MOST_LAYERS}` : "all"]] : []), ...numbers.map((i) => [i, columns[i].name])]);
    if ([...y.options].some((option) => option.value === kept)) y.value = kept;
  }

  function draw(next) {
    page = next;
    const at = Number(x.value), inTime = overTime(page, at);
    const chosen = y.value === ALL ? numbersOf(columns, at).slice(0, MOST_LAYERS) : [Number(y.value)];
    if (inTime) lines(shown, page, at, chosen); else fill(shown, bars(page, at, chosen[0]));
  }

  offer();
  const field = (label, control) => h("div", {}, h("label", { for: control.id, text: label }), control);
  return { node: h("div", {}, h("div", { class: "controls" }, field("Across", x), field("Up", y)), shown), draw };
}

function lines(shown, { columns, rows }, x, chosen) {
  const ordered = rows.map((row) => [instant(row[x]), row]).sort(([a], [b]) => a - b);
  const times = ordered.map(([at]) => at);
  const step = Math.max(1, Math.min(...times.slice(1).map((at, i) => at - times[i])));
  const label = (s) => (step >= 86400 ? utc(s * 1000).slice(0, 10) : utc(s * 1000));
  // A bar where there is nothing is none; a line has a gap there.
  const value = (cell) => (cell === null ? (chosen.length === 1 ? 0 : null) : Number(cell));
  const layers = chosen.map((i, n) => ({ name: columns[i].name, colour: `--s${n + 1}`, values: ordered.map(([, row]) => value(row[i])) }));
  const box = h("div", { class: "chart", role: "img", "aria-label": `${layers.map((l) => l.name).join(", ")} over ${times.length} periods; the table has the same figures.` });
  fill(shown, box, h("p", {}, layers.map((layer) => h("span", { class: "key" }, swatch(layer.colour), layer.name))));
  // Bars on top of each other would add up what need not belong together.
  (layers.length === 1 ? barChart : lineChart)(box).show({ times, step, layers, label, write: number });
}

function bars({ columns, rows }, x, y) {
  const shown = rows.slice(0, MOST_BARS), size = (row) => Math.abs(Number(row[y] ?? 0));
  const highest = Math.max(...shown.map(size), Number.MIN_VALUE);
  const items = shown.map((row) => {
    const filled = h("span", { class: Number(row[y]) < 0 ? "filled below" : "filled" }), name = row[x] === null ? "null" : String(row[x]);
    filled.style.width = `${(size(row) / highest) * 100}%`;
    return h("li", {}, h("span", { class: "name", title: name, text: name }), h("span", { class: "room" }, filled), h("b", { text: row[y] === null ? "null" : number(Number(row[y])) }));
  });
  const cut = rows.length > MOST_BARS ? h("p", { class: "dim", text: `The first ${MOST_BARS} of these ${number(rows.length)} rows.` }) : null;
  return h("div", {}, h("ul", { class: "bars", "aria-label": `${columns[y].name} by ${columns[x].name}` }, items), cut);
}
