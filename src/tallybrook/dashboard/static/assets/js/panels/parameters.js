// A field for each {{name}} in the query. Values travel apart from the text and are bound.
import { fill, h, options } from "../dom.js";

const TYPES = [["text", "text"], ["number", "number"], ["boolean", "true/false"], ["null", "null"]];

export function parameterFields(box) {
  const fields = new Map();

  /** Show a field for each name in the text; `presets`: a value by name, or `{value, type, description}`. */
  function follow(text, presets = {}) {
    const names = [...new Set([...text.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map((match) => match[1]))];
    for (const name of names) if (!fields.has(name)) fields.set(name, field(name));
    for (const [name, given] of Object.entries(presets)) if (fields.has(name)) preset(fields.get(name), given);
    const wanted = names.map((name) => fields.get(name).node);
    if (wanted.length !== box.childElementCount || wanted.some((node, i) => box.children[i] !== node)) fill(box, wanted);
  }

  /** The values of the shown fields, typed. */
  function values() {
    const shown = [...fields].filter(([, f]) => f.node.isConnected);
    return Object.fromEntries(shown.map(([name, f]) => [name, typed(name, f.type.value, f.input.value)]));
  }

  return { follow, values };
}

function preset({ input, type }, given) {
  const { value, type: kind = "text", description = "" } = typeof given === "object" ? given : { value: given };
  input.value = String(value);
  input.title = input.placeholder = description;
  type.value = kind;
  input.disabled = kind === "null";
}

function field(name) {
  const input = h("input", { id: `parameter-${name}`, spellcheck: "false", autocapitalize: "none" });
  const type = options(h("select", { "aria-label": `Type of ${name}` }), TYPES);
  type.addEventListener("change", () => { input.disabled = type.value === "null"; });
  const node = h("div", {}, h("label", { for: input.id, text: name }), h("div", { class: "field-row" }, input, type));
  return { input, type, node };
}

function typed(name, type, text) {
  if (type === "null") return null;
  if (type === "boolean") return /^(true|yes|1)$/i.test(text.trim());
  if (type === "text") return text;
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new Error(`Parameter ${name}: "${text}" is not a number.`);
  return value;
}
