// The WebSocket: connect, subscribe, resume after the last sequence number, back off.
import { currentKey } from "./api.js";

const FIRST_MS = 500;
const MOST_MS = 15_000;
// The server pings every 15 s: silence for three of them means a dead connection.
const SILENCE_MS = 45_000;
const DENIED = new Set([1008, 4401, 4403]);

/**
 * Keep a live subscription. `on.frame(message)` for snapshot and delta, `on.state(name, waitMs)`
 * with `connecting`, `live`, `waiting`; `on.refused()` when a connection never opened, or was
 * closed for its key; `on.error(text)` when the server refuses a message.
 */
export function connectLive(topics, on) {
  let socket = null, timer = null, watchdog = null, wait = FIRST_MS, closed = false;
  let lastSeq = null;

  function open() {
    clearTimeout(timer);
    on.state("connecting");
    const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`;
    try {
      socket = new WebSocket(url, currentKey() ? ["tallybrook", `key.${currentKey()}`] : ["tallybrook"]);
    } catch {
      on.refused();
      return;
    }
    let opened = false;
    socket.onopen = () => { opened = true; subscribe(); heard(); on.state("live"); };
    socket.onmessage = (event) => { wait = FIRST_MS; heard(); receive(JSON.parse(event.data)); };
    socket.onclose = (event) => { if (!opened || DENIED.has(event.code)) on.refused(); retry(); };
  }

  function subscribe() {
    socket.send(JSON.stringify(lastSeq === null ? { subscribe: topics } : { subscribe: topics, since: lastSeq }));
  }

  function receive(message) {
    if (message.type === "error") { lastSeq = null; on.error(message.detail); return; }
    if (message.type !== "snapshot" && message.type !== "delta") return;
    if (typeof message.seq === "number") lastSeq = Math.max(lastSeq ?? 0, message.seq);
    on.frame(message);
  }

  function heard() {
    clearTimeout(watchdog);
    watchdog = setTimeout(() => socket?.close(), SILENCE_MS);
  }

  function retry() {
    clearTimeout(watchdog);
    if (closed) return;
    const pause = Math.round(wait * (0.75 + Math.random() / 2));
    wait = Math.min(wait * 2, MOST_MS);
    on.state("waiting", pause);
    timer = setTimeout(open, pause);
  }

  const now = () => { if (!closed && socket?.readyState === WebSocket.CLOSED) { wait = FIRST_MS; open(); } };
  addEventListener("online", now);
  document.addEventListener("visibilitychange", now);
  open();

  return {
    /** Forget the position and take a new snapshot: a new subscription replaces the one before. */
    resync() { lastSeq = null; if (socket?.readyState === WebSocket.OPEN) subscribe(); },
    close() {
      closed = true;
      clearTimeout(timer);
      clearTimeout(watchdog);
      removeEventListener("online", now);
      document.removeEventListener("visibilitychange", now);
      if (socket) { socket.onclose = null; socket.close(); }
    },
  };
}
