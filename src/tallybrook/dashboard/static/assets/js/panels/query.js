// The query console: write, run, cancel, read.
import { ApiError, request } from "../api.js";
import { announce, byId, fill, h, options, setText } from "../dom.js";
import { EXAMPLES } from "./examples.js";
import { queryHistory } from "./history.js";
import { parameterFields } from "./parameters.js";
import { showPrice, showRefusal, showResult } from "./result.js";

const DRAFT = "tallybrook.draft";
const MOST_ROWS = 1000;

export function queryPanel() {
  const sql = byId("sql");
  const parameters = parameterFields(byId("parameters"));
  const history = queryHistory((text) => write(text));
  let abort = null;

  options(byId("examples"), [["", "Examples…"], ...EXAMPLES.map((e, i) => [String(i), e.name])]);
  byId("examples").addEventListener("change", (event) => {
    const example = EXAMPLES[Number(event.target.value)];
    if (event.target.value !== "" && example) write(example.sql, example.parameters);
    event.target.value = "";
  });
  byId("query-form").addEventListener("submit", (event) => { event.preventDefault(); run(); });
  byId("price").addEventListener("click", () => run({ dry: true }));
  byId("cancel").addEventListener("click", () => abort?.abort());
  sql.addEventListener("input", () => { parameters.follow(sql.value); sessionStorage.setItem(DRAFT, sql.value); });
  sql.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); run(); }
  });

  function write(text, values = {}) {
    sql.value = text;
    sessionStorage.setItem(DRAFT, text);
    parameters.follow(text, values);
    sql.focus();
  }

  async function run({ dry = false } = {}) {
    const text = sql.value.trim();
    if (!text || abort) return;
    abort = new AbortController();
    busy(true);
    try {
      const body = { sql: text, parameters: parameters.values(), limit: MOST_ROWS, dry_run: dry };
      const answer = await request("/query", { body, signal: abort.signal });
      if (dry) { showPrice(byId("query-result"), answer); status(""); return; }
      history.add(text);
      showResult(byId("query-result"), answer);
      status("");
      announce(`${answer.rows.length} rows`);
    } catch (error) {
      failed(error);
    } finally {
      abort = null;
      busy(false);
    }
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

  return {
    open() {
      if (!sql.value) { sql.value = sessionStorage.getItem(DRAFT) ?? EXAMPLES[0].sql; parameters.follow(sql.value); }
      history.draw();
    },
    close() {},
  };
}
