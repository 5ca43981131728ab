"""Where one rank is in its run: what the loader and the batch sampler have in common."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from threading import get_ident
from typing import Any, Generic, Protocol, TypeVar

from . import _native
from ._epochs import Epochs
from ._ranks import Within, compare_ranks
from ._run import Run
from ._threads import Threads
from ._whole import whole
from .errors import ConfigError, CurricleError, ForkError, StateError

__all__ = ["Steps"]

_VERSION = 1
# What a state says where no step is under way. States of earlier releases leave it out.
_AT_END_OF_STEP: dict[str, Any] = {"samples_into_step": 0, "step_under_way": ""}

Item = TypeVar("Item")


class Source(Protocol[Item]):
    """Native code that makes the micro-batches of one step after another."""

    step: int
    digest: str | None

    def next(self) -> list[Item] | None: ...
    def state(self, before: bool = False) -> str: ...
    def rank_digest(self) -> bytes: ...
    def close(self) -> None: ...


class Steps(Generic[Item]):
    """One item for each micro-batch of this rank, and the place between two of them."""

    _what = "loader"

    def __init__(
        self,
        run: str | os.PathLike[str] | Run,
        *,
        dp_rank: int | None = None,
        dp_world_size: int | None = None,
        steps_per_epoch: int | str | None = None,
        allow: Sequence[str] = (),
        check_ranks: bool = True,
        group: Any | None = None,
    ) -> None:
        if isinstance(allow, str):
            raise TypeError("`allow` is a text; give a list of them")
        changes = list(allow) if isinstance(allow, Iterable) else [allow]
        if not all(isinstance(change, str) for change in changes):
            raise TypeError(f"`allow` is {allow!r}; give a list of texts")
        self.run = Run(run, dp_rank=dp_rank, dp_world_size=dp_world_size, group=group)
        self._epochs = Epochs(self.run, steps_per_epoch)
        self._allow = changes
        self._check_ranks = check_ranks
        self._source: Source[Item] | None = None
        # A state that is to be resumed from when the source is first needed.
        self._unread: dict[str, Any] | None = None
        # What is left of the current step, and how many of its items were yielded.
        self._left: deque[Item] = deque()
        self._yielded = 0
        # Items of the next step that were yielded before the state was saved, and the digest of that step's batch, if the state tells it.
        self._skip = 0
        self._begun = ""
        # Step that the source makes next, and the one that a restored state was at.
        self._step = 0
        self._restored = 0
        # End of the epoch that is iterated over, and whether nothing is left of the one that is to be iterated over next.
        self._end: int | None = None
        self._over = False
        # Whether the source had nothing more to give.
        self._exhausted = False
        # Rank and number of ranks that the source serves, and whether all ranks are known to agree on it.
        self._served = (0, 1)
        self._agreed = False
        self._closed = False
        self._threads = Threads(self._what)

    def _make(self, state: str | None) -> Source[Item]:
        """The native side, from the start or from a state."""
        raise NotImplementedError

    # Iteration.

    def __iter__(self) -> Iterator[Item]:
        return self._iterate()

    def _iterate(self, then: Callable[[Any], Any] | None = None) -> Iterator[Any]:
        """As ``iter``; with ``then`` for who makes something else of each item, such as one on another device."""
        over, self._over = self._over, False
        return iter(()) if over else self._epoch(then)

    def _epoch(self, then: Callable[[Any], Any] | None) -> Iterator[Any]:
        """What is left of the epoch; opens nothing before the first of it, since data loaders make iterators that they do not use."""
        threads = self._threads
        end = threads.alone(self._begin)
        while True:
            me = get_ident()
            try:
                threads.enter(me)
                if not (self._left or self._fetch(end)):
                    break
                left = self._left
                item = self._made(left[0])
                if then is not None:
                    item = then(item)
                # Yielded, once all that may fail or be interrupted is done. Signals are heard at calls, and none is from here on.
                self._yielded += 1
                del left[0]
            finally:
                if threads.inside == me:
                    threads.inside = None
            yield item
        self._end = None

    def _begin(self) -> int | None:
        """Where the epoch ends that is begun here."""
        self._start()
        self._end = self._epochs.end_of(self._current_step())
        return self._end

    def _made(self, item: Item) -> Any:
        """What is yielded of an item."""
        return item

    def _fetch(self, end: int | None) -> bool:
        """Gets a step before ``end`` of which something is left to be yielded."""
        source = self._start()
        # Here and no earlier: all ranks take batches, and one of them alone may ask for a state or a length.
        if not self._agreed:
            compare_ranks(self.run, source.rank_digest(), within=Within(self._step, self._skip * self._slice(), self._begun))
            self._agreed = True
        if self._is_ahead(source):
            source = self._take_back(source)
        while end is None or self._step < end:
            items = source.next()
            if items is None:
                self._exhausted = True
                return False
            if self._skip:
                self._check_begun(source, items)
            step, left = source.step, deque(items[self._skip :])
            # Taken, all at once: signals are heard at calls, and none is between these.
            self._step, self._left = step, left
            self._yielded, self._skip, self._begun = self._skip, 0, ""
            if self._left:
                return True
        return False

    def _is_ahead(self, source: Source[Item]) -> bool:
        """Whether the source handed a step out that did not arrive, for an exception such as that of Ctrl-C."""
        return source.step != self._step

    def _take_back(self, source: Source[Item]) -> Source[Item]:
        """Makes the source again as it was before the step that did not arrive."""
        with self._threads.moving:
            again = self._source = self._make(source.state(True))
            source.close()
            return again

    def _check_begun(self, source: Source[Item], items: list[Item]) -> None:
        """Refuses to go on in the middle of a step that is another than the one that was begun."""
        if self._skip < len(items) and self._begun in ("", source.digest):
            return
        step = self._step
        with self._threads.moving:
            # As if it had not been looked at: whoever asks again is refused again.
            self._unread = self._state(source.state(True), self._skip, self._begun)
            source.close()
            self._source = None
        raise StateError(
            f"state `in memory`: it was saved in the middle of step {step}, and the step under way is another here: with this run file, or with"
            " what was allowed, it has other samples than those that were begun; resume from the end of a step, or with the run file as it was",
            code="state",
        )

    def _start(self) -> Source[Item]:
        self._refuse_closed()
        source = self._source
        if source is None:
            with self._threads.moving:
                # Another thread may have been faster.
                if self._source is None:
                    self._go_to(self._unread)
                source = self._source
        elif self._served != self.run._ranks():
            rank, world = self.run._ranks()
            raise ConfigError(
                f"this {self._what} was in use as rank {self._served[0]} of {self._served[1]} when the process became rank {rank} of {world};"
                " make it, or use it first, after `torch.distributed` was initialised, or give `dp_rank` and `dp_world_size`",
                code="config",
            )
        if source is None:
            # Closed, while this thread looked.
            return self._start()
        return source

    def _refuse_closed(self) -> None:
        if self._closed:
            raise RuntimeError(f"this {self._what} is closed; make another")

    def _go_to(self, state: dict[str, Any] | None) -> None:
        """Goes to where a state was taken, or to the start of the run."""
        self._replace(lambda: (None, 0, "") if state is None else self._read(state))
        if state is not None:
            self._restored = self._step

    def _replace(self, find: Callable[[], tuple[str | None, int, str]]) -> None:
        """Goes to where a native state says, and as many items of its next step further, whose digest follows; None is the start of the run."""
        with self._threads.moving:
            self._replace_alone(find)

    def _replace_alone(self, find: Callable[[], tuple[str | None, int, str]]) -> None:
        try:
            json, skip, begun = find()
            source = self._make(json)
        except ForkError:
            # Of this process alone: the ranks know nothing of it, and it cannot reach them.
            raise
        except Exception as error:
            # The others would wait for this rank, before their next batch, unless they were told.
            if self._check_ranks:
                compare_ranks(self.run, None, str(error) if isinstance(error, CurricleError) else f"{type(error).__name__}: {error}")
            raise
        before, served = self._source, self.run._ranks()
        left: deque[Item] = deque()
        if self._closed:
            # While it was opened.
            source.close()
            self._refuse_closed()
        # Gone to, all at once: signals are heard at calls, and none is between these.
        self._source, self._step, self._served, self._left = source, source.step, served, left
        self._yielded, self._skip, self._begun, self._unread = 0, skip, begun, None
        self._end, self._over, self._exhausted, self._agreed = None, False, False, not self._check_ranks
        if before is not None:
            before.close()

    def _current_step(self) -> int:
        """The step that the next item is of."""
        return self._step - 1 if self._left else self._step

    def _is_over(self) -> bool:
        """Whether nothing of the run is left. Where only its policy ends it, nobody knows before it was asked for more in vain."""
        n_steps = self.run.n_steps
        return not self._left and (self._exhausted or (n_steps is not None and self._step >= n_steps))

    def __len__(self) -> int:
        """Batches of the current epoch, from its start to its end, on this rank; TypeError if nobody can know."""
        if self._unread is not None:
            self._start()
        return self._epochs.n_micro_batches(self._current_step())

    # State.

    def state_dict(self) -> dict[str, Any]:
        """Where this rank stands, as of the last batch that was yielded, whatever is ready ahead.

        The same on all ranks, a few hundred bytes, and a value: later steps do not change it. In the middle of a step it says how much of
        the step was yielded, and which batch that is. The keys are always the same, as ``torch.distributed.checkpoint`` needs them: it loads
        what the state of a fresh object has.
        """
        return self._told()[0]

    def _told(self) -> tuple[dict[str, Any], bool]:
        """A state, and whether it is of the end of an epoch that was not left: of one moment, while another thread may take batches."""
        with self._threads.moving:
            while True:
                if self._unread is not None:
                    return {**_AT_END_OF_STEP, **self._unread}, False
                source = self._start()
                step, within, into, begun, over = self._place()
                behind = source.step
                # Before its last step, if some of that is left, or if it did not arrive: is on its way, or an exception such as Ctrl-C came.
                native, digest = source.state(within or behind != step), source.digest or ""
                # That thread may have been given a step meanwhile.
                if source.step == behind and behind - step in ((0,) if within else (0, 1)):
                    return self._state(native, into, digest if within else begun), over

    def _place(self) -> tuple[int, bool, int, str, bool]:
        """The step that the source makes next; whether something of the one before is left; how many items into which batch; whether an epoch
        that was not left ends here. Of one moment: threads are changed at calls, and none is in it.
        """
        if self._left:
            return self._step, True, self._yielded, "", False
        return self._step, False, self._skip, self._begun, self._step == self._end

    def _state(self, native: str, into: int, begun: str) -> dict[str, Any]:
        """A state so many items behind a native one, in the step with this digest."""
        state = {"version": _VERSION, "state": native, **_AT_END_OF_STEP}
        if into:
            # In samples over all ranks, and by the global batch, so that another number of ranks can go on there.
            state |= {"samples_into_step": into * self._slice(), "step_under_way": begun}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where ``state`` was taken, with any number of ranks.

        Raises:
            StateError: if it is no state, is damaged, or belongs to another run.
        """
        self._refuse_closed()
        self._threads.alone(partial(self._go_to, state if isinstance(state, dict) else {}))

    def _read(self, state: dict[str, Any]) -> tuple[str, int, str]:
        """The native state, how many items of its next step were yielded before it was taken, and the digest of that step's batch, if any."""
        if not isinstance(state.get("state"), str) or "version" not in state:
            raise StateError("state `in memory`: it is none of ours; give what `state_dict()` returned", code="state")
        if state["version"] != _VERSION:
            raise StateError(
                f"state `in memory`: its version is {state['version']!r}, this package reads {_VERSION}; use the package that saved it",
                code="state",
            )
        given = state.get("samples_into_step", 0)
        into = whole(given)
        if into is None or into < 0 or into % self._slice():
            raise StateError(
                f"state `in memory`: it was saved {given} samples into a step, which is no whole number of micro-batches of"
                f" {self.run.micro_batch_size} over {self.run.dp_world_size} ranks; resume with the shape that saved it, or from a state at the"
                " end of a step",
                code="state",
            )
        begun = state.get("step_under_way", "")
        if not isinstance(begun, str):
            raise StateError(
                f"state `in memory`: `step_under_way` is {begun!r}, and no digest of a batch; give what `state_dict()` returned", code="state"
            )
        return state["state"], into // self._slice(), begun

    def _slice(self) -> int:
        """Samples over all ranks that one item of each rank takes off a step; under a budget of tokens micro-batches."""
        return self.run.micro_batch_size * self.run.dp_world_size

    # Epochs.

    def set_epoch(self, epoch: int) -> None:
        """Goes to the start of an epoch, unless it is in it already.

        What was restored stays: of an epoch that was over when the state was taken nothing is left, and the one after it goes on where it
        was. So a loop over epochs may begin to count anywhere. Without ``steps_per_epoch`` the run is one epoch, and this does nothing.
        """
        if self._epochs.given is None:
            return
        self._threads.alone(partial(self._go_to_epoch, epoch))

    def _go_to_epoch(self, epoch: int) -> None:
        self._start()
        step = self._epochs.start_of(epoch, self._current_step())
        end = None if step is None else self._epochs.end_of(step)
        self._over = end is not None and end <= self._restored
        if step is not None and not self._over:
            self._skip_to(step)

    def _skip_to(self, step: int) -> None:
        """Goes to a step as if those before it had been yielded."""
        self._replace(lambda: (self._planned(step), 0, ""))
        # The plans ended before.
        self._exhausted = self._step < step

    def _planned(self, step: int) -> str:
        """The state before a step. Those on the way are planned, since a policy may remember them: from here on if it lies ahead, so that
        what was done so far stays as it was done, under what a resume allowed to change.
        """
        source = self._source
        assert source is not None
        here = source.state(bool(self._left) or self._is_ahead(source)) if step >= self._current_step() else None
        planner = _native.Planner(self.run._open(), here, self._allow)
        planner.skip_to(step)
        return planner.state()

    @property
    def epoch(self) -> int:
        """Number of the epoch that the next batch is of, from 0."""
        if self._epochs.given is not None:
            self._start()
        return self._epochs.of(self._current_step())

    # Ranks.

    def rank_digest(self) -> bytes:
        """16 bytes that are equal on all ranks as long as they plan the same; see :func:`curricle.check_ranks`."""
        return self._start().rank_digest()

    # The end.

    def close(self) -> None:
        """Lets threads and memory go. What was yielded stays valid."""
        # Without a lock: whoever holds it may be long, and looks at this before it is done.
        self._closed = True
        self._left = deque()
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def __getstate__(self) -> dict[str, Any]:
        # It has no place any more, and what arrived would begin anew.
        self._refuse_closed()
        used = self._source is not None or self._unread is not None
        return {
            "run": self.run,
            "steps_per_epoch": self._epochs.given,
            "allow": self._allow,
            "check_ranks": self._check_ranks,
            "state": self.state_dict() if used else None,
        }

    def __setstate__(self, pickled: dict[str, Any]) -> None:
        # Nothing is opened before it is used: the object may still be on its way.
        state = pickled.pop("state")
        self.__init__(**pickled)  # type: ignore[misc]
        self._unread = state

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.run!r})"
