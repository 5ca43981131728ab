// Short samples first, in TypeScript: draws from the lowest part of a column, which grows from `from` to all of it in `steps` steps.

import { type Plan, type Policy, type Step, Stream, quantiles } from "curricle";

interface Config {
  column: string;
  from: number;
  steps: number;
}

export default class WarmUp implements Policy<Config> {
  private config!: Config;

  configure(config: Config): void {
    this.config = config;
  }

  fill(step: Step, plan: Plan): void {
    const { column, from, steps } = this.config;
    const fraction = from + ((1 - from) * Math.min(step.index, steps)) / steps;
    // In sixteenths, rounded up, so that there are few streams.
    const part = Math.min(Math.ceil(fraction * 16), 16);
    const stream = Stream.shuffled(`up to ${part}/16`, quantiles(column, 0, part / 16));
    plan.annotate("fraction", fraction);
    plan.draw(stream, plan.size);
  }
}
