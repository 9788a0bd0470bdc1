// Failed records: list, inspect, edit, replay.
import { explain, request } from "../api.js";
import { announce, byId, fill, h, options, setText } from "../dom.js";
import { number, time } from "../format.js";
import { showRecord } from "./failed_record.js";

const LIMIT = 200;
const REFRESH_MS = 400;

export function failedPanel() {
  let isOpen = false, chosen = null, timer = null, turn = 0;
  const select = byId("failed-status");
  options(select, [["open", "Waiting"], ["replayed", "Replayed"], ["discarded", "Discarded"], ["all", "All"]]);
  select.addEventListener("change", () => refresh());

  async function refresh() {
    const mine = (turn += 1);
    try {
      const { failed } = await request("/failed", { query: { status: select.value, limit: LIMIT } });
      if (mine !== turn) return;
      drawList(failed);
      if (select.value === "open") badge(failed.length);
      else count();
    } catch (error) {
      if (mine === turn) fill(byId("failed-list"), h("p", { class: "error", text: explain(error) }));
    }
  }

  async function count() {
    try {
      const { failed } = await request("/failed", { query: { status: "open", limit: LIMIT } });
      badge(failed.length);
    } catch (error) {
      setText(byId("stat-failed"), "–");
      byId("stat-failed").title = explain(error);
    }
  }

  function drawList(failed) {
    const box = byId("failed-list");
    if (!failed.length) {
      fill(box, h("p", { class: "dim", text: select.value === "open" ? "Nothing is waiting. What cannot be processed is kept here with its reason, and nothing is dropped." : "None." }));
      if (!chosen) emptyDetail();
      return;
    }
    const focused = document.activeElement?.dataset?.failedId;
    fill(box, h("ul", { class: "failed" }, failed.map(item)));
    if (focused) box.querySelector(`[data-failed-id="${CSS.escape(focused)}"]`)?.focus();
    if (!chosen) emptyDetail();
  }

  function item(record) {
    const button = h("button", { type: "button", data: { failedId: record.failed_id }, "aria-current": record.failed_id === chosen ? "true" : null, on: { click: () => open(record.failed_id) } },
      h("span", { class: "failed-reason", text: record.reason }),
      h("span", { class: "failed-text", text: record.detail ?? "" }),
      h("span", { class: "failed-meta" }, record.source, " · ", time(record.last_at ?? record.first_at), record.tries > 1 ? ` · ${number(record.tries)} tries` : "",
        record.status === "open" ? null : ` · ${record.status}`));
    return h("li", {}, button);
  }

  async function open(id) {
    chosen = id;
    for (const button of byId("failed-list").querySelectorAll("button")) {
      if (button.dataset.failedId === id) button.setAttribute("aria-current", "true"); else button.removeAttribute("aria-current");
    }
    try {
      const record = await request(`/failed/${encodeURIComponent(id)}`);
      if (chosen !== id) return;
      showRecord(byId("failed-detail"), record, settled);
      // On a narrow page the record is below the list.
      if (byId("failed-detail").getBoundingClientRect().top > innerHeight * 0.6) byId("failed-detail").scrollIntoView();
    } catch (error) {
      fill(byId("failed-detail"), h("p", { class: "error", text: explain(error) }));
    }
  }

  function settled(what) { announce(what); refresh(); }

  return {
    count,
    open() { isOpen = true; refresh(); },
    close() { isOpen = false; },
    /** Frames of the topic `failed` only say that something changed: the list is read again. */
    received() {
      clearTimeout(timer);
      timer = setTimeout(() => (isOpen ? refresh() : count()), REFRESH_MS);
    },
  };
}

function badge(n) {
  const text = n >= LIMIT ? `${number(LIMIT)}+` : number(n);
  byId("failed-badge").hidden = n === 0;
  setText(byId("failed-badge"), text);
  fill(byId("stat-failed"), n ? h("button", { type: "button", class: "link", title: "Open the failed records", text }) : text);
}

const emptyDetail = () => fill(byId("failed-detail"), h("p", { class: "dim", text: "Choose a record to see its reason and its body, to correct it and to replay it." }));
