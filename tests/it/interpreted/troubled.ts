// Does what its configuration says, most of which a plugin should not; what it remembers is owed to the next step.

import { DataError, type Plan, StateError, type StatefulPolicy, type Step, Stream, quantiles } from "curricle";

interface Config {
  mode: "nothing" | "defect" | "refusal" | "clock" | "chance" | "speech" | "recursion";
}

export default class Troubled implements StatefulPolicy<Config> {
  private mode!: Config["mode"];
  private owed = 0;
  private lower!: Stream;
  private upper!: Stream;

  configure(config: Config): void {
    this.mode = config.mode;
    this.lower = Stream.shuffled("lower", quantiles("length", 0, 0.5));
    this.upper = Stream.shuffled("upper", quantiles("length", 0.5, 1));
  }

  fill(step: Step, plan: Plan): void {
    if (step.index === 1) this[this.mode]();
    const wanted = plan.size * 0.3 + this.owed;
    const lower = Math.floor(wanted);
    this.owed = wanted - lower;
    plan.drawAll([
      [this.lower, lower],
      [this.upper, plan.size - lower],
    ]);
    plan.annotate("owed", this.owed);
  }

  save(): Uint8Array {
    return new Uint8Array(Float64Array.of(this.owed).buffer);
  }

  restore(state: Uint8Array): void {
    if (state.length !== 8) throw new StateError("it is no number");
    this.owed = new Float64Array(state.slice().buffer)[0];
  }

  nothing(): void {}

  defect(): void {
    this.nested({});
  }

  private nested(table: Record<string, { deep?: number }>): void {
    table["absent"].deep = 1;
  }

  refusal(): void {
    throw new DataError("the data is too dry");
  }

  clock(): void {
    (globalThis as any).Date.now();
  }

  chance(): void {
    Math.random();
  }

  speech(): void {
    console.log("one", 2);
    throw new RangeError("three");
  }

  recursion(): void {
    this.recursion();
  }
}
