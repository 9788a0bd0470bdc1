// The live counts as this page knows them: a snapshot, then deltas. No DOM in here.
const MINUTE = 60_000;
const RATE_MS = 10_000;
const KEEP_MINUTES = 130;
export const SIZES = [1, 5, 15, 60];

/** Start of the bucket of `size` minutes that holds the instant, true floor, milliseconds. */
export const floorTo = (ms, size) => Math.floor(ms / (size * MINUTE)) * size * MINUTE;

/** Instants in milliseconds of the server's clock; counts are absolute. */
export function createMetrics(clock = Date.now) {
  const series = new Map();
  let offset = 0, snapshotAt = null, knownFrom = Infinity, serverCheck = null, since = clock();
  let arrivals = [];

  const now = () => clock() + offset;
  const one = (name, kind) => {
    const key = `${kind} ${name}`;
    if (!series.has(key)) series.set(key, { key, name, kind, minutes: new Map(), cells: new Map() });
    return series.get(key);
  };
  const setClock = (asOf) => { const at = Date.parse(asOf); if (!Number.isNaN(at)) offset = at - clock(); };

  function applySnapshot(data) {
    setClock(data.as_of);
    series.clear();
    arrivals = [];
    since = clock();
    snapshotAt = now();
    knownFrom = floorTo(snapshotAt, 1) - 59 * MINUTE;
    serverCheck = data.check ?? null;
    for (const s of data.series ?? []) {
      const target = one(s.series, s.kind);
      for (const [size, pair] of Object.entries(s.buckets)) {
        for (const bucket of [pair.current, pair.previous]) {
          if (bucket) target.cells.set(`${size}@${Date.parse(bucket.start)}`, bucket.count);
        }
      }
    }
    for (const m of data.minutes ?? []) one(m.series, m.kind).minutes.set(Date.parse(m.start), m.count);
  }

  function applyDelta(data) {
    setClock(data.as_of);
    let arrived = 0;
    for (const change of data.changes ?? []) {
      const target = one(change.series, change.kind);
      const minute = Date.parse(change.minute);
      const delta = applyMinute(target, minute, change);
      for (const size of SIZES) addToCell(target, size, minute, delta);
      if (change.kind === "event" && delta > 0) arrived += delta;
    }
    if (arrived) arrivals.push({ at: clock(), n: arrived });
    prune();
  }

  // Counts are absolute, so a delta that a snapshot had in it already changes nothing.
  function applyMinute(target, minute, change) {
    if (minute < knownFrom) return change.delta;
    const before = target.minutes.get(minute) ?? 0;
    target.minutes.set(minute, change.count);
    return change.count - before;
  }

  // Buckets older than the snapshot's previous ones are not shown, so not kept either; a series
  // that the snapshot did not name had zero in all of its buckets.
  function addToCell(target, size, minute, delta) {
    const start = floorTo(minute, size), key = `${size}@${start}`;
    if (start < floorTo(snapshotAt, size) - size * MINUTE) return;
    target.cells.set(key, (target.cells.get(key) ?? 0) + delta);
  }

  function prune() {
    const oldest = floorTo(now(), 1) - KEEP_MINUTES * MINUTE;
    if (knownFrom >= oldest) return;
    knownFrom = oldest;
    for (const s of series.values()) {
      for (const minute of s.minutes.keys()) if (minute < oldest) s.minutes.delete(minute);
      for (const key of s.cells.keys()) if (Number(key.split("@")[1]) < oldest - 60 * MINUTE) s.cells.delete(key);
    }
  }

  /** `{start, end, count}` of the bucket of `size` minutes, `back` buckets ago (0 = current). */
  function bucket(s, size, back) {
    const start = floorTo(now(), size) - back * size * MINUTE;
    return { start, end: start + size * MINUTE, count: s.cells.get(`${size}@${start}`) ?? 0 };
  }

  /** Sum of the one-minute counts in `[start, end)`; null where not all of them are known here. */
  function minuteSum(s, start, end) {
    if (start < knownFrom) return null;
    let sum = 0;
    for (let at = start; at < end; at += MINUTE) sum += s.minutes.get(at) ?? 0;
    return sum;
  }

  /** Buckets that differ from their minutes: `{series, size, back, count, sum}`, and how many were compared. */
  function crossCheck(of = [...series.values()]) {
    const faults = [];
    let compared = 0;
    for (const s of of) for (const size of SIZES) for (const back of [0, 1]) {
      const { start, end, count } = bucket(s, size, back);
      const sum = minuteSum(s, start, end);
      if (sum === null) continue;
      compared += 1;
      if (sum !== count) faults.push({ series: s.name, size, back, count, sum });
    }
    return { compared, faults };
  }

  /** The last `n` minute starts, oldest first. */
  const lastMinutes = (n) => Array.from({ length: n }, (_, i) => floorTo(now(), 1) - (n - 1 - i) * MINUTE);

  /** Events that arrived a second, over the last ten seconds. */
  function perSecond() {
    const from = clock() - RATE_MS;
    arrivals = arrivals.filter((a) => a.at >= from);
    const over = Math.min(RATE_MS, Math.max(1000, clock() - since));
    return arrivals.reduce((sum, a) => sum + a.n, 0) / (over / 1000);
  }

  const list = (kind) => [...series.values()].filter((s) => !kind || s.kind === kind);
  return {
    applySnapshot, applyDelta, bucket, minuteSum, crossCheck, lastMinutes, perSecond, list, now,
    ready: () => snapshotAt !== null, serverCheck: () => serverCheck, setServerCheck: (c) => { serverCheck = c; },
  };
}
