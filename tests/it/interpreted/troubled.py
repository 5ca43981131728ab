"""Does what its configuration says, most of which a plugin should not; what it remembers is owed to the next step."""

import random
import time

from curricle_guest import Config, DataError, Plan, StateError, StatefulPolicy, Step, Stream, quantiles


class Troubled(StatefulPolicy):
    def configure(self, config: Config) -> None:
        self.mode, self.owed = config["mode"], 0.0
        self.lower = Stream.shuffled("lower", quantiles("length", 0, 0.5))
        self.upper = Stream.shuffled("upper", quantiles("length", 0.5, 1))

    def fill(self, step: Step, plan: Plan) -> None:
        if step.index == 1:
            getattr(self, self.mode)()
        wanted = plan.size * 0.3 + self.owed
        lower = int(wanted)
        self.owed = wanted - lower
        plan.draw_all([(self.lower, lower), (self.upper, plan.size - lower)])
        plan.annotate("owed", self.owed)

    def save(self) -> bytes:
        return self.owed.hex().encode()

    def restore(self, state: bytes) -> None:
        try:
            self.owed = float.fromhex(state.decode())
        except ValueError:
            raise StateError("it is no number")

    def nothing(self) -> None:
        pass

    def defect(self) -> None:
        self.nested({})

    def nested(self, table: dict[str, int]) -> None:
        table["absent"] += 1

    def refusal(self) -> None:
        raise DataError("the data is too dry")

    def clock(self) -> None:
        time.monotonic()

    def chance(self) -> None:
        random.random()

    def file(self) -> None:
        open("/etc/passwd")

    def late(self) -> None:
        import statistics

    def speech(self) -> None:
        print("one", 2)
        raise KeyError("three")

    def recursion(self) -> None:
        self.recursion()
