// Short samples first, in JavaScript: draws from the lowest part of a column, which grows from `from` to all of it in `steps` steps.

import { Stream, quantiles } from "curricle";

export default class WarmUp {
  configure({ column, from, steps }) {
    Object.assign(this, { column, from, steps });
  }

  fill(step, plan) {
    const fraction = this.from + ((1 - this.from) * Math.min(step.index, this.steps)) / this.steps;
    // In sixteenths, rounded up, so that there are few streams.
    const part = Math.min(Math.ceil(fraction * 16), 16);
    const stream = Stream.shuffled(`up to ${part}/16`, quantiles(this.column, 0, part / 16));
    plan.annotate("fraction", fraction);
    plan.draw(stream, plan.size);
  }
}
