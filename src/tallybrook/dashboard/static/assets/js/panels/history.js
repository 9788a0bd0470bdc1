// What was asked of the account's tables and what it cost, as the server keeps it.
import { ApiError, allowed, explain } from "../api.js";
import { byId, fill, h } from "../dom.js";
import { bytes, dollars, number, time } from "../format.js";

const PAGE = 30;
const MOST = 990;
const TONE = { failed: "bad", cancelled: "" };

/** `choose(sql)` is called with the query that was picked. */
export function queryHistory(choose) {
  let pages = 1;
  byId("history-older").addEventListener("click", () => { pages += 1; draw(); });

  async function draw() {
    try {
      const found = await allowed("/executions", { query: { limit: pages * PAGE } });
      const shown = found?.executions ?? [];
      byId("history-older").hidden = !found?.next_cursor || pages * PAGE >= MOST;
      fill(byId("history-sum"), shown.length ? `the last ${number(shown.length)}: ${dollars(shown.reduce((sum, one) => sum + (one.usd ?? 0), 0))}` : "");
      fill(byId("history"), shown.length ? shown.map((one) => item(one, choose))
        : h("li", { class: "dim", text: "Queries that ended are listed here, newest first, with what they cost. They are kept for 90 days." }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(byId("history"), h("li", { class: "error", text: explain(error) }));
    }
  }

  return { draw };
}

function item(one, choose) {
  const { sql, query_id: saved, submitted_at: at, rows, execution_ms: ms, scanned_bytes: scanned, usd, state, format, from_cache: cached, error } = one;
  const what = h("button", { type: "button", class: "link code", title: sql, text: sql.replace(/\s+/g, " "), on: { click: () => choose(sql) } });
  const took = [time(at), state === "succeeded" ? ` · ${number(rows)} rows · ${number(Math.round(ms ?? 0))} ms · ${bytes(scanned)} · ` : " · ",
    state === "succeeded" ? h("b", { text: cached ? "nothing, from the cache" : dollars(usd) }) : h("span", { class: "tag", data: { tone: TONE[state] ?? "busy" }, text: state }),
    saved ? ` · ${saved}` : null, format === "json" ? null : ` · ${format}`, error ? ` · ${error}` : null];
  return h("li", {}, what, h("span", { class: "dim took" }, took));
}
