// "Explain this number": a bucket counted four ways, from the server's stored rows.
import { explain as explainError, request } from "../api.js";
import { byId, fill, h, table } from "../dom.js";
import { number, rfc3339, span, time } from "../format.js";
import { SIZES } from "../metrics.js";
import { drawMark } from "./buckets.js";

let turn = 0;

/** Open the dialog for a series' bucket of `size` minutes, `back` buckets ago. */
export function explainBucket(metrics, key, size, back) {
  const series = metrics.list().find((s) => s.key === key);
  if (!series) return;
  const dialog = byId("explain");
  const result = h("div", { "aria-live": "polite" });
  const load = () => show(result, series, metrics.bucket(series, size, back), size);
  const sizes = choice("Size", "explain-size", SIZES.map((s) => [s, `${s} min`]), size, (value) => { size = Number(value); load(); });
  const backs = choice("Which", "explain-back", [[0, "current"], [1, "previous"]], back, (value) => { back = Number(value); load(); });
  fill(dialog,
    h("header", { class: "card-head" }, h("h2", { id: "explain-title", text: series.name }),
      h("button", { type: "button", class: "quiet", on: { click: () => dialog.close() } }, "Close")),
    h("div", { class: "controls" }, sizes, backs), result);
  if (!dialog.open) dialog.showModal();
  load();
}

function choice(legend, name, pairs, chosen, changed) {
  const inputs = pairs.map(([value, text]) => h("label", {},
    h("input", { type: "radio", name, value, checked: value === chosen, on: { change: () => changed(value) } }), h("span", { text })));
  return h("fieldset", { class: "segmented" }, h("legend", { class: "sr-only", text: legend }), inputs);
}

async function show(box, series, bucket, size) {
  const mine = (turn += 1);
  box.classList.add("waiting");
  try {
    const answers = await fetchAll(series, bucket, size);
    if (mine === turn) draw(box, bucket, size, answers);
  } catch (error) {
    if (mine === turn) fill(box, h("p", { class: "error", text: explainError(error) }));
  } finally {
    box.classList.remove("waiting");
  }
}

async function fetchAll(series, { start, end }, size) {
  const name = encodeURIComponent(series.name);
  const range = { start: rfc3339(start), end: rfc3339(end) };
  const finer = SIZES.filter((s) => s <= size).reverse();
  const [counts, ...rows] = await Promise.all([
    request(`/counts/${name}`, { query: range }),
    ...finer.map((minutes) => request(`/aggregations/${name}`, { query: { ...range, minutes } })),
  ]);
  return { counts, ways: finer.map((minutes, i) => ({ minutes, rows: rows[i].buckets })) };
}

function draw(box, bucket, size, { counts, ways }) {
  const own = ways[0].rows.reduce((sum, row) => sum + row.count, 0);
  const used = Object.entries(counts.buckets_used ?? {}).filter(([, n]) => n).sort((a, b) => b[0] - a[0]);
  fill(box,
    h("p", { class: "explained" }, h("strong", { class: "big", text: number(own) }), " in ", span(bucket.start, bucket.end),
      bucketState(ways[0].rows[0])),
    h("h3", { text: "Counted in different ways" }),
    h("ul", { class: "ways" },
      ways.map((way) => wayItem(`${number(way.rows.length)} stored ${way.rows.length === 1 ? "bucket" : "buckets"} of ${way.minutes} min`, sum(way.rows), own)),
      wayItem(`range read, from ${used.map(([m, n]) => `${number(n)} × ${m} min`).join(", ") || "no bucket"}`, counts.count, own)),
    size === 60 || ways.length > 1 ? h("h3", { text: "The stored rows" }) : h("h3", { text: "The stored row" }),
    storedRows(ways));
}

const sum = (rows) => rows.reduce((total, row) => total + row.count, 0);

const bucketState = (row) => h("span", { class: "tag", data: { tone: row?.complete ? "good" : "busy" } },
  row === undefined ? "not stored: zero" : row.complete ? "complete" : "still running");

function wayItem(words, value, expected) {
  const mark = h("span");
  drawMark(mark, value === expected, value === expected ? "agrees" : `differs by ${number(value - expected)}; an event may have come between the reads, open it again`, value !== expected);
  return h("li", {}, mark, h("span", { text: ` ${words}` }), h("b", { text: number(value) }));
}

function storedRows(ways) {
  const rows = ways.flatMap((way) => way.rows).map((row) => [
    row.compositeKey, number(row.count), row.complete ? "yes" : "no", time(row.createdAt), time(row.updatedAt)]);
  if (!rows.length) return h("p", { class: "dim", text: "No row is stored for this time, which means zero." });
  const columns = [{ label: "Key" }, { label: "Count", numeric: true }, { label: "Complete" }, { label: "Created" }, { label: "Updated" }];
  return h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Stored rows" }, table({ columns, rows, rowHeads: true }));
}
