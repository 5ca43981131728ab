// {{summary}}.

import type { Pacing } from "curricle";

interface Config {
  from: number;
  to: number;
  steps: number;
}

export default class {{Name}} implements Pacing<Config> {
  private config!: Config;

  configure(config: Config): void {
    this.config = config;
  }

  difficulty(step: number): number {
    const { from, to, steps } = this.config;
    return from + (to - from) * (Math.min(step, steps) / steps);
  }
}
