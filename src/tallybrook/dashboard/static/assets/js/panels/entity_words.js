// How entities, metrics and severities are called and written.
import { h } from "../dom.js";
import { number } from "../format.js";

const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const signed = new Intl.NumberFormat(undefined, { signDisplay: "exceptZero", maximumFractionDigits: 2 });
const RANK = ["info", "warning", "critical"];
export const TONE = { info: "info", warning: "busy", critical: "bad" };

/** `ib_calls_14d` as a person writes it. */
export function words(name) {
  const text = name.replace(/_?\{days\}d/, "").replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What a metric is called beside its windows: without their days. */
export const groupWords = (metric) =>
  words(metric.days.length === 1 ? metric.group.replace(new RegExp(`_${metric.days[0]}d$`), "") : metric.group);

/** What a metric is called by itself. */
export function metricWords(metric) {
  const days = metric.days.length ? ` ${metric.days.join("\u00a0−\u00a0")}\u00a0d` : "";
  return groupWords(metric) + days;
}

/** A value as text. */
export function valueText(value, unit = "as_told") {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "string") return value;
  if (unit === "ratio") return share.format(value);
  return unit === "facts_per_day" ? `${signed.format(value)} a day` : number(value);
}

const OPS = { ">=": (a, b) => a >= b, ">": (a, b) => a > b, "<": (a, b) => a < b, "<=": (a, b) => a <= b, "==": (a, b) => a === b };

/** The worst severity that an alert rule of the type gives a metric's value, or null. */
export function severityOf(type, name, metrics) {
  let worst = -1;
  for (const rule of type.rules.filter((r) => r.metric === name && meets(r.requires, metrics))) {
    for (const level of rule.levels) {
      if (typeof metrics[name] === typeof level.value && OPS[rule.op](metrics[name], level.value)) worst = Math.max(worst, RANK.indexOf(level.severity));
    }
  }
  return RANK[worst] ?? null;
}

const meets = (requires, metrics) => !requires || (metrics[requires.metric] ?? -Infinity) >= requires.at_least;

/** A value as a node: coloured where a rule speaks of it, with its source where there is one. */
export function valueNode(type, metric, metrics) {
  const severity = severityOf(type, metric.name, metrics);
  const text = valueText(metrics[metric.name], metric.unit);
  const value = severity ? h("span", { class: "tag", data: { tone: TONE[severity] }, title: `As an alert: ${severity}`, text }) : h("span", { text });
  const source = metric.source && metrics[metric.source];
  return h("span", { class: "valued" }, value, source ? h("span", { class: "source", text: source }) : null);
}

/** The parts of an id that several keys made. */
export const idParts = (id) => id.split(":").map((part) => part.replace(/%3A/gi, ":").replaceAll("%25", "%"));

/** A tag for a severity. */
export const severityTag = (severity) => h("span", { class: "tag", data: { tone: TONE[severity] ?? "" }, text: severity });

/** A tag for what has become of an alert. */
export const stateTag = (state) => h("span", { class: "tag", data: { tone: state === "active" ? "bad" : "good" },
  title: state === "active" ? "Its rule has held ever since" : "Its rule held no more", text: state === "active" ? "firing" : "over" });
