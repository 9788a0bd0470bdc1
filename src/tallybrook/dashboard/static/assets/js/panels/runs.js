// Runs of workflows with their steps, and what is done by the clock.
import { ApiError, explain, request } from "../api.js";
import { announce, byId, fill, h, options, redraw, table } from "../dom.js";
import { seconds, time, utc } from "../format.js";
import { refresher } from "../refresh.js";
import { words } from "./entity_words.js";

const LIMIT = 50;
const STATUSES = [["", "all"], ["queued", "queued"], ["running", "running"], ["succeeded", "succeeded"], ["failed", "failed"], ["cancelled", "cancelled"]];
const TONE = { succeeded: "good", done: "good", failed: "bad", running: "busy", queued: "busy" };
const OPEN = ["queued", "running"];

export function runsPanel() {
  const status = h("select", { id: "runs-status" }), said = h("p", { class: "error", role: "alert" });
  const list = h("div", { id: "runs-list", class: "scroll", tabindex: "0", role: "region", "aria-label": "List of runs" });
  const older = h("button", { type: "button", hidden: true, text: "Show older" }), clock = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Schedules" });
  const refresh = refresher(load);
  let turn = 0, more = [], next = null;

  options(status, STATUSES);
  status.addEventListener("change", () => { more = []; turn += 1; refresh.now(); });
  older.addEventListener("click", readOlder);
  fill(byId("panel-runs"),
    h("section", { class: "card", "aria-labelledby": "schedules-title" }, h("h2", { id: "schedules-title", text: "Done by the clock" }), clock),
    h("section", { class: "card", "aria-labelledby": "runs-title" }, h("header", { class: "card-head" }, h("h2", { id: "runs-title", text: "Runs" }),
      h("div", { class: "field-row" }, h("label", { for: "runs-status", text: "Status" }), status)), said, list, h("div", { class: "actions" }, older)));

  async function load() {
    const mine = (turn += 1);
    try {
      const [found, { schedules }] = await Promise.all([request("/runs", { query: { status: status.value, limit: LIMIT } }), request("/schedules")]);
      if (mine !== turn) return;
      fill(said);
      if (!more.length) next = found.next_cursor;
      draw(found.runs);
      redraw(clock, schedules, () => scheduleTable(schedules));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn) fill(said, explain(error));
    }
  }

  function draw(newest) {
    const known = new Set(newest.map((run) => run.run_id));
    const runs = [...newest, ...more.filter((run) => !known.has(run.run_id))];
    older.hidden = !next;
    const focused = document.activeElement?.closest?.("#runs-list")?.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
    const opened = new Set([...list.querySelectorAll("details[open]")].map((node) => node.dataset.runId));
    redraw(list, runs, () => (runs.length ? h("ul", { class: "runs" }, runs.map((run) => item(run, opened.has(run.run_id), act)))
      : h("p", { class: "dim", text: "No runs. They are started for files that are put, for a time range that is counted again, and by the clock." })));
    if (focused?.act) list.querySelector(`[data-act="${CSS.escape(focused.act)}"][data-run-id="${CSS.escape(focused.runId)}"]`)?.focus({ preventScroll: true });
  }

  async function readOlder() {
    const { runs, next_cursor: cursor } = await request("/runs", { query: { status: status.value, limit: LIMIT, cursor: next } });
    more = [...more, ...runs];
    next = cursor;
    refresh.now();
  }

  async function act(run, what) {
    try {
      await request(`/runs/${encodeURIComponent(run.run_id)}/${what}`, { method: "POST" });
      announce(what === "retry" ? "Started again" : "Cancelled");
      refresh.now();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(said, explain(error));
    }
  }

  return { open: () => refresh.start(), close: () => refresh.stop() };
}

function item(run, opened, act) {
  const button = (what, text) => h("button", { type: "button", data: { act: what, runId: run.run_id }, text, on: { click: () => act(run, what) } });
  return h("li", {},
    h("div", { class: "run-head" }, h("b", { text: subject(run) }), h("span", { class: "tag", data: { tone: TONE[run.status] ?? "" }, text: run.status }),
      run.attempt > 1 ? h("span", { class: "dim", text: `attempt ${run.attempt}` }) : null,
      h("span", { class: "dim when" }, time(run.created_at)),
      ["failed", "cancelled"].includes(run.status) ? button("retry", "Retry") : null, OPEN.includes(run.status) ? button("cancel", "Cancel") : null),
    h("ol", { class: "steps", "aria-label": "Steps" }, run.steps.map((step) => h("li", {}, h("span", { class: "tag", data: { tone: TONE[step.status] ?? "" }, title: step.status, text: `${MARK[step.status] ?? ""} ${step.name}` }),
      h("span", { class: "sr-only", text: `, ${step.status}` }), step.tries > 1 ? h("span", { class: "dim", text: ` tried ${step.tries} times` }) : null))),
    run.error ? h("p", { class: "error", text: run.error }) : null,
    details(run, opened));
}

const MARK = { done: "✓", failed: "✗", running: "…", waiting: "" };

// What a run is about, as a person would call it.
function subject({ kind, input, run_id: id }) {
  if (kind === "file") return `File ${input.key ?? id}`;
  if (kind === "range") return `Count again ${minute(input.start)} to ${minute(input.end)} UTC`;
  return words(String(input.job ?? id).replaceAll("-", "_"));
}

const minute = (text) => utc(Date.parse(text)).slice(0, 16);

function details(run, opened) {
  const rows = run.steps.map((step) => [step.name, step.status, String(step.tries), step.started_at ? time(step.started_at) : "–", took(step), step.error ?? (Object.keys(step.output).length ? JSON.stringify(step.output) : "–")]);
  return h("details", { open: opened, data: { runId: run.run_id } }, h("summary", { text: `Steps of ${run.run_id}` }),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Steps" },
      table({ rowHeads: true, caption: "Steps", rows, columns: ["Step", "Status", "Tries", "Began", "Took", "Gave"].map((label, i) => ({ label, numeric: i === 2 })) })));
}

const took = ({ started_at: from, ended_at: to }) => (from && to ? seconds((Date.parse(to) - Date.parse(from)) / 1000) : "–");

const scheduleTable = (schedules) => table({ rowHeads: true, caption: "Schedules", columns: ["What", "Every", "Last", "Next", "What it does"].map((label) => ({ label })),
  rows: schedules.map((one) => [words(one.name.replaceAll("-", "_")), one.every_s ? seconds(one.every_s).replace("1.0 h", "hour").replace("24.0 h", "day") : "all the time",
    one.last ? h("span", {}, time(one.last), " ", h("span", { class: "tag", data: { tone: TONE[one.last_status] ?? "" }, text: one.last_status ?? "" })) : one.every_s ? "not yet" : "–",
    one.next ? time(one.next) : "–", h("span", { class: "dim about", text: one.about })]) });
