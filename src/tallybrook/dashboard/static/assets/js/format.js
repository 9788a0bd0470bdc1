// Numbers and times as the viewer reads them.
import { h } from "./dom.js";

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat(undefined, { maximumFractionDigits: 3 });
const tenth = new Intl.NumberFormat(undefined, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const clockSeconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { year: "numeric", month: "short", day: "numeric" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });

/** The viewer's time zone name. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "local";

/** A count or value with thousands separators; nothing is an en dash, zero is 0. */
export function number(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "bigint" || Number.isInteger(value) ? whole.format(value) : fine.format(value);
}

/** A rate per second: one decimal below 100. */
export const rate = (value) => (value < 100 ? tenth.format(value) : whole.format(value));

/** Bytes in binary units. */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = value, unit = 0;
  while (size >= 1024 && unit < units.length - 1) { size /= 1024; unit += 1; }
  return `${unit === 0 ? whole.format(size) : tenth.format(size)} ${units[unit]}`;
}

/** Dollars; tiny prices keep two significant digits. */
export function dollars(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0 || value >= 0.01) return `$${value.toFixed(2)}`;
  return `$${Number(value.toPrecision(2)).toFixed(Math.min(12, 1 - Math.floor(Math.log10(value))))}`;
}

/** `a, b and c`. */
export const listed = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);

/** Seconds as a short duration. */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 60) return `${value < 10 ? tenth.format(value) : whole.format(value)} s`;
  if (value < 3600) return `${whole.format(value / 60)} min`;
  return value < 172800 ? `${tenth.format(value / 3600)} h` : `${whole.format(value / 86400)} days`;
}

/** Hours and minutes in the viewer's zone. */
export const hourMinute = (ms) => clock.format(ms);

/** `14:35–14:40` in the viewer's zone, as a `<span>` with UTC on hover. */
export function span(startMs, endMs) {
  const title = `${utc(startMs)} to ${utc(endMs)}`;
  return h("span", { class: "when", title, text: `${clock.format(startMs)}–${clock.format(endMs)}` });
}

/** UTC text of an instant in milliseconds, whole seconds. */
export function utc(ms) {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? "unknown" : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** RFC 3339 text that the API takes. */
export const rfc3339 = (ms) => new Date(ms).toISOString();

/** A `<time>` in the viewer's zone with UTC on hover; the date is left out for today, the year for this one. */
export function time(value) {
  const ms = typeof value === "number" ? value : Date.parse(value);
  if (Number.isNaN(ms)) return h("span", { text: value ? String(value) : "–" });
  const today = day.format(ms) === day.format(Date.now()), thisYear = new Date(ms).getFullYear() === new Date().getFullYear();
  const text = today ? clockSeconds.format(ms) : `${(thisYear ? dayOfYear : day).format(ms)} ${clock.format(ms)}`;
  return h("time", { datetime: new Date(ms).toISOString(), title: utc(ms), text });
}
