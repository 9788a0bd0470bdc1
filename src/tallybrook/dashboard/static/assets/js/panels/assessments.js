// Assessments: how scores are spread in groups of people, and one person's result.
import { ApiError, explain, request } from "../api.js";
import { byId, fill, h, options, redraw, setText } from "../dom.js";
import { number } from "../format.js";
import { refresher } from "../refresh.js";
import { assessmentSearch } from "./assessment_search.js";
import { DOMAINS, FACETS, words } from "./ocean_words.js";
import { oneScale, overview } from "./spreads.js";

const GROUPS = [["industry", "industry"], ["role", "role"], ["experience", "experience"], ["age_range", "age"], ["region", "region"]];
const INVENTORIES = [["ocean-120", "120 items"], ["ocean-300", "300 items"]];
const EVERY_MS = 30_000;

/** `openFailed()` shows the failed records. */
export function assessmentsPanel({ openFailed }) {
  const [group, inventory, scale] = ["group", "inventory", "scale"].map((name) => h("select", { id: `spread-${name}` }));
  const said = h("p", { class: "dim", id: "spread-said" });
  const list = h("div", { id: "spread-list" });
  const refresh = refresher(load, { everyMs: EVERY_MS });
  let turn = 0, last = null;

  options(group, GROUPS);
  options(inventory, INVENTORIES);
  fill(scale, h("option", { value: "", text: "All five domains" }), h("optgroup", { label: "Domains" }, DOMAINS.map(option)),
    DOMAINS.map((domain) => h("optgroup", { label: `Facets of ${domain}` }, FACETS[domain].map(option))));
  for (const select of [group, inventory]) select.addEventListener("change", () => { turn += 1; refresh.now(); });
  scale.addEventListener("change", () => { if (last) draw(last); });
  fill(byId("panel-assessments"), card("spread-title", "Scores by group",
    h("div", { class: "controls" }, field("By", group), field("Inventory", inventory), field("Scale", scale)), said, list),
  assessmentSearch({ openFailed }).node);

  async function load() {
    const mine = (turn += 1);
    try {
      const answer = await request("/assessments/distributions", { query: { group_by: group.value, assessment_type: inventory.value } });
      if (mine === turn) draw(answer);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn) redraw(list, explain(error), () => h("p", { class: "error", role: "alert", text: explain(error) }));
    }
  }

  function draw(answer) {
    last = answer;
    setText(said, about(answer));
    redraw(list, [answer, scale.value], () => {
      if (!answer.groups.length) return answer.withheld ? [] : empty();
      return scale.value ? oneScale(answer, scale.value) : overview(answer);
    });
  }

  return { open: () => refresh.start(), close: () => refresh.stop() };
}

const option = (name) => h("option", { value: name, text: words(name) });
const field = (label, select) => h("div", {}, h("label", { for: select.id, text: label }), select);

const card = (id, title, ...parts) => h("section", { class: "card", "aria-labelledby": id }, h("h2", { id, text: title }), ...parts);

// Why there is less than everything.
function about({ groups, withheld, k, complete }) {
  const people = groups.reduce((sum, one) => sum + one.people, 0);
  const parts = [];
  if (groups.length) parts.push(`${number(people)} people in ${number(groups.length)} ${groups.length === 1 ? "group" : "groups"}, each with the latest score.`);
  if (withheld) parts.push(`${number(withheld)} ${withheld === 1 ? "group is" : "groups are"} withheld, with fewer than ${k} people, or because they would give one away that has fewer.`);
  if (groups.length) parts.push(`Whatever fewer than ${k} people are behind is withheld too; such parts of a drawing are grey.`);
  if (!complete) parts.push("It is of a random sample of the people, because there are many.");
  return parts.join(" ");
}

const empty = () => h("p", { class: "dim", text: "No scores of this inventory yet. They come from POST /assessments, or from files that are put into the bucket." });
