"""The page of the package: each of its blocks runs, in order, a chapter in one namespace."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from conftest import run_file
from processes import run_ranks

import curricle

PAGE = Path(__file__).parents[2] / "docs" / "python.md"

# What a chapter needs besides the package.
NEEDS = {
    "Tensors": ["torch"],
    "States": ["torch"],
    "Your own dataset in torch's DataLoader": ["torch", "torchdata"],
    "Lightning": ["torch", "lightning"],
    "Transformers": ["torch", "transformers", "accelerate"],
    "Accelerate": ["torch", "accelerate"],
    "DeepSpeed": ["torch", "deepspeed"],
}


def chapters() -> dict[str, list[tuple[int, str]]]:
    """The blocks of each chapter, with the lines they begin in."""
    found: dict[str, list[tuple[int, str]]] = {}
    chapter, block, start = "", None, 0
    for number, line in enumerate(PAGE.read_text().splitlines(), 1):
        if block is None and line.startswith("## "):
            chapter = line[3:]
        elif block is None and line == "```python":
            block, start = [], number
        elif block is not None and line == "```":
            found.setdefault(chapter, []).append((start, "\n".join(block)))
            block = None
        elif block is not None:
            block.append(line)
    return found


def run_chapter(rank: int, world: int, blocks: list[tuple[int, str]], folder: Path, needs: list[str]) -> None:
    os.chdir(folder)
    os.environ["HF_HUB_OFFLINE"] = "1"
    names: dict[str, Any] = {"curricle": curricle, "train": lambda *arrays: None, "dataset": curricle.Dataset("corpus"), "__name__": "page"}
    if "deepspeed" in needs:
        os.environ.update({"LOCAL_RANK": "0", "RANK": "0", "WORLD_SIZE": "1"})
        importlib.import_module("test_deepspeed")  # which switches off what would have to be compiled
    if "torch" in needs:
        import torch
        from tiny import Tiny

        model = Tiny()
        names.update(torch=torch, model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1))
    for line, block in blocks:
        # Lines of an error are those of the page.
        exec(compile("\n" * line + block, str(PAGE), "exec"), names)


@pytest.mark.parametrize("chapter", chapters())
def test_the_blocks_of_a_chapter_run(folder: Path, chapter: str) -> None:
    needs = NEEDS.get(chapter, [])
    missing = [name for name in needs if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"there is no {', '.join(missing)} here")
    run_file(folder, rest="steps = 12", name="curricle.toml")
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": "word " * i}) + "\n" for i in range(1, 20)))
    # In a process of its own, since trainers leave much behind.
    [answer] = run_ranks(folder, 1, run_chapter, chapters()[chapter], folder, needs, join=chapter == "DeepSpeed")
    assert answer is None, answer


def test_the_page_names_every_error_with_its_code() -> None:
    rows = dict(re.findall(r"^\| `(\w+)`(?: \(also `\w+`\))? \| `([\w-]+)` \|", PAGE.read_text(), re.MULTILINE))
    classes = [kind for kind in vars(curricle).values() if isinstance(kind, type) and issubclass(kind, curricle.CurricleError)]
    assert rows == {kind.__name__: kind.code for kind in classes if kind is not curricle.CurricleError}
