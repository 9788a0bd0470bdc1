// What of an answer can be drawn against what. No DOM.
const TIME = /^(date|timestamp)/i;
const NUMERIC = /^(u?(tiny|small|big|huge)?int(eger)?|u?int\d*|long|real|float|double|decimal|numeric)/i;

export const isNumeric = (type) => NUMERIC.test(type);

/** Places of the columns that hold numbers, without that of the x axis. */
export const numbersOf = (columns, x) => columns.map((_, i) => i).filter((i) => i !== x && isNumeric(columns[i].type));

/** The place of the column to begin with on the x axis: the first that names or dates its row. */
export function firstAxis(columns) {
  const named = columns.findIndex((column) => !isNumeric(column.type));
  return named === -1 ? 0 : named;
}

/** Whether there is anything to draw. */
export const drawable = ({ columns, rows }) => rows.length > 1 && numbersOf(columns, firstAxis(columns)).length > 0;

/** Whether the rows stand beside each other in time: each has an instant of its own. */
export const overTime = ({ columns, rows }, x) => TIME.test(columns[x].type) && rows.every((row) => row[x] !== null) && new Set(rows.map((row) => row[x])).size === rows.length;

/** An instant in seconds. They come as RFC 3339, days as `2026-03-01`; without a zone they are UTC. */
export function instant(text) {
  const plain = String(text).replace(" ", "T");
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(plain) || plain.length === 10 ? plain : `${plain}Z`) / 1000;
}
