// Numbers as they are written and read.

const SUPERSCRIPT = "⁰¹²³⁴⁵⁶⁷⁸⁹";

const raised = (n) => (n < 0 ? "⁻" : "") + [...String(Math.abs(n))].map((digit) => SUPERSCRIPT[digit]).join("");

/** A number for reading, to some digits: 0.05, 1200, 3.2·10⁻⁷. */
export function text(x, digits = 3) {
  if (x === null || x === undefined || Number.isNaN(x)) return "–";
  if (!Number.isFinite(x)) return x > 0 ? "∞" : "−∞";
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size >= 1e-3 && size < 1e5) return String(+x.toPrecision(digits)).replace("-", "−");
  const exponent = Math.floor(Math.log10(size) + 1e-12);
  const factor = +(x / 10 ** exponent).toPrecision(digits);
  return (factor === 1 ? "" : `${String(factor).replace("-", "−")}·`) + `10${raised(exponent)}`;
}

/** A tick of a logarithmic axis: 10⁻⁴, or "" where it is none of its powers of ten. */
export function power(x) {
  const exponent = Math.log10(x);
  if (Math.abs(exponent - Math.round(exponent)) > 1e-9) return "";
  const whole = Math.round(exponent);
  return whole >= -2 && whole <= 3 ? String(+x.toPrecision(1)) : `10${raised(whole)}`;
}

/** What a header has for a number: "inf", "-inf" and "nan" are words there. */
export const real = (value) => (typeof value === "string" ? Number(value.replace("inf", "Infinity")) : value);
