// The figures of a report on agreement. What is not defined says why.
import { h, table } from "../dom.js";
import { dollars, number } from "../format.js";
import { coefficient, percent, score, words } from "./ocean_words.js";

const STATISTICS = [
  ["icc", "ICC(2,1)", coefficient], ["ccc", "Lin's CCC", coefficient], ["bias", "Bias (first minus second)", score],
  ["loa_lower", "Limit of agreement, lower", score], ["loa_upper", "Limit of agreement, upper", score], ["mae", "Mean absolute error", score],
  ["pearson", "Pearson", coefficient], ["spearman", "Spearman", coefficient], ["krippendorff_alpha", "Krippendorff's alpha", coefficient],
];
const BRIEF = [["icc", "ICC"], ["ccc", "CCC"], ["bias", "Bias"], ["mae", "MAE"], ["pearson", "Pearson"], ["spearman", "Spearman"]];
const WRITE = Object.fromEntries(STATISTICS.map(([name, , write]) => [name, write]));

/** The four figures to begin with, as parts of a `<dl class="stats">`. */
export function headline({ messages, overall, high_disagreement: high }) {
  const { statistics: of, intervals, reasons } = overall;
  const said = (name, more) => reasons[name] ?? more ?? span(intervals[name], WRITE[name]);
  return [
    tile("ICC(2,1)", coefficient(of.icc), said("icc")),
    tile("Bias, points", score(of.bias), said("bias", `limits ${score(of.loa_lower)} to ${score(of.loa_upper)}`)),
    tile("Mean absolute error", score(of.mae), said("mae")),
    tile("Messages", number(messages), high.reason ?? `${number(high.count)} disagree highly`),
  ];
}

const tile = (name, value, said) => h("div", {}, h("dt", { text: name }), h("dd", {}, value, h("small", { class: "dim", text: said ?? "" })));
const span = (interval, write) => (interval ? `95 %: ${interval.map(write).join(" to ")}` : "no interval");

/** Everything else: overall, by domain, means over messages, confidence and cost. */
export function statisticsOf(report) {
  return [h("div", { class: "cols halves" },
    card("All domains together", h("p", { class: "dim", text: `${counted(report.overall)} Intervals are bootstrapped over messages, ${number(report.resamples)} times.` }),
    scrolling("All domains together", table({ columns: heads("Statistic", "Value", "95 % interval"), rowHeads: true, caption: "Statistics over all domains",
      rows: STATISTICS.map(([name, label, write]) => [label, value(report.overall, name, write), report.overall.intervals[name]?.map(write).join(" to ") ?? "–"]) }))),
    card("Over messages", scrolling("Over messages", table({ columns: heads("Mean", "Value", "95 % interval", "Known"), rowHeads: true, caption: "Means over messages", rows: overMessages(report) })))),
  card("By domain",
    scrolling("By domain", table({ columns: heads("Domain", "Pairs", "Missing", ...BRIEF.map(([, label]) => label)), rowHeads: true, caption: "Statistics by domain",
      rows: Object.entries(report.dimensions).map(([domain, of]) => [words(domain), number(of.pairs), number(of.missing), ...BRIEF.map(([name]) => value(of, name, WRITE[name]))]) }))),
  ];
}

const CALIBRATION = { brier_a: "Brier score of A's confidence", brier_b: "Brier score of B's confidence", ece_a: "Calibration error of A (ECE)", ece_b: "Calibration error of B (ECE)" };
const card = (title, ...parts) => h("section", { class: "card" }, h("h2", { text: title }), ...parts);
const counted = ({ pairs, missing }) => `${number(pairs)} pairs of scores, ${number(missing)} lack one.`;
const heads = (first, ...others) => [{ label: first }, ...others.map((label) => ({ label, numeric: true }))];
const undefinedFor = (reason) => h("span", { class: "null reason", text: `undefined: ${reason ?? "no reason given"}` });
const value = (of, name, write) => (of.statistics[name] === null ? undefinedFor(of.reasons[name]) : write(of.statistics[name]));

function overMessages(report) {
  const share = (label, of) => [label, of.value === null ? undefinedFor(of.reason) : `${percent(of.value)} (${number(of.count)})`, "–", number(of.known)];
  const total = (label, of, write) => [label, of.value === null ? undefinedFor(of.reason) : write(of.value), "–", number(of.known)];
  return [
    ...Object.entries(report.means).map(([name, of]) => [words(name), of.value === null ? undefinedFor(of.reason) : percent(of.value), of.interval?.map(percent).join(" to ") ?? "–", number(of.known)]),
    share("High disagreement", report.high_disagreement), share("Within 5 s", report.sla_met),
    total("Cost of tokens", report.cost_usd, dollars), total("Tokens", report.tokens, number),
    ...Object.entries(report.calibration).map(([name, of]) => [CALIBRATION[name] ?? words(name), of === null ? undefinedFor(report.calibration_reasons[name]) : coefficient(of), "–", "–"]),
  ];
}

const scrolling = (label, node) => h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, node);
