// A demo says which of its data nobody real is behind.
import { ApiError, request } from "./api.js";
import { byId, setText } from "./dom.js";
import { listed } from "./format.js";

const SAID = {
  entities: "Simulated: the students, tutors and markets here are made up.",
  assessments: "Simulated: nobody real is behind these results. They are drawn from the inventory's published norms.",
  agreement: "Simulated: the messages of the two AIs are made up, with a drift in the middle.",
  failures: "A demo: wrong records are sent on purpose, so that there is something to mend.",
};
const PANELS = { entities: ["entities"], alerts: ["entities", "agreement"], assessments: ["assessments"], agreement: ["agreement"], failed: ["failures"] };

// These count everything, so the note names the parts of it that are made up.
const MIXED = ["live", "totals", "query"];
const PARTS = { entities: "tutoring (students, tutors, markets)", assessments: "assessments", agreement: "messages of two AIs" };

/** The same panels; the note above them is shown with those that are simulated. */
export function withNote(panels) {
  let simulated = [], shown = null;

  function draw() {
    const said = MIXED.includes(shown) ? mixed() : (PANELS[shown] ?? []).filter((part) => simulated.includes(part)).map((part) => SAID[part]).join(" ");
    byId("simulated").hidden = !said;
    setText(byId("simulated"), said);
  }

  function mixed() {
    const parts = simulated.filter((part) => part in PARTS).map((part) => PARTS[part]);
    return parts.length ? `Partly simulated: what comes from ${listed(parts)} is made up.` : "";
  }

  const wrapped = Object.fromEntries(Object.entries(panels).map(([name, panel]) => [name, { ...panel, open() { shown = name; draw(); panel.open(); } }]));
  return {
    panels: wrapped,
    /** Ask the server once. A key that may not read is not told. */
    async ask() {
      try { ({ simulated } = await request("/demo")); } catch (error) { if (!(error instanceof ApiError)) throw error; }
      draw();
    },
  };
}
