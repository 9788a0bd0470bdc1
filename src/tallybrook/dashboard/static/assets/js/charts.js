// Bar charts on uPlot: stacked, themed by the page's CSS variables, resized with their box.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { fill, h } from "./dom.js";
import { number } from "./format.js";
import { tickLabel, ticksFor } from "./ticks.js";

const probe = h("span", { class: "colour-probe", "aria-hidden": "true" });

/** The value of a CSS colour variable as the canvas understands it. */
export function colour(variable) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${variable})`;
  return getComputedStyle(probe).color;
}

/**
 * A bar chart in `box`. `show({times, step, layers, label})`: `times` in seconds, `step` the
 * width of a bar in seconds, `layers` of `{name, colour: CSS variable, values}` from the bottom up,
 * `label(seconds)` the text of a bar's time, `marks` of `{at, label}` vertical lines, if any,
 * `whole` whether there is nothing between two whole numbers.
 */
export function barChart(box) {
  const tip = h("div", { class: "chart-tip", "aria-hidden": "true", hidden: true });
  let plot = null, shown = null, shape = "";

  function show(next) {
    shown = next;
    const key = next.layers.map((layer) => `${layer.name} ${layer.colour}`).join("|");
    if (plot && key === shape) plot.setData(stack(next));
    else rebuild(key);
  }

  function rebuild(key) {
    plot?.destroy();
    shape = key;
    plot = new uPlot(settings(box, () => shown, showTip), stack(shown), box);
    plot.over.append(tip);
    plot.over.addEventListener("mouseleave", () => { tip.hidden = true; });
  }

  function showTip(u) {
    const at = u.cursor.idx;
    if (at === null || at === undefined || !shown || u.cursor.left < 0) { tip.hidden = true; return; }
    const rows = shown.layers.filter((layer) => layer.values[at]).reverse();
    fill(tip, h("strong", { text: shown.label(shown.times[at]) }), rows.length ? rows.map((layer) => tipRow(layer, at)) : h("div", { text: "nothing" }));
    tip.hidden = false;
    const x = u.valToPos(shown.times[at], "x");
    const right = x > u.over.clientWidth / 2;
    tip.style.left = right ? "" : `${x + 14}px`;
    tip.style.right = right ? `${u.over.clientWidth - x + 14}px` : "";
  }

  const redraw = () => { shape = ""; if (shown) show(shown); };
  new ResizeObserver(() => { if (plot && box.clientWidth) plot.setSize(sizeOf(box)); else if (shown && !plot) redraw(); }).observe(box);
  addEventListener("themechange", redraw);
  return { show };
}

const tipRow = (layer, at) => h("div", { class: "tip-row" }, swatch(layer.colour),
  h("span", { text: layer.name }), h("b", { text: number(layer.values[at]) }));

/** A small square in a layer's colour. */
export function swatch(variable) {
  const square = h("span", { class: "swatch", "aria-hidden": "true" });
  square.style.setProperty("background", `var(${variable})`);
  return square;
}

const sizeOf = (box) => ({ width: Math.max(120, box.clientWidth), height: Math.max(160, box.clientHeight) });

// uPlot paints series in order, so the highest total goes first and the lowest layer last.
function stack({ times, layers }) {
  const totals = [];
  let below = times.map(() => 0);
  for (const layer of layers) {
    below = below.map((sum, i) => sum + (layer.values[i] ?? 0));
    totals.unshift(below);
  }
  return [times, ...totals];
}

function settings(box, current, showTip) {
  const { layers, whole } = current();
  const bars = uPlot.paths.bars({ size: [0.78, 72], radius: 0 });
  const paint = (layer) => ({ label: layer.name, fill: colour(layer.colour), stroke: colour(layer.colour), width: 0, paths: bars, points: { show: false } });
  const axis = { stroke: colour("--dim"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  return {
    ...sizeOf(box),
    legend: { show: false },
    padding: [10, 20, 0, 0],
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
    hooks: { setCursor: [showTip], draw: [(u) => drawMarks(u, current().marks ?? [])] },
    scales: {
      x: { time: true, range: (_u, from, to) => [from - current().step / 2, to + current().step / 2] },
      y: { range: (_u, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.06 : 4] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 28, splits: (u) => ticksFor(current().times, current().step, u.over.clientWidth || u.width), values: (_u, at) => at.map((t) => tickLabel(t, current().step)) },
      { ...axis, ...(whole ? { incrs: WHOLE } : {}), grid: { stroke: colour("--line"), width: 1 }, size: axisWidth, gap: 6, values: (_u, ticks) => ticks.map((t) => (t === null ? "" : compact.format(t))) },
    ],
    series: [{}, ...[...layers].reverse().map(paint)],
  };
}

const WHOLE = Array.from({ length: 30 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));

// On the canvas, whose pixels may be smaller than the page's.
function drawMarks(u, marks) {
  const { ctx, bbox } = u, pixel = devicePixelRatio;
  ctx.save();
  ctx.strokeStyle = ctx.fillStyle = colour("--dim");
  ctx.lineWidth = pixel;
  ctx.textAlign = "left";
  ctx.textBaseline = "top";
  ctx.font = `${11 * pixel}px system-ui, sans-serif`;
  for (const { at, label } of marks) {
    const x = Math.round(u.valToPos(at, "x", true));
    ctx.setLineDash([3 * pixel, 3 * pixel]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.fillText(label, x + 4 * pixel, bbox.top);
  }
  ctx.restore();
}

const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const axisWidth = (_u, values) => 16 + 7 * Math.max(2, ...(values ?? []).map((v) => String(v).length));
