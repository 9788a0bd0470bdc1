// Date ranges and steps for totals. Days are UTC days, as the server counts them.
import { rfc3339 } from "../format.js";

export const GROUPS = [["1m", "minute"], ["5m", "5 minutes"], ["15m", "15 minutes"], ["1h", "hour"], ["1d", "day"], ["1w", "week"], ["1mo", "month"]];
export const STEP_S = { "1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400, "1w": 604800, "1mo": 2592000 };

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;

/** `hours` back from now, or `days` up to and with today; `group` is the step that suits it. */
export const PRESETS = [
  { name: "1h", label: "Last hour", hours: 1, group: "1m" },
  { name: "24h", label: "Last 24 hours", hours: 24, group: "1h" },
  { name: "7d", label: "Last 7 days", days: 7, group: "1d" },
  { name: "30d", label: "Last 30 days", days: 30, group: "1d" },
  { name: "90d", label: "Last 90 days", days: 90, group: "1w" },
  { name: "365d", label: "Last 365 days", days: 365, group: "1mo" },
  { name: "custom", label: "Choose days…" },
];

const day = (ms) => rfc3339(ms).slice(0, 10);

/** `{start, end}` for /analytics. */
export function rangeOf(name, from, to, now = Date.now()) {
  const preset = PRESETS.find((p) => p.name === name);
  // Whole minutes, so that the stored buckets can answer.
  const minute = Math.ceil(now / MINUTE) * MINUTE;
  if (preset.hours) return { start: rfc3339(minute - preset.hours * HOUR), end: rfc3339(minute) };
  if (preset.days) return { start: day(now - (preset.days - 1) * DAY), end: day(now) };
  return { start: from, end: to };
}
