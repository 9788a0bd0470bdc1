// Bar charts on uPlot: stacked, themed by the page's CSS variables, resized with their box.
import uPlot from "../vendor/uplot/uPlot.esm.js";
import { number } from "./format.js";
import { colour, plotIn, swatch, timeScale, tipRow } from "./plot.js";

export { colour, swatch };

/**
 * A bar chart in `box`. `show({times, step, layers, label})`: `times` in seconds, `step` the
 * width of a bar in seconds, `layers` of `{name, colour: CSS variable, values}` from the bottom up,
 * `label(seconds)` the text of a bar's time, `marks` of `{at, label}` vertical lines, if any,
 * `whole` whether there is nothing between two whole numbers, `write(value)` a value in the tip and
 * `tick(value)` at the axis.
 */
export const barChart = (box) => plotIn(box, {
  data: stack,
  options: (shown, axes) => settings(shown, axes),
  tipRows: ({ layers, write = number }, at) => layers.filter((layer) => layer.values[at]).reverse().map((layer) => tipRow(layer, write(layer.values[at]))),
});

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

function settings(shown, axes) {
  const bars = uPlot.paths.bars({ size: [0.78, 72], radius: 0 });
  const paint = (layer) => ({ label: layer.name, fill: colour(layer.colour), stroke: colour(layer.colour), width: 0, paths: bars, points: { show: false } });
  return {
    scales: { x: timeScale(() => shown), y: { range: (_u, low, high) => [Math.min(0, low ?? 0), high > 0 ? high * 1.06 : shown.write ? 0.01 : 4] } },
    axes: axes(shown.tick ?? shown.write ?? ((t) => compact.format(t)), shown.whole ? { incrs: WHOLE } : {}),
    series: [{}, ...[...shown.layers].reverse().map(paint)],
  };
}

const WHOLE = Array.from({ length: 30 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
