// A panel of curves is zoomed by keys as it is by the pointer: plus, minus, and 0 for all of it.

/** Zoom a plot by a key, about an alpha that is looked at; whether the key is one of these. */
export function zoomed(plot, key, about) {
  const factor = { "+": 0.5, "=": 0.5, "-": 2, 0: Infinity }[key];
  const alphas = plot?.data[0] ?? [];
  if (!factor || alphas.length < 2) return false;
  const isLogarithmic = plot.scales.x.distr === 3;
  const [to, from] = isLogarithmic ? [Math.log, Math.exp] : [(x) => x, (x) => x];
  const [first, last, min, max] = [alphas[0], alphas.at(-1), plot.scales.x.min, plot.scales.x.max].map(to);
  const width = Math.min((max - min) * factor, last - first);
  const middle = Math.min(Math.max(to(about), min), max);
  const begin = Math.min(Math.max(middle - (width * (middle - min)) / (max - min), first), last - width);
  plot.setScale("x", width < last - first ? { min: from(begin), max: from(begin + width) } : { min: alphas[0], max: alphas.at(-1) });
  return true;
}
