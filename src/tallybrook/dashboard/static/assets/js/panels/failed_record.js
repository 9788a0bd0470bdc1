// One failed record: what came in, why it failed, and the way back in.
import { ApiError, explain, request } from "../api.js";
import { fill, h } from "../dom.js";
import { number, time } from "../format.js";
import { layOut } from "../json.js";

/** Draw the record; `settled(what)` is called after a replay that was accepted, or a discard. */
export function showRecord(box, record, settled) {
  const pretty = record.encoding === "base64" ? record.body : prettyBody(record.body);
  const editor = h("textarea", { id: "failed-body", class: "code", rows: Math.min(22, Math.max(6, pretty.split("\n").length + 1)), spellcheck: "false", autocapitalize: "none" });
  editor.value = pretty;
  const outcome = h("div", { role: "status" });
  const button = h("button", { type: "submit", class: "primary", text: "Replay" });
  const reset = h("button", { type: "button", text: "Undo edits", on: { click: () => { editor.value = pretty; note(); } } });
  const state = h("span", { class: "dim" });
  const note = () => {
    const edited = editor.value !== pretty;
    button.textContent = edited ? "Replay with edits" : "Replay";
    reset.disabled = !edited;
    state.textContent = edited && jsonFault(editor.value) || "";
  };
  editor.addEventListener("input", note);
  const form = h("form", {}, h("label", { for: "failed-body", text: "Body" }), editor,
    h("div", { class: "actions" }, button, reset, discardButton(record, outcome, settled), state), outcome);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const ok = await replay(record, editor.value === pretty ? undefined : editor.value, outcome);
    button.disabled = ok;
    if (ok) settled("Replayed");
  });
  const note64 = record.encoding === "base64"
    ? h("p", { class: "notice", text: "The bytes are not text and are shown in base64. Replaying them unedited sends the original bytes; an edit is sent as the text you write." }) : null;
  fill(box, facts(record), note64, form);
  note();
  if (record.status !== "open") for (const control of form.elements) control.disabled = control !== editor;
}

// Asks once more: the second press discards.
function discardButton(record, outcome, done) {
  let asked = false;
  const button = h("button", { type: "button", text: "Discard" });
  button.addEventListener("blur", () => { asked = false; button.textContent = "Discard"; });
  button.addEventListener("click", async () => {
    if (!asked) { asked = true; button.textContent = "Really discard?"; return; }
    button.disabled = true;
    try {
      await request(`/failed/${encodeURIComponent(record.failed_id)}`, { method: "DELETE" });
      fill(outcome, h("p", { class: "success", text: "Discarded. It stays on file under Discarded." }));
      done("Discarded");
    } catch (error) {
      button.disabled = false;
      fill(outcome, h("p", { class: "error", text: explain(error) }));
    }
  });
  return button;
}

async function replay(record, body, outcome) {
  try {
    const answer = await request(`/failed/${encodeURIComponent(record.failed_id)}/replay`, { method: "POST", body });
    fill(outcome, h("p", { class: "success" }, answer.status === "duplicate" ? "It had been counted before, so nothing changed. " : "Accepted and counted. ",
      answer.event_id ? `Event ${answer.event_id}.` : ""));
    return true;
  } catch (error) {
    const faults = error instanceof ApiError ? error.problem.errors ?? [] : [];
    fill(outcome, h("p", { class: "error", text: `Still refused: ${explain(error)}` }),
      h("ul", {}, faults.map((e) => h("li", { text: `${e.pointer || "body"}: ${e.detail}` }))));
    return false;
  }
}

function facts(record) {
  const pairs = [["Reason", record.reason], ["Detail", record.detail], ["Source", record.source], ["Status", record.status],
    ["Tries", number(record.tries)], ["First", time(record.first_at)], ["Last", time(record.last_at)], ["Id", record.failed_id]];
  return [h("h2", { text: "Record" }), h("dl", { class: "record" }, pairs.filter(([, v]) => v !== undefined && v !== null && v !== "").map(([name, value]) =>
    h("div", {}, h("dt", { text: name }), h("dd", {}, value))))];
}

function prettyBody(body) {
  if (body !== null && typeof body === "object") return JSON.stringify(body, null, 2);
  const text = String(body ?? "");
  return jsonFault(text) ? text : layOut(text);
}

function jsonFault(text) {
  try { JSON.parse(text); return null; } catch (error) { return `Not JSON: ${error.message}`; }
}
