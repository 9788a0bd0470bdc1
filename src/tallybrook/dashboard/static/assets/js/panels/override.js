// Going on although the budget is used up: for how long and why, and only after a second press.
import { ApiError, explain, request } from "../api.js";
import { announce, byId, fill, h, options } from "../dom.js";
import { dollars, listed } from "../format.js";

const PATH = "/costs/budget/override";
const HOURS = [[1, "1 hour"], [8, "8 hours"], [24, "a day"], [72, "3 days"]];

/** Ask for how long and why; `changed(budget)` once the server has it. */
export function overrideDialog({ month, spent_usd: spent, limit_usd: limit, stopped }, changed) {
  const dialog = byId("override"), said = h("p", { class: "error", role: "alert" });
  const hours = options(h("select", { id: "override-hours" }), [...HOURS, [untilMonthEnds(), "until the month ends"]]);
  const reason = h("input", { id: "override-reason", maxlength: 200, required: true, placeholder: "who needs it, and what for", autocomplete: "off" });
  const submit = h("button", { type: "submit", class: "primary", text: "Override" });

  async function send(event) {
    event.preventDefault();
    submit.disabled = true;
    try {
      const budget = await request(PATH, { body: { hours: Number(hours.value), reason: reason.value.trim() } });
      dialog.close();
      announce("Overridden: nothing is stopped");
      changed(budget);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      submit.disabled = false;
      fill(said, explain(error));
    }
  }

  fill(dialog, h("h2", { id: "override-title", text: "Override the stop" }),
    h("p", {}, `The budget of ${month} is used up: ${dollars(spent)} of ${dollars(limit)}. With this, ${listed(stopped)} go on, and what they cost comes on top.`),
    h("form", { on: { submit: send } },
      h("div", { class: "controls" }, field("For", hours), field("Reason", reason)), said,
      h("div", { class: "actions" }, submit, h("button", { type: "button", text: "Leave it stopped", on: { click: () => dialog.close() } }))));
  hours.value = "24";
  dialog.showModal();
}

/** A button that lets the budget stop things again. */
export function endButton(changed) {
  const said = h("span", { class: "error", role: "alert" });
  const button = h("button", { type: "button", text: "End the override", on: { click: end } });

  async function end() {
    try {
      const budget = await request(PATH, { body: { hours: 0 } });
      announce("The override has ended");
      changed(budget);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(said, explain(error));
    }
  }

  return [button, said];
}

const field = (label, control) => h("div", {}, h("label", { for: control.id, text: label }), control);

// Months are UTC; an hour more than the rest of it does not matter, one too few would.
function untilMonthEnds() {
  const now = new Date();
  return Math.max(1, Math.ceil((Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1) - now) / 3_600_000));
}
