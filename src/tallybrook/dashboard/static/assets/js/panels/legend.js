// Which types are in the chart, in which colour; the smallest share one colour as "other".
import { fill, h, setText } from "../dom.js";
import { number } from "../format.js";
import { swatch } from "../charts.js";

const COLOURS = 8;

/** `list` is the legend's `<ul>`, `kinds` the events/records switch; `changed` redraws. */
export function legend(list, kinds, changed) {
  const slots = [];
  const hidden = new Set();
  const items = new Map();
  let kind = "event", signature = "";

  function layers(series, times) {
    showKinds();
    const all = series.map((s) => ({ key: s.key, name: s.name, values: times.map((t) => s.minutes.get(t) ?? 0) }));
    for (const layer of all) layer.total = layer.values.reduce((a, b) => a + b, 0);
    const ranked = all.filter((layer) => layer.total > 0).sort((a, b) => b.total - a.total);
    for (const layer of ranked) takeSlot(layer.key, ranked);
    const named = ranked.filter((layer) => slots.includes(layer.key)).sort((a, b) => slots.indexOf(a.key) - slots.indexOf(b.key));
    for (const layer of named) layer.colour = `--s${slots.indexOf(layer.key) + 1}`;
    const rest = ranked.filter((layer) => !slots.includes(layer.key));
    const shown = rest.length ? [...named, rest.length === 1 ? { ...rest[0], colour: "--s-other" } : together(rest, times)] : named;
    draw(shown);
    return shown.filter((layer) => !hidden.has(layer.key));
  }

  // A type keeps its colour while it has one; colours of types that went quiet are given on.
  function takeSlot(key, ranked) {
    if (slots.includes(key)) return;
    if (slots.length < COLOURS) { slots.push(key); return; }
    const free = slots.findIndex((held) => !ranked.some((layer) => layer.key === held));
    if (free >= 0) slots[free] = key;
  }

  const together = (rest, times) => ({
    key: "other", name: `${rest.length} other types`, colour: "--s-other",
    values: times.map((_, i) => rest.reduce((sum, layer) => sum + layer.values[i], 0)),
    total: rest.reduce((sum, layer) => sum + layer.total, 0),
  });

  function draw(shown) {
    const next = shown.map((layer) => `${layer.key} ${layer.colour} ${layer.name}`).join("|");
    if (next !== signature) {
      signature = next;
      items.clear();
      fill(list, shown.map(item));
    }
    for (const layer of shown) setText(items.get(layer.key), number(layer.total));
  }

  function item(layer) {
    const count = h("b");
    items.set(layer.key, count);
    const button = h("button", { type: "button", "aria-pressed": String(!hidden.has(layer.key)), title: "Show or hide in the chart" },
      swatch(layer.colour), h("span", { class: "name", text: layer.name }), count);
    button.addEventListener("click", () => {
      if (!hidden.delete(layer.key)) hidden.add(layer.key);
      button.setAttribute("aria-pressed", String(!hidden.has(layer.key)));
      changed();
    });
    return h("li", {}, button);
  }

  function showKinds() {
    if (kinds.childElementCount) return;
    fill(kinds, [["event", "Events"], ["record", "Records"]].map(([value, text]) =>
      h("button", { type: "button", "aria-pressed": String(value === kind), text, on: { click: (event) => choose(value, event.currentTarget) } })));
  }

  function choose(value, button) {
    kind = value;
    slots.length = 0;
    for (const other of kinds.children) other.setAttribute("aria-pressed", String(other === button));
    changed();
  }

  return { layers, kind: () => kind, offerKinds: (on) => { kinds.hidden = !on; } };
}
