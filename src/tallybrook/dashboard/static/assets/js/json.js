// Laying out JSON text. Parsing and writing it again would round large numbers and drop repeated
// keys, so the text itself is indented.

/** Indent valid JSON by two spaces; every token stays as it was written. */
export function layOut(text) {
  const tokens = text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
  const out = [];
  let depth = 0;
  const newline = () => out.push("\n", "  ".repeat(depth));
  tokens.forEach((token, i) => {
    if (isClose(token)) { depth -= 1; if (!isOpen(tokens[i - 1])) newline(); }
    out.push(token === ":" ? ": " : token);
    if (isOpen(token)) { depth += 1; if (!isClose(tokens[i + 1])) newline(); }
    if (token === ",") newline();
  });
  return out.join("");
}

const isOpen = (token) => token === "{" || token === "[";
const isClose = (token) => token === "}" || token === "]";
