// Building the page. Text only ever becomes text nodes: nothing here parses HTML.

/** First element for a CSS id. */
export const byId = (id) => document.getElementById(id);

/**
 * Make an element. `props`: `class`, `text`, `on` (event handlers), `data` (dataset),
 * everything else is an attribute; null, undefined and false are left out.
 */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProp(node, name, value);
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function setProp(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name === "class") node.className = value;
  else if (name === "text") node.textContent = value;
  else if (name === "on") for (const [type, fn] of Object.entries(value)) node.addEventListener(type, fn);
  else if (name === "data") Object.assign(node.dataset, value);
  else node.setAttribute(name, value === true ? "" : String(value));
}

/** Replace the children of a node. */
export const fill = (node, ...children) => {
  node.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
};

const drawn = new WeakMap();

/**
 * Fill a node with what `make` answers, but only when `data` is not what it was made of before:
 * what is pressed, open or selected is then left alone.
 */
export function redraw(node, data, make) {
  const key = JSON.stringify(data);
  if (drawn.get(node) === key) return;
  drawn.set(node, key);
  fill(node, make());
}

/** Set text only when it changed, so that screen readers and selections are left alone. */
export const setText = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

/** Say something to screen readers without moving the focus. */
export const announce = (text) => setText(byId("announcer"), text);

/** A `<select>`'s options from `[value, label]` pairs. */
export const options = (select, pairs) =>
  fill(select, pairs.map(([value, label]) => h("option", { value, text: label })));

/**
 * A table. `columns`: `{label, numeric?}`; `rows`: arrays of text or nodes.
 * Numeric columns are right-aligned; the first column is the row's header when `rowHeads`.
 */
export function table({ columns, rows, caption, rowHeads = false }) {
  const head = columns.map((c) => h("th", { scope: "col", class: c.numeric ? "num" : null, text: c.label }));
  const body = rows.map((row) => h("tr", {}, row.map((cell, i) => tableCell(cell, columns[i], rowHeads && i === 0))));
  return h("table", {}, caption ? h("caption", { class: "sr-only", text: caption }) : null,
    h("thead", {}, h("tr", {}, head)), h("tbody", {}, body));
}

function tableCell(value, column, isHead) {
  const props = { class: column?.numeric ? "num" : null, scope: isHead ? "row" : null };
  return h(isHead ? "th" : "td", props, value instanceof Node ? value : String(value));
}
