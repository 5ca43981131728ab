/**
 * Plugins for Curricle in JavaScript and TypeScript. A plugin is one class, the default export of its module, that implements `Policy`,
 * `StatefulPolicy`, `Metric`, `Pacing` or `Packer`; `curricle build` makes a sandboxed component of it. Name, version and the JSON Schema of
 * the configuration are said in `curricle.toml`.
 */
declare module "curricle" {
  /** Where training stands. Everything counts what the trainer was given, from the start of the run. */
  export interface Step {
    /** Number of the global batch, from 0. */
    readonly index: number;
    /** Samples in the global batches before this one. */
    readonly consumedSamples: number;
    /** Tokens in them; undefined if the run file says `count-tokens = false`. */
    readonly consumedTokens: number | undefined;
  }

  /** Decides what each global batch holds: the same calls give the same answers on every rank. */
  export interface Policy<Config = any> {
    /** Called once, before everything else. Throw `ConfigError` for what the schema cannot judge. */
    configure?(config: Config): void;
    /** Fills the plan of one global batch. */
    fill(step: Step, plan: Plan): void;
  }

  /** A policy that remembers more than the positions of its streams. */
  export interface StatefulPolicy<Config = any> extends Policy<Config> {
    /** What it remembers, between any two steps; must not change what it does next. A few hundred bytes is good manners. */
    save(): Uint8Array;
    /** Called after `configure` with bytes that `save` gave. Throw `StateError` for what cannot be used. */
    restore(state: Uint8Array): void;
  }

  /**
   * Computes one value per sample, or numbers about the dataset as a whole. The class may have static fields: `values`, the type of the
   * column ("float32", "float64", which it is if left out, "uint32", "uint64", or null for a metric that has totals alone); `tokens`, false
   * if it reads lengths alone; `passes`, how often it accumulates over the whole dataset first, 0 if left out.
   */
  export interface Metric<Config = any> {
    configure?(config: Config): void;
    /** The values of a chunk, in order, as many as it has samples. They may not depend on other calls. */
    measure?(samples: Samples): ArrayLike<number>;
    /** One chunk of a pass, counted from 0. */
    accumulate?(pass: number, samples: Samples): void;
    /** What was accumulated since the last call; empties it. */
    partial?(pass: number): Uint8Array;
    /** Joins the partial results of consecutive chunks, in order. */
    merge?(pass: number, partials: Uint8Array[]): Uint8Array;
    /** Gives every instance the result of the pass. */
    finish?(pass: number, merged: Uint8Array): void;
    /** Numbers about the dataset as a whole, kept beside the column. */
    totals?(): ArrayLike<number>;
  }

  /** How hard the data may be at a step. */
  export interface Pacing<Config = any> {
    configure?(config: Config): void;
    /** A finite number, the same for the same step whenever and however often it is asked. */
    difficulty(step: number): number;
  }

  /** Arranges samples into bins of a fixed capacity. */
  export interface Packer<Config = any> {
    configure?(config: Config): void;
    /** Bin of each sample, given its length in tokens; bins are numbered from 0 without gaps. Keeps nothing from call to call. */
    pack(lengths: Uint32Array, capacity: number, maxSamples: number | undefined): ArrayLike<number>;
  }

  /** One condition on one column; `between`, `quantiles` and `category` make one. */
  export interface Condition {
    readonly tag: "between" | "quantiles" | "category";
    readonly val: object;
  }
  /** The samples with `above` < value ≤ `atMost` in a column of numbers; a side that is undefined is open. */
  export function between(column: string, above: number | undefined, atMost?: number): Condition;
  /** Positions floor(from × n) up to, but without, floor(to × n) of the column's ascending order; 0 ≤ from ≤ to ≤ 1. */
  export function quantiles(column: string, from: number, to: number): Condition;
  /** The samples whose category is one of these positions in `dataset.categories(column)`. */
  export function category(column: string, ...codes: number[]): Condition;

  /** Ids of samples; arrays of numbers are as good, only slower. */
  export type Ids = BigUint64Array | readonly number[];

  /** What a policy may know of the data: one value per sample and column, never a token. Answers never change during a run. */
  export const dataset: {
    /** Number of samples; at least 1. */
    length(): number;
    /** The columns that the run file grants, in the order of their names' bytes. */
    columns(): { name: string; kind: "number" | "category"; min: number; max: number }[];
    /** Values of the given samples, in order; a category's are its codes. Ask for thousands at a time, at most 1 048 576. */
    values(column: string, ids: Ids): Float64Array;
    /** Smallest value v such that at least the fraction `q` of the samples is ≤ v; 0 gives the minimum. */
    quantile(column: string, q: number): number;
    /** Name and number of samples of each category, by code. */
    categories(column: string): [name: string, samples: number][];
    /** Number of samples that meet every condition; O(log n) for one, several are intersected. */
    count(...conditions: Condition[]): number;
  };

  /** Pacing functions that the run file names: built in, or plugins themselves. */
  export const pacings: {
    /** Difficulty at a step, counted from 0. `ConfigError` if the run file has no `[pacing.NAME]`. */
    difficulty(name: string, step: number): number;
  };

  /** The only way to speak to a person. At most 64 lines a call and 1 KiB a line are kept; `console.log` ends here too. */
  export const log: Record<"debug" | "info" | "warn" | "error", (message: unknown) => void>;

  /** An endless order over a selection of samples, whose position the host keeps: what only draws from streams has nothing to save. */
  export class Stream {
    private constructor();
    /**
     * The samples that meet every condition, in a random order that is new each epoch: every sample once before any twice. `name` is 1 to
     * 128 bytes; seed and name together decide the order. Opening a name again, after a resume too, goes on where it stood.
     */
    static shuffled(name: string, ...conditions: Condition[]): Stream;
    /** Each draw independent of the others, with replacement, all samples equally likely. */
    static independent(name: string, ...conditions: Condition[]): Stream;
    /** Ascending by sample id, again and again. */
    static sequential(name: string, ...conditions: Condition[]): Stream;
    /** Ascending by a column of numbers, ties by sample id, again and again. */
    static ascending(name: string, column: string, ...conditions: Condition[]): Stream;
    readonly name: string;
    /** Samples in one epoch; at least 1. */
    readonly length: number;
    /** Samples drawn so far, over all epochs. */
    readonly position: number;
    /** Draws samples into the plugin's memory, to be looked at before some are appended to the plan. They count as drawn. */
    take(count: number): BigUint64Array;
  }

  /** The global batch in the making. What is added must come to exactly `size` samples. */
  export class Plan {
    private constructor();
    /** Samples asked for, over all ranks and micro-batches; in the last batch of a run perhaps fewer than before. */
    readonly size: number;
    /** Adds the next `count` samples of a stream. */
    draw(stream: Stream, count: number): void;
    /** Adds the next samples of many streams, in one call; each is named at most once. */
    drawAll(counts: Iterable<readonly [Stream, number]>): void;
    /** Adds these samples. */
    append(ids: Ids): void;
    /** Cuts every sample of the batch to its first `length` tokens; at least 1. */
    truncate(length: number): void;
    /** Puts a finite number beside the batch for the trainer to read; at most 64 names a step. */
    annotate(name: string, value: number): void;
    /** Keeps the samples in the order in which they were added; without it the host shuffles the batch. */
    ordered(): void;
  }

  /** Token ids, `1`, `2` or `4` bytes each, without a copy. */
  export type Tokens = Uint8Array | Uint16Array | Uint32Array;

  /** Consecutive samples. Where the metric says `tokens = false` they are empty, and `lengths` are still there. */
  export class Samples implements Iterable<Tokens> {
    private constructor();
    /** Id of the first sample. */
    readonly first: number;
    /** Number of samples; at least 1. */
    readonly length: number;
    /** The tokens of all samples, end to end: sample i is `tokens.subarray(offsets[i], offsets[i + 1])`. */
    readonly tokens: Tokens;
    readonly offsets: Uint32Array;
    /** The tokens of one sample. */
    at(i: number): Tokens;
    /** The lengths of all samples, in tokens. */
    lengths(): number[];
    /** A value for each sample. */
    map(measure: (tokens: Tokens, i: number) => number): number[];
    [Symbol.iterator](): IterableIterator<Tokens>;
  }

  /** The distinct tokens, found by the engine itself: 25 times as fast as `new Set(tokens)`. */
  export function distinct(tokens: Tokens): Set<number>;

  /** An answer that a person reads. Any other exception is a defect of the plugin and ends the call as a fault. */
  export class Refusal extends Error {
    constructor(message: string);
  }
  /** The configuration is wrong: name the key, what was found and what is accepted. */
  export class ConfigError extends Refusal {}
  /** The dataset lacks what is needed: a column, a category, enough samples. */
  export class DataError extends Refusal {}
  /** A stream or a saved state does not belong to what it is used with. */
  export class StateError extends Refusal {}
  /** Nothing is left to give: from `fill` it ends training cleanly, from anything else it is a fault. */
  export class Exhausted extends Refusal {}
}

/** `console` writes to the log. */
declare const console: Record<"debug" | "log" | "info" | "warn" | "error", (...values: unknown[]) => void>;
