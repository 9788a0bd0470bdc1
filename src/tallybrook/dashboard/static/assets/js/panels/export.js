// An answer as a file: asked for again in that format, and saved by the browser.
import { ApiError, explain, download } from "../api.js";
import { announce, fill, h } from "../dom.js";

const FORMATS = [["csv", "CSV"], ["xlsx", "Excel"], ["json", "JSON"], ["ndjson", "NDJSON"], ["parquet", "Parquet"]];

/** Buttons that export what `body` asks for at `path`. */
export function exportButtons(path, body) {
  const said = h("span", { class: "dim", role: "status" });
  let running = false;

  async function save(format) {
    if (running) return;
    running = true;
    fill(said, "Exporting…");
    try {
      const file = await download(path, { ...body, format });
      offer(file, `tallybrook-query.${format}`);
      fill(said, "");
      announce("Exported");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(said, h("span", { class: "error", text: explain(error) }));
    } finally { running = false; }
  }

  return h("div", { class: "actions", role: "group", "aria-label": "Export" }, h("span", { class: "dim", text: "Export all rows:" }),
    FORMATS.map(([format, label]) => h("button", { type: "button", data: { format }, text: label, on: { click: () => save(format) } })), said);
}

function offer(file, name) {
  const url = URL.createObjectURL(file), link = h("a", { href: url, download: name });
  link.click();
  URL.revokeObjectURL(url);
}
