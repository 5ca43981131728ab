"""{{summary}}."""

from curricle_guest import Config, Plan, Policy, Step, Stream, between


class {{Name}}(Policy):
    def configure(self, config: Config) -> None:
        self.steps = config["steps"]
        self.short = Stream.shuffled("short", between("seqlen", at_most=config["at-most"]))
        self.all = Stream.shuffled("all")

    def fill(self, step: Step, plan: Plan) -> None:
        early = step.index < self.steps
        plan.draw(self.short if early else self.all, plan.size)
