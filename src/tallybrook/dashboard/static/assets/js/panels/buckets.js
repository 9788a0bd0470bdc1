// Current and previous buckets of the four sizes, by type, with their cross-check.
import { byId, fill, h, setText } from "../dom.js";
import { number, span, utc } from "../format.js";
import { SIZES } from "../metrics.js";
import { explainBucket } from "./explain.js";

const DOUBT_EVERY_MS = 20_000;

export function bucketTable(metrics, resync) {
  const rows = new Map();
  let doubt = "none", askedAt = -Infinity;
  let body = null, heads = [], headsFor = "";

  function draw() {
    const series = metrics.list();
    if (!series.length) { fill(byId("buckets"), h("p", { class: "dim", text: "Nothing counted yet." })); body = null; rows.clear(); return; }
    if (!body) build();
    drawHeads();
    for (const s of series) if (!rows.has(s.key)) addRow(s);
    for (const [key, row] of rows) drawRow(key, row);
    drawCheck();
  }

  function build() {
    heads = SIZES.map(() => h("th", { scope: "colgroup", colspan: "2" }));
    body = h("tbody");
    fill(byId("buckets"), h("table", { class: "buckets" },
      h("caption", { class: "sr-only", text: "Counts in the current and the previous bucket of each size" }),
      h("thead", {},
        h("tr", {}, h("th", { scope: "col", rowspan: "2", text: "Type" }), heads, h("th", { scope: "col", rowspan: "2", text: "Check" })),
        h("tr", {}, SIZES.flatMap(() => [h("th", { scope: "col", class: "num", text: "now" }), h("th", { scope: "col", class: "num", text: "before" })]))),
      body));
    headsFor = "";
  }

  function drawHeads() {
    const key = Math.floor(metrics.now() / 60_000);
    const elapsed = SIZES.map((size) => (metrics.now() % (size * 60_000)) / (size * 60_000));
    if (key !== headsFor) {
      headsFor = key;
      heads.forEach((head, i) => fill(head, headOf(SIZES[i])));
    }
    heads.forEach((head, i) => { head.querySelector("progress").value = elapsed[i]; });
  }

  function headOf(size) {
    const start = Math.floor(metrics.now() / (size * 60_000)) * size * 60_000;
    return [h("span", { class: "size", text: `${size} min` }), " ", span(start, start + size * 60_000),
      h("progress", { max: "1", value: "0", "aria-hidden": "true" })];
  }

  function addRow(s) {
    const cells = SIZES.flatMap((size) => [0, 1].map((back) => {
      const cell = h("td", { class: back ? "num before" : "num now", title: "Explain this number" });
      cell.addEventListener("click", () => explainBucket(metrics, s.key, size, back));
      return cell;
    }));
    const open = h("button", { type: "button", class: "link", "aria-haspopup": "dialog", title: "Explain these numbers" }, s.name,
      s.kind === "record" ? h("span", { class: "dim", text: " records" }) : null);
    open.addEventListener("click", () => explainBucket(metrics, s.key, 60, 0));
    const check = h("td");
    const row = { cells, check, order: `${s.kind} ${s.name}` };
    const tr = h("tr", {}, h("th", { scope: "row" }, open), cells, check);
    row.tr = tr;
    const after = [...rows.values()].filter((other) => other.order > row.order).sort((a, b) => (a.order < b.order ? -1 : 1))[0];
    body.insertBefore(tr, after?.tr ?? null);
    rows.set(s.key, row);
  }

  function drawRow(key, row) {
    const s = metrics.list().find((one) => one.key === key);
    if (!s) { row.tr.remove(); rows.delete(key); return; }
    SIZES.forEach((size, i) => [0, 1].forEach((back) => {
      const cell = row.cells[i * 2 + back], { count } = metrics.bucket(s, size, back);
      setText(cell, number(count));
      cell.classList.toggle("zero", count === 0);
    }));
    const { faults, compared } = metrics.crossCheck([s]);
    if (faults.length && doubt === "asking") drawMark(row.check, null, AGAIN);
    else drawMark(row.check, faults.length === 0, faults.length ? faultText(faults[0]) : `${compared} buckets equal the sum of their minutes`);
  }

  function drawCheck() {
    const { compared, faults } = metrics.crossCheck();
    const server = metrics.serverCheck();
    const ok = faults.length === 0 && server?.ok !== false;
    reconsider(faults.length > 0);
    if (faults.length && doubt === "asking") { drawMark(byId("buckets-check"), null, AGAIN, true); return; }
    const words = ok ? `Cross-check holds (${number(compared)} buckets${server ? ", and the server's own" : ""})`
      : faults.length ? faultText(faults[0]) : `The server's own check failed: ${serverCounts(server)}`;
    drawMark(byId("buckets-check"), ok, words, true);
    if (server) byId("buckets-check").title = `The server's own: ${serverCounts(server)}`;
  }

  // A fault may come from a message that was lost or overtaken, so a new snapshot is asked for
  // before it is shown; what the new one has too is a fault of the counters.
  function reconsider(faulty) {
    if (!faulty) { doubt = "none"; return; }
    if (doubt === "asking" || performance.now() - askedAt < DOUBT_EVERY_MS) return;
    doubt = "asking";
    askedAt = performance.now();
    resync();
  }

  return { draw, renewed() { if (doubt === "asking") doubt = "confirmed"; } };
}

const AGAIN = "Comparing again…";

const faultText = (f) => `${f.series}: the ${f.size}-minute bucket says ${number(f.count)}, its minutes sum to ${number(f.sum)}`;

function serverCounts({ start, end, totals = {} }) {
  const ways = SIZES.filter((size) => size in totals).map((size) => `${number(totals[size])} by ${size} min`);
  return `${utc(Date.parse(start))} to ${utc(Date.parse(end))} counted at each size: ${ways.join(", ")}`;
}

/** A tick, a cross or (null) an open question; the words are shown or, in a tight place, on hover and to screen readers. */
export function drawMark(node, ok, words, withText = false) {
  const state = `${ok} ${words}`;
  if (node.dataset.mark === state) return;
  node.dataset.mark = state;
  node.title = words;
  const tone = ok === null ? "busy" : ok ? "good" : "bad";
  fill(node, h("span", { class: "mark", data: { tone }, "aria-hidden": "true", text: { good: "✓", bad: "✗", busy: "…" }[tone] }),
    h("span", { class: withText ? "mark-text" : "sr-only", text: withText ? ` ${words}` : words }));
}
