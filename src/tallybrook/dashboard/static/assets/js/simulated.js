// A demo says which of its data nobody real is behind.
import { ApiError, request } from "./api.js";
import { byId, setText } from "./dom.js";

const SAID = {
  entities: "Simulated: the students, tutors and markets here are made up.",
  assessments: "Simulated: nobody real is behind these results. They are drawn from the inventory's published norms.",
  agreement: "Simulated: the messages of the two AIs are made up, with a drift in the middle.",
};
const PANELS = { entities: "entities", alerts: "entities", assessments: "assessments", agreement: "agreement" };

/** The same panels; the note above them is shown with those that are simulated. */
export function withNote(panels) {
  let simulated = [], shown = null;

  function draw() {
    const part = PANELS[shown];
    byId("simulated").hidden = !simulated.includes(part);
    setText(byId("simulated"), SAID[part] ?? "");
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
