"""A trainer in PyTorch: batches from Curricle, a small model of bytes, checkpoints that a kill cannot break.

``train.py RUN --out DIR``, and after an interruption the same with ``--resume``.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

import curricle

BYTES, WIDTH, IGNORED = 256, 64, -100
# How far back the second tap of each block reaches: 1 + 1 + 2 + 4 + 8 + 16 bytes are seen together.
REACHES = (1, 2, 4, 8, 16)


class Model(nn.Module):
    """Blocks of a causal convolution with two taps each, around which values go on unchanged."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(BYTES, WIDTH)
        self.blocks = nn.ModuleList(nn.Linear(2 * WIDTH, WIDTH) for _ in REACHES)
        self.head = nn.Linear(WIDTH, BYTES)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        hidden = self.embedding(rows)
        for block, reach in zip(self.blocks, REACHES):
            earlier = functional.pad(hidden, (0, 0, reach, 0))[:, : rows.shape[1]]
            hidden = hidden + torch.relu(block(torch.cat([hidden, earlier], dim=-1)))
        return self.head(hidden)


def save(path: Path, checkpoint: dict[str, object]) -> None:
    """Whole or not at all: a temporary file, on disk before it has its name."""
    temporary = path.with_suffix(".tmp")
    with open(temporary, "wb") as file:
        torch.save(checkpoint, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def draw(path: Path, curve: list[dict[str, float]]) -> None:
    """The loss on the left axis, the difficulties on the right one."""
    from matplotlib import pyplot

    figure, left = pyplot.subplots(figsize=(9, 4.2), layout="constrained")
    right = left.twinx()
    for name, colour in zip(list(curve[0])[1:], ("#e69f00", "#009e73", "#cc79a7")):
        right.plot([row[name] for row in curve], color=colour, linewidth=2, label=name)
    left.plot([row["loss"] for row in curve], color="#0072b2", linewidth=1, label="loss")
    left.set(xlabel="step", ylabel="loss (nats a byte)", ylim=(0, None))
    right.set(ylabel="difficulty", ylim=(0, None))
    figure.legend(loc="outside upper center", ncols=4)
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains a small model of bytes on the batches of a run file.")
    parser.add_argument("run", type=Path, help="the run file")
    parser.add_argument("--out", type=Path, default=Path("trained"), help="folder for `checkpoint.pt`, and for a --plot")
    parser.add_argument("--steps", type=int, default=300, help="steps to train in all; the run may end before")
    parser.add_argument("--save-every", type=int, default=50, help="steps between two checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the folder, if there is one")
    parser.add_argument("--plot", action="store_true", help="draw `losses.png` at the end; takes matplotlib")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "checkpoint.pt"
    if path.exists() and not args.resume:
        parser.error(f"`{path}` exists; go on from it with --resume, or name another folder")

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    # On a GPU sums are otherwise taken in the order in which threads come.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(1234)
    model = Model().to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.99))
    loader = curricle.Loader(args.run)
    curve: list[dict[str, float]] = []
    if path.exists():
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        loader.load_state_dict(checkpoint["loader"])
        curve = checkpoint["curve"]

    def keep() -> None:
        save(path, {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "loader": loader.state_dict(), "curve": curve})

    total = 0.0
    batches = iter(loader)
    while len(curve) < args.steps and (batch := next(batches, None)) is not None:
        rows = batch.torch(dtype=torch.int64, pin_memory=device.type == "cuda").to(device, non_blocking=True)
        # With samples of different lengths rows are filled up; what fills them is nothing to learn.
        is_token = torch.from_numpy(batch.attention_mask).to(device)
        targets = rows.masked_fill(~is_token, IGNORED)[:, 1:].flatten()
        loss = functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), targets, ignore_index=IGNORED) / batch.n_micro_batches
        loss.backward()
        total += loss.item()
        if not batch.is_last_of_step:
            continue
        optimizer.step()
        optimizer.zero_grad()
        difficulties = {name.removeprefix("difficulty:"): value for name, value in batch.annotations.items()}
        curve.append({"loss": total, **difficulties})
        print(f"step {batch.step}", *(f"{name} {value!r}" for name, value in curve[-1].items()), flush=True)
        total = 0.0
        if len(curve) % args.save_every == 0:
            keep()
    keep()
    if args.plot and curve:
        draw(args.out / "losses.png", curve)


if __name__ == "__main__":
    main()
