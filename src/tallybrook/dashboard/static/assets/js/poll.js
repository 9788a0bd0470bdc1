// Repeat a task while it is wanted and the page can be seen.

/** `task` may be async; the next run starts `everyMs` after the last one ended. */
export function poller(task, everyMs) {
  let timer = null, running = false, wanted = false;

  async function turn() {
    clearTimeout(timer);
    if (!wanted || running) return;
    running = true;
    try { if (!document.hidden) await task(); } finally { running = false; }
    if (wanted) timer = setTimeout(turn, everyMs);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
  return {
    start() { wanted = true; turn(); },
    stop() { wanted = false; clearTimeout(timer); },
    now: turn,
  };
}
