// Domains and facets of OCEAN, and how scores and bands are written.
import { words } from "./entity_words.js";

/** Facets by domain, by the names of the public item pool. */
export const FACETS = {
  openness: ["imagination", "artistic_interests", "emotionality", "adventurousness", "intellect", "liberalism"],
  conscientiousness: ["self_efficacy", "orderliness", "dutifulness", "achievement_striving", "self_discipline", "cautiousness"],
  extraversion: ["friendliness", "gregariousness", "assertiveness", "activity_level", "excitement_seeking", "cheerfulness"],
  agreeableness: ["trust", "morality", "altruism", "cooperation", "modesty", "sympathy"],
  neuroticism: ["anxiety", "anger", "depression", "self_consciousness", "immoderation", "vulnerability"],
};
export const DOMAINS = Object.keys(FACETS);

const tenth = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1, signDisplay: "negative" });
const share = new Intl.NumberFormat(undefined, { style: "percent", maximumFractionDigits: 1 });
const precise = new Intl.NumberFormat(undefined, { minimumFractionDigits: 3, maximumFractionDigits: 3, signDisplay: "negative" });

/** A score from 0 to 100, with one decimal. */
export const score = (value) => (value === null || value === undefined ? "–" : tenth.format(value));
export const percent = (value) => (value === null || value === undefined ? "–" : share.format(value));
export const coefficient = (value) => (value === null || value === undefined ? "–" : precise.format(value));

/** A group, band or platform as a person reads it; nothing was said where it is null. */
export const band = (value) => (value === null || value === undefined ? "not said" : String(value).replaceAll("-", " ").replace(/(\d\S*) (\d)/, "$1–$2"));

/** The scales of a result in groups: `[domain or null, names]`; names that no domain has come last. */
export function byDomain(names) {
  const known = new Set(Object.values(FACETS).flat());
  const groups = DOMAINS.map((domain) => [domain, FACETS[domain].filter((name) => names.includes(name))]);
  const others = names.filter((name) => !known.has(name));
  return others.length ? [...groups, [null, others]] : groups;
}

export { words };
