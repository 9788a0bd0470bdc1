// Completion in the query's text: a list at the caret, by keyboard and by mouse.
import { caretPlace } from "../caret.js";
import { fill, h } from "../dom.js";
import { candidates } from "./candidates.js";

/** Complete in `area`; `tables()` answers what is known now. `changed()` after a text was put in. */
export function completion(area, tables, changed) {
  const list = h("ul", { id: "completion", class: "completion", role: "listbox", "aria-label": "Completions", hidden: true });
  let found = [], from = 0, picked = -1;

  area.after(list);
  for (const [name, value] of [["aria-autocomplete", "list"], ["aria-controls", "completion"]]) area.setAttribute(name, value);
  area.addEventListener("input", (event) => { if (event.inputType?.startsWith("insert") && typing()) offer(); else close(); });
  area.addEventListener("keydown", pressed);
  area.addEventListener("blur", close);
  area.addEventListener("scroll", close);
  list.addEventListener("mousedown", (event) => { event.preventDefault(); take([...list.children].indexOf(event.target.closest("li"))); });

  // By itself only behind a letter or a dot; anywhere else it has to be asked for.
  const typing = () => /[A-Za-z_]\w*$|\w\.$|\b(from|join)\s$/i.test(area.value.slice(0, area.selectionStart));

  function offer() {
    ({ from, found } = candidates(area.value, area.selectionStart, tables()));
    if (!found.length) { close(); return; }
    fill(list, found.map(({ text, kind, note }, i) => h("li", { id: `completion-${i}`, role: "option", "aria-selected": "false" },
      h("b", { class: "code", text }), h("span", { class: "dim", text: note ? `${kind}, ${note}` : kind }))));
    list.hidden = false;
    place();
    pick(0);
  }

  function place() {
    const { left, top, height } = caretPlace(area, from);
    list.style.top = `${area.offsetTop + top + height + 4}px`;
    list.style.left = `${area.offsetLeft + Math.max(0, Math.min(left, area.offsetWidth - list.offsetWidth))}px`;
  }

  function pick(next) {
    picked = (next + found.length) % found.length;
    for (const [i, item] of [...list.children].entries()) item.setAttribute("aria-selected", String(i === picked));
    list.children[picked].scrollIntoView({ block: "nearest" });
    area.setAttribute("aria-activedescendant", `completion-${picked}`);
  }

  function close() {
    list.hidden = true;
    picked = -1;
    area.removeAttribute("aria-activedescendant");
  }

  function take(index) {
    const chosen = found[index];
    if (!chosen) return;
    close();
    area.setRangeText(chosen.text, from, area.selectionStart, "end");
    changed();
  }

  const keys = { ArrowDown: () => pick(picked + 1), ArrowUp: () => pick(picked - 1), Enter: () => take(picked), Tab: () => take(picked), Escape: close };

  function pressed(event) {
    if (event.key === " " && event.ctrlKey) { event.preventDefault(); offer(); return; }
    if (list.hidden || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || !(event.key in keys)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    keys[event.key]();
  }
}
