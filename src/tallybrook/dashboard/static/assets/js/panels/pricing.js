// What a question would cost, asked before it runs: a dry run, which is no query and costs nothing.
import { ApiError, request } from "../api.js";
import { fill, h } from "../dom.js";
import { bytes, dollars } from "../format.js";

const FRESH_MS = 60_000;
const QUIET = [0, 401, 403];

/** `line` is where the price is shown. A question is `{path, body}`. */
export function pricing(line) {
  let last = null;

  /** The estimate (`metadata` of a dry run); the same question is asked once a minute at most. */
  function of({ path, body }) {
    const key = JSON.stringify([path, body]);
    if (last?.key === key && Date.now() - last.at < FRESH_MS) return last.answer;
    last?.abort.abort();
    const abort = new AbortController();
    const answer = request(path, { body: { ...body, dry_run: true }, signal: abort.signal }).then(({ metadata }) => metadata);
    const asked = (last = { key, abort, answer, at: Date.now() });
    answer.catch(() => { if (last === asked) last = null; });
    return answer;
  }

  /** Show the estimate, or why it would be refused; what was shown before goes. */
  async function show(question) {
    const mine = (turn += 1);
    fill(line);
    try {
      const found = await of(question);
      if (mine === turn) fill(line, sentence(found));
    } catch (error) {
      if (error.name === "AbortError") return;
      if (!(error instanceof ApiError)) throw error;
      if (mine === turn && !QUIET.includes(error.status)) fill(line, h("strong", { text: "Would be refused: " }), error.message);
    }
  }

  let turn = 0;
  return { of, show, clear() { turn += 1; fill(line); }, stop() { turn += 1; last?.abort.abort(); last = null; } };
}

/** One sentence on what an estimate says. */
export const sentence = ({ estimated_usd: usd, scanned_bytes: scanned }) => h("span", {}, "It would scan about ", h("strong", { text: bytes(scanned) }), ", which costs ", h("strong", { text: dollars(usd) }), ".");
