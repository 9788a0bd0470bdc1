// Lines over time on uPlot, each with the band of its interval, if it has one.
import { colour, plotIn, timeScale, tipRow } from "./plot.js";

/**
 * A line chart in `box`. As `barChart`, but a layer may have `low` and `high` beside its `values`,
 * null is a gap, `write(value)` is the text of a value (`tick(value)` at the axis), and `floor`/`ceiling` bound the y axis.
 */
export const lineChart = (box) => plotIn(box, { data, options, tipRows });

// Three columns a layer, so that bands can be drawn between the outer two.
const data = ({ times, layers }) => [times, ...layers.flatMap(({ values, low, high }) => [values, high ?? values.map(() => null), low ?? values.map(() => null)])];

function tipRows({ layers, write }, at) {
  const known = layers.filter((layer) => layer.values[at] !== null && layer.values[at] !== undefined);
  return known.map((layer) => tipRow(layer, interval(layer, at) ? `${write(layer.values[at])} (${interval(layer, at).map(write).join(" to ")})` : write(layer.values[at])));
}

const interval = ({ low, high }, at) => ((low?.[at] ?? null) === null ? null : [low[at], high[at]]);

function options(shown, axes) {
  const line = (layer) => ({ label: layer.name, stroke: colour(layer.colour), width: 2, spanGaps: true, points: { show: true, size: 5, fill: colour(layer.colour) } });
  const edge = { stroke: "transparent", width: 0, spanGaps: true, points: { show: false } };
  const fillOf = (layer) => colour(layer.colour).replace(/^rgb\((.*)\)$/, "rgb($1 / 18%)").replaceAll(",", " ");
  return {
    scales: { x: timeScale(() => shown), y: { range: (_u, low, high) => bounds(shown, low, high) } },
    axes: axes(shown.tick ?? shown.write),
    series: [{}, ...shown.layers.flatMap((layer) => [line(layer), edge, edge])],
    bands: shown.layers.map((layer, i) => ({ series: [3 * i + 2, 3 * i + 3], fill: fillOf(layer) })),
  };
}

function bounds({ floor = -Infinity, ceiling = Infinity }, low, high) {
  if (low === null || low === undefined) return [Math.max(floor, 0), Math.min(ceiling, 1)];
  const room = Math.max((high - low) * 0.08, 0.005);
  return [Math.max(floor, low - room), Math.min(ceiling, high + room)];
}
