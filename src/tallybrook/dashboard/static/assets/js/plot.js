// What all charts on uPlot share: the page's colours, the size of their box, a tip, vertical marks.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { fill, h } from "./dom.js";
import { tickLabel, ticksFor } from "./ticks.js";

const probe = h("span", { class: "colour-probe", "aria-hidden": "true" });

/** The value of a CSS colour variable as the canvas understands it. */
export function colour(variable) {
  if (!probe.isConnected) document.body.append(probe);
  probe.style.color = `var(${variable})`;
  return getComputedStyle(probe).color;
}

/**
 * A chart in `box` of the given kind: `kind.data(shown)` makes uPlot's columns, `kind.options(shown)`
 * its series and y scale, `kind.tipRows(shown, index)` what the tip says. `show({times, step, label,
 * layers, marks})` draws; a chart is made anew only when its layers are other ones.
 */
export function plotIn(box, kind) {
  const tip = h("div", { class: "chart-tip", "aria-hidden": "true", hidden: true });
  let plot = null, shown = null, shape = "";

  function show(next) {
    shown = next;
    const key = next.layers.map((layer) => `${layer.name} ${layer.colour}`).join("|");
    if (plot && key === shape) plot.setData(kind.data(next));
    else rebuild(key);
  }

  function rebuild(key) {
    plot?.destroy();
    shape = key;
    plot = new uPlot({ ...settings(box, () => shown, showTip), ...kind.options(shown, axesOf(() => shown)) }, kind.data(shown), box);
    plot.over.append(tip);
    plot.over.addEventListener("mouseleave", () => { tip.hidden = true; });
  }

  function showTip(u) {
    const at = u.cursor.idx;
    if (at === null || at === undefined || !shown || u.cursor.left < 0) { tip.hidden = true; return; }
    const rows = kind.tipRows(shown, at);
    fill(tip, h("strong", { text: shown.label(shown.times[at]) }), rows.length ? rows : h("div", { text: "nothing" }));
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

/** A line of the tip: a layer's name and a value as text. */
export const tipRow = (layer, text) => h("div", { class: "tip-row" }, swatch(layer.colour), h("span", { text: layer.name }), h("b", { text }));

/** A small square in a layer's colour. */
export function swatch(variable) {
  const square = h("span", { class: "swatch", "aria-hidden": "true" });
  square.style.setProperty("background", `var(${variable})`);
  return square;
}

const sizeOf = (box) => ({ width: Math.max(120, box.clientWidth), height: Math.max(160, box.clientHeight) });

const settings = (box, current, showTip) => ({
  ...sizeOf(box),
  legend: { show: false },
  padding: [10, 20, 0, 0],
  cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
  hooks: { setCursor: [showTip], draw: [(u) => drawMarks(u, current().marks ?? [])] },
});

/** The x scale that leaves room for half a step at both ends. */
export const timeScale = (current) => ({ time: true, range: (_u, from, to) => [from - current().step / 2, to + current().step / 2] });

// Axes whose labels follow what is shown; `y(ticks)` writes those of the y axis.
const axesOf = (current) => (y, more = {}) => {
  const axis = { stroke: colour("--dim"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  return [
    { ...axis, grid: { show: false }, size: 28, splits: (u) => ticksFor(current().times, current().step, u.over.clientWidth || u.width), values: (_u, at) => at.map((t) => tickLabel(t, current().step)) },
    { ...axis, ...more, grid: { stroke: colour("--line"), width: 1 }, size: axisWidth, gap: 6, values: (_u, ticks) => ticks.map((t) => (t === null ? "" : y(t))) },
  ];
};

const axisWidth = (_u, values) => 16 + 7 * Math.max(2, ...(values ?? []).map((v) => String(v).length));

// On the canvas, whose pixels may be smaller than the page's.
function drawMarks(u, marks) {
  const { ctx, bbox } = u, pixel = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = pixel;
  ctx.textBaseline = "top";
  ctx.font = `${11 * pixel}px system-ui, sans-serif`;
  for (const { at, label, colour: variable = "--dim" } of marks) {
    ctx.strokeStyle = ctx.fillStyle = colour(variable);
    const x = Math.round(u.valToPos(at, "x", true));
    ctx.setLineDash([3 * pixel, 3 * pixel]);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
    ctx.textAlign = x + ctx.measureText(label).width + 6 * pixel > bbox.left + bbox.width ? "right" : "left";
    ctx.fillText(label, x + (ctx.textAlign === "right" ? -4 : 4) * pixel, bbox.top);
  }
  ctx.restore();
}
