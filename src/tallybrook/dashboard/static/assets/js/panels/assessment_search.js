// Look up one person's latest result, or one assessment.
import { ApiError, explain, request } from "../api.js";
import { announce, fill, h } from "../dom.js";
import { time } from "../format.js";
import { profile } from "./profile.js";

const STATUS = { received: "received, not scored yet", scored: "scored", failed: "failed" };

/** `openFailed()` shows the failed records. `node` is the card. */
export function assessmentSearch({ openFailed }) {
  const user = input("profile-user"), assessment = input("profile-assessment");
  const result = h("div", { id: "profile" });
  const form = h("form", { class: "controls" }, field("User", user), field("Assessment (optional)", assessment),
    h("div", {}, h("button", { type: "submit", class: "primary", text: "Look up" })));
  let turn = 0;

  form.addEventListener("submit", (event) => { event.preventDefault(); look(); });

  async function look() {
    const mine = (turn += 1), who = user.value.trim(), which = assessment.value.trim();
    if (!who && !which) { user.focus(); return; }
    result.classList.add("waiting");
    try {
      const found = await (which ? one(who, which) : latest(who));
      if (mine === turn) { draw(found); announce("Result shown"); }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn) fill(result, h("p", { class: "error", role: "alert", text: explain(error) }));
    } finally {
      if (mine === turn) result.classList.remove("waiting");
    }
  }

  const latest = async (who) => ({ title: who, status: "scored", result: await request(`/users/${encodeURIComponent(who)}/ocean`) });

  async function one(who, which) {
    const found = await request(`/assessments/${encodeURIComponent(which)}`, { query: { user_id: who } });
    return { ...found, title: which };
  }

  function draw({ title, status, result: scored, reason, failed_id: failedId, received_at: at }) {
    const heading = h("h3", { class: "entity-title", tabindex: "-1", text: title });
    const tone = status === "failed" ? "bad" : scored ? "good" : "busy";
    fill(result, h("div", { class: "card-head profile-head" }, heading, h("span", { class: "tag", data: { tone }, text: STATUS[status] ?? status })),
      at ? h("p", { class: "dim" }, "received ", time(at)) : null,
      reason ? h("p", { class: "error", text: reason }) : null,
      failedId ? h("button", { type: "button", text: "Show the failed records", on: { click: openFailed } }) : null,
      scored ? profile(scored) : null);
    heading.focus();
  }

  const node = h("section", { class: "card", "aria-labelledby": "profile-title" }, h("h2", { id: "profile-title", text: "One result" }),
    h("p", { class: "dim", text: "By the ids as they were sent, or by their pseudonyms. Without an assessment it is the person's latest." }), form, result);
  return { node };
}

const input = (id) => h("input", { id, spellcheck: "false", autocapitalize: "none", autocomplete: "off" });
const field = (label, control) => h("div", {}, h("label", { for: control.id, text: label }), control);
