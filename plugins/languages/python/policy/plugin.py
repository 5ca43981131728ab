"""Short samples first, in Python: draws from the lowest part of a column, which grows from `from` to all of it in `steps` steps."""

from math import ceil

from curricle_guest import Config, Plan, Policy, Step, Stream, quantiles


class WarmUp(Policy):
    def configure(self, config: Config) -> None:
        self.column, self.start, self.steps = config["column"], config["from"], config["steps"]

    def fill(self, step: Step, plan: Plan) -> None:
        fraction = self.start + (1 - self.start) * min(step.index, self.steps) / self.steps
        # In sixteenths, rounded up, so that there are few streams.
        part = min(ceil(fraction * 16), 16)
        stream = Stream.shuffled(f"up to {part}/16", quantiles(self.column, 0, part / 16))
        plan.annotate("fraction", fraction)
        plan.draw(stream, plan.size)
