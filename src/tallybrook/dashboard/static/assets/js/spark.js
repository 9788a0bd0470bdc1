// A small filled line without axes, for a trend beside its number.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240, HEIGHT = 40, TOP = 3;

/** `values`, oldest first, drawn right-aligned over `room` places from zero up. */
export function spark(values, room) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "spark");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", outline(values, room));
  svg.append(path);
  return svg;
}

function outline(values, room) {
  const high = Math.max(1, ...values), step = WIDTH / (room - 1);
  const x = (i) => (WIDTH - (values.length - 1 - i) * step).toFixed(1);
  const y = (v) => (HEIGHT - 1 - (v / high) * (HEIGHT - 1 - TOP)).toFixed(1);
  const line = values.map((v, i) => `${x(i)} ${y(v)}`).join(" L");
  // Closed below the visible edge, so that only the line itself is seen stroked.
  return `M${x(0)} ${HEIGHT + 4} L${line} L${WIDTH + 4} ${y(values.at(-1))} L${WIDTH + 4} ${HEIGHT + 4} Z`;
}
