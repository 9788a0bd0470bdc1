// The budget of the month as a bar, with the mark from which on it warns.
import { h } from "../dom.js";
import { dollars, number, time } from "../format.js";

const WARN = 0.8;
const SAID = { none: ["", "no limit"], ok: ["good", "within the budget"], warning: ["busy", "over 80 %"], over: ["bad", "used up"] };

/** `budget` as the API gives it; nodes that say where the month stands. */
export function budgetBar(budget) {
  const [tone, text] = SAID[budget.status] ?? ["", budget.status];
  const spent = h("strong", { text: dollars(budget.spent_usd) });
  const head = h("p", { class: "budget-head" }, `Budget of ${budget.month}: `, spent,
    budget.limit_usd ? ` of ${dollars(budget.limit_usd)} (${number(Math.round(budget.share * 100))}\u00a0%)` : " spent, and no limit is set", " ",
    h("span", { class: "tag", data: { tone }, text }),
    budget.projected_usd === null ? null : h("span", { class: "dim", text: `  at this pace ${dollars(budget.projected_usd)} by its end` }));
  return [head, budget.limit_usd ? bar(budget) : null, ...consequences(budget)].filter(Boolean);
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

function consequences({ stopped, would_stop: would, enforced, override_until: until, override_reason: reason }) {
  if (stopped.length) return [h("p", { class: "notice", role: "alert", text: `Stopped until the month ends or somebody overrides it: ${stopped.join(", ")}. Collecting never stops.` })];
  if (until) return [h("p", { class: "notice" }, "Overridden until ", time(until), reason ? `: ${reason}` : "")];
  if (would.length && !enforced) return [h("p", { class: "dim", text: `Would stop if the budget were enforced: ${would.join(", ")}.` })];
  return [];
}
