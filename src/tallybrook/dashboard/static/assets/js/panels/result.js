// A query's answer, or the reason why there is none.
import { ApiError } from "../api.js";
import { fill, h, table } from "../dom.js";
import { bytes, dollars, number } from "../format.js";
import { pager } from "./pages.js";
import { sentence } from "./pricing.js";
import { isNumeric } from "./result_axes.js";
import { resultChart } from "./result_chart.js";

let asChart = false;

/**
 * The first page of an answer as a table or a chart, with the way to the others; what it took,
 * beside the `estimate` from before, and what the server advises. `exports` are nodes for below.
 */
export function showResult(box, answer, { exports = null, estimate = null } = {}) {
  const { rows, metadata = {}, execution_id: id } = answer;
  const chart = resultChart(answer), shown = h("div");
  const shape = h("div", { class: "segmented", role: "group", "aria-label": "Shape of the result", hidden: !chart });
  let page = answer;

  function draw() {
    const drawn = Boolean(chart) && asChart;
    for (const [i, button] of [...shape.children].entries()) button.setAttribute("aria-pressed", String((i === 1) === drawn));
    fill(shown, drawn ? chart.node : grid(page));
    if (drawn) chart.draw(page);
  }

  const pages = pager(answer, (next) => { page = next; draw(); });
  fill(shape, [[false, "Table"], [true, "Chart"]].map(([on, text]) => h("button", { type: "button", text, on: { click: () => { asChart = on; draw(); } } })));
  fill(box, h("div", { class: "result-head" }, facts(metadata, rows.length, id, estimate), shape), hints(metadata), cut(metadata), shown, pages,
    rows.length ? exports : h("p", { class: "dim", text: "The query ran and found no rows." }));
  if (rows.length) draw();
}

function facts(m, count, id, estimate) {
  const before = (value) => (estimate ? h("span", { class: "dim", text: ` (estimated ${value})` }) : null);
  const pairs = [
    ["Rows", number(m.rows ?? count)], ["Time", `${number(Math.round(m.execution_ms ?? 0))} ms`],
    ["Scanned", bytes(m.scanned_bytes), before(bytes(estimate?.scanned_bytes))],
    ["Price", dollars(m.estimated_usd), before(dollars(estimate?.estimated_usd))], m.from_cache ? ["Cache", "answered from it"] : null,
    m.snapshot === undefined || m.snapshot === null ? null : ["Snapshot", String(m.snapshot)],
  ].filter(Boolean);
  return h("dl", { class: "facts", title: id ? `Execution ${id}` : null }, pairs.map(([name, ...value]) => h("div", {}, h("dt", { text: name }), h("dd", {}, value.filter(Boolean)))));
}

const hints = (m) => (m.hints?.length ? h("ul", { class: "hints" }, m.hints.map((hint) => h("li", { text: textOf(hint) }))) : null);

const textOf = (hint) => (typeof hint === "string" ? hint : [hint.message ?? hint.detail, hint.fix].filter(Boolean).join(" "));

const cut = (m) => (m.truncated ? h("p", { class: "notice", text: `The answer has more than ${number(m.rows)} rows and is cut there. An export has all of them; or aggregate, or narrow the WHERE.` }) : null);

function grid({ columns, rows }) {
  const heads = columns.map((c) => ({ label: c.name, numeric: isNumeric(c.type) }));
  const cells = rows.map((row) => row.map((value, i) => cell(value, heads[i].numeric)));
  const made = table({ columns: heads, rows: cells, caption: "Result" });
  made.querySelectorAll("thead th").forEach((head, i) => { head.title = columns[i].type; });
  return h("div", { class: "scroll tall", tabindex: "0", role: "region", "aria-label": "Query result" }, made);
}

function cell(value, numeric) {
  if (value === null) return h("span", { class: "null", text: "null" });
  if (numeric && typeof value === "number") return number(value);
  // Integers that a double cannot hold come as text; BigInt keeps all their digits.
  if (numeric && /^-?\d+$/.test(value)) return number(BigInt(value));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** What a query would cost, from a dry run. */
export const showPrice = (box, metadata) => fill(box, h("p", { class: "explained" }, sentence(metadata)), hints(metadata));

// What to change where the server says only what happened.
const FIXES = {
  "query-timeout": "Narrow date, name fewer columns, or group earlier, so that there is less to go through.",
  "query-memory": "Narrow date, use approx_distinct for count(DISTINCT …), or leave out ORDER BY without LIMIT.",
  "rate-limited": "Wait for what is said above; the price can be asked meanwhile.",
};
const slugOf = (problem) => String(problem.type ?? "").split("#")[1];

/** Why a query was refused, and what to do about it. */
export function showRefusal(box, error) {
  const problem = error instanceof ApiError ? error.problem : {};
  const fix = problem.fix ?? problem.hint ?? FIXES[slugOf(problem)];
  const faults = (problem.errors ?? []).filter((e) => e.detail && e.detail !== problem.detail && e.detail !== fix);
  fill(box, h("div", { class: "refusal", role: "alert" },
    h("h3", { text: problem.title ?? (error.status === 0 ? "No answer" : "The query did not run") }),
    h("p", { text: error.message }),
    faults.length ? h("ul", {}, faults.map((e) => h("li", { text: e.pointer ? `${e.pointer}: ${e.detail}` : e.detail }))) : null,
    fix ? h("p", { class: "fix" }, h("strong", { text: "Fix: " }), fix) : null));
}
