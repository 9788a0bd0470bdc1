// One result: domains with their facets, where they stand among others, and whether to believe it.
import { h, table } from "../dom.js";
import { number, seconds, time } from "../format.js";
import { scoreStrip } from "../strips.js";
import { band, byDomain, percent, score, words } from "./ocean_words.js";

/** Everything about a scored result, as nodes. */
export function profile(result) {
  return [facts(result), ...validity(result), norms(result), h("div", { class: result.norms ? "profile normed" : "profile" }, blocks(result)), indicators(result)].filter(Boolean);
}

function facts(result) {
  const pairs = [["Taken", time(result.timestamp)], ["Inventory", result.assessment_type], ["Answers", result.scale],
    ["Time", result.completion_time === null ? null : seconds(result.completion_time)],
    ["Age", result.age_range], ["Industry", result.industry], ["Role", result.role], ["Experience", result.experience], ["Region", result.region],
    ["Device", result.device], ["Scoring", `version ${result.scoring_version}`]];
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined);
  return h("dl", { class: "facts" }, shown.map(([name, value]) => h("div", {}, h("dt", { text: name }), h("dd", {}, value instanceof Node ? value : band(value)))));
}

const VERDICT = {
  ok: ["good", "consistent"],
  questionable: ["busy", "questionable: from .30 to .50"],
  inconsistent: ["bad", "inconsistent: below .30"],
};

function validity({ validity: found, reasons }) {
  const [tone, said] = VERDICT[found.verdict] ?? ["busy", "not known"];
  const items = [
    ["Complete", percent(found.completeness), found.scorable ? "good" : "bad", found.scorable ? "enough answers" : "too few answers: not scored", reasons.scores],
    ["Consistency", found.consistency === null ? "–" : number(found.consistency), tone, said, found.reason],
    ["Long runs", "", found.long_run ? "bad" : "good", found.long_run ? "the same answer too often in a row" : "none",
      found.long_run ? "consistency counts as 0" : null],
  ];
  return [h("h4", { text: "Validity" }), h("ul", { class: "validity" }, items.map(([name, value, toned, text, why]) => h("li", {},
    h("span", { class: "dim", text: name }), h("b", { text: value }), h("span", { class: "tag", data: { tone: toned }, text }), why ? h("span", { class: "dim", text: why }) : null)))];
}

function norms({ norms: found, reasons, norm_set: set }) {
  if (!found) return h("p", { class: "dim", text: `Scores are raw, from 0 to 100, and are not held against anybody's${reasons.norms ? `: ${reasons.norms}.` : "."}` });
  return h("p", { class: "dim", text: `Held against the norms ${set ?? found.norm_set}, group ${found.group}. The band is the 95 % interval of the percentile.` });
}

function blocks({ scores, norms: found, reasons }) {
  const names = Object.keys(scores.facets);
  return byDomain(names).map(([domain, facets]) => {
    const rows = [...(domain && domain in scores ? [row(domain, { score: scores[domain] }, found?.scales[domain], reasons[domain])] : []),
      ...facets.map((name) => row(name, scores.facets[name], found?.scales[name], reasons[name]))];
    const made = table({ columns: columns(found), rows, rowHeads: true, caption: `${domain ? words(domain) : "Other scales"} and its facets` });
    made.classList.add("scales");
    return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": domain ? words(domain) : "Other scales" }, made);
  });
}

const columns = (found) => [{ label: "Scale" }, { label: found ? "Percentile" : "0 to 100" }, { label: "Score", numeric: true },
  ...(found ? [{ label: "T (95 %)", numeric: true }, { label: "Percentile (95 %)", numeric: true }] : [{ label: "SD", numeric: true }, { label: "Answers", numeric: true }])];

function row(name, { score: value, std_dev: deviation, responses }, standing, reason) {
  const interval = standing?.percentile_interval ?? null;
  const drawn = standing ? standing.percentile : value;
  const spoken = value === null ? `${words(name)}: no score` : `${words(name)}: ${standing ? `percentile ${score(drawn)}` : score(drawn)}`;
  const cells = standing
    ? [beside(standing.t, standing.t_interval), beside(standing.percentile, interval)]
    : [score(deviation), responses === undefined ? "" : number(responses)];
  const shown = value === null ? h("span", { class: "null", title: reason ?? "", text: "no score" }) : score(value);
  return [words(name), scoreStrip(drawn, interval, spoken), shown, ...cells];
}

const beside = (value, interval) => h("span", {}, score(value), interval ? h("span", { class: "dim", text: ` (${interval.map(score).join("–")})` }) : null);

function indicators({ dark_side_indicators: found }) {
  if (!found) return null;
  return h("details", {}, h("summary", { text: "Indicators (asked for; no diagnosis)" }),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Indicators" }, table({ columns: [{ label: "Indicator" }, { label: "0 to 100", numeric: true }],
      rows: Object.entries(found).map(([name, value]) => [words(name), score(value)]), rowHeads: true, caption: "Indicators" })));
}
