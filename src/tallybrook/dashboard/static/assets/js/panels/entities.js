// Entities: choose a type, sort, filter, page, look back; one of them in full.
import { ApiError, explain, request } from "../api.js";
import { announce, byId, fill, h, options, redraw, setText } from "../dom.js";
import { number, rfc3339, time } from "../format.js";
import { refresher } from "../refresh.js";
import { entityDetail } from "./entity.js";
import { emptyList, entityGrid, entityTable } from "./entity_list.js";
import { metricWords, words } from "./entity_words.js";

const LIMIT = 50;
const GRID_LIMIT = 1000;

export function entitiesPanel() {
  let described = null, type = null, sort = "", asOf = "", pages = [null], turn = 0, asGrid = false, wanted = null;
  const list = byId("entities-list");
  const detail = entityDetail(byId("entity-detail"), { back, asOf: () => asOf });
  const refresh = refresher(() => (detail.shows() ? detail.load() : load()));

  byId("entities-type").addEventListener("change", () => choose(byId("entities-type").value));
  byId("entities-metric").addEventListener("change", () => { if (described) { drawControls(); again(); } });
  byId("entities-threshold").addEventListener("change", again);
  byId("entities-form").addEventListener("submit", (event) => { event.preventDefault(); again(); });
  byId("entities-as-of").addEventListener("change", lookBack);
  byId("entities-now").addEventListener("click", () => { byId("entities-as-of").value = ""; lookBack(); });
  byId("entities-newer").addEventListener("click", () => { if (pages.length > 1) { pages.pop(); refresh.now(); } });
  byId("entities-older").addEventListener("click", () => { pages.push(list.dataset.next); refresh.now(); });

  async function describe() {
    described = await request("/entities");
    options(byId("entities-type"), described.types.map((t) => [t.type, words(t.type)]));
    choose(wanted?.type ?? described.types[0]?.type, false);
  }

  function choose(name, read = true) {
    type = described.types.find((t) => t.type === name) ?? described.types[0];
    byId("entities-type").value = type.type;
    sort = type.sort;
    asGrid = type.id.length === 2;
    const shown = type.metrics.filter((m) => m.kind !== "source");
    options(byId("entities-metric"), shown.map((m) => [m.name, metricWords(m)]));
    byId("entities-metric").value = sort.replace(/^-/, "");
    fill(byId("entities-shape"), type.id.length === 2 ? [[true, "Grid"], [false, "Table"]].map(([value, text]) =>
      h("button", { type: "button", "aria-pressed": String(value === asGrid), text, on: { click: () => shape(value) } })) : []);
    byId("entities-shape").hidden = type.id.length !== 2;
    byId("entities-threshold").value = "";
    drawControls();
    if (read) again();
  }

  function shape(value) {
    asGrid = value;
    for (const [i, button] of [...byId("entities-shape").children].entries()) button.setAttribute("aria-pressed", String((i === 0) === asGrid));
    drawControls();
    again();
  }

  function drawControls() {
    const metric = type.metrics.find((m) => m.name === sort.replace(/^-/, ""));
    byId("entities-metric-field").hidden = !asGrid;
    byId("entities-threshold-field").hidden = asGrid || metric.type !== "number";
    if (byId("entities-threshold-field").hidden) byId("entities-threshold").value = "";
    setText(byId("entities-threshold-label"), `${metricWords(metric)} ${sort.startsWith("-") ? "from" : "below"}`);
  }

  function again() { pages = [null]; turn += 1; refresh.now(); }

  function sortBy(name) {
    const metric = type.metrics.find((m) => m.name === name);
    const down = `-${name}`;
    if (sort === name) sort = down;
    else if (sort === down) sort = name;
    else sort = metric.kind === "count" ? down : name;
    if (sort.replace(/^-/, "") !== name || metric.type !== "number") byId("entities-threshold").value = "";
    drawControls();
    announce(`Sorted by ${metricWords(metric)}, ${sort.startsWith("-") ? "largest" : "smallest"} first`);
    again();
  }

  function lookBack() {
    const value = byId("entities-as-of").value;
    asOf = value ? rfc3339(new Date(value).getTime()) : "";
    byId("entities-now").hidden = byId("entities-past").hidden = !asOf;
    again();
  }

  async function load() {
    const mine = (turn += 1);
    try {
      if (!described) await describe();
      if (wanted) { const { id } = wanted; wanted = null; await open(id); return; }
      const page = await request(`/entities/${encodeURIComponent(type.type)}`, { query: asked() });
      if (mine === turn) draw(page);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn) redraw(list, explain(error), () => h("p", { class: "error", role: "alert", text: explain(error) }));
    }
  }

  function asked() {
    const cursor = pages.at(-1) ?? undefined;
    return { sort: asGrid ? undefined : sort, threshold: asGrid ? undefined : byId("entities-threshold").value, limit: asGrid ? GRID_LIMIT : LIMIT, cursor, as_of: cursor ? undefined : asOf || undefined };
  }

  function draw(page) {
    const focused = document.activeElement?.closest?.("#entities-list") ? { ...document.activeElement.dataset } : null;
    const at = [list.scrollLeft, list.scrollTop];
    const numbers = page.entities.map(({ entity_id: id, metrics }) => [id, metrics]);
    redraw(list, [type.type, sort, asGrid && byId("entities-metric").value, byId("entities-threshold").value, Boolean(asOf), numbers], () => drawn(page.entities));
    [list.scrollLeft, list.scrollTop] = at;
    refocus(focused);
    list.dataset.next = page.next_cursor ?? "";
    drawFoot(page);
  }

  function drawn(entities) {
    if (!entities.length) return emptyList({ type, filtered: Boolean(byId("entities-threshold").value), asOf });
    if (!asGrid) return entityTable(type, entities, sort, { sort: sortBy, open: openFrom });
    return entityGrid(type, entities, type.metrics.find((m) => m.name === byId("entities-metric").value), openFrom);
  }

  function refocus(focused) {
    if (focused?.entityId !== undefined) list.querySelector(`[data-entity-id="${CSS.escape(focused.entityId)}"]`)?.focus({ preventScroll: true });
    if (focused?.metric !== undefined) list.querySelector(`[data-metric="${CSS.escape(focused.metric)}"]`)?.focus({ preventScroll: true });
  }

  function drawFoot(page) {
    const first = (pages.length - 1) * LIMIT;
    const range = page.entities.length ? `${number(first + 1)}–${number(first + page.entities.length)} of ${number(page.total)}` : "";
    fill(byId("entities-foot"), asGrid ? `${number(page.total)} in all` : range, page.entities.length ? " · as at " : "", page.entities.length ? time(page.as_of) : "");
    byId("entities-newer").hidden = asGrid || pages.length === 1;
    byId("entities-older").hidden = asGrid || !page.next_cursor;
  }

  let cameFrom = null;

  async function openFrom(id) { cameFrom = id; await open(id); }

  async function open(id) {
    turn += 1;
    byId("entities-card").hidden = true;
    await detail.open(type, id);
  }

  function back() {
    detail.close();
    byId("entities-card").hidden = false;
    const id = cameFrom;
    refresh.now().then(() => { if (id) list.querySelector(`[data-entity-id="${CSS.escape(id)}"]`)?.focus(); });
  }

  return {
    open: () => refresh.start(),
    close: () => refresh.stop(),
    /** Open one entity, whatever is shown now. */
    show(typeName, id) {
      cameFrom = null;
      if (asOf) { byId("entities-as-of").value = ""; lookBack(); }
      if (!described) { wanted = { type: typeName, id }; return; }
      if (type.type !== typeName) choose(typeName, false);
      open(id);
    },
    /** Frames of the topic `entities` say which types to read again. */
    received({ types }) { if (!asOf && (!type || types.includes(type.type))) refresh.soon(); },
  };
}
