"""{{summary}}."""

import json
from collections import deque

from curricle_guest import Config, Plan, StateError, StatefulPolicy, Step, Stream


class {{Name}}(StatefulPolicy):
    def configure(self, config: Config) -> None:
        self.share, self.after = config["share"], config["after"]
        self.all = Stream.shuffled("all")
        # Of each of the last steps what is to come again, the oldest first.
        self.waiting: deque[list[int]] = deque()

    def fill(self, step: Step, plan: Plan) -> None:
        most = int(plan.size * self.share)
        again = self.waiting.popleft()[:most] if len(self.waiting) >= self.after else []
        new = self.all.take(plan.size - len(again))
        plan.append(again)
        plan.append(new)
        self.waiting.append(new[:most])

    def save(self) -> bytes:
        return json.dumps(list(self.waiting)).encode()

    def restore(self, state: bytes) -> None:
        try:
            self.waiting = deque(json.loads(state))
        except ValueError as error:
            raise StateError(f"it is no JSON: {error}")
