// Arrays as they come: {values, shape}, the numbers of all entries one after the other, and α first.

/** The numbers from 0 to count - 1. */
export const range = (count) => [...Array(count).keys()];

/** How many numbers an array of a shape has. */
export const sizeOf = (shape) => shape.reduce((a, b) => a * b, 1);

/** The entries of an array (A, …) in one row. */
export function row({ values, shape }, at) {
  const width = sizeOf(shape.slice(1));
  return values.subarray(at * width, (at + 1) * width);
}

/** Column j of an array (A, …) as if it were (A, width). */
export function column({ values, shape }, j) {
  const width = sizeOf(shape.slice(1));
  const found = new Float64Array(shape[0]);
  for (let i = 0; i < found.length; i++) found[i] = values[i * width + j];
  return found;
}

/** The place of the number that is nearest; -1 if there are none. */
export function nearest(values, wanted) {
  let found = -1;
  for (let j = 0; j < values.length; j++) if (found < 0 || Math.abs(values[j] - wanted) < Math.abs(values[found] - wanted)) found = j;
  return found;
}
