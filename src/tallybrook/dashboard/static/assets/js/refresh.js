// Reading again: at a steady pace, because numbers change by time alone, and sooner when there is
// news. A slow read makes the next one wait, so that looking costs the server little.
const SHARE = 20;

/**
 * Run `task` (may be async) every `everyMs` while started and visible. `soon()` brings the next
 * run forward, but not before `soonestMs` after the last one, or 20 times as long as that took.
 */
export function refresher(task, { soonestMs = 1000, everyMs = 5000 } = {}) {
  let timer = null, dueAt = Infinity, wanted = false, running = null, next = everyMs, endedAt = 0, tookMs = 0;

  function run() {
    plan(null);
    if (!wanted || document.hidden) return Promise.resolve();
    running ??= turn();
    return running;
  }

  async function turn() {
    const began = performance.now();
    next = everyMs;
    try { await task(); } finally {
      running = null;
      endedAt = performance.now();
      tookMs = endedAt - began;
      if (next === null) run(); else plan(next);
    }
  }

  function plan(inMs) {
    clearTimeout(timer);
    dueAt = Infinity;
    if (inMs === null || !wanted) return;
    const earliest = endedAt + Math.max(soonestMs, SHARE * tookMs);
    dueAt = Math.max(performance.now() + inMs, earliest);
    timer = setTimeout(run, dueAt - performance.now());
  }

  document.addEventListener("visibilitychange", () => { if (wanted && !document.hidden && !running) run(); });
  return {
    start() { wanted = true; return run(); },
    stop() { wanted = false; plan(null); },
    /** Run at once, or again when what runs has ended: the viewer asked for it. */
    now() { if (running) next = null; return run(); },
    soon() {
      if (running) next = next === null ? null : 0;
      else if (wanted && dueAt > performance.now() + soonestMs) plan(0);
    },
  };
}
