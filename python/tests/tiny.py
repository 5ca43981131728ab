"""The smallest model that trains: an embedding and a linear layer, with the loss of a language model."""

from __future__ import annotations

from typing import Any

import torch

VOCABULARY = 1000


class Tiny(torch.nn.Module):
    """Takes what models of transformers take, and keeps the ids of the samples that it saw."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.embedding = torch.nn.Embedding(VOCABULARY, 4)
        self.head = torch.nn.Linear(4, VOCABULARY)
        self.seen: list[list[int]] = []

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor, ids: torch.Tensor | None = None, **_: Any) -> dict[str, torch.Tensor]:
        if ids is not None:
            self.seen.append(ids.tolist())
        logits = self.head(self.embedding(input_ids))
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        return {"loss": loss}


KEYS = ["input_ids", "labels", "ids"]
