// {{summary}}.

import { type Plan, StateError, type StatefulPolicy, type Step, Stream } from "curricle";

interface Config {
  share: number;
  after: number;
}

export default class {{Name}} implements StatefulPolicy<Config> {
  private config!: Config;
  private all!: Stream;
  /** Of each of the last steps what is to come again, the oldest first. */
  private waiting: BigUint64Array[] = [];

  configure(config: Config): void {
    this.config = config;
    this.all = Stream.shuffled("all");
  }

  fill(step: Step, plan: Plan): void {
    const most = Math.floor(plan.size * this.config.share);
    const oldest = this.waiting.length >= this.config.after ? this.waiting.shift() : undefined;
    const again = oldest?.subarray(0, most) ?? new BigUint64Array();
    const fresh = this.all.take(plan.size - again.length);
    plan.append(again);
    plan.append(fresh);
    this.waiting.push(fresh.slice(0, most));
  }

  // For each step the number of its samples, and they: all as whole numbers of 64 bits.
  save(): Uint8Array {
    const numbers = this.waiting.flatMap((ids) => [BigInt(ids.length), ...ids]);
    return new Uint8Array(BigUint64Array.from(numbers).buffer);
  }

  restore(state: Uint8Array): void {
    if (state.length % 8 !== 0) throw new StateError(`it has ${state.length} bytes, no multiple of 8`);
    const numbers = new BigUint64Array(state.slice().buffer);
    this.waiting = [];
    for (let at = 0; at < numbers.length; ) {
      const end = at + 1 + Number(numbers[at]);
      this.waiting.push(numbers.slice(at + 1, end));
      at = end;
    }
  }
}
