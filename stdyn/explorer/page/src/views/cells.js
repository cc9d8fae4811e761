// Where the points of a scan are drawn: in the cells of a table, or each as a dot.

import { partOf } from "./plot.js";

const DOT = [2, 9]; // pixels, of very many and of few
const EDGE = 0.03; // of an axis of dots, beyond the first and the last

const forth = (log) => (log ? Math.log : (x) => x);
const back = (log) => (log ? Math.exp : (x) => x);

/** The sizes of many numbers: NaN left out, infinite ones last. */
function median(numbers) {
  const there = numbers.filter((x) => !Number.isNaN(x)).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const middle = there.length / 2;
  if (!there.length) return NaN;
  return there.length % 2 ? there[Math.floor(middle)] : (there[middle - 1] + there[middle]) / 2;
}

/** The different values among those of points, in order, and the edges between them. */
function steps(kept, [values, log]) {
  const all = [...new Set(kept.map((n) => values[n]))].filter((x) => Number.isFinite(x) && (!log || x > 0)).sort((a, b) => a - b);
  const at = all.map(forth(log));
  const half = at.map((x, n) => (n + 1 < at.length ? (x + at[n + 1]) / 2 : x));
  const first = at.length > 1 ? at[0] - (half[0] - at[0]) : at[0] - 0.5;
  const last = at.length > 1 ? at.at(-1) + (at.at(-1) - half.at(-2)) : at[0] + 0.5;
  const edges = [first, ...half.slice(0, -1), last].map(back(log));
  return { all, edges, axis: { low: edges[0], high: edges.at(-1), log } };
}

/**
 * The points in cells, of each the median of what it has; null if they are on no grid. What is drawn n-th has
 * `values[n]`, `points(n)`, the parts of the axes `at(n)`, and `boxes(frame)(n)`: left, top, width and height; `find` is
 * the n of a point, -1 if it is not drawn.
 */
export function table(kept, [x, y], z) {
  if (x[0] === y[0]) return null;
  const [columns, rows] = [steps(kept, x), steps(kept, y)];
  const size = columns.all.length * rows.all.length;
  if (columns.all.length < 2 || rows.all.length < 2 || size > 1.5 * kept.length) return null;
  const places = [columns, rows].map(({ all }) => new Map(all.map((value, n) => [value, n])));
  const cells = new Map();
  for (const n of kept) {
    const [i, j] = [places[0].get(x[0][n]), places[1].get(y[0][n])];
    if (i === undefined || j === undefined) continue;
    const cell = j * columns.all.length + i;
    if (cells.has(cell)) cells.get(cell).push(n);
    else cells.set(cell, [n]);
  }
  const order = [...cells.keys()].sort((a, b) => a - b);
  const place = (n) => [order[n] % columns.all.length, Math.floor(order[n] / columns.all.length)];
  const part = (of, edge) => partOf(of.axis, of.edges[edge]);
  return {
    cells: true,
    values: order.map((cell) => (cells.get(cell).length > 1 ? median(cells.get(cell).map((n) => z[n])) : z[cells.get(cell)[0]])),
    most: order.reduce((most, cell) => Math.max(most, cells.get(cell).length), 0),
    points: (n) => cells.get(order[n]),
    find: (point) => order.findIndex((cell) => cells.get(cell).includes(point)),
    at: (n) => [partOf(columns.axis, columns.all[place(n)[0]]), partOf(rows.axis, rows.all[place(n)[1]])],
    boxes: (frame) => (n) => {
      const [i, j] = place(n);
      const [left, right] = [part(columns, i), part(columns, i + 1)].map((each) => frame.left + each * frame.width);
      const [bottom, top] = [part(rows, j), part(rows, j + 1)].map((each) => frame.top + (1 - each) * frame.height);
      return [left, top, right - left + 0.3, bottom - top + 0.3];
    },
    x: columns.axis,
    y: rows.axis,
  };
}

/** An axis on which all of these are. */
function around(points, [values, log]) {
  let [low, high] = [Infinity, -Infinity];
  for (const n of points) {
    if (values[n] < low) low = values[n];
    if (values[n] > high) high = values[n];
  }
  [low, high] = [low, high].map(forth(log));
  const more = high > low ? (high - low) * EDGE : 0.5;
  return { low: back(log)(low - more), high: back(log)(high + more), log };
}

/** The points as dots; those that have no place are left out. */
export function scattered(kept, [x, y], z) {
  const has = ([values, log]) => (n) => Number.isFinite(values[n]) && (!log || values[n] > 0);
  const there = kept.filter(has(x)).filter(has(y));
  const axes = there.length ? [around(there, x), around(there, y)] : [{ low: 0, high: 1, log: false }, { low: 0, high: 1, log: false }];
  const at = (n) => [partOf(axes[0], x[0][there[n]]), partOf(axes[1], y[0][there[n]])];
  return {
    cells: false,
    kept: there.length,
    values: there.map((n) => z[n]),
    most: 1,
    points: (n) => [there[n]],
    find: (point) => there.indexOf(point),
    at,
    boxes: (frame) => {
      const size = Math.min(DOT[1], Math.max(DOT[0], Math.sqrt((frame.width * frame.height) / (there.length || 1)) / 2));
      return (n) => {
        const [a, b] = at(n);
        return [frame.left + a * frame.width - size / 2, frame.top + (1 - b) * frame.height - size / 2, size, size];
      };
    },
    x: axes[0],
    y: axes[1],
  };
}
