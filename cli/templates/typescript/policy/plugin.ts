// {{summary}}.

import { type Plan, type Policy, type Step, Stream, between } from "curricle";

interface Config {
  "at-most": number;
  steps: number;
}

export default class {{Name}} implements Policy<Config> {
  private steps = 0;
  private short!: Stream;
  private all!: Stream;

  configure(config: Config): void {
    this.steps = config.steps;
    this.short = Stream.shuffled("short", between("seqlen", undefined, config["at-most"]));
    this.all = Stream.shuffled("all");
  }

  fill(step: Step, plan: Plan): void {
    const early = step.index < this.steps;
    plan.draw(early ? this.short : this.all, plan.size);
  }
}
