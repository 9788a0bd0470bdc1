// A panel whose module is loaded when its tab is first opened: what nobody looks at costs nothing.
import { byId, fill, h } from "./dom.js";

/** `load()` answers a promise of the panel; `section` is the id of its tab panel. */
export function lazyPanel(section, load) {
  const then = [];
  let panel = null, wanted = false, loading = null;

  async function get() {
    try { panel = await load(); } catch (error) {
      // A module that did not arrive: the server is down or was replaced by another version.
      fill(byId(section), h("p", { class: "card notice", role: "alert", text: `This view could not be loaded (${error.message}). Reload the page.` }));
      return;
    }
    for (const use of then.splice(0)) use(panel);
    if (wanted) panel.open();
  }

  return {
    open() { wanted = true; if (panel) panel.open(); else loading ??= get(); },
    close() { wanted = false; panel?.close(); },
    /** Use the panel now, or once it is there. */
    when(use) { if (panel) use(panel); else then.push(use); },
  };
}
