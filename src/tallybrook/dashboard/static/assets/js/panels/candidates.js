// What may stand at a place of a query: tables, columns of those it names, words of SQL. No DOM.
const WORDS = ["SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "HAVING", "JOIN", "LEFT JOIN", "ON", "AND", "OR", "NOT", "IN", "BETWEEN", "LIKE", "IS NULL", "AS", "DESC", "DISTINCT", "WITH", "CASE", "WHEN", "THEN", "ELSE", "END", "INTERVAL", "CAST", "UNION ALL",
  "count(*)", "count", "sum", "avg", "min", "max", "approx_distinct", "approx_percentile", "date_trunc", "date_diff", "current_date", "current_timestamp", "coalesce", "json_extract_scalar", "round"];
const MOST = 12;
const AFTER_TABLE_WORD = /\b(from|join|describe)\s+$/i;

/**
 * Candidates `{text, kind, note}` for the caret at `at`, and where the word begins that they stand
 * for; none inside strings and comments. `tables`: `[{name, columns: [{name, type}]}]`.
 */
export function candidates(sql, at, tables) {
  const before = sql.slice(0, at);
  if (inText(before)) return { from: at, found: [] };
  const [, owner, word] = before.match(/(?:([A-Za-z_]\w*)\.)?([A-Za-z_]\w*)?$/);
  const from = at - (word ?? "").length;
  const named = mentioned(sql, tables);
  let all;
  if (owner) all = columnsOf(tables.filter((t) => t.name === tableOf(sql, owner, tables)));
  else if (AFTER_TABLE_WORD.test(before.slice(0, from))) all = tables.map(asTable);
  else all = [...columnsOf(named.length ? named : tables), ...tables.map(asTable), ...WORDS.map((text) => ({ text, kind: "word", note: "" }))];
  return { from, found: matching(all, word ?? "") };
}

const asTable = ({ name }) => ({ text: name, kind: "table", note: "" });

function columnsOf(tables) {
  const found = new Map();
  for (const { name, columns } of tables) for (const c of columns) if (!found.has(c.name)) found.set(c.name, { text: c.name, kind: "column", note: `${c.type}${tables.length > 1 ? `, ${name}` : ""}` });
  return [...found.values()];
}

function matching(all, word) {
  const wanted = word.toLowerCase();
  const starts = all.filter(({ text }) => text.toLowerCase().startsWith(wanted));
  const holds = wanted.length < 2 ? [] : all.filter(({ text }) => text.toLowerCase().indexOf(wanted) > 0);
  return [...starts, ...holds].filter(({ text }) => text !== word).slice(0, MOST);
}

const mentioned = (sql, tables) => tables.filter(({ name }) => new RegExp(`\\b${name}\\b`, "i").test(sql));

// `FROM events AS e`, `JOIN ocean_scores s`: the table that a name before a dot stands for.
function tableOf(sql, owner, tables) {
  const alias = tables.find(({ name }) => new RegExp(`\\b${name}\\s+(?:as\\s+)?${owner}\\b`, "i").test(sql));
  return alias?.name ?? owner.toLowerCase();
}

function inText(before) {
  const rest = before.replace(/'(?:[^']|'')*'/g, "").replace(/--[^\n]*\n/g, "").replace(/\/\*[\s\S]*?\*\//g, "");
  return rest.includes("'") || rest.includes("--") || rest.includes("/*") || /\{\{[^}]*$/.test(rest);
}
