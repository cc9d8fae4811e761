// Where an axis has ticks, and which of them say a number.

import { range } from "./arrays.js";

const MANY = 8; // powers of ten from which on their multiples have no ticks of their own

/** Numbers that are written at an axis: round ones, at most so many. */
export function ticks({ low, high, log, steps }, most = 7) {
  if (log && high / low >= 8) {
    const decades = Math.log10(high / low);
    const all = [];
    const every = Math.ceil(decades / most);
    for (let n = Math.floor(Math.log10(low)); n <= Math.log10(high); n += 1) {
      if (decades < 2.5) all.push(...[1, 2, 5].map((each) => +`${each}e${n}`));
      else if (n % every === 0) all.push(+`1e${n}`);
    }
    return all.filter((each) => each >= low * (1 - 1e-9) && each <= high * (1 + 1e-9));
  }
  const rough = (high - low) / most;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = (steps ?? [1, 2, 2.5, 5, 10].map((each) => each * size)).find((each) => each >= rough * 0.999) ?? 10 * size;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return range(Math.max(count, 0)).map((n) => +((first + n) * step).toPrecision(12));
}

/**
 * The ticks of a logarithmic axis: the numbers that are written, and the multiples of powers of ten, by which it is seen to
 * be one. Of an axis that begins just below a power of ten uPlot's own have no end.
 */
export function ofLogarithmic(low, high, written) {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const digits = last - first > MANY ? [1] : [1, 2, 3, 4, 5, 6, 7, 8, 9];
  const found = new Set(written);
  for (let n = first; n <= last; n++) for (const digit of digits) found.add(+`${digit}e${n}`);
  return [...found].filter((each) => each >= low && each <= high).sort((a, b) => a - b);
}
