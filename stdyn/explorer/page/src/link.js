// Requests and answers. One request of curves is under way at a time while something is dragged, so that every draft is
// drawn; a final one is given up for whatever comes next.

import { sizeOf } from "./arrays.js";

export const REFUSALS = ["refused", "failed"]; // kinds of answers that say why there is no other

/** The arrays of a message, in place of where each begins and its shape. */
function unpacked(where, values) {
  if (!Array.isArray(where)) return Object.fromEntries(Object.entries(where).map(([name, of]) => [name, unpacked(of, values)]));
  const [begin, shape] = where;
  return { values: values.subarray(begin, begin + sizeOf(shape)), shape };
}

function content(buffer) {
  if (!buffer) return new ArrayBuffer(0);
  if (buffer instanceof ArrayBuffer) return buffer;
  return buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength);
}

export class Link {
  constructor(model) {
    this.model = model;
    this.number = 0;
    this.listeners = {};
    this.newest = {};
    this.busy = null; // the request of curves that is under way
    this.next = null; // and the one that waits for it
    model.on("msg:custom", (header, buffers) => this.receive(header, content(buffers?.[0])));
  }

  /** Have a listener hear the answers of a kind, or of several. */
  on(kinds, listener) {
    for (const kind of [kinds].flat()) (this.listeners[kind] ??= []).push(listener);
  }

  /** Ask for something; the number of the request. */
  ask(kind, more = {}) {
    const id = ++this.number;
    this.newest[kind] = id;
    this.model.send({ kind, id, ...more });
    return id;
  }

  /** Ask for curves: `draft` while something is dragged. */
  curves(state, draft) {
    this.next = { state, draft };
    if (!this.busy || !this.busy.draft) this.pump();
  }

  pump() {
    if (!this.next) return;
    const { state, draft } = this.next;
    this.next = null;
    delete this.newest.runs; // those under way are of curves that go
    this.busy = { id: this.ask("curves", { state, draft }), draft, sent: performance.now(), state };
  }

  receive(header, buffer) {
    if (header.kind === "hello") [this.busy, this.next] = [null, null]; // a server that has not been asked yet
    const ends = header.kind === "curves" || (REFUSALS.includes(header.kind) && header.of === "curves");
    const of = ends && this.busy && header.id === this.busy.id ? this.busy : null;
    if (ends && !of) return; // of a request that another one has replaced
    const arrays = header.bytes ? {} : unpacked(header.arrays ?? {}, new Float64Array(buffer));
    if (of) {
      header = { ...header, took: performance.now() - of.sent, state: of.state };
      this.busy = null;
      this.pump(); // the next one is solved while this one is drawn
    }
    for (const listener of this.listeners[header.kind] ?? []) listener(header, arrays, buffer);
  }

  /** Whether an answer is that of the newest request of its kind. */
  isNewest(header) {
    return this.newest[header.of ?? header.kind] === header.id;
  }
}

/** A model as a notebook has it, over a socket: it connects again when the server is back. */
export function overSocket(address, told) {
  const listeners = [];
  const waiting = new Map(); // the newest of each kind
  let socket = null;
  const model = {
    send: (message) => {
      const text = JSON.stringify(message);
      if (socket?.readyState === WebSocket.OPEN) socket.send(text);
      else if (message.kind !== "curves") waiting.set(message.kind, text);
    },
    on: (_, listener) => listeners.push(listener),
  };
  function connect() {
    socket = new WebSocket(address);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      told(true);
      for (const text of waiting.values()) socket.send(text);
      waiting.clear();
    };
    socket.onmessage = ({ data }) => {
      const length = new DataView(data).getUint32(0, true);
      const header = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
      for (const listener of listeners) listener(header, [data.slice(4 + length)]);
    };
    socket.onclose = ({ reason }) => {
      told(false, reason);
      setTimeout(connect, 1000);
    };
  }
  connect();
  return model;
}
