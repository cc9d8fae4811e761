// What maps share: the colours, the axes and the scale.

import { make } from "../dom.js";
import { text } from "../numbers.js";

// cividis, which all eyes read alike, and grey paper too: dark is low, light is high
const RAMP = [[0, 34, 78], [18, 53, 112], [59, 73, 108], [87, 93, 109], [112, 113, 115], [138, 134, 120], [165, 156, 116], [195, 179, 105], [225, 204, 85], [254, 232, 56]];

/** The colour of a part from 0 to 1. */
export function colour(part) {
  const at = Math.min(Math.max(part, 0), 1) * (RAMP.length - 1);
  const low = Math.min(Math.floor(at), RAMP.length - 2);
  return RAMP[low].map((each, j) => Math.round(each + (RAMP[low + 1][j] - each) * (at - low)));
}

/** The number at a part of an axis, and the part at a number. */
export const onto = ({ low, high, log }, part) => (log ? low * (high / low) ** part : low + (high - low) * part);
export const partOf = ({ low, high, log }, x) => (log ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low));

/** The frame of a map with its ticks and labels; `margin` is what lies beyond the ends of the axes. */
export function axes(ctx, frame, x, y, under, beside, ink, margin = [0, 0]) {
  ctx.fillStyle = ctx.strokeStyle = ink;
  ctx.lineWidth = 1;
  ctx.font = "15px system-ui, sans-serif";
  ctx.strokeRect(frame.left, frame.top, frame.width, frame.height);
  ctx.textAlign = "center";
  for (const part of [0, 0.25, 0.5, 0.75, 1]) ctx.fillText(text(onto(x, part), 2), frame.left + (margin[0] + part * (1 - 2 * margin[0])) * frame.width, frame.top + frame.height + 18);
  ctx.fillText(under, frame.left + frame.width / 2, frame.top + frame.height + 40);
  ctx.textAlign = "right";
  for (const part of [0, 0.25, 0.5, 0.75, 1]) ctx.fillText(text(onto(y, part), 2), frame.left - 6, frame.top + (1 - margin[1] - part * (1 - 2 * margin[1])) * frame.height + 5);
  ctx.save();
  ctx.translate(14, frame.top + frame.height / 2);
  ctx.rotate(-Math.PI / 2);
  ctx.textAlign = "center";
  ctx.fillText(beside, 0, 0);
  ctx.restore();
}

/** What the colours mean. */
export function legend(element, low, high, log) {
  const bar = make("span", { class: "bar", style: `background: linear-gradient(to right, ${RAMP.map((each) => `rgb(${each})`).join(",")})` });
  element.replaceChildren(bar, ` ${text(low)} to ${text(high)}${log ? ", logarithmic" : ""}; grey: none`);
}
