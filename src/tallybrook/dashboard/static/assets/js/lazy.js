// A panel whose module is loaded when its tab is first opened: what nobody looks at costs nothing.
import { byId, fill, h } from "./dom.js";

const AGAIN_MS = 5000;

/** `load()` answers a promise of the panel; `section` is the id of its tab panel. */
export function lazyPanel(section, load) {
  const then = [];
  let panel = null, wanted = false, loading = null;

  async function get() {
    try { panel = await load(); } catch (error) {
      // A module that did not arrive: the server is down or was replaced by another version.
      loading = null;
      fill(byId(section), h("p", { class: "card notice", role: "alert", title: error.message, text: "This view could not be loaded. It is tried again; if that does not help, reload the page." }));
      setTimeout(() => { if (wanted) loading ??= get(); }, AGAIN_MS);
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
