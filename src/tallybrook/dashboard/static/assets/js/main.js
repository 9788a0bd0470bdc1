// Puts the page together: key, tabs, the live connection and the panels.
import { ApiError, currentKey, explain, keepKey, request, whenUnauthorized } from "./api.js";
import { announce, byId, setText } from "./dom.js";
import { seconds, zone } from "./format.js";
import { lazyPanel } from "./lazy.js";
import { connectLive } from "./live.js";
import { createMetrics } from "./metrics.js";
import { alertsPanel } from "./panels/alerts.js";
import { entitiesPanel } from "./panels/entities.js";
import { failedPanel } from "./panels/failed.js";
import { livePanel } from "./panels/live.js";
import { queryPanel } from "./panels/query.js";
import { totalsPanel } from "./panels/totals.js";
import { setUpTheme } from "./settings.js";
import { withNote } from "./simulated.js";
import { setUpTabs } from "./tabs.js";

const metrics = createMetrics();
const resync = () => connection?.resync();
const openFailed = () => tabs.choose("failed", { focus: true });
const live = livePanel(metrics, { resync, openFailed });
const failed = failedPanel();
const entities = entitiesPanel();
const alerts = alertsPanel(openAlerted);
const assessments = lazyPanel("panel-assessments", async () => (await import("./panels/assessments.js")).assessmentsPanel({ openFailed }));
const agreement = lazyPanel("panel-agreement", async () => (await import("./panels/agreement.js")).agreementPanel());
const costs = lazyPanel("panel-costs", async () => (await import("./panels/costs.js")).costsPanel());
const runs = lazyPanel("panel-runs", async () => (await import("./panels/runs.js")).runsPanel());
const noted = withNote({ live, totals: totalsPanel(), entities, alerts, assessments, agreement, query: queryPanel(), costs, runs, failed });
const tabs = setUpTabs(noted.panels);
let connection = null;
const REASON = "tallybrook.reason";

const STATES = {
  connecting: () => "Connecting…",
  live: () => "Live",
  waiting: (ms) => `Reconnecting in ${seconds(ms / 1000)}`,
  idle: () => "Signed out",
  denied: () => "Not live: the key may not read",
};

// Drift of agreement is an alert too, but no entity of the entities.
function openAlerted(type, id) {
  if (type === "agreement") { tabs.choose("agreement", { focus: true }); return; }
  entities.show(type, id);
  tabs.choose("entities");
}

function showState(name, ms) {
  const pill = byId("connection");
  if (name === "live" && pill.dataset.state !== "live") announce("Connected, live");
  if (name === "waiting" && pill.dataset.state === "live") announce("Connection lost, reconnecting");
  pill.dataset.state = name;
  setText(byId("connection-text"), STATES[name](ms));
}

function receive({ topic, type, data }) {
  if (topic === "metrics") {
    if (type === "snapshot") { metrics.applySnapshot(data); live.renewed(); } else metrics.applyDelta(data);
    live.changed();
  } else if (topic === "failed") failed.received(type, data);
  else if (topic === "alerts") alerts.received(type, data);
  else if (topic === "entities") { entities.received(data); alerts.changed(); }
}

function signIn() {
  byId("signin").hidden = true;
  byId("app").hidden = false;
  byId("signout").hidden = false;
  setText(byId("signin-error"), "");
  connection = connectLive(["metrics", "failed", "entities", "alerts"], { frame: receive, state: showState, error: live.problem, refused: whyRefused });
  tabs.start();
  noted.ask();
  failed.count();
}

// A refused handshake tells the page nothing, so a plain call asks for the reason.
async function whyRefused() {
  try { await request("/realtime/metrics"); live.problem(""); } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) return;
    connection?.close();
    showState("denied");
    live.problem(explain(error));
  }
}

// The page is loaded anew, so that nothing of the account stays in it; the reason survives that.
function signOut(reason = "") {
  sessionStorage.clear();
  if (reason) sessionStorage.setItem(REASON, reason);
  connection?.close();
  if (byId("app").hidden) askForKey(); else location.replace(location.pathname);
}

function askForKey() {
  showState("idle");
  byId("signin").hidden = false;
  setText(byId("signin-error"), sessionStorage.getItem(REASON) ?? "");
  sessionStorage.removeItem(REASON);
  byId("key").value = "";
  byId("key").focus();
}

// 401 has signed out already. Whatever else goes wrong is shown by the panels and tried again: a
// key without the read scope may still run queries, and a server that restarts will be back.
async function tryKey(key) {
  if (key) keepKey(key);
  try { await request("/realtime/metrics"); } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return;
  }
  if (!connection) signIn();
}

function keyFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1)).get("key");
  if (!given) return;
  keepKey(given);
  history.replaceState(null, "", location.pathname + location.search);
}

whenUnauthorized(() => signOut(currentKey() ? "That key is not known, or it was revoked." : sessionStorage.getItem(REASON) ?? ""));
byId("signin-form").addEventListener("submit", (event) => { event.preventDefault(); tryKey(byId("key").value.trim()); });
byId("signout").addEventListener("click", () => signOut("Signed out."));
addEventListener("hashchange", () => { if (location.hash.startsWith("#key=")) { keyFromAddress(); location.reload(); } });
setText(byId("zone"), zone === "UTC" ? "Times are in UTC." : `Times are in your zone (${zone}); hover for UTC.`);
setUpTheme();
keyFromAddress();
// Without a key the server is still asked: with authentication off it answers.
tryKey(currentKey());
