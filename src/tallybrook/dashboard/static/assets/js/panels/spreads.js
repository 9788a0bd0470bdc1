// How scores are spread in groups: a table in which one column is drawn.
import { h, table } from "../dom.js";
import { number } from "../format.js";
import { strip } from "../strips.js";
import { DOMAINS, band, score, words } from "./ocean_words.js";

const QUANTILES = [["p10", "P10"], ["p25", "P25"], ["p50", "Median"], ["p75", "P75"], ["p90", "P90"]];
const CELLS = Array.from({ length: 10 }, (_, i) => `${i * 10}–${i * 10 + 10}`);

/** All five domains side by side: mean and shape for each group. */
export function overview({ groups, k }) {
  const columns = [{ label: "Group" }, { label: "People", numeric: true }, ...DOMAINS.map((name) => ({ label: words(name) }))];
  const rows = groups.map((group) => [band(group.value), number(group.people),
    ...DOMAINS.map((name) => h("span", { class: "drawn" }, strip(group.domains[name], highest(groups.map((g) => g.domains[name])), spoken(group.domains[name], k)), mean(group.domains[name])))]);
  return scrolling("Scores by group", marked(table({ columns, rows, rowHeads: true, caption: "Mean score and its distribution, by group and domain" })));
}

const mean = (spread) => (spread.mean === null ? withheld() : h("b", { text: score(spread.mean) }));

/** One domain or facet: shape, mean, standard deviation and quantiles for each group. */
export function oneScale({ groups, k }, name) {
  const of = (group) => group.domains[name] ?? group.facets[name];
  const high = highest(groups.map(of));
  const columns = [{ label: "Group" }, { label: "People", numeric: true }, { label: "0 to 100" }, { label: "Mean", numeric: true }, { label: "SD", numeric: true },
    ...QUANTILES.map(([, label]) => ({ label, numeric: true }))];
  const rows = groups.map((group) => {
    const spread = of(group);
    return [band(group.value), number(spread.people ?? group.people), strip(spread, high, spoken(spread, k)), shown(spread.mean), shown(spread.std_dev),
      ...QUANTILES.map(([key]) => shown(spread.quantiles[key]))];
  });
  return [scrolling(`${words(name)} by group`, marked(table({ columns, rows, rowHeads: true, caption: `${words(name)} by group` }))), counts(groups, of, name, k)];
}

// What the drawn column shows, in figures.
function counts(groups, of, name, k) {
  const columns = [{ label: "Group" }, ...CELLS.map((label) => ({ label, numeric: true }))];
  const rows = groups.map((group) => [band(group.value), ...of(group).histogram.map((n) => (n === null ? h("span", { class: "withheld", text: `< ${k}` }) : number(n)))]);
  return h("details", {}, h("summary", { text: "People by ten points, as a table" }),
    scrolling("People by ten points", table({ columns, rows, rowHeads: true, caption: `${words(name)}: people by ten points` })));
}

const shown = (value) => (value === null ? withheld() : score(value));
const withheld = () => h("span", { class: "withheld", text: "withheld" });

const highest = (spreads) => Math.max(0.01, ...spreads.flatMap((s) => s.histogram.map((n) => (n ?? 0) / (s.people ?? 1))));

function spoken(spread, k) {
  if (spread.mean === null) return `Withheld: fewer than ${k} people.`;
  const { p25, p50, p75 } = spread.quantiles;
  const middle = p25 !== null && p75 !== null ? ` Half of them lie from ${score(p25)} to ${score(p75)}.` : "";
  return `Mean ${score(spread.mean)}${p50 === null ? "" : `, median ${score(p50)}`}.${middle}`;
}

function marked(node) {
  node.classList.add("spreads");
  return node;
}

const scrolling = (label, node) => h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label }, node);
