// The chart as a table, for those who read rather than look. Filled only while it is open.
import { fill, h, table } from "../dom.js";
import { hourMinute, number, utc } from "../format.js";

/** `details` holds a summary and a scrolling box. */
export function minuteTable(details) {
  const box = details.querySelector(".scroll");
  let last = null, drawnAt = 0;

  function show(times, layers) {
    last = { times, layers };
    // Once in two seconds is enough, and leaves time to read and select.
    if (details.open && Date.now() - drawnAt > 2000) draw();
  }

  function draw() {
    if (!last) return;
    drawnAt = Date.now();
    const columns = [{ label: "Minute" }, ...last.layers.map((l) => ({ label: l.name, numeric: true })), { label: "All", numeric: true }];
    const rows = last.times.map((t, i) => row(t, last.layers.map((l) => l.values[i]))).reverse();
    fill(box, table({ columns, rows, caption: "Counts by minute and type, newest first", rowHeads: true }));
  }

  details.addEventListener("toggle", () => { if (details.open) draw(); });
  return { show };
}

const row = (t, values) => [
  h("time", { datetime: new Date(t).toISOString(), title: utc(t), text: hourMinute(t) }),
  ...values.map(number), number(values.reduce((a, b) => a + b, 0)),
];
