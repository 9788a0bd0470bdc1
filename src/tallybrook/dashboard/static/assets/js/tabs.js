// Tabs by mouse and keyboard (arrows, Home, End); the chosen one is kept in the address.
import { byId } from "./dom.js";

/** `panels`: name → `{open(), close()}`; names are the ids after `tab-` and `panel-`. */
export function setUpTabs(panels) {
  const names = Object.keys(panels);
  let chosen = null;

  function choose(name, { focus = false } = {}) {
    if (!names.includes(name) || name === chosen) { if (focus) byId(`tab-${chosen}`).focus(); return; }
    if (chosen) panels[chosen].close();
    chosen = name;
    for (const other of names) mark(other, other === name);
    if (focus) byId(`tab-${name}`).focus();
    byId(`tab-${name}`).scrollIntoView({ block: "nearest", inline: "nearest" });
    history.replaceState(null, "", name === names[0] ? location.pathname : `#${name}`);
    panels[name].open();
  }

  function mark(name, on) {
    const tab = byId(`tab-${name}`);
    tab.setAttribute("aria-selected", String(on));
    tab.tabIndex = on ? 0 : -1;
    byId(`panel-${name}`).hidden = !on;
  }

  const target = { ArrowRight: (i) => i + 1, ArrowLeft: (i) => i - 1, Home: () => 0, End: () => names.length - 1 };
  for (const [i, name] of names.entries()) {
    byId(`tab-${name}`).addEventListener("click", () => choose(name));
    byId(`tab-${name}`).addEventListener("keydown", (event) => {
      if (!(event.key in target)) return;
      event.preventDefault();
      choose(names[(target[event.key](i) + names.length) % names.length], { focus: true });
    });
  }

  return {
    choose,
    /** Open the tab named in the address, else the first. */
    start() { choose(names.find((name) => location.hash === `#${name}`) ?? names[0]); },
  };
}
