"""The loader: what a trainer iterates over."""

from __future__ import annotations

from . import _native
from ._steps import Source, Steps

__all__ = ["Loader"]


class Loader(Steps[_native.Batch]):
    """Batches of one rank: an iterable of :class:`Batch`, each for one forward pass.

    Planning and assembly run ahead in native threads, as far as the run file's ``prefetch`` says, so there are no workers to configure. With
    gradient accumulation a step has several batches; ``batch.is_last_of_step`` says when to step the optimizer.

    A loader is at one place of its run. ``iter`` goes on from there: after an interruption, after :meth:`load_state_dict`, and from epoch
    to epoch. At the end of the run it yields nothing more.

    Args:
        run: Path of the run file, or a :class:`Run`.
        dp_rank: Data-parallel rank; left out, that of ``torch.distributed`` where it is initialised, and else that of the run file.
        dp_world_size: Number of data-parallel ranks; left out, likewise.
        steps_per_epoch: Where ``iter`` ends: after so many steps, or with ``"dataset"`` after as many as have the dataset's number of
            samples, rounded down. Left out, the whole run is one epoch.
        allow: Differences from the run that a state was saved in to let through, such as ``"plugin-change"``.
        check_ranks: Compares all ranks before the first batch, and the first after a state was loaded, where ``torch.distributed`` is
            initialised with several: one small collective.
        group: Process group of the ranks that load data, where these are not all of ``torch.distributed``: they are compared among
            themselves, and ``dp_rank`` left out is the place in it. No group can be pickled, so a loader that was knows its rank alone.

    Raises:
        ConfigError: if the run file is wrong; when it is opened, also if the rank is outside of the world size.
    """

    def _make(self, state: str | None) -> Source[_native.Batch]:
        return _native.Sampler(self.run._open(), state, self._allow)

    def __enter__(self) -> Loader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
