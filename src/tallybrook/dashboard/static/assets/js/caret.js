// Where the caret of a textarea is, in pixels from its top left corner.
const COPIED = ["fontFamily", "fontSize", "fontWeight", "lineHeight", "letterSpacing", "tabSize", "paddingTop", "paddingLeft", "paddingRight", "borderTopWidth", "borderLeftWidth", "borderRightWidth"];

/** `{left, top, height}` of the character at `at`; a textarea cannot tell, so a copy is laid out. */
export function caretPlace(area, at) {
  const copy = document.createElement("div"), marker = document.createElement("span"), style = getComputedStyle(area);
  copy.className = "caret-copy";
  for (const name of COPIED) copy.style[name] = style[name];
  copy.style.width = `${area.offsetWidth}px`;
  copy.append(area.value.slice(0, at), marker);
  marker.textContent = area.value.slice(at, at + 1) || ".";
  document.body.append(copy);
  const place = { left: marker.offsetLeft - area.scrollLeft, top: marker.offsetTop - area.scrollTop, height: parseFloat(style.lineHeight) || marker.offsetHeight };
  copy.remove();
  return place;
}
