// Alerts: newest first, by severity; new ones come by themselves.
import { ApiError, explain, request } from "../api.js";
import { announce, byId, fill, h, redraw, setText } from "../dom.js";
import { number } from "../format.js";
import { refresher } from "../refresh.js";
import { alertList } from "./alert_list.js";
import { firstSteps } from "./entity_list.js";

const LIMIT = 50;
const SEVERITIES = [["", "All"], ["critical", "Critical"], ["warning", "Warning"], ["info", "Info"]];

/** `openEntity(type, id)` shows one. */
export function alertsPanel(openEntity) {
  let severity = "", next = null, turn = 0, isOpen = false;
  const shown = new Map(), newest = new Map(), fresh = new Set();
  const box = byId("alerts-list");
  const refresh = refresher(load);

  fill(byId("alerts-severity"), SEVERITIES.map(([value, text]) =>
    h("button", { type: "button", "aria-pressed": String(value === ""), text, on: { click: (event) => choose(value, event.currentTarget) } })));
  byId("alerts-older").addEventListener("click", older);

  function choose(value, button) {
    severity = value;
    for (const other of byId("alerts-severity").children) other.setAttribute("aria-pressed", String(other === button));
    shown.clear();
    next = null;
    turn += 1;
    refresh.now();
  }

  async function read(query, mine) {
    try {
      const page = await request("/alerts", { query: { severity, limit: LIMIT, ...query } });
      if (mine !== turn) return null;
      for (const alert of page.alerts) { shown.set(alert.alert_id, alert); if (newest.has(alert.alert_id)) newest.set(alert.alert_id, alert); }
      return page;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn) redraw(box, explain(error), () => h("p", { class: "error", role: "alert", text: explain(error) }));
      return null;
    }
  }

  // The first page again, for what has become of its alerts; older pages stay as they were read.
  async function load() {
    const begun = shown.size > 0;
    const page = await read({}, (turn += 1));
    if (!page) return;
    if (!begun) next = page.next_cursor;
    draw();
  }

  async function older() {
    const page = await read({ cursor: next }, turn);
    if (!page) return;
    next = page.next_cursor;
    draw();
  }

  function draw() {
    badge();
    const alerts = [...shown.values()].sort(newestFirst);
    byId("alerts-older").hidden = !next;
    const focused = document.activeElement?.closest?.("#alerts-list li")?.dataset.alertId;
    const open = (alert) => openEntity(alert.entity_type, alert.entity_id);
    redraw(box, [severity, alerts], () => (alerts.length ? alertList(alerts, open, fresh) : empty(severity)));
    if (focused) box.querySelector(`[data-alert-id="${CSS.escape(focused)}"] button`)?.focus({ preventScroll: true });
  }

  function badge() {
    const firing = [...newest.values()].filter((alert) => alert.state === "active").length;
    byId("alerts-badge").hidden = firing === 0;
    setText(byId("alerts-badge"), number(firing));
    byId("alerts-badge").title = `firing, of the newest ${number(newest.size)}`;
  }

  function received(kind, { alerts }) {
    if (kind === "snapshot") newest.clear();
    const unknown = kind === "delta" ? alerts.filter((alert) => !newest.has(alert.alert_id) && !shown.has(alert.alert_id)) : [];
    for (const alert of alerts) newest.set(alert.alert_id, alert);
    for (const [id] of [...newest].sort(([, a], [, b]) => newestFirst(a, b)).slice(LIMIT)) newest.delete(id);
    badge();
    if (kind === "snapshot") { if (isOpen) refresh.soon(); return; }
    insert(unknown);
    if (unknown.length === 1) announce(`New alert, ${unknown[0].severity}: ${unknown[0].message}`);
    if (unknown.length > 1) announce(`${unknown.length} new alerts`);
  }

  // One that is older than everything shown is on a page that was not asked for yet.
  function insert(alerts) {
    const oldest = [...shown.values()].sort(newestFirst).at(-1);
    for (const alert of alerts) {
      if (severity && alert.severity !== severity) continue;
      if (next && oldest && newestFirst(alert, oldest) > 0) continue;
      shown.set(alert.alert_id, alert);
      fresh.add(alert.alert_id);
    }
    if (isOpen && alerts.length) draw();
  }

  return {
    open() { isOpen = true; refresh.start(); },
    close() { isOpen = false; refresh.stop(); fresh.clear(); },
    received,
    /** Something was told of entities: alerts may be over. */
    changed() { if (isOpen) refresh.soon(); },
  };
}

const newestFirst = (a, b) => Date.parse(b.timestamp) - Date.parse(a.timestamp) || (a.alert_id < b.alert_id ? -1 : 1);

const empty = (severity) => (severity ? h("p", { class: "dim", text: `No alert is ${severity}.` })
  : firstSteps("No alerts. They are made when a rule begins to hold for an entity. To see some, let a made-up stream in:"));
