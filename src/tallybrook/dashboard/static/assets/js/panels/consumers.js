// How far each consumer is behind the log, now and over the last two minutes.
import { explain, request } from "../api.js";
import { byId, fill, h, setText } from "../dom.js";
import { number, seconds } from "../format.js";
import { poller } from "../poll.js";
import { spark } from "../spark.js";

const EVERY_MS = 2000;
const KEPT = 60;
const SLOW_S = 60;

export function consumersPanel() {
  const past = new Map();

  async function refresh() {
    try {
      const answer = await request("/consumers");
      setText(byId("consumers-head"), `log at ${number(answer.head_seq)}`);
      for (const c of answer.consumers) past.set(c.name, [...(past.get(c.name) ?? []), c.lag].slice(-KEPT));
      draw(answer.consumers);
    } catch (error) {
      fill(byId("consumers"), h("p", { class: "dim", text: explain(error) }));
    }
  }

  function draw(consumers) {
    fill(byId("consumers"), consumers.length
      ? h("ul", { class: "consumers" }, consumers.map((c) => item(c, past.get(c.name))))
      : h("p", { class: "dim", text: "No consumer has reported yet. They start with the server's worker." }));
  }

  const poll = poller(refresh, EVERY_MS);
  return { open: poll.start, close: poll.stop };
}

const item = (c, lags) => h("li", { class: "consumer" },
  h("div", { class: "consumer-head" }, h("b", { text: c.name }), status(c)),
  h("div", { class: "consumer-lag" },
    h("span", {}, h("strong", { text: number(c.lag) }), c.lag === 1 ? " event behind" : " events behind"),
    h("span", {}, h("strong", { text: seconds(c.lag_s) }))),
  spark(lags, KEPT),
  c.last_error ? h("p", { class: "error", text: c.last_error }) : null);

function status(c) {
  const words = c.status ?? (c.lag > 0 ? "catching up" : "up to date");
  const late = c.lag > 0 && (c.lag_s ?? 0) > SLOW_S;
  const tone = late || /fail|stop|error|stale|down/i.test(words) || c.last_error ? "bad" : "good";
  return h("span", { class: "tag", data: { tone }, title: `Position ${number(c.position)}`, text: late ? `${words}, late` : words });
}
