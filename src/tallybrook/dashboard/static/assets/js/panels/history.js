// The last queries, kept in this browser only.
import { byId, fill, h } from "../dom.js";

const KEY = "tallybrook.history";
const MOST = 30;

/** `choose(sql)` is called with the query that was picked. */
export function queryHistory(choose) {
  byId("history-clear").addEventListener("click", () => { localStorage.removeItem(KEY); draw(); });

  function draw() {
    const kept = read();
    byId("history-clear").hidden = !kept.length;
    fill(byId("history"), kept.length ? kept.map((sql) => h("li", {},
      h("button", { type: "button", class: "link code", title: sql, text: sql.replace(/\s+/g, " "), on: { click: () => choose(sql) } })))
      : h("li", { class: "dim", text: "Queries that ran are listed here, newest first. They stay in this browser." }));
  }

  function add(sql) {
    localStorage.setItem(KEY, JSON.stringify([sql, ...read().filter((other) => other !== sql)].slice(0, MOST)));
    draw();
  }

  return { add, draw };
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(kept) ? kept.filter((sql) => typeof sql === "string") : [];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
