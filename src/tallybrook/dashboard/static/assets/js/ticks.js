// Where a time axis gets its labels, and how they read. Steps of a day and more are UTC days.
const DAY_S = 86400;
const SPACE_PX = 68;
const STEPS_S = [60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, DAY_S, 2 * DAY_S, 7 * DAY_S];

const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const localDays = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
const utcDays = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone: "UTC" });
const months = new Intl.DateTimeFormat(undefined, { month: "short", year: "numeric", timeZone: "UTC" });

const localSeconds = (s) => s - new Date(s * 1000).getTimezoneOffset() * 60;

/** The times, in seconds, of a chart `width` pixels wide that get a label. */
export function ticksFor(times, step, width) {
  const most = Math.max(2, Math.floor(width / SPACE_PX));
  if (step >= DAY_S) {
    const every = Math.ceil(times.length / most);
    return times.filter((_, i) => (times.length - 1 - i) % every === 0);
  }
  const across = times.length * step;
  const every = STEPS_S.find((s) => s >= step && across / s <= most) ?? Math.ceil(across / most / DAY_S) * DAY_S;
  return times.filter((s) => localSeconds(s) % every === 0);
}

/** The label of a time: hours within a day, else the day or the month. */
export function tickLabel(seconds, step) {
  const ms = seconds * 1000;
  if (step >= 28 * DAY_S) return months.format(ms);
  if (step >= DAY_S) return utcDays.format(ms);
  return localSeconds(seconds) % DAY_S === 0 ? localDays.format(ms) : hours.format(ms);
}

/** A UTC day as `2026-03-01`. */
export const utcDay = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
