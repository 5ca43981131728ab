// {{summary}}.

import { Stream, between } from "curricle";

export default class {{Name}} {
  configure(config) {
    this.steps = config.steps;
    this.short = Stream.shuffled("short", between("seqlen", undefined, config["at-most"]));
    this.all = Stream.shuffled("all");
  }

  fill(step, plan) {
    const early = step.index < this.steps;
    plan.draw(early ? this.short : this.all, plan.size);
  }
}
