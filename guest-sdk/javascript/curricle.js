// What plugins import from "curricle". The glue of each world binds the host's functions to it.

let host = {};

/** Called once by the glue. */
export function bind(functions) {
  host = functions;
}

/** An answer that a person reads; any other exception is a defect of the plugin. */
export class Refusal extends Error {
  constructor(message) {
    super(message);
    this.name = new.target.name;
  }
}
export class ConfigError extends Refusal {}
export class DataError extends Refusal {}
export class StateError extends Refusal {}
export class Exhausted extends Refusal {}

const refusals = { config: ConfigError, data: DataError, state: StateError };

/** Asks the host, whose refusals become ours. Three values, since a list of them would cost as much as the call. */
function ask(question, a, b, c) {
  try {
    return question(a, b, c);
  } catch (error) {
    const refusal = error?.payload ?? error;
    if (refusal?.tag === "exhausted") throw new Exhausted("nothing is left to give");
    const kind = refusals[refusal?.tag];
    throw kind ? new kind(refusal.val) : error;
  }
}

export const between = (column, above, atMost) => ({ tag: "between", val: { column, above, atMost } });
export const quantiles = (column, from, to) => ({ tag: "quantiles", val: { column, from, to } });
export const category = (column, ...codes) => ({ tag: "category", val: { column, codes: Uint32Array.from(codes) } });

/** Ids as the contract has them; an array of numbers is made one. */
const ids = (list) => (list instanceof BigUint64Array ? list : BigUint64Array.from(list, BigInt));

export const dataset = {
  length: () => Number(host.dataset.len()),
  columns: () => host.dataset.columns(),
  values: (column, list) => ask(host.dataset.values, column, ids(list)),
  quantile: (column, q) => ask(host.dataset.quantile, column, q),
  categories: (column) => ask(host.dataset.categories, column).map(([name, samples]) => [name, Number(samples)]),
  count: (...conditions) => Number(ask(host.dataset.count, conditions)),
};

export const pacings = {
  difficulty: (name, step) => ask(host.pacings.difficulty, name, BigInt(step)),
};

export const log = {
  debug: (message) => host.log("debug", String(message)),
  info: (message) => host.log("info", String(message)),
  warn: (message) => host.log("warn", String(message)),
  error: (message) => host.log("error", String(message)),
};

// Streams by all that was said to open them. The host would give the same number again, but asking takes longer than the rest of a step.
const opened = new Map();

export class Stream {
  constructor(name, number) {
    this.name = name;
    this.number = number;
  }

  static shuffled(name, ...conditions) {
    return Stream.open(name, conditions, { tag: "shuffled" });
  }

  static independent(name, ...conditions) {
    return Stream.open(name, conditions, { tag: "independent" });
  }

  static sequential(name, ...conditions) {
    return Stream.open(name, conditions, { tag: "sequential" });
  }

  static ascending(name, column, ...conditions) {
    return Stream.open(name, conditions, { tag: "ascending", val: column });
  }

  static open(name, conditions, order) {
    const asked = JSON.stringify([name, conditions, order]);
    const known = opened.get(asked);
    if (known !== undefined) return known;
    const stream = new Stream(name, ask(host.streams.open, name, conditions, order));
    // Where JSON says null it cannot tell one infinity from another.
    if (!asked.includes("null")) opened.set(asked, stream);
    return stream;
  }

  get length() {
    return Number(host.streams.length(this.number));
  }

  get position() {
    return Number(host.streams.position(this.number));
  }

  take(count) {
    return host.streams.take(this.number, count);
  }
}

export class Plan {
  constructor() {
    this.size = host.plan.size();
  }

  draw(stream, count) {
    ask(host.plan.draw, [stream.number], [count]);
  }

  drawAll(counts) {
    const pairs = [...counts];
    ask(host.plan.draw, pairs.map(([stream]) => stream.number), pairs.map(([, count]) => count));
  }

  append(list) {
    ask(host.plan.append, ids(list));
  }

  truncate(length) {
    host.plan.truncate(length);
  }

  annotate(name, value) {
    ask(host.plan.annotate, name, value);
  }

  ordered() {
    host.plan.ordered();
  }
}

const views = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

export class Samples {
  constructor({ first, width, tokens, offsets }) {
    this.first = Number(first);
    this.offsets = offsets;
    // A view must begin at a multiple of its width; what does not is copied.
    const bytes = tokens.byteOffset % width === 0 ? tokens : tokens.slice();
    this.tokens = new views[width](bytes.buffer, bytes.byteOffset, bytes.byteLength / width);
  }

  get length() {
    return this.offsets.length - 1;
  }

  at(i) {
    return this.tokens.subarray(this.offsets[i], this.offsets[i + 1]);
  }

  /** The lengths of all samples, in tokens. */
  lengths() {
    return Array.from({ length: this.length }, (_, i) => this.offsets[i + 1] - this.offsets[i]);
  }

  map(measure) {
    const values = new Array(this.length);
    for (let i = 0; i < values.length; i++) values[i] = measure(this.at(i), i);
    return values;
  }

  *[Symbol.iterator]() {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

// Arguments that a call can have are bounded; half of the engine's bound.
const MANY = 250_000;

export function distinct(tokens) {
  // `new Set(tokens)` would walk the view in interpreted code. As arguments its elements are copied by the engine itself, and a Set
  // made of an array is filled by it too: 25 times as fast. `Array.of`, since `Array` takes one number for a length.
  const found = new Set(Array.of.apply(Array, tokens.subarray(0, MANY)));
  for (let from = MANY; from < tokens.length; from += MANY) {
    for (const token of new Set(Array.of.apply(Array, tokens.subarray(from, from + MANY)))) found.add(token);
  }
  return found;
}
