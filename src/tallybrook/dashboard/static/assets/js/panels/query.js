// The query console: write with completion, price, run, cancel, read, export.
import { ApiError, allowed, request } from "../api.js";
import { announce, byId, fill, h, options, setText } from "../dom.js";
import { budgetBar } from "./budget.js";
import { completion } from "./completion.js";
import { EXAMPLES } from "./examples.js";
import { exportButtons } from "./export.js";
import { queryHistory } from "./history.js";
import { parameterFields } from "./parameters.js";
import { savedQueries } from "./saved.js";
import { showPrice, showRefusal, showResult } from "./result.js";

const DRAFT = "tallybrook.draft";
const MOST_ROWS = 1000;

export function queryPanel() {
  const sql = byId("sql");
  const parameters = parameterFields(byId("parameters"));
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
  sql.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
  });

  function changed() { parameters.follow(sql.value); sessionStorage.setItem(DRAFT, sql.value); }

  function write(text, values = {}) {
    sql.value = text;
    sessionStorage.setItem(DRAFT, text);
    parameters.follow(text, values);
    sql.focus();
    sql.setSelectionRange(0, 0);
    sql.scrollTop = 0;
  }

  async function run({ dry = false } = {}) {
    const text = sql.value.trim();
    if (!text || abort) return;
    abort = new AbortController();
    busy(true);
    try {
      const { path, body } = question(text);
      const answer = await request(path, { body: { ...body, limit: MOST_ROWS, dry_run: dry }, signal: abort.signal });
      if (dry) { showPrice(byId("query-result"), answer); status(""); return; }
      showResult(byId("query-result"), answer, exportButtons(path, body));
      status("");
      announce(`${answer.rows.length} rows`);
    } catch (error) {
      failed(error);
    } finally {
      abort = null;
      busy(false);
      if (!dry) history.draw();
    }
  }

  // A saved query that nobody has changed is run as such, so that the history has its name.
  function question(text) {
    const bound = parameters.values();
    if (picked?.sql.trim() === text) return { path: `/queries/${encodeURIComponent(picked.id)}/run`, body: { parameters: bound } };
    return { path: "/query", body: { sql: text, parameters: bound } };
  }

  function failed(error) {
    if (error.name === "AbortError") { fill(byId("query-result")); status("Cancelled."); return; }
    showRefusal(byId("query-result"), error);
    status(error instanceof ApiError && error.status ? "Refused." : "No answer.");
  }

  function busy(on) {
    byId("run").disabled = on;
    byId("price").disabled = on;
    byId("cancel").disabled = !on;
    byId("query-result").classList.toggle("waiting", on);
    if (on) status("Running…");
  }

  function status(text) {
    setText(byId("query-status"), text);
    announce(text);
  }

  // Extras: without them queries run all the same.
  async function fillExtras() {
    try { await readExtras(); } catch (error) { if (!(error instanceof ApiError)) throw error; }
  }

  async function readExtras() {
    tables = (await allowed("/tables"))?.tables ?? [];
    await saved.load();
    const budget = await allowed("/costs/budget");
    byId("query-budget").hidden = !budget?.limit_usd;
    if (budget?.limit_usd) fill(byId("query-budget"), budgetBar(budget));
  }

  return {
    open() {
      fillExtras();
      if (!sql.value) { sql.value = sessionStorage.getItem(DRAFT) ?? EXAMPLES[0].sql; parameters.follow(sql.value); }
      history.draw();
    },
    close() {},
  };
}
