// {{summary}}.

import { StateError, Stream } from "curricle";

export default class {{Name}} {
  configure({ share, after }) {
    this.share = share;
    this.after = after;
    this.all = Stream.shuffled("all");
    // Of each of the last steps what is to come again, the oldest first.
    this.waiting = [];
  }

  fill(step, plan) {
    const most = Math.floor(plan.size * this.share);
    const again = this.waiting.length >= this.after ? this.waiting.shift().subarray(0, most) : new BigUint64Array();
    const fresh = this.all.take(plan.size - again.length);
    plan.append(again);
    plan.append(fresh);
    this.waiting.push(fresh.slice(0, most));
  }

  // For each step the number of its samples, and they: all as whole numbers of 64 bits.
  save() {
    const numbers = this.waiting.flatMap((ids) => [BigInt(ids.length), ...ids]);
    return new Uint8Array(BigUint64Array.from(numbers).buffer);
  }

  restore(state) {
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
