"""A T5 that is open, with its tokenizer."""

import random
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from transformers import T5ForConditionalGeneration

from raydoa.models.family import Model
from raydoa.models.seq2seq.checkpoint import save_model
from raydoa.models.seq2seq.generate import generate
from raydoa.models.seq2seq.loss import Seq2SeqLoss
from raydoa.models.seq2seq.tokenizer import Tokenizer
from raydoa.training.batches import Example
from raydoa.training.soft_labels import Generated

_FIRST_WORD_ID = 3
"""Padding, end and unknown come first in every T5 vocabulary."""


class Seq2SeqModel(Model):
    """See `Model`; one without a tokenizer can only be measured."""

    def __init__(self, network: T5ForConditionalGeneration, tokenizer: Tokenizer | None) -> None:
        self.network: T5ForConditionalGeneration = network
        self._tokenizer = tokenizer

    @property
    def tokenizer(self) -> Tokenizer:
        """What turns text into ids and back."""
        assert self._tokenizer is not None, "a model with random weights has no tokenizer"
        return self._tokenizer

    @property
    def input_space(self) -> str:
        return self.tokenizer.fingerprint

    @property
    def output_space(self) -> str:
        return self.tokenizer.fingerprint

    @property
    def head(self) -> torch.Tensor:
        head: torch.Tensor = self.network.lm_head.weight.detach()
        return head

    def source_ids(self, texts: Sequence[str], length: int) -> list[list[int]]:
        return self.tokenizer.encode(texts, length)

    def target_ids(self, texts: Sequence[str], length: int) -> list[list[int]]:
        return self.tokenizer.encode(texts, length)

    def texts(self, targets: Sequence[Sequence[int]]) -> list[str]:
        return self.tokenizer.decode(targets)

    def loss(self, **options: Any) -> Seq2SeqLoss:
        return Seq2SeqLoss(self.network, **options)

    def generate(
        self, sources: Sequence[Example], *, most_tokens: int, batch_size: int
    ) -> Iterator[Generated]:
        return generate(self.network, sources, most_tokens=most_tokens, batch_size=batch_size)

    def random_examples(self, rows: int, source_length: int, target_length: int) -> list[Example]:
        chance = random.Random(0)
        vocabulary = self.network.config.vocab_size
        endless = cycle([chance.randrange(_FIRST_WORD_ID, vocabulary) for _ in range(997)])
        return [
            Example(
                str(row), list(islice(endless, source_length)), list(islice(endless, target_length))
            )
            for row in range(rows)
        ]

    def save(self, folder: Path, state: Mapping[str, torch.Tensor] | None = None) -> None:
        save_model(self.network, self.tokenizer, folder, state=state)
