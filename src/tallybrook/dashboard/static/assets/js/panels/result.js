// A query's answer, or the reason why there is none.
import { ApiError } from "../api.js";
import { fill, h, table } from "../dom.js";
import { bytes, dollars, number } from "../format.js";
import { drawable, isNumeric, resultChart } from "./result_chart.js";

let asChart = false;

/** Result table or chart, what it cost and what the server advises; `exports` are nodes for below. */
export function showResult(box, answer, exports = null) {
  const { columns, rows, metadata = {}, execution_id: id } = answer;
  const shown = h("div"), shape = h("div", { class: "segmented", role: "group", "aria-label": "Shape of the result", hidden: !drawable(answer) });

  function draw(chart) {
    for (const [i, button] of [...shape.children].entries()) button.setAttribute("aria-pressed", String((i === 1) === chart));
    if (!chart) { fill(shown, grid(columns, rows)); return; }
    const { node, after } = resultChart(answer);
    fill(shown, node);
    after();
  }

  fill(shape, [[false, "Table"], [true, "Chart"]].map(([chart, text]) => h("button", { type: "button", text, on: { click: () => { asChart = chart; draw(chart); } } })));
  fill(box, h("div", { class: "result-head" }, facts(metadata, rows.length, id), shape), hints(metadata), cut(metadata, rows.length), shown,
    rows.length ? exports : h("p", { class: "dim", text: "The query ran and found no rows." }));
  if (rows.length) draw(asChart && Boolean(drawable(answer)));
}

function facts(m, count, id) {
  const pairs = [
    ["Rows", number(count)], ["Time", `${number(Math.round(m.execution_ms ?? 0))} ms`], ["Scanned", bytes(m.scanned_bytes)],
    ["Price", dollars(m.estimated_usd)], m.from_cache ? ["Cache", "answered from it"] : null,
    m.snapshot === undefined || m.snapshot === null ? null : ["Snapshot", String(m.snapshot)],
  ].filter(Boolean);
  return h("dl", { class: "facts", title: id ? `Execution ${id}` : null }, pairs.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", { text: value }))));
}

const hints = (m) => (m.hints?.length ? h("ul", { class: "hints" }, m.hints.map((hint) => h("li", { text: textOf(hint) }))) : null);

const textOf = (hint) => (typeof hint === "string" ? hint : [hint.message ?? hint.detail, hint.fix].filter(Boolean).join(" "));

function cut(m, count) {
  const words = [];
  if (m.truncated || m.next_token) words.push(`Only the first ${number(count)} rows are shown: the answer has more. Aggregate, or narrow the WHERE.`);
  return words.length ? h("p", { class: "notice", text: words.join(" ") }) : null;
}

function grid(columns, rows) {
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
export function showPrice(box, { metadata }) {
  fill(box, h("p", { class: "explained" }, "It would scan about ", h("strong", { text: bytes(metadata.scanned_bytes) }),
    ", which costs ", h("strong", { text: dollars(metadata.estimated_usd) }), "."), hints(metadata));
}

/** Why a query was refused, and what to do about it. */
export function showRefusal(box, error) {
  const problem = error instanceof ApiError ? error.problem : {};
  const fix = problem.fix ?? problem.hint;
  const faults = (problem.errors ?? []).filter((e) => e.detail && e.detail !== problem.detail && e.detail !== fix);
  fill(box, h("div", { class: "refusal", role: "alert" },
    h("h3", { text: problem.title ?? (error.status === 0 ? "No answer" : "The query did not run") }),
    h("p", { text: error.message }),
    faults.length ? h("ul", {}, faults.map((e) => h("li", { text: e.pointer ? `${e.pointer}: ${e.detail}` : e.detail }))) : null,
    fix ? h("p", { class: "fix" }, h("strong", { text: "Fix: " }), fix) : null));
}
