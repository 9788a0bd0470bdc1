// Alerts as a list; the same on their own tab and with an entity.
import { h } from "../dom.js";
import { time } from "../format.js";
import { entityButton } from "./entity_list.js";
import { severityTag, stateTag, words } from "./entity_words.js";

/** `open(alert)` goes to the entity; null where it is shown already. `fresh`: ids to point out. */
export const alertList = (alerts, open, fresh = new Set()) =>
  h("ul", { class: "alerts", "aria-label": "Alerts, newest first" }, alerts.map((alert) => item(alert, open, fresh.has(alert.alert_id))));

function item(alert, open, fresh) {
  return h("li", { data: { alertId: alert.alert_id }, class: fresh ? "fresh" : null },
    h("span", { class: "tags" }, severityTag(alert.severity), " ", stateTag(alert.state)),
    h("span", { class: "what" },
      h("span", { class: "message", title: words(alert.alert_type), text: alert.message }),
      open ? h("span", { class: "of" }, h("span", { class: "dim", text: `${words(alert.entity_type)} ` }), entityButton(alert.entity_id, () => open(alert))) : null),
    h("span", { class: "at" }, time(alert.timestamp)));
}
