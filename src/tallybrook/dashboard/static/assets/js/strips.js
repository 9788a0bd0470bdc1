// Small drawings of scores from 0 to 100, one a row: a distribution, or a single score.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 200, HEIGHT = 34, BASE = 24, TOP = 2;

function draw(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(...children);
  return node;
}

function board(kind, spoken, height, ...parts) {
  const title = draw("title");
  title.textContent = spoken;
  return draw("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: `strip ${kind}`, role: "img", "aria-label": spoken, preserveAspectRatio: "none" }, title, ...parts);
}

const line = (cls, x1, x2, y1, y2 = y1) => draw("line", { class: cls, x1, x2, y1, y2 });
const at = (score) => (Math.min(100, Math.max(0, score)) / 100) * WIDTH;

/**
 * A histogram of ten cells above its quartiles. `high` is the share that fills the height, one for
 * all rows that are compared; cells that are withheld are low and grey.
 */
export function strip({ histogram, people, quantiles, mean }, high, spoken) {
  const bars = histogram.map((n, i) => {
    const x = (i * WIDTH) / 10 + 1, width = WIDTH / 10 - 2;
    if (n === null) return draw("rect", { class: "gone", x, width, y: BASE - 5, height: 5 });
    const height = (n / (people || 1) / high) * (BASE - TOP);
    return draw("rect", { class: "bar", x, width, y: BASE - height, height });
  });
  const { p25, p50, p75 } = quantiles;
  const box = p25 !== null && p75 !== null ? [draw("rect", { class: "middle", x: at(p25), width: Math.max(1, at(p75) - at(p25)), y: BASE + 4, height: 4 })] : [];
  const ticks = [p50 === null ? null : line("median", at(p50), at(p50), BASE + 2, BASE + 10), mean === null ? null : line("mean", at(mean), at(mean), BASE + 6)];
  return board("spread", spoken, HEIGHT, line("axis", 0, WIDTH, BASE), ...bars, ...box, ...ticks.filter(Boolean));
}

/** One score on its scale; `interval` is drawn as a band around it, where there is one. */
export function scoreStrip(value, interval, spoken) {
  const band = interval ? [draw("rect", { class: "interval", x: at(interval[0]), width: Math.max(1, at(interval[1]) - at(interval[0])), y: 1, height: 12 })] : [];
  const known = value !== null && value !== undefined;
  return board("score", spoken, 14, draw("rect", { class: "track", x: 0, width: WIDTH, y: 5, height: 4 }),
    line("half", WIDTH / 2, WIDTH / 2, 2, 12), ...band, ...(known ? [draw("rect", { class: "bar", x: 0, width: at(value), y: 5, height: 4 }), line("point", at(value), at(value), 1, 13)] : []));
}
