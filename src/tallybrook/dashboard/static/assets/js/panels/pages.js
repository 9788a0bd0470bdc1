// The pages of an answer: which rows are shown, and the way to the others.
import { ApiError, explain, request } from "../api.js";
import { announce, fill, h, setText } from "../dom.js";
import { number } from "../format.js";

export const PAGE_ROWS = 1000;

/**
 * Buttons to the pages of `first`, the answer's first one, or null where it is all there is;
 * `show(page)` draws another. Every page but the first is asked for by the token of the one before.
 */
export function pager(first, show) {
  const total = first.metadata?.rows ?? null;
  if (!first.metadata?.next_token) return null;
  const tokens = [null, first.metadata.next_token], said = h("span", { class: "rows-shown" }), failed = h("span", { class: "error", role: "alert" });
  const previous = h("button", { type: "button", text: "← Previous", on: { click: () => turn(at - 1) } });
  const next = h("button", { type: "button", text: "Next →", on: { click: () => turn(at + 1) } });
  let at = 0, turning = false;

  async function turn(to) {
    if (turning || to < 0 || !(tokens[to] || to === 0)) return;
    turning = true;
    fill(failed);
    try {
      const page = to === 0 ? first : await request("/query", { body: { next_token: tokens[to], page_rows: PAGE_ROWS } });
      at = to;
      tokens[to + 1] = page.metadata.next_token;
      show(page);
      mark(page.rows.length);
      announce(said.textContent);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      fill(failed, explain(error));
    } finally { turning = false; }
  }

  // A button that has the focus is not disabled, or the focus would be lost.
  function mark(count) {
    const from = at * PAGE_ROWS;
    setText(said, `rows ${number(from + 1)}–${number(from + count)}${total === null ? "" : ` of ${number(total)}`}`);
    previous.setAttribute("aria-disabled", String(at === 0));
    next.setAttribute("aria-disabled", String(!tokens[at + 1]));
  }

  mark(first.rows.length);
  return h("nav", { class: "pages", "aria-label": "Pages of the result" }, previous, said, next, failed);
}
