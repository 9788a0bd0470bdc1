// The budget of the month as a bar, with the mark from which on it warns, what it stops, and the way round that.
import { h } from "../dom.js";
import { dollars, listed, number, time } from "../format.js";
import { endButton, overrideDialog } from "./override.js";

const WARN = 0.8;
const SAID = { none: ["", "no limit"], ok: ["good", "within the budget"], warning: ["busy", "over 80 %"], over: ["bad", "used up"] };

/** `budget` as the API gives it; nodes that say where the month stands. `changed(budget)` after an override. */
export function budgetBar(budget, changed) {
  const [tone, text] = SAID[budget.status] ?? ["", budget.status];
  const spent = h("strong", { text: dollars(budget.spent_usd) });
  const head = h("p", { class: "budget-head" }, `Budget of ${budget.month}: `, spent,
    budget.limit_usd ? ` of ${dollars(budget.limit_usd)} (${number(Math.round(budget.share * 100))}\u00a0%)` : " spent, and no limit is set", " ",
    h("span", { class: "tag", data: { tone }, text }),
    budget.projected_usd === null ? null : h("span", { class: "dim", text: `  at this pace ${dollars(budget.projected_usd)} by its end` }));
  return [head, budget.limit_usd ? bar(budget) : null, ...consequences(budget, changed)].filter(Boolean);
}

// A meter whose fill is clipped at the end; CSS draws the mark.
function bar({ share, limit_usd: limit, spent_usd: spent, status, projected_usd: projected }) {
  const filled = h("span", { class: "filled" }), mark = h("span", { class: "mark80", title: "80 %: from here on it warns" });
  filled.style.width = `${Math.min(100, share * 100)}%`;
  mark.style.left = `${WARN * 100}%`;
  const meter = h("div", { class: "meter", role: "meter", "aria-label": "Budget of the month", "aria-valuemin": 0, "aria-valuemax": limit, "aria-valuenow": Math.min(spent, limit),
    "aria-valuetext": `${dollars(spent)} of ${dollars(limit)}; it warns at ${dollars(limit * WARN)}`, data: { status } }, filled);
  if (projected !== null && projected > spent) {
    const expected = h("span", { class: "expected" });
    expected.style.left = `${Math.min(100, share * 100)}%`;
    expected.style.width = `${Math.max(0, Math.min(100, (projected / limit) * 100) - Math.min(100, share * 100))}%`;
    meter.append(expected);
  }
  meter.append(mark);
  return meter;
}

function consequences(budget, changed) {
  const { limit_usd: limit, stopped, would_stop: would, enforced, override_until: until, override_reason: reason, status } = budget;
  if (!limit) return [];
  if (until) return [h("div", { class: "notice standing" }, h("p", {}, "Overridden until ", time(until), reason ? ` (${reason})` : "", would.length ? `: ${listed(would)} go on.` : ": nothing will stop."), ...endButton(changed))];
  if (stopped.length) return [h("div", { class: "notice standing", data: { tone: "bad" }, role: "alert" }, h("p", { text: `Stopped until the month ends: ${listed(stopped)}. Collecting, counting, alerts and reading go on.` }), h("button", { type: "button", text: "Override…", on: { click: () => overrideDialog(budget, changed) } }))];
  if (status === "ok") return [];
  return [h("p", { class: "dim", text: enforced ? schedule(budget) : would.length ? `Would stop if the budget were enforced: ${listed(would)}. It is not enforced here (TALLYBROOK_BUDGET_STOP).` : "Nothing stops at 100 %: the budget is not enforced here (TALLYBROOK_BUDGET_STOP)." })];
}

// `Exports and queries stop at 100 %, backfills at 120 %.`
function schedule({ stops_at: stops }) {
  const shares = [...new Set(Object.values(stops))].sort((a, b) => a - b);
  const parts = shares.map((share, i) => `${listed(Object.keys(stops).filter((name) => stops[name] === share))} ${i ? "" : "stop "}at ${number(Math.round(share * 100))} %`);
  return `${parts.join(", ").replace(/^./, (letter) => letter.toUpperCase())}. Collecting never stops.`;
}
