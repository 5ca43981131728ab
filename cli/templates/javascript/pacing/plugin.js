// {{summary}}.

export default class {{Name}} {
  configure(config) {
    this.config = config;
  }

  difficulty(step) {
    const { from, to, steps } = this.config;
    return from + (to - from) * (Math.min(step, steps) / steps);
  }
}
