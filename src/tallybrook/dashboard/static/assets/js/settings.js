// Colour theme: follows the system until the viewer chooses; kept in this browser.
import { byId } from "./dom.js";

const KEY = "tallybrook.theme";
const ORDER = ["system", "light", "dark"];
const FACE = { system: ["◐", "follows the system"], light: ["☀", "light"], dark: ["☾", "dark"] };

const chosen = () => localStorage.getItem(KEY) ?? "system";

function apply(name) {
  if (name === "system") { localStorage.removeItem(KEY); delete document.documentElement.dataset.theme; }
  else { localStorage.setItem(KEY, name); document.documentElement.dataset.theme = name; }
  const [face, words] = FACE[name];
  const button = byId("theme");
  button.textContent = face;
  button.setAttribute("aria-label", `Colour theme: ${words}`);
  button.title = `Colour theme: ${words}`;
  dispatchEvent(new Event("themechange"));
}

/** Wire the theme button. */
export function setUpTheme() {
  apply(FACE[chosen()] ? chosen() : "system");
  byId("theme").addEventListener("click", () => apply(ORDER[(ORDER.indexOf(chosen()) + 1) % ORDER.length]));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("themechange")));
}
