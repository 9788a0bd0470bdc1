// The query console: write with completion, price, run, cancel, read, export.
import { ApiError, allowed, request } from "../api.js";
import { announce, byId, fill, options, setText } from "../dom.js";
import { budgetBar } from "./budget.js";
import { completion } from "./completion.js";
import { EXAMPLES } from "./examples.js";
import { exportButtons } from "./export.js";
import { queryHistory } from "./history.js";
import { PAGE_ROWS } from "./pages.js";
import { parameterFields } from "./parameters.js";
import { pricing } from "./pricing.js";
import { savedQueries } from "./saved.js";
import { showPrice, showRefusal, showResult } from "./result.js";

const DRAFT = "tallybrook.draft";
// More than anybody pages through; an export has all rows.
const MOST_ROWS = 100_000;
// A query that was given up is in the history once the server has noticed.
const NOTICED_MS = 1500;

export function queryPanel() {
  const sql = byId("sql");
  const parameters = parameterFields(byId("parameters"));
  const price = pricing(byId("query-price"));
  const history = queryHistory((text) => write(text));
  const saved = savedQueries((query, presets) => { picked = query; write(query.sql, presets); status(`${query.name}: ${query.description}`); });
  let abort = null, tables = [], picked = null;

  options(byId("examples"), [["", "Examples…"], ...EXAMPLES.map((e, i) => [String(i), e.name])]);
  byId("examples").addEventListener("change", (event) => {
    const example = EXAMPLES[Number(event.target.value)];
    if (event.target.value !== "" && example) write(example.sql, example.parameters);
    event.target.value = "";
  });
  byId("query-form").addEventListener("submit", (event) => { event.preventDefault(); run(); });
  byId("price").addEventListener("click", () => run({ dry: true }));
  byId("cancel").addEventListener("click", () => abort?.abort());
  completion(sql, () => tables, changed);
  sql.addEventListener("input", changed);
  for (const node of [sql, byId("parameters")]) node.addEventListener("change", foretell);
  sql.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
  });

  function changed() {
    parameters.follow(sql.value);
    sessionStorage.setItem(DRAFT, sql.value);
    price.clear();
  }

  function write(text, values = {}) {
    sql.value = text;
    sessionStorage.setItem(DRAFT, text);
    parameters.follow(text, values);
    sql.focus();
    sql.setSelectionRange(0, 0);
    sql.scrollTop = 0;
    foretell();
  }

  // The price of what stands there, once somebody has finished writing it.
  function foretell() {
    if (abort) return;
    let asked = null;
    try { asked = question(); } catch { /* a value is missing: there is nothing to price yet */ }
    if (asked) price.show(asked); else price.clear();
  }

  async function run({ dry = false } = {}) {
    if (!sql.value.trim() || abort) return;
    abort = new AbortController();
    abort.signal.addEventListener("abort", price.stop);
    busy(true);
    try {
      const asked = question(), { path, body } = asked;
      const estimate = await price.of(asked);
      if (dry) { showPrice(byId("query-result"), estimate); status(""); return; }
      price.show(asked);
      const answer = await request(path, { body: { ...body, format: "json", limit: MOST_ROWS, page_rows: PAGE_ROWS }, signal: abort.signal });
      price.clear();
      showResult(byId("query-result"), answer, { exports: exportButtons(path, body), estimate });
      status("");
      announce(`${answer.metadata?.rows ?? answer.rows.length} rows`);
    } catch (error) {
      failed(error);
    } finally {
      const given = abort.signal.aborted;
      abort = null;
      busy(false);
      if (!dry) { history.draw(); readBudget(); }
      if (given) setTimeout(history.draw, NOTICED_MS);
    }
  }

  // A saved query that nobody has changed is run as such, so that the history has its name.
  function question() {
    const text = sql.value.trim(), bound = parameters.values();
    if (!text) return null;
    if (picked?.sql.trim() === text) return { path: `/queries/${encodeURIComponent(picked.id)}/run`, body: { parameters: bound } };
    return { path: "/query", body: { sql: text, parameters: bound } };
  }

  function failed(error) {
    price.clear();
    if (error.name === "AbortError") { fill(byId("query-result")); status("Cancelled."); return; }
    showRefusal(byId("query-result"), error);
    status(error instanceof ApiError && error.status ? "Refused." : "No answer.");
  }

  // What is disabled loses the focus: it goes on to Cancel, and from there back to Run.
  function busy(on) {
    const at = document.activeElement?.id;
    byId("cancel").disabled = !on;
    if (on && (at === "run" || at === "price")) byId("cancel").focus();
    byId("run").disabled = on;
    byId("price").disabled = on;
    if (!on && at === "cancel") byId("run").focus();
    byId("query-result").classList.toggle("waiting", on);
    if (on) status("Running…");
  }

  const status = (text) => setText(byId("query-status"), text);

  // Extras: without them queries run all the same.
  async function fillExtras() {
    try { await readExtras(); } catch (error) { if (!(error instanceof ApiError)) throw error; }
  }

  async function readExtras() {
    tables = (await allowed("/tables"))?.tables ?? [];
    await saved.load();
    await readBudget();
  }

  async function readBudget() {
    try { drawBudget(await allowed("/costs/budget")); } catch (error) { if (!(error instanceof ApiError)) throw error; }
  }

  function drawBudget(budget) {
    byId("query-budget").hidden = !budget?.limit_usd;
    if (budget?.limit_usd) fill(byId("query-budget"), budgetBar(budget, overridden));
  }

  // What was refused may run now, or the other way round.
  function overridden(budget) {
    drawBudget(budget);
    fill(byId("query-result"));
    status("");
    price.stop();
    foretell();
  }

  return {
    open() {
      fillExtras();
      if (!sql.value) { sql.value = sessionStorage.getItem(DRAFT) ?? EXAMPLES[0].sql; parameters.follow(sql.value); }
      foretell();
      history.draw();
    },
    close() {},
  };
}
