// What to do when there is nothing yet: a line to paste into a terminal.
import { ApiError, currentKey, request } from "../api.js";
import { announce, byId, fill, h } from "../dom.js";

const line = (key) =>
  `curl ${location.origin}/events -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' ` +
  `-d '{"event_type":"hello","user_id":"me"}'`;

/** Show or hide the first steps. */
export function showEmpty(on) {
  const box = byId("empty");
  if (box.hidden === !on && (!on || box.childElementCount)) return;
  box.hidden = !on;
  if (!on) return;
  const title = h("h2", { text: "No events yet" });
  tellOlder(title);
  fill(box, title,
    h("p", { text: "Send one from a terminal; this page shows it at once, without a reload." }),
    h("pre", { class: "code", tabindex: "0" }, h("code", { text: line("YOUR_KEY") })),
    h("button", { type: "button", text: "Copy with this key", on: { click: copy } }));
}

async function tellOlder(title) {
  try {
    const { series } = await request("/series");
    if (series.length) title.textContent = "Nothing in the last two hours; what is older is under Totals and Query";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

async function copy(event) {
  const button = event.currentTarget;
  try {
    await navigator.clipboard.writeText(line(currentKey() ?? "none-needed"));
    button.textContent = "Copied";
    announce("Copied");
  } catch {
    // Clipboards are refused outside https and localhost: select the line instead.
    getSelection().selectAllChildren(byId("empty").querySelector("code"));
    announce("Select and copy the line; put your key in");
  }
}
