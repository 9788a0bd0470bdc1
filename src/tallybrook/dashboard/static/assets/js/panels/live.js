// The Live tab: big numbers, the chart of the last hour, buckets and consumers.
import { ApiError, request } from "../api.js";
import { barChart } from "../charts.js";
import { byId, setText } from "../dom.js";
import { hourMinute, number, rate } from "../format.js";
import { poller } from "../poll.js";
import { bucketTable } from "./buckets.js";
import { consumersPanel } from "./consumers.js";
import { showEmpty } from "./empty.js";
import { legend } from "./legend.js";
import { minuteTable } from "./minutes.js";

const DRAW_MS = 250;
const COMPARE_MS = 20_000;

export function livePanel(metrics, { resync, openFailed }) {
  const chart = barChart(byId("live-chart"));
  const keys = legend(byId("live-legend"), byId("live-kinds"), () => draw());
  const buckets = bucketTable(metrics, resync);
  const consumers = consumersPanel();
  const minutes = minuteTable(byId("live-table"));
  const compare = poller(() => compareWithServer(metrics, resync, buckets), COMPARE_MS);
  let timer = null, wanted = false;

  byId("stat-failed").parentElement.addEventListener("click", (event) => { if (event.target.closest("button")) openFailed(); });

  // Drawn at most four times a second however fast deltas come, and not at all while hidden.
  function changed() {
    if (timer === null && wanted && !document.hidden) timer = setTimeout(draw, DRAW_MS);
  }

  function draw() {
    clearTimeout(timer);
    timer = null;
    if (!wanted || !metrics.ready()) return;
    numbers();
    const times = metrics.lastMinutes(60);
    const layers = keys.layers(metrics.list(keys.kind()), times);
    chart.show({ times: times.map((t) => t / 1000), step: 60, layers, whole: true, label: (s) => `${hourMinute(s * 1000)}` });
    describe(layers);
    minutes.show(times, layers);
    keys.offerKinds(metrics.list("record").length > 0);
    buckets.draw();
    showEmpty(metrics.list().length === 0);
  }

  function numbers() {
    const times = metrics.lastMinutes(60), events = metrics.list("event");
    const sum = (from) => events.reduce((all, s) => all + times.slice(from).reduce((n, t) => n + (s.minutes.get(t) ?? 0), 0), 0);
    setText(byId("stat-minute"), number(sum(59)));
    setText(byId("stat-hour"), number(sum(0)));
    setText(byId("stat-second"), rate(metrics.perSecond()));
  }

  const tick = poller(draw, 1000);
  document.addEventListener("visibilitychange", changed);
  return {
    changed,
    renewed: () => buckets.renewed(),
    problem(text) { const box = byId("live-problem"); box.hidden = !text; setText(box, text); },
    open() { wanted = true; tick.start(); compare.start(); consumers.open(); },
    close() { wanted = false; tick.stop(); compare.stop(); consumers.close(); },
  };
}

function describe(layers) {
  const parts = layers.map((layer) => `${layer.name} ${number(layer.values.reduce((a, b) => a + b, 0))}`);
  const text = `Last hour by minute and type: ${parts.join(", ") || "nothing yet"}. A table follows.`;
  const box = byId("live-chart");
  if (box.getAttribute("aria-label") !== text) box.setAttribute("aria-label", text);
}

let driftedBefore = false;

// The page's running counts must lie between what it knew before the call and after it. Twice
// outside means that a delta was missed: then a new snapshot is taken.
async function compareWithServer(metrics, resync, buckets) {
  if (!metrics.ready()) return;
  try {
    const before = closedCounts(metrics);
    const answer = await request("/realtime/metrics");
    metrics.setServerCheck(answer.check);
    const drifted = differs(answer, before, closedCounts(metrics));
    if (drifted && driftedBefore) resync();
    driftedBefore = drifted;
    buckets.draw();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
  }
}

function closedCounts(metrics) {
  const counts = new Map();
  for (const s of metrics.list()) for (const size of [1, 5, 15, 60]) for (const back of [0, 1]) {
    const { start, count } = metrics.bucket(s, size, back);
    counts.set(`${s.key} ${size} ${start}`, count);
  }
  return counts;
}

function differs(answer, before, after) {
  return answer.series.some((s) => Object.entries(s.buckets).some(([size, pair]) =>
    [pair.current, pair.previous].some((bucket) => {
      const key = `${s.kind} ${s.series} ${size} ${Date.parse(bucket.start)}`;
      if (!before.has(key) || !after.has(key)) return false;
      const low = Math.min(before.get(key), after.get(key)), high = Math.max(before.get(key), after.get(key));
      return bucket.count < low || bucket.count > high;
    })));
}
